//! Hidden states of time series: the Kalman filter and the Rauch-Tung-Striebel smoother, which are exact for linear models with normal
//! noise, and the bootstrap particle filter, which approaches them with many particles and beats the extended Kalman filter on a nonlinear
//! model (Gordon, Salmond and Smith 1993): `cargo run --release -p wgrad-atlas -- filters`.

use atlas::prelude::*;
use methods::inference::{Filtered, Gaussian, LinearGaussian, Track, particle_filter};

pub const STUDY: Study = Study {
    name: "filters",
    about: "Kalman filter and smoother against the exact posterior, particle filters against both.",
    on_gpu: false,
    data: None,
    run,
};

fn run(lab: &mut Lab) -> Result<()> {
    linear(lab)?;
    bent(lab)
}

const STEPS: usize = 40;
const PUSH: f64 = 0.05;
const BLUR: f64 = 1.0;

/// A drifting point in the plane: positions and velocities, of which positions are observed.
const DRIFT: LinearGaussian<4, 2> = LinearGaussian {
    transition: [[1.0, 0.0, 1.0, 0.0], [0.0, 1.0, 0.0, 1.0], [0.0, 0.0, 1.0, 0.0], [0.0, 0.0, 0.0, 1.0]],
    transition_noise: diagonal([PUSH; 4]),
    observation: [[1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0]],
    observation_noise: [[BLUR, 0.0], [0.0, BLUR]],
    start: Gaussian { mean: [0.0; 4], covariance: diagonal([1.0, 1.0, 0.25, 0.25]) },
};

const fn diagonal(d: [f64; 4]) -> [[f64; 4]; 4] {
    [[d[0], 0.0, 0.0, 0.0], [0.0, d[1], 0.0, 0.0], [0.0, 0.0, d[2], 0.0], [0.0, 0.0, 0.0, d[3]]]
}

fn linear(lab: &mut Lab) -> Result<()> {
    let mut draws = lab.draws(0);
    let mut state: [f64; 4] = std::array::from_fn(|i| DRIFT.start.covariance[i][i].sqrt() * draws.normal());
    let (mut states, mut seen) = (vec![], vec![]);
    for _ in 0..STEPS {
        states.push(state);
        seen.push([0, 1].map(|i: usize| state[i] + BLUR.sqrt() * draws.normal()));
        let moved = [state[0] + state[2], state[1] + state[3], state[2], state[3]];
        state = moved.map(|x| x + PUSH.sqrt() * draws.normal());
    }
    let filtered = DRIFT.filter(&seen);
    let smoothed = DRIFT.smooth(&filtered);
    let (mean_error, spread_error) = against_joint(lab, &seen, &smoothed)?;
    lab.expect("smoother: means, furthest from the joint posterior", mean_error, ..1e-3);
    lab.expect("smoother: variances, furthest from the joint posterior", spread_error, ..1e-4);

    let off = |places: &dyn Fn(usize) -> [f64; 2]| {
        let squares = (0..STEPS).flat_map(|t| [0, 1].map(|i| (places(t)[i] - states[t][i]).powi(2)));
        (squares.sum::<f64>() / (2 * STEPS) as f64).sqrt()
    };
    let errors =
        [off(&|t| seen[t]), off(&|t| first_two(&filtered.states[t])), off(&|t| first_two(&smoothed[t]))];
    lab.expect("rmse of the filter against what is seen", errors[1] / errors[0], ..0.85);
    lab.expect("rmse of the smoother against the filter", errors[2] / errors[1], ..0.95);

    let mut gaps = Vec::new();
    for count in [100, 10_000] {
        let track = particles(lab, &seen, count)?;
        gaps.push(gap(&track, &filtered));
        if count == 10_000 {
            let difference = (track.log_likelihood - filtered.log_likelihood).abs();
            lab.expect("10000 particles: log-likelihood off by", difference, ..0.8);
        }
    }
    lab.expect("10000 particles: distance from the filter", gaps[1], ..0.06);
    // A hundredth of the variance, so a tenth of the distance.
    lab.expect("distance of 100 particles against 10000", gaps[0] / gaps[1], 5.0..25.0);
    picture(lab, &states, &seen, (&filtered.states, &smoothed))
}

fn first_two(state: &Gaussian<4>) -> [f64; 2] {
    [state.mean[0], state.mean[1]]
}

