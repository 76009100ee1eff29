//! Ordinary differential equations as layers (Chen et al. 2018): the order of the solvers, gradients by the adjoint method, and a
//! continuous normalising flow: `cargo run --release -p wgrad-atlas -- neural_ode`.

use atlas::prelude::*;
use atlas::{Plane, pairs, ring_of_normals};
use methods::generative::{ContinuousFlow, OdeMethod, Trace, adjoint, divergence, odeint, odeint_adaptive};
use wgrad::models::distributions::Distribution;

pub const STUDY: Study = Study {
    name: "neural_ode",
    about: "Solvers of known order, gradients through them, and a vector field that makes three modes of one.",
    on_gpu: false,
    data: None,
    run,
};

const TIME: f32 = 2.0;
/// `x' = A x` rotates by one radian and shrinks by `exp(-0.3)` per unit of time.
const A: [f32; 4] = [-0.3, -1.0, 1.0, -0.3];

/// `exp(A TIME) (1, 0)`.
fn exact() -> [f32; 2] {
    let (sin, cos) = TIME.sin_cos();
    [cos, sin].map(|x| x * (-0.3 * TIME).exp())
}

fn run(lab: &mut Lab) -> Result<()> {
    linear(lab)?;
    flow(lab)
}

fn linear(lab: &mut Lab) -> Result<()> {
    let device = lab.device().clone();
    let a = Tensor::from_slice(&device, &A, &[2, 2])?.variable();
    let start = Tensor::from_slice(&device, &[1.0f32, 0.0], &[1, 2])?;
    let field = |_: f32, x: &Tensor| x.linear(&a, None);
    let end = Tensor::from_slice(&device, &exact(), &[1, 2])?;
    let off = |x: Tensor| (x - &end).norm(2.0, &[0, 1], false).item();
    // Doubling the number of steps divides the error by 2 to the power of the order.
    for (name, method, steps, order) in [
        ("Euler", OdeMethod::Euler, 64, 1),
        ("midpoint", OdeMethod::Midpoint, 32, 2),
        ("Runge-Kutta", OdeMethod::Rk4, 4, 4),
    ] {
        let error = |steps| off(odeint(field, &start, (0.0, TIME), steps, method));
        let ratio = f64::from(error(steps)? / error(2 * steps)?);
        let want = f64::from(1 << order);
        lab.expect_same(
            format!("error by half the error, {name}"),
            ratio,
            0.9 * want..1.15 * want,
            0.05 * want,
        );
    }
    let (found, steps) = odeint_adaptive(field, &start, (0.0, TIME), 1e-5)?;
    lab.expect("error of the adaptive solver", off(found)?, ..1e-4);
    lab.expect("steps of the adaptive solver", steps as f64, 3.0..40.0);

    // The log-density falls by the integral of the trace, which here is the log determinant of exp(A TIME).
    let joint = |_: f32, state: &Tensor| {
        let x = state.narrow(1, 0, 2);
        let slope = x.linear(&a, None);
        cat(&[&slope, &divergence(&slope, &x).unsqueeze(1)], 1)
    };
    let state =
        odeint(joint, &cat(&[&start, &Tensor::zeros(&device, &[1, 1])], 1), (0.0, TIME), 16, OdeMethod::Rk4);
    lab.expect_same("log-determinant, error", state.select(1, 2).item()? + 0.6 * TIME, -1e-4..1e-4, 1e-4);

    // The gradient of |x(T)|^2 / 2 with respect to the start is exp(A T)^T x(T), where exp(A T) is exp(-0.3 T) times an orthogonal matrix.
    let there = odeint(field, &start, (0.0, TIME), 32, OdeMethod::Rk4);
    let loss = there.square().sum_all() * 0.5;
    let through = grad(&loss, &[&a]).remove(0).context("depends on the matrix")?;
    let (by_start, by_matrix) = adjoint(field, &there, &there, &[&a], (0.0, TIME), 32, OdeMethod::Rk4)?;
    let want = &start * (-0.6 * TIME).exp();
    lab.expect("adjoint by the start, error", (by_start - want).norm(2.0, &[0, 1], false).item()?, ..1e-4);
    let apart = (&by_matrix[0] - &through).norm(2.0, &[0, 1], false).item()?
        / through.norm(2.0, &[0, 1], false).item()?;
    lab.expect("adjoint against backpropagation, relative", apart, ..1e-3);
    Ok(())
}

fn flow(lab: &mut Lab) -> Result<()> {
    let device = lab.device().clone();
    let draw = Generator::new(lab.seed());
    let truth = ring_of_normals(&device, 3, 1.6, 0.6);
    let params = lab.params();
    let flow = ContinuousFlow::new(&params, 2, 32, lab.pick(4, 3));
    let steps = lab.pick(400, 100);
    let mut opt = Adam::new(&params);
    lab.fit("continuous flow", steps, &mut opt, Cosine::new(1e-2, 0.0, steps), |_| {
        Ok(-flow.log_prob(&truth.sample(&draw, &[128]), Trace::Exact).mean_all())
    })?;
    let plane = Plane::new(4.5, lab.pick(121, 61));
    let known = plane.values(&device, |x| Ok(truth.log_prob(x)))?;
    let learned = plane.values(&device, |x| Ok(flow.log_prob(x, Trace::Exact)))?;
    let density: Vec<f64> = learned.iter().map(|log| log.exp()).collect();
    lab.expect("integral of the flow's density", plane.integral(&density), 0.98..1.02);
    lab.expect("divergence from the truth", plane.kl(&known, &learned), ..0.12);
    // A single normal distribution with the same mean and covariance.
    let normal = ring_of_normals(&device, 1, 0.0, (1.6f32 * 1.6 / 2.0 + 0.6 * 0.6).sqrt());
    let normal = plane.values(&device, |x| Ok(normal.log_prob(x)))?;
    lab.expect("divergence of the best normal distribution", plane.kl(&known, &normal), 0.2..);
    // Hutchinson's estimate with random signs, which agrees on average.
    let x = truth.sample(&draw, &[2000]).detach();
    let signs = draw.bernoulli(&device, 0.5, &[2000, 2]) * 2.0 - 1.0;
    let estimated = flow.log_prob(&x, Trace::Hutchinson(&signs));
    let apart = (estimated - flow.log_prob(&x, Trace::Exact)).mean_all().item()?;
    lab.expect("Hutchinson's estimate, mean error", apart.abs(), ..0.05);

    let noise = draw.normal(&device, &[800, 2]);
    let mut figure = plot::Figure::new("A continuous normalising flow").columns(3);
    let panel = |title: String| plot::Panel::new(title, "", "").equal().x_range(-3.5, 3.5).y_range(-3.5, 3.5);
    for time in [0.0f32, 0.25, 0.5, 0.75, 1.0] {
        let points = if time == 0.0 { noise.clone() } else { flow.transport(&noise, time) };
        figure = figure.panel(
            panel(format!("Points at time {time}")).layer(plot::Points::new("", pairs(&points)?).radius(1.5)),
        );
    }
    let figure = figure.panel(panel("Density at time 1".into()).layer(plane.field(density)));
    lab.picture("neural_ode", |path| figure.save(path))
}
