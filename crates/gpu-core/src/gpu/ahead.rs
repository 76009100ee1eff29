//! Compiling pipelines ahead of their creation, in browsers.
//!
//! The call of WebGPU that wgpu makes compiles one pipeline after another when they are first used. The asynchronous one, which wgpu lacks,
//! compiles them side by side; a pipeline that is created while an equal one exists is that one.

use std::collections::HashSet;

use js_sys::Promise;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

use super::lock;
use super::pipelines::Pipelines;
use crate::graph::Launch;
use crate::wait::block_on;

// While it collects, the browser's call begins the asynchronous one, and returns an object that nothing uses.
#[wasm_bindgen(inline_js = r#"
let create, begun;
export function collect() {
    const device = GPUDevice.prototype;
    [create, begun] = [device.createComputePipeline, []];
    device.createComputePipeline = function (descriptor) {
        begun.push(this.createComputePipelineAsync(descriptor));
        return Object.create(GPUComputePipeline.prototype);
    };
}
export function collected() {
    GPUDevice.prototype.createComputePipeline = create;
    return Promise.allSettled(begun);
}
"#)]
extern "C" {
    fn collect();
    fn collected() -> Promise;
}

impl Pipelines {
    /// Compiles the pipelines of a graph, which exist while the result is kept. Errors are left to their creation; so is everything in a
    /// browser that cannot wait.
    pub fn compile_ahead(&self, launches: &[Launch]) -> Option<JsValue> {
        let mut missing = HashSet::new();
        for launch in launches {
            for shader in launch.kernel().shaders() {
                let key = self.key(launch, &shader);
                if !lock(&self.known).contains(&key) {
                    missing.insert((launch.kernel().name(), key));
                }
            }
        }
        if missing.is_empty() {
            return None;
        }
        collect();
        for (name, key) in &missing {
            self.compile(name, key);
        }
        block_on(JsFuture::from(collected())).ok()?.ok()
    }
}
