//! Named entities by a bidirectional LSTM and a conditional random field (Huang, Xu and Yu 2015). Names of people and of places are the
//! same words, which only the context tells apart, if at all: the field decides on an entity as a whole, a softmax on every word
//! separately. Its log-likelihood and best path are checked against enumeration of all tag sequences:
//! `cargo run --release -p wgrad-atlas -- ner`.

use atlas::prelude::*;
use wgrad::data::Vocabulary;
use wgrad::models::{Tagger, TaggerOptions};

pub const STUDY: Study = Study {
    name: "ner",
    about: "An LSTM with a conditional random field finds names, and the field agrees with trying all tags.",
    on_gpu: false,
    data: None,
    run,
};

const TAGS: [&str; 7] = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC", "B-ORG", "I-ORG"];

const NAMES: [&str; 8] = ["Jordan", "Chester", "Lincoln", "Florence", "Austin", "Madison", "Paris", "Hudson"];
const SECOND: [&str; 4] = ["Hill", "Lake", "Stone", "Brook"];
const FIRMS: [&str; 4] = ["Acme", "Globex", "Initech", "Umbra"];
const BEFORE: [&str; 4] = ["yesterday", "today", "then", "perhaps"];

/// A sentence and the tags of its words. Half of the names of people and places are ambiguous.
fn sentence(draws: &mut Draws) -> (Vec<&'static str>, Vec<&'static str>) {
    let mut all: Vec<(&str, &str)> = vec![];
    for _ in 0..draws.below(3) {
        all.push((*draws.pick(&BEFORE), "O"));
    }
    let kind = *draws.pick(&["PER", "LOC", "ORG"]);
    let open = kind != "ORG" && draws.happens(0.5);
    let verb = match (open, kind) {
        (true, _) => ["we", "know"],
        (_, "PER") => ["we", "met"],
        (_, "LOC") => ["rain", "reached"],
        _ => ["people", "join"],
    };
    all.extend(verb.map(|word| (word, "O")));
    let name = match kind {
        "ORG" => vec![*draws.pick(&FIRMS), "and", *draws.pick(&NAMES)],
        _ => vec![*draws.pick(&NAMES), *draws.pick(&SECOND), *draws.pick(&SECOND)],
    };
    let length = if kind == "ORG" { 3 } else { 1 + draws.below(3) as usize };
    for (i, word) in name.into_iter().take(length).enumerate() {
        let tags = TAGS.iter().filter(|tag| tag.ends_with(kind));
        all.push((word, tags.copied().nth(usize::from(i > 0)).unwrap_or("O")));
    }
    all.push((".", "O"));
    all.into_iter().unzip()
}

/// Sentences as tensors, and their tags.
struct Batch {
    tokens: Tensor,
    tags: Tensor,
    lengths: Tensor,
    truth: Vec<Vec<&'static str>>,
}

fn learned(lab: &Lab) -> Result<Vocabulary> {
    let mut draws = lab.draws(0);
    let text: Vec<String> = (0..1000).map(|_| sentence(&mut draws).0.join(" ")).collect();
    Ok(Vocabulary::learn(&text.join(" "), 1, &["<pad>"])?)
}

fn batch(lab: &Lab, vocabulary: &Vocabulary, draws: &mut Draws, size: usize) -> Result<Batch> {
    let (words, truth): (Vec<_>, Vec<_>) = (0..size).map(|_| sentence(draws)).unzip();
    let tokens: Vec<Vec<i32>> = words.iter().map(|words| vocabulary.encode(&words.join(" "))).collect();
    let number = |tag: &&str| TAGS.iter().position(|t| t == tag).map_or(0, |at| at as i32);
    let tags: Vec<Vec<i32>> = truth.iter().map(|tags| tags.iter().map(number).collect()).collect();
    let padded = |rows: &[Vec<i32>], padding| data::Padded::new(rows, padding, 4).to_device(lab.device());
    let tokens = padded(&tokens, 1)?;
    Ok(Batch { tokens: tokens.values, lengths: tokens.lengths, tags: padded(&tags, -100)?.values, truth })
}

