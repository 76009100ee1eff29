//! Principal components, and a linear autoencoder that finds their span by gradient descent (Bourlard and Kamp 1988; Baldi and Hornik
//! 1989): the same subspace and error, but other axes. `cargo run --release -p wgrad-atlas -- pca`.

use atlas::prelude::*;
use linalg::{Pca, principal_angles};

pub const STUDY: Study = Study {
    name: "pca",
    about: "PCA by a singular value decomposition, and a linear autoencoder that learns the same subspace.",
    on_gpu: true,
    data: Some(DIGITS),
    run,
};

/// Standard deviations of the data along randomly rotated axes.
const DEVIATIONS: [f32; 10] = [4.0, 3.0, 2.0, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5];
const KEPT: usize = 3;
const SIDE: usize = 7;

fn run(lab: &mut Lab) -> Result<()> {
    let d = DEVIATIONS.len();
    let axes = lab.params().param("axes", &[d, d], Init::Orthogonal { gain: 1.0 }).value().detach();
    let spread = Tensor::from_slice(lab.device(), &DEVIATIONS, &[1, d])?;
    let x = (Generator::new(lab.seed()).normal(lab.device(), &[4000, d]) * spread).matmul(&axes) + 1.0;

    let pca = Pca::fit(&x, KEPT)?;
    let off = |(variance, deviation): (&f64, &f32)| (variance / f64::from(deviation * deviation) - 1.0).abs();
    let worst = pca.variances.iter().zip(&DEVIATIONS).map(off).fold(0.0, f64::max);
    let angles = principal_angles(&pca.components.t(), &axes.narrow(0, 0, KEPT).t())?;
    let rebuilt = pca.inverse_transform(&pca.transform(&x));
    let mut scores = metrics::Regression::new(lab.device())?;
    scores.update(&(rebuilt - &pca.mean), &(&x - &pca.mean));
    let scores = scores.compute()?;
    let explained: f64 = pca.explained_variance_ratio()[..KEPT].iter().sum();
    lab.expect_same("largest relative error of a variance", worst, ..0.1, 1e-3);
    lab.expect_same("angle to the true subspace", angles[0], ..0.03, 1e-3);
    // 29 of 30.75
    lab.expect_same("explained variance", scores.explained_variance, 0.93..0.955, 1e-4);
    lab.expect(
        "explained variance less the eigenvalues'",
        scores.explained_variance - explained,
        -1e-5..1e-5,
    );

    let params = lab.params();
    let (encoder, decoder) =
        (Linear::new(&params.path("encoder"), d, KEPT), Linear::new(&params.path("decoder"), KEPT, d));
    let (mut opt, steps) = (Adam::new(&params), lab.pick(2000, 500));
    let losses = lab.fit("linear autoencoder", steps, &mut opt, Cosine::new(0.03, 0.0, steps), |_| {
        Ok(decoder.forward(&encoder.forward(&x)).mse_loss(&x, Reduction::Mean))
    })?;
    let found = params.get("decoder.weight").context("the decoder's weight")?.value();
    let angle = principal_angles(&pca.components.t(), &found)?[0];
    let cosines = pca.components.matmul(&found.normalize(2.0, 0, 1e-8)).abs().amax(&[1], false);
    lab.expect("angle between the subspaces", angle, ..5e-3);
    lab.expect("error of the autoencoder over that of PCA", losses[steps - 1] / scores.mse, 0.9999..1.001);
    // The autoencoder's loss does not prefer the principal axes within their span.
    lab.figure("cosine of its axes and the principal ones", cosines.mean_all().item()?);

    let digits = lab.small_digits(1000, 0)?.train.to_device(lab.device())?;
    let eigen = Pca::fit(&digits.images.reshape(&[1000, SIDE * SIDE]), 10)?;
    draw(lab, &pca, &losses, scores.mse, &eigen)
}

fn draw(lab: &mut Lab, pca: &Pca, losses: &[f64], least: f64, eigen: &Pca) -> Result<()> {
    let by_place = |values: Vec<f64>| (1..).zip(values).map(|(i, v)| (f64::from(i), v)).collect::<Vec<_>>();
    let truth = DEVIATIONS.map(|d| f64::from(d * d)).to_vec();
    let spectrum = plot::Panel::new("Variance along the components", "component", "variance")
        .with(plot::Series::new("true", by_place(truth)))
        .layer(plot::Points::new("found by PCA", by_place(pca.variances.clone())).radius(5.0))
        .log_y();
    let excess = losses.iter().map(|loss| (loss - least).max(1e-7)).collect();
    let learned = plot::Panel::new("Linear autoencoder", "step", "error above that of PCA")
        .with(plot::Series::new("excess", by_place(excess)).exact())
        .log_y();
    let shares = eigen.explained_variance_ratio();
    let values = eigen.components.to_vec::<f32>()?;
    let red_and_blue =
        |image: &[f32]| plot::colored(image, -0.4, 0.4, plot::ColorMap::Diverging, plot::Theme::Light);
    let images: Vec<Vec<u8>> = values.chunks(SIDE * SIDE).map(red_and_blue).collect();
    let tile = |(image, share): (usize, &f64)| {
        let label = format!("{:.0} %", share * 100.0);
        plot::GridImage { pixels: &images[image], height: SIDE, width: SIDE, label, ok: None }
    };
    let tiles: Vec<plot::GridImage> = shares.iter().take(10).enumerate().map(tile).collect();
    let figure =
        plot::Figure::new("Principal components: known, learned, and of small digits (share of variance)");
    lab.picture("pca", |path| figure.columns(2).panel(spectrum).panel(learned).images(&tiles, 10).save(path))
}
