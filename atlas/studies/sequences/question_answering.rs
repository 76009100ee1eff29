//! Answers as spans of a passage (Rajpurkar et al. 2016, "SQuAD"), by a reader like that of Chen et al. 2017: an LSTM reads the passage, knowing
//! which of its words are in the question and what each is like there, and two pointers choose the first and the last word of the answer.
//! The people and things of the test were never trained on. Compares it with the same reader without the question:
//! `cargo run --release -p wgrad-atlas -- question_answering`.

use std::collections::HashMap;
use std::ops::RangeInclusive;

use atlas::prelude::*;
use wgrad::data::Padded;

pub const STUDY: Study = Study {
    name: "question_answering",
    about: "A reader points at the first and last word of the answer, in passages about people that it never read of.",
    on_gpu: false,
    data: None,
    run,
};

/// As after a person, after a thing, and in a question.
const VERBS: [[&str; 3]; 4] = [
    ["likes", "liked", "like"],
    ["owns", "owned", "own"],
    ["paints", "painted", "paint"],
    ["sells", "sold", "sell"],
];
const ADJECTIVES: [&str; 4] = ["old", "red", "small", "heavy"];
const OTHERS: [&str; 6] = [".", "is", "by", "what", "does", "who"];
/// Made-up words: people and things, alternately.
const MADE: usize = 1000;
/// Of these, the first are for training.
const KNOWN: usize = 800;
/// Words of the longest passage and question.
const LONGEST: [usize; 2] = [28, 4];
const WIDTH: usize = 32;
const HIDDEN: usize = 32;

/// A word of two syllables.
fn made_word(index: usize) -> String {
    let syllable = |i: usize| {
        format!("{}{}", ["b", "d", "f", "k", "l", "m", "n", "r"][i % 8], ["a", "e", "o", "u"][i / 8])
    };
    format!("{}{}", syllable(index % 32), syllable(index / 32))
}

/// A passage, a question about it, and the place of the answer.
struct Example {
    passage: Vec<String>,
    question: Vec<String>,
    answer: RangeInclusive<usize>,
}

impl Example {
    /// Four facts about two people, two verbs and two things: every person occurs with every verb and with every thing, so that only a person and
    /// a verb together tell the thing.
    fn drawn(draws: &mut Draws, known: bool) -> Example {
        let mut pick = |what: usize| {
            let (from, to) = if known { (0, KNOWN) } else { (KNOWN, MADE) };
            let count = (to - from) as u32 / 2;
            let first = draws.below(count);
            let second = (first + 1 + draws.below(count - 1)) % count;
            [first, second].map(|i| made_word(from + 2 * i as usize + what))
        };
        let (people, things) = (pick(0), pick(1));
        let things = things.map(|thing| {
            if draws.happens(0.5) { format!("{} {thing}", draws.pick(&ADJECTIVES)) } else { thing }
        });
        let first = draws.below(4) as usize;
        let verbs = [first, (first + 1 + draws.below(3) as usize) % 4].map(|i| VERBS[i]);
        let mut facts = [(0, 0, 0), (0, 1, 1), (1, 0, 1), (1, 1, 0)];
        draws.shuffle(&mut facts);
        let (asked, of_thing) = (draws.below(4) as usize, draws.happens(0.5));
        let (mut passage, mut answer, mut question) = (Vec::new(), 0..=0, String::new());
        for (i, (person, verb, thing)) in facts.into_iter().enumerate() {
            let ([active, passive, base], person, thing) = (verbs[verb], &people[person], &things[thing]);
            let turned = draws.happens(0.5);
            let fact = if turned {
                format!("{thing} is {passive} by {person} .")
            } else {
                format!("{person} {active} {thing} .")
            };
            if i == asked {
                let (said, before) = match (of_thing, turned) {
                    (true, true) => (thing, 0),
                    (true, false) => (thing, 2),
                    (false, true) => (person, thing.split(' ').count() + 3),
                    (false, false) => (person, 0),
                };
                let start = passage.len() + before;
                answer = start..=start + said.split(' ').count() - 1;
                question = if of_thing {
                    format!("what does {person} {base}")
                } else {
                    format!("who {active} {thing}")
                };
            }
            passage.extend(fact.split(' ').map(str::to_owned));
        }
        Example { passage, question: question.split(' ').map(str::to_owned).collect(), answer }
    }

    fn text(&self, words: RangeInclusive<usize>) -> String {
        self.passage[words].join(" ")
    }
}

/// Random vectors of words that are not trained, in place of those that a network has from other text.
struct Vectors {
    index: HashMap<String, i32>,
    /// `[words, WIDTH]`
    table: Tensor,
}

