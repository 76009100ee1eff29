//! The information bottleneck (Tishby, Pereira and Bialek 1999): the curve of a binary channel against Mrs. Gerber's lemma, where codes begin
//! to pay, and the deep variational bottleneck (Alemi et al. 2017) of digits:
//! `cargo run --release -p wgrad-atlas -- information_bottleneck`.

use atlas::prelude::*;
use methods::unsupervised::InformationBottleneck;
use wgrad::models::Mlp;

pub const STUDY: Study = Study {
    name: "information_bottleneck",
    about: "How much must be kept of an input to tell so much about its class: exact curves, and a network that pays for what it keeps.",
    on_gpu: false,
    data: None,
    run,
};

fn run(lab: &mut Lab) -> Result<()> {
    let binary = binary_channel(lab);
    let begin = onset(lab);
    let deep = variational(lab)?;
    let figure =
        plot::Figure::new("The information bottleneck").columns(3).panel(binary).panel(begin).panel(deep);
    lab.picture("information_bottleneck", |path| figure.save(path))
}

/// An encoder of random rows.
fn random(rows: usize, codes: usize, draws: &mut Draws) -> Vec<Vec<f64>> {
    (0..rows).map(|_| draws.dirichlet(1.0, codes)).collect()
}

/// Entropy of a bit.
fn entropy(p: f64) -> f64 {
    -[p, 1.0 - p].iter().filter(|p| **p > 0.0).map(|p| p * p.ln()).sum::<f64>()
}

/// A fair bit seen through a channel that flips it with probability 0.1: a code of `log 2 - h(a)` tells at most `log 2 - h(a (1 - f) + f (1 - a))`
/// (Wyner and Ziv 1973).
fn binary_channel(lab: &mut Lab) -> plot::Panel {
    const FLIP: f64 = 0.1;
    let relevance = |a: f64| 2f64.ln() - entropy(a * (1.0 - FLIP) + FLIP * (1.0 - a));
    let exact: Vec<(f64, f64)> =
        (0..=100).map(|i| f64::from(i) / 200.0).map(|a| (2f64.ln() - entropy(a), relevance(a))).collect();
    let joint = vec![vec![(1.0 - FLIP) / 2.0, FLIP / 2.0], vec![FLIP / 2.0, (1.0 - FLIP) / 2.0]];
    let (mut points, mut apart, mut prices) = (Vec::new(), 0.0f64, 0.0f64);
    for beta in [1.6, 1.7, 1.8, 2.0, 2.5, 3.0, 4.0, 6.0] {
        let start = vec![vec![0.8, 0.2], vec![0.2, 0.8]];
        let mut code = InformationBottleneck::new(joint.clone(), start);
        code.iterate(beta, 20_000);
        // The code is itself a symmetric channel.
        let a = code.encoder()[0][1].min(code.encoder()[0][0]);
        apart = apart.max((code.rate() - (2f64.ln() - entropy(a))).abs());
        apart = apart.max((code.relevance() - relevance(a)).abs());
        // Along the curve, beta is what a nat of relevance costs.
        let odds = |p: f64| ((1.0 - p) / p).ln();
        let slope = (1.0 - 2.0 * FLIP) * odds(a * (1.0 - FLIP) + FLIP * (1.0 - a)) / odds(a);
        prices = prices.max((slope * beta - 1.0).abs());
        points.push((code.rate(), code.relevance()));
    }
    lab.expect("binary channel: apart from Mrs. Gerber's lemma", apart, ..1e-9);
    lab.expect("binary channel: slope of the lemma times beta, less 1", prices, ..1e-4);
    plot::Panel::new("A bit through a noisy channel", "I(X; T)", "I(T; Y)")
        .with(plot::Series::new("exact", exact).exact())
        .layer(plot::Points::new("Blahut and Arimoto's steps", points))
}

