//! Speech without transcripts (wav2vec, Schneider et al. 2019; wav2vec 2.0, Baevski et al. 2020): convolutions turn a waveform into latent
//! frames, some of which are hidden from a network that reads all others and has to find the hidden ones among each other. A linear
//! classifier then recognises letters from what the network has learnt: `cargo run --release -p wgrad-atlas -- wav2vec`.

use atlas::prelude::*;
use methods::representation::linear_probe;
use methods::speech::masked_contrastive_loss;
use wgrad::data::synthetic::{SPOKEN_LETTERS, Utterance, Voice, formants};

use super::spoken_words::{HOP, RATE, word};

pub const STUDY: Study = Study {
    name: "wav2vec",
    about: "Hidden frames of speech are found among others; letters can be read off what was learnt.",
    on_gpu: false,
    data: None,
    run,
};

const WIDTH: usize = 32;
const FRAMES: usize = 48;
/// Frames of a hidden span, and spans of a sequence.
const SPAN: usize = 4;
const SPANS: usize = 5;

struct Net {
    layers: Vec<(Conv1d, GroupNorm)>,
    hidden: Param,
    context: Gru,
    query: Linear,
    key: Linear,
}

impl Net {
    fn new(params: &Params) -> Net {
        let layer = |(i, inputs, size, stride): (usize, usize, usize, usize)| {
            let padding = (size - stride) / 2;
            let conv = Conv1d::new(&params.path(format!("conv{i}")), inputs, WIDTH, size).stride(stride);
            (conv.padding(padding).build(), GroupNorm::new(&params.path(format!("norm{i}")), 1, WIDTH))
        };
        let both = RnnOptions { batch_first: true, bidirectional: true, ..RnnOptions::default() };
        Net {
            // Together a stride of HOP.
            layers: [(0, 1, 11, 5), (1, WIDTH, 8, 4), (2, WIDTH, 8, 4)].map(layer).into(),
            hidden: params.param("hidden", &[WIDTH], Init::Normal { mean: 0.0, std: 0.3 }),
            context: Gru::new(&params.path("context"), WIDTH, WIDTH, both),
            query: Linear::new(&params.path("query"), 2 * WIDTH, WIDTH),
            key: Linear::new(&params.path("key"), WIDTH, WIDTH),
        }
    }

    /// Latent frames `[N, FRAMES, WIDTH]` of waveforms `[N, FRAMES * HOP]`.
    fn latents(&self, waves: &Tensor) -> Tensor {
        let step = |x: Tensor, (conv, norm): &(Conv1d, GroupNorm)| norm.forward(&conv.forward(&x)).gelu();
        self.layers.iter().fold(waves.unsqueeze(1) * 4.0, step).transpose(1, 2)
    }

    /// Contexts `[N, FRAMES, 2 WIDTH]` of latent frames.
    fn contexts(&self, latents: &Tensor) -> Tensor {
        self.context.forward(latents, None).0
    }

    /// The loss, and the share of hidden frames that are found.
    fn contrast(&self, waves: &Tensor, draws: &mut Draws) -> Result<(Tensor, Tensor)> {
        let (device, count) = (waves.device(), waves.size(0));
        let (mut hidden, mut places) = (vec![0i32; count * FRAMES], vec![]);
        for row in hidden.chunks_mut(FRAMES) {
            let mut spans: Vec<usize> = (0..FRAMES / SPAN).collect();
            draws.shuffle(&mut spans);
            let of_span = |&span: &usize| span * SPAN..(span + 1) * SPAN;
            let all: Vec<usize> = spans[..SPANS].iter().flat_map(of_span).collect();
            all.iter().for_each(|&t| row[t] = 1);
            places.extend(all.iter().map(|&t| t as i32));
        }
        let hidden = Tensor::from_slice(device, &hidden, &[count, FRAMES, 1])?.gt(0.0);
        let places = Tensor::from_slice(device, &places, &[count, SPANS * SPAN, 1])?;
        let latents = self.latents(waves);
        let contexts = self.contexts(&self.hidden.value().where_(&hidden, &latents));
        let at = |x: Tensor| x.gather(1, &places.expand(&[count, SPANS * SPAN, x.size(2)]));
        Ok(masked_contrastive_loss(&at(self.query.forward(&contexts)), &at(self.key.forward(&latents)), 0.1))
    }
}