/// The smoother against the whole series as one normal distribution, by its precision: the errors of means and variances.
fn against_joint(lab: &Lab, seen: &[[f64; 2]], smoothed: &[Gaussian<4>]) -> Result<(f64, f64)> {
    let size = 4 * seen.len();
    let (mut precision, mut shift) = (vec![0f32; size * size], vec![0f64; size]);
    let mut add = |i: usize, j: usize, value: f64| precision[i * size + j] += value as f32;
    for (row, shift) in shift.iter_mut().enumerate() {
        let (t, i) = (row / 4, row % 4);
        if t == 0 {
            add(row, row, 1.0 / DRIFT.start.covariance[i][i]);
        }
        if i < 2 {
            add(row, row, 1.0 / BLUR);
            *shift = seen[t][i] / BLUR;
        }
        if t > 0 {
            // (x_i - x'_i - x'_(i + 2))^2 / push, where x' is the previous state.
            let before = [(row, 1.0), (row - 4, -1.0)].into_iter().chain((i < 2).then(|| (row - 2, -1.0)));
            let places: Vec<_> = before.collect();
            for (a, of_a) in &places {
                places.iter().for_each(|(b, of_b)| add(*a, *b, of_a * of_b / PUSH));
            }
        }
    }
    let covariance =
        linalg::inv(&Tensor::from_slice(lab.device(), &precision, &[size, size])?)?.to_vec::<f32>()?;
    let (mut mean_error, mut spread_error) = (0f64, 0f64);
    for (t, state) in smoothed.iter().enumerate() {
        for i in 0..4 {
            let row = &covariance[(4 * t + i) * size..][..size];
            let mean: f64 = row.iter().zip(&shift).map(|(c, h)| f64::from(*c) * h).sum();
            mean_error = mean_error.max((mean - state.mean[i]).abs());
            spread_error = spread_error.max((f64::from(row[4 * t + i]) - state.covariance[i][i]).abs());
        }
    }
    Ok((mean_error, spread_error))
}

fn particles(lab: &Lab, seen: &[[f64; 2]], count: usize) -> Result<Track> {
    let device = lab.device();
    let generator = Generator::new(lab.seed());
    let deviations: Vec<f32> = (0..4).map(|i| DRIFT.start.covariance[i][i].sqrt() as f32).collect();
    let start = generator.normal(device, &[count, 4]) * Tensor::from_slice(device, &deviations, &[4])?;
    let propagate = |x: &Tensor, _: usize, generator: &Generator| {
        let (place, velocity) = (x.narrow(1, 0, 2), x.narrow(1, 2, 2));
        let moved = wgrad::autograd::cat(&[&(place + &velocity), &velocity], 1);
        moved + generator.normal(device, &[count, 4]) * PUSH.sqrt() as f32
    };
    let log_likelihood = |x: &Tensor, t: usize| {
        let y = Tensor::constant(device, &seen[t].map(|y| y as f32), &[2]);
        let distance = (x.narrow(1, 0, 2) - y).square().sum(&[1], false);
        distance * (-0.5 / BLUR as f32) - (std::f64::consts::TAU * BLUR).ln() as f32
    };
    Ok(particle_filter(&start, seen.len(), propagate, log_likelihood, &generator)?)
}

/// Root mean square distance of the expected positions.
fn gap(track: &Track, filtered: &Filtered<4>) -> f64 {
    let squares = track
        .means
        .iter()
        .zip(&filtered.states)
        .flat_map(|(a, b)| [0, 1].map(|i| (a[i] - b.mean[i]).powi(2)));
    (squares.sum::<f64>() / (2 * STEPS) as f64).sqrt()
}

/// What moves the growth model from outside.
fn force(t: usize) -> f64 {
    8.0 * (1.2 * t as f64).cos()
}

/// The expected states of the growth model given what is seen so far, by sums over a grid: exact but for the grid.
fn on_grid(seen: &[f64], next: impl Fn(f64, usize) -> f64) -> Vec<f64> {
    let grid: Vec<f64> = (-200..=200).map(|i| f64::from(i) * 0.2).collect();
    let mut belief: Vec<f64> = grid.iter().map(|x| (-0.5 * x * x).exp()).collect();
    let step = |(t, y): (usize, &f64)| {
        belief.iter_mut().zip(&grid).for_each(|(b, x)| *b *= (-0.5 * (x * x / 20.0 - y).powi(2)).exp());
        let total: f64 = belief.iter().sum();
        let mean = belief.iter().zip(&grid).map(|(b, x)| b * x).sum::<f64>() / total;
        let moved: Vec<(f64, f64)> =
            belief.iter().zip(&grid).map(|(b, &x)| (b / total, next(x, t))).collect();
        let arrived = |x: &f64| moved.iter().map(|(b, from)| b * (-(x - from).powi(2) / 20.0).exp()).sum();
        belief = grid.iter().map(arrived).collect();
        mean
    };
    seen.iter().enumerate().map(step).collect()
}

