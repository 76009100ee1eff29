//! t-SNE (van der Maaten and Hinton 2008) of real digits beside their principal components, against scikit-learn's divergence:
//! `cargo run --release -p wgrad-atlas -- tsne`.

use atlas::{Table, class_panel, nearest_of_class, pairs, prelude::*};
use linalg::Pca;
use methods::unsupervised::{tsne_affinities, tsne_loss};

pub const STUDY: Study = Study {
    name: "tsne",
    about: "Real digits on a plane: t-SNE keeps neighbours together that principal components mix.",
    on_gpu: false,
    data: None,
    run,
};

/// The divergence that scikit-learn's exact `TSNE(perplexity=30, init="pca")` ends with on the first 300 digits.
const SCIKIT_LEARN: f64 = 0.273773;

fn run(lab: &mut Lab) -> Result<()> {
    const COUNT: usize = 300;
    let table = Table::digits()?.subset(&(0..COUNT).collect::<Vec<_>>());
    let (x, _) = table.to_device(lab.device())?;
    let (affinities, perplexities) = tsne_affinities(lab.device(), &table.rows, 30.0)?;
    let off = perplexities.iter().map(|p| (p - 30.0).abs()).fold(0.0, f64::max);
    lab.expect("perplexities apart from 30", off, ..1e-6);
    lab.expect("sum of the pairs' probabilities", affinities.sum_all().item()?, 0.9999..1.0001);

    let components = Pca::fit(&x, 2)?.transform(&x);
    // The gradient is the sum of 4 (p - q) (a - b) / (1 + |a - b|^2) over the other points b.
    let at = (&components * 0.1).variable();
    let slope =
        grad(&tsne_loss(&affinities, &at), &[&at]).remove(0).context("a gradient")?.to_vec::<f32>()?;
    let (p, points) = (affinities.to_vec::<f32>()?, pairs(&at)?);
    let kernel = |i: usize, j: usize| {
        1.0 / (1.0 + (points[i].0 - points[j].0).powi(2) + (points[i].1 - points[j].1).powi(2))
    };
    let sum: f64 = (0..COUNT)
        .flat_map(|i| (0..COUNT).filter(move |&j| j != i).map(move |j| (i, j)))
        .map(|(i, j)| kernel(i, j))
        .sum();
    let mut apart = 0.0f64;
    for i in 0..COUNT {
        let force = |j: usize| {
            4.0 * (f64::from(p[i * COUNT + j]) - kernel(i, j) / sum)
                * kernel(i, j)
                * (points[i].0 - points[j].0)
        };
        let exact: f64 = (0..COUNT).filter(|&j| j != i).map(force).sum();
        apart = apart.max((exact - f64::from(slope[2 * i])).abs());
    }
    let largest = slope.iter().map(|s| f64::from(s.abs())).fold(0.0, f64::max);
    lab.expect("gradient apart from the closed form, over the largest", apart / largest, ..1e-3);

    let params = lab.params();
    let map = params.param("map", &[COUNT, 2], Init::ZEROS);
    map.set(&(&components * (1e-4 / components.std(&[0], 0.0, true))));
    let steps = lab.pick(1000, 400);
    // Pairs are exaggerated at first, so that clusters pass each other; the loss is that of the exaggerated ones.
    let early = &affinities * 12.0;
    let mut opt = Sgd::new(&params).momentum(0.5);
    lab.fit("exaggerated", steps / 4, &mut opt, 50.0, |_| Ok(tsne_loss(&early, &map.value())))?;
    let mut opt = Sgd::new(&params).momentum(0.8);
    let losses = lab.fit("t-SNE", steps, &mut opt, 50.0, |_| Ok(tsne_loss(&affinities, &map.value())))?;
    let found = losses[steps - 1];
    lab.expect("divergence over scikit-learn's", found / SCIKIT_LEARN, 0.9..1.1);
    let maps = [("principal components", pairs(&components)?), ("t-SNE", pairs(&map.value())?)];
    let shares: Vec<f64> = maps.iter().map(|(_, points)| nearest_of_class(points, &table.classes)).collect();
    lab.expect("principal components: nearest neighbours of the same class", shares[0], 0.4..0.7);
    lab.expect("t-SNE: nearest neighbours of the same class", shares[1], 0.93..);

    let mut figure = plot::Figure::new("300 digits of 64 pixels on a plane").columns(2);
    for (name, points) in maps {
        figure = figure.panel(class_panel(name, &points, &table.classes));
    }
    lab.picture("tsne", |path| figure.save(path))
}
