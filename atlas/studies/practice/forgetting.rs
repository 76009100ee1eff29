//! Catastrophic forgetting (McCloskey and Cohen 1989), and what lessens it: elastic weight consolidation (Kirkpatrick et al. 2017) and replay;
//! and transfer that does harm, against its exact risk: `cargo run --release -p wgrad-atlas -- forgetting`.

use atlas::{RealDigits, prelude::*};
use methods::curvature::linear_each;
use methods::representation::{Consolidated, fisher_diagonal};
use wgrad::models::Mlp;

pub const STUDY: Study = Study {
    name: "forgetting",
    about: "A network that learns one task after the other forgets the first, unless weights are held or examples repeated.",
    on_gpu: false,
    data: None,
    run,
};

const TASKS: usize = 3;
const WAYS: [&str; 4] = ["one after the other", "consolidation", "replay", "all at once"];
/// How many times the loss of an earlier example weighs that of a new one, in the penalty.
const STRENGTH: f32 = 30.0;

/// Real digits with their pixels in an order of their own.
struct Task {
    train: (Tensor, Tensor),
    test: (Tensor, Tensor),
}

fn tasks(digits: &RealDigits, draws: &mut Draws) -> Result<Vec<Task>> {
    let mut order: Vec<i32> = (0..64).collect();
    let mut task = || -> Result<Task> {
        let pixels = Tensor::from_slice(digits.train.0.device(), &order, &[64])?;
        draws.shuffle(&mut order);
        let permuted = |(x, y): &(Tensor, Tensor)| (x.index_select(1, &pixels).detach(), y.clone());
        Ok(Task { train: permuted(&digits.train), test: permuted(&digits.test) })
    };
    (0..TASKS).map(|_| task()).collect()
}

fn logits(values: &[Tensor], x: &Tensor) -> Tensor {
    linear_each(&linear_each(x, &values[0], &values[1]).relu(), &values[2], &values[3])
}

/// What the weights mean to a task, at labels drawn from the model.
fn consolidated(values: &[Tensor], task: &Task, draws: &mut Draws) -> Result<Consolidated> {
    const COUNT: usize = 200;
    let x = task.train.0.narrow(0, 0, COUNT);
    let labels: Vec<i32> =
        logits(values, &x).to_vec::<f32>()?.chunks(10).map(|row| draws.categorical(row) as i32).collect();
    let labels = Tensor::from_slice(x.device(), &labels, &[COUNT])?;
    let options = CrossEntropy { reduction: Reduction::None, ..Default::default() };
    let fisher =
        fisher_diagonal(values, COUNT, |copies| logits(copies, &x).cross_entropy_with(&labels, options));
    Ok(Consolidated::new(values, fisher))
}

/// Accuracies on all tasks, `[task after which][task]`.
fn learn(lab: &Lab, way: &str, tasks: &[Task]) -> Result<Vec<Vec<f64>>> {
    const BATCH: usize = 50;
    let params = lab.params();
    Mlp::new(&params, &[64, 100, 10]);
    let values = || params.all().iter().map(Param::value).collect::<Vec<_>>();
    let (mut draws, steps) = (lab.draws(5), lab.pick(1000, 250));
    let (mut before, mut found): (Vec<Consolidated>, _) = (Vec::new(), Vec::new());
    for t in 0..TASKS {
        let mut opt = Sgd::new(&params).momentum(0.9);
        lab.fit(&format!("{way}, task {t}"), steps, &mut opt, 0.03, |step| {
            // The tasks whose examples this step sees: with replay, half of the steps repeat 100 examples of earlier ones.
            let (of, among) = match way {
                "all at once" => (step % TASKS, RealDigits::TRAIN),
                "replay" if t > 0 && step % 2 == 1 => (step / 2 % t, 100),
                _ => (t, RealDigits::TRAIN),
            };
            let (x, y) = &tasks[of].train;
            let [x, y] = minibatch(&mut draws, BATCH, [&x.narrow(0, 0, among), &y.narrow(0, 0, among)])?;
            let values = values();
            let loss = logits(&values, &x).cross_entropy(&y);
            Ok(before.iter().fold(loss, |loss, task| loss + task.penalty(&values) * STRENGTH))
        })?;
        if way == "consolidation" {
            before.push(consolidated(&values(), &tasks[t], &mut draws)?);
        }
        let right = |task: &Task| metrics::accuracy(&logits(&values(), &task.test.0), &task.test.1);
        found.push(tasks.iter().map(right).collect::<Result<Vec<f64>, _>>()?);
    }
    Ok(found)
}

