//! A loop of a user's own, with a layer, a loss and an optimizer rule of their own: learns the next number of a sum modulo 7.

use wgrad::models::{Optimizer, Rule, Update};
use wgrad::prelude::*;

/// A gated layer with a residual connection.
struct Gated {
    norm: LayerNorm,
    gate: Linear,
    up: Linear,
    down: Linear,
    scale: Param,
}

impl Gated {
    fn new(params: &Params, width: usize) -> Gated {
        Gated {
            norm: LayerNorm::new(&params.path("norm"), width),
            gate: Linear::new(&params.path("gate"), width, 2 * width),
            up: Linear::new(&params.path("up"), width, 2 * width),
            down: Linear::new(&params.path("down"), 2 * width, width),
            scale: params.param("scale", &[width], Init::ONES),
        }
    }

    fn forward(&self, x: &Tensor) -> Tensor {
        let y = self.norm.forward(x);
        x + self.down.forward(&(self.gate.forward(&y).silu() * self.up.forward(&y))) * self.scale.value()
    }
}

/// The focal loss (Lin et al. 2017): the cross-entropy, less for what is certain already.
fn focal(logits: &Tensor, labels: &Tensor, gamma: f32) -> Tensor {
    let log_p = logits.log_softmax(1).gather(1, &labels.unsqueeze(1)).squeeze(&[1]);
    (-((1.0 - log_p.exp()).pow(gamma) * log_p)).mean_all()
}

/// Signs of gradients averaged over steps (Chen et al. 2023, Lion, without weight decay).
struct Signs;

impl Rule for Signs {
    fn state(&self, shape: &[usize]) -> Vec<Vec<usize>> {
        vec![shape.to_vec()]
    }

    fn update(&self, u: &Update) -> Vec<Tensor> {
        let (gradient, mean) = (u.gradient(), &u.state[0]);
        let step = (mean * 0.9 + &gradient * 0.1).sign();
        vec![u.param - step * u.lr, mean * 0.99 + gradient * 0.01]
    }
}

fn main() -> wgrad::Result<()> {
    let device = Device::best()?;
    let params = Params::new(&device, 1);
    let embed = Embedding::new(&params.path("embed"), 7, 32);
    let blocks: Vec<Gated> = (0..2).map(|i| Gated::new(&params.path("blocks").path(i), 32)).collect();
    let head = Linear::new(&params.path("head"), 32, 7);
    let logits = |pairs: &Tensor| {
        let x = embed.forward(pairs).sum(&[1], false);
        head.forward(&blocks.iter().fold(x, |x, block| block.forward(&x)))
    };
    let pairs: Vec<i32> = (0..49).flat_map(|i| [i / 7, i % 7]).collect();
    let sums: Vec<i32> = pairs.chunks(2).map(|p| (p[0] + p[1]) % 7).collect();
    let (x, y) = (Tensor::from_slice(&device, &pairs, &[49, 2])?, Tensor::from_slice(&device, &sums, &[49])?);

    let (mut opt, schedule) = (Optimizer::with_rule(&params, Signs), Warmup::new(0.0, 10, 2e-3));
    for step in 0..150 {
        opt.step(focal(&logits(&x), &y, 2.0).backward(), schedule.lr(step))?;
    }
    let right = logits(&x).argmax(1, false).eq(&y).to(DType::F32).mean_all().item()?;
    params.save("sums.safetensors")?;
    println!("{:.0} % of the sums are right", 100.0 * right);
    assert!(right > 0.95);
    Ok(())
}
