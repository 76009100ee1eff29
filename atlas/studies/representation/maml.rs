//! Model-agnostic meta-learning (Finn, Abbeel and Levine 2017) on sines: initial weights from which a few steps on ten points fit any
//! amplitude and phase: `cargo run --release -p wgrad-atlas -- maml`.

use atlas::prelude::*;
use methods::representation::{Order, adapt};

pub const STUDY: Study = Study {
    name: "maml",
    about: "Meta-learning finds weights from which a step or a few fit a new sine, by gradients through gradient steps.",
    on_gpu: false,
    data: None,
    run,
};

const TASKS: usize = 25;
const POINTS: usize = 10;
const RATE: f32 = 0.01;
const WIDTH: usize = 40;

/// Sines `a sin(x + phase)`: points to adapt to and points for evaluation, `[TASKS, POINTS, 1]` each.
struct Sines {
    near: [Tensor; 2],
    far: [Tensor; 2],
}

impl Sines {
    fn draw(device: &Device, draws: &mut Draws) -> Result<Sines> {
        let (mut xs, mut ys) = ([vec![], vec![]], [vec![], vec![]]);
        for _ in 0..TASKS {
            let (a, phase) = (draws.between(0.1, 5.0), draws.between(0.0, std::f32::consts::PI));
            for half in 0..2 {
                for _ in 0..POINTS {
                    let x = draws.between(-5.0, 5.0);
                    xs[half].push(x);
                    ys[half].push(a * (x + phase).sin());
                }
            }
        }
        let of = |values: &[f32]| Tensor::from_slice(device, values, &[TASKS, POINTS, 1]);
        Ok(Sines { near: [of(&xs[0])?, of(&ys[0])?], far: [of(&xs[1])?, of(&ys[1])?] })
    }
}

/// The initial weights and biases of three layers, shared by all tasks.
struct Start {
    params: Vec<Param>,
}

impl Start {
    fn new(params: &Params) -> Start {
        let sizes = [1, WIDTH, WIDTH, 1];
        let layer = |i: usize| {
            let (from, to) = (sizes[i], sizes[i + 1]);
            let weight = params.param(&format!("weight{i}"), &[from, to], Init::XavierNormal { gain: 1.0 });
            [weight, params.param(&format!("bias{i}"), &[1, to], Init::ZEROS)]
        };
        Start { params: (0..3).flat_map(layer).collect() }
    }

    /// A copy for each task: `[TASKS, ..]`.
    fn copies(&self) -> Vec<Tensor> {
        let copy = |param: &Param| {
            let value = param.value();
            value.unsqueeze(0).expand(&[&[TASKS], value.shape()].concat())
        };
        self.params.iter().map(copy).collect()
    }
}

/// `x [TASKS, N, 1]` through each task's own weights.
fn forward(weights: &[Tensor], x: &Tensor) -> Tensor {
    let layer = |x: &Tensor, i: usize| x.bmm(&weights[2 * i]) + &weights[2 * i + 1];
    layer(&layer(&layer(x, 0).relu(), 1).relu(), 2)
}

/// The sum of the tasks' mean squared errors: its gradient with respect to a task's weights is that of the task alone.
fn loss(weights: &[Tensor], [x, y]: &[Tensor; 2]) -> Tensor {
    (forward(weights, x) - y).square().mean(&[1, 2], false).sum_all()
}

/// Mean squared errors on the evaluation points after 0 to 10 steps, over some batches of new sines.
fn judge(lab: &Lab, start: &Start) -> Result<Vec<f64>> {
    let batches = lab.pick(10, 4);
    let mut draws = lab.draws(1);
    let mut errors = vec![0.0; 11];
    for _ in 0..batches {
        let sines = Sines::draw(lab.device(), &mut draws)?;
        let mut weights: Vec<Tensor> = start.copies();
        for (steps, error) in errors.iter_mut().enumerate() {
            if steps > 0 {
                weights = adapt(&weights, 1, RATE, Order::First, |weights| loss(weights, &sines.near));
            }
            *error += f64::from((loss(&weights, &sines.far) / TASKS as f32).item()?) / f64::from(batches);
        }
    }
    Ok(errors)
}

