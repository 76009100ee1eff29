//! Beam search for decoders whose sequences end with an end token.

use autograd::Result;

/// Beam search over sequences that end with an end token, ranked as in Google's translation system (Wu et al. 2016, equation 14):
/// `log P / lp + cp` with the length penalty `lp = ((5 + length) / 6)^alpha` and the coverage penalty
/// `cp = beta * sum over source tokens of log(min(attention on the token, 1))`. Lengths include the end token.
///
/// ```
/// use models::{BeamSearch, Next};
/// // Token 0 ends a sequence. After the start token 3, token 1 is likely, but its successors are not; token 2 surely ends.
/// let table = [[1.0, 0.0, 0.0], [0.2, 0.4, 0.4], [1.0, 0.0, 0.0], [0.0, 0.6, 0.4f32]];
/// let next = |_: &[()], tokens: &[i32]| {
///     let row = |&token: &i32| table[token as usize].map(f32::ln).to_vec();
///     Ok(tokens.iter().map(|token| Next { state: (), log_probs: row(token), attention: vec![] }).collect())
/// };
/// let greedy = BeamSearch::new(1, 0, 2).run((), 3, next)?;
/// let found = BeamSearch::new(2, 0, 2).run((), 3, next)?;
/// assert_eq!((&greedy[0].tokens[..], &found[0].tokens[..]), (&[1, 1][..], &[2, 0][..]));
/// assert!((found[0].log_probability - 0.4f64.ln()).abs() < 1e-6);
/// # Ok::<(), autograd::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BeamSearch {
    beams: usize,
    end: i32,
    most: usize,
    alpha: f64,
    beta: f64,
}

/// A decoder's output after a token.
#[derive(Clone, Debug)]
pub struct Next<S> {
    /// The decoder's new state.
    pub state: S,
    /// Logarithms of the probabilities `[vocab]` of the next token.
    pub log_probs: Vec<f32>,
    /// The attention weights on the source tokens, which sum to 1; empty without attention.
    pub attention: Vec<f32>,
}

/// A sequence found by a [`BeamSearch`].
#[derive(Clone, Debug, PartialEq)]
pub struct Decoded {
    /// The tokens after the start token, including the end token if present.
    pub tokens: Vec<i32>,
    /// Whether the last token is the end token; otherwise the sequence was truncated.
    pub ended: bool,
    /// The sum over the tokens of their logarithmic probabilities.
    pub log_probability: f64,
    /// `log_probability` with the penalties applied.
    pub score: f64,
    /// The attention on each source token, summed over steps.
    pub coverage: Vec<f64>,
}

impl BeamSearch {
    /// Keeps `beams` sequences of at most `most` tokens, which end with the token `end`. No penalties.
    ///
    /// # Panics
    /// When there are no beams or no tokens.
    #[track_caller]
    pub fn new(beams: usize, end: i32, most: usize) -> BeamSearch {
        assert!(beams > 0 && most > 0, "BeamSearch: {beams} beams, at most {most} tokens");
        BeamSearch { beams, end, most, alpha: 0.0, beta: 0.0 }
    }

    /// Divides by a power of the length: with 0 short sequences keep their advantage, with 1 they lose it. The paper has 0.2.
    ///
    /// # Panics
    /// When it is negative.
    #[track_caller]
    pub fn length_penalty(self, alpha: f64) -> BeamSearch {
        assert!(alpha >= 0.0, "BeamSearch: a length penalty of {alpha}");
        BeamSearch { alpha, ..self }
    }

    /// Penalises source tokens whose attention sums to less than 1. The paper has 0.2.
    ///
    /// # Panics
    /// When it is negative.
    #[track_caller]
    pub fn coverage_penalty(self, beta: f64) -> BeamSearch {
        assert!(beta >= 0.0, "BeamSearch: a coverage penalty of {beta}");
        BeamSearch { beta, ..self }
    }

