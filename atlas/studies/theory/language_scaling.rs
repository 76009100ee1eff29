//! Scaling laws of language models (Kaplan et al. 2020; Hoffmann et al. 2022): the loss of a GPT on text that it was not trained on falls as a
//! power of its size, of its data and of the compute spent on it, and the more compute there is, the larger is the best network. In the
//! built-in language syllables have frequencies of a power law, as facts have in Hutter (2021), and the entropy, which no network can
//! go below, is known: `cargo run --release -p wgrad-atlas -- language_scaling`.

use atlas::{mean_loss, next_token_loss, operations_per_token, prelude::*};
use wgrad::data::{Text, Windows};
use wgrad::models::Average;

use super::power_law::PowerLaw;

pub const STUDY: Study = Study {
    name: "language_scaling",
    about: "The loss of a GPT is a power law of its size, its data and its compute.",
    on_gpu: false,
    data: Some("a text"),
    run,
};

/// Consonants and vowels of the built-in language.
const CONSONANTS: usize = 2000;
const VOWELS: usize = 64;
/// The frequency of a consonant is this power of its rank.
const ZIPF: f64 = -1.5;

/// How networks are trained.
struct Budget {
    context: usize,
    /// Windows of a step.
    batch: usize,
    /// Widths and depths, from the smallest.
    sizes: [(usize, usize); 5],
    /// The steps after which losses are measured.
    measured: [usize; 5],
    /// Which of the sizes learns parts of the text.
    reader: usize,
}

/// Parts of the text: its beginning, divided by these.
const PARTS: [usize; 5] = [1, 4, 8, 16, 32];

fn budget(lab: &Lab) -> Budget {
    // With more steps or width the built-in text, not the size, would limit the loss.
    let small = Budget {
        context: 16,
        batch: 32,
        sizes: [(4, 1), (6, 1), (8, 1), (12, 1), (16, 1)],
        measured: [25, 50, 100, 200, 400],
        reader: 4,
    };
    let real = Budget {
        context: 64,
        sizes: [(16, 1), (24, 2), (32, 3), (48, 3), (64, 4)],
        measured: [45, 90, 180, 360, 720],
        reader: 2,
        ..small
    };
    if lab.data().is_some() { lab.pick(real, small) } else { small }
}

/// A text, whose last part is not for training, and the least nats per character that this part allows.
struct Language {
    text: Text,
    held_out: f64,
    least: f64,
}

impl Language {
    /// Syllables of a consonant and the vowel that always follows it. What has been read of the consonants' distribution determines the loss.
    fn made(syllables: usize, draws: &mut Draws) -> Result<Language> {
        let sign = |number: usize| char::from_u32(0x4e00 + number as u32).expect("a sign");
        let vowels: Vec<char> = (0..CONSONANTS).map(|_| sign(draws.below(VOWELS as u32) as usize)).collect();
        let weights: Vec<f64> = (1..=CONSONANTS).map(|rank| (rank as f64).powf(ZIPF)).collect();
        let sum: f64 = weights.iter().sum();
        let (mut text, mut nats) = (String::new(), 0.0);
        let held_out = syllables / 5;
        for i in 0..syllables {
            let consonant = draws.weighted(&weights);
            text.extend([sign(VOWELS + consonant), vowels[consonant]]);
            if i >= syllables - held_out {
                nats -= (weights[consonant] / sum).ln();
            }
        }
        Ok(Language { text: Text::new(&text)?, held_out: 0.2, least: nats / (2 * held_out) as f64 })
    }
}

/// What a network has lost after some steps.
#[derive(Clone, Copy)]
struct Point {
    parameters: f64,
    /// Floating-point operations of training.
    compute: f64,
    loss: f64,
}

/// Losses on `held_out` of a network that learns `train`, at a constant rate. What is measured is the mean of the weights over the last fifth of
/// the steps, which is nearly as good as a decay of the rate before every measurement (Hägele et al. 2024).
fn learn(
    lab: &Lab,
    what: &str,
    budget: &Budget,
    options: GptOptions,
    [train, held_out]: [&Windows; 2],
) -> Result<Vec<Point>> {
    let params = lab.params();
    let net = Gpt::new(&params, options);
    params.redraw("*_emb.weight", Init::Normal { mean: 0.0, std: 0.1 });
    let per_step = operations_per_token(&params, &options) * (budget.batch * options.context) as f64;
    let mut points = Vec::new();
    let mut average = Average::swa(&params);
    let mut measure = |step: usize| -> Result<()> {
        let Some(&next) = budget.measured.iter().find(|&&at| at >= step) else { return Ok(()) };
        let begins = next - next / 5;
        if step == begins {
            average = Average::swa(&params);
        }
        if step >= begins {
            average.update()?;
        }
        if step == next {
            average.swap();
            let loss = mean_loss(held_out, lab.device(), |tokens, next| next_token_loss(&net, tokens, next))?;
            average.swap();
            points.push(Point { parameters: params.count() as f64, compute: per_step * step as f64, loss });
        }
        Ok(())
    };
    let steps = budget.measured[4];
    let rate = Warmup::new(0.05, 50.min(steps / 5), 0.04 / (options.width as f32).sqrt());
    lab.fit(what, steps, &mut AdamW::new(&params).betas(0.9, 0.95), rate, |step| {
        measure(step)?;
        let [tokens, next] = train.draw(budget.batch, lab.seed(), step).to_device(lab.device())?;
        Ok(next_token_loss(&net, &tokens, &targets(&next)?))
    })?;
    measure(steps)?;
    Ok(points)
}

