//! Invariant risk minimisation (Arjovsky et al. 2019): a cause told from an effect by two environments, against the exact regressions, and digits
//! whose colour misleads: `cargo run --release -p wgrad-atlas -- invariant_risk`.

use atlas::prelude::*;
use wgrad::models::Mlp;

pub const STUDY: Study = Study {
    name: "invariant_risk",
    about: "What predicts in every environment alike is kept, even if something else predicts better where one has looked.",
    on_gpu: false,
    data: None,
    run,
};

/// The squared derivative of a risk by a factor on the predictions, at 1 (IRMv1): 0 if no scaling of this predictor is better.
fn penalty(risk: impl Fn(&Tensor) -> Tensor, device: &Device) -> Result<Tensor> {
    let factor = Tensor::ones(device, &[]).variable();
    let slope = grad(&risk(&factor), &[&factor]).remove(0).context("the risk depends on the predictions")?;
    Ok(slope.square())
}

fn run(lab: &mut Lab) -> Result<()> {
    let equations = equations(lab)?;
    let colours = coloured(lab)?;
    let figure = plot::Figure::new("Invariant risk minimisation").panel(equations).panel(colours);
    lab.picture("invariant_risk", |path| figure.save(path))
}

/// `x1 = noise`, `y = x1 + noise`, `x2 = y + standard noise`, where the noise has another deviation in every environment. The cause has the
/// coefficient 1 everywhere; least squares also uses the effect.
fn equations(lab: &mut Lab) -> Result<plot::Panel> {
    const DEVIATIONS: [f32; 2] = [0.5, 2.0];
    let mut environments = Vec::new();
    for deviation in DEVIATIONS {
        let (mut x, mut y) = (Vec::new(), Vec::new());
        // All signs of the three noises: a sample whose moments are exact.
        for signs in 0..8 {
            let noise = |bit: i32| if signs >> bit & 1 == 1 { 1.0 } else { -1.0 };
            let cause = deviation * noise(0);
            let outcome = cause + deviation * noise(1);
            x.extend([cause, outcome + noise(2)]);
            y.push(outcome);
        }
        environments.push((
            Tensor::from_slice(lab.device(), &x, &[8, 2])?,
            targets(&Tensor::from_slice(lab.device(), &y, &[8])?)?,
        ));
    }
    let steps = lab.pick(3000, 1000);
    let mut bars = Vec::new();
    for strength in [0.0f32, 3000.0] {
        let params = lab.params();
        let weight = params.param("weight", &[2], Init::Constant(0.5));
        lab.fit("equations", steps, &mut Adam::new(&params), Cosine::new(0.03, 0.0, steps), |_| {
            let of = |(x, y): &(Tensor, Tensor)| -> Result<Tensor> {
                let answer = (x * weight.value()).sum(&[1], false);
                let risk = |factor: &Tensor| (&answer * factor - y).square().mean_all() * 0.5;
                Ok((risk(&Tensor::ones(x.device(), &[])) + penalty(risk, x.device())? * strength)
                    / (1.0 + strength))
            };
            Ok(of(&environments[0])? + of(&environments[1])?)
        })?;
        bars.push(weight.value().to_vec::<f32>()?);
    }
    // The moments of both environments together: x1 x1 = v, x1 x2 = v, x2 x2 = 2 v + 1, x1 y = v, x2 y = 2 v, with the mean variance v.
    let v = DEVIATIONS.iter().map(|d| f64::from(d * d)).sum::<f64>() / 2.0;
    let determinant = v * (2.0 * v + 1.0) - v * v;
    let exact = [(v * (2.0 * v + 1.0) - 2.0 * v * v) / determinant, (2.0 * v * v - v * v) / determinant];
    let apart = (0..2).map(|i| (f64::from(bars[0][i]) - exact[i]).abs()).fold(0.0, f64::max);
    lab.expect("least squares: coefficients apart from the exact ones", apart, ..0.001);
    lab.expect("least squares: coefficient of the effect", bars[0][1], 0.6..);
    // The penalty is of fourth order in the effect's coefficient, which therefore falls slowly with the strength.
    lab.expect("invariant: coefficient of the cause", bars[1][0], 0.9..1.1);
    lab.expect("invariant: coefficient of the effect", bars[1][1], -0.15..0.15);
    let mut panel = plot::Panel::new("Cause and effect of y", "", "coefficient").x_names(["cause", "effect"]);
    for (i, (name, found)) in ["least squares", "invariant"].into_iter().zip(bars).enumerate() {
        panel = panel.layer(plot::Bars::new(name, found.into_iter().map(f64::from)).group(i, 2));
    }
    Ok(panel)
}

