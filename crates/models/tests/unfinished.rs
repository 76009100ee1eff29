//! A thread, and so a process, waits for its unfinished work when it ends.

use autograd::Tensor;
use gpu_core::testing;
use models::{Mode, Params, ResNet, Sgd};

/// Software adapters abort a process that ends while they compile its shaders. A step needs dozens of shaders, and the first step
/// compiles them in the background.
#[test]
fn a_thread_waits_for_what_it_submitted() {
    let Some(device) = testing::gpu() else { return };
    let step = || {
        let params = Params::new(&device, 0);
        let net = ResNet::cifar(&params, 20, 10);
        let classes = Tensor::from_slice(&device, &[1i32, 2], &[2]).unwrap();
        let logits = net.forward(&Tensor::ones(&device, &[2, 3, 32, 32]), Mode::Train);
        let loss = logits.cross_entropy(&classes);
        Sgd::new(&params).step(loss.backward(), 0.1).unwrap();
        loss.fetch().unwrap()
    };
    let loss = std::thread::scope(|threads| threads.spawn(step).join().unwrap());
    assert!(loss.is_ready(), "the thread ended before its work");
}
