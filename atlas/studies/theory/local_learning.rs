//! Learning without the chain rule: a rule of three factors, reward, the neuron's own surprise and its input (Williams 1992; Fremaux and Gerstner 2016),
//! against the gradient of the expected reward, and difference target propagation (Lee et al. 2015):
//! `cargo run --release -p wgrad-atlas -- local_learning`.

use atlas::{RealDigits, prelude::*};

pub const STUDY: Study = Study {
    name: "local_learning",
    about: "Digits learnt from nothing but a reward told to every synapse, and from targets handed down instead of gradients.",
    on_gpu: false,
    data: None,
    run,
};

fn run(lab: &mut Lab) -> Result<()> {
    expected_update(lab)?;
    let digits = lab.real_digits()?;
    let reward = rewarded(lab, &digits)?;
    let targets = target_propagation(lab, &digits)?;
    let figure = plot::Figure::new("Local rules").panel(reward).panel(targets);
    lab.picture("local_learning", |path| figure.save(path))
}

/// The three factors for neurons that fire with probability `p`: `reward (fired - p) input`.
fn eligibility(fired: &Tensor, p: &Tensor, input: &Tensor, reward: &Tensor) -> Tensor {
    (reward.unsqueeze(1) * (fired - p)).t().matmul(input) / input.shape()[0] as f32
}

/// Three neurons with four inputs, whose reward depends on which of them fire: the rule's mean over all eight patterns is the gradient of the expected
/// reward.
fn expected_update(lab: &mut Lab) -> Result<()> {
    let generator = Generator::new(lab.seed());
    let weight = generator.normal(lab.device(), &[3, 4]).detach().variable();
    let input = generator.normal(lab.device(), &[1, 4]).detach();
    let rewards = generator.normal(lab.device(), &[8]).detach();
    let patterns: Vec<f32> = (0..8).flat_map(|i| (0..3).map(move |b| (i >> b & 1) as f32)).collect();
    let fired = Tensor::from_slice(lab.device(), &patterns, &[8, 3])?;
    let p = input.linear(&weight, None).sigmoid().expand(&[8, 3]);
    let probability = (&fired * &p + (1.0 - &fired) * (1.0 - &p)).prod(&[1], false);
    let exact = grad(&(&probability * &rewards).sum_all(), &[&weight]).remove(0).context("a gradient")?;
    let weighted = probability * rewards * 8.0;
    let mean = eligibility(&fired, &p, &input.expand(&[8, 4]), &weighted);
    let size = exact.abs().flatten(0, 1).amax(&[0], false).item()?;
    let apart = (mean - exact).abs().flatten(0, 1).amax(&[0], false).item()?;
    lab.expect("mean of the three factors apart from the gradient, of its largest", apart / size, ..1e-5);
    Ok(())
}

/// A hidden layer of neurons that fire at random, and an answer drawn at random: every synapse learns from the reward alone.
fn rewarded(lab: &mut Lab, digits: &RealDigits) -> Result<plot::Panel> {
    const HIDDEN: usize = 64;
    const BATCH: usize = 500;
    let params = lab.params();
    let first = params.param("first", &[HIDDEN, 65], Init::Normal { mean: 0.0, std: 0.3 });
    let second = params.param("second", &[10, HIDDEN + 1], Init::ZEROS);
    let generator = params.generator().clone();
    let with_one = |x: &Tensor| cat(&[x, &Tensor::ones(x.device(), &[x.shape()[0], 1])], 1);
    let (mut draws, steps, mut opt) = (lab.draws(2), lab.pick(6000, 1500), Adam::new(&params).maximize(true));
    let mut mean = Tensor::zeros(lab.device(), &[]);
    let mut seen = Vec::new();
    for step in lab.steps("rewards", steps) {
        let [x, y] = minibatch(&mut draws, BATCH, [&digits.train.0, &digits.train.1])?;
        let (weights, input) = ((first.value(), second.value()), with_one(&x));
        let p = input.linear(&weights.0, None).sigmoid();
        let fired = generator.uniform(lab.device(), &[BATCH, HIDDEN]).lt(&p).to(DType::F32);
        let inner = with_one(&fired);
        let logits = inner.linear(&weights.1, None);
        // An answer by the largest of logits with Gumbel noise is one of their softmax's.
        let noise = -(-(generator.uniform(lab.device(), &[BATCH, 10]) + 1e-7).log()).log();
        let answer = (&logits + noise).argmax(1, false);
        let reward = answer.eq(&y).to(DType::F32);
        let surprise = (&reward - &mean).detach();
        let answered = answer.one_hot(10).to(DType::F32);
        let updates = [
            (weights.0, eligibility(&fired, &p, &input, &surprise).detach()),
            (weights.1, eligibility(&answered, &logits.softmax(1), &inner, &surprise).detach()),
        ];
        opt.step(Gradients::from_pairs(updates), 0.02 * (1.0 - step as f32 / steps as f32))?;
        mean = (mean * 0.95 + reward.mean_all() * 0.05).detach();
        if step % 25 == 24 {
            seen.push((step as f64, mean.item()?.into()));
        }
    }
    let p = with_one(&digits.test.0).linear(&first.value(), None).sigmoid();
    let accuracy = metrics::accuracy(&with_one(&p).linear(&second.value(), None), &digits.test.1)?;
    lab.expect("three factors: accuracy", accuracy, 0.65..);
    Ok(plot::Panel::new("Three factors", "step", "mean reward")
        .with(plot::Series::new("", seen).exact())
        .y_range(0.0, 1.0))
}