impl Vectors {
    fn new(lab: &Lab) -> Result<Vectors> {
        let others = VERBS.concat().into_iter().chain(ADJECTIVES).chain(OTHERS).map(str::to_owned);
        let words = others.chain((0..MADE).map(made_word));
        let index: HashMap<String, i32> = words.enumerate().map(|(i, word)| (word, i as i32)).collect();
        let mut draws = lab.draws(9);
        let values: Vec<f32> = (0..index.len() * WIDTH).map(|_| draws.normal() as f32).collect();
        Ok(Vectors { table: Tensor::from_slice(lab.device(), &values, &[index.len(), WIDTH])?, index })
    }

    /// The tokens of texts, `[N, longest]`.
    fn tokens<'a>(
        &self,
        texts: impl Iterator<Item = &'a Vec<String>>,
        longest: usize,
    ) -> Result<data::DevicePadded> {
        let rows: Vec<Vec<i32>> =
            texts.map(|text| text.iter().map(|word| self.index[word]).collect()).collect();
        Ok(Padded::new(&rows, 0, longest).to_device(self.table.device())?)
    }
}

/// Examples on the device.
struct Batch {
    passage: data::DevicePadded,
    question: data::DevicePadded,
    /// `[N]` each
    start: Tensor,
    end: Tensor,
}

impl Batch {
    /// Without the question, all questions are the same word.
    fn new(vectors: &Vectors, examples: &[Example], question: bool) -> Result<Batch> {
        let none = vec!["what".to_owned()];
        let place = |of: fn(&RangeInclusive<usize>) -> &usize| {
            let places: Vec<i32> = examples.iter().map(|example| *of(&example.answer) as i32).collect();
            Tensor::from_slice(vectors.table.device(), &places, &[places.len()])
        };
        let questions = examples.iter().map(|example| if question { &example.question } else { &none });
        Ok(Batch {
            passage: vectors.tokens(examples.iter().map(|example| &example.passage), LONGEST[0])?,
            question: vectors.tokens(questions, LONGEST[1])?,
            start: place(RangeInclusive::start)?,
            end: place(RangeInclusive::end)?,
        })
    }
}

struct Reader {
    align: Linear,
    passage: Lstm,
    question: Lstm,
    weigh: Linear,
    start: Linear,
    end: Linear,
}

impl Reader {
    fn new(params: &Params) -> Reader {
        let both = RnnOptions { batch_first: true, bidirectional: true, ..RnnOptions::default() };
        let lstm = |name: &str, inputs| Lstm::new(&params.path(name), inputs, HIDDEN, both);
        let linear = |name: &str, inputs, outputs| Linear::new(&params.path(name), inputs, outputs);
        Reader {
            align: linear("align", WIDTH, WIDTH),
            passage: lstm("passage", 2 * WIDTH + 1),
            question: lstm("question", WIDTH),
            weigh: linear("weigh", 2 * HIDDEN, 1),
            start: linear("start", 2 * HIDDEN, 2 * HIDDEN),
            end: linear("end", 2 * HIDDEN, 2 * HIDDEN),
        }
    }

    /// Logits `[N, T]` of the first and of the last word of the answer.
    fn forward(&self, vectors: &Vectors, batch: &Batch) -> [Tensor; 2] {
        let of = |tokens: &Tensor| {
            vectors.table.index_select(0, &tokens.flatten(0, 1)).reshape(&[
                tokens.size(0),
                tokens.size(1),
                WIDTH,
            ])
        };
        let (passage, question) = (of(&batch.passage.values), of(&batch.question.values));
        let hidden = batch.question.padding.unsqueeze(1);
        // Words of the passage that are in the question.
        let same = batch.passage.values.unsqueeze(2).eq(batch.question.values.unsqueeze(1)).to(DType::F32);
        let same = (same * batch.question.mask.unsqueeze(1)).amax(&[2], true);
        let [a, b] = [&passage, &question].map(|words| self.align.forward(words).relu());
        let aligned = a.bmm(&b.transpose(1, 2)).masked_fill(&hidden, -1e9).softmax(-1).bmm(&question);
        let read = cat(&[&passage, &aligned, &same], 2);
        let (read, _) = self.passage.forward_lengths(&read, &batch.passage.lengths, None);
        let (asked, _) = self.question.forward_lengths(&question, &batch.question.lengths, None);
        let weights =
            self.weigh.forward(&asked).squeeze(&[2]).masked_fill(&batch.question.padding, -1e9).softmax(-1);
        let asked = weights.unsqueeze(1).bmm(&asked);
        [&self.start, &self.end].map(|pointer| {
            let scores = read.bmm(&pointer.forward(&asked).transpose(1, 2)).squeeze(&[2]);
            scores.masked_fill(&batch.passage.padding, -1e9)
        })
    }

