//! What the studies of language models share.

use anyhow::Result;
use wgrad::data::Windows;
use wgrad::models::{Gpt, GptOptions};
use wgrad::prelude::*;

/// The mean of what `loss` gives for tokens `[N, T]` and the next ones `[N, T]`, over all windows that do not overlap; windows have
/// the same weight.
///
/// # Errors
/// Those of `loss` and of the device.
pub fn mean_loss(
    windows: &Windows,
    device: &Device,
    loss: impl Fn(&Tensor, &Tensor) -> Tensor,
) -> Result<f64> {
    let (mut sum, mut count) = (0.0, 0.0);
    for batch in windows.all(32) {
        let (of, [tokens, next]) = (batch.shape[0] as f64, batch.to_device(device)?);
        sum += f64::from(loss(&tokens, &next).item()?) * of;
        count += of;
    }
    Ok(sum / count)
}

/// The cross-entropy of the tokens `[N, T]` that follow `tokens [N, T]`, in nats a token.
pub fn next_token_loss(net: &Gpt, tokens: &Tensor, next: &Tensor) -> Tensor {
    net.forward(tokens, Mode::Train).flatten(0, 1).cross_entropy(&next.flatten(0, 1))
}

/// Redraws the matrices of a [`Bert`](wgrad::models::Bert) of this width: the paper's standard deviation of 0.02 is for 768.
pub fn bert_scaled(params: &Params, width: usize) {
    let std = 0.02 * (768.0 / width as f32).sqrt();
    for matrices in ["*_emb.weight", "*proj*weight", "*linear*.weight"] {
        params.redraw(matrices, Init::Normal { mean: 0.0, std });
    }
}

/// Floating-point operations of training a [`Gpt`] on one token: products with all its weights but those of positions, and with the other tokens of
/// a full context (Chowdhery et al. 2022, appendix B).
///
/// ```
/// use atlas::operations_per_token;
/// use wgrad::models::{Gpt, GptOptions, Params};
/// let params = Params::new(&wgrad::prelude::Device::named("cpu")?, 1);
/// let options = GptOptions { vocab: 65, context: 32, width: 64, heads: 4, depth: 2, dropout: 0.0 };
/// Gpt::new(&params, options);
/// assert_eq!(params.count(), 106_304);
/// assert_eq!(operations_per_token(&params, &options), (6 * (106_304 - 32 * 64) + 12 * 2 * 64 * 32) as f64);
/// # Ok::<(), anyhow::Error>(())
/// ```
pub fn operations_per_token(params: &Params, options: &GptOptions) -> f64 {
    let GptOptions { context, width, depth, .. } = *options;
    (6 * (params.count() - context * width) + 12 * depth * width * context) as f64
}
