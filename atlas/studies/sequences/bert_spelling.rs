//! A masked language model of a text (Devlin et al. 2019, "BERT"), by characters: it fills in hidden ones, and is then fine-tuned on excerpts to
//! tell whether the letters of a word were mixed up. From random weights, the same excerpts teach next to nothing:
//! `cargo run --release -p wgrad-atlas -- bert_spelling`.

use atlas::{bert_scaled, prelude::*};
use wgrad::data::{MaskTokens, Text};
use wgrad::models::{Bert, BertOptions};

pub const STUDY: Study = Study {
    name: "bert_spelling",
    about: "A BERT that has filled in characters of a text learns from examples whether the letters of a word are mixed up.",
    on_gpu: false,
    data: Some("a text"),
    run,
};

/// Characters of an excerpt. At first, attention is spread over all of them, and so is the gradient by which a network learns where to look:
/// with 64 characters, networks of this width knew only their frequencies after 400 steps (measured in PyTorch).
const LENGTH: usize = 20;
/// The letters of a word that can be mixed up.
const WORD: usize = 4;

/// A text in two parts, the second for testing, as tokens of characters.
struct Excerpts {
    text: Text,
    parts: [Vec<i32>; 2],
    /// Whether a token is a letter.
    letters: Vec<bool>,
}

impl Excerpts {
    fn new(lab: &Lab) -> Result<Excerpts> {
        let text = match lab.data() {
            Some(path) => Text::read(path)?,
            None => Text::new(&data::synthetic::grammar(lab.pick(200_000, 60_000), lab.seed()))?,
        };
        let (train, test) = text.tokens().split_at(text.tokens().len() / 10 * 9);
        ensure!(test.len() > LENGTH, "a text of {} characters is too short", text.tokens().len());
        let letters = text.chars().iter().map(|c| c.is_alphabetic()).collect();
        Ok(Excerpts { parts: [train.to_vec(), test.to_vec()], letters, text })
    }

    /// The token that hides others. The first token of each excerpt, from whose output a classifier decides, is the next.
    fn mask(&self) -> i32 {
        self.text.chars().len() as i32
    }

    fn excerpt(&self, part: usize, draws: &mut Draws) -> Vec<i32> {
        let from = draws.below((self.parts[part].len() - LENGTH) as u32) as usize;
        self.parts[part][from..][..LENGTH].to_vec()
    }

    /// The first token and then the characters, `[N, LENGTH + 1]`.
    fn tokens(&self, device: &Device, excerpts: &[Vec<i32>]) -> Result<Tensor> {
        let rows: Vec<i32> = excerpts
            .iter()
            .flat_map(|row| [self.mask() + 1].into_iter().chain(row.iter().copied()))
            .collect();
        Ok(Tensor::from_slice(device, &rows, &[excerpts.len(), LENGTH + 1])?)
    }

    /// Excerpts with a fifth of their characters hidden `[N, LENGTH + 1]`, and the hidden ones `[N * LENGTH]`, -100 for the others.
    fn hidden(&self, device: &Device, part: usize, count: usize, draws: &mut Draws) -> Result<[Tensor; 2]> {
        let hide = MaskTokens { mask: self.mask(), vocabulary: self.mask() as u32, special: vec![], p: 0.2 };
        let (inputs, asked): (Vec<_>, Vec<_>) =
            (0..count).map(|_| hide.apply(&self.excerpt(part, draws), draws)).unzip();
        let asked = Tensor::from_slice(device, &asked.concat(), &[count * LENGTH])?;
        Ok([self.tokens(device, &inputs)?, asked])
    }

    /// Excerpts with a word of at least four letters `[N, LENGTH + 1]`, and whether its letters were mixed up `[N]`. Neither which characters there
    /// are nor how many tells.
    fn spelled(&self, device: &Device, part: usize, count: usize, draws: &mut Draws) -> Result<[Tensor; 2]> {
        let (mut excerpts, mut mixed) = (Vec::new(), Vec::new());
        // A text without such words gives none.
        for _ in 0..100 * count {
            let mut excerpt = self.excerpt(part, draws);
            let words = excerpt.chunk_by_mut(|&a, &b| self.letters[a as usize] == self.letters[b as usize]);
            let mut words: Vec<&mut [i32]> = words
                .filter(|word| self.letters[word[0] as usize] && word.len() >= WORD)
                .filter(|word| word.iter().any(|letter| *letter != word[0]))
                .collect();
            if words.is_empty() {
                continue;
            }
            let word = words.swap_remove(draws.below(words.len() as u32) as usize);
            mixed.push(i32::from(draws.happens(0.5)));
            if mixed.ends_with(&[1]) {
                let right = word.to_vec();
                while word == right {
                    draws.shuffle(word);
                }
            }
            excerpts.push(excerpt);
            if excerpts.len() == count {
                let mixed = Tensor::from_slice(device, &mixed, &[count])?;
                return Ok([self.tokens(device, &excerpts)?, mixed]);
            }
        }
        bail!("the text has hardly any word of {WORD} letters");
    }
}

fn options(excerpts: &Excerpts) -> BertOptions {
    let vocab = excerpts.mask() as usize + 2;
    BertOptions { vocab, context: LENGTH + 1, width: 64, heads: 4, depth: 2, dropout: 0.0 }
}

/// The cross-entropy of the characters that `net` is to fill in.
fn loss(net: &Bert, [inputs, asked]: &[Tensor; 2]) -> Tensor {
    net.forward(inputs, None, None, Mode::Train).narrow(1, 1, LENGTH).flatten(0, 1).cross_entropy(asked)
}