/// Below `1 / rho^2`, with the maximal correlation `rho` of `X` and `Y`, codes are forgotten; above, the smallest difference grows.
fn onset(lab: &mut Lab) -> plot::Panel {
    const SIZE: usize = 6;
    let mut draws = lab.draws(0);
    let rows = random(SIZE, 4, &mut draws);
    let inputs = draws.dirichlet(5.0, SIZE);
    let joint: Vec<Vec<f64>> =
        rows.iter().zip(&inputs).map(|(row, p)| row.iter().map(|q| p * q).collect()).collect();
    let outputs: Vec<f64> = (0..4).map(|y| joint.iter().map(|row| row[y]).sum()).collect();
    let critical = 1.0 / second_singular_value(&joint, &inputs, &outputs).powi(2);
    let information: f64 = joint
        .iter()
        .zip(&inputs)
        .flat_map(|(row, p)| row.iter().zip(&outputs).map(move |(joint, q)| joint * (joint / (p * q)).ln()))
        .sum();
    let entropy = -inputs.iter().map(|p| p * p.ln()).sum::<f64>();

    // A code that hardly tells anything grows or vanishes by the same factor in every round: beta rho^2.
    let mut growths = 0.0f64;
    for share in [0.9, 1.1] {
        let start = (0..SIZE).map(|_| 1e-6 * draws.normal()).map(|off| vec![0.5 + off, 0.5 - off]).collect();
        let mut code = InformationBottleneck::new(joint.clone(), start);
        code.iterate(share * critical, 30);
        let spread = |code: &InformationBottleneck| {
            let mean: f64 = code.encoder().iter().zip(&inputs).map(|(row, p)| p * row[0]).sum();
            code.encoder().iter().zip(&inputs).map(|(row, p)| p * (row[0] - mean).powi(2)).sum::<f64>().sqrt()
        };
        let before = spread(&code);
        code.iterate(share * critical, 10);
        growths = growths.max(((spread(&code) / before).powf(0.1) / share - 1.0).abs());
    }
    lab.expect("growth of a code a round over beta by the critical beta, less 1", growths, ..0.01);

    // From a code of one value for each input, the price of a nat falls.
    let same = |x: usize| (0..SIZE).map(|t| if t == x { 0.95 } else { 0.05 / (SIZE - 1) as f64 }).collect();
    let mut code = InformationBottleneck::new(joint.clone(), (0..SIZE).map(same).collect());
    let mut points = Vec::new();
    for i in (0..24).rev() {
        code.iterate(critical * 0.8 * 1.25f64.powi(i), lab.pick(10_000, 1000));
        points.push((code.rate(), code.relevance()));
    }
    points.reverse();
    let excess = points.iter().map(|p| p.1 - p.0.min(information)).fold(f64::MIN, f64::max);
    lab.expect("I(T; Y) above I(X; T) or I(X; Y), at most", excess, ..1e-9);
    lab.expect("below the critical beta: I(X; T)", points[0].0, ..1e-6);
    let last = points[points.len() - 1];
    lab.expect("at a large beta: I(T; Y) over I(X; Y)", last.1 / information, 0.999..=1.0 + 1e-9);
    // Slopes of a concave curve fall.
    let slopes: Vec<f64> = points
        .windows(2)
        .filter(|pair| pair[1].0 - pair[0].0 > 1e-3)
        .map(|pair| (pair[1].1 - pair[0].1) / (pair[1].0 - pair[0].0))
        .collect();
    let rise = slopes.windows(2).map(|pair| pair[1] - pair[0]).fold(f64::MIN, f64::max);
    lab.expect("largest rise of the curve's slope", rise, ..0.01);
    plot::Panel::new("Six inputs, four outputs", "I(X; T)", "I(T; Y)")
        .with(plot::Series::new("codes", points))
        .with(plot::Series::new("I(X; Y)", [(0.0, information), (entropy, information)]).exact())
        .with(plot::Series::new("I(X; T)", [(0.0, 0.0), (information, information)]).exact())
}