/// Waveforms `[N, FRAMES * HOP]` by new voices, and the letter of each frame `[N * FRAMES]`.
fn words(lab: &Lab, count: usize, stream: u32) -> Result<[Tensor; 2]> {
    let (mut draws, length) = (lab.draws(stream), FRAMES * HOP);
    let (mut waves, mut letters) = (vec![], vec![]);
    for _ in 0..count {
        let word = word(&mut draws, 4);
        let Utterance { signal, ends } = formants(&word, Voice::drawn(&mut draws), RATE, 0.003, &mut draws);
        waves.extend_from_slice(&signal[..length]);
        letters.extend((0..FRAMES).map(|t| {
            let spoken = ends.iter().position(|&end| end > t * HOP + HOP / 2).expect("a letter");
            SPOKEN_LETTERS.find(&word[spoken..=spoken]).expect("a spoken letter") as i32
        }));
    }
    Ok([
        Tensor::from_slice(lab.device(), &waves, &[count, length])?,
        Tensor::from_slice(lab.device(), &letters, &[count * FRAMES])?,
    ])
}

fn run(lab: &mut Lab) -> Result<()> {
    let [unlabelled, _] = words(lab, lab.pick(2000, 300), 1)?;
    let (labelled, test) = (words(lab, 40, 2)?, words(lab, 100, 3)?);
    let params = lab.params();
    let net = Net::new(&params);
    let probe = |context: bool| -> Result<f32> {
        let features = |waves: &Tensor| {
            let latents = net.latents(waves);
            if context { net.contexts(&latents) } else { latents }.flatten(0, 1).detach()
        };
        let of = |[waves, letters]: &[Tensor; 2]| (features(waves), letters.clone());
        let (train, test) = (of(&labelled), of(&test));
        Ok(linear_probe((&train.0, &train.1), (&test.0, &test.1), SPOKEN_LETTERS.len(), 1e-3)?)
    };
    let untrained = [probe(false)?, probe(true)?];

    let (steps, mut draws) = (lab.pick(2000, 170), lab.draws(4));
    let rate = Warmup::new(0.1, steps / 10, Cosine::new(lab.pick(0.003, 0.005), 0.0, steps));
    let losses = lab.fit("finding hidden frames", steps, &mut AdamW::new(&params), rate, |_| {
        let [waves] = minibatch(&mut draws, 16, [&unlabelled])?;
        Ok(net.contrast(&waves, &mut draws)?.0)
    })?;
    let found = net.contrast(&test[0], &mut lab.draws(5))?.1.item()?;
    let trained = [probe(false)?, probe(true)?];
    let chance = 1.0 / (SPANS * SPAN) as f64;
    lab.expect("hidden frames found, against chance", f64::from(found) / chance, lab.pick(6.0, 3.0)..);
    lab.figure("letters from untrained latents", untrained[0]);
    lab.figure("letters from untrained contexts", untrained[1]);
    lab.figure("letters from latents", trained[0]);
    lab.figure("letters from contexts", trained[1]);
    lab.expect("letters: contexts over untrained ones", trained[1] - untrained[1], lab.pick(0.12, 0.05)..);

    let along = losses.iter().enumerate().map(|(step, &loss)| (step as f64, loss));
    let curve = plot::Panel::new("Finding hidden frames", "step", "cross-entropy")
        .with(plot::Series::new("contrastive loss", along))
        .with(plot::Series::new("chance", [(0.0, -chance.ln()), (steps as f64, -chance.ln())]).exact());
    let bars = |name: &str, i: usize, of: [f32; 2]| plot::Bars::new(name, of.map(f64::from)).group(i, 2);
    let probes = plot::Panel::new("Letters by a linear classifier of 40 words", "", "share right")
        .layer(bars("untrained", 0, untrained))
        .layer(bars("trained", 1, trained))
        .x_names(["latents", "contexts"])
        .y_range(0.0, 1.0);
    lab.picture("wav2vec", |path| {
        plot::Figure::new("Speech without transcripts").panel(curve).panel(probes).save(path)
    })
}
