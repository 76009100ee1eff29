//! Beam search and its corrections. A sequence of letters is answered in one of three ways: freely, with every letter in upper or lower
//! case at random (45 %), briefly, with nothing (30 %), or exactly (25 %). The first token of the free way is the most probable, so one
//! beam takes it; but that way leads to many answers, none of which is probable. More beams find the brief answer, and the length or
//! coverage penalty (Wu et al. 2016, equation 14) the exact one: `cargo run --release -p wgrad-atlas -- beam_search`.

use atlas::prelude::*;
use wgrad::models::{Attend, BeamSearch, Decoded, Seq2Seq, Seq2SeqOptions};

pub const STUDY: Study = Study {
    name: "beam_search",
    about: "Beam search against greedy choices and against trying everything; length and coverage penalties.",
    on_gpu: false,
    data: None,
    run,
};

const BEGIN: i32 = 0;
const END: i32 = 1;
/// First tokens of the three ways, with their probabilities.
const WAYS: [(i32, f64); 3] = [(2, 0.45), (3, 0.3), (4, 0.25)];
/// Tokens of the letters in lower case; those in upper case follow.
const LETTER: i32 = 5;
const LETTERS: u32 = 4;
const VOCAB: usize = LETTER as usize + 2 * LETTERS as usize;
/// The number of letters in a source.
const LENGTH: usize = 4;

fn answer(source: &[i32], draws: &mut Draws) -> Vec<i32> {
    let unit = draws.unit();
    let (way, letters) = if unit < WAYS[0].1 {
        let any = source.iter().map(|l| l + LETTERS as i32 * draws.below(2) as i32);
        (WAYS[0].0, any.collect())
    } else if unit < WAYS[0].1 + WAYS[1].1 {
        (WAYS[1].0, vec![])
    } else {
        (WAYS[2].0, source.to_vec())
    };
    [vec![way], letters, vec![END]].concat()
}

fn letters(draws: &mut Draws) -> Vec<i32> {
    (0..LENGTH).map(|_| LETTER + draws.below(LETTERS) as i32).collect()
}

fn trained(lab: &Lab) -> Result<Seq2Seq> {
    let (steps, size) = lab.pick((1500, 128), (400, 64));
    let params = lab.params();
    let sizes = Seq2SeqOptions {
        source_vocab: VOCAB,
        target_vocab: VOCAB,
        embed: 16,
        hidden: 32,
        attend: Attend::Additive,
    };
    let net = Seq2Seq::new(&params, sizes);
    let mut draws = lab.draws(1);
    lab.fit("answering", steps, &mut Adam::new(&params), Cosine::new(0.01, 0.0, steps), |_| {
        let sources: Vec<Vec<i32>> = (0..size).map(|_| letters(&mut draws)).collect();
        let answers: Vec<Vec<i32>> = sources.iter().map(|source| answer(source, &mut draws)).collect();
        let given: Vec<Vec<i32>> = answers.iter().map(|a| [&[BEGIN], &a[..a.len() - 1]].concat()).collect();
        let padded =
            |rows: &[Vec<i32>], padding| data::Padded::new(rows, padding, LENGTH + 2).to_device(lab.device());
        let source = Tensor::from_slice(lab.device(), &sources.concat(), &[size, LENGTH])?;
        let logits = net.forward(&source, &padded(&given, END)?.values, None);
        Ok(logits.flatten(0, 1).cross_entropy(&targets(&padded(&answers, -100)?.values)?.flatten(0, 1)))
    })?;
    Ok(net)
}

/// The highest log-probability of all answers of up to `most` tokens, each scored as a whole.
fn best_of_all(lab: &Lab, net: &Seq2Seq, source: &Tensor, most: usize) -> Result<f64> {
    let count = VOCAB.pow(most as u32);
    let digit = |i: usize, t: usize| (i / VOCAB.pow((most - 1 - t) as u32) % VOCAB) as i32;
    let tokens: Vec<i32> = (0..count).flat_map(|i| (0..most).map(move |t| digit(i, t))).collect();
    let given: Vec<i32> = tokens.chunks(most).flat_map(|row| [&[BEGIN], &row[..most - 1]].concat()).collect();
    let given = Tensor::from_slice(lab.device(), &given, &[count, most])?;
    let logs = net.forward(&source.expand(&[count, LENGTH]), &given, None).log_softmax(-1).to_vec::<f32>()?;
    let log_probability = |(i, row): (usize, &[i32])| {
        // Tokens after the end are not part of the answer.
        let length = row.iter().position(|&token| token == END).map_or(most, |end| end + 1);
        (0..length).map(|t| f64::from(logs[(i * most + t) * VOCAB + row[t] as usize])).sum::<f64>()
    };
    Ok(tokens.chunks(most).enumerate().map(log_probability).fold(f64::NEG_INFINITY, f64::max))
}

