//! Natural gradients by Kronecker factors (Martens and Grosse 2015, "K-FAC") train a network on real digits in a fraction of the steps of Adam
//! and of gradient descent with momentum, at the best of several rates each. A step of the one is dearer than one of the others:
//! `cargo run --release -p wgrad-atlas -- kfac`.

use atlas::Table;
use atlas::prelude::*;
use methods::second_order::{Kfac, TracedMlp};

pub const STUDY: Study = Study {
    name: "kfac",
    about: "K-FAC trains a network in a fraction of the steps of Adam and momentum.",
    on_gpu: false,
    data: None,
    run,
};

const WIDTHS: [usize; 4] = [64, 32, 16, 10];
/// The cross-entropy to be reached.
const GOAL: f64 = 0.05;

/// Losses of all steps of an optimizer, which gets the network, the random numbers and the step's number.
fn descend(
    lab: &Lab,
    what: String,
    steps: usize,
    mut step: impl FnMut(&Params, &TracedMlp) -> Result<f32>,
) -> Result<Vec<f64>> {
    let params = lab.params();
    let net = TracedMlp::new(&params, &WIDTHS);
    let mut losses = vec![];
    for _ in lab.steps(&what, steps) {
        let loss = f64::from(step(&params, &net)?);
        losses.push(loss);
        if loss < GOAL || !loss.is_finite() {
            break;
        }
    }
    Ok(losses)
}

/// The curve that reaches the goal first, or else ends lowest.
fn best(curves: Vec<Vec<f64>>) -> Vec<f64> {
    let ended = |curve: &Vec<f64>| curve.last().copied().filter(|loss| loss.is_finite()).unwrap_or(f64::INFINITY);
    let order = |a: &Vec<f64>, b: &Vec<f64>| match (ended(a) < GOAL, ended(b) < GOAL) {
        (true, true) => a.len().cmp(&b.len()),
        (false, false) => ended(a).total_cmp(&ended(b)),
        (of_a, _) => if of_a { std::cmp::Ordering::Less } else { std::cmp::Ordering::Greater },
    };
    curves.into_iter().min_by(order).expect("curves")
}

fn run(lab: &mut Lab) -> Result<()> {
    let digits = Table::digits()?.standardized();
    let (x, labels) = digits.subset(&(0..lab.pick(1400, 500)).collect::<Vec<_>>()).to_device(lab.device())?;
    let labels = targets(&labels)?;
    let (random, steps) = (Generator::new(lab.seed()), lab.pick(400, 150));

    let mut factored = vec![];
    for rate in [0.3, 1.0] {
        let mut kfac = None;
        factored.push(descend(lab, format!("K-FAC, rate {rate}"), lab.pick(100, 40), |_, net| {
            let (logits, trace) = net.forward(&x);
            // Labels drawn from the network's probabilities (Gumbel's maximum).
            let uniform = random.uniform(lab.device(), logits.shape()).clamp(1e-7, 1.0 - 1e-7);
            let drawn = (logits.detach() - (-uniform.log()).log()).argmax(1, false).detach();
            let (loss, sampled) = (logits.cross_entropy(&labels), logits.cross_entropy(&drawn));
            let value = loss.item()?;
            kfac.get_or_insert_with(|| Kfac::new(net).damping(0.03)).step(net, &trace, &loss, &sampled, rate)?;
            Ok(value)
        })?);
    }
    let factored = best(factored);
    let mut rivals = vec![];
    for (name, rates) in [("Adam", [0.003, 0.01, 0.03]), ("momentum", [0.1, 0.3, 1.0])] {
        let mut curves = vec![];
        for rate in rates {
            let mut opt: Option<Box<dyn models::Optimize>> = None;
            curves.push(descend(lab, format!("{name}, rate {rate}"), steps, |params, net| {
                let loss = net.forward(&x).0.cross_entropy(&labels);
                let value = loss.item()?;
                let made = || -> Box<dyn models::Optimize> {
                    if name == "Adam" { Box::new(Adam::new(params)) } else { Box::new(Sgd::new(params).momentum(0.9)) }
                };
                opt.get_or_insert_with(made).step(loss.backward(), rate)?;
                Ok(value)
            })?);
        }
        rivals.push((name, best(curves)));
    }
    let last = |curve: &[f64]| curve[curve.len() - 1];
    lab.expect("cross-entropy that K-FAC reaches", last(&factored), ..GOAL);
    lab.figure("steps of K-FAC", factored.len() as f64);
    let mut panel = plot::Panel::new("All three at their best rate", "step", "cross-entropy").log_y();
    let along = |curve: &[f64]| curve.iter().enumerate().map(|(step, &loss)| (step as f64, loss)).collect::<Vec<_>>();
    panel = panel.with(plot::Series::new("K-FAC", along(&factored)).exact());
    for (name, curve) in &rivals {
        lab.expect(format!("cross-entropy that {name} reaches"), last(curve), ..0.3);
        lab.expect(format!("steps of K-FAC against {name}"), factored.len() as f64 / curve.len() as f64, ..0.6);
        panel = panel.with(plot::Series::new(*name, along(curve)).exact());
    }
    lab.picture("kfac", |path| plot::Figure::new("Natural gradients by Kronecker factors").panel(panel).save(path))
}