    /// The score of a sequence.
    pub fn score(&self, log_probability: f64, length: usize, coverage: &[f64]) -> f64 {
        let seen = coverage.iter().map(|c| c.clamp(f64::MIN_POSITIVE, 1.0).ln()).sum::<f64>();
        log_probability / self.divisor(length) + self.beta * seen
    }

    fn divisor(&self, length: usize) -> f64 {
        ((5 + length) as f64 / 6.0).powf(self.alpha)
    }

    /// Searches from a state and the token `begin`. `next` reads one token in each of the given states, as one batch. Returns up to
    /// `beams` sequences, the best first; sequences that have not ended after `most` tokens are truncated there and ranked with the
    /// others.
    ///
    /// # Errors
    /// Errors of `next`.
    ///
    /// # Panics
    /// When `next` does not return one result for every state.
    pub fn run<S: Clone>(
        &self,
        start: S,
        begin: i32,
        mut next: impl FnMut(&[S], &[i32]) -> Result<Vec<Next<S>>>,
    ) -> Result<Vec<Decoded>> {
        let mut live = vec![Live { state: start, tokens: vec![], log_probability: 0.0, coverage: vec![] }];
        let mut done: Vec<Decoded> = vec![];
        for length in 1..=self.most {
            let (states, last): (Vec<S>, Vec<i32>) = live
                .iter()
                .map(|live| (live.state.clone(), live.tokens.last().copied().unwrap_or(begin)))
                .unzip();
            let answers = next(&states, &last)?;
            assert!(answers.len() == live.len(), "BeamSearch: answers for states");
            let best = self.best(live, answers);
            live = vec![];
            for survivor in best {
                if survivor.tokens.last() == Some(&self.end) || length == self.most {
                    done.push(self.decoded(survivor));
                } else {
                    live.push(survivor);
                }
            }
            done.sort_by(|a, b| b.score.total_cmp(&a.score));
            done.truncate(self.beams);
            if live.is_empty() || self.settled(&done, &live) {
                break;
            }
        }
        Ok(done)
    }

    /// The best one-token continuations.
    fn best<S: Clone>(&self, live: Vec<Live<S>>, answers: Vec<Next<S>>) -> Vec<Live<S>> {
        let mut candidates: Vec<(usize, usize, f64)> = vec![];
        for (parent, (before, next)) in live.iter().zip(&answers).enumerate() {
            let own = next.log_probs.iter().enumerate();
            candidates.extend(own.map(|(token, &l)| (parent, token, before.log_probability + f64::from(l))));
        }
        candidates.sort_by(|a, b| b.2.total_cmp(&a.2));
        candidates.truncate(self.beams);
        let survivor = |(parent, token, log_probability): (usize, usize, f64)| {
            let (before, next) = (&live[parent], &answers[parent]);
            let seen = before.coverage.iter().copied().chain(std::iter::repeat(0.0));
            Live {
                state: next.state.clone(),
                tokens: before.tokens.iter().copied().chain([token as i32]).collect(),
                log_probability,
                coverage: next.attention.iter().zip(seen).map(|(&a, c)| c + f64::from(a)).collect(),
            }
        };
        candidates.into_iter().map(survivor).collect()
    }

    fn decoded<S>(&self, live: Live<S>) -> Decoded {
        let Live { tokens, log_probability, coverage, .. } = live;
        let score = self.score(log_probability, tokens.len(), &coverage);
        Decoded { ended: tokens.last() == Some(&self.end), tokens, log_probability, score, coverage }
    }

    /// Whether no live sequence can still become one of the best: log-probabilities only fall, and penalties are never positive.
    fn settled<S>(&self, done: &[Decoded], live: &[Live<S>]) -> bool {
        let hope = live.iter().map(|live| live.log_probability / self.divisor(self.most));
        let hope = hope.fold(f64::NEG_INFINITY, f64::max);
        done.len() == self.beams && done.last().is_some_and(|worst| worst.score >= hope)
    }
}

