//! Clipping gradients at every step. The only test of its file, as it counts the device's plans.

use autograd::Tensor;
use models::{AdamW, Gpt, GptOptions, Mode, Params};

#[test]
fn clipped_steps_replay_one_plan() {
    for device in gpu_core::testing::devices() {
        let params = Params::new(&device, 0);
        let options = GptOptions { vocab: 5, context: 4, width: 8, heads: 2, depth: 2, dropout: 0.1 };
        let net = Gpt::new(&params, options);
        let mut opt = AdamW::new(&params).group("*.bias", 0.0, 1.0);
        let tokens = Tensor::from_slice(&device, &[0i32, 1, 2, 3], &[1, 4]).unwrap();
        let mut step = |lr| {
            let loss = net.forward(&tokens, Mode::Train).flatten(0, 1).cross_entropy(&tokens.flatten(0, 1));
            let (gradients, norm) = loss.backward().clip_norm(1.0, 2.0);
            drop(loss);
            opt.step(gradients, lr).unwrap();
            assert!(norm.item().unwrap() > 0.0);
        };
        (0..3).for_each(|_| step(0.01));
        let before = device.stats();
        (0..5).for_each(|k| step(0.001 * k as f32));
        let after = device.stats();
        assert_eq!((after.compiles, after.bytes), (before.compiles, before.bytes), "{}", device.info());
    }
}
