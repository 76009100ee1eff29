//! What the page's worker calls, one call at a time.
//!
//! Calls await what the GPU does. Writing a text reads every character within the library, so that the program is suspended meanwhile, in
//! browsers that can.
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

async fn with<T>(call: impl AsyncFnOnce(&mut Session) -> Result<T>) -> std::result::Result<T, JsValue> {
    // Taken out while it is used: the browser goes on while the call waits.
    let session = SESSION.take().ok_or_else(|| Error::Request("nothing is trained yet".into()));
    let mut session = session.map_err(thrown)?;
    let done = call(&mut session).await;
    SESSION.set(Some(session));
    done.map_err(thrown)
}

/// Opens a device, `"gpu"` or `"cpu"`, and a task: `{"task": "digits" | "shapes" | "cifar" | "text", "seed": 1, "batch": 32}`, of which
/// `bytes` is the file or the text.
#[wasm_bindgen(jspi)]
pub async fn open(device: String, options: String, bytes: Vec<u8>) -> std::result::Result<String, JsValue> {
    let open = async || -> Result<Session> {
        let wrong = |reason: &str| Error::Request(reason.into());
        let options: Value = serde_json::from_str(&options).map_err(|e| Error::Request(e.to_string()))?;
        let task = match options["task"].as_str() {
            Some("digits") => Task::Digits,
            Some("shapes") => Task::Shapes,
            Some("cifar") => Task::Cifar(bytes),
            Some("text") => Task::Text(String::from_utf8_lossy(&bytes).into_owned()),
            _ => return Err(wrong("an unknown task")),
        };
        let number = |key: &str| options[key].as_u64().ok_or_else(|| wrong("a number is missing"));
        let settings = Settings { seed: number("seed")?, batch: number("batch")?.clamp(1, 1024) as usize };
        let device = Device::request(if device == "cpu" { "cpu" } else { "0" }).await?;
        Session::new(&device, task, settings)
    };
    SESSION.set(None);
    let session = open().await.map_err(thrown)?;
    let about = session.about().to_string();
    SESSION.set(Some(session));
    Ok(about)
}

/// Does some steps; returns their numbers as JSON.
#[wasm_bindgen(jspi)]
pub async fn train(count: usize, lr: f32) -> std::result::Result<String, JsValue> {
    let numbers = with(async |session| session.train(count, lr).await).await?;
    let plain = |p: &Progress| json!({ "step": p.step, "loss": p.loss, "accuracy": p.accuracy });
    Ok(json!(numbers.iter().map(plain).collect::<Vec<_>>()).to_string())
}

/// Measures on data that are not trained on.
#[wasm_bindgen(jspi)]
pub async fn evaluate() -> std::result::Result<String, JsValue> {
    Ok(with(async |session| session.evaluate().await).await?.to_string())
}

/// Classes and probabilities of a picture.
#[wasm_bindgen(jspi)]
pub async fn classify(pixels: Vec<f32>) -> std::result::Result<String, JsValue> {
    Ok(json!(with(async |session| session.classify(&pixels).await).await?).to_string())
}

/// Continues a text.
#[wasm_bindgen(jspi)]
pub async fn sample(prompt: String, count: usize, temperature: f32) -> std::result::Result<String, JsValue> {
    with(async |session| session.sample(&prompt, count, temperature)).await
}

/// The weights as a safetensors file.
#[wasm_bindgen(jspi)]
pub async fn weights() -> std::result::Result<Vec<u8>, JsValue> {
    with(async |session| session.weights().await).await
}

/// Takes the weights of a safetensors file.
#[wasm_bindgen(jspi)]
pub async fn set_weights(bytes: Vec<u8>) -> std::result::Result<(), JsValue> {
    with(async |session| session.set_weights(&bytes)).await
}

/// The device, and what a step does there.
#[wasm_bindgen(jspi)]
pub async fn about() -> std::result::Result<String, JsValue> {
    Ok(with(async |session| Ok(session.about())).await?.to_string())
}