/// The points that no other point beats with as little compute.
fn frontier(points: impl Iterator<Item = Point>) -> Vec<Point> {
    let mut points: Vec<Point> = points.collect();
    points.sort_by(|a, b| a.compute.total_cmp(&b.compute));
    let mut best = f64::INFINITY;
    points.retain(|point| {
        let better = point.loss < best;
        best = best.min(point.loss);
        better
    });
    points
}

fn run(lab: &mut Lab) -> Result<()> {
    let budget = budget(lab);
    let Language { text, held_out: share, least } = match lab.data() {
        Some(path) => Language { text: Text::read(path)?, held_out: 0.1, least: 0.0 },
        None => Language::made(100_000, &mut lab.draws(1))?,
    };
    let (train, held_out) = text.split(share, budget.context)?;
    let options = |(width, depth): (usize, usize)| {
        let (vocab, heads) = (text.chars().len(), (width / 16).max(1));
        GptOptions { vocab, context: budget.context, width, heads, depth, dropout: 0.0 }
    };
    let mut curves = Vec::new();
    for &(width, depth) in &budget.sizes {
        let what = format!("width {width}, depth {depth}");
        let points = learn(lab, &what, &budget, options((width, depth)), [&train, &held_out])?;
        lab.figure(format!("nats a character, {what}"), points[4].loss);
        curves.push(points);
    }
    let known = text.tokens().len() - (text.tokens().len() as f64 * share).round() as usize;
    let mut by_data = vec![(known as f64, curves[budget.reader].clone())];
    for part in PARTS.map(|part| known / part).into_iter().skip(1) {
        let few = beginning(&text, part, budget.context)?;
        let what = format!("{part} characters");
        let points = learn(lab, &what, &budget, options(budget.sizes[budget.reader]), [&few, &held_out])?;
        by_data.push((part as f64, points));
    }
    laws(lab, &curves, &by_data, least)
}

/// Windows of the first characters.
fn beginning(text: &Text, characters: usize, context: usize) -> Result<Windows> {
    // A second part of one window is split off.
    let all = characters + context + 1;
    Ok(Windows::split(&text.tokens()[..all], (context + 1) as f64 / all as f64, context)?.0)
}

/// Fits power laws to losses above the least possible one, and draws them.
fn laws(lab: &mut Lab, curves: &[Vec<Point>], by_data: &[(f64, Vec<Point>)], least: f64) -> Result<()> {
    let sizes: Vec<(f64, f64)> =
        curves.iter().map(|points| (points[4].parameters, points[4].loss - least)).collect();
    // Training on a part of the text stops when the loss is lowest.
    let stopped = |points: &[Point]| points.iter().map(|point| point.loss).fold(f64::INFINITY, f64::min);
    let data: Vec<(f64, f64)> =
        by_data.iter().map(|(size, points)| (*size, stopped(points) - least)).collect();
    let best = frontier(curves.iter().flatten().copied());
    let compute: Vec<(f64, f64)> = best.iter().map(|point| (point.compute, point.loss - least)).collect();
    let optimal: Vec<(f64, f64)> = best.iter().map(|point| (point.compute, point.parameters)).collect();
    let least_loss = curves.iter().flatten().map(|point| point.loss).fold(f64::INFINITY, f64::min);
    let loss = if lab.data().is_some() { "nats a character" } else { "nats a character above the entropy" };
    lab.expect(format!("lowest loss, {loss}"), least_loss - least, 0.0..0.15);

    let mut figure = plot::Figure::new("Scaling laws of GPT");
    for (name, label, points, exponents) in [
        ("parameters", "parameters", sizes, 0.6..2.0),
        ("data", "characters of the text", data, 0.35..0.75),
        ("compute", "operations", compute, 0.5..1.6),
    ] {
        let law = PowerLaw::fit(&points);
        lab.expect(format!("exponent of {name}"), -law.slope, exponents);
        lab.expect(format!("R2 for {name}"), law.r2, 0.8..);
        let line: Vec<(f64, f64)> = points.iter().map(|&(x, _)| (x, law.at(x))).collect();
        let mut panel = plot::Panel::new(format!("Loss by {name}"), label, loss).log_x().log_y();
        if name == "compute" {
            for points in curves {
                let curve = points.iter().map(|point| (point.compute, point.loss - least));
                panel = panel.with(plot::Series::new(format!("{} parameters", points[0].parameters), curve));
            }
        }
        panel = panel
            .with(plot::Series::new(format!("power {:.2}", law.slope), line).exact())
            .layer(plot::Points::new(if name == "compute" { "best" } else { "loss" }, points));
        figure = figure.panel(panel);
    }
    lab.expect("exponent of the best size by compute", PowerLaw::fit(&optimal).slope, 0.1..1.0);
    lab.picture("language_scaling", |path| figure.columns(3).save(path))
}
