//! UMAP (McInnes, Healy and Melville 2018) of real digits against umap-learn's graph, beside t-SNE and principal components:
//! `cargo run --release -p wgrad-atlas -- umap`.

use atlas::{Table, class_panel, nearest_of_class, pairs, prelude::*};
use linalg::Pca;
use methods::unsupervised::{UmapLoss, trustworthiness, tsne_affinities, tsne_loss, umap_curve, umap_graph};

pub const STUDY: Study = Study {
    name: "umap",
    about: "Real digits on a plane: a fuzzy graph of neighbours, drawn so that its edges are short.",
    on_gpu: false,
    data: None,
    run,
};

const NEIGHBOURS: usize = 15;
/// Of umap-learn 0.5.12 on the first 300 digits, with 15 neighbours and `min_dist` 0.1: the sum of the graph's weights, `a` and `b`, and the
/// trustworthiness (scikit-learn's, of 5 neighbours) of its map from seed 1.
const GRAPH: f64 = 1841.6411;
const CURVE: (f64, f64) = (1.576943, 0.895061);
const TRUSTWORTHY: f64 = 0.986840;

fn run(lab: &mut Lab) -> Result<()> {
    const COUNT: usize = 300;
    let table = Table::digits()?.subset(&(0..COUNT).collect::<Vec<_>>());
    let (x, _) = table.to_device(lab.device())?;
    let graph = umap_graph(&table.rows, NEIGHBOURS);
    let sum: f64 = graph.iter().flatten().sum();
    lab.expect("sum of the graph's weights over umap-learn's", sum / GRAPH, 0.9999..1.0001);
    let curve = umap_curve(0.1);
    let apart = (curve.0 - CURVE.0).abs().max((curve.1 - CURVE.1).abs());
    lab.expect("a and b apart from umap-learn's", apart, ..1e-5);

    let components = Pca::fit(&x, 2)?.transform(&x);
    let scaled = |size: f32| &components * (size / components.std(&[0], 0.0, true));
    let params = lab.params();
    let (near, far) =
        (params.param("umap", &[COUNT, 2], Init::ZEROS), params.param("tsne", &[COUNT, 2], Init::ZEROS));
    near.set(&scaled(3.0));
    far.set(&scaled(1e-4));
    let loss = UmapLoss::new(lab.device(), &graph, curve, 5.0)?;
    let steps = lab.pick(2000, 400);
    let mut opt = Adam::new(&params).only(|p| p.name() == "umap");
    let losses =
        lab.fit("UMAP", steps, &mut opt, Cosine::new(0.2, 0.0, steps), |_| Ok(loss.of(&near.value())))?;
    lab.expect("UMAP: loss over that of the components", losses[steps - 1] / losses[0], ..0.9);
    let (affinities, _) = tsne_affinities(lab.device(), &table.rows, 30.0)?;
    let mut opt = Sgd::new(&params).momentum(0.8).only(|p| p.name() == "tsne");
    lab.fit("t-SNE", steps, &mut opt, 50.0, |_| Ok(tsne_loss(&affinities, &far.value())))?;

    let mut figure = plot::Figure::new("300 digits of 64 pixels on a plane").columns(3);
    let mut trusted = Vec::new();
    for (name, map, floor) in [
        ("principal components", &components, 0.4),
        ("t-SNE", &far.value(), 0.85),
        ("UMAP", &near.value(), 0.85),
    ] {
        let points = pairs(map)?;
        let rows: Vec<Vec<f64>> = points.iter().map(|p| vec![p.0, p.1]).collect();
        trusted.push(trustworthiness(&table.rows, &rows, 5));
        let shares = nearest_of_class(&points, &table.classes);
        lab.expect(format!("{name}: nearest neighbours of the same class"), shares, floor..);
        figure = figure.panel(class_panel(name, &points, &table.classes));
    }
    lab.expect("principal components: trustworthiness", trusted[0], 0.8..0.9);
    lab.expect("UMAP: trustworthiness", trusted[2], 0.95..);
    lab.expect("UMAP: trustworthiness over umap-learn's", trusted[2] / TRUSTWORTHY, 0.99..);
    lab.picture("umap", |path| figure.save(path))
}
