//! Calibration: temperature scaling and label smoothing (Guo et al. 2017), rejection of predictions with low confidence, and an alarm when
//! confidences no longer match the accuracy: `cargo run --release -p wgrad-atlas -- calibration`.

use atlas::prelude::*;
use wgrad::models::Mlp;

pub const STUDY: Study = Study {
    name: "calibration",
    about: "A temperature makes confidences honest without changing an answer; a shift of the data is noticed by their falling short.",
    on_gpu: false,
    data: Some(DIGITS),
    run,
};

/// Confidences, and whether the predictions are correct.
type Answers = (Vec<f32>, Vec<bool>);

fn answers(logits: &[f32], labels: &[u32], temperature: f64) -> Answers {
    let of = |(row, &label): (&[f32], &u32)| {
        let best = (0..row.len()).fold(0, |best, i| if row[i] > row[best] { i } else { best });
        let total: f64 = row.iter().map(|&z| (f64::from(z - row[best]) / temperature).exp()).sum();
        ((1.0 / total) as f32, best == label as usize)
    };
    logits.chunks(10).zip(labels).map(of).unzip()
}

/// The difference between the number of correct predictions and its expectation under the confidences, in deviations (Spiegelhalter 1986).
fn surprise((confidences, right): &Answers) -> f64 {
    let promised = confidences.iter().map(|&c| f64::from(c));
    let variance: f64 = promised.clone().map(|c| c * (1.0 - c)).sum();
    (right.iter().filter(|&&r| r).count() as f64 - promised.sum::<f64>()) / variance.sqrt()
}

fn error((confidences, right): &Answers) -> f64 {
    metrics::expected_calibration_error(&metrics::reliability(confidences, right, 10))
}

fn share(right: &[bool]) -> f64 {
    right.iter().filter(|&&r| r).count() as f64 / right.len() as f64
}

fn run(lab: &mut Lab) -> Result<()> {
    // Few images and many steps make an overconfident classifier.
    let (half, noise) = (lab.pick(4000, 2500), Generator::new(lab.seed()));
    let set = lab.small_digits(600, 2 * half)?;
    let half = half.min(set.test.labels().len() / 2);
    let (train, test) = (set.train.to_device(lab.device())?, set.test.to_device(lab.device())?);
    let noisy = |x: &Tensor, by: f32| x.flatten(1, -1) + noise.normal(lab.device(), &[x.shape()[0], 49]) * by;
    let (seen, unseen) = (noisy(&train.images, 0.1), noisy(&test.images, 0.1));
    let shifted = noisy(&test.images, 0.25);
    let (labels, fitted_on) = (&set.test.labels()[half..], &set.test.labels()[..half]);
    let mut logits = Vec::new();
    for smoothing in [0.0, 0.1] {
        let params = lab.params();
        let net = Mlp::new(&params, &[49, 128, 10]);
        let mut draws = lab.draws(0);
        lab.fit(
            &format!("smoothing {smoothing}"),
            lab.pick(1500, 800),
            &mut Adam::new(&params),
            3e-3,
            |_| {
                let [x, y] = minibatch(&mut draws, 64, [&seen, &train.labels])?;
                Ok(net.forward(&x).cross_entropy_with(
                    &y,
                    CrossEntropy { label_smoothing: smoothing, ..CrossEntropy::default() },
                ))
            },
        )?;
        logits.push([&unseen, &shifted].map(|x| net.forward(x).to_vec::<f32>()));
    }
    let [[plain, shifted], [smooth, _]] = <[_; 2]>::try_from(logits).ok().context("two nets")?;
    let (plain, shifted, smooth) = (plain?, shifted?, smooth?);
    let split = 10 * half;
    let temperature = metrics::fit_temperature(&plain[..split], fitted_on, 10);
    let before = answers(&plain[split..], labels, 1.0);
    let scaled = answers(&plain[split..], labels, temperature);
    let smoothed = answers(&smooth[split..], labels, 1.0);
    let moved = answers(&shifted[split..], labels, temperature);

    lab.expect("accuracy", share(&before.1), 0.7..0.97);
    lab.expect("answers that a temperature changes", f64::from(u8::from(before.1 != scaled.1)), 0.0..=0.0);
    lab.expect("temperature", temperature, 1.3..);
    lab.expect("ECE", error(&before), 0.03..);
    lab.expect("ECE with the temperature", error(&scaled), ..0.05);
    lab.expect("their ratio", error(&scaled) / error(&before), ..0.35);
    lab.figure("ECE of label smoothing", error(&smoothed));
    let sure = |(confidences, right): &Answers| {
        confidences.iter().map(|&c| f64::from(c)).sum::<f64>() / right.len() as f64 - share(right)
    };
    lab.expect("overconfidence", sure(&before), 0.03..);
    lab.expect("overconfidence with label smoothing", sure(&smoothed) - sure(&before), ..-0.03);
    lab.expect("surprise where nothing has changed", surprise(&scaled), -4.5..4.5);
    lab.expect("surprise of more noise", surprise(&moved), ..-8.0);
    let curve = metrics::accuracy_coverage_curve(&scaled.0, &scaled.1);
    let kept = |threshold: f64| {
        let last = curve.thresholds.partition_point(|&t| t >= threshold).max(1) - 1;
        curve.points[last]
    };
    for (lower, threshold, least) in [(0.0, 0.6, 0.05), (0.6, 0.8, 0.03), (0.8, 0.95, 0.02)] {
        let name = format!("gain from a threshold of {threshold}");
        lab.expect(name, kept(threshold).1 - kept(lower).1, least..);
    }
    lab.expect("share kept at 0.8", kept(0.8).0, 0.4..0.98);
    lab.expect("accuracy of what is kept at 0.8", kept(0.8).1, 0.9..);

    let mut figure = plot::Figure::new("Confidence and accuracy").columns(3);
    for (title, found) in [("Trained to the end", &before), ("With the temperature", &scaled)] {
        let bins = metrics::reliability(&found.0, &found.1, 10);
        let bars = bins.iter().enumerate().filter(|(_, bin)| bin.count > 9);
        let bars = bars.map(|(i, bin)| (0.05 + 0.1 * i as f64, bin.accuracy)).collect();
        let panel = plot::Panel::new(
            format!("{title}, ECE {:.3}", error(found)),
            "confidence",
            "share of right answers",
        );
        let panel = panel.layer(plot::Bars { name: "accuracy".into(), bars, width: 0.1, errors: vec![] });
        let panel = panel.with(plot::Series::new("as promised", [(0.0, 0.0), (1.0, 1.0)]).exact());
        figure = figure.panel(panel.x_range(0.0, 1.0).y_range(0.0, 1.02));
    }
    let deferred = plot::Panel::new("Unsure answers withheld", "share of answers kept", "their accuracy");
    let deferred = deferred.with(plot::Series::new("", curve.points.clone()).exact()).x_range(0.0, 1.0);
    lab.picture("calibration", |path| figure.panel(deferred).save(path))
}
