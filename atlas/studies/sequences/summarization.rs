//! Summaries of short reports by ROUGE. What is most important in a report depends on its verbs, in an order that only the summaries of other
//! reports show. An extractive network scores sentences and takes the best (Nallapati et al. 2017); an abstractive one, a transformer, writes
//! a headline (Rush et al. 2015) and leaves out what an extracted sentence must carry along:
//! `cargo run --release -p wgrad-atlas -- summarization`.

use atlas::prelude::*;
use wgrad::data::Padded;
use wgrad::models::{AdditiveAttention, Mlp};

use super::made_language::Language;

pub const STUDY: Study = Study {
    name: "summarization",
    about: "One network takes the most important sentence of a report, another writes a headline, which beats the best sentence.",
    on_gpu: false,
    data: None,
    run,
};

const PEOPLE: [&str; 8] = ["king", "doctor", "pilot", "farmer", "singer", "judge", "baker", "thief"];
/// By importance, which grows.
const VERBS: [&str; 10] =
    ["sees", "greets", "calls", "visits", "praises", "helps", "sues", "marries", "robs", "rescues"];
const ADJECTIVES: [&str; 4] = ["old", "young", "rich", "quiet"];
const TIMES: [&str; 4] = ["yesterday", "today", "again", "finally"];
const PLACES: [&str; 4] = ["paris", "town", "public", "court"];
const SENTENCES: usize = 4;
/// Words of a headline with its full stop, of the longest sentence, and of the longest report.
const HEADLINE: usize = 4;
const SENTENCE: usize = 12;
const LONGEST: usize = SENTENCES * SENTENCE;

const HIDDEN: usize = 32;

struct Report {
    sentences: Vec<String>,
    summary: String,
}

impl Report {
    /// Sentences whose verbs differ; the summary is the bare form of the one with the most important verb.
    fn drawn(draws: &mut Draws) -> Report {
        let mut verbs: Vec<usize> = (0..VERBS.len()).collect();
        draws.shuffle(&mut verbs);
        let (mut sentences, mut summary, mut most) = (Vec::new(), String::new(), 0);
        for &verb in &verbs[..SENTENCES] {
            let first = draws.below(PEOPLE.len() as u32) as usize;
            let second = (first + 1 + draws.below(PEOPLE.len() as u32 - 1) as usize) % PEOPLE.len();
            let (one, two) = (PEOPLE[first], PEOPLE[second]);
            let mut maybe = |text: &str, of: &[&str]| {
                if draws.happens(0.5) { format!("{text}{} ", draws.pick(of)) } else { String::new() }
            };
            sentences.push(format!(
                "{}the {}{one} {} the {}{two} {}.",
                maybe("", &TIMES),
                maybe("", &ADJECTIVES),
                VERBS[verb],
                maybe("", &ADJECTIVES),
                maybe("in ", &PLACES)
            ));
            if summary.is_empty() || verb > most {
                (most, summary) = (verb, format!("{one} {} {two} .", VERBS[verb]));
            }
        }
        Report { sentences, summary }
    }

    /// The sentence that the summary is nearest to by ROUGE-1: what an extractive network is trained to take.
    fn best(&self) -> usize {
        let score = |i: &usize| metrics::rouge_n(&self.sentences[*i], &self.summary, 1).f1;
        (0..SENTENCES).max_by(|a, b| score(a).total_cmp(&score(b))).unwrap_or(0)
    }
}

fn reports(draws: &mut Draws, count: usize) -> Vec<Report> {
    (0..count).map(|_| Report::drawn(draws)).collect()
}

/// Scores sentences by the mean of their words' vectors.
struct Extractor {
    words: Embedding,
    score: Mlp,
}

impl Extractor {
    /// Scores `[N, SENTENCES]`.
    fn forward(&self, language: &Language, device: &Device, of: &[Report]) -> Result<Tensor> {
        let sentences = of.iter().flat_map(|report| &report.sentences);
        let rows: Vec<Vec<i32>> = sentences.map(|sentence| language.vocabulary.encode(sentence)).collect();
        let rows = Padded::new(&rows, language.pad, SENTENCE).to_device(device)?;
        let inside = rows.mask.unsqueeze(2);
        let means = (self.words.forward(&rows.values) * &inside).sum(&[1], false) / inside.sum(&[1], false);
        Ok(self.score.forward(&means).reshape(&[of.len(), SENTENCES]))
    }
}

