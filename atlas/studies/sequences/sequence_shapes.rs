//! The five input and output shapes (Karpathy 2015, "The unreasonable effectiveness of recurrent neural networks"): one to one, one to
//! many, many to one, many to as many, and many to another number, each on a small task:
//! `cargo run --release -p wgrad-atlas -- sequence_shapes`.

use atlas::prelude::*;
use wgrad::models::{Attend, Mlp, Seq2Seq, Seq2SeqOptions};

pub const STUDY: Study = Study {
    name: "sequence_shapes",
    about: "One to one, one to many, many to one, many to as many, and many to another number.",
    on_gpu: false,
    data: None,
    run,
};

const DIGITS: usize = 7;
const STEPS: usize = 5;
/// The decoder's start token, the one after the digits.
const BEGIN: i32 = DIGITS as i32;
const HIDDEN: usize = 32;

/// The inputs and targets of one example.
type Example = (Vec<i32>, Vec<i32>);

fn one_to_one(digits: &[i32]) -> Example {
    (vec![digits[0]], vec![digits[0] * digits[0] % DIGITS as i32])
}

/// Counts up from a digit.
fn one_to_many(digits: &[i32]) -> Example {
    (vec![digits[0]], (1..=STEPS as i32).map(|step| (digits[0] + step) % DIGITS as i32).collect())
}

/// The first digit.
fn many_to_one(digits: &[i32]) -> Example {
    (digits.to_vec(), vec![digits[0]])
}

/// The running maximum.
fn many_to_as_many(digits: &[i32]) -> Example {
    let mut largest = 0;
    let so_far = |&digit: &i32| {
        largest = largest.max(digit);
        largest
    };
    (digits.to_vec(), digits.iter().map(so_far).collect())
}

/// Every digit twice.
fn many_to_more(digits: &[i32]) -> Example {
    (digits.to_vec(), digits.iter().flat_map(|&digit| [digit, digit]).collect())
}

/// A network from input digits to a fixed number of output digits.
enum Network {
    Plain(Mlp),
    Recurrent { cell: Gru, out: Linear, outputs: usize },
    Translating(Box<Seq2Seq>),
}

impl Network {
    fn new(params: &Params, inputs: usize, outputs: usize) -> Network {
        if inputs == 1 && outputs == 1 {
            return Network::Plain(Mlp::new(params, &[DIGITS, HIDDEN, DIGITS]));
        }
        if inputs > 1 && outputs > inputs {
            let (source_vocab, target_vocab) = (DIGITS + 1, DIGITS + 1);
            let attend = Attend::Additive;
            let sizes =
                Seq2SeqOptions { source_vocab, target_vocab, embed: HIDDEN / 2, hidden: HIDDEN, attend };
            return Network::Translating(Box::new(Seq2Seq::new(params, sizes)));
        }
        let rnn = RnnOptions { batch_first: true, ..RnnOptions::default() };
        let cell = Gru::new(&params.path("cell"), DIGITS, HIDDEN, rnn);
        Network::Recurrent { cell, out: Linear::new(&params.path("out"), HIDDEN, DIGITS), outputs }
    }

    /// Logits `[N, outputs, DIGITS]` for inputs `[N, inputs]`. A decoder is fed the targets `wanted [N, outputs]` if they are given
    /// (teacher forcing), else its own digits.
    fn forward(&self, given: &Tensor, wanted: Option<&Tensor>) -> Tensor {
        let one_hot = given.one_hot(DIGITS).to(DType::F32);
        match self {
            Network::Plain(net) => net.forward(&one_hot),
            Network::Recurrent { cell, out, outputs } => {
                // If there are more outputs than inputs, the remaining inputs are zeros.
                let steps = given.shape()[1].max(*outputs);
                let rest = (steps - given.shape()[1]) as isize;
                let x = one_hot.pad(&[(0, 0), (0, rest)], Padding::Constant(0.0));
                let (y, _) = cell.forward(&x, None);
                out.forward(&y.narrow(1, steps - outputs, *outputs))
            }
            Network::Translating(net) => {
                let encoded = net.encode(given);
                match wanted {
                    Some(wanted) => {
                        let begin = wanted.narrow(1, 0, 1).zeros_like() + BEGIN as f32;
                        let before = cat(&[&begin, &wanted.narrow(1, 0, wanted.shape()[1] - 1)], 1);
                        net.decode(&before, &encoded.state, &encoded.outputs, None).0
                    }
                    None => net.greedy(&encoded, None, BEGIN, 2 * STEPS).one_hot(DIGITS + 1).to(DType::F32),
                }
            }
        }
    }
}

/// Makes an example from some digits.
type Task = fn(&[i32]) -> Example;

fn run(lab: &mut Lab) -> Result<()> {
    let tasks: [(&str, Task); 5] = [
        ("one to one", one_to_one),
        ("one to many", one_to_many),
        ("many to one", many_to_one),
        ("many to as many", many_to_as_many),
        ("many to more", many_to_more),
    ];
    let (steps, size) = lab.pick((1000, 64), (250, 32));
    let mut curves = plot::Panel::new("", "step", "cross-entropy").log_y();
    for (name, task) in tasks {
        let mut draws = lab.draws(1);
        let mut batch = |size: usize| -> Result<[Tensor; 2]> {
            let mut digits = || (0..STEPS).map(|_| draws.below(DIGITS as u32) as i32).collect::<Vec<_>>();
            let (given, wanted): (Vec<_>, Vec<_>) = (0..size).map(|_| task(&digits())).unzip();
            let tensor = |rows: &[Vec<i32>]| {
                Tensor::from_slice(lab.device(), &rows.concat(), &[rows.len(), rows[0].len()])
            };
            Ok([tensor(&given)?, tensor(&wanted)?])
        };
        let [given, wanted] = batch(500)?;
        let params = lab.params();
        let net = Network::new(&params, given.shape()[1], wanted.shape()[1]);
        let losses = lab.fit(name, steps, &mut Adam::new(&params), Cosine::new(0.01, 0.0, steps), |_| {
            let [given, wanted] = batch(size)?;
            let wanted = targets(&wanted)?;
            let logits = net.forward(&given, Some(&wanted));
            Ok(logits.flatten(0, 1).cross_entropy(&wanted.flatten(0, 1)))
        })?;
        let right =
            net.forward(&given, None).argmax(-1, false).eq(&wanted).to(DType::F32).mean_all().item()?;
        lab.expect(format!("accuracy, {name}"), right, 0.98..);
        let points = losses.iter().enumerate().map(|(step, &loss)| (step as f64, loss));
        curves = curves.with(plot::Series::new(name, points));
    }
    lab.picture("sequence_shapes", |path| plot::Figure::new("Shapes of sequences").panel(curves).save(path))
}
