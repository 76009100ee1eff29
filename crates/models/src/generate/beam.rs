//! Beam search.

use autograd::Result;

use super::{LanguageModel, Reader};

/// A sequence found by beam search.
#[derive(Clone, Debug, PartialEq)]
pub struct Hypothesis {
    /// The tokens after the prompt.
    pub tokens: Vec<i32>,
    /// The logarithm of their joint probability.
    pub log_probability: f64,
}

/// An unfinished hypothesis.
struct Beam<'a, M: LanguageModel> {
    reader: Reader<'a, M>,
    logits: Vec<f32>,
    found: Hypothesis,
}

/// Searches for the most probable `count` tokens after `prompt`: of all one-token continuations of the `beams` best sequences, the
/// `beams` best are kept. Returns them, the best first. For sequences that end with an end token use [`BeamSearch`](crate::BeamSearch).
///
/// ```
/// use models::{CharRnn, CharRnnOptions, Params, Sampler, beam_search, generate};
/// let params = Params::new(&autograd::Device::named("cpu")?, 42);
/// let net = CharRnn::gru(&params, CharRnnOptions { vocab: 5, embed: 4, hidden: 8, layers: 1 });
/// // One beam takes the most probable token every time.
/// let greedy = generate(&net, &[0, 1], 4, &mut Sampler::new(0).temperature(0.0))?;
/// assert_eq!(beam_search(&net, &[0, 1], 4, 1)?[0].tokens, greedy);
/// # Ok::<(), autograd::Error>(())
/// ```
///
/// # Errors
/// Whatever goes wrong on the device.
///
/// # Panics
/// When the prompt is empty, or there are no beams.
#[track_caller]
pub fn beam_search<M: LanguageModel>(
    model: &M,
    prompt: &[i32],
    count: usize,
    beams: usize,
) -> Result<Vec<Hypothesis>> {
    assert!(beams > 0, "beam_search: no beams");
    let mut reader = Reader::new(model);
    let logits = reader.prompt(prompt)?;
    let found = Hypothesis { tokens: vec![], log_probability: 0.0 };
    let mut all = vec![Beam { reader, logits, found }];
    for step in 0..count {
        let mut next = vec![];
        for (parent, found) in best(&all, beams) {
            let mut reader = all[parent].reader.clone();
            let token = *found.tokens.last().expect("one more token");
            let logits = if step + 1 < count { reader.read(token)? } else { vec![] };
            next.push(Beam { reader, logits, found });
        }
        all = next;
    }
    Ok(all.into_iter().map(|beam| beam.found).collect())
}

/// The best one-token continuations, each with the index of its parent beam.
fn best<M: LanguageModel>(all: &[Beam<M>], beams: usize) -> Vec<(usize, Hypothesis)> {
    let mut candidates: Vec<(usize, usize, f64)> = vec![];
    for (parent, beam) in all.iter().enumerate() {
        let largest = beam.logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let sum: f64 = beam.logits.iter().map(|l| f64::from(l - largest).exp()).sum();
        let before = beam.found.log_probability - sum.ln();
        let own = beam.logits.iter().enumerate();
        candidates.extend(own.map(|(token, l)| (parent, token, before + f64::from(l - largest))));
    }
    candidates.sort_by(|a, b| b.2.total_cmp(&a.2));
    candidates.truncate(beams);
    let found = |(parent, token, log_probability): (usize, usize, f64)| {
        let mut tokens = all[parent].found.tokens.clone();
        tokens.push(token as i32);
        (parent, Hypothesis { tokens, log_probability })
    };
    candidates.into_iter().map(found).collect()
}