/// The sentences that a trained network takes.
fn extracted(lab: &Lab, language: &Language, test: &[Report]) -> Result<Vec<String>> {
    let params = lab.params();
    let net = Extractor {
        words: Embedding::new(&params.path("words"), language.vocabulary.words().len(), 16),
        score: Mlp::new(&params.path("score"), &[16, 16, 1]),
    };
    let (steps, size, mut draws) = (lab.pick(500, 200), 32, lab.draws(1));
    lab.fit("extracting", steps, &mut Adam::new(&params), Cosine::new(0.02, 0.0, steps), |_| {
        let reports = reports(&mut draws, size);
        let best: Vec<i32> = reports.iter().map(|report| report.best() as i32).collect();
        let best = targets(&Tensor::from_slice(lab.device(), &best, &[size])?)?;
        Ok(net.forward(language, lab.device(), &reports)?.cross_entropy(&best))
    })?;
    let taken = net.forward(language, lab.device(), test)?.argmax(-1, false).to_vec::<i32>()?;
    Ok(taken.iter().zip(test).map(|(&i, report)| report.sentences[i as usize].clone()).collect())
}

/// Writes words of a report by pointing at them (See et al. 2017): an LSTM reads the report, and each step of a GRU attends to its words. A word's
/// probability is the attention to all its places.
struct Writer {
    words: Embedding,
    reader: Lstm,
    writer: Gru,
    attention: AdditiveAttention,
}

impl Writer {
    fn new(params: &Params, words: usize) -> Writer {
        let one = RnnOptions { batch_first: true, ..RnnOptions::default() };
        let both = RnnOptions { bidirectional: true, ..one };
        Writer {
            words: Embedding::new(&params.path("words"), words, HIDDEN),
            reader: Lstm::new(&params.path("reader"), HIDDEN, HIDDEN, both),
            writer: Gru::new(&params.path("writer"), HIDDEN, HIDDEN, one),
            attention: AdditiveAttention::new(&params.path("attention"), HIDDEN, 2 * HIDDEN, HIDDEN),
        }
    }

    /// Probabilities `[N, T, words]` of the word after each of `given [N, T]`, and the attention to the words `[N, T, S]`.
    fn forward(&self, source: &data::DevicePadded, given: &Tensor) -> [Tensor; 2] {
        let (read, _) =
            self.reader.forward_lengths(&self.words.forward(&source.values), &source.lengths, None);
        let (state, _) = self.writer.forward(&self.words.forward(given), None);
        let attention = self.attention.weights(&state, &read, Some(&source.padding));
        [attention.bmm(&source.values.one_hot(self.words.weight().size(0)).to(DType::F32)), attention]
    }
}

/// The headlines that a trained network writes, and its attention `[N, HEADLINE, S]`.
fn written(lab: &Lab, language: &Language, test: &[Report]) -> Result<(Vec<String>, Tensor)> {
    let device = lab.device();
    let sources = |reports: &[Report]| {
        let rows: Vec<Vec<i32>> =
            reports.iter().map(|report| language.vocabulary.encode(&report.sentences.join(" "))).collect();
        Padded::new(&rows, language.pad, LONGEST).to_device(device)
    };
    let params = lab.params();
    let net = Writer::new(&params, language.vocabulary.words().len());
    let (steps, size, mut draws) = (lab.pick(600, 140), 48, lab.draws(3));
    let rate = Warmup::new(0.05, steps / 10, Cosine::new(lab.pick(0.005, 0.01), 0.0, steps));
    lab.fit("writing", steps, &mut Adam::new(&params), rate, |_| {
        let reports = reports(&mut draws, size);
        let said: Vec<Vec<i32>> =
            reports.iter().map(|report| language.vocabulary.encode(&report.summary)).collect();
        let given = said.iter().flat_map(|said| [&[language.begin], &said[..HEADLINE - 1]].concat());
        let given = Tensor::from_slice(device, &given.collect::<Vec<i32>>(), &[size, HEADLINE])?;
        let said = targets(&Tensor::from_slice(device, &said.concat(), &[size, HEADLINE, 1])?)?;
        let [p, _] = net.forward(&sources(&reports)?, &given);
        Ok(-p.gather(2, &said).clamp_min(1e-6).log().mean_all())
    })?;
    let source = sources(test)?;
    let mut words = Tensor::scalars(device, &[language.begin]).expand(&[test.len(), 1]);
    for t in 0..HEADLINE {
        let [p, _] = net.forward(&source, &words);
        words = cat(&[&words, &p.narrow(1, t, 1).argmax(-1, false)], 1).detach();
    }
    let [_, attention] = net.forward(&source, &words.narrow(1, 0, HEADLINE));
    let found = words.narrow(1, 1, HEADLINE).to_vec::<i32>()?;
    Ok((found.chunks(HEADLINE).map(|tokens| language.vocabulary.decode(tokens)).collect(), attention))
}

