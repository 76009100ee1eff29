//! Character-level language models: a plain recurrent network, a GRU, an LSTM and a transformer (GPT) learn a text and continue it. All
//! must beat the best bigram model, and none can beat the entropy of the grammar that generated the text:
//! `cargo run --release -p wgrad-atlas -- char_lm`.

use atlas::{mean_loss, prelude::*};
use wgrad::data::{Text, Windows};
use wgrad::models::{CharRnn, CharRnnOptions, LanguageModel, Sampler, generate};

pub const STUDY: Study = Study {
    name: "char_lm",
    about: "Plain, gated and attending networks predict the next character of a text.",
    on_gpu: false,
    data: Some("a text"),
    run,
};

const CONTEXT: usize = 32;

enum Network {
    Recurrent(CharRnn),
    Attending(Gpt),
}

impl Network {
    fn logits(&self, tokens: &Tensor) -> Tensor {
        match self {
            Network::Recurrent(net) => net.forward(tokens, None).0,
            Network::Attending(net) => net.forward(tokens, Mode::Train),
        }
    }

    /// The mean loss of windows `[N, T]`, in nats per character.
    fn loss(&self, tokens: &Tensor, next: &Tensor) -> Tensor {
        self.logits(tokens).flatten(0, 1).cross_entropy(&next.flatten(0, 1))
    }

    fn write(&self, text: &Text, count: usize, seed: u64) -> Result<String> {
        fn written<M: LanguageModel>(net: &M, text: &Text, count: usize, seed: u64) -> Result<String> {
            let tokens = generate(net, &text.tokens()[..1], count, &mut Sampler::new(seed).temperature(0.7))?;
            Ok(text.decode(&tokens))
        }
        match self {
            Network::Recurrent(net) => written(net, text, count, seed),
            Network::Attending(net) => written(net, text, count, seed),
        }
    }
}

/// Nats per character of the bigram model fitted to the measured part itself: a lower bound for all bigram models.
fn pairs(windows: &Windows, vocab: usize) -> f64 {
    let (mut counts, mut total) = (vec![0.0; vocab * vocab], 0.0);
    for batch in windows.all(16) {
        for (&now, &next) in batch.tokens.iter().zip(&batch.next) {
            counts[now as usize * vocab + next as usize] += 1.0;
            total += 1.0;
        }
    }
    let nats = |row: &[f64]| {
        let sum: f64 = row.iter().sum();
        row.iter().filter(|&&n| n > 0.0).map(|n| -n * (n / sum).ln()).sum::<f64>()
    };
    counts.chunks(vocab).map(nats).sum::<f64>() / total
}

type Build = fn(&Params, CharRnnOptions) -> CharRnn;

fn run(lab: &mut Lab) -> Result<()> {
    let text = match lab.data() {
        Some(path) => Text::read(path)?,
        None => Text::new(&data::synthetic::grammar(lab.pick(200_000, 60_000), lab.seed()))?,
    };
    let vocab = text.chars().len();
    let (train, validation) = text.split(0.1, CONTEXT)?;
    let (steps, size, hidden) = lab.pick((600, 32, 64), (200, 16, 32));
    let kinds: [(&str, Build); 3] = [("plain", CharRnn::rnn), ("GRU", CharRnn::gru), ("LSTM", CharRnn::lstm)];
    let mut nets: Vec<(&str, Params, Network)> = vec![];
    for (name, build) in kinds {
        let params = lab.params();
        let net = build(&params, CharRnnOptions { vocab, embed: 16, hidden, layers: 1 });
        nets.push((name, params, Network::Recurrent(net)));
    }
    let params = lab.params();
    let sizes = GptOptions { vocab, context: CONTEXT, width: hidden, heads: 4, depth: 2, dropout: 0.0 };
    let net = Gpt::new(&params, sizes);
    nets.push(("GPT", params, Network::Attending(net)));

    let pairs = pairs(&validation, vocab);
    let characters = text.tokens();
    let lines = characters.iter().filter(|&&c| text.chars()[c as usize] == '\n').count();
    // The entropy is known only for the built-in text.
    let entropy = data::synthetic::grammar_entropy() * lines as f64 / characters.len() as f64;
    let entropy = lab.data().is_none().then_some(entropy);
    lab.figure("nats a character, pairs", pairs);
    if let Some(entropy) = entropy {
        lab.figure("nats a character, entropy of the grammar", entropy);
    }
    let mut curves = plot::Panel::new("Training", "step", "nats a character");
    let mut bars = vec![pairs];
    for (name, params, net) in &nets {
        let rate = Warmup::new(0.1, steps / 10, Cosine::new(lab.pick(0.005, 0.015), 0.0, steps));
        let losses = lab.fit(name, steps, &mut Adam::new(params), rate, |step| {
            let batch = train.draw(size, lab.seed(), step);
            let [tokens, next] = batch.to_device(lab.device())?;
            Ok(net.loss(&tokens, &targets(&next)?))
        })?;
        let lost = mean_loss(&validation, lab.device(), |tokens, next| net.loss(tokens, next))?;
        lab.figure(format!("nats a character, {name}"), lost);
        lab.expect(format!("{name} against pairs"), lost / pairs, ..0.7);
        if let Some(entropy) = entropy {
            lab.expect(format!("{name} against the entropy"), lost / entropy, 0.98..3.0);
        }
        lab.say(format!("{name} writes: {:?}", net.write(&text, 60, lab.seed())?));
        bars.push(lost);
        let points = losses.iter().enumerate().map(|(step, &loss)| (step as f64, loss));
        curves = curves.with(plot::Series::new(*name, points));
    }
    bars.extend(entropy);
    let names = ["pairs"].into_iter().chain(nets.iter().map(|net| net.0)).chain(entropy.map(|_| "entropy"));
    let bars = plot::Panel::new("Text that was not trained on", "", "nats a character")
        .layer(plot::Bars::new("", bars))
        .x_names(names);
    lab.picture("char_lm", |path| plot::Figure::new("Language models").panel(curves).panel(bars).save(path))
}
