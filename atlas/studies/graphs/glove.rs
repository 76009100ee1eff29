//! GloVe (Pennington, Socher and Manning 2014): vectors of words as weighted factors of the logarithms of co-occurrence counts. AdaGrad
//! comes down to the objective that alternating least squares finds, and differences of vectors answer analogies:
//! `cargo run --release -p wgrad-atlas -- glove`.

use atlas::prelude::*;
use methods::unsupervised::WeightedFactors;
use wgrad::data::synthetic::families;
use wgrad::models::Glove;

use super::family_words::{Corpus, FamilyVectors};

pub const STUDY: Study = Study {
    name: "glove",
    about: "GloVe vectors of families of words: the optimum of the weighted factorisation, and analogies.",
    on_gpu: false,
    data: None,
    run,
};

const WIDTH: usize = 12;
/// Counts from which on a pair has the weight 1.
const MOST: f32 = 100.0;

/// The text with every fifth word replaced by another of its words, so that all words meet: what never happens has no logarithm.
fn mingled(text: &str, draws: &mut Draws) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    let mut word =
        |own: &str| if draws.happens(0.2) { draws.pick(&words).to_string() } else { own.to_string() };
    let mut line = |line: &str| line.split(' ').map(&mut word).collect::<Vec<_>>().join(" ");
    text.lines().map(&mut line).collect::<Vec<_>>().join("\n")
}

fn run(lab: &mut Lab) -> Result<()> {
    let corpus = Corpus::new(&mingled(&families(lab.pick(60_000, 20_000), lab.seed()), &mut lab.draws(2)));
    let vocab = corpus.words.len();
    let met: Vec<usize> = (0..vocab * vocab).filter(|&at| corpus.together[at] > 0.0).collect();
    let column = |of: &dyn Fn(usize) -> i32| {
        let values: Vec<i32> = met.iter().map(|&at| of(at)).collect();
        Tensor::from_slice(lab.device(), &values, &[met.len()])
    };
    let (words, contexts) = (column(&|at| (at / vocab) as i32)?, column(&|at| (at % vocab) as i32)?);
    let counts = column(&|at| corpus.together[at] as i32)?.to(DType::F32);

    let params = lab.params();
    let net = Glove::new(&params, vocab, WIDTH);
    let steps = lab.pick(8000, 4000);
    let mut opt = Adagrad::new(&params);
    let losses =
        lab.fit("GloVe", steps, &mut opt, 0.7, |_| Ok(net.loss(&words, &contexts, &counts, MOST)))?;

    // The same objective, by exact regressions in f64.
    let logs: Vec<f64> = corpus.together.iter().map(|n| n.max(1.0).ln()).collect();
    let weights: Vec<f64> =
        corpus.together.iter().map(|n| (n / f64::from(MOST)).min(1.0).powf(0.75)).collect();
    let mut exact = WeightedFactors::new(vocab, vocab, WIDTH, &mut lab.draws(1));
    let mut sweeps = Vec::new();
    for _ in 0..lab.pick(300, 100) {
        exact.step(&logs, &weights);
        sweeps.push(exact.objective(&logs, &weights) / met.len() as f64);
    }
    let (found, least) = (losses[steps - 1], sweeps[sweeps.len() - 1]);
    let vectors = FamilyVectors::new(&corpus, &net.vectors())?;
    lab.figure("pairs of words that meet", met.len() as f64);
    lab.figure("objective of alternating least squares", least);
    lab.expect("objective of GloVe against alternating least squares", found / least, 0.97..1.1);
    lab.expect("nearest words that are of the same kind or role", vectors.related(), 0.9..=1.0);
    lab.expect("analogies answered", vectors.analogies(), 0.9..=1.0);

    let along = |values: &[f64]| -> Vec<(f64, f64)> {
        values.iter().enumerate().map(|(step, &value)| ((step + 1) as f64, value)).collect()
    };
    let panel = plot::Panel::new("Objective", "step or sweep", "mean weighted square")
        .with(plot::Series::new("AdaGrad", along(&losses)).exact())
        .with(plot::Series::new("alternating least squares", along(&sweeps)).exact())
        .log_x()
        .log_y();
    let map = vectors.map(lab.device())?;
    lab.picture("glove", |path| plot::Figure::new("Vectors of words").panel(map).panel(panel).save(path))
}
