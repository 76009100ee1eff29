//! A small GPT on the characters of a text.

use autograd::{Device, Tensor};
use data::{Text, Windows};
use models::{Gpt, GptOptions, Mode, Params, Sampler, generate};

use crate::session::{Error, Result, read};

/// Characters of a window.
pub const CONTEXT: usize = 64;

pub struct Verses {
    net: Gpt,
    text: Text,
    train: Windows,
    validation: Windows,
}

impl Verses {
    pub fn new(params: &Params, text: &str) -> Result<Verses> {
        if text.chars().count() < 20 * CONTEXT {
            return Err(Error::Request(format!("the text needs at least {} characters", 20 * CONTEXT)));
        }
        let text = Text::new(text)?;
        let (train, validation) = text.split(0.1, CONTEXT)?;
        let vocab = text.chars().len();
        let options = GptOptions { vocab, context: CONTEXT, width: 96, heads: 4, depth: 3, dropout: 0.0 };
        Ok(Verses { net: Gpt::new(params, options), text, train, validation })
    }

    /// Logits and next characters of a step's windows, which depend on seed and step alone.
    pub fn step(&self, device: &Device, seed: u64, step: u64, batch: usize) -> Result<(Tensor, Tensor)> {
        let drawn = self.train.draw(batch, seed, step as usize);
        let tokens = Tensor::from_slice(device, &drawn.tokens, &drawn.shape)?;
        let next = Tensor::from_slice(device, &drawn.next, &[drawn.next.len()])?;
        Ok((self.net.forward(&tokens, Mode::Train).flatten(0, 1), next))
    }

    /// The mean loss on some windows of the validation text.
    pub async fn evaluate(&self, device: &Device) -> Result<f32> {
        let drawn = self.validation.draw(16, 1, 0);
        let tokens = Tensor::from_slice(device, &drawn.tokens, &drawn.shape)?;
        let next = Tensor::from_slice(device, &drawn.next, &[drawn.next.len()])?;
        read(&self.net.forward(&tokens, Mode::Eval).flatten(0, 1).cross_entropy(&next)).await
    }

    pub fn sample(&self, prompt: &str, count: usize, temperature: f32, seed: u64) -> Result<String> {
        let known: String = prompt.chars().filter(|c| self.text.chars().contains(c)).collect();
        let prompt = if known.is_empty() { self.text.chars()[0].to_string() } else { known };
        let mut sampler = Sampler::new(seed).temperature(temperature.max(0.0));
        let next = generate(&self.net, &self.text.encode(&prompt)?, count, &mut sampler)?;
        Ok(prompt + &self.text.decode(&next))
    }
}
