//! Detecting drift of a model's inputs: Kolmogorov-Smirnov, the population stability index, and a classifier of old against new (Lopez-Paz
//! and Oquab 2017), each over many samples with and without a shift: `cargo run --release -p wgrad-atlas -- drift`.

use atlas::prelude::*;

pub const STUDY: Study = Study {
    name: "drift",
    about: "Three alarms notice a shift and keep quiet without one; only the classifier notices that two features came to depend on each other.",
    on_gpu: true,
    data: None,
    run,
};

const FEATURES: usize = 4;
const SAMPLE: usize = 200;
const SHIFTS: [(&str, f64, f64); 3] =
    [("no shift", 0.0, 0.0), ("a mean", 0.6, 0.0), ("a correlation", 0.0, 0.7)];

/// `[rows, FEATURES]` of standard normal numbers; the first feature's mean is shifted, and the second feature is correlated with the third.
fn sample(draws: &mut Draws, rows: usize, mean: f64, correlation: f64) -> Vec<f32> {
    let row = |_| {
        let mut row = [(); FEATURES].map(|()| draws.normal());
        row[0] += mean;
        row[1] = correlation * row[2] + (1.0 - correlation * correlation).sqrt() * row[1];
        row.map(|v| v as f32)
    };
    (0..rows).flat_map(row).collect()
}

fn feature(sample: &[f32], feature: usize) -> Vec<f32> {
    sample.iter().skip(feature).step_by(FEATURES).copied().collect()
}

fn run(lab: &mut Lab) -> Result<()> {
    let (trials, mut draws) = (lab.pick(1000, 200), lab.draws(0));
    let mut rates = Vec::new();
    for (name, mean, correlation) in SHIFTS {
        let pairs: Vec<[Vec<f32>; 2]> = (0..trials)
            .map(|_| [(0.0, 0.0), (mean, correlation)].map(|(m, c)| sample(&mut draws, SAMPLE, m, c)))
            .collect();
        let count = |alarm: &dyn Fn(&[Vec<f32>; 2]) -> bool| {
            pairs.iter().filter(|pair| alarm(pair)).count() as f64 / f64::from(trials)
        };
        // Four tests with a combined level of 5 %.
        let ks = count(&|[old, new]| {
            (0..FEATURES).any(|f| {
                let statistic = metrics::ks_statistic(&feature(old, f), &feature(new, f));
                metrics::ks_p_value(statistic, SAMPLE, SAMPLE) < 0.05 / FEATURES as f64
            })
        });
        let index = |[old, new]: &[Vec<f32>; 2], f| {
            metrics::population_stability_index(&feature(old, f), &feature(new, f), 10)
        };
        let psi = count(&|pair| (0..FEATURES).any(|f| index(pair, f) > 0.25));
        if name == "no shift" {
            // Without a shift it is about a chi-squared variable with bins - 1 degrees of freedom, times 1 / n + 1 / m.
            let mean = pairs.iter().map(|pair| index(pair, 0)).sum::<f64>() / f64::from(trials);
            lab.expect("mean index against its theory", mean / (9.0 * 2.0 / SAMPLE as f64), 0.9..1.15);
        }
        let scores = domain_scores(lab, name, &pairs)?;
        let classifier = scores.iter().filter(|&&z| z > 1.645).count() as f64 / f64::from(trials);
        rates.push([ks, psi, classifier]);
    }
    let [none, mean, correlation] = <[[f64; 3]; 3]>::try_from(rates).ok().context("three shifts")?;
    lab.expect("false alarms, Kolmogorov-Smirnov", none[0], 0.01..0.09);
    lab.expect("false alarms, stability index over 0.25", none[1], ..0.06);
    lab.expect("false alarms, classifier", none[2], 0.015..0.1);
    for (i, name) in ["Kolmogorov-Smirnov", "stability index", "classifier"].iter().enumerate() {
        lab.expect(format!("alarms at a moved mean, {name}"), mean[i], 0.78..);
    }
    lab.expect("alarms at a correlation, Kolmogorov-Smirnov", correlation[0], ..0.12);
    lab.expect("alarms at a correlation, classifier", correlation[2], 0.95..);
    let groups = [("none", none), ("mean moved by 0.6", mean), ("correlation of 0.7", correlation)];
    let mut panel = plot::Panel::new("", "", "share of samples with an alarm").y_range(0.0, 1.0);
    for (i, (name, rates)) in groups.into_iter().enumerate() {
        panel = panel.layer(plot::Bars::new(name, rates).group(i, 3));
    }
    let panel = panel.x_names(["KS test", "PSI > 0.25", "classifier"]);
    lab.picture("drift", |path| plot::Figure::new("Alarms by shift").panel(panel).save(path))
}

/// Logistic regression of new against old rows on features and their products, all trials at once: trained on one half of the rows, scored
/// on the other by the area under the ROC curve, in deviations above chance.
fn domain_scores(lab: &Lab, name: &str, pairs: &[[Vec<f32>; 2]]) -> Result<Vec<f64>> {
    const HALF: usize = SAMPLE / 2;
    let columns = FEATURES + FEATURES * (FEATURES + 1) / 2;
    let row = |x: &[f32]| -> Vec<f32> {
        let products =
            (0..FEATURES).flat_map(|i| (i..FEATURES).map(move |j| (i, j))).map(|(i, j)| x[i] * x[j] / 2.0);
        x.iter().copied().chain(products).collect()
    };
    let half = |from: usize| -> Result<Tensor> {
        let rows = |sample: &Vec<f32>| -> Vec<f32> {
            sample[from * FEATURES..(from + HALF) * FEATURES].chunks(FEATURES).flat_map(row).collect()
        };
        let values: Vec<f32> = pairs.iter().flatten().flat_map(rows).collect();
        Ok(Tensor::from_slice(lab.device(), &values, &[pairs.len(), 2 * HALF, columns])?)
    };
    let (seen, unseen) = (half(0)?, half(HALF)?);
    let is_new: Vec<f32> = (0..2 * HALF).map(|i| f32::from(u8::from(i >= HALF))).collect();
    let target = targets(&Tensor::from_slice(lab.device(), &is_new, &[2 * HALF, 1])?)?.expand(&[
        pairs.len(),
        2 * HALF,
        1,
    ]);
    let params = lab.params();
    let weight = params.param("weight", &[pairs.len(), columns, 1], Init::ZEROS);
    let bias = params.param("bias", &[pairs.len(), 1, 1], Init::ZEROS);
    let logits = |x: &Tensor| x.bmm(&weight.value()) + bias.value();
    lab.fit(name, 60, &mut Adam::new(&params), 0.05, |_| {
        Ok(logits(&seen).binary_cross_entropy_with_logits(&target, None, None, Reduction::Sum))
    })?;
    let positive: Vec<bool> = (0..2 * HALF).map(|i| i >= HALF).collect();
    // The variance of the Mann-Whitney statistic if both samples have the same distribution.
    let deviation = ((2.0 * HALF as f64 + 1.0) / (12.0 * (HALF * HALF) as f64)).sqrt();
    let scores = logits(&unseen).to_vec::<f32>()?;
    Ok(scores.chunks(2 * HALF).map(|s| (metrics::roc_auc(&positive, s) - 0.5) / deviation).collect())
}
