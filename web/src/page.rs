//! What the page's worker calls. Each call returns a promise, because the program is suspended while it waits for the GPU; the worker
//! makes one call at a time.
#![allow(deprecated, reason = "wasm-bindgen calls suspended programs experimental")]

use std::cell::RefCell;

use autograd::Device;
use serde_json::{Value, json};
use wasm_bindgen::prelude::*;

use crate::{Error, Progress, Result, Session, Settings, Task};

thread_local! {
    static SESSION: RefCell<Option<Session>> = const { RefCell::new(None) };
}

fn thrown(error: Error) -> JsValue {
    js_sys::Error::new(&error.to_string()).into()
}

fn with<T>(call: impl FnOnce(&mut Session) -> Result<T>) -> std::result::Result<T, JsValue> {
    // Taken out while it is used: the program may be suspended meanwhile.
    let session = SESSION.take().ok_or_else(|| Error::Request("nothing is trained yet".into()));
    let mut session = session.map_err(thrown)?;
    let done = call(&mut session);
    SESSION.set(Some(session));
    done.map_err(thrown)
}

/// Opens a device, `"gpu"` or `"cpu"`, and a task: `{"task": "digits" | "shapes" | "cifar" | "text", "seed": 1, "batch": 32}`, of which
/// `bytes` is the file or the text.
#[wasm_bindgen(jspi)]
pub fn open(device: &str, options: &str, bytes: &[u8]) -> std::result::Result<String, JsValue> {
    let open = || -> Result<Session> {
        let wrong = |reason: &str| Error::Request(reason.into());
        let options: Value = serde_json::from_str(options).map_err(|e| Error::Request(e.to_string()))?;
        let task = match options["task"].as_str() {
            Some("digits") => Task::Digits,
            Some("shapes") => Task::Shapes,
            Some("cifar") => Task::Cifar(bytes.to_vec()),
            Some("text") => Task::Text(String::from_utf8_lossy(bytes).into_owned()),
            _ => return Err(wrong("an unknown task")),
        };
        let number = |key: &str| options[key].as_u64().ok_or_else(|| wrong("a number is missing"));
        let settings = Settings { seed: number("seed")?, batch: number("batch")?.clamp(1, 1024) as usize };
        let device = if device == "cpu" { Device::named("cpu")? } else { Device::named("0")? };
        Session::new(&device, task, settings)
    };
    SESSION.set(None);
    let session = open().map_err(thrown)?;
    let about = session.about().to_string();
    SESSION.set(Some(session));
    Ok(about)
}

/// Does some steps; returns their numbers as JSON.
#[wasm_bindgen(jspi)]
pub fn train(count: usize, lr: f32) -> std::result::Result<String, JsValue> {
    let numbers = with(|session| session.train(count, lr))?;
    let plain = |p: &Progress| json!({ "step": p.step, "loss": p.loss, "accuracy": p.accuracy });
    Ok(json!(numbers.iter().map(plain).collect::<Vec<_>>()).to_string())
}

/// Measures on data that are not trained on.
#[wasm_bindgen(jspi)]
pub fn evaluate() -> std::result::Result<String, JsValue> {
    Ok(with(|session| session.evaluate())?.to_string())
}

/// Classes and probabilities of a picture.
#[wasm_bindgen(jspi)]
pub fn classify(pixels: &[f32]) -> std::result::Result<String, JsValue> {
    Ok(json!(with(|session| session.classify(pixels))?).to_string())
}

/// Continues a text.
#[wasm_bindgen(jspi)]
pub fn sample(prompt: &str, count: usize, temperature: f32) -> std::result::Result<String, JsValue> {
    with(|session| session.sample(prompt, count, temperature))
}

/// The weights as a safetensors file.
#[wasm_bindgen(jspi)]
pub fn weights() -> std::result::Result<Vec<u8>, JsValue> {
    with(|session| session.weights())
}

/// Takes the weights of a safetensors file.
#[wasm_bindgen(jspi)]
pub fn set_weights(bytes: &[u8]) -> std::result::Result<(), JsValue> {
    with(|session| session.set_weights(bytes))
}

/// The device, and what a step does there.
#[wasm_bindgen(jspi)]
pub fn about() -> std::result::Result<String, JsValue> {
    Ok(with(|session| Ok(session.about()))?.to_string())
}
