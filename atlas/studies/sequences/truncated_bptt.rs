//! Truncated backpropagation through time (Williams and Peng 1990): states are carried from window to window, gradients are not. The longer
//! the windows, the closer the gradients come to those of the whole sequence; with a single window they are equal:
//! `cargo run --release -p wgrad-atlas -- truncated_bptt`.

use atlas::prelude::*;
use wgrad::models::{CharRnn, CharRnnOptions, RnnState};

pub const STUDY: Study = Study {
    name: "truncated_bptt",
    about: "Gradients of windows of a sequence, with carried states, against those of the whole.",
    on_gpu: false,
    data: None,
    run,
};

const VOCAB: usize = 7;
const STEPS: usize = 32;
const WINDOWS: [usize; 6] = [1, 2, 4, 8, 16, 32];

/// The gradient of the summed loss of all steps with respect to all parameters. Gradients flow from window to window unless `cut`.
fn gradient(net: &CharRnn, params: &Params, tokens: &Tensor, window: usize, cut: bool) -> Result<Vec<f32>> {
    let (mut state, mut sum) = (None::<RnnState>, Tensor::zeros(tokens.device(), &[]));
    for start in (0..STEPS).step_by(window) {
        let (logits, last) = net.forward(&tokens.narrow(1, start, window), state.as_ref());
        state = Some(if cut { last.detach() } else { last });
        let next = tokens.narrow(1, start + 1, window).flatten(0, 1);
        sum = sum
            + logits.flatten(0, 1).cross_entropy_with(
                &next,
                CrossEntropy { reduction: Reduction::Sum, ..CrossEntropy::default() },
            );
    }
    let found = sum.backward();
    let mut all = vec![];
    for param in params.all() {
        all.extend(found.get(&param.value()).context("a gradient")?.to_vec::<f32>()?);
    }
    Ok(all)
}

/// The length of the difference from `whole`, relative to that of `whole`.
fn off(found: &[f32], whole: &[f32]) -> f64 {
    let squares = |values: &mut dyn Iterator<Item = f32>| values.map(|v| f64::from(v).powi(2)).sum::<f64>();
    let difference = squares(&mut found.iter().zip(whole).map(|(f, w)| f - w));
    (difference / squares(&mut whole.iter().copied())).sqrt()
}

type Build = fn(&Params, CharRnnOptions) -> CharRnn;

fn run(lab: &mut Lab) -> Result<()> {
    let mut draws = lab.draws(1);
    let count = lab.pick(32, 8);
    let tokens: Vec<i32> = (0..count * (STEPS + 1)).map(|_| draws.below(VOCAB as u32) as i32).collect();
    let tokens = Tensor::from_slice(lab.device(), &tokens, &[count, STEPS + 1])?;
    let sizes = CharRnnOptions { vocab: VOCAB, embed: 8, hidden: lab.pick(32, 16), layers: 1 };
    let kinds: [(&str, Build); 3] = [("plain", CharRnn::rnn), ("GRU", CharRnn::gru), ("LSTM", CharRnn::lstm)];
    let mut panel = plot::Panel::new("", "steps of a window", "relative error of the gradient");
    for (name, build) in kinds {
        let params = lab.params();
        let net = build(&params, sizes);
        // Larger weights, for which the past matters longer.
        params.all().iter().for_each(|param| param.set(&(param.value() * 2.0)));
        let whole = gradient(&net, &params, &tokens, STEPS, false)?;
        let passed = off(&gradient(&net, &params, &tokens, 4, false)?, &whole);
        lab.expect(format!("{name}: windows that pass gradients on"), passed, ..1e-4);
        let mut errors = vec![];
        for window in WINDOWS {
            errors.push(off(&gradient(&net, &params, &tokens, window, true)?, &whole));
        }
        lab.expect(format!("{name}: windows of 1"), errors[0], 0.03..3.0);
        lab.expect(format!("{name}: windows of 16 against 1"), errors[4] / errors[0], ..0.6);
        lab.expect(format!("{name}: one window"), errors[5], ..1e-6);
        let points = WINDOWS.iter().zip(&errors).map(|(&window, &error)| (window as f64, error));
        panel = panel.with(plot::Series::new(name, points));
    }
    lab.picture("truncated_bptt", |path| {
        plot::Figure::new("Truncated backpropagation through time").panel(panel).save(path)
    })
}
