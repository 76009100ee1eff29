//! Visual question answering (Antol et al. 2015): a recurrent network reads a question about a picture, a convolutional one sees the picture, and
//! the question directs attention to a part of it (Yang et al. 2016). Compares it with the same network without the picture
//! or without the question, whose best possible answers are known: `cargo run --release -p wgrad-atlas -- visual_questions`.

use atlas::prelude::*;
use wgrad::data::Vocabulary;
use wgrad::models::Mlp;
use wgrad::train::plot::overlay;

use super::pictures::{COLOURS, Eye, SHAPES, SIDE, Thing, bytes, drawn, upload};

pub const STUDY: Study = Study {
    name: "visual_questions",
    about: "A network answers questions about pictures, which neither the picture nor the question alone can tell.",
    on_gpu: false,
    data: None,
    run,
};

const WIDTH: usize = 32;
const HIDDEN: usize = 48;
/// Cells of the map of features a side.
const CELLS: usize = 6;
/// Questions about a picture.
const QUESTIONS: usize = 12;
/// Words of a question.
const WORDS: usize = 4;
/// Colours, then shapes, then whether it is so.
const ANSWERS: usize = COLOURS.len() + SHAPES.len() + 2;
const YES: usize = ANSWERS - 1;
const PLACES: [&str; 4] = ["top left", "top right", "bottom left", "bottom right"];

fn answer_name(answer: usize) -> &'static str {
    [&COLOURS[..], &SHAPES, &["no", "yes"]].concat()[answer]
}

/// Two things of different colours and shapes in different quarters.
fn scene(draws: &mut Draws) -> [Thing; 2] {
    let mut two = || {
        let first = draws.below(4) as usize;
        [first, (first + 1 + draws.below(3) as usize) % 4]
    };
    let ([a, b], colours, shapes) = (two(), two(), two());
    [(a, 0), (b, 1)].map(|(quarter, i)| Thing { quarter, colour: colours[i], shape: shapes[i] })
}

/// All questions about a scene, with answers: the colour of each shape and place, the shape of each colour and place, and whether there is a thing
/// of each colour and shape that are in it.
fn questions(things: &[Thing; 2]) -> Vec<(String, usize)> {
    let mut all = Vec::new();
    for thing in things {
        let (colour, shape) = (thing.colour, COLOURS.len() + thing.shape);
        all.push((format!("what colour {}", SHAPES[thing.shape]), colour));
        all.push((format!("what shape {}", COLOURS[thing.colour]), shape));
        all.push((format!("what colour {}", PLACES[thing.quarter]), colour));
        all.push((format!("what shape {}", PLACES[thing.quarter]), shape));
        for other in things {
            let there = usize::from(other == thing);
            all.push((format!("any {} {}", COLOURS[thing.colour], SHAPES[other.shape]), YES - 1 + there));
        }
    }
    all
}

/// The best shares of right answers: the question alone tells whether the answer is a colour, a shape, or as often yes as no, and of a picture each
/// of six answers is right for two of the twelve questions.
const BEST_OF_QUESTION: f64 = (8.0 / 4.0 + 4.0 / 2.0) / QUESTIONS as f64;
const BEST_OF_PICTURE: f64 = 2.0 / QUESTIONS as f64;

/// Pictures, each with its questions.
struct Asked {
    scenes: Vec<[Thing; 2]>,
    pictures: Vec<Vec<f32>>,
    /// `QUESTIONS` for each picture, with answers.
    questions: Vec<(String, usize)>,
}

impl Asked {
    fn drawn(draws: &mut Draws, count: usize) -> Asked {
        let scenes: Vec<[Thing; 2]> = (0..count).map(|_| scene(draws)).collect();
        let pictures = scenes.iter().map(|things| drawn(things, draws)).collect();
        Asked { questions: scenes.iter().flat_map(questions).collect(), scenes, pictures }
    }

