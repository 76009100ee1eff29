//! The perceptron (Rosenblatt 1958): each mistake adds the example to the weights, `w = w + t x`. It learns AND and OR, and cannot learn
//! XOR (Minsky and Papert 1969), which a network with two hidden units can. If weights of length 1 separate the examples with margin
//! `gamma`, it makes at most `(R / gamma)^2` mistakes (Novikoff 1962): `cargo run --release -p wgrad-atlas -- perceptron`.

use atlas::prelude::*;

pub const STUDY: Study = Study {
    name: "perceptron",
    about: "Rosenblatt's rule learns AND and OR but not XOR, within Novikoff's bound of mistakes; two hidden units learn XOR.",
    on_gpu: true,
    data: None,
    run,
};

const CORNERS: [[f64; 2]; 4] = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]];

/// An example, with a 1 appended for the bias, and its target of -1 or 1.
type Example = ([f64; 3], f64);

fn examples(truth: [bool; 4]) -> Vec<Example> {
    let target = |t| if t { 1.0 } else { -1.0 };
    CORNERS.iter().zip(truth).map(|(&[x, y], t)| ([x, y, 1.0], target(t))).collect()
}

fn dot(a: &[f64; 3], b: &[f64; 3]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// The share of examples classified correctly.
fn accuracy(w: &[f64; 3], examples: &[Example]) -> f64 {
    examples.iter().filter(|(x, t)| t * dot(w, x) > 0.0).count() as f64 / examples.len() as f64
}

struct Learned {
    weights: [f64; 3],
    accuracy: f64,
    mistakes: usize,
}

/// Trains until a sweep makes no mistake, or for 1000 sweeps; returns the best weights seen.
fn rosenblatt(examples: &[Example]) -> Learned {
    let mut w = [0.0; 3];
    let mut best = Learned { weights: w, accuracy: 0.0, mistakes: 0 };
    for _ in 0..1000 {
        let before = best.mistakes;
        for (x, t) in examples {
            if t * dot(&w, x) <= 0.0 {
                w.iter_mut().zip(x).for_each(|(w, x)| *w += t * x);
                best.mistakes += 1;
                let accuracy = accuracy(&w, examples);
                if accuracy > best.accuracy {
                    (best.weights, best.accuracy) = (w, accuracy);
                }
            }
        }
        if best.mistakes == before {
            break;
        }
    }
    best
}

/// The best weights on a grid fine enough for every linear separation of the four corners.
fn best_of_all(examples: &[Example]) -> Learned {
    let grid = || (-4..=4).map(|i| 0.5 * f64::from(i) + 0.1);
    let all = grid().flat_map(|a| grid().flat_map(move |b| grid().map(move |c| [a, b, c])));
    let of = |weights| Learned { weights, accuracy: accuracy(&weights, examples), mistakes: 0 };
    all.map(of).max_by(|a, b| a.accuracy.total_cmp(&b.accuracy)).expect("a grid of some weights")
}

/// The bound `(R / gamma)^2` for weights that separate the examples with margin `gamma`.
fn bound(weights: &[f64; 3], examples: &[Example]) -> f64 {
    let length = dot(weights, weights).sqrt();
    let gamma = examples.iter().map(|(x, t)| t * dot(weights, x) / length).fold(f64::MAX, f64::min);
    examples.iter().map(|(x, _)| dot(x, x)).fold(0.0, f64::max) / gamma.powi(2)
}

/// Networks with two hidden units from many initialisations at once, and the logits of the first that learned XOR.
fn xor_nets(lab: &mut Lab) -> Result<plot::Field> {
    const NETS: usize = 64;
    let params = lab.params();
    let normal = Init::Normal { mean: 0.0, std: 1.0 };
    let [w1, b1] = [[NETS, 2, 2], [NETS, 1, 2]].map(|s| params.param(&format!("hidden{s:?}"), &s, normal));
    let [w2, b2] = [[NETS, 2, 1], [NETS, 1, 1]].map(|s| params.param(&format!("out{s:?}"), &s, normal));
    // From points `[P, 2]` to logits `[NETS, P]`.
    let logits = |x: &Tensor| {
        let hidden = (x.matmul(&w1.value()) + b1.value()).tanh();
        (hidden.matmul(&w2.value()) + b2.value()).squeeze(&[-1])
    };
    let x = Tensor::from_slice(
        lab.device(),
        &CORNERS.as_flattened().iter().map(|&x| x as f32).collect::<Vec<_>>(),
        &[4, 2],
    )?;
    let truth =
        targets(&Tensor::from_slice(lab.device(), &[0.0f32, 1.0, 1.0, 0.0], &[4])?)?.expand(&[NETS, 4]);
    let steps = lab.pick(1000, 300);
    lab.fit("XOR nets", steps, &mut Adam::new(&params), 0.05, |_| {
        let loss = logits(&x).binary_cross_entropy_with_logits(&truth, None, None, Reduction::Sum);
        Ok(loss / NETS as f32)
    })?;
    let answers = logits(&x).to_vec::<f32>()?;
    let learned =
        |net: &[f32]| net.iter().zip([false, true, true, false]).all(|(&logit, t)| (logit > 0.0) == t);
    let right: Vec<bool> = answers.chunks(4).map(learned).collect();
    let share = right.iter().filter(|&&r| r).count() as f64 / NETS as f64;
    lab.expect("share of nets with two hidden units that learn XOR", share, 0.25..=1.0);
    let first = right.iter().position(|&r| r).context("no net has learned XOR")?;
    plot::Field::sample_all(PLANE, PLANE, 120, |points| {
        let x = Tensor::from_slice(lab.device(), points.as_flattened(), &[points.len(), 2])?;
        let logits = logits(&x).select(0, first).to_vec::<f32>()?;
        Ok(logits.iter().map(|&logit| if logit > 0.0 { 1.0 } else { 0.0 }).collect())
    })
}

const PLANE: (f64, f64) = (-0.5, 1.5);

fn panel(title: &str, classes: plot::Field, examples: &[Example]) -> plot::Panel {
    let of = |target: f64| {
        let those = examples.iter().filter(|(_, t)| *t == target).map(|(x, _)| (x[0], x[1]));
        plot::Points::new(if target > 0.0 { "true" } else { "false" }, those).radius(8.0)
    };
    let panel = plot::Panel::new(title, "first input", "second input").equal();
    panel.layer(classes.colors(plot::ColorMap::Classes)).layer(of(-1.0)).layer(of(1.0))
}

fn run(lab: &mut Lab) -> Result<()> {
    let mut figure = plot::Figure::new("What one perceptron can and cannot do");
    // The maximum-margin weights of AND and OR, and the expected ranges of the accuracies.
    let gates = [
        ("AND", [false, false, false, true], Some([2.0, 2.0, -3.0])),
        ("OR", [false, true, true, true], Some([2.0, 2.0, -1.0])),
        ("XOR", [false, true, true, false], None),
    ];
    for (name, truth, widest) in gates {
        let examples = examples(truth);
        let mut learned = rosenblatt(&examples);
        let right = if widest.is_some() { 1.0..=1.0 } else { 0.25..=0.75 };
        lab.expect(format!("{name}: accuracy"), learned.accuracy, right);
        match widest {
            Some(weights) => {
                let share = learned.mistakes as f64 / bound(&weights, &examples);
                lab.expect(format!("{name}: mistakes against the bound"), share, ..=1.0);
            }
            None => {
                learned = best_of_all(&examples);
                lab.expect(format!("{name}: accuracy of the best perceptron"), learned.accuracy, 0.75..=0.75);
            }
        }
        let w = learned.weights;
        let field = plot::Field::sample(PLANE, PLANE, 120, |x, y| f64::from(dot(&w, &[x, y, 1.0]) > 0.0));
        figure = figure.panel(panel(&format!("{name}: {} of 4", 4.0 * learned.accuracy), field, &examples));
    }

    // Random points on both sides of a random line, none within 0.1 of it.
    let mut draws = lab.draws(1);
    let (sin, cos) = (f64::from(draws.between(0.0, std::f32::consts::TAU))).sin_cos();
    let line = [cos, sin, f64::from(draws.between(-0.3, 0.3))];
    let mut cloud = Vec::new();
    while cloud.len() < 500 {
        let x = [draws.between(-1.0, 1.0).into(), draws.between(-1.0, 1.0).into(), 1.0];
        let distance = dot(&line, &x);
        if distance.abs() > 0.1 {
            cloud.push((x, distance.signum()));
        }
    }
    let learned = rosenblatt(&cloud);
    lab.expect("500 points: accuracy", learned.accuracy, 1.0..=1.0);
    lab.figure("500 points: mistakes", learned.mistakes as f64);
    lab.expect(
        "500 points: mistakes against the bound",
        learned.mistakes as f64 / bound(&line, &cloud),
        ..=1.0,
    );

    let field = xor_nets(lab)?;
    let xor = examples([false, true, true, false]);
    figure = figure.panel(panel("XOR: 4 of 4 with two hidden units", field, &xor));
    lab.picture("perceptron", |path| figure.columns(2).save(path))
}
