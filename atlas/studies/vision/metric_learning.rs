//! Metric learning: embeddings that separate classes not seen in training, by semi-hard triplets (FaceNet, Schroff et al. 2015) and by an
//! additive angular margin (ArcFace, Deng et al. 2019): `cargo run --release -p wgrad-atlas -- metric_learning`.

use atlas::prelude::*;
use methods::metric_learning::{ArcFace, semi_hard_triplet_loss};
use wgrad::models::Backbone;

pub const STUDY: Study = Study {
    name: "metric_learning",
    about: "Triplets and angular margins on 60 characters make embeddings that verify and find 20 others.",
    on_gpu: false,
    data: None,
    run,
};

/// Characters that are learned from, and others that are compared.
const KNOWN: usize = 60;
const UNKNOWN: usize = 20;
const FEATURES: usize = 24;

/// Unit vectors `[N, FEATURES]` of characters `[N, 1, 28, 28]`.
fn embedder(params: &Params) -> impl Fn(&Tensor, Mode) -> Tensor + use<> {
    let backbone = Backbone::new(&params.path("backbone"), 1, &[(8, 2), (16, 2), (32, 2)]);
    let out = Linear::new(&params.path("out"), 32 * 4 * 4, FEATURES);
    move |x, mode| out.forward(&backbone.last(x, mode).flatten(1, 3)).normalize(2.0, 1, 1e-12)
}

/// How well embeddings separate classes.
struct Comparison {
    /// Recall at 1: the share of rows whose most similar other row is of the same class.
    recall: f64,
    /// The area under the ROC curve of similarity as a score for pairs of the same class, over all pairs.
    auc: f64,
    curve: plot::Series,
}

/// Compares unit vectors `[N, D]` by cosine similarity.
fn compare(name: &str, embeddings: &Tensor, labels: &[u32]) -> Result<Comparison> {
    let n = labels.len();
    let similar = embeddings.matmul(&embeddings.t()).to_vec::<f32>()?;
    let pairs: Vec<(usize, usize)> = (0..n * n).map(|i| (i / n, i % n)).filter(|(a, b)| a != b).collect();
    let same: Vec<bool> = pairs.iter().map(|&(a, b)| labels[a] == labels[b]).collect();
    let scores: Vec<f32> = pairs.iter().map(|&(a, b)| similar[a * n + b]).collect();
    let queries = same.chunks(n - 1).zip(scores.chunks(n - 1));
    let found = queries.filter(|(same, scores)| metrics::recall_at_k(same, scores, 1) > 0.0).count();
    let curve = metrics::roc_curve(&same, &scores).points.into_iter().step_by(n);
    Ok(Comparison {
        recall: found as f64 / n as f64,
        auc: metrics::roc_auc(&same, &scores),
        curve: plot::Series::new(name, curve).exact(),
    })
}

fn run(lab: &mut Lab) -> Result<()> {
    let glyphs = synthetic::glyphs(KNOWN + UNKNOWN, lab.pick(8000, 3000), lab.seed())?;
    let of = |known: bool| (0..glyphs.len()).filter(move |i| (i % (KNOWN + UNKNOWN) < KNOWN) == known);
    let (train, test) = (glyphs.subset(of(true))?, glyphs.subset(of(false).take(300))?);
    let (on_device, test_x) = (train.to_device(lab.device())?, test.to_device(lab.device())?.images);
    let steps = lab.pick(800, 160);

    let pixels = test_x.flatten(1, 3);
    let pixels = (&pixels - pixels.mean(&[0], true)).normalize(2.0, 1, 1e-12);
    let untrained = embedder(&lab.params())(&test_x, Mode::Eval);
    let mut results = vec![
        ("pixels", compare("pixels", &pixels, test.labels())?),
        ("untrained", compare("untrained", &untrained, test.labels())?),
    ];
    for name in ["triplets", "ArcFace"] {
        let (params, mut draws) = (lab.params(), lab.draws(0));
        let net = embedder(&params);
        let arc_face = || ArcFace::new(&params.path("head"), FEATURES, KNOWN).scale(16.0).margin(0.3);
        let head = (name == "ArcFace").then(arc_face);
        let mut opt = Adam::new(&params);
        lab.fit(name, steps, &mut opt, OneCycle::new(0.005, steps), |_| {
            let [x, labels] = minibatch(&mut draws, 64, [&on_device.images, &on_device.labels])?;
            let embeddings = net(&x, Mode::Train);
            Ok(match &head {
                Some(head) => head.forward(&embeddings, &labels).cross_entropy(&labels),
                None => semi_hard_triplet_loss(&embeddings, &labels, 0.2),
            })
        })?;
        results.push((name, compare(name, &net(&test_x, Mode::Eval), test.labels())?));
    }
    for (name, found) in &results {
        lab.figure(format!("recall at 1 of {name}"), found.recall);
        lab.figure(format!("verification AUC of {name}"), found.auc);
    }
    let [pixels, untrained] = [&results[0].1, &results[1].1];
    for (name, found) in &results[2..] {
        lab.expect(format!("AUC of {name} over pixels"), found.auc - pixels.auc, lab.pick(0.05, 0.0)..);
        lab.expect(format!("AUC of {name} over untrained"), found.auc - untrained.auc, 0.1..);
        lab.expect(format!("recall of {name} over untrained"), found.recall - untrained.recall, 0.15..);
    }
    let title = "Are two characters, never trained on, the same?";
    let panel = plot::Panel::new("", "false positive rate", "true positive rate");
    let panel = results.into_iter().fold(panel, |panel, (_, found)| panel.with(found.curve));
    lab.picture("metric_learning", |path| plot::Figure::new(title).panel(panel).save(path))
}
