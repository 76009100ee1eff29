//! Tensors on different devices.

use autograd::{Tensor, cat};
use gpu_core::testing;

use crate::f32s;
use crate::panics::panic_of;

#[test]
fn devices() {
    let Some(gpu) = testing::gpu() else { return };
    let here = f32s(&[2, 2]);
    let there = Tensor::ones(&gpu, &[2, 2]);
    let mistakes: [(&str, &dyn Fn()); 4] = [
        ("add", &|| drop(&here + &there)),
        ("matmul", &|| drop(here.matmul(&there))),
        ("cat", &|| drop(cat(&[&here, &there], 0))),
        ("where", &|| drop(here.where_(&there.gt(0.0), &here))),
    ];
    for (name, f) in mistakes {
        let (message, file) = panic_of(f).expect("a panic");
        assert!(file.ends_with("devices.rs"), "{name}: {file}");
        let named = message.contains(name) && message.contains("different devices");
        assert!(named && message.contains("CPU") && message.contains(&*gpu.info().name), "{name}: {message}");
    }
}
