//! Independent component analysis: a sine, a sawtooth and heavy-tailed noise are mixed in three signals and separated by FastICA (Hyvarinen
//! 1999) and by infomax along the natural gradient (Amari 1998). Principal components cannot separate them.
//! `cargo run --release -p wgrad-atlas -- ica`.

use atlas::prelude::*;
use linalg::Pca;
use methods::unsupervised::{fast_ica, infomax_ica};

pub const STUDY: Study = Study {
    name: "ica",
    about: "FastICA and infomax separate mixed signals, which principal components leave mixed.",
    on_gpu: true,
    data: None,
    run,
};

const MIXING: [f64; 9] = [1.0, 0.8, 0.5, 0.6, -1.0, 0.9, 0.4, 0.7, 1.0];

fn run(lab: &mut Lab) -> Result<()> {
    let count = lab.pick(4000, 2000);
    let mut draws = lab.draws(0);
    let mut sources = Vec::new();
    for i in 0..count {
        let t = i as f64 / 40.0;
        let sign = if draws.happens(0.5) { 1.0 } else { -1.0 };
        let laplace = sign * (1.0 - draws.unit()).ln() / 2f64.sqrt();
        // All of variance 1.
        sources.extend([2f64.sqrt() * t.sin(), 12f64.sqrt() * ((0.37 * t).fract() - 0.5), laplace]);
    }
    let values: Vec<f32> = sources.iter().map(|&v| v as f32).collect();
    let s = Tensor::from_slice(lab.device(), &values, &[count, 3])?;
    let mixing = Tensor::from_slice(lab.device(), &MIXING.map(|v| v as f32), &[3, 3])?;
    let x = s.matmul(&mixing.t());

    let pca = Pca::fit(&x, 3)?;
    let white = pca.whiten(&x);
    let start = Generator::new(lab.seed()).normal(lab.device(), &[3, 3]);
    let by_fast = fast_ica(&white, &start, 30);
    let by_infomax = infomax_ica(&white, &pca.components, 0.2, lab.pick(600, 200));
    // Whitening is affine: the whitened columns of the mixing matrix, minus the whitened origin, are the matrix that remains to be
    // inverted.
    let left = (pca.whiten(&mixing.t()) - pca.whiten(&mixing.zeros_like())).t();
    let distance = |w: &Tensor| {
        let product: Vec<f64> = w.matmul(&left).to_vec::<f32>()?.into_iter().map(f64::from).collect();
        Ok::<f64, anyhow::Error>(metrics::amari_distance(&product, 3))
    };
    let unit = Tensor::ones(lab.device(), &[3]).diag_embed(0);
    lab.expect_same("Amari distance of principal components", distance(&unit)?, 0.25.., 1e-3);
    lab.expect_same("Amari distance of FastICA", distance(&by_fast)?, ..0.04, 1e-3);
    lab.expect("Amari distance of infomax", distance(&by_infomax)?, ..0.04);
    let recovered = white.matmul(&by_fast.t());
    let cosines = s.normalize(2.0, 0, 1e-8).t().matmul(&recovered.normalize(2.0, 0, 1e-8)).abs();
    lab.expect(
        "least correlation of a source and its estimate",
        cosines.amax(&[1], false).amin(&[0], false).item()?,
        0.99..,
    );
    let orthogonal = (by_fast.matmul(&by_fast.t()) - &unit).abs().amax(&[0, 1], false).item()?;
    lab.expect("FastICA's matrix is orthogonal, within", orthogonal, ..1e-4);

    // Plots three signals one above the other.
    let panel = |title: &str, signals: &Tensor| -> Result<plot::Panel> {
        let values = signals.normalize(2.0, 0, 1e-8).to_vec::<f32>()?;
        let height =
            |k: usize, i: usize| f64::from(values[3 * i + k]) * (count as f64).sqrt() - 5.0 * k as f64;
        let line = |k: usize| {
            (0..400).map(move |i| i as f64).zip((0..400).map(|i| height(k, i)).collect::<Vec<_>>())
        };
        let empty = plot::Panel::new(title, "time", "signals, one above the other");
        Ok((0..3)
            .fold(empty, |panel, k| panel.with(plot::Series::new(format!("{}", k + 1), line(k)).exact())))
    };
    let figure = plot::Figure::new("Three mixed signals taken apart")
        .columns(2)
        .panel(panel("Sources", &s)?)
        .panel(panel("Mixtures", &x)?)
        .panel(panel("Principal components", &white)?)
        .panel(panel("FastICA (order and sign are free)", &recovered)?);
    lab.picture("ica", |path| figure.save(path))
}
