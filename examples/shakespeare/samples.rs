//! Samples of a trained network.

use anyhow::Result;
use wgrad::data::Text;
use wgrad::models::Sampler;

use crate::network::Network;
use crate::options::Options;

/// Texts from several decoding methods, each under a line that names the method.
pub fn write(options: &Options, text: &Text, net: &Network, prompt: &str) -> Result<String> {
    let tokens = text.encode(prompt)?;
    let sampler = || Sampler::new(options.seed);
    let ways = [
        ("temperature 0.8", sampler().temperature(0.8)),
        ("the 5 most probable characters", sampler().top_k(5)),
        ("the most probable characters that make up 90 %", sampler().top_p(0.9)),
    ];
    let mut all = String::new();
    for (name, mut sampler) in ways {
        let written = net.generate(&tokens, options.length, &mut sampler)?;
        all += &format!("--- {name} ---\n{prompt}{}\n\n", text.decode(&written));
    }
    // Beam search soon repeats itself, so a shorter text is enough.
    let found = net.search(&tokens, options.length.div_ceil(4), options.beams)?;
    all += &format!("--- beam search, {} beams ---\n{prompt}{}\n", options.beams, text.decode(&found));
    Ok(all)
}
