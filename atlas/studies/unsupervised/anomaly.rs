//! Anomaly detection: an autoencoder trained on some digits reconstructs the others badly. Compared with PCA with a code of the same size,
//! and with the Mahalanobis distance (1936). `cargo run --release -p wgrad-atlas -- anomaly`.

use atlas::prelude::*;
use linalg::Pca;
use models::Autoencoder;

pub const STUDY: Study = Study {
    name: "anomaly",
    about: "Anomaly detection by reconstruction error, against PCA and Mahalanobis's distance.",
    on_gpu: false,
    data: Some(DIGITS),
    run,
};

const SIDE: usize = 7;
const PIXELS: usize = SIDE * SIDE;
const CODE: usize = 6;
/// The normal classes.
const KNOWN: [u32; 3] = [0, 1, 7];

fn run(lab: &mut Lab) -> Result<()> {
    let digits = lab.small_digits(lab.pick(10_000, 2500), lab.pick(1000, 500))?;
    let known = (0..digits.train.len()).filter(|&i| KNOWN.contains(&digits.train.labels()[i]));
    let normal = digits.train.subset(known)?;
    let flat = |set: &data::ImageSet| -> Result<Tensor> {
        Ok(set.to_device(lab.device())?.images.reshape(&[set.len(), PIXELS]))
    };
    let (x, test) = (flat(&normal)?, flat(&digits.test)?);
    let odd: Vec<bool> = digits.test.labels().iter().map(|label| !KNOWN.contains(label)).collect();

    let params = lab.params();
    let net = Autoencoder::new(&params, &[PIXELS, 128, 64, CODE]);
    let (mut draws, steps) = (lab.draws(0), lab.pick(6000, 500));
    lab.fit("autoencoder", steps, &mut Adam::new(&params), Cosine::new(3e-3, 0.0, steps), |_| {
        let [x] = minibatch(&mut draws, 100, [&x])?;
        Ok(net.forward(&x).mse_loss(&x, Reduction::Mean))
    })?;
    let error = |of: &Tensor| (of - &test).square().mean(&[1], false).to_vec::<f32>();
    let rebuilt = net.forward(&test);
    let pca = Pca::fit(&x, CODE)?;
    let all = Pca::fit(&x, PIXELS)?;
    // Without a floor, directions of no variance would dominate the distance.
    let floor = all.variances[0] as f32 * 1e-3;
    let variances: Vec<f32> = all.variances.iter().map(|&v| (v as f32).max(floor)).collect();
    let variances = Tensor::from_slice(lab.device(), &variances, &[PIXELS])?;
    let mahalanobis = (all.transform(&test).square() / variances).sum(&[1], false).to_vec::<f32>()?;
    let scores = [
        ("autoencoder", error(&rebuilt)?),
        ("PCA", error(&pca.inverse_transform(&pca.transform(&test)))?),
        ("Mahalanobis", mahalanobis),
    ];
    let areas = scores.each_ref().map(|(_, scores)| metrics::roc_auc(&odd, scores));
    let mut shuffled = scores[0].1.clone();
    lab.draws(1).shuffle(&mut shuffled);
    lab.expect("ROC-AUC of the autoencoder", areas[0], 0.93..=1.0);
    lab.expect("ROC-AUC of PCA", areas[1], 0.8..0.97);
    lab.expect("ROC-AUC of Mahalanobis's distance", areas[2], 0.8..=1.0);
    lab.expect("autoencoder above PCA", areas[0] - areas[1], 0.05..);
    lab.expect("ROC-AUC of shuffled scores", metrics::roc_auc(&odd, &shuffled), 0.42..0.58);
    lab.expect(
        "average precision of the autoencoder",
        metrics::average_precision(&odd, &scores[0].1),
        0.95..=1.0,
    );

    let mut roc =
        plot::Panel::new("Digits other than 0, 1 and 7", "false positive rate", "true positive rate")
            .x_range(0.0, 1.0)
            .y_range(0.0, 1.02);
    for ((name, scores), area) in scores.iter().zip(areas) {
        let curve = metrics::roc_curve(&odd, scores).points;
        roc = roc.with(plot::Series::new(format!("{name} (area {area:.3})"), curve).exact());
    }
    let of = |wanted: bool| -> Vec<f32> {
        scores[0]
            .1
            .iter()
            .zip(&odd)
            .filter(|(_, odd)| **odd == wanted)
            .map(|(score, _)| score.log10())
            .collect()
    };
    let histogram = plot::Panel::new("Error of the autoencoder", "log10 of the mean squared error", "share")
        .layer(plot::Bars::histogram("others", &of(true), 30))
        .layer(plot::Bars::histogram("known digits", &of(false), 30));
    let label = |i: usize| digits.test.labels()[i].to_string();
    let ten = [&test, &rebuilt].map(|x| x.narrow(0, 0, 10).to_vec::<f32>());
    let [seen, rebuilt] = ten;
    let tiles = plot::Tiles::new(SIDE, SIDE).grey(&seen?, label).grey(&rebuilt?, |_| "rebuilt".into());
    let images = tiles.images();
    let figure = plot::Figure::new("Anomalies by reconstruction").columns(2).panel(roc).panel(histogram);
    lab.picture("anomaly", |path| figure.images(&images, 10).save(path))
}
