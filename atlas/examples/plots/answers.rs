//! Scores against labels, and attention weights.

use anyhow::Result;
use wgrad::prelude::*;
use wgrad::train::metrics::{average_precision, precision_recall_curve, reliability, roc_auc, roc_curve};
use wgrad::train::plot::{Bars, Field, Figure, Panel, Series};

use crate::digits::Digits;

/// ROC, precision-recall and reliability curves of a digit classifier, one class against the rest.
pub fn scores(digits: &Digits) -> Result<Figure<'static>> {
    let probabilities = &digits.early;
    let labels = digits.test.labels();
    let mut roc =
        Panel::new("ROC", "false positive rate", "true positive rate").x_range(0.0, 1.0).y_range(0.0, 1.02);
    let mut precision =
        Panel::new("Precision and recall", "recall", "precision").x_range(0.0, 1.0).y_range(0.0, 1.02);
    for digit in [3, 5, 8] {
        let positive: Vec<bool> = labels.iter().map(|&label| label == digit).collect();
        let scores: Vec<f32> = probabilities.iter().map(|p| p[digit as usize]).collect();
        let (auc, average) = (roc_auc(&positive, &scores), average_precision(&positive, &scores));
        roc = roc.with(
            Series::new(format!("{digit} (area {auc:.3})"), roc_curve(&positive, &scores).points).exact(),
        );
        let curve = precision_recall_curve(&positive, &scores).points;
        precision = precision.with(Series::new(format!("{digit} (average {average:.3})"), curve).exact());
    }
    roc = roc.with(Series::new("chance", [(0.0, 0.0), (1.0, 1.0)]).exact());
    let most = |p: &Vec<f32>| p.iter().copied().fold(0.0, f32::max).min(1.0);
    let confidences: Vec<f32> = probabilities.iter().map(most).collect();
    let right: Vec<bool> =
        probabilities.iter().zip(labels).map(|(p, &label)| p[label as usize] >= most(p)).collect();
    let bins = reliability(&confidences, &right, 10);
    let bars = bins.iter().enumerate().filter(|(_, bin)| bin.count > 0);
    let bars = bars.map(|(i, bin)| (0.05 + 0.1 * i as f64, bin.accuracy)).collect();
    let calibration = Panel::new("Reliability", "confidence", "share of right answers")
        .layer(Bars { name: "accuracy".into(), bars, width: 0.1, errors: vec![] })
        .with(Series::new("as promised", [(0.0, 0.0), (1.0, 1.0)]).exact())
        .x_range(0.0, 1.0)
        .y_range(0.0, 1.02);
    Ok(Figure::new("A digit classifier's scores after 20 steps")
        .panel(roc)
        .panel(precision)
        .panel(calibration))
}

/// The attention weights of a model that learns to reverse a sequence.
pub fn attention(device: &Device) -> Result<Figure<'static>> {
    const LENGTH: usize = 12;
    const SIZE: usize = 16;
    let text = "wgrad on GPU".chars().map(|c| if c == ' ' { '_' } else { c });
    let letters: Vec<String> = text.map(String::from).collect();
    let params = Params::new(device, 4);
    let normal = Init::Normal { mean: 0.0, std: 0.5 };
    let queries = params.param("queries", &[LENGTH, SIZE], normal);
    let keys = params.param("keys", &[LENGTH, SIZE], normal);
    let weights = || queries.value().attention_weights(&keys.value(), None, false, None);
    let before = weights().to_vec::<f32>()?;
    let mut opt = Adam::new(&params);
    let generator = Generator::new(8);
    for _ in 0..300 {
        // Random texts [8, length, letters], read backwards.
        let values = generator.normal(device, &[8, LENGTH, 4]);
        let loss = weights().matmul(&values).mse_loss(&values.flip(&[1]), Reduction::Mean);
        opt.step(loss.backward(), 0.05)?;
    }
    let after = weights().to_vec::<f32>()?;
    let panel = |title: &str, weights: Vec<f32>| {
        let values = weights.into_iter().map(f64::from).collect();
        let field = Field::matrix(LENGTH, LENGTH, values).range(0.0, 1.0).bar("weight");
        Panel::new(title, "read", "written")
            .layer(field)
            .x_names(letters.iter().map(String::as_str))
            .y_names(letters.iter().rev().map(String::as_str))
            .y_down()
            .equal()
    };
    let figure = Figure::new("Attention that learns to read backwards");
    Ok(figure.panel(panel("At the start", before)).panel(panel("After 300 steps", after)))
}