/// The second singular value of `p(x, y) / sqrt(p(x) p(y))`, by power iteration without the first pair of vectors.
fn second_singular_value(joint: &[Vec<f64>], inputs: &[f64], outputs: &[f64]) -> f64 {
    let entry = |x: usize, y: usize| {
        let both = (inputs[x] * outputs[y]).sqrt();
        joint[x][y] / both - both
    };
    let mut right = vec![1.0, -0.3, 0.2, -0.7];
    let mut value = 0.0;
    for _ in 0..1000 {
        let left: Vec<f64> =
            (0..inputs.len()).map(|x| right.iter().enumerate().map(|(y, v)| entry(x, y) * v).sum()).collect();
        right =
            (0..outputs.len()).map(|y| left.iter().enumerate().map(|(x, v)| entry(x, y) * v).sum()).collect();
        value = right.iter().map(|v| v * v).sum::<f64>().sqrt();
        right.iter_mut().for_each(|v| *v /= value);
    }
    value.sqrt()
}

/// A network of real digits with a noisy code of eight numbers, that pays `beta` for each nat of the code's divergence from a standard normal
/// distribution.
fn variational(lab: &mut Lab) -> Result<plot::Panel> {
    const CODES: usize = 8;
    let digits = lab.real_digits()?;
    let ((seen, labels), (test, test_y)) = (digits.train, digits.test);
    let (mut points, mut accuracies) = (Vec::new(), Vec::new());
    for beta in [1e-3f32, 1e-2, 1e-1, 0.5, 2.0] {
        let params = lab.params();
        let encoder = Mlp::new(&params.path("encoder"), &[64, 64, 2 * CODES]);
        let decoder = Linear::new(&params.path("decoder"), CODES, 10);
        let generator = params.generator().clone();
        let coded = |x: &Tensor| {
            let out = encoder.forward(x);
            (out.narrow(1, 0, CODES), out.narrow(1, CODES, CODES) - 2.0)
        };
        let measured = |x: &Tensor, y: &Tensor| {
            let (mean, log_var) = coded(x);
            let noise = generator.normal(x.device(), mean.shape());
            let code = &mean + noise * (&log_var * 0.5).exp();
            let rate = mean.gaussian_kl(&log_var, Reduction::Sum) / x.shape()[0] as f32;
            (decoder.forward(&code).cross_entropy(y), rate)
        };
        let mut draws = lab.draws(2);
        let steps = lab.pick(2000, 500);
        lab.fit(
            &format!("beta {beta}"),
            steps,
            &mut Adam::new(&params),
            Cosine::new(5e-3, 0.0, steps),
            |_| {
                let [x, y] = minibatch(&mut draws, 100, [&seen, &labels])?;
                let (loss, rate) = measured(&x, &y);
                Ok(loss + rate * beta)
            },
        )?;
        let (loss, rate) = measured(&test, &test_y);
        let relevance = 10f64.ln() - f64::from(loss.item()?);
        points.push((f64::from(rate.item()?), relevance));
        accuracies.push(metrics::accuracy(&decoder.forward(&coded(&test).0), &test_y)?);
    }
    let falls = points.windows(2).map(|pair| pair[0].0 / pair[1].0.max(1e-9)).fold(f64::MAX, f64::min);
    lab.expect("deep: rate over that of the next larger beta, least", falls, 1.2..);
    lab.expect("deep: accuracy at beta 0.01", accuracies[1], 0.88..);
    lab.expect("deep: accuracy at beta 0.1", accuracies[2], 0.8..);
    lab.expect("deep: rate at beta 0.1, in nats", points[2].0, 1.5..6.0);
    // The best code of ten equally frequent classes is their name, of log 10 nats: it pays below beta 1 only.
    lab.expect("deep: rate at beta 2, in nats", points[4].0, ..0.2);
    lab.expect(
        "deep: information about the class above the rate, at most",
        points.iter().map(|p| p.1 - p.0).fold(f64::MIN, f64::max),
        ..0.1,
    );
    Ok(plot::Panel::new("Real digits, by a network", "bound of I(X; Z)", "bound of I(Z; Y)")
        .with(plot::Series::new("beta 0.001 to 2", points))
        .with(plot::Series::new("log 10", [(0.0, 10f64.ln()), (40.0, 10f64.ln())]).exact()))
}