fn run(lab: &mut Lab) -> Result<()> {
    let meta = lab.pick(5000, 550);
    let mut curves = vec![("fresh", judge(lab, &Start::new(&lab.params()))?)];
    let mut lines = Vec::new();
    for (name, order) in
        [("all sines at once", None), ("first-order MAML", Some(Order::First)), ("MAML", Some(Order::Second))]
    {
        let params = lab.params();
        let start = Start::new(&params);
        let mut draws = lab.draws(0);
        let mut opt = Adam::new(&params);
        lab.fit(name, meta, &mut opt, Cosine::new(lab.pick(2e-3, 5e-3), 0.0, meta), |_| {
            let mut sines = Sines::draw(lab.device(), &mut draws)?;
            sines.far[1] = targets(&sines.far[1])?;
            let weights = start.copies();
            let adapted = match order {
                None => weights,
                Some(order) => adapt(&weights, 1, RATE, order, |weights| loss(weights, &sines.near)),
            };
            Ok(loss(&adapted, &sines.far) / TASKS as f32)
        })?;
        curves.push((name, judge(lab, &start)?));
        if order == Some(Order::Second) {
            lines = sample(lab, &start)?;
        }
    }

    let [fresh, joint, first, second] = [0, 1, 2, 3].map(|i| curves[i].1.clone());
    lab.expect("MAML after 1 step, over a fresh net", second[1] / fresh[1], ..lab.pick(0.3, 0.6));
    lab.expect("MAML after 5 steps, over a fresh net", second[5] / fresh[5], ..lab.pick(0.2, 0.3));
    lab.expect("MAML after 5 steps, over a net of all sines", second[5] / joint[5], ..lab.pick(0.25, 0.6));
    lab.expect(
        "first-order MAML after 5 steps, over a net of all sines",
        first[5] / joint[5],
        ..lab.pick(0.4, 0.8),
    );
    lab.expect("steps of MAML: error after 5 over before", second[5] / second[0], ..lab.pick(0.25, 0.6));

    let steps = |(name, errors): &(&str, Vec<f64>)| {
        plot::Series::new(*name, errors.iter().enumerate().map(|(i, &error)| (i as f64, error)))
    };
    let panel = plot::Panel::new("New sines", "steps on ten points", "mean squared error");
    let panel = curves.iter().map(steps).fold(panel, plot::Panel::with).log_y();
    let one = lines.into_iter().fold(plot::Panel::new("One of them", "x", "y"), plot::Panel::with);
    lab.picture("maml", |path| {
        plot::Figure::new("Learning to learn sines").panel(panel).panel(one).save(path)
    })
}

/// The first new sine, and the network's prediction after some steps.
fn sample(lab: &Lab, start: &Start) -> Result<Vec<plot::Series>> {
    let sines = Sines::draw(lab.device(), &mut lab.draws(2))?;
    let grid: Vec<f32> = (0..101).map(|i| i as f32 / 10.0 - 5.0).collect();
    let x = Tensor::from_slice(lab.device(), &grid, &[1, grid.len(), 1])?.expand(&[TASKS, grid.len(), 1]);
    let mut series = Vec::new();
    for steps in [0, 1, 5] {
        let weights = adapt(&start.copies(), steps, RATE, Order::First, |weights| loss(weights, &sines.near));
        let ys = forward(&weights, &x).select(0, 0).to_vec::<f32>()?;
        let points = grid.iter().zip(ys).map(|(&x, y)| (x.into(), y.into()));
        series.push(plot::Series::new(format!("after {steps} steps"), points).exact());
    }
    let [xs, ys] = &sines.near;
    let mut points: Vec<(f64, f64)> = Vec::new();
    for (x, y) in xs.select(0, 0).to_vec::<f32>()?.into_iter().zip(ys.select(0, 0).to_vec::<f32>()?) {
        points.push((x.into(), y.into()));
    }
    points.sort_by(|a, b| a.0.total_cmp(&b.0));
    series.push(plot::Series::new("ten points", points));
    Ok(series)
}
