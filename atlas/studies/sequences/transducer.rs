//! The recurrent neural network transducer (Graves 2012) beside connectionist temporal classification: both spell out digits that they see
//! for several frames, but only the transducer, which may say several letters at one frame, spells digits of one frame each. Its loss and
//! gradient are those of an enumeration of all alignments: `cargo run --release -p wgrad-atlas -- transducer`.

use atlas::prelude::*;
use wgrad::models::{Transducer, TransducerOptions, ctc_greedy};

pub const STUDY: Study = Study {
    name: "transducer",
    about: "A transducer spells digits, also where there are more letters than frames, which CTC cannot.",
    on_gpu: false,
    data: None,
    run,
};

const WORDS: [&str; 8] = ["zero", "one", "two", "four", "five", "six", "nine", "ten"];
/// Class `i + 1` is letter `i`; class 0 is the blank.
const LETTERS: &str = "efinorstuvwxz";
const CLASSES: usize = LETTERS.len() + 1;
const HIDDEN: usize = 40;

/// Frames that show digits in noise, and the letters of their words.
struct Spelled {
    /// `[N, T, 8]`
    frames: Tensor,
    frame_counts: Vec<usize>,
    labels: Vec<Vec<i32>>,
    /// `frame_counts`, the padded labels, and their numbers.
    on_device: [Tensor; 3],
}

/// One to `digits` digits of `lasting` frames each.
fn spelled(lab: &Lab, draws: &mut Draws, count: usize, lasting: [u32; 2]) -> Result<Spelled> {
    let digits = lab.pick(4, 3);
    let (mut shown, mut labels) = (vec![], vec![]);
    for _ in 0..count {
        let (mut frames, mut said) = (vec![], vec![]);
        for _ in 0..1 + draws.below(digits) {
            let digit = draws.below(WORDS.len() as u32) as usize;
            let length = lasting[0] + draws.below(lasting[1] - lasting[0] + 1);
            // The first frame of a digit is marked, so that a digit may follow itself.
            for t in 0..length {
                let lit =
                    |d: usize| f64::from(u8::from(d == digit)) * (1.0 + 2.0 * f64::from(u8::from(t == 0)));
                frames.extend(
                    (0..WORDS.len()).map(|d| (lit(d) + 0.15 * draws.normal()) as f32).collect::<Vec<_>>(),
                );
            }
            said.extend(WORDS[digit].chars().map(|c| LETTERS.find(c).expect("a letter") as i32 + 1));
        }
        shown.push(frames);
        labels.push(said);
    }
    let frame_counts: Vec<usize> = shown.iter().map(|frames| frames.len() / WORDS.len()).collect();
    // One length of all batches, so that they share a plan.
    let [longest, most] = [digits as usize * lasting[1] as usize, 4 * digits as usize];
    shown.iter_mut().for_each(|frames| frames.resize(longest * WORDS.len(), 0.0));
    let counts: Vec<i32> = frame_counts.iter().map(|&count| count as i32).collect();
    let padded = data::Padded::new(&labels, 1, most).to_device(lab.device())?;
    Ok(Spelled {
        frames: Tensor::from_slice(lab.device(), &shown.concat(), &[count, longest, WORDS.len()])?,
        on_device: [Tensor::from_slice(lab.device(), &counts, &[count])?, padded.values, padded.lengths],
        frame_counts,
        labels,
    })
}

/// Trains on fresh digits of `lasting` frames, by a loss of frames, their counts, labels and their counts.
fn learn(
    lab: &Lab,
    what: &str,
    (params, lasting): (&Params, [u32; 2]),
    loss: impl Fn(&Spelled) -> Result<Tensor>,
) -> Result<()> {
    let (steps, mut draws) = (lab.pick(900, 280), lab.draws(1));
    let rate = Warmup::new(0.1, steps / 10, Cosine::new(lab.pick(0.008, 0.015), 0.0, steps));
    lab.fit(what, steps, &mut Adam::new(params), rate, |_| loss(&spelled(lab, &mut draws, 24, lasting)?))?;
    Ok(())
}

fn transducer(lab: &Lab, what: &str, lasting: [u32; 2]) -> Result<Transducer> {
    let params = lab.params();
    let sizes = TransducerOptions { features: WORDS.len(), classes: CLASSES, embed: 16, hidden: HIDDEN };
    let net = Transducer::new(&params, sizes);
    learn(lab, what, (&params, lasting), |batch| {
        let [frames, labels, counts] = &batch.on_device;
        let labels = targets(labels)?;
        let logits = net.forward(&batch.frames, &labels);
        Ok(logits.rnnt_loss(&labels, frames, counts, 0, Reduction::Mean))
    })?;
    Ok(net)
}

/// Log-probabilities `[T, N, CLASSES]` by the same encoder, trained by CTC.
fn ctc(lab: &Lab, lasting: [u32; 2]) -> Result<impl Fn(&Tensor) -> Tensor + use<>> {
    let params = lab.params();
    let gru = Gru::new(&params.path("gru"), WORDS.len(), HIDDEN, RnnOptions::default());
    let out = Linear::new(&params.path("out"), HIDDEN, CLASSES);
    let forward =
        move |frames: &Tensor| out.forward(&gru.forward(&frames.transpose(0, 1), None).0).log_softmax(-1);
    learn(lab, "CTC", (&params, lasting), |batch| {
        let [frames, labels, counts] = &batch.on_device;
        Ok(forward(&batch.frames).ctc_loss(&targets(labels)?, frames, counts, 0, true, Reduction::Mean))
    })?;
    Ok(forward)
}