/// The growth model, whose observations do not determine the sign of the state: `x' = x / 2 + 25 x / (1 + x^2) + 8 cos(1.2 t) + N(0, 10)`
/// and `y = x^2 / 20 + N(0, 1)`.
fn bent(lab: &mut Lab) -> Result<()> {
    let steps = lab.pick(400, 100);
    let next = |x: f64, t: usize| x / 2.0 + 25.0 * x / (1.0 + x * x) + force(t);
    let mut draws = lab.draws(1);
    let (mut x, mut states, mut seen) = (draws.normal(), vec![], vec![]);
    for t in 0..steps {
        states.push(x);
        seen.push(x * x / 20.0 + draws.normal());
        x = next(x, t) + 10f64.sqrt() * draws.normal();
    }

    let mut extended = vec![];
    let mut belief = Gaussian { mean: [0.0], covariance: [[1.0]] };
    for (t, y) in seen.iter().enumerate() {
        let [m] = belief.mean;
        let (updated, _) = belief.update([y - m * m / 20.0], &[[m / 10.0]], &[[1.0]]);
        let [m] = updated.mean;
        extended.push(m);
        let slope = 0.5 + 25.0 * (1.0 - m * m) / (1.0 + m * m).powi(2);
        belief = updated.predict([next(m, t)], &[[slope]], &[[10.0]]);
    }

    let (device, generator) = (lab.device().clone(), Generator::new(lab.seed()));
    let propagate = |x: &Tensor, t: usize, generator: &Generator| {
        let drift = x * 0.5 + x * 25.0 / (x.square() + 1.0) + force(t) as f32;
        drift + generator.normal(&device, x.shape()) * 10f32.sqrt()
    };
    let log_likelihood = |x: &Tensor, t: usize| {
        (x.square() / 20.0 - seen[t] as f32).square().squeeze(&[1]) * -0.5 - 0.5 * std::f32::consts::TAU.ln()
    };
    // With a tenth of them, an improbable turn can leave a single particle, on the wrong side of 0.
    let start = generator.normal(&device, &[20_000, 1]);
    let track = particle_filter(&start, steps, propagate, log_likelihood, &generator)?;

    let rmse = |means: &mut dyn Iterator<Item = f64>| {
        (means.zip(&states).map(|(m, x)| (m - x).powi(2)).sum::<f64>() / steps as f64).sqrt()
    };
    let ours = rmse(&mut track.means.iter().map(|m| m[0]));
    let theirs = rmse(&mut extended.iter().copied());
    let least = rmse(&mut on_grid(&seen, next).into_iter());
    lab.figure("bent model: rmse of exact filtering", least);
    lab.expect("bent model: 20000 particles against exact filtering", ours / least, 0.95..1.05);
    lab.expect("bent model: particles against the extended filter", ours / theirs, ..0.6);
    let along = |values: &mut dyn Iterator<Item = f64>| {
        values.take(60).enumerate().map(|(t, x)| (t as f64, x)).collect::<Vec<_>>()
    };
    let panel = plot::Panel::new("", "time", "state")
        .with(plot::Series::new("hidden state", along(&mut states.iter().copied())))
        .with(plot::Series::new("particle filter", along(&mut track.means.iter().map(|m| m[0]))))
        .with(plot::Series::new("extended Kalman filter", along(&mut extended.iter().copied())));
    let title = "A state whose square is seen";
    lab.picture("filters-bent", |path| plot::Figure::new(title).panel(panel).save(path))
}

type Path<'a> = &'a [Gaussian<4>];

fn picture(
    lab: &mut Lab,
    states: &[[f64; 4]],
    seen: &[[f64; 2]],
    (filtered, smoothed): (Path, Path),
) -> Result<()> {
    let mean = |path: Path| path.iter().map(|g| (g.mean[0], g.mean[1])).collect::<Vec<_>>();
    let places = plot::Panel::new("Places", "x", "y")
        .layer(plot::Points::new("seen", seen.iter().map(|y| (y[0], y[1]))))
        .with(plot::Series::new("true", states.iter().map(|x| (x[0], x[1]))).exact())
        .with(plot::Series::new("filter", mean(filtered)).exact())
        .with(plot::Series::new("smoother", mean(smoothed)).exact());
    let band = |name: &str, path: Path| {
        let edge = |(t, g): (usize, &Gaussian<4>)| {
            let reach = 1.96 * g.covariance[2][2].sqrt();
            (t as f64, g.mean[2] - reach, g.mean[2] + reach)
        };
        plot::Band::new(name, path.iter().enumerate().map(edge))
    };
    let line = |path: Path| path.iter().enumerate().map(|(t, g)| (t as f64, g.mean[2])).collect::<Vec<_>>();
    let velocity = plot::Panel::new("Velocity along x, with 95% bands", "time", "places a step")
        .layer(band("filter", filtered))
        .layer(band("smoother", smoothed))
        .with(plot::Series::new("true", states.iter().enumerate().map(|(t, x)| (t as f64, x[2]))).exact())
        .with(plot::Series::new("filter", line(filtered)).exact())
        .with(plot::Series::new("smoother", line(smoothed)).exact());
    lab.picture("filters", |path| {
        plot::Figure::new("Kalman filter and smoother").panel(places).panel(velocity).save(path)
    })
}