fn run(lab: &mut Lab) -> Result<()> {
    let harm = negative_transfer(lab)?;
    let digits = lab.real_digits()?;
    let tasks = tasks(&digits, &mut lab.draws(4))?;
    let mut panel =
        plot::Panel::new("Digits with permuted pixels", "tasks learnt", "accuracy on the first task")
            .y_range(0.0, 1.0);
    let mut means = Vec::new();
    for way in WAYS {
        let found = learn(lab, way, &tasks)?;
        let first = found.iter().enumerate().map(|(t, right)| ((t + 1) as f64, right[0]));
        panel = panel.with(plot::Series::new(way, first));
        lab.expect(
            format!("{way}: accuracy on the newest task, in the end"),
            found[TASKS - 1][TASKS - 1],
            0.8..,
        );
        lab.figure(format!("{way}: accuracy on the first task, in the end"), found[TASKS - 1][0]);
        means.push(found[TASKS - 1].iter().sum::<f64>() / TASKS as f64);
        if way == WAYS[0] {
            lab.expect("one after the other: accuracy on the first task before others", found[0][0], 0.85..);
            lab.expect(
                "one after the other: what is forgotten of it",
                found[0][0] - found[TASKS - 1][0],
                0.2..,
            );
        }
    }
    lab.expect("all at once: mean accuracy", means[3], 0.85..);
    for i in 1..3 {
        lab.expect(
            format!("{}: mean accuracy over that of one after the other", WAYS[i]),
            means[i] - means[0],
            0.08..,
        );
    }
    let figure = plot::Figure::new("One task after another").panel(panel).panel(harm);
    lab.picture("forgetting", |path| figure.save(path))
}

/// Linear tasks of 40 weights: the weights nearest to those of a source task that fit 20 examples have a risk of half the squared distance of the
/// two tasks, the source's included. Beyond 60 degrees, that is more than without the source.
fn negative_transfer(lab: &mut Lab) -> Result<plot::Panel> {
    const WEIGHTS: usize = 40;
    const EXAMPLES: usize = 20;
    let (mut draws, trials) = (lab.draws(0), lab.pick(400, 60));
    let degrees: Vec<f64> = (0..=6).map(|i| f64::from(20 * i)).collect();
    let mut risks = vec![0.0; degrees.len()];
    for _ in 0..trials {
        let mut normal = |count: usize| (0..count).map(|_| draws.normal()).collect::<Vec<f64>>();
        let unit = |v: Vec<f64>| {
            let norm = v.iter().map(|v| v * v).sum::<f64>().sqrt();
            v.into_iter().map(|v| v / norm).collect::<Vec<f64>>()
        };
        let target = unit(normal(WEIGHTS));
        let other = normal(WEIGHTS);
        let along: f64 = other.iter().zip(&target).map(|(a, b)| a * b).sum();
        let across = unit(other.iter().zip(&target).map(|(a, b)| a - along * b).collect());
        let rows: Vec<f32> = normal(EXAMPLES * WEIGHTS).into_iter().map(|v| v as f32).collect();
        let x = Tensor::from_slice(lab.device(), &rows, &[EXAMPLES, WEIGHTS])?;
        let columns: Vec<f32> = degrees
            .iter()
            .flat_map(|angle| {
                let (sin, cos) = angle.to_radians().sin_cos();
                target.iter().zip(&across).map(move |(t, a)| (t - cos * t - sin * a) as f32)
            })
            .collect();
        // Targets less the sources, `[40, 7]`, and what the examples leave of them.
        let apart = Tensor::from_slice(lab.device(), &columns, &[degrees.len(), WEIGHTS])?.t();
        let left = &apart - linalg::pinv(&x)?.matmul(&x.matmul(&apart));
        let found = left.square().sum(&[0], false).to_vec::<f32>()?;
        risks.iter_mut().zip(found).for_each(|(sum, risk)| *sum += f64::from(risk) / f64::from(trials));
    }
    let share = 1.0 - EXAMPLES as f64 / WEIGHTS as f64;
    let exact = |angle: f64| share * (2.0 - 2.0 * angle.to_radians().cos());
    let off =
        degrees.iter().zip(&risks).skip(1).map(|(&a, r)| (r / exact(a) - 1.0).abs()).fold(0.0, f64::max);
    lab.expect("transfer: risks over the exact ones, less 1", off, ..0.1);
    lab.expect("transfer from 40 degrees: risk over that without a source", risks[2] / share, ..0.6);
    lab.expect("transfer from 80 degrees: risk over that without a source", risks[4] / share, 1.4..);
    Ok(plot::Panel::new("Transfer between linear tasks", "degrees between the tasks", "risk")
        .with(plot::Series::new("exact", (0..=120).map(|a| (f64::from(a), exact(a.into())))).exact())
        .layer(plot::Points::new("weights nearest to the source", degrees.into_iter().zip(risks)))
        .with(plot::Series::new("without a source", [(0.0, share), (120.0, share)]).exact()))
}
