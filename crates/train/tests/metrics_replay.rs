//! Streamed metrics in a loop. Alone in its file: it counts the device's plans.

use autograd::{Device, Tensor};
use train::metrics::{Accuracy, ConfusionMatrix, Perplexity, Regression};

#[test]
fn updates_replay_one_plan() {
    for device in gpu_core::testing::devices() {
        let mut top_1 = Accuracy::new(&device).unwrap().ignoring(9);
        let mut top_2 = Accuracy::top_k(&device, 2).unwrap();
        let mut matrix = ConfusionMatrix::new(&device, 3).unwrap();
        let mut perplexity = Perplexity::new(&device).unwrap();
        let mut errors = Regression::new(&device).unwrap();
        let mut compiles = vec![];
        for i in 0..8 {
            let logits: Vec<f32> = (0..12).map(|k| (k * (i + 2) % 7) as f32).collect();
            let logits = Tensor::from_slice(&device, &logits, &[4, 3]).unwrap();
            let labels = Tensor::from_slice(&device, &[0i32, 1, 2, i % 3], &[4]).unwrap();
            top_1.update(&logits, &labels);
            top_2.update(&logits, &labels);
            matrix.update(&logits, &labels);
            perplexity.update(&logits, &labels);
            errors.update(&logits.select(1, 0), &logits.select(1, 1));
            compiles.push(device.stats().compiles);
            if i == 5 {
                top_1.reset().unwrap();
                top_2.reset().unwrap();
                matrix.reset().unwrap();
                perplexity.reset().unwrap();
                errors.reset().unwrap();
            }
        }
        // From the second update on, each one evaluates the one before, with the same plan.
        assert!(compiles[1..].iter().all(|&c| c == compiles[1]), "{}: {compiles:?}", device.info());
        assert_eq!(matrix.compute().unwrap().counts().iter().sum::<u64>(), 8, "two steps since the reset");
        while_training(&device);
    }
}

/// In a training step the updates are part of its plan.
fn while_training(device: &Device) {
    let weight = Tensor::from_slice(device, &[1.0f32, 0.0, 0.0, 2.0], &[2, 2]).unwrap().variable();
    let labels = Tensor::from_slice(device, &[0i32, 1, 1], &[3]).unwrap();
    let (mut accuracy, mut compiles) = (Accuracy::new(device).unwrap(), vec![]);
    for k in 1..5u8 {
        let x = [1.0, 0.0, 0.0, 1.0, 3.0, 1.0].map(|x: f32| x * f32::from(k));
        let logits = Tensor::from_slice(device, &x, &[3, 2]).unwrap().matmul(&weight);
        let loss = logits.cross_entropy(&labels);
        accuracy.update(&logits, &labels);
        drop(logits);
        let gradients = loss.backward();
        let submits = device.stats().submits;
        gradients.transaction().output(gradients.get(&weight).unwrap()).run().unwrap();
        assert_eq!(device.stats().submits, submits + 1);
        compiles.push(device.stats().compiles);
        drop(gradients);
    }
    assert!(compiles.iter().all(|&c| c == compiles[0]), "{}: {compiles:?}", device.info());
    assert_eq!(accuracy.compute().unwrap(), 2.0 / 3.0);
}
