//! Sequence to sequence with attention (Bahdanau, Cho and Bengio 2015): one recurrent network reads digits, another writes them in reverse
//! or sorted, attending to the input. The decoder is trained on the correct previous digits (teacher forcing) or partly on its own
//! (scheduled sampling, Bengio et al. 2015): `cargo run --release -p wgrad-atlas -- seq2seq`.

use atlas::prelude::*;
use wgrad::models::{Attend, BeamSearch, Seq2Seq, Seq2SeqOptions};

pub const STUDY: Study = Study {
    name: "seq2seq",
    about: "A recurrent encoder and decoder with attention reverse and sort digits; the attention runs backwards.",
    on_gpu: false,
    data: None,
    run,
};

const PAD: i32 = 0;
const BEGIN: i32 = 1;
const END: i32 = 2;
/// The token of digit 0.
const FIRST: i32 = 3;

/// Transforms the digits in place into the target.
type Task = fn(&mut [i32]);

/// A batch of sequences: encoder inputs, decoder inputs, and targets.
struct Batch {
    sources: Vec<Vec<i32>>,
    read: data::DevicePadded,
    given: Tensor,
    said: Tensor,
}

/// Up to `longest` of `kinds` digits. Sequences whose token sum is a multiple of 5 are reserved for testing.
fn batch(lab: &Lab, draws: &mut Draws, size: usize, test: bool, task: Task) -> Result<Batch> {
    let (longest, kinds) = lab.pick((6, 10), (4, 6));
    let mut sources: Vec<Vec<i32>> = vec![];
    while sources.len() < size {
        let length = 2 + draws.below(longest - 1);
        let source: Vec<i32> = (0..length).map(|_| FIRST + draws.below(kinds) as i32).collect();
        if (source.iter().sum::<i32>() % 5 == 0) == test {
            sources.push(source);
        }
    }
    let answer = |source: &Vec<i32>| {
        let mut answer = source.clone();
        task(&mut answer);
        answer
    };
    let padded = |sequences: &[Vec<i32>], length: u32| {
        data::Padded::new(sequences, PAD, length as usize).to_device(lab.device())
    };
    let given: Vec<Vec<i32>> = sources.iter().map(|s| [vec![BEGIN], answer(s)].concat()).collect();
    let said: Vec<Vec<i32>> = sources.iter().map(|s| [answer(s), vec![END]].concat()).collect();
    Ok(Batch {
        read: padded(&sources, longest)?,
        given: padded(&given, longest + 1)?.values,
        said: padded(&said, longest + 1)?.values,
        sources,
    })
}

/// A trained network. `own` is the final share of decoder inputs that are its own tokens instead of the correct ones.
fn trained(lab: &Lab, what: &str, task: Task, own: f32) -> Result<Seq2Seq> {
    let (steps, size, hidden) = lab.pick((900, 64, 48), (260, 48, 32));
    let vocab = FIRST as usize + lab.pick(10, 6);
    let sizes = Seq2SeqOptions {
        source_vocab: vocab,
        target_vocab: vocab,
        embed: hidden / 2,
        hidden,
        attend: Attend::Additive,
    };
    let params = lab.params();
    let net = Seq2Seq::new(&params, sizes);
    let (mut draws, random) = (lab.draws(1), Generator::new(lab.seed()));
    let mut opt = Adam::new(&params);
    lab.fit(what, steps, &mut opt, Cosine::new(lab.pick(0.004, 0.01), 0.0, steps), |step| {
        let batch = batch(lab, &mut draws, size, false, task)?;
        let encoded = net.encode_lengths(&batch.read.values, &batch.read.lengths);
        let padding = Some(&batch.read.padding);
        let logits = if own == 0.0 {
            net.decode(&batch.given, &encoded.state, &encoded.outputs, padding).0
        } else {
            let share = own * step as f32 / steps as f32;
            let own = random.uniform(lab.device(), batch.given.shape()).lt(share);
            net.decode_own(&batch.given, &own, &encoded, padding)
        };
        let said = targets(&batch.said)?.flatten(0, 1);
        Ok(logits
            .flatten(0, 1)
            .cross_entropy_with(&said, CrossEntropy { ignore_index: PAD, ..CrossEntropy::default() }))
    })?;
    Ok(net)
}