/// The parameters of a network that has filled in characters, and the losses.
fn pretrained(lab: &Lab, excerpts: &Excerpts) -> Result<(Params, Bert, Vec<f64>)> {
    let real = lab.data().is_some();
    let (steps, size) = lab.pick((if real { 3000 } else { 1000 }, 96), (400, 64));
    let params = lab.params();
    let net = Bert::new(&params, options(excerpts));
    bert_scaled(&params, 64);
    let mut draws = lab.draws(1);
    let rate = Warmup::new(0.05, steps / 10, Cosine::new(0.004, 0.0, steps));
    let losses = lab.fit("filling in", steps, &mut AdamW::new(&params), rate, |_| {
        let [inputs, asked] = excerpts.hidden(lab.device(), 0, size, &mut draws)?;
        Ok(loss(&net, &[inputs, targets(&asked)?]))
    })?;
    Ok((params, net, losses))
}

/// The share of test excerpts that a classifier gets right which `labelled` ones have trained, from the encoder of another network or from scratch.
fn tuned(
    lab: &Lab,
    what: &str,
    from: Option<&Params>,
    excerpts: &Excerpts,
    [labelled, test]: [&[Tensor; 2]; 2],
) -> Result<f64> {
    let params = lab.params();
    let net = Bert::classifier(&params, options(excerpts), 2);
    bert_scaled(&params, 64);
    if let Some(from) = from {
        params.copy_from(from, &["head.*"]);
    }
    let (steps, mut draws) = ((labelled[1].numel() / 4).max(200), lab.draws(3));
    let mixed = targets(&labelled[1])?;
    let rate = Warmup::new(0.05, steps / 10, Cosine::new(0.002, 0.0, steps));
    lab.fit(what, steps, &mut AdamW::new(&params), rate, |_| {
        let [tokens, mixed] = minibatch(&mut draws, 32, [&labelled[0], &mixed])?;
        Ok(net.forward(&tokens, None, None, Mode::Train).cross_entropy(&mixed))
    })?;
    Ok(metrics::accuracy(&net.forward(&test[0], None, None, Mode::Eval), &test[1])?)
}

/// Nats of a hidden character of the text for testing: by the characters' frequencies, and by a network.
fn filled_in(lab: &Lab, excerpts: &Excerpts, net: &Bert) -> Result<[f64; 2]> {
    let [inputs, asked] = excerpts.hidden(lab.device(), 1, 2000, &mut lab.draws(2))?;
    let mut counts = vec![1.0; excerpts.mask() as usize];
    excerpts.parts[0].iter().for_each(|&token| counts[token as usize] += 1.0);
    let total: f64 = counts.iter().sum();
    let hidden: Vec<i32> = asked.to_vec::<i32>()?.into_iter().filter(|&token| token >= 0).collect();
    let surprise = |&token: &i32| -(counts[token as usize] / total).ln();
    let by_frequencies = hidden.iter().map(surprise).sum::<f64>() / hidden.len() as f64;
    Ok([by_frequencies, loss(net, &[inputs, asked]).item()?.into()])
}

fn run(lab: &mut Lab) -> Result<()> {
    let excerpts = Excerpts::new(lab)?;
    let (params, net, losses) = pretrained(lab, &excerpts)?;
    let [by_frequencies, by_bert] = filled_in(lab, &excerpts, &net)?;
    lab.figure("nats of a hidden character, by frequencies", by_frequencies);
    lab.figure("nats of a hidden character, by BERT", by_bert);
    let share = by_bert / by_frequencies;
    lab.expect("nats of a hidden character, over those by frequencies", share, ..lab.pick(0.2, 0.4));

    let test = excerpts.spelled(lab.device(), 1, 2000, &mut lab.draws(4))?;
    let mut curves = [("pre-trained", Some(&params), vec![]), ("from scratch", None, vec![])];
    let mut gain = 0.0;
    for &count in lab.pick(&[256, 1024, 4096][..], &[1600]) {
        let labelled = excerpts.spelled(lab.device(), 0, count, &mut lab.draws(5))?;
        let mut right = [0.0; 2];
        for (right, (name, from, points)) in right.iter_mut().zip(&mut curves) {
            *right = tuned(lab, name, *from, &excerpts, [&labelled, &test])?;
            lab.figure(format!("{name}, {count} examples: right"), *right);
            points.push((count as f64, *right));
        }
        gain = right[0] - right[1];
    }
    lab.expect("gain of filling in, from most examples", gain, lab.pick(0.25, 0.07)..);

    let steps = losses.len();
    let means = losses.chunks(steps / 50).map(|part| part.iter().sum::<f64>() / part.len() as f64);
    let curve = means.enumerate().map(|(i, mean)| (((i + 1) * (steps / 50)) as f64, mean));
    let frequencies = [0.0, steps as f64].map(|step| (step, by_frequencies));
    let filling = plot::Panel::new("Hidden characters", "step", "nats a character")
        .with(plot::Series::new("BERT", curve))
        .with(plot::Series::new("by frequencies", frequencies).exact());
    let mut tuning = plot::Panel::new("Are letters of a word mixed up?", "examples", "right").log_x();
    for (name, _, points) in curves {
        tuning = tuning.with(plot::Series::new(name, points));
    }
    lab.picture("bert_spelling", |path| {
        plot::Figure::new("Pre-training and fine-tuning of BERT").panel(filling).panel(tuning).save(path)
    })
}