fn run(lab: &mut Lab) -> Result<()> {
    enumerated(lab)?;
    let (slow, fast) = ([5, 7], [1, 1]);
    let count = lab.pick(300, 100);
    let (test, short) =
        (spelled(lab, &mut lab.draws(2), count, slow)?, spelled(lab, &mut lab.draws(3), count, fast)?);

    let by_ctc = ctc(lab, slow)?;
    let logs = by_ctc(&test.frames).transpose(0, 1).to_vec::<f32>()?;
    let rows = logs.chunks(test.frames.size(1) * CLASSES).zip(&test.frame_counts);
    let found: Vec<Vec<i32>> = rows.map(|(row, &t)| ctc_greedy(&row[..t * CLASSES], CLASSES, 0)).collect();
    lab.expect("letter error rate, CTC", metrics::error_rate(&found, &test.labels), ..0.1);
    let [frames, labels, counts] = &short.on_device;
    let losses = by_ctc(&short.frames).ctc_loss(labels, frames, counts, 0, false, Reduction::None);
    let fit = losses.isfinite().to(DType::F32).sum_all().item()?;
    lab.expect("digits of one frame whose letters CTC can align", fit, 0.0..=0.0);

    let mut of_slow = None;
    for (what, lasting, test) in [("of several frames", slow, &test), ("of one frame", fast, &short)] {
        let net = transducer(lab, &format!("transducer, digits {what}"), lasting)?;
        let found = net.greedy(&test.frames, &test.frame_counts, 5)?;
        let name = format!("letter error rate, transducer, digits {what}");
        lab.expect(name, metrics::error_rate(&found, &test.labels), ..0.1);
        of_slow.get_or_insert(net);
    }
    picture(lab, &of_slow.context("a network")?, &test)
}

/// The loss and its gradient against sums over all alignments.
fn enumerated(lab: &mut Lab) -> Result<()> {
    let (frames, labels, classes, mut draws) = (5usize, [1i32, 2, 2], 3usize, lab.draws(4));
    let states = labels.len() + 1;
    let values: Vec<f32> = (0..frames * states * classes).map(|_| draws.normal() as f32).collect();
    let logits = Tensor::from_slice(lab.device(), &values, &[1, frames, states, classes])?.variable();
    let int = |values: &[i32], shape: &[usize]| Tensor::from_slice(lab.device(), values, shape);
    let counts = [int(&[frames as i32], &[1])?, int(&[labels.len() as i32], &[1])?];
    let loss =
        logits.rnnt_loss(&int(&labels, &[1, labels.len()])?, &counts[0], &counts[1], 0, Reduction::Sum);
    let slopes = grad(&loss, &[&logits]).remove(0).context("a gradient")?.to_vec::<f32>()?;

    let p: Vec<f64> = logits.softmax(-1).to_vec::<f32>()?.into_iter().map(f64::from).collect();
    // The steps of an alignment: labels and blanks in any order, and a last blank. A set bit is a label.
    let (steps, mut sum, mut uses) = (frames + labels.len(), 0.0, vec![0.0; p.len()]);
    for code in (0..1u32 << (steps - 1)).filter(|code| code.count_ones() as usize == labels.len()) {
        let (mut t, mut u, mut way, mut taken) = (0, 0, 1.0, vec![]);
        for step in 0..steps {
            let label = code >> step & 1 == 1;
            let arc = (t * states + u) * classes + if label { labels[u] as usize } else { 0 };
            way *= p[arc];
            taken.push(arc);
            (t, u) = if label { (t, u + 1) } else { (t + 1, u) };
        }
        sum += way;
        taken.into_iter().for_each(|arc| uses[arc] += way);
    }
    // A logit's slope: how often its place is passed, times its probability, less how often it is used.
    let slope = |i: usize| {
        let place = i / classes * classes;
        (uses[place..place + classes].iter().sum::<f64>() * p[i] - uses[i]) / sum
    };
    let apart = slopes.iter().enumerate().map(|(i, &found)| (f64::from(found) - slope(i)).abs());
    lab.expect("loss against all alignments", (f64::from(loss.item()?) + sum.ln()).abs(), ..1e-5);
    lab.expect("gradient against all alignments", apart.fold(0.0, f64::max), ..1e-5);
    Ok(())
}

/// The probability of a letter, rather than the blank, at each frame after each number of letters.
fn picture(lab: &mut Lab, net: &Transducer, test: &Spelled) -> Result<()> {
    let i = (0..test.labels.len()).max_by_key(|&i| test.labels[i].len()).context("a sequence")?;
    let (labels, frames) = (&test.labels[i], test.frame_counts[i]);
    let tokens = Tensor::from_slice(lab.device(), labels, &[1, labels.len()])?;
    let logits = net.forward(&test.frames.narrow(0, i, 1).narrow(1, 0, frames), &tokens);
    let says = (1.0 - logits.softmax(-1).select(3, 0)).squeeze(&[0]).t().to_vec::<f32>()?;
    let name = |&label: &i32| LETTERS.chars().nth(label as usize - 1).expect("a letter").to_string();
    let names = ["start".to_string()].into_iter().chain(labels.iter().map(name));
    let field = plot::Field::matrix(labels.len() + 1, frames, says.into_iter().map(f64::from).collect());
    let panel = plot::Panel::new("Where the next letter is said", "frame", "letters said")
        .layer(field.range(0.0, 1.0).bar("probability"))
        .y_names(names);
    let title = "Digits of several frames through a transducer";
    lab.picture("transducer", |path| plot::Figure::new(title).panel(panel).save(path))
}
