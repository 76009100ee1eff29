//! Biologically inspired rules: Hebb's and Oja's (1982), feedback alignment (Lillicrap et al. 2016) and predictive coding (Whittington and
//! Bogacz 2017): `cargo run --release -p wgrad-atlas -- biological_rules`.

use atlas::prelude::*;
use methods::biological::{FeedbackLinear, hebbian_step, oja_step};
use wgrad::models::Mlp;

pub const STUDY: Study = Study {
    name: "biological_rules",
    about: "Oja's rule finds principal components, random feedback learns by aligning, and predictive coding settles on backpropagation.",
    on_gpu: false,
    data: Some(DIGITS),
    run,
};

fn run(lab: &mut Lab) -> Result<()> {
    let components = hebbian(lab)?;
    let angles = feedback(lab)?;
    let coding = predictive_coding(lab)?;
    let figure =
        plot::Figure::new("Rules of learning").columns(3).panel(components).panel(angles).panel(coding);
    lab.picture("biological_rules", |path| figure.save(path))
}

/// Oja's and Sanger's rules against the eigenvectors of the covariance.
fn hebbian(lab: &mut Lab) -> Result<plot::Panel> {
    let generator = Generator::new(lab.seed());
    let mix = generator.normal(lab.device(), &[5, 5]);
    let spread = Tensor::from_slice(lab.device(), &[2.0f32, 1.3, 0.8, 0.4, 0.2], &[5])?;
    let (turn, _) = linalg::qr(&mix)?;
    let x = (generator.normal(lab.device(), &[500, 5]) * spread).matmul(&turn);
    let (values, vectors) = linalg::eigh(&(x.t().matmul(&x) * (1.0 / 500.0)))?;
    let values = values.to_vec::<f32>()?;
    let component = |i: usize| vectors.narrow(1, 4 - i, 1).squeeze(&[1]);
    let (mut oja, mut hebb) =
        (generator.normal(lab.device(), &[2, 5]) * 0.1, generator.normal(lab.device(), &[1, 5]) * 0.1);
    let (mut history, mut growth) = (Vec::new(), 0.0);
    for step in lab.steps("Oja", 300) {
        let cosine = |i: usize| oja.select(0, i).cosine_similarity(&component(i), 0, 1e-9).abs();
        let found = stack(&[&cosine(0), &cosine(1)], 0).to_vec::<f32>()?;
        history.push((step as f64, found));
        oja = oja_step(&oja, &x, 0.05);
        let before = hebb.norm(2.0, &[0, 1], false);
        hebb = hebbian_step(&hebb, &x, 0.05);
        growth = (hebb.norm(2.0, &[0, 1], false) / before).item()?;
        hebb = hebb.normalize(2.0, 1, 1e-9);
    }
    let last = &history[299].1;
    lab.expect("Oja: cosine with the first component", last[0], 0.999..);
    lab.expect("Sanger: cosine with the second component", last[1], 0.99..);
    let norms = oja.norm(2.0, &[1], false).to_vec::<f32>()?;
    lab.expect("Oja: length of the weights", norms[0], 0.999..1.001);
    lab.expect(
        "Hebb: growth a step over 1 + lr times the first variance",
        growth / (1.0 + 0.05 * values[4]),
        0.9999..1.0001,
    );
    let line =
        |i: usize| history.iter().map(|(step, found)| (*step, f64::from(found[i]))).collect::<Vec<_>>();
    let panel = plot::Panel::new("Oja's rule", "step", "cosine with the component").y_range(0.0, 1.02);
    Ok(panel
        .with(plot::Series::new("first", line(0)).exact())
        .with(plot::Series::new("second", line(1)).exact()))
}

