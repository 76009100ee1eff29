//! Captions of pictures by attention (Xu et al. 2015, "Show, attend and tell"): a recurrent network writes what a convolutional one sees, and
//! attends to a part of the picture for each word. Since the pictures are made, it is known what each word is about:
//! `cargo run --release -p wgrad-atlas -- captioning`.

use atlas::prelude::*;
use wgrad::data::Vocabulary;
use wgrad::models::AdditiveAttention;
use wgrad::train::plot::overlay;

use super::pictures::{COLOURS, Eye, SHAPES, SIDE, Thing, bytes, drawn, upload};

pub const STUDY: Study = Study {
    name: "captioning",
    about: "A recurrent network describes pictures of two shapes, and looks at each shape when it names it.",
    on_gpu: false,
    data: None,
    run,
};

const WIDTH: usize = 32;
/// Cells of the map of features a side.
const CELLS: usize = 6;
/// Words of a caption, and its end.
const WORDS: usize = 6;

/// A picture of two things, and its caption.
struct Described {
    things: [Thing; 2],
    picture: Vec<f32>,
    caption: String,
}

/// The thing of the lower quarter comes first; things that are side by side are "beside" each other, others "above".
fn described(draws: &mut Draws) -> Described {
    let first = draws.below(4) as usize;
    let second = (first + 1 + draws.below(3) as usize) % 4;
    let things = [first.min(second), first.max(second)].map(|quarter| Thing::drawn(quarter, draws));
    let relation = if things[0].quarter / 2 == things[1].quarter / 2 { "beside" } else { "above" };
    let caption = format!("{} {relation} {}", things[0].name(), things[1].name());
    Described { picture: drawn(&things, draws), things, caption }
}

struct Net {
    eye: Eye,
    words: Embedding,
    writer: Gru,
    start: Linear,
    attention: AdditiveAttention,
    merge: Linear,
    out: Linear,
    /// Where each cell is, `[1, CELLS^2, 2 CELLS]`.
    places: Tensor,
    vocabulary: Vocabulary,
}

impl Net {
    fn new(params: &Params) -> Result<Net> {
        let all = [&COLOURS[..], &SHAPES, &["above", "beside"]].concat().join(" ");
        let vocabulary = Vocabulary::learn(&all, 1, &["<end>"])?;
        let (count, seen) = (vocabulary.words().len(), WIDTH + 2 * CELLS);
        let options = RnnOptions { batch_first: true, ..RnnOptions::default() };
        let hot = |at: fn(usize) -> usize| -> Result<Tensor> {
            let at: Vec<i32> = (0..CELLS * CELLS).map(|cell| at(cell) as i32).collect();
            Ok(Tensor::from_slice(params.device(), &at, &[1, at.len()])?.one_hot(CELLS))
        };
        Ok(Net {
            eye: Eye::new(&params.path("eye"), WIDTH),
            words: Embedding::new(&params.path("words"), count, 16),
            writer: Gru::new(&params.path("writer"), 16, 48, options),
            start: Linear::new(&params.path("start"), seen, 48),
            attention: AdditiveAttention::new(&params.path("attention"), 48, seen, 48),
            merge: Linear::new(&params.path("merge"), 48 + seen, 48),
            out: Linear::new(&params.path("out"), 48, count),
            places: cat(&[&hot(|cell| cell / CELLS)?, &hot(|cell| cell % CELLS)?], 2).detach(),
            vocabulary,
        })
    }

    /// The features of all cells of pictures, `[N, CELLS^2, WIDTH + 2 CELLS]`.
    fn seen(&self, pictures: &Tensor, mode: Mode) -> Tensor {
        let maps = self.eye.forward(pictures, mode).flatten(2, 3).transpose(1, 2);
        let shape = [maps.size(0), CELLS * CELLS, 2 * CELLS];
        cat(&[&maps, &self.places.expand(&shape)], 2)
    }

    /// Logits `[N, T, words]` of the word after each of `words [N, T]`, and the attention `[N, T, CELLS^2]`.
    fn write(&self, words: &Tensor, seen: &Tensor) -> [Tensor; 2] {
        let start = self.start.forward(&seen.mean(&[1], false)).tanh().unsqueeze(0);
        let state = self.writer.forward(&self.words.forward(words), Some(&start)).0;
        let weights = self.attention.weights(&state, seen, None);
        let merged = self.merge.forward(&cat(&[&state, &weights.matmul(seen)], 2)).tanh();
        [self.out.forward(&merged), weights]
    }

