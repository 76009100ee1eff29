//! The networks to choose from.

use anyhow::{Result, ensure};
use wgrad::models::{CharRnn, CharRnnOptions, Gpt, GptOptions, Sampler, beam_search, generate};
use wgrad::prelude::*;

use crate::options::{Kind, Options};

pub enum Network {
    Gpt(Gpt),
    Lstm(CharRnn),
}

impl Network {
    /// A network for `vocab` different characters.
    pub fn new(options: &Options, vocab: usize, params: &Params) -> Result<Network> {
        let (width, depth, heads) = (options.width(), options.depth(), options.heads);
        ensure!(width > 0 && depth > 0, "a network of width {width} and depth {depth} is none");
        Ok(match options.model {
            Kind::Gpt => {
                ensure!(
                    heads > 0 && width.is_multiple_of(heads),
                    "a width of {width} can't be divided among {heads} heads; choose another --width or --heads"
                );
                let context = options.context;
                let sizes = GptOptions { vocab, context, width, heads, depth, dropout: 0.0 };
                Network::Gpt(Gpt::new(params, sizes))
            }
            Kind::Lstm => {
                let sizes = CharRnnOptions { vocab, embed: width.div_ceil(4), hidden: width, layers: depth };
                Network::Lstm(CharRnn::lstm(params, sizes))
            }
        })
    }

    /// Mean cross-entropy, in nats per character, of predicting `next [N, T]` from `tokens [N, T]`.
    pub fn loss(&self, tokens: &Tensor, next: &Tensor, mode: Mode) -> Tensor {
        let logits = match self {
            Network::Gpt(net) => net.forward(tokens, mode),
            Network::Lstm(net) => net.forward(tokens, None).0,
        };
        logits.flatten(0, 1).cross_entropy(&next.flatten(0, 1))
    }

    pub fn generate(
        &self,
        prompt: &[i32],
        count: usize,
        sampler: &mut Sampler,
    ) -> wgrad::autograd::Result<Vec<i32>> {
        match self {
            Network::Gpt(net) => generate(net, prompt, count, sampler),
            Network::Lstm(net) => generate(net, prompt, count, sampler),
        }
    }

    /// The most probable tokens that beam search finds.
    pub fn search(&self, prompt: &[i32], count: usize, beams: usize) -> wgrad::Result<Vec<i32>> {
        let found = match self {
            Network::Gpt(net) => beam_search(net, prompt, count, beams)?,
            Network::Lstm(net) => beam_search(net, prompt, count, beams)?,
        };
        Ok(found.into_iter().next().map(|best| best.tokens).unwrap_or_default())
    }
}