/// Two classes of digits, of whose labels a quarter are wrong, in two colours that name the label in all but a share of the examples.
struct Environment {
    x: Tensor,
    y: Tensor,
}

impl Environment {
    fn new(images: &Tensor, labels: &[i32], flipped: f64, draws: &mut Draws) -> Result<Environment> {
        let (count, device) = (labels.len(), images.device());
        let y: Vec<f32> =
            labels.iter().map(|&l| f32::from(u8::from((l < 5) != draws.happens(0.25)))).collect();
        let colour: Vec<f32> = y.iter().map(|&y| if draws.happens(flipped) { 1.0 - y } else { y }).collect();
        let colour = Tensor::from_slice(device, &colour, &[count, 1])?;
        let x = cat(&[&(images * &colour), &(images * (1.0 - &colour))], 1).detach();
        Ok(Environment { x, y: Tensor::from_slice(device, &y, &[count])? })
    }

    /// The same digits without colour.
    fn grey(&self) -> Environment {
        let side = self.x.shape()[1] / 2;
        let both = self.x.narrow(1, 0, side) + self.x.narrow(1, side, side);
        Environment { x: cat(&[&both, &both], 1).detach(), y: self.y.clone() }
    }
}

fn accuracy(net: &Mlp, of: &Environment) -> Result<f64> {
    let right = net.forward(&of.x).squeeze(&[1]).gt(0.0).to(DType::F32).eq(&of.y).to(DType::F32);
    Ok(right.mean_all().item()?.into())
}

fn coloured(lab: &mut Lab) -> Result<plot::Panel> {
    let count = lab.pick(4000, 2000);
    let set = lab.small_digits(2 * count, 1000)?;
    let (train, test) = (set.train.to_device(lab.device())?, set.test.to_device(lab.device())?);
    let (images, labels) = (train.images.flatten(1, -1), train.labels.to_vec::<i32>()?);
    let mut draws = lab.draws(1);
    let mut part = |i: usize, flipped: f64| {
        let images = images.narrow(0, i * count, count);
        Environment::new(&images, &labels[i * count..][..count], flipped, &mut draws)
    };
    let seen = [part(0, 0.35)?, part(1, 0.05)?];
    let reversed =
        Environment::new(&test.images.flatten(1, -1), &test.labels.to_vec::<i32>()?, 0.9, &mut draws)?;
    let steps = 300;
    let mut found = Vec::new();
    for (name, strength, grey) in [("plain", 0.0f32, false), ("invariant", 1e3, false), ("grey", 0.0, true)] {
        let shown = |of: &Environment| {
            if grey { of.grey() } else { Environment { x: of.x.clone(), y: of.y.clone() } }
        };
        let (seen, reversed) = (seen.each_ref().map(shown), shown(&reversed));
        let params = lab.params();
        let net = Mlp::new(&params, &[98, 32, 1]);
        let mut opt = Adam::new(&params).weight_decay(1e-4);
        lab.fit(name, steps, &mut opt, 5e-3, |step| {
            // The penalty counts once the digits' shapes have been found.
            let strength = if step < steps / 3 { strength.min(1.0) } else { strength };
            let of = |Environment { x, y }: &Environment| -> Result<Tensor> {
                let logits = net.forward(x).squeeze(&[1]);
                let risk = |factor: &Tensor| {
                    (&logits * factor).binary_cross_entropy_with_logits(y, None, None, Reduction::Mean)
                };
                Ok((risk(&Tensor::ones(x.device(), &[])) + penalty(risk, x.device())? * strength)
                    / strength.max(1.0))
            };
            Ok(of(&seen[0])? + of(&seen[1])?)
        })?;
        found.push((accuracy(&net, &seen[1])?, accuracy(&net, &reversed)?));
    }
    lab.expect("plain: accuracy where colour names the label", found[0].0, 0.85..);
    lab.expect("plain: accuracy where colour misleads", found[0].1, ..0.4);
    lab.expect("invariant: accuracy where colour misleads", found[1].1, 0.55..0.75);
    lab.expect("without colour: accuracy", found[2].1, 0.62..0.76);
    let names = ["plain", "invariant", "without colour"];
    let panel = plot::Panel::new("Coloured digits", "", "accuracy").x_names(names).y_range(0.0, 1.0);
    Ok(panel
        .layer(plot::Bars::new("colours as seen", found.iter().map(|f| f.0)).group(0, 2))
        .layer(plot::Bars::new("colours reversed", found.iter().map(|f| f.1)).group(1, 2)))
}