fn run(lab: &mut Lab) -> Result<()> {
    let net = trained(lab)?;
    let mut draws = lab.draws(2);
    let sources: Vec<Tensor> = (0..lab.pick(60, 20))
        .map(|_| Tensor::from_slice(lab.device(), &letters(&mut draws), &[1, LENGTH]))
        .collect::<wgrad::autograd::Result<_>>()?;

    let most = lab.pick(3, 2);
    let wide = BeamSearch::new(VOCAB.pow(most as u32), END, most);
    let found = net.search(&sources[0], BEGIN, &wide)?.remove(0).log_probability;
    let best = best_of_all(lab, &net, &sources[0], most)?;
    lab.expect("the widest beam against trying everything", (found - best).abs(), ..1e-4);

    let search = |search: BeamSearch| -> Result<Vec<Decoded>> {
        sources.iter().map(|source| Ok(net.search(source, BEGIN, &search)?.remove(0))).collect()
    };
    let mean = |found: &[Decoded]| found.iter().map(|d| d.log_probability).sum::<f64>() / found.len() as f64;
    let beams = |beams| BeamSearch::new(beams, END, LENGTH + 2);
    let widths = lab.pick(vec![1, 2, 3, 4, 6, 8, 12], vec![1, 2, 4, 8]);
    let found: Vec<Vec<Decoded>> = widths.iter().map(|&width| search(beams(width))).collect::<Result<_>>()?;
    let means: Vec<f64> = found.iter().map(|found| mean(found)).collect();
    // In the free way each letter is one of two; the brief way has a single answer.
    let greedy = WAYS[0].1.ln() + LENGTH as f64 * 0.5f64.ln();
    lab.expect("log-probability, one beam, against the truth", means[0] - greedy, -0.5..0.5);
    let (last, brief) = (means[means.len() - 1], WAYS[1].1.ln());
    lab.expect("log-probability, most beams, against the truth", last - brief, -0.2..0.2);
    let fall = means.windows(2).map(|pair| pair[0] - pair[1]).fold(f64::NEG_INFINITY, f64::max);
    lab.expect("the most that a wider beam loses", fall, ..0.01);

    let way = |found: &[Decoded], way: usize| {
        let count = found.iter().filter(|d| d.tokens[0] == WAYS[way].0).count();
        count as f64 / found.len() as f64
    };
    let decoders = [
        ("greedy", search(beams(1))?),
        ("8 beams", search(beams(8))?),
        ("length", search(beams(8).length_penalty(1.0))?),
        ("coverage", search(beams(8).coverage_penalty(1.0))?),
    ];
    lab.expect("free answers, greedy", way(&decoders[0].1, 0), 0.95..);
    lab.expect("brief answers, 8 beams", way(&decoders[1].1, 1), 0.95..);
    lab.expect("exact answers, length penalty", way(&decoders[2].1, 2), 0.9..);
    lab.expect("exact answers, coverage penalty", way(&decoders[3].1, 2), 0.9..);

    let mut bars = plot::Panel::new("Answers by decoder", "", "share")
        .x_names(decoders.each_ref().map(|d| d.0))
        .y_range(0.0, 1.05);
    for (i, name) in ["free", "brief", "exact"].into_iter().enumerate() {
        let shares = decoders.iter().map(|(_, found)| way(found, i));
        bars = bars.layer(plot::Bars::new(name, shares).group(i, 3));
    }
    let xs = || widths.iter().map(|&width| width as f64);
    let line = |name: &str, y: f64| plot::Series::new(name, xs().map(|x| (x, y)).collect::<Vec<_>>()).exact();
    let panel = plot::Panel::new("The best answer found", "beams", "log-probability")
        .with(plot::Series::new("found", xs().zip(means.iter().copied())))
        .with(line("truth, free", greedy))
        .with(line("truth, brief", brief));
    lab.picture("beam_search", |path| plot::Figure::new("Beam search").panel(panel).panel(bars).save(path))
}
