//! Generation with language models: caches against whole sequences, plans, and searches against enumeration.

use autograd::{Device, Tensor};
use models::{CharRnn, CharRnnOptions, Gpt, GptOptions, LanguageModel, Mode, Params, Reader, beam_search};

const VOCAB: usize = 5;
const CONTEXT: usize = 6;

fn gpt(device: &Device) -> Gpt {
    let params = Params::new(device, 3);
    let net = Gpt::new(
        &params,
        GptOptions { vocab: VOCAB, context: CONTEXT, width: 8, heads: 2, depth: 2, dropout: 0.0 },
    );
    // Weights are larger than usual initial ones, so that predictions depend on the sequence.
    params.all().iter().for_each(|p| p.set(&(p.value() * 8.0)));
    net
}

fn lstm(device: &Device) -> CharRnn {
    let params = Params::new(device, 3);
    let net = CharRnn::lstm(&params, CharRnnOptions { vocab: VOCAB, embed: 4, hidden: 8, layers: 2 });
    params.all().iter().for_each(|p| p.set(&(p.value() * 3.0)));
    net
}

fn tokens(device: &Device, tokens: &[i32]) -> Tensor {
    Tensor::from_slice(device, tokens, &[1, tokens.len()]).unwrap()
}

fn near(got: &[f32], want: &[f32]) {
    assert_eq!(got.len(), want.len());
    for (g, w) in got.iter().zip(want) {
        assert!((g - w).abs() < 1e-4, "{g} instead of {w}");
    }
}

#[test]
fn a_cache_gives_what_the_whole_sequence_gives() {
    let sequence = [3, 1, 4, 1, 0, 2];
    for device in gpu_core::testing::devices() {
        let net = gpt(&device);
        let whole = net.forward(&tokens(&device, &sequence), Mode::Eval).to_vec::<f32>().unwrap();
        for pieces in [vec![1; 6], vec![4, 2], vec![1, 3, 2]] {
            let (mut cache, mut got, mut at) = (net.cache(1), vec![], 0);
            for piece in pieces {
                let part = tokens(&device, &sequence[at..at + piece]);
                got.extend(net.forward_cached(&part, &mut cache).to_vec::<f32>().unwrap());
                at += piece;
            }
            near(&got, &whole);
        }
    }
}

#[test]
fn a_state_gives_what_the_whole_sequence_gives() {
    let sequence = [3, 1, 4, 1, 0, 2, 2, 4];
    for device in gpu_core::testing::devices() {
        let net = lstm(&device);
        let whole = net.forward(&tokens(&device, &sequence), None).0.to_vec::<f32>().unwrap();
        let mut reader = Reader::new(&net);
        let got = sequence.map(|token| reader.read(token).unwrap()).concat();
        near(&got, &whole);
    }
}

#[test]
fn a_full_context_goes_on_with_its_later_half() {
    let device = Device::named("cpu").unwrap();
    let net = gpt(&device);
    let mut reader = Reader::new(&net);
    let all = [3, 1, 4, 1, 0, 2, 4];
    let [.., last] = all.map(|token| reader.read(token).unwrap());
    let later = net.forward(&tokens(&device, &all[3..]), Mode::Eval).to_vec::<f32>().unwrap();
    near(&last, &later[later.len() - VOCAB..]);
}

/// The best of all sequences, and its log-probability.
fn best_of_all<M: LanguageModel>(reader: &Reader<M>, logits: &[f32], count: usize) -> (Vec<i32>, f64) {
    if count == 0 {
        return (vec![], 0.0);
    }
    let sum: f64 = logits.iter().map(|l| f64::from(*l).exp()).sum();
    let mut best = (vec![], f64::NEG_INFINITY);
    for (token, l) in logits.iter().enumerate() {
        let mut next = reader.clone();
        let logits = next.read(token as i32).unwrap();
        let (rest, p) = best_of_all(&next, &logits, count - 1);
        let p = p + f64::from(*l) - sum.ln();
        if p > best.1 {
            best = ([vec![token as i32], rest].concat(), p);
        }
    }
    best
}

#[test]
fn wide_beams_find_the_best_of_all() {
    let device = Device::named("cpu").unwrap();
    let net = gpt(&device);
    let mut reader = Reader::new(&net);
    let logits = reader.prompt(&[2, 0]).unwrap();
    let (tokens, p) = best_of_all(&reader, &logits, 3);
    let found = beam_search(&net, &[2, 0], 3, VOCAB * VOCAB).unwrap();
    assert_eq!(found[0].tokens, tokens);
    assert!((found[0].log_probability - p).abs() < 1e-5, "{} instead of {p}", found[0].log_probability);
    assert!(found.windows(2).all(|pair| pair[0].log_probability >= pair[1].log_probability));
}

#[test]
#[should_panic(expected = "positions 6..7 of 6")]
fn a_cache_that_is_full_is_a_mistake() {
    let device = Device::named("cpu").unwrap();
    let net = gpt(&device);
    let mut cache = net.cache(1);
    net.forward_cached(&tokens(&device, &[0; CONTEXT]), &mut cache);
    net.forward_cached(&tokens(&device, &[0]), &mut cache);
}