/// How tags are decoded from a network's emissions.
#[derive(Clone, Copy, PartialEq)]
enum Head {
    Field,
    Softmax,
}

fn trained(lab: &Lab, vocabulary: &Vocabulary, head: Head, params: &Params) -> Result<Tagger> {
    let (steps, size) = lab.pick((600, 64), (120, 32));
    let sizes = TaggerOptions { vocab: vocabulary.words().len(), embed: 16, hidden: 24, tags: TAGS.len() };
    let net = Tagger::new(params, sizes);
    let name = match head {
        Head::Field => "field",
        Head::Softmax => "softmax",
    };
    if head == Head::Softmax {
        params.freeze("crf.*");
    }
    let mut draws = lab.draws(1);
    lab.fit(name, steps, &mut Adam::new(params), Cosine::new(0.02, 0.0, steps), |_| {
        let batch = batch(lab, vocabulary, &mut draws, size)?;
        let tags = targets(&batch.tags)?;
        Ok(match head {
            Head::Field => net.loss(&batch.tokens, &tags, &batch.lengths),
            Head::Softmax => {
                let emissions = net.emissions(&batch.tokens, &batch.lengths);
                emissions.flatten(0, 1).cross_entropy(&tags.flatten(0, 1))
            }
        })
    })?;
    Ok(net)
}

fn scored(net: &Tagger, head: Head, test: &Batch) -> Result<metrics::SpanScores> {
    let found = match head {
        Head::Field => net.decode(&test.tokens, &test.lengths),
        Head::Softmax => net.emissions(&test.tokens, &test.lengths).argmax(-1, false),
    };
    let (found, width) = (found.to_vec::<i32>()?, test.tokens.shape()[1]);
    let tags = |(i, truth): (usize, &Vec<&str>)| {
        let own = &found[i * width..][..truth.len()];
        own.iter().map(|&tag| TAGS[tag as usize]).collect::<Vec<_>>()
    };
    let found: Vec<Vec<&str>> = test.truth.iter().enumerate().map(tags).collect();
    Ok(metrics::span_scores(&found, &test.truth))
}

fn run(lab: &mut Lab) -> Result<()> {
    let vocabulary = learned(lab)?;
    let test = batch(lab, &vocabulary, &mut lab.draws(2), lab.pick(1000, 300))?;
    let params = lab.params();
    let net = trained(lab, &vocabulary, Head::Field, &params)?;
    let field = scored(&net, Head::Field, &test)?;
    lab.figure("precision, field", field.precision);
    lab.figure("recall, field", field.recall);
    let other = trained(lab, &vocabulary, Head::Softmax, &lab.params())?;
    let softmax = scored(&other, Head::Softmax, &test)?;
    lab.figure("precision, softmax", softmax.precision);
    lab.figure("recall, softmax", softmax.recall);
    // A third of the names are ambiguous, and at best half of those are correct.
    lab.expect("entity F1, field", field.f1, 0.77..0.9);
    lab.expect("entity F1, softmax", softmax.f1, 0.6..0.9);
    lab.expect("entity F1, field above softmax", field.f1 - softmax.f1, 0.02..);
    tried(lab, &net, &params, &test.tokens.narrow(0, 0, 1).narrow(1, 0, 4))?;
    picture(lab, &vocabulary, &net)
}

/// The parameters of the trained field, on the host.
struct Scores {
    start: Vec<f32>,
    transitions: Vec<f32>,
    end: Vec<f32>,
    emissions: Vec<f32>,
}

