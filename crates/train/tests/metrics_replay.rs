//! Streamed metrics in a loop. Alone in its file: it counts the device's plans.

use autograd::{Tensor, evaluate};
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
        for step in 0..8 {
            let logits: Vec<f32> = (0..12).map(|i| (i * (step + 2) % 7) as f32).collect();
            let logits = Tensor::from_slice(&device, &logits, &[4, 3]).unwrap();
            let labels = Tensor::from_slice(&device, &[0i32, 1, 2, step % 3], &[4]).unwrap();
            top_1.update(&logits, &labels);
            top_2.update(&logits, &labels);
            matrix.update(&logits, &labels);
            perplexity.update(&logits, &labels);
            errors.update(&logits.select(1, 0), &logits.select(1, 1));
            evaluate(&device).unwrap();
            compiles.push(device.stats().compiles);
            if step == 5 {
                top_1.reset().unwrap();
                top_2.reset().unwrap();
                matrix.reset().unwrap();
                perplexity.reset().unwrap();
                errors.reset().unwrap();
            }
        }
        assert!(compiles.iter().all(|&c| c == compiles[0]), "{}: {compiles:?}", device.info());
        assert_eq!(matrix.compute().unwrap().counts().iter().sum::<u64>(), 8, "two steps since the reset");
    }
}