    /// The most probable spans of at most two words.
    fn answers(&self, vectors: &Vectors, batch: &Batch) -> Result<Vec<RangeInclusive<usize>>> {
        let [start, end] = self.forward(vectors, batch).map(|logits| logits.log_softmax(-1).to_vec::<f32>());
        let (start, end) = (start?, end?);
        let one = |(start, end): (&[f32], &[f32])| {
            let spans = (0..LONGEST[0]).flat_map(|from| [from..=from, from..=(from + 1).min(LONGEST[0] - 1)]);
            let score = |span: &RangeInclusive<usize>| start[*span.start()] + end[*span.end()];
            spans.max_by(|a, b| score(a).total_cmp(&score(b))).unwrap_or(0..=0)
        };
        Ok(start.chunks(LONGEST[0]).zip(end.chunks(LONGEST[0])).map(one).collect())
    }
}

/// The shares of exact matches, and the mean F1 of words.
fn scores(answers: &[RangeInclusive<usize>], examples: &[Example]) -> [f64; 2] {
    let mut sums = [0.0; 2];
    for (answer, example) in answers.iter().zip(examples) {
        let last = example.passage.len() - 1;
        let (said, truth) = (
            example.text(*answer.start().min(&last)..=*answer.end().min(&last)),
            example.text(example.answer.clone()),
        );
        sums[0] += f64::from(u8::from(said == truth));
        sums[1] += metrics::rouge_n(&said, &truth, 1).f1;
    }
    sums.map(|sum| sum / examples.len() as f64)
}

fn run(lab: &mut Lab) -> Result<()> {
    let vectors = Vectors::new(lab)?;
    let mut draws = lab.draws(2);
    let mut test = |known| -> Vec<Example> {
        (0..lab.pick(1000, 300)).map(|_| Example::drawn(&mut draws, known)).collect()
    };
    let tests = [("known words", test(true)), ("new words", test(false))];
    let mut curves = plot::Panel::new("Training", "step", "cross-entropy of both ends").log_y();
    let mut bars = plot::Panel::new("Passages about people and things that were not trained on", "", "share")
        .x_names(["exact match", "F1"])
        .y_range(0.0, 1.05);
    for (i, (name, question)) in [("with the question", true), ("without it", false)].into_iter().enumerate()
    {
        let params = lab.params();
        let net = Reader::new(&params);
        let (steps, size, mut draws) = (lab.pick(1000, 160), 64, lab.draws(1));
        let rate = Warmup::new(0.05, steps / 10, Cosine::new(lab.pick(0.004, 0.01), 0.0, steps));
        let losses = lab.fit(name, steps, &mut Adam::new(&params), rate, |_| {
            let examples: Vec<Example> = (0..size).map(|_| Example::drawn(&mut draws, true)).collect();
            let batch = Batch::new(&vectors, &examples, question)?;
            let [start, end] = net.forward(&vectors, &batch);
            Ok(start.cross_entropy(&targets(&batch.start)?) + end.cross_entropy(&targets(&batch.end)?))
        })?;
        let points = losses.iter().enumerate().map(|(step, &loss)| (step as f64, loss));
        curves = curves.with(plot::Series::new(name, points));
        for (what, examples) in &tests {
            let answers = net.answers(&vectors, &Batch::new(&vectors, examples, question)?)?;
            let [exact, f1] = scores(&answers, examples);
            // Without the question, each of the two people and things is as probable as the others.
            let [exact_range, f1_range] =
                if question { [0.9..=1.0, 0.9..=1.0] } else { [0.15..=0.32, 0.15..=0.4] };
            lab.expect(format!("{name}, {what}: exact match"), exact, exact_range);
            lab.expect(format!("{name}, {what}: F1"), f1, f1_range);
            if *what == "new words" {
                let example = &examples[0];
                let text = example.passage.join(" ");
                lab.say(format!(
                    "{text} {}? {}",
                    example.question.join(" "),
                    example.text(answers[0].clone())
                ));
                bars = bars.layer(plot::Bars::new(name, [exact, f1]).group(i, 2));
            }
        }
    }
    lab.picture("question_answering", |path| {
        plot::Figure::new("Answers as spans of a passage").panel(curves).panel(bars).save(path)
    })
}