impl Scores {
    fn of(&self, tags: &[usize]) -> f64 {
        let k = TAGS.len();
        let emissions = tags.iter().enumerate().map(|(t, tag)| self.emissions[t * k + tag]);
        let arcs = tags.windows(2).map(|pair| self.transitions[pair[0] * k + pair[1]]);
        let ends = [self.start[tags[0]], self.end[tags[tags.len() - 1]]];
        emissions.chain(arcs).chain(ends).map(f64::from).sum()
    }
}

/// Checks the likelihood, the marginals and the best path of a sentence's first words against enumeration of all tag sequences.
fn tried(lab: &mut Lab, net: &Tagger, params: &Params, tokens: &Tensor) -> Result<()> {
    let (steps, k) = (tokens.shape()[1], TAGS.len());
    let lengths = Tensor::from_slice(lab.device(), &[steps as i32], &[1])?;
    let named = |name: &str| -> Result<Vec<f32>> {
        Ok(params.get(&format!("crf.{name}")).context("a parameter of the field")?.value().to_vec()?)
    };
    let scores = Scores {
        start: named("start_transitions")?,
        transitions: named("transitions")?,
        end: named("end_transitions")?,
        emissions: net.emissions(tokens, &lengths).to_vec()?,
    };
    let path = |code: usize| (0..steps).map(|t| code / k.pow(t as u32) % k).collect::<Vec<_>>();
    let all: Vec<(Vec<usize>, f64)> =
        (0..k.pow(steps as u32)).map(path).map(|tags| (tags.clone(), scores.of(&tags))).collect();
    let (best, highest) = all.iter().max_by(|a, b| a.1.total_cmp(&b.1)).context("a path")?;
    let total = highest + all.iter().map(|p| (p.1 - highest).exp()).sum::<f64>().ln();

    let tags = net.decode(tokens, &lengths);
    let same = tags.to_vec::<i32>()?.iter().zip(best).filter(|(tag, best)| **tag as usize == **best).count();
    lab.expect("tags of the best path as of all", same as f64 / steps as f64, 1.0..=1.0);
    let nll = f64::from(net.loss(tokens, &tags, &lengths).item()?);
    lab.expect("partition function against all tags", (nll + highest - total).abs(), ..1e-3);
    let mut want = vec![0.0; steps * k];
    for (tags, score) in &all {
        tags.iter().enumerate().for_each(|(t, tag)| want[t * k + tag] += (score - total).exp());
    }
    let found = net.marginals(tokens, &lengths).to_vec::<f32>()?;
    let off = found.iter().zip(&want).map(|(m, w)| (f64::from(*m) - w).abs()).fold(0.0, f64::max);
    lab.expect("marginals against all tags", off, ..1e-3);
    Ok(())
}

/// The field's probabilities for an ambiguous and an unambiguous name.
fn picture(lab: &mut Lab, vocabulary: &Vocabulary, net: &Tagger) -> Result<()> {
    let mut figure = plot::Figure::new("Marginals of the tags");
    for (title, text) in
        [("The words around tell", "we met Jordan Hill ."), ("They do not", "we know Jordan Hill .")]
    {
        let tokens = vocabulary.encode(text);
        let words: Vec<&str> = vocabulary.words().iter().map(String::as_str).collect();
        let names: Vec<&str> = tokens.iter().map(|&token| words[token as usize]).collect();
        let lengths = Tensor::from_slice(lab.device(), &[tokens.len() as i32], &[1])?;
        let tokens = Tensor::from_slice(lab.device(), &tokens, &[1, names.len()])?;
        let marginals = net.marginals(&tokens, &lengths).reshape(&[names.len(), TAGS.len()]).t();
        let values = marginals.to_vec::<f32>()?.iter().map(|&p| f64::from(p)).collect();
        let field = plot::Field::matrix(TAGS.len(), names.len(), values).range(0.0, 1.0).cell_text(2);
        figure = figure.panel(
            plot::Panel::new(title, "", "")
                .layer(field.bar("probability"))
                .x_names(names)
                .y_names(TAGS)
                .y_down(),
        );
    }
    lab.picture("ner", |path| figure.save(path))
}
