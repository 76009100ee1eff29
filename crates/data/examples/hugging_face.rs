//! Continues a text with a causal language model from a folder of Hugging Face, and fine-tunes low-rank adapters of it on a text.
//!
//! ```sh
//! git clone https://huggingface.co/openai-community/gpt2
//! cargo run --release -p wgrad-data --example hugging_face -- gpt2 --prompt "The meaning of life is"
//! cargo run --release -p wgrad-data --example hugging_face -- gpt2 --tune verses.txt --adapters verses-lora --merged verses-gpt2
//! ```
//!
//! The folder needs `config.json`, `model.safetensors` and `tokenizer.json`; see `docs/hugging-face.md`.

use std::io::Write as _;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use autograd::{Device, Tensor};
use clap::Parser;
use data::Tokenizer;
use models::hf::{self, Network, Pretrained};
use models::{AdamW, LanguageModel, LoraOptions, Mode, Module, Reader, Sampler};

#[derive(Parser)]
struct Arguments {
    /// A folder with config.json, model.safetensors and tokenizer.json
    folder: PathBuf,

    #[arg(long, default_value = "Once upon a time")]
    prompt: String,

    /// Tokens to draw
    #[arg(long, default_value_t = 40)]
    count: usize,

    #[arg(long, default_value_t = 0.8)]
    temperature: f32,

    #[arg(long, default_value_t = 42)]
    seed: u64,

    /// auto, cpu, software, or a part of an adapter's name
    #[arg(long, default_value = "auto")]
    device: String,

    /// A text to fine-tune adapters on
    #[arg(long)]
    tune: Option<PathBuf>,

    /// Steps of fine-tuning, each with one window of the text
    #[arg(long, default_value_t = 50)]
    steps: usize,

    /// Modules that get adapters, by their names in Hugging Face's network [default: c_attn for GPT-2, q_proj and v_proj otherwise]
    #[arg(long)]
    modules: Vec<String>,

    /// Where to write the adapters in the form of PEFT
    #[arg(long)]
    adapters: Option<PathBuf>,

    /// Where to write the network with the adapters merged into it
    #[arg(long)]
    merged: Option<PathBuf>,
}

/// Tokens of a window.
const WINDOW: usize = 64;

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let device = Device::named(&arguments.device)?;
    let model = hf::load(&device, &arguments.folder)?;
    let tokenizer = Tokenizer::read(arguments.folder.join("tokenizer.json"))?;
    println!("{} parameters on {}", model.params.count(), device.info());
    if let Some(text) = &arguments.tune {
        let text =
            std::fs::read_to_string(text).with_context(|| format!("cannot read {}", text.display()))?;
        tune(&model, &tokenizer.encode(&text, false)?, &arguments)?;
    }
    match &model.net {
        Network::Gpt(net) => say(net, &tokenizer, &arguments),
        Network::Llama(net) => say(net, &tokenizer, &arguments),
        _ => anyhow::bail!("{} is no causal language model", arguments.folder.display()),
    }
}

/// Trains adapters on windows of a text, and merges them.
fn tune(model: &Pretrained, tokens: &[i32], arguments: &Arguments) -> Result<()> {
    ensure!(
        tokens.len() > WINDOW + 1,
        "the text has {} tokens, at least {} are needed",
        tokens.len(),
        WINDOW + 2
    );
    let usual: &[&str] =
        if matches!(model.net, Network::Gpt(_)) { &["c_attn"] } else { &["q_proj", "v_proj"] };
    let given: Vec<&str> = arguments.modules.iter().map(String::as_str).collect();
    let modules = if given.is_empty() { usual } else { &given };
    let lora = model.adapt(modules, LoraOptions::default());
    println!("training {} of {} parameters", lora.count(), model.params.count());
    let mut optimizer = AdamW::new(&model.params);
    let device = model.params.device();
    for step in 0..arguments.steps {
        let start = step * 7919 % (tokens.len() - WINDOW - 1);
        let window = |at: usize| Tensor::from_slice(device, &tokens[at..at + WINDOW], &[1, WINDOW]);
        let (x, y) = (window(start)?, window(start + 1)?);
        let loss = model.forward(&x, Mode::Train).flatten(0, 1).cross_entropy(&y.flatten(0, 1));
        optimizer.step(loss.backward(), 1e-3)?;
        if step % 10 == 0 || step + 1 == arguments.steps {
            println!("step {step}: loss {:.4}", loss.item()?);
        }
    }
    if let Some(folder) = &arguments.adapters {
        model.save_adapters(&lora, folder)?;
    }
    lora.merge()?;
    if let Some(folder) = &arguments.merged {
        model.save(folder)?;
    }
    Ok(())
}

/// Prints the prompt and what follows it, as soon as it is known.
fn say<M: LanguageModel>(net: &M, tokenizer: &Tokenizer, arguments: &Arguments) -> Result<()> {
    let mut sampler = Sampler::new(arguments.seed).temperature(arguments.temperature);
    let mut tokens = tokenizer.encode(&arguments.prompt, true)?;
    ensure!(!tokens.is_empty(), "the prompt is empty");
    let mut reader = Reader::new(net);
    let mut logits = reader.prompt(&tokens)?;
    let mut said = String::new();
    for _ in 0..arguments.count {
        // Decoding everything gives words whose tokens belong together.
        let text = tokenizer.decode(&tokens, true)?;
        if let Some(more) = text.strip_prefix(&said).filter(|more| !more.ends_with('\u{fffd}')) {
            print!("{more}");
            std::io::stdout().flush()?;
            said = text;
        }
        tokens.push(sampler.draw(&logits));
        logits = reader.read(tokens[tokens.len() - 1])?;
    }
    println!("{}", tokenizer.decode(&tokens, true)?.strip_prefix(&said).unwrap_or_default());
    Ok(())
}
