//! Deep ensembles (Lakshminarayanan et al. 2017): networks from different initialisations disagree on uncertain inputs:
//! `cargo run --release -p wgrad-atlas -- ensemble`.

use atlas::prelude::*;
use wgrad::models::Mlp;

pub const STUDY: Study = Study {
    name: "ensemble",
    about: "The mean of five networks' probabilities is right more often, likelier and better calibrated than one network.",
    on_gpu: false,
    data: Some(DIGITS),
    run,
};

const MEMBERS: u64 = 5;

/// Accuracy, negative log-likelihood and calibration error of probabilities `[N, 10]`.
fn scores(probabilities: &Tensor, labels: &Tensor) -> Result<[f64; 3]> {
    let nll = probabilities.clamp_min(1e-12).log().nll_loss(labels, None, -100, Reduction::Mean);
    let right = probabilities.argmax(1, false).eq(labels).to(DType::F32).to_vec::<f32>()?;
    let right: Vec<bool> = right.iter().map(|&r| r == 1.0).collect();
    let bins = metrics::reliability(&probabilities.amax(&[1], false).clamp(0.0, 1.0).to_vec()?, &right, 10);
    let ece = metrics::expected_calibration_error(&bins);
    Ok([metrics::accuracy(probabilities, labels)?, nll.item()?.into(), ece])
}

fn run(lab: &mut Lab) -> Result<()> {
    let set = lab.small_digits(300, 2000)?;
    let noise = Generator::new(lab.seed());
    let noisy = |set: &data::ImageSet| {
        let set = set.to_device(lab.device())?;
        let x = set.images.flatten(1, -1);
        Ok::<_, anyhow::Error>((&x + noise.normal(lab.device(), x.shape()) * 0.1, set.labels))
    };
    let ((x, y), (test_x, test_y)) = (noisy(&set.train)?, noisy(&set.test)?);
    let steps = lab.pick(800, 250);
    let mut members = vec![];
    for member in 0..MEMBERS {
        let params = Params::new(lab.device(), lab.seed() + 100 * member);
        let net = Mlp::new(&params, &[49, 64, 64, 10]);
        let mut draws = lab.draws(member as u32);
        lab.fit(&format!("network {member}"), steps, &mut Adam::new(&params), 3e-3, |_| {
            let [x, y] = minibatch(&mut draws, 50, [&x, &y])?;
            Ok(net.forward(&x).cross_entropy(&y))
        })?;
        members.push(net.forward(&test_x).softmax(1).detach());
    }
    let single: Vec<[f64; 3]> = members.iter().map(|p| scores(p, &test_y)).collect::<Result<_>>()?;
    let mean = |i: usize| single.iter().map(|scores| scores[i]).sum::<f64>() / MEMBERS as f64;
    let together = |count: usize| {
        let sum = members[1..count].iter().fold(members[0].clone(), |sum, p| sum + p);
        scores(&(sum / count as f32), &test_y)
    };
    let all = together(members.len())?;
    for (i, name) in ["accuracy", "negative log-likelihood", "calibration error"].into_iter().enumerate() {
        lab.figure(format!("{name} of one"), mean(i));
        lab.figure(format!("{name} of five"), all[i]);
    }
    lab.expect("accuracy gained", all[0] - mean(0), 0.004..0.1);
    // The logarithm is concave: the log-likelihood of the mean probability is at least the mean log-likelihood.
    lab.expect("log-likelihood gained", mean(1) - all[1], 0.04..0.5);
    lab.expect("calibration error of five over one", all[2] / mean(2), ..0.9);
    let counts: Vec<(f64, f64)> =
        (1..=members.len()).map(|n| Ok((n as f64, together(n)?[1]))).collect::<Result<_>>()?;
    let panel = plot::Panel::new("Unseen digits", "networks", "negative log-likelihood")
        .with(plot::Series::new("mean of their probabilities", counts));
    lab.picture("ensemble", |path| plot::Figure::new("Deep ensembles").panel(panel).save(path))
}