    /// The most probable captions, and the attention `[N, WORDS, CELLS^2]`.
    fn captions(&self, pictures: &Tensor) -> Result<(Vec<String>, Tensor)> {
        let seen = self.seen(pictures, Mode::Eval).detach();
        let mut words = Tensor::zeros(seen.device(), &[seen.size(0), 1]).to(DType::I32);
        for _ in 0..WORDS {
            let [logits, _] = self.write(&words, &seen);
            words = cat(&[&words, &logits.narrow(1, words.size(1) - 1, 1).argmax(-1, false)], 1).detach();
        }
        let [_, weights] = self.write(&words.narrow(1, 0, WORDS), &seen);
        let rows = words.to_vec::<i32>()?;
        let text = |row: &[i32]| {
            self.vocabulary.decode(row[1..].split(|&word| word == 0).next().unwrap_or_default())
        };
        Ok((rows.chunks(WORDS + 1).map(text).collect(), weights))
    }
}

fn run(lab: &mut Lab) -> Result<()> {
    let params = lab.params();
    let net = Net::new(&params)?;
    let (steps, size, mut draws) = (lab.pick(2500, 420), 32, lab.draws(1));
    let rate = Warmup::new(0.1, steps / 10, Cosine::new(lab.pick(0.004, 0.008), 0.0, steps));
    let losses = lab.fit("describing", steps, &mut Adam::new(&params), rate, |_| {
        let examples: Vec<Described> = (0..size).map(|_| described(&mut draws)).collect();
        let pictures: Vec<Vec<f32>> = examples.iter().map(|example| example.picture.clone()).collect();
        let captions: Vec<Vec<i32>> =
            examples.iter().map(|example| net.vocabulary.encode(&example.caption)).collect();
        let tokens = |rows: Vec<Vec<i32>>| Tensor::from_slice(lab.device(), &rows.concat(), &[size, WORDS]);
        let given = tokens(captions.iter().map(|words| [&[0], &words[..]].concat()).collect())?;
        let said = tokens(captions.iter().map(|words| [&words[..], &[0]].concat()).collect())?;
        let [logits, _] = net.write(&given, &net.seen(&upload(lab.device(), &pictures)?, Mode::Train));
        Ok(logits.flatten(0, 1).cross_entropy(&targets(&said)?.flatten(0, 1)))
    })?;
    lab.figure("cross-entropy at the end", losses[steps - 1]);

    let mut draws = lab.draws(2);
    let test: Vec<Described> = (0..lab.pick(300, 100)).map(|_| described(&mut draws)).collect();
    let pictures: Vec<Vec<f32>> = test.iter().map(|example| example.picture.clone()).collect();
    let (captions, weights) = net.captions(&upload(lab.device(), &pictures)?)?;
    let right: Vec<bool> = captions.iter().zip(&test).map(|(found, of)| *found == of.caption).collect();
    let share = right.iter().filter(|right| **right).count() as f64 / test.len() as f64;
    lab.expect("captions without a mistake", share, lab.pick(0.9, 0.7)..=1.0);

    // The words 0 and 1 are about the first thing, 3 and 4 about the second.
    let weights = weights.to_vec::<f32>()?;
    let of = |i: usize, word: usize| &weights[(i * WORDS + word) * CELLS * CELLS..][..CELLS * CELLS];
    let mut inside = 0.0;
    for (i, example) in test.iter().enumerate() {
        for (word, thing) in [(0, 0), (1, 0), (3, 1), (4, 1)] {
            let quarter = |cell: usize| cell % CELLS / 3 + 2 * (cell / CELLS / 3);
            let there = |cell: &usize| quarter(*cell) == example.things[thing].quarter;
            inside += (0..CELLS * CELLS).filter(there).map(|cell| f64::from(of(i, word)[cell])).sum::<f64>();
        }
    }
    lab.expect("attention in the quarter of what is named", inside / (4 * test.len()) as f64, 0.6..=1.0);

    let mut tiles = Tiles::new(SIDE, SIDE);
    for i in 0..4 {
        tiles.add_judged(captions[i].clone(), bytes(&test[i].picture), right[i]);
        for (word, name) in captions[i].split(' ').enumerate().take(5) {
            let wide: Vec<f32> =
                (0..SIDE * SIDE).map(|p| of(i, word)[p / SIDE / 4 * CELLS + p % SIDE / 4]).collect();
            tiles.add(name, overlay(&bytes(&test[i].picture), &wide, 0.0, 0.3, 0.75));
        }
    }
    lab.picture("captioning", |path| {
        let title = "Captions, and where the network looks for each word";
        plot::Figure::new(title).images(&tiles.images(), 6).save(path)
    })
}
