//! Skip-gram with negative sampling (Mikolov et al. 2013) on sentences about families: words of the same kind or role get similar vectors,
//! vector differences answer analogies, and products converge to the pointwise mutual information minus the logarithm of the number of
//! negatives (Levy and Goldberg 2014): `cargo run --release -p wgrad-atlas -- word2vec`.

use atlas::prelude::*;
use wgrad::data::synthetic::families;
use wgrad::models::SkipGram;

use super::family_words::{Corpus, FamilyVectors};

pub const STUDY: Study = Study {
    name: "word2vec",
    about: "Skip-gram vectors of families of words: neighbours, analogies, and shifted mutual information.",
    on_gpu: true,
    data: None,
    run,
};

const NEGATIVES: usize = 5;
const WIDTH: usize = 16;

/// `log(p(w, c) / p(w) p(c)) - log k` of the pairs with at least `least` occurrences, with their indices.
fn shifted_information(corpus: &Corpus, least: f64) -> Vec<(usize, f64)> {
    let (counts, all, vocab) = (corpus.counts(), corpus.pairs.len() as f64, corpus.words.len());
    let often = corpus.together.iter().enumerate().filter(|(_, n)| **n >= least);
    let shifted = |(at, &n): (usize, &f64)| {
        (at, (n * all / (counts[at / vocab] * counts[at % vocab])).ln() - (NEGATIVES as f64).ln())
    };
    often.map(shifted).collect()
}

/// Vectors `[vocab, WIDTH]` and products `[vocab, vocab]` after training; negatives are sampled by the frequency of contexts.
fn learn(lab: &Lab, corpus: &Corpus) -> Result<[Tensor; 2]> {
    let params = lab.params();
    let net = SkipGram::new(&params, corpus.words.len(), WIDTH);
    let mut draws = lab.draws(0);
    let (batch, steps) = (lab.pick(4096, 2048), lab.pick(2000, 400));
    lab.fit("skip-gram", steps, &mut Adam::new(&params), Cosine::new(0.02, 0.0, steps), |_| {
        let mut pair = || corpus.pairs[draws.below(corpus.pairs.len() as u32) as usize];
        let (words, contexts): (Vec<i32>, Vec<i32>) = (0..batch).map(|_| pair().into()).unzip();
        // The context of a random pair: contexts are drawn by frequency.
        let negatives: Vec<i32> = (0..batch * NEGATIVES).map(|_| pair()[1]).collect();
        let tensor = |values: &[i32], shape: &[usize]| Tensor::from_slice(lab.device(), values, shape);
        Ok(net.loss(
            &tensor(&words, &[batch])?,
            &tensor(&contexts, &[batch])?,
            &tensor(&negatives, &[batch, NEGATIVES])?,
        ))
    })?;
    Ok([net.vectors().detach(), net.products().detach()])
}

fn correlation(pairs: &[(f64, f64)]) -> f64 {
    let n = pairs.len() as f64;
    let (a, b) = pairs.iter().fold((0.0, 0.0), |(a, b), p| (a + p.0 / n, b + p.1 / n));
    let sum = |f: &dyn Fn(f64, f64) -> f64| pairs.iter().map(|p| f(p.0 - a, p.1 - b)).sum::<f64>();
    sum(&|a, b| a * b) / (sum(&|a, _| a * a) * sum(&|_, b| b * b)).sqrt()
}

fn run(lab: &mut Lab) -> Result<()> {
    let corpus = Corpus::new(&families(lab.pick(60_000, 20_000), lab.seed()));
    let [vectors, products] = learn(lab, &corpus)?;
    let products = products.to_vec::<f32>()?;
    let information = shifted_information(&corpus, lab.pick(300.0, 100.0));
    let pairs: Vec<(f64, f64)> = information.iter().map(|&(at, pmi)| (pmi, products[at].into())).collect();
    let error = (pairs.iter().map(|(a, b)| (a - b).powi(2)).sum::<f64>() / pairs.len() as f64).sqrt();
    let found = FamilyVectors::new(&corpus, &vectors)?;
    lab.figure("words", corpus.words.len() as f64);
    lab.expect("nearest words that are of the same kind or role", found.related(), 0.9..=1.0);
    lab.expect("analogies answered", found.analogies(), 0.9..=1.0);
    lab.expect("products against shifted information: correlation", correlation(&pairs), 0.9..);
    lab.expect("products against shifted information: root mean square apart", error, ..0.3);

    let mut levy =
        plot::Panel::new("Levy and Goldberg", "mutual information less log k", "product of vectors");
    levy = levy.layer(plot::Points::new("a word and its context", pairs.iter().copied()).radius(2.5));
    levy = levy.with(plot::Series::new("as in theory", [(-2.0, -2.0), (2.5, 2.5)]).exact());
    let map = found.map(lab.device())?;
    lab.picture("word2vec", |path| plot::Figure::new("Vectors of words").panel(map).panel(levy).save(path))
}
