//! Skip-gram with negative sampling (Mikolov et al. 2013) on sentences about families: words of the same kind or role get similar vectors,
//! vector differences answer analogies, and products converge to the pointwise mutual information minus the logarithm of the number of
//! negatives (Levy and Goldberg 2014): `cargo run --release -p wgrad-atlas -- word2vec`.

use std::collections::HashMap;

use atlas::prelude::*;
use wgrad::data::synthetic::{FAMILIES, families};
use wgrad::models::SkipGram;

pub const STUDY: Study = Study {
    name: "word2vec",
    about: "Skip-gram vectors of families of words: neighbours, analogies, and shifted mutual information.",
    on_gpu: true,
    data: None,
    run,
};

const NEGATIVES: usize = 5;
const WIDTH: usize = 16;

/// Pairs of words within two positions of each other, and their counts.
struct Corpus {
    words: Vec<String>,
    index: HashMap<String, usize>,
    pairs: Vec<[i32; 2]>,
    /// `[vocab, vocab]`
    together: Vec<f64>,
}

impl Corpus {
    fn new(text: &str) -> Corpus {
        let mut words: Vec<String> = text.split_whitespace().map(String::from).collect();
        words.sort_unstable();
        words.dedup();
        let index: HashMap<String, usize> = words.iter().enumerate().map(|(i, w)| (w.clone(), i)).collect();
        let (mut pairs, mut together) = (Vec::new(), vec![0.0; words.len().pow(2)]);
        for line in text.lines() {
            let line: Vec<usize> = line.split(' ').map(|word| index[word]).collect();
            for (i, &word) in line.iter().enumerate() {
                for (_, &context) in line.iter().enumerate().filter(|&(j, _)| j != i && j.abs_diff(i) <= 2) {
                    pairs.push([word as i32, context as i32]);
                    together[word * words.len() + context] += 1.0;
                }
            }
        }
        Corpus { words, index, pairs, together }
    }

    fn counts(&self) -> Vec<f64> {
        self.together.chunks(self.words.len()).map(|row| row.iter().sum()).collect()
    }

    /// `log(p(w, c) / p(w) p(c)) - log k` of the pairs with at least `least` occurrences, with their indices.
    fn shifted_information(&self, least: f64) -> Vec<(usize, f64)> {
        let (counts, all, vocab) = (self.counts(), self.pairs.len() as f64, self.words.len());
        let often = self.together.iter().enumerate().filter(|(_, n)| **n >= least);
        let shifted = |(at, &n): (usize, &f64)| {
            (at, (n * all / (counts[at / vocab] * counts[at % vocab])).ln() - (NEGATIVES as f64).ln())
        };
        often.map(shifted).collect()
    }
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

/// Normalised vectors of the words of families, by kind and role.
struct Vectors(Vec<Vec<f64>>);

impl Vectors {
    fn new(corpus: &Corpus, vectors: &Tensor) -> Result<Vectors> {
        let all = vectors.normalize(2.0, 1, 1e-12).to_vec::<f32>()?;
        let of =
            |word: &&str| all[corpus.index[*word] * WIDTH..][..WIDTH].iter().map(|&v| v.into()).collect();
        Ok(Vectors(FAMILIES.as_flattened().iter().map(of).collect()))
    }

    /// The words whose vectors have the largest products with `to`, excluding `without`.
    fn nearest(&self, to: &[f64], without: &[usize], count: usize) -> Vec<usize> {
        let score = |&i: &usize| self.0[i].iter().zip(to).map(|(a, b)| a * b).sum::<f64>();
        let mut order: Vec<usize> = (0..self.0.len()).filter(|i| !without.contains(i)).collect();
        order.sort_by(|a, b| score(b).total_cmp(&score(a)));
        order.truncate(count);
        order
    }

    /// The share of words of the same kind or role among the seven nearest; there are seven such words.
    fn related(&self) -> f64 {
        let related = |i: usize, j: usize| j / 3 == i / 3 || j % 3 == i % 3;
        let right =
            |i: usize| self.nearest(&self.0[i], &[i], 7).into_iter().filter(|&j| related(i, j)).count();
        (0..self.0.len()).map(right).sum::<usize>() as f64 / (7 * self.0.len()) as f64
    }

