//! Training steps that `web/bench` times in a browser, beside TensorFlow.js and jax-js. Natively an empty library.
#![cfg(target_arch = "wasm32")]
#![allow(deprecated, reason = "wasm-bindgen calls suspended programs experimental")]

use std::cell::RefCell;

use autograd::{Device, Tensor};
use models::{Adam, Gpt, GptOptions, Mlp, MnistCnn, Mode, Optimize, Params, ResNet, Sgd};
use wasm_bindgen::prelude::*;

struct Training {
    loss: Box<dyn Fn() -> Tensor>,
    optimizer: Box<dyn Optimize>,
}

thread_local! {
    static TRAINING: RefCell<Option<Training>> = const { RefCell::new(None) };
}

/// The network on a device, `"webgpu"` or `"wasm"`, and one batch `x` of that shape; a text's tokens are whole numbers. Returns the number of
/// parameters.
#[wasm_bindgen(jspi)]
pub fn prepare(device: &str, net: &str, x: &[f32], shape: &[usize], y: &[i32]) -> Result<usize, JsError> {
    TRAINING.set(None);
    let device = Device::named(if device == "wasm" { "cpu" } else { "0" })?;
    let params = Params::new(&device, 1);
    let classes = Tensor::from_slice(&device, y, &[y.len()])?;
    let logits: Box<dyn Fn(&Tensor) -> Tensor> = match net {
        "mlp" => {
            let net = Mlp::new(&params, &[784, 256, 128, 10]);
            Box::new(move |x| net.forward(x))
        }
        "digits" => {
            let net = MnistCnn::new(&params, 10);
            Box::new(move |x| net.forward(x))
        }
        "resnet20" => {
            let net = ResNet::cifar(&params, 20, 10);
            Box::new(move |x| net.forward(x, Mode::Train))
        }
        _ => {
            let options =
                GptOptions { vocab: 65, context: 128, width: 128, heads: 4, depth: 4, dropout: 0.0 };
            let net = Gpt::new(&params, options).gelu_tanh().untied(&params);
            Box::new(move |x| net.forward(x, Mode::Train).flatten(0, 1))
        }
    };
    let x = match net {
        "gpt-mini" => {
            let tokens: Vec<i32> = x.iter().map(|&token| token as i32).collect();
            Tensor::from_slice(&device, &tokens, shape)?
        }
        _ => Tensor::from_slice(&device, x, shape)?,
    };
    let optimizer: Box<dyn Optimize> = match net {
        "resnet20" => Box::new(Sgd::new(&params).momentum(0.9)),
        _ => Box::new(Adam::new(&params)),
    };
    let loss = move || logits(&x).cross_entropy(&classes);
    TRAINING.set(Some(Training { loss: Box::new(loss), optimizer }));
    Ok(params.count())
}

/// Takes a step; returns its loss.
#[wasm_bindgen(jspi)]
pub fn step(lr: f32) -> Result<f32, JsError> {
    let mut training = TRAINING.take().ok_or_else(|| JsError::new("prepare comes first"))?;
    let loss = (training.loss)();
    let done = training.optimizer.step(loss.backward(), lr).and_then(|()| loss.item());
    TRAINING.set(Some(training));
    Ok(done?)
}