/// An unfinished sequence.
struct Live<S> {
    state: S,
    tokens: Vec<i32>,
    log_probability: f64,
    coverage: Vec<f64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    const VOCAB: usize = 4;
    const MOST: usize = 5;

    /// Log-probabilities and attention over 3 source tokens, both functions of the last token and of the number of tokens.
    fn answers(count: usize, token: i32) -> Next<usize> {
        let scores = |width: usize, salt: usize| -> Vec<f64> {
            let score = |i: usize| ((7 * count + 5 * token as usize + 3 * i + salt) * 37 % 11) as f64 / 4.0;
            let sum: f64 = (0..width).map(|i| score(i).exp()).sum();
            (0..width).map(|i| score(i).exp() / sum).collect()
        };
        Next {
            state: count + 1,
            log_probs: scores(VOCAB, 0).iter().map(|p| p.ln() as f32).collect(),
            attention: scores(3, 2).iter().map(|&p| p as f32).collect(),
        }
    }

    fn next(states: &[usize], tokens: &[i32]) -> Result<Vec<Next<usize>>> {
        Ok(states.iter().zip(tokens).map(|(&count, &token)| answers(count, token)).collect())
    }

    /// Every sequence that ends with 0 or has `MOST` tokens, with its score.
    fn all(search: &BeamSearch) -> Vec<(Vec<i32>, f64)> {
        let mut found = vec![];
        let mut open = vec![(vec![], 0.0, vec![0.0; 3])];
        while let Some((tokens, p, seen)) = open.pop() {
            let next = answers(tokens.len(), tokens.last().copied().unwrap_or(1));
            for token in 0..VOCAB {
                let tokens = [&tokens[..], &[token as i32]].concat();
                let p = p + f64::from(next.log_probs[token]);
                let seen: Vec<f64> =
                    seen.iter().zip(&next.attention).map(|(s, &a)| s + f64::from(a)).collect();
                if token == 0 || tokens.len() == MOST {
                    let score = search.score(p, tokens.len(), &seen);
                    found.push((tokens, score));
                } else {
                    open.push((tokens, p, seen));
                }
            }
        }
        found.sort_by(|a, b| b.1.total_cmp(&a.1));
        found
    }

    #[test]
    fn a_beam_as_wide_as_the_space_finds_what_trying_everything_finds() {
        let wide = BeamSearch::new(VOCAB.pow(MOST as u32), 0, MOST);
        for search in [wide, wide.length_penalty(1.0), wide.length_penalty(0.6).coverage_penalty(0.8)] {
            let (found, all) = (search.run(0, 1, next).unwrap(), all(&search));
            assert_eq!(found.len(), all.len());
            for (found, (tokens, score)) in found.iter().zip(&all) {
                assert!((found.score - score).abs() < 1e-9, "{found:?} instead of {score} of {tokens:?}");
            }
            assert_eq!(found[0].tokens, all[0].0);
        }
    }

    #[test]
    fn beams_give_whole_sequences_in_order() {
        for beams in 1..=VOCAB {
            let found = BeamSearch::new(beams, 0, MOST).run(0, 1, next).unwrap();
            assert!(found.len() <= beams && found.windows(2).all(|pair| pair[0].score >= pair[1].score));
            assert!(found.iter().all(|d| d.ended == (d.tokens.last() == Some(&0))));
            assert!(found.iter().all(|d| d.ended || d.tokens.len() == MOST));
        }
    }

    #[test]
    fn one_beam_is_greedy() {
        let (mut tokens, mut last) = (vec![], 1);
        while tokens.len() < MOST && last != 0 {
            let logs = answers(tokens.len(), last).log_probs;
            last = (0..VOCAB).max_by(|&a, &b| logs[a].total_cmp(&logs[b])).unwrap() as i32;
            tokens.push(last);
        }
        assert_eq!(BeamSearch::new(1, 0, MOST).run(0, 1, next).unwrap()[0].tokens, tokens);
    }
}
