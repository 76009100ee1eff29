//! Masked autoregressive flow (Papamakarios et al. 2017), made of masked autoencoders (Germain et al. 2015), on a banana-shaped
//! distribution with known density: `cargo run --release -p wgrad-atlas -- autoregressive_flow`.

use std::f32::consts::TAU;

use atlas::Plane;
use atlas::prelude::*;
use methods::generative::{Bijection, MaskedAutoregressive, NormalizingFlow};

pub const STUDY: Study = Study {
    name: "autoregressive_flow",
    about: "Each coordinate is shifted and scaled by those before it: a triangular map that learns a banana.",
    on_gpu: false,
    data: None,
    run,
};

/// `x1` is standard normal, `x2` is normal around `x1^2 / 2 - 1` with deviation 0.4.
fn banana(draw: &Generator, device: &Device, count: usize) -> Tensor {
    let noise = draw.normal(device, &[count, 2]);
    let x = noise.narrow(1, 0, 1);
    cat(&[&x, &(x.square() * 0.5 - 1.0 + noise.narrow(1, 1, 1) * 0.4)], 1)
}

fn log_banana(x: &Tensor) -> Tensor {
    let z = (x.select(1, 1) - (x.select(1, 0).square() * 0.5 - 1.0)) / 0.4;
    (x.select(1, 0).square() + z.square()) * -0.5 - (TAU * 0.4).ln()
}

fn run(lab: &mut Lab) -> Result<()> {
    let device = lab.device().clone();
    let draw = Generator::new(lab.seed());
    let plane = Plane::new(6.0, lab.pick(241, 121));
    let known = plane.values(&device, |x| Ok(log_banana(x)))?;
    let steps = lab.pick(3000, 600);
    let mut panels = Vec::new();
    // One layer in the order of the coordinates can be exact; one in the reverse order cannot, but several come close.
    for (name, layers, bar) in [("one layer", 1, 0.02), ("four layers", 4, 0.04)] {
        let params = lab.params();
        let flow = NormalizingFlow::maf(&params, 2, layers, 48);
        let mut opt = Adam::new(&params);
        lab.fit(name, steps, &mut opt, Cosine::new(5e-3, 0.0, steps), |_| {
            Ok(-flow.log_prob(&banana(&draw, &device, 256)).mean_all())
        })?;
        let learned = plane.values(&device, |x| Ok(flow.log_prob(x)))?;
        let density: Vec<f64> = learned.iter().map(|log| log.exp()).collect();
        lab.expect(format!("integral of {name}"), plane.integral(&density), 0.99..1.01);
        lab.expect(format!("divergence of {name}"), plane.kl(&known, &learned), ..bar);
        let x = banana(&draw, &device, 500);
        let (z, _) = flow.forward(&x);
        let off = (flow.inverse(&z) - x).abs().amax(&[0, 1], false).item()?;
        lab.expect(format!("inverse of {name}, error"), off, ..5e-3);
        panels.push((name, density));
    }
    let params = lab.params();
    let backwards =
        NormalizingFlow::new(&device, 2, vec![Box::new(MaskedAutoregressive::new(&params, 2, true, 48))]);
    let mut opt = Adam::new(&params);
    lab.fit("the other order", steps, &mut opt, Cosine::new(5e-3, 0.0, steps), |_| {
        Ok(-backwards.log_prob(&banana(&draw, &device, 256)).mean_all())
    })?;
    let learned = plane.values(&device, |x| Ok(backwards.log_prob(x)))?;
    lab.expect("divergence of one layer in the other order", plane.kl(&known, &learned), 0.1..0.5);
    panels.push(("one layer in the other order", learned.iter().map(|log| log.exp()).collect()));

    // In five dimensions: outputs that must not depend on later dimensions do not, to the last bit.
    let params = lab.params();
    let layer = MaskedAutoregressive::new(&params, 5, false, 32);
    params.redraw("*", Init::Normal { mean: 0.0, std: 0.5 });
    let x = draw.normal(&device, &[64, 5]).detach().variable();
    let (z, log_det) = layer.forward(&x);
    let (mut above, mut diagonal) = (0.0f32, Tensor::zeros(&device, &[64]));
    for (i, z) in z.unbind(1).iter().enumerate() {
        let row = vjp(&[(z, &z.ones_like())], &[&x]).remove(0).context("depends on x")?;
        if i < 4 {
            above = above.max(row.narrow(1, i + 1, 4 - i).abs().amax(&[0, 1], false).item()?);
        }
        diagonal = diagonal + row.select(1, i).abs().log();
    }
    lab.expect("slopes above the diagonal", above, 0.0..=0.0);
    lab.expect("log-determinant, error", (diagonal - log_det).abs().amax(&[0], false).item()?, ..1e-3);

    lab.picture("autoregressive_flow", |path| {
        let panel =
            |title: &str| plot::Panel::new(title, "x1", "x2").equal().x_range(-3.5, 3.5).y_range(-2.5, 4.5);
        let truth = plane.field(known.iter().map(|log| log.exp()).collect());
        let start = plot::Figure::new("Masked autoregressive flows of a banana").columns(2);
        let start = start.panel(panel("True density").layer(truth));
        let add = |figure: plot::Figure<'static>, (name, density): (&str, Vec<f64>)| {
            figure.panel(panel(&format!("Density of {name}")).layer(plane.field(density)))
        };
        panels.into_iter().fold(start, add).save(path)
    })
}