/// The share of sequences without a mistake when decoding from its own tokens.
fn exact(net: &Seq2Seq, test: &Batch) -> Result<f64> {
    let encoded = net.encode_lengths(&test.read.values, &test.read.lengths);
    let steps = test.said.shape()[1];
    let found = net.greedy(&encoded, Some(&test.read.padding), BEGIN, steps);
    let right = found.eq(&test.said).logical_or(test.said.eq(PAD as f32)).all(&[1], false);
    Ok(right.to(DType::F32).mean_all().item()?.into())
}

fn run(lab: &mut Lab) -> Result<()> {
    let reverse: Task = |digits| digits.reverse();
    let sort: Task = |digits| digits.sort();
    let count = lab.pick(500, 200);
    let test = batch(lab, &mut lab.draws(2), count, true, reverse)?;
    let net = trained(lab, "reversing", reverse, 0.0)?;
    let forced = exact(&net, &test)?;
    lab.expect("reversed without a mistake", forced, 0.9..);
    let scheduled = exact(&trained(lab, "reversing, scheduled sampling", reverse, 0.5)?, &test)?;
    lab.expect("reversed without a mistake, scheduled sampling", scheduled, 0.9..);
    let sorted = batch(lab, &mut lab.draws(3), count, true, sort)?;
    let sorted = exact(&trained(lab, "sorting", sort, 0.0)?, &sorted)?;
    lab.expect("sorted without a mistake", sorted, 0.9..);
    searched(lab, &net, &test)?;
    attention(lab, &net, &test)
}

/// Beam search against greedy decoding.
fn searched(lab: &mut Lab, net: &Seq2Seq, test: &Batch) -> Result<()> {
    let (mut right, mut gain) = (0, 0.0);
    let sources = &test.sources[..lab.pick(50, 20)];
    for source in sources {
        let tokens = Tensor::from_slice(lab.device(), source, &[1, source.len()])?;
        let most = source.len() + 2;
        let [one, four] = [1, 4].map(|beams| net.search(&tokens, BEGIN, &BeamSearch::new(beams, END, most)));
        let (one, four) = (one?.remove(0), four?.remove(0));
        let answer: Vec<i32> = source.iter().rev().copied().chain([END]).collect();
        right += usize::from(four.tokens == answer);
        gain += four.log_probability - one.log_probability;
    }
    lab.expect("reversed without a mistake, four beams", right as f64 / sources.len() as f64, 0.9..);
    lab.expect("log-probability that four beams gain", gain / sources.len() as f64, -1e-6..);
    Ok(())
}

/// The attention should be on digit `n - 1 - t` when the network writes digit `t` of `n`.
fn attention(lab: &mut Lab, net: &Seq2Seq, test: &Batch) -> Result<()> {
    let encoded = net.encode_lengths(&test.read.values, &test.read.lengths);
    let padding = Some(&test.read.padding);
    let weights = net.decode_weights(&test.given, &encoded.state, &encoded.outputs, padding).2;
    let (steps, width) = (weights.shape()[1], weights.shape()[2]);
    let weights = weights.to_vec::<f32>()?;
    let at = |i: usize, t: usize, s: usize| f64::from(weights[(i * steps + t) * width + s]);
    let (mut mass, mut writings) = (0.0, 0);
    for (i, source) in test.sources.iter().enumerate() {
        mass += (0..source.len()).map(|t| at(i, t, source.len() - 1 - t)).sum::<f64>();
        writings += source.len();
    }
    lab.expect("attention on the digit that is written", mass / writings as f64, 0.6..);
    let longest = (0..test.sources.len()).max_by_key(|&i| test.sources[i].len()).context("a sequence")?;
    let n = test.sources[longest].len();
    let map: Vec<f64> =
        (0..=n).flat_map(|t| (0..n).map(move |s| (t, s))).map(|(t, s)| at(longest, t, s)).collect();
    let name = |token: i32| (token - FIRST).to_string();
    let read = test.sources[longest].iter().map(|&token| name(token));
    let wrote = test.sources[longest].iter().rev().map(|&token| name(token)).chain(["end".into()]);
    let panel = plot::Panel::new("", "read", "written")
        .layer(plot::Field::matrix(n + 1, n, map).range(0.0, 1.0).cell_text(2).bar("attention"))
        .x_names(read)
        .y_names(wrote)
        .y_down();
    lab.picture("seq2seq", |path| {
        plot::Figure::new("Where the decoder looks while it reverses").panel(panel).save(path)
    })
}
