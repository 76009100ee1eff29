//! Linearisation (Jacot et al. 2018; Lee et al. 2019): the wider a network, the closer its training stays to that of its first-order
//! expansion, which is kernel regression with the neural tangent kernel: `cargo run --release -p wgrad-atlas -- linearization`.

use atlas::prelude::*;
use methods::curvature::jacobian;

pub const STUDY: Study = Study {
    name: "linearization",
    about: "Weights move by one over the root of the width, and the tangent kernel at the start predicts what a wide network will answer.",
    on_gpu: false,
    data: None,
    run,
};

const EXAMPLES: usize = 16;
const UNSEEN: usize = 24;

/// `f(x) = sum of a tanh(w x + b) / sqrt(width)`, with all parameters of variance 1.
fn answer(params: &Params, x: &Tensor) -> Result<Tensor> {
    let value = |name: &str| Ok::<_, anyhow::Error>(params.get(name).context("a parameter")?.value());
    let hidden = x.linear(&value("w")?, Some(&value("b")?)).tanh();
    let width = hidden.shape()[1] as f32;
    Ok(hidden.matmul(&value("a")?) * (1.0 / width.sqrt()))
}

/// The outputs of a linear model with this kernel `[rows, rows]` after gradient descent on the first rows, which are the examples.
fn linear_training(kernel: &[f32], start: &[f32], target: &[f32], rate: f64, steps: usize) -> Vec<f64> {
    let rows = start.len();
    let mut now: Vec<f64> = start.iter().map(|&v| v.into()).collect();
    for _ in 0..steps {
        let error: Vec<f64> = target.iter().zip(&now).map(|(&y, f)| f - f64::from(y)).collect();
        for (i, f) in now.iter_mut().enumerate() {
            let push = error.iter().enumerate().map(|(j, e)| f64::from(kernel[i * rows + j]) * e);
            *f -= rate * push.sum::<f64>();
        }
    }
    now
}

/// The result of training one network.
struct Trained {
    /// Outputs at all points: after training, as predicted by the linearisation, and at the start.
    found: Vec<f32>,
    predicted: Vec<f64>,
    start: Vec<f32>,
    /// Relative changes of weights and kernel.
    weights: f64,
    kernel: f64,
}

impl Trained {
    /// The error of the prediction at unseen points, relative to the change by training there.
    fn miss(&self) -> f64 {
        let distance = |to: &dyn Fn(usize) -> f64| {
            (EXAMPLES..self.found.len())
                .map(|i| (f64::from(self.found[i]) - to(i)).powi(2))
                .sum::<f64>()
                .sqrt()
        };
        distance(&|i| self.predicted[i]) / distance(&|i| self.start[i].into())
    }
}

fn norm(values: &Tensor) -> Result<f64> {
    Ok(f64::from(values.square().sum_all().item()?).sqrt())
}

/// Trains the `net`-th network of a width on the first of the points `x`.
fn trained(lab: &Lab, width: usize, net: u64, x: &Tensor, target: &[f32]) -> Result<Trained> {
    let steps = lab.pick(1000, 200);
    let params = Params::new(lab.device(), 100 * lab.seed() + net);
    let normal = Init::Normal { mean: 0.0, std: 1.0 };
    let made = [("w", vec![width, 1]), ("b", vec![width]), ("a", vec![width])]
        .map(|(name, shape)| params.param(name, &shape, normal));
    let flat = || {
        let values = made.each_ref().map(|p| p.value().detach().reshape(&[width]));
        cat(&values.each_ref(), 0)
    };
    let kernel = || -> Result<Tensor> {
        let values = made.each_ref().map(Param::value);
        let slopes = jacobian(&answer(&params, x)?, &values.each_ref());
        Ok(slopes.matmul(&slopes.t()).detach())
    };
    let (start, first, before) = (answer(&params, x)?.to_vec::<f32>()?, flat(), kernel()?);
    let rate = 1.0 / linalg::spectral_norm(&before.narrow(0, 0, EXAMPLES).narrow(1, 0, EXAMPLES))?;
    let predicted = linear_training(&before.to_vec::<f32>()?, &start, target, rate, steps);
    let (seen, y) = (x.narrow(0, 0, EXAMPLES), Tensor::from_slice(lab.device(), target, &[EXAMPLES])?);
    lab.fit(&format!("width {width}"), steps, &mut Sgd::new(&params), rate as f32, |_| {
        Ok((answer(&params, &seen)? - &y).square().sum_all() * 0.5)
    })?;
    Ok(Trained {
        found: answer(&params, x)?.to_vec::<f32>()?,
        predicted,
        start,
        weights: norm(&(flat() - &first))? / norm(&first)?,
        kernel: norm(&(kernel()? - &before))? / norm(&before)?,
    })
}