    /// Pictures, the words of their questions `[N, QUESTIONS, WORDS]`, and the answers `[N, QUESTIONS]`.
    fn upload(&self, device: &Device, vocabulary: &Vocabulary) -> Result<[Tensor; 3]> {
        let tokens = |(question, _): &(String, usize)| {
            let mut tokens = vec![0; WORDS];
            // The words come last, since the recurrent network is read at the end.
            let words = vocabulary.encode(question);
            tokens[WORDS - words.len()..].copy_from_slice(&words);
            tokens
        };
        let words: Vec<i32> = self.questions.iter().flat_map(tokens).collect();
        let answers: Vec<i32> = self.questions.iter().map(|(_, answer)| *answer as i32).collect();
        let count = self.pictures.len();
        Ok([
            upload(device, &self.pictures)?,
            Tensor::from_slice(device, &words, &[count, QUESTIONS, WORDS])?,
            Tensor::from_slice(device, &answers, &[count, QUESTIONS])?,
        ])
    }
}

struct Net {
    eye: Eye,
    words: Embedding,
    reader: Gru,
    query: Linear,
    look: Linear,
    ask: Linear,
    out: Mlp,
    /// Where each cell is, `[1, CELLS^2, 2 CELLS]`.
    places: Tensor,
    /// Whether it sees the picture, and whether it reads the question.
    given: [bool; 2],
}

impl Net {
    fn new(params: &Params, words: usize, given: [bool; 2]) -> Result<Net> {
        let options = RnnOptions { batch_first: true, ..RnnOptions::default() };
        let seen = WIDTH + 2 * CELLS;
        let hot = |at: fn(usize) -> usize| -> Result<Tensor> {
            let at: Vec<i32> = (0..CELLS * CELLS).map(|cell| at(cell) as i32).collect();
            Ok(Tensor::from_slice(params.device(), &at, &[1, at.len()])?.one_hot(CELLS))
        };
        Ok(Net {
            eye: Eye::new(&params.path("eye"), WIDTH),
            words: Embedding::new(&params.path("words"), words, 16),
            reader: Gru::new(&params.path("reader"), 16, HIDDEN, options),
            query: Linear::new(&params.path("query"), HIDDEN, seen),
            look: Linear::new(&params.path("look"), seen, HIDDEN),
            ask: Linear::new(&params.path("ask"), HIDDEN, HIDDEN),
            out: Mlp::new(&params.path("out"), &[3 * HIDDEN, HIDDEN, ANSWERS]),
            places: cat(&[&hot(|cell| cell / CELLS)?, &hot(|cell| cell % CELLS)?], 2).detach(),
            given,
        })
    }

    /// Logits `[N, QUESTIONS, ANSWERS]` of questions `[N, QUESTIONS, WORDS]` about pictures, and the attention `[N, QUESTIONS, CELLS^2]`.
    fn forward(&self, pictures: &Tensor, words: &Tensor, mode: Mode) -> [Tensor; 2] {
        let [sees, reads] = self.given.map(|given| f32::from(u8::from(given)));
        let (count, words) = (words.size(0), words.flatten(0, 1));
        let (read, _) = self.reader.forward(&(self.words.forward(&words) * reads), None);
        let read = read.select(1, WORDS - 1).reshape(&[count, QUESTIONS, HIDDEN]);
        let seen = self.eye.forward(&(pictures * sees), mode).flatten(2, 3).transpose(1, 2);
        let seen = cat(&[&seen, &self.places.expand(&[count, CELLS * CELLS, 2 * CELLS])], 2);
        let weights = self.query.forward(&read).bmm(&seen.transpose(1, 2)).softmax(-1);
        let looked = self.look.forward(&weights.bmm(&seen)).relu();
        let read = self.ask.forward(&read).relu();
        [self.out.forward(&cat(&[&looked, &read, &(&looked * &read)], 2)), weights]
    }
}

