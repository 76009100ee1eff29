//! Activation recomputation: the same gradients with less memory.

use autograd::{Device, Tensor, checkpoint, plans};
use gpu_core::testing;
use models::{Dropout, Gpt, GptOptions, Linear, Mode, Params, Sgd};

const LAYERS: usize = 8;
const WIDTH: usize = 32;

/// A chain of layers, each with two large intermediate results and dropout.
struct Chain {
    params: Params,
    layers: Vec<[Linear; 2]>,
    dropout: Dropout,
}

impl Chain {
    fn new(device: &Device) -> Chain {
        let params = Params::new(device, 3);
        let layer = |i: usize, j: usize, sizes: [usize; 2]| {
            Linear::new(&params.path(format!("{i}.{j}")), sizes[0], sizes[1])
        };
        let layers = (0..LAYERS).map(|i| [layer(i, 0, [WIDTH, 4 * WIDTH]), layer(i, 1, [4 * WIDTH, WIDTH])]);
        let layers = layers.collect();
        let dropout = Dropout::new(&params, 0.2);
        Chain { params, layers, dropout }
    }

    fn loss(&self, x: &Tensor, recompute: bool) -> Tensor {
        let mut x = x.clone();
        for [up, down] in &self.layers {
            let block =
                || &x + down.forward(&self.dropout.forward(&up.forward(&x).tanh(), Mode::Train)).tanh();
            x = if recompute { checkpoint(block) } else { block() };
        }
        x.square().mean_all()
    }
}

fn input(device: &Device) -> Tensor {
    let values: Vec<f32> = (0..512 * WIDTH).map(|i| (i as f32 * 0.37).sin()).collect();
    Tensor::from_slice(device, &values, &[512, WIDTH]).unwrap()
}

#[test]
fn gradients_are_the_same() {
    for device in testing::devices() {
        let gradients = [false, true].map(|recompute| {
            let chain = Chain::new(&device);
            let gradients = chain.loss(&input(&device), recompute).backward();
            let of = |p: &models::Param| gradients.get(&p.value()).unwrap().to_vec::<f32>().unwrap();
            chain.params.all().iter().map(of).collect::<Vec<_>>()
        });
        for (kept, again) in gradients[0].iter().zip(&gradients[1]) {
            let largest = kept.iter().fold(0.0f32, |m, v| m.max(v.abs()));
            assert!(largest > 0.0);
            for (a, b) in kept.iter().zip(again) {
                assert!((a - b).abs() <= 1e-6 * largest, "{a} {b}");
            }
        }
    }
}

/// A transformer, which draws random numbers in every block, has the same losses too.
#[test]
fn transformers_have_the_same_losses() {
    for device in testing::devices() {
        let losses = [false, true].map(|recompute| {
            let params = Params::new(&device, 0);
            let sizes = GptOptions { vocab: 20, context: 12, width: 32, heads: 2, depth: 3, dropout: 0.1 };
            let net = Gpt::new(&params, sizes);
            let net = if recompute { net.recompute() } else { net };
            let mut opt = Sgd::new(&params);
            let tokens: Vec<i32> = (0..24).map(|i| i * 7 % 20).collect();
            let tokens = Tensor::from_slice(&device, &tokens, &[2, 12]).unwrap();
            let step = |_| {
                let loss = net
                    .forward(&tokens, Mode::Train)
                    .reshape(&[24, 20])
                    .cross_entropy(&tokens.reshape(&[24]));
                opt.step(loss.backward(), 0.5).unwrap();
                loss.item().unwrap()
            };
            (0..4).map(step).collect::<Vec<f32>>()
        });
        assert!(losses[0][3] < losses[0][0] - 0.1);
        let close = |(a, b): (&f32, &f32)| (a - b).abs() < 1e-5 * a;
        assert!(losses[0].iter().zip(&losses[1]).all(close), "{losses:?}");
    }
}

/// The peak bytes of temporaries in a training step.
fn step_bytes(recompute: bool) -> usize {
    let device = Device::named("cpu").unwrap();
    let chain = Chain::new(&device);
    let mut opt = Sgd::new(&chain.params);
    let x = input(&device);
    for _ in 0..2 {
        opt.step(chain.loss(&x, recompute).backward(), 0.1).unwrap();
    }
    let plan = plans(&device).into_iter().max_by_key(|p| p.launches().len()).unwrap();
    plan.passes().live_bytes.iter().copied().max().unwrap()
}

#[test]
fn less_is_kept() {
    let [kept, again] = [false, true].map(step_bytes);
    assert!(again * 2 < kept, "{again} bytes of {kept}");
}

#[test]
fn second_derivatives_go_through() {
    let device = Device::named("cpu").unwrap();
    let x = Tensor::from_slice(&device, &[0.5f32, -1.0], &[2]).unwrap().variable();
    let second = |y: Tensor| {
        let dx = autograd::grad(&y.sum_all(), &[&x]).remove(0).unwrap();
        autograd::grad(&dx.square().sum_all(), &[&x]).remove(0).unwrap().to_vec::<f32>().unwrap()
    };
    let f = || (x.tanh() * &x).exp();
    assert_eq!(second(checkpoint(f)), second(f()));
}

#[test]
fn checkpoints_nest_and_return_what_was_there() {
    let device = Device::named("cpu").unwrap();
    let x = Tensor::from_slice(&device, &[0.5f32, 2.0], &[2]).unwrap().variable();
    let of = |y: Tensor| y.sum_all().backward().get(&x).unwrap().to_vec::<f32>().unwrap();
    let nested = checkpoint(|| checkpoint(|| x.exp().sin()).square() + &x);
    assert_eq!(of(nested), of(x.exp().sin().square() + &x));
    let y = x.square();
    assert!(checkpoint(|| y.clone()).same(&y));
    assert_eq!(of(checkpoint(|| y.clone())), [1.0, 4.0]);
}