/// Two hidden layers; each but the first has a way back that learns to undo it near what it sees.
fn target_propagation(lab: &mut Lab, digits: &RealDigits) -> Result<plot::Panel> {
    const WIDTH: usize = 64;
    const NOISE: f32 = 0.1;
    let params = lab.params();
    let forward = [("f1", 64, WIDTH), ("f2", WIDTH, WIDTH), ("f3", WIDTH, 10)]
        .map(|(name, inputs, outputs)| Linear::new(&params.path(name), inputs, outputs));
    let back = Linear::new(&params.path("g2"), WIDTH, WIDTH);
    let generator = params.generator().clone();
    let up = |layer: usize, x: &Tensor| forward[layer].forward(x).tanh();
    let down = |x: &Tensor| back.forward(x).tanh();
    let weight = params.get("f1.weight").context("a weight")?;
    let (mut draws, steps, mut opt) = (lab.draws(3), lab.pick(2000, 400), Adam::new(&params));
    let mut angles = Vec::new();
    lab.fit("target propagation", steps, &mut opt, Cosine::new(3e-3, 0.0, steps), |step| {
        let [x, y] = minibatch(&mut draws, 100, [&digits.train.0, &digits.train.1])?;
        let (first, loss_of) = (up(0, &x), |h: &Tensor| forward[2].forward(h).cross_entropy(&y));
        let second = up(1, &first.detach());
        // The top hidden layer's target is a step down the loss; the one below is told by the way back, less what that gets wrong.
        let top = second.detach().variable();
        let slope = grad(&loss_of(&top), &[&top]).remove(0).context("a gradient")?;
        let wanted = (&top - slope * 50.0).detach();
        let below = (&first + down(&wanted) - down(&second)).detach();
        let distance = |a: &Tensor, b: &Tensor| (a - b).square().sum(&[1], false).mean_all();
        let noisy = (&first + generator.normal(x.device(), first.shape()) * NOISE).detach();
        let undone = distance(&down(&up(1, &noisy).detach()), &noisy);
        let local = distance(&first, &below);
        if step % 20 == 0 {
            let whole = loss_of(&up(1, &up(0, &x)));
            let [own, exact] = [&local, &whole].map(|of| grad(of, &[&weight.value()]).remove(0));
            let (own, exact) = (own.context("a gradient")?, exact.context("a gradient")?);
            let cosine = own.flatten(0, 1).cosine_similarity(&exact.flatten(0, 1), 0, 1e-12);
            angles.push((step as f64, f64::from(cosine.item()?).acos().to_degrees()));
        }
        Ok(loss_of(&second.detach()) + distance(&second, &wanted) + local + undone)
    })?;
    let accuracy = metrics::accuracy(&forward[2].forward(&up(1, &up(0, &digits.test.0))), &digits.test.1)?;
    lab.expect("target propagation: accuracy", accuracy, 0.85..);
    let late = &angles[angles.len() / 4..];
    let mean = late.iter().map(|a| a.1).sum::<f64>() / late.len() as f64;
    lab.expect(
        "target propagation: mean angle of the first layer's update to the gradient, in degrees",
        mean,
        5.0..80.0,
    );
    Ok(plot::Panel::new("Difference target propagation", "step", "degrees to the gradient")
        .with(plot::Series::new("first layer", angles).exact())
        .y_range(0.0, 110.0))
}
