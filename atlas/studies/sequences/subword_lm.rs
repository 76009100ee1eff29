//! Subwords (Sennrich et al. 2016; Radford et al. 2019, "GPT-2"): byte-pair encoding learns a text's most frequent pieces, and a GPT
//! predicts those, next to one of the same size that predicts characters. Both see the same number of characters, and are compared in nats a
//! character: `cargo run --release -p wgrad-atlas -- subword_lm`.

use atlas::{mean_loss, next_token_loss, operations_per_token, prelude::*};
use wgrad::data::{Text, Tokenizer, Windows};
use wgrad::models::{Sampler, generate};

pub const STUDY: Study = Study {
    name: "subword_lm",
    about: "Byte-pair encoding: a GPT that predicts pieces of words against one that predicts characters.",
    on_gpu: false,
    data: Some("a text"),
    run,
};

/// A text as tokens.
enum Encoder {
    Characters(Text),
    Pieces(Box<Tokenizer>),
}

impl Encoder {
    fn vocab(&self) -> usize {
        match self {
            Encoder::Characters(text) => text.chars().len(),
            Encoder::Pieces(tokenizer) => tokenizer.vocab_size(),
        }
    }

    fn encode(&self, text: &str) -> Result<Vec<i32>> {
        Ok(match self {
            Encoder::Characters(all) => all.encode(text)?,
            Encoder::Pieces(tokenizer) => tokenizer.encode(text, false)?,
        })
    }

    fn decode(&self, tokens: &[i32]) -> Result<String> {
        Ok(match self {
            Encoder::Characters(all) => all.decode(tokens),
            Encoder::Pieces(tokenizer) => tokenizer.decode(tokens, false)?,
        })
    }
}

/// How networks are trained.
struct Budget {
    /// Byte-pair merges, of each network that predicts pieces.
    merges: &'static [usize],
    /// Characters of a window.
    context: usize,
    /// Windows of a step.
    batch: usize,
    steps: usize,
    width: usize,
    depth: usize,
    rate: f32,
}

fn budget(lab: &Lab) -> Budget {
    let small =
        Budget { merges: &[128], context: 64, batch: 16, steps: 400, width: 32, depth: 2, rate: 0.01 };
    let full = Budget { steps: 1000, ..small };
    let real =
        Budget { merges: &[256, 1024], context: 128, steps: 800, width: 64, depth: 4, rate: 0.003, ..small };
    lab.pick(if lab.data().is_some() { real } else { full }, small)
}

/// A network's result.
struct Trained {
    name: String,
    /// Characters seen, and the loss on them in nats a character.
    curve: Vec<(f64, f64)>,
    /// Nats a character of text that was not trained on.
    loss: f64,
    /// Operations of training.
    operations: f64,
}

