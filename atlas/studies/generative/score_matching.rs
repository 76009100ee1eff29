//! Denoising score matching (Vincent 2011) at many noise levels, and samples by annealed Langevin dynamics (Song and Ermon 2019): `cargo
//! run --release -p wgrad-atlas -- score_matching`.

use atlas::prelude::*;
use atlas::{pairs, ring_of_normals};
use methods::generative::{SmoothMlp, annealed_langevin, denoising_score_matching_loss, score_matching_loss};
use wgrad::models::distributions::Distribution;

pub const STUDY: Study = Study {
    name: "score_matching",
    about: "A network learns the slope of the log-density of noisy points, which leads noise to the modes.",
    on_gpu: false,
    data: None,
    run,
};

const RADIUS: f32 = 1.5;
const DEVIATION: f32 = 0.15;
const LEVELS: usize = 10;

/// The exact scores of points with noise of deviation `sigma`.
fn exact(device: &Device, x: &Tensor, sigma: f32) -> Result<Tensor> {
    let noisy = ring_of_normals(device, 8, RADIUS, DEVIATION.hypot(sigma));
    let x = x.detach().variable();
    grad(&noisy.log_prob(&x).sum_all(), &[&x]).remove(0).context("depends on x")
}

fn run(lab: &mut Lab) -> Result<()> {
    let device = lab.device().clone();
    let draw = Generator::new(lab.seed());
    let truth = ring_of_normals(&device, 8, RADIUS, DEVIATION);
    // From 2 to 0.05.
    let sigmas: Vec<f32> =
        (0..LEVELS).map(|i| 2.0 * (0.05f32 / 2.0).powf(i as f32 / (LEVELS - 1) as f32)).collect();
    let all = Tensor::from_slice(&device, &sigmas, &[LEVELS, 1])?;

    let params = lab.params();
    let net = SmoothMlp::new(&params, &[3, 96, 96, 2]);
    // Positions are scaled to the width of the modes; scores are of the order of 1 / sigma.
    let score = |x: &Tensor, sigma: &Tensor| net.forward(&cat(&[&(x * 3.0), &sigma.log()], 1)) / sigma;
    let steps = lab.pick(8000, 2000);
    let mut opt = Adam::new(&params);
    lab.fit("score", steps, &mut opt, Cosine::new(4e-3, 0.0, steps), |_| {
        let level = (draw.uniform(&device, &[256]) * LEVELS as f32).to(DType::I32);
        let sigma = all.index_select(0, &level);
        let z = draw.normal(&device, &[256, 2]);
        Ok(denoising_score_matching_loss(score, &truth.sample(&draw, &[256]), &sigma, &z))
    })?;

    let column = |x: &Tensor, sigma: f32| Tensor::full(&device, sigma, &[x.shape()[0], 1]);
    let mut errors = Vec::new();
    for &sigma in &sigmas {
        let x = truth.sample(&draw, &[2000]) + draw.normal(&device, &[2000, 2]) * sigma;
        let (found, exact) = (score(&x, &column(&x, sigma)), exact(&device, &x, sigma)?);
        errors.push(f64::from(((found - &exact).square().sum_all() / exact.square().sum_all()).item()?));
    }
    lab.expect("squared error of the scores, relative, noise 2", errors[0], ..0.02);
    lab.expect("squared error of the scores, relative, noise 0.26", errors[5], ..0.1);

    let start = draw.normal(&device, &[1000, 2]) * 2.0;
    let model = |x: &Tensor, sigma: f32| score(x, &column(x, sigma));
    let points = annealed_langevin(model, start, &sigmas, 4e-4, lab.pick(50, 20), &draw)?;
    let values = points.to_vec::<f32>()?;
    let [one, other] = [(); 2].map(|()| truth.sample(&draw, &[1000]).to_vec::<f32>());
    let one = one?;
    lab.figure("MMD^2 of two true samples", metrics::mmd_squared(&one, &other?, 2, &[0.3]));
    lab.expect("MMD^2 of the samples", metrics::mmd_squared(&one, &values, 2, &[0.3]), ..0.01);
    let centres = truth.components.mean().to_vec::<f32>()?;
    let found = metrics::mode_coverage(&values, 2, &centres, 3.0 * f64::from(DEVIATION));
    lab.expect("modes", found.covered as f64, 8.0..=8.0);
    lab.expect("within 3 deviations", found.near, 0.8..);

    // For normal points of variance 1 with noise of variance 0.25, both losses of the scores -p x differ by a constant. Hyvarinen's loss,
    // which does not use the noise, is exactly -2 p + 1.25 p^2.
    let x = draw.normal(&device, &[200_000, 2]);
    let (z, sigma) = (draw.normal(&device, &[200_000, 2]), column(&x, 0.5));
    let noisy = &x + &z * 0.5;
    let denoising = |p: f32| denoising_score_matching_loss(|x, _| x * -p, &x, &sigma, &z).item();
    let hyvarinen = |p: f32| score_matching_loss(|x| x * -p, &noisy).item();
    let by_noise = (denoising(1.2)? - denoising(0.4)?) / 0.25;
    let by_trace = hyvarinen(1.2)? - hyvarinen(0.4)?;
    let known = -2.0 * (1.2 - 0.4) + 1.25 * (1.2f32.powi(2) - 0.4f32.powi(2));
    lab.expect("Hyvarinen's loss, error", (by_trace - known).abs(), ..0.02);
    lab.expect("denoising loss against Hyvarinen's", (by_noise - by_trace).abs(), ..0.03);

    let samples = pairs(&points)?;
    lab.picture("score_matching", |path| -> Result<()> {
        let mut figure = plot::Figure::new("Denoising score matching of a ring").columns(2);
        for (title, sigma) in [("Scores at noise 0.6", sigmas[3]), ("Scores at noise 0.17", sigmas[6])] {
            let grid = atlas::Plane::new(2.6, 17).points(&device)?;
            let mut panel = plot::Panel::new(title, "", "").equal().x_range(-3.0, 3.0).y_range(-3.0, 3.0);
            for (name, scores) in [("learned", model(&grid, sigma)), ("exact", exact(&device, &grid, sigma)?)]
            {
                panel = panel.with(arrows(name, &pairs(&grid)?, &pairs(&(scores * sigma))?));
            }
            figure = figure.panel(panel);
        }
        let points = plot::Points::new("", samples).radius(1.5);
        let panel = plot::Panel::new("Samples by annealed Langevin dynamics", "", "").layer(points).equal();
        let errors = sigmas.iter().zip(&errors).map(|(&s, &e)| (f64::from(s), e));
        let by_level = plot::Panel::new("Error of the scores", "deviation of the noise", "squared, relative")
            .with(plot::Series::new("", errors).exact())
            .log_x()
            .log_y();
        Ok(figure.panel(panel.x_range(-3.0, 3.0).y_range(-3.0, 3.0)).panel(by_level).save(path)?)
    })
}

/// Short lines from points along slopes, as one line with gaps.
fn arrows(name: &str, places: &[(f64, f64)], slopes: &[(f64, f64)]) -> plot::Series {
    let line = |(&(x, y), &(dx, dy)): (&(f64, f64), &(f64, f64))| {
        [(x, y), (x + 0.12 * dx, y + 0.12 * dy), (f64::NAN, f64::NAN)]
    };
    plot::Series::new(name, places.iter().zip(slopes).flat_map(line)).exact()
}