    /// The accuracy on analogies such as king - man + woman, over all pairs of kinds and of roles.
    fn analogies(&self) -> f64 {
        let (mut right, mut asked) = (0.0, 0.0);
        for (a, b) in (0..6).flat_map(|a| (0..6).map(move |b| (a, b))).filter(|(a, b)| a != b) {
            for (r, s) in [(0, 1), (1, 0), (0, 2), (2, 0), (1, 2), (2, 1)] {
                let (from, less, plus, to) = (3 * a + r, 3 * b + r, 3 * b + s, 3 * a + s);
                let sum: Vec<f64> =
                    (0..WIDTH).map(|k| self.0[from][k] - self.0[less][k] + self.0[plus][k]).collect();
                asked += 1.0;
                right += f64::from(self.nearest(&sum, &[from, less, plus], 1) == [to]);
            }
        }
        right / asked
    }
}

fn run(lab: &mut Lab) -> Result<()> {
    let corpus = Corpus::new(&families(lab.pick(60_000, 20_000), lab.seed()));
    let [vectors, products] = learn(lab, &corpus)?;
    let products = products.to_vec::<f32>()?;
    let information = corpus.shifted_information(lab.pick(300.0, 100.0));
    let pairs: Vec<(f64, f64)> = information.iter().map(|&(at, pmi)| (pmi, products[at].into())).collect();
    let error = (pairs.iter().map(|(a, b)| (a - b).powi(2)).sum::<f64>() / pairs.len() as f64).sqrt();
    let found = Vectors::new(&corpus, &vectors)?;
    lab.figure("words", corpus.words.len() as f64);
    lab.expect("nearest words that are of the same kind or role", found.related(), 0.9..=1.0);
    lab.expect("analogies answered", found.analogies(), 0.9..=1.0);
    lab.expect("products against shifted information: correlation", correlation(&pairs), 0.9..);
    lab.expect("products against shifted information: root mean square apart", error, ..0.3);

    let mut levy =
        plot::Panel::new("Levy and Goldberg", "mutual information less log k", "product of vectors");
    levy = levy.layer(plot::Points::new("a word and its context", pairs.iter().copied()).radius(2.5));
    levy = levy.with(plot::Series::new("as in theory", [(-2.0, -2.0), (2.5, 2.5)]).exact());
    // The two directions in which the vectors of families vary most.
    let rows: Vec<f32> = found.0.iter().flatten().map(|&v| v as f32).collect();
    let rows = Tensor::from_slice(lab.device(), &rows, &[found.0.len(), WIDTH])?;
    let centred = &rows - rows.mean(&[0], true);
    let (_, _, directions) = linalg::svd(&centred)?;
    let places = centred.matmul(&directions.narrow(0, 0, 2).t()).to_vec::<f32>()?;
    let at = |i: usize| (f64::from(places[2 * i]), f64::from(places[2 * i + 1]));
    let mut map = plot::Panel::new("Families in their plane", "first direction", "second direction").equal();
    for (kind, words) in FAMILIES.iter().enumerate() {
        let corners = [0, 1, 2, 0].map(|role| at(3 * kind + role));
        map = map.with(plot::Series::new(words.join(", "), corners).exact());
        map = map.layer(plot::Points::new(words.join(", "), corners).radius(5.0));
    }
    for (role, name) in ["male", "female", "young"].into_iter().enumerate() {
        let mean = |of: fn((f64, f64)) -> f64| (0..6).map(|kind| of(at(3 * kind + role))).sum::<f64>() / 6.0;
        map =
            map.layer(plot::Layer::Note(plot::Note::new((1.35 * mean(|p| p.0), 1.35 * mean(|p| p.1)), name)));
    }
    lab.picture("word2vec", |path| plot::Figure::new("Vectors of words").panel(map).panel(levy).save(path))
}