/// A digit classifier that propagates errors through random weights.
fn feedback(lab: &mut Lab) -> Result<plot::Panel> {
    let set = lab.small_digits(2000, 1000)?;
    let (train, test) = (set.train.to_device(lab.device())?, set.test.to_device(lab.device())?);
    let (x, seen) = (test.images.flatten(1, -1), train.images.flatten(1, -1));
    let (params, steps) = (lab.params(), lab.pick(2000, 500));
    let hidden = Linear::new(&params.path("hidden"), 49, 128);
    let out = FeedbackLinear::new(&params.path("out"), 128, 10);
    let [weight, random] = ["out.weight", "out.feedback"].map(|name| params.get(name));
    let (weight, random) = (weight.context("a weight")?, random.context("feedback")?);
    let (mut draws, mut angles) = (lab.draws(0), Vec::new());
    lab.fit("feedback alignment", steps, &mut Sgd::new(&params).momentum(0.9), 0.05, |step| {
        let [x, y] = minibatch(&mut draws, 64, [&seen, &train.labels])?;
        let answers = out.forward(&hidden.forward(&x).tanh());
        if step % 20 == 0 {
            // The angle between this error signal of the hidden layer and that of backpropagation.
            let error = answers.softmax(1) - y.one_hot(10).to(DType::F32);
            let told = [&random, &weight].map(|by| error.matmul(&by.value()).flatten(0, 1));
            angles.push((step as f64, told[0].cosine_similarity(&told[1], 0, 1e-9).detach()));
        }
        Ok(answers.cross_entropy(&y))
    })?;
    let accuracy = metrics::accuracy(&out.forward(&hidden.forward(&x).tanh()), &test.labels)?;
    let angles: Vec<(f64, f64)> = angles
        .iter()
        .map(|(step, cosine)| Ok((*step, f64::from(cosine.item()?).acos().to_degrees())))
        .collect::<Result<_>>()?;
    lab.expect("feedback alignment: accuracy", accuracy, 0.8..);
    lab.expect("feedback alignment: angle at the start", angles[0].1, 70.0..110.0);
    lab.expect("feedback alignment: angle in the end", angles[angles.len() - 1].1, ..60.0);
    let panel =
        plot::Panel::new("Feedback alignment", "step", "degrees to backpropagation").y_range(0.0, 110.0);
    Ok(panel.with(plot::Series::new("", angles).exact()))
}

/// Activities relax to minimise the prediction errors between layers. The lower the weight (precision) of the output error, the less the
/// activities move, and the closer the weight updates are to the gradient.
fn predictive_coding(lab: &mut Lab) -> Result<plot::Panel> {
    const SIZES: [usize; 4] = [6, 10, 8, 3];
    let params = lab.params();
    Mlp::new(&params, &SIZES);
    let weights: Vec<Param> = params.matching("*.weight");
    let generator = Generator::new(lab.seed());
    let (x, y) = (generator.normal(lab.device(), &[20, 6]), generator.normal(lab.device(), &[20, 3]));
    let layer = |i: usize, below: &Tensor| {
        let sum = below.linear(&weights[i].value(), None);
        if i == 2 { sum } else { sum.tanh() }
    };
    let (first, second) = (layer(0, &x), layer(1, &layer(0, &x)));
    let answer = layer(2, &second);
    let values: Vec<Tensor> = weights.iter().map(Param::value).collect();
    let slopes = |loss: &Tensor| -> Result<Tensor> {
        let found: Vec<Tensor> =
            grad(loss, &values.iter().collect::<Vec<_>>()).into_iter().flatten().collect();
        Ok(cat(&found.iter().map(|g| g.flatten(0, 1)).collect::<Vec<_>>().iter().collect::<Vec<_>>(), 0))
    };
    let exact = slopes(&((&answer - &y).square().sum_all() * 0.5))?.detach();
    let exact_values = exact.to_vec::<f32>()?;
    let mut points = Vec::new();
    for precision in [0.1f32, 0.03, 0.01, 0.003] {
        let activities = lab.params();
        let a = activities.param("a", first.shape(), Init::ZEROS);
        let b = activities.param("b", second.shape(), Init::ZEROS);
        a.set(&first.detach());
        b.set(&second.detach());
        let energy = || {
            let [a, b] = [&a, &b].map(Param::value);
            let half_squares = |error: Tensor| error.square().sum_all() * 0.5;
            let hidden = half_squares(&a - layer(0, &x)) + half_squares(&b - layer(1, &a));
            hidden + half_squares(&y - layer(2, &b)) * precision
        };
        lab.fit(&format!("precision {precision}"), 100, &mut Sgd::new(&activities), 0.3, |_| Ok(energy()))?;
        let found = (slopes(&energy())? * (1.0 / precision)).to_vec::<f32>()?;
        let norm =
            |values: &mut dyn Iterator<Item = f32>| values.map(|v| f64::from(v).powi(2)).sum::<f64>().sqrt();
        let apart = norm(&mut found.iter().zip(&exact_values).map(|(f, e)| f - e));
        points.push((f64::from(precision), apart / norm(&mut exact_values.iter().copied())));
    }
    lab.expect("predictive coding: distance to the gradient at 0.003", points[3].1, ..0.02);
    // The distance falls in proportion to the precision.
    lab.expect("predictive coding: distance at 0.03 over that", points[1].1 / points[3].1, 8.0..11.0);
    let panel = plot::Panel::new("Predictive coding", "precision of the output", "distance to the gradient");
    Ok(panel.with(plot::Series::new("", points)).log_x().log_y())
}