fn run(lab: &mut Lab) -> Result<()> {
    let mut draws = lab.draws(0);
    let seen = (0..EXAMPLES).map(|_| draws.between(-2.0, 2.0));
    let unseen = (0..UNSEEN).map(|i| 4.0 * i as f32 / (UNSEEN - 1) as f32 - 2.0);
    let inputs: Vec<f32> = seen.chain(unseen).collect();
    let target: Vec<f32> = inputs[..EXAMPLES].iter().map(|x| (2.0 * x).sin()).collect();
    let x = Tensor::from_slice(lab.device(), &inputs, &[inputs.len(), 1])?;
    let mut figure = plot::Figure::new("Wide networks are linear").columns(3);
    let [mut weights, mut kernels, mut misses] = [vec![], vec![], vec![]];
    for width in [16, 64, 256, 1024] {
        let nets: Vec<Trained> =
            (0..3).map(|net| trained(lab, width, net, &x, &target)).collect::<Result<_>>()?;
        let mean = |of: &dyn Fn(&Trained) -> f64| (width as f64, nets.iter().map(of).sum::<f64>() / 3.0);
        weights.push(mean(&|net| net.weights));
        kernels.push(mean(&|net| net.kernel));
        misses.push(mean(&Trained::miss));
        if width == 16 || width == 1024 {
            let line = |values: &dyn Fn(usize) -> f64| {
                (EXAMPLES..inputs.len()).map(|i| (inputs[i].into(), values(i))).collect::<Vec<(f64, f64)>>()
            };
            let points = inputs.iter().zip(&target).map(|(&x, &y)| (x.into(), y.into()));
            let panel = plot::Panel::new(format!("Width {width}"), "x", "y");
            let panel = panel
                .layer(plot::Points::new("examples", points))
                .with(plot::Series::new("network", line(&|i| nets[0].found[i].into())).exact())
                .with(plot::Series::new("tangent kernel", line(&|i| nets[0].predicted[i])).exact());
            figure = figure.panel(panel);
        }
    }
    let power = |points: &[(f64, f64)]| (points[3].1 / points[0].1).ln() / (points[3].0 / points[0].0).ln();
    lab.expect("power of the width in the weights' change", power(&weights), -0.6..-0.42);
    // Proven bounds fall with the root of the width (Lee et al. 2019); to leading order the change is one over the width (Dyer and Gur-Ari
    // 2020).
    lab.expect("power of the width in the kernel's change", power(&kernels), -1.2..-0.5);
    lab.expect("miss of the prediction, widest", misses[3].1, ..0.05);
    lab.expect("miss, narrowest over widest", misses[0].1 / misses[3].1, 3.0..);
    let sizes = plot::Panel::new("Distance to the linearisation", "width", "relative").log_x().log_y();
    let sizes = sizes
        .with(plot::Series::new("change of the weights", weights))
        .with(plot::Series::new("change of the kernel", kernels))
        .with(plot::Series::new("miss of the prediction", misses));
    lab.picture("linearization", |path| figure.panel(sizes).save(path))
}
