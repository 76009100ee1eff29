//! Sentences about families as pairs of neighbouring words, and what vectors of words know about the families.

use std::collections::HashMap;

use atlas::prelude::*;
use wgrad::data::synthetic::FAMILIES;

/// Pairs of words within two positions of each other, and their counts.
pub(super) struct Corpus {
    pub(super) words: Vec<String>,
    pub(super) index: HashMap<String, usize>,
    pub(super) pairs: Vec<[i32; 2]>,
    /// `[vocab, vocab]`
    pub(super) together: Vec<f64>,
}

impl Corpus {
    pub(super) fn new(text: &str) -> Corpus {
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

    pub(super) fn counts(&self) -> Vec<f64> {
        self.together.chunks(self.words.len()).map(|row| row.iter().sum()).collect()
    }
}

/// Normalised vectors of the words of families, by kind and role.
pub(super) struct FamilyVectors(Vec<Vec<f64>>);

impl FamilyVectors {
    pub(super) fn new(corpus: &Corpus, vectors: &Tensor) -> Result<FamilyVectors> {
        let width = vectors.size(1);
        let all = vectors.normalize(2.0, 1, 1e-12).to_vec::<f32>()?;
        let of =
            |word: &&str| all[corpus.index[*word] * width..][..width].iter().map(|&v| v.into()).collect();
        Ok(FamilyVectors(FAMILIES.as_flattened().iter().map(of).collect()))
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
    pub(super) fn related(&self) -> f64 {
        let related = |i: usize, j: usize| j / 3 == i / 3 || j % 3 == i % 3;
        let right =
            |i: usize| self.nearest(&self.0[i], &[i], 7).into_iter().filter(|&j| related(i, j)).count();
        (0..self.0.len()).map(right).sum::<usize>() as f64 / (7 * self.0.len()) as f64
    }

    /// The accuracy on analogies such as king - man + woman, over all pairs of kinds and of roles.
    pub(super) fn analogies(&self) -> f64 {
        let (mut right, mut asked) = (0.0, 0.0);
        for (a, b) in (0..6).flat_map(|a| (0..6).map(move |b| (a, b))).filter(|(a, b)| a != b) {
            for (r, s) in [(0, 1), (1, 0), (0, 2), (2, 0), (1, 2), (2, 1)] {
                let (from, less, plus, to) = (3 * a + r, 3 * b + r, 3 * b + s, 3 * a + s);
                let sum: Vec<f64> = (0..self.0[0].len())
                    .map(|k| self.0[from][k] - self.0[less][k] + self.0[plus][k])
                    .collect();
                asked += 1.0;
                right += f64::from(self.nearest(&sum, &[from, less, plus], 1) == [to]);
            }
        }
        right / asked
    }

    /// The words in the plane of the two directions in which they vary most.
    pub(super) fn map(&self, device: &Device) -> Result<plot::Panel> {
        // The two directions in which the vectors of families vary most.
        let rows: Vec<f32> = self.0.iter().flatten().map(|&v| v as f32).collect();
        let rows = Tensor::from_slice(device, &rows, &[self.0.len(), self.0[0].len()])?;
        let centred = &rows - rows.mean(&[0], true);
        let (_, _, directions) = linalg::svd(&centred)?;
        let places = centred.matmul(&directions.narrow(0, 0, 2).t()).to_vec::<f32>()?;
        let at = |i: usize| (f64::from(places[2 * i]), f64::from(places[2 * i + 1]));
        let mut map =
            plot::Panel::new("Families in their plane", "first direction", "second direction").equal();
        for (kind, words) in FAMILIES.iter().enumerate() {
            let corners = [0, 1, 2, 0].map(|role| at(3 * kind + role));
            map = map.with(plot::Series::new(words.join(", "), corners).exact());
            map = map.layer(plot::Points::new(words.join(", "), corners).radius(5.0));
        }
        for (role, name) in ["male", "female", "young"].into_iter().enumerate() {
            let mean =
                |of: fn((f64, f64)) -> f64| (0..6).map(|kind| of(at(3 * kind + role))).sum::<f64>() / 6.0;
            map = map.layer(plot::Layer::Note(plot::Note::new(
                (1.35 * mean(|p| p.0), 1.35 * mean(|p| p.1)),
                name,
            )));
        }
        Ok(map)
    }
}