/// Trains on `texts`, the second of which is not trained on, and continues a line.
fn trained(
    lab: &Lab,
    name: &str,
    budget: &Budget,
    encoder: &Encoder,
    texts: [&str; 2],
) -> Result<(Trained, f64)> {
    let parts = [encoder.encode(texts[0])?, encoder.encode(texts[1])?];
    ensure!(encoder.decode(&parts[1])? == texts[1], "{name}: tokens do not give the text back");
    let [seen, held_out] = [0, 1].map(|i| texts[i].chars().count() as f64 / parts[i].len() as f64);
    // Windows of as many characters, whatever the tokens.
    let context = (budget.context as f64 / seen).round() as usize;
    let share = parts[1].len() as f64 / (parts[0].len() + parts[1].len()) as f64;
    let (train, test) = Windows::split(parts.concat(), share, context)?;
    let Budget { width, depth, batch, steps, .. } = *budget;
    let options = GptOptions { vocab: encoder.vocab(), context, width, heads: 4, depth, dropout: 0.0 };
    let params = lab.params();
    let net = Gpt::new(&params, options);
    let rate = Warmup::new(0.05, steps / 20, Cosine::new(budget.rate, 0.1 * budget.rate, steps));
    let mut opt = AdamW::new(&params).betas(0.9, 0.99).weight_decay(0.1);
    let losses = lab.fit(name, steps, &mut opt, rate, |step| {
        let [tokens, next] = train.draw(batch, lab.seed(), step).to_device(lab.device())?;
        Ok(next_token_loss(&net, &tokens, &targets(&next)?))
    })?;
    let loss = mean_loss(&test, lab.device(), |tokens, next| next_token_loss(&net, tokens, next))? / held_out;
    let written = generate(
        &net,
        &encoder.encode("\n")?,
        (200.0 / seen) as usize,
        &mut Sampler::new(lab.seed()).temperature(0.8),
    )?;
    lab.say(format!("{name} write: {:?}", encoder.decode(&written)?));
    let per_step = (batch * context) as f64;
    let every = (steps / 50).max(1);
    let curve = losses.chunks(every).enumerate().map(|(i, part)| {
        let mean = part.iter().sum::<f64>() / part.len() as f64;
        ((i * every + part.len()) as f64 * per_step * seen, mean / seen)
    });
    let operations = operations_per_token(&params, &options) * per_step * steps as f64;
    Ok((Trained { name: name.into(), curve: curve.collect(), loss, operations }, seen))
}

fn run(lab: &mut Lab) -> Result<()> {
    let budget = budget(lab);
    let text = match lab.data() {
        Some(path) => Text::read(path)?,
        None => Text::new(&data::synthetic::grammar(lab.pick(200_000, 60_000), lab.seed()))?,
    };
    let (first, rest) = text.tokens().split_at(text.tokens().len() / 10 * 9);
    let (first, rest) = (text.decode(first), text.decode(rest));
    let lines = rest.matches('\n').count() as f64;
    // The entropy is known only for the built-in text.
    let entropy =
        lab.data().is_none().then(|| data::synthetic::grammar_entropy() * lines / rest.len() as f64);

    let characters = trained(lab, "characters", &budget, &Encoder::Characters(text), [&first, &rest])?.0;
    lab.figure("nats a character, characters", characters.loss);
    let mut all = vec![characters];
    for merges in budget.merges {
        let (name, tokenizer) = (format!("{merges} merges"), Tokenizer::bpe(&first, 256 + merges, &[])?);
        let (pieces, length) =
            trained(lab, &name, &budget, &Encoder::Pieces(tokenizer.into()), [&first, &rest])?;
        lab.expect(format!("characters a token, {name}"), length, 3.0..6.0);
        lab.figure(format!("nats a character, {name}"), pieces.loss);
        lab.expect(format!("loss over that of characters, {name}"), pieces.loss / all[0].loss, 0.5..0.97);
        let operations = pieces.operations / all[0].operations;
        lab.expect(format!("operations over those of characters, {name}"), operations, ..0.9);
        all.push(pieces);
    }
    if let Some(entropy) = entropy {
        lab.figure("nats a character, entropy of the grammar", entropy);
        for Trained { name, loss, .. } in &all {
            lab.expect(format!("loss over the entropy, {name}"), loss / entropy, 0.98..1.6);
        }
    }
    picture(lab, &all, entropy)
}

fn picture(lab: &mut Lab, all: &[Trained], entropy: Option<f64>) -> Result<()> {
    let mut curves = plot::Panel::new("Training", "characters seen", "nats a character").log_x();
    for Trained { name, curve, .. } in all {
        curves = curves.with(plot::Series::new(name, curve.iter().copied()));
    }
    let names = all.iter().map(|of| of.name.as_str()).chain(entropy.map(|_| "entropy"));
    let bars = plot::Panel::new("Text that was not trained on", "", "nats a character")
        .layer(plot::Bars::new("", all.iter().map(|of| of.loss).chain(entropy)))
        .x_names(names);
    lab.picture("subword_lm", |path| {
        plot::Figure::new("Characters and subwords").panel(curves).panel(bars).save(path)
    })
}