fn run(lab: &mut Lab) -> Result<()> {
    let all = [&COLOURS[..], &SHAPES, &PLACES, &["what", "colour", "shape", "any"]].concat().join(" ");
    let vocabulary = Vocabulary::learn(&all, 1, &["<pad>"])?;
    let train = Asked::drawn(&mut lab.draws(1), lab.pick(5000, 1500)).upload(lab.device(), &vocabulary)?;
    let test = Asked::drawn(&mut lab.draws(2), lab.pick(500, 100));
    let [pictures, words, answers] = test.upload(lab.device(), &vocabulary)?;
    let mut shares = Vec::new();
    let mut seen = None;
    for (name, given) in [("both", [true, true]), ("question", [false, true]), ("picture", [true, false])] {
        let params = lab.params();
        let net = Net::new(&params, vocabulary.words().len(), given)?;
        let (steps, mut draws) = (lab.pick(1200, 600), lab.draws(3));
        let rate = Warmup::new(0.1, steps / 10, Cosine::new(lab.pick(0.005, 0.01), 0.0, steps));
        lab.fit(name, steps, &mut Adam::new(&params), rate, |_| {
            let [pictures, words, answers] = minibatch(&mut draws, 16, [&train[0], &train[1], &train[2]])?;
            let [logits, _] = net.forward(&pictures, &words, Mode::Train);
            Ok(logits.flatten(0, 1).cross_entropy(&answers.flatten(0, 1)))
        })?;
        let [logits, weights] = net.forward(&pictures, &words, Mode::Eval);
        shares.push(metrics::accuracy(&logits.flatten(0, 1), &answers.flatten(0, 1))?);
        seen.get_or_insert((logits.argmax(-1, false).to_vec::<i32>()?, weights.to_vec::<f32>()?));
    }
    lab.expect("right with picture and question", shares[0], 0.75..=1.0);
    lab.expect("right with the question alone", shares[1], 0.2..0.42);
    lab.expect("right with the picture alone", shares[2], 0.1..0.25);
    lab.figure("best with the question alone", BEST_OF_QUESTION);
    lab.figure("best with the picture alone", BEST_OF_PICTURE);

    let (found, weights) = seen.context("a trained network")?;
    let of = |question: usize| &weights[question * CELLS * CELLS..][..CELLS * CELLS];
    // The first four of the six questions about a thing ask for its colour or shape.
    let asked = (0..test.questions.len()).filter(|question| question % 6 < 4);
    let inside: Vec<f64> = asked
        .map(|question| {
            let thing = test.scenes[question / QUESTIONS][question % QUESTIONS / 6];
            let quarter = |cell: usize| cell % CELLS / 3 + 2 * (cell / CELLS / 3);
            let there = (0..CELLS * CELLS).filter(|&cell| quarter(cell) == thing.quarter);
            there.map(|cell| f64::from(of(question)[cell])).sum()
        })
        .collect();
    let inside = inside.iter().sum::<f64>() / inside.len() as f64;
    lab.expect("attention in the quarter of what is asked about", inside, 0.5..=1.0);

    let mut tiles = Tiles::new(SIDE, SIDE);
    for question in [0, 1, 8, 10].into_iter().flat_map(|i| [i, i + QUESTIONS]) {
        let (text, answer) = &test.questions[question];
        let picture = bytes(&test.pictures[question / QUESTIONS]);
        let wide: Vec<f32> =
            (0..SIDE * SIDE).map(|p| of(question)[p / SIDE / 4 * CELLS + p % SIDE / 4]).collect();
        tiles.add(text.clone(), picture.clone());
        let said = answer_name(found[question] as usize);
        tiles.add_judged(said, overlay(&picture, &wide, 0.0, 0.3, 0.75), found[question] == *answer as i32);
    }
    lab.picture("visual_questions", |path| {
        let title = "Questions, answers, and where the network looks";
        plot::Figure::new(title).images(&tiles.images(), 4).save(path)
    })
}