/// The mean F1 of ROUGE-1 and of ROUGE-L.
fn rouge(texts: &[String], test: &[Report]) -> [f64; 2] {
    let mut sums = [0.0; 2];
    for (text, report) in texts.iter().zip(test) {
        sums[0] += metrics::rouge_n(text, &report.summary, 1).f1;
        sums[1] += metrics::rouge_l(text, &report.summary).f1;
    }
    sums.map(|sum| sum / test.len() as f64)
}

fn run(lab: &mut Lab) -> Result<()> {
    let mut draws = lab.draws(2);
    let test = reports(&mut draws, lab.pick(500, 200));
    let all = [&PEOPLE[..], &VERBS, &ADJECTIVES, &TIMES, &PLACES, &["the", "in", "."]].concat();
    let language = Language::new(&all, &[])?;
    let of = |pick: &mut dyn FnMut(&Report) -> usize| -> Vec<String> {
        test.iter().map(|report| report.sentences[pick(report)].clone()).collect()
    };
    let (headlines, attention) = written(lab, &language, &test)?;
    let texts = [
        ("random", of(&mut |_| draws.below(SENTENCES as u32) as usize)),
        ("first", of(&mut |_| 0)),
        ("extracted", extracted(lab, &language, &test)?),
        ("best", of(&mut Report::best)),
        ("written", headlines),
    ];
    let scores = texts.each_ref().map(|(_, texts)| rouge(texts, &test));
    let [random, first, extracted, best, written] = scores;
    for (i, measure) in ["ROUGE-1", "ROUGE-L"].into_iter().enumerate() {
        lab.expect(format!("{measure} of a random sentence"), random[i], 0.1..0.35);
        lab.expect(format!("{measure} of the first sentence"), first[i], 0.1..0.35);
        lab.expect(
            format!("{measure} of the extracted over the best sentence"),
            extracted[i] / best[i],
            0.95..1.02,
        );
        lab.expect(format!("{measure} of the best sentence"), best[i], 0.5..0.7);
        lab.expect(format!("{measure} of what is written"), written[i], 0.9..=1.0);
    }
    // The shortest report is shown.
    let words = |i: usize| -> Vec<&str> {
        test[i].sentences.iter().flat_map(|sentence| sentence.split(' ')).collect()
    };
    let shown = (0..test.len()).min_by_key(|&i| words(i).len()).context("reports")?;
    let (words, headline) = (words(shown), &texts[4].1[shown]);
    lab.say(format!("{} -> {headline}", words.join(" ")));

    let mut bars = plot::Panel::new("Summaries of reports", "", "F1")
        .x_names(texts.iter().map(|(name, _)| *name))
        .y_range(0.0, 1.05);
    for (i, measure) in ["ROUGE-1", "ROUGE-L"].into_iter().enumerate() {
        bars = bars.layer(plot::Bars::new(measure, scores.iter().map(|score| score[i])).group(i, 2));
    }
    let weights = attention.select(0, shown).narrow(1, 0, words.len()).t().to_vec::<f32>()?;
    let field = plot::Field::matrix(words.len(), HEADLINE, weights.into_iter().map(f64::from).collect());
    let looks = plot::Panel::new("Where the writer points", "", "")
        .layer(field.bar("attention"))
        .x_names(headline.split(' '))
        .y_names(words.iter().copied())
        .y_down();
    lab.picture("summarization", |path| plot::Figure::new("Summaries").panel(bars).panel(looks).save(path))
}
