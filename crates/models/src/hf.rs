//! Models in folders of Hugging Face (`config.json`, `model.safetensors`): read, trained, generated with, and written back.
//!
//! | `architectures` | network |
//! |---|---|
//! | `GPT2LMHeadModel` | [`Gpt`] |
//! | `LlamaForCausalLM`, `MistralForCausalLM`, `Qwen2ForCausalLM` | [`Llama`] |
//! | `BertForMaskedLM`, `DistilBertForMaskedLM`, `RobertaForMaskedLM`, `..ForSequenceClassification` | [`Bert`] |
//! | `ViTForImageClassification` | [`Vit`] |
//! | `ResNetForImageClassification` | [`ResNet`] |
//!
//! A family is one file with two things: the network that a configuration describes, and a table of names.

mod bert;
mod config;
mod folder;
mod gpt2;
mod llama;
mod names;
mod peft;
mod resnet;
mod vit;

use std::path::{Path, PathBuf};

use autograd::{Device, Tensor};
use serde_json::{Value, json};

use crate::{Bert, Error, Gpt, Llama, Mode, Module, Params, ResNet, Result, Vit};
use config::Config;
use names::Names;

/// The longest sequence of a [`Llama`]: its files allow up to 131,072 positions, for which a cache would take more memory than the weights.
pub const MOST_CONTEXT: usize = 4096;

/// Files beside the weights that are copied as they are.
const BESIDE: [&str; 9] = [
    "generation_config.json",
    "merges.txt",
    "preprocessor_config.json",
    "special_tokens_map.json",
    "tokenizer.json",
    "tokenizer.model",
    "tokenizer_config.json",
    "vocab.json",
    "vocab.txt",
];

/// A network from a folder of Hugging Face.
pub struct Pretrained {
    /// Its weights, under the names of this library.
    pub params: Params,
    /// The network.
    pub net: Network,
    /// The contents of `config.json`.
    pub config: Value,
    folder: PathBuf,
    names: Names,
}

/// The networks of [`Pretrained`].
pub enum Network {
    /// From tokens `[N, T]` to logits `[N, T, vocab]`.
    Gpt(Gpt),
    /// From tokens `[N, T]` to logits `[N, T, vocab]`.
    Llama(Llama),
    /// From tokens `[N, T]` to logits `[N, T, vocab]` or, for classifiers, `[N, classes]`.
    Bert(Bert),
    /// From images `[N, 3, H, W]` to logits `[N, classes]`.
    Vit(Vit),
    /// From images `[N, 3, H, W]` to logits `[N, classes]`.
    ResNet(ResNet),
}

/// Builds the network that a configuration describes, and its names.
type Family = fn(&Params, &Config) -> Result<(Network, Names)>;

const FAMILIES: &[(&str, Family)] = &[
    ("GPT2LMHeadModel", gpt2::build),
    ("LlamaForCausalLM", llama::build),
    ("MistralForCausalLM", llama::build),
    ("Qwen2ForCausalLM", llama::build),
    ("BertForMaskedLM", bert::bert),
    ("BertForSequenceClassification", bert::bert),
    ("DistilBertForMaskedLM", bert::distilbert),
    ("DistilBertForSequenceClassification", bert::distilbert),
    ("RobertaForMaskedLM", bert::roberta),
    ("RobertaForSequenceClassification", bert::roberta),
    ("ViTForImageClassification", vit::build),
    ("ResNetForImageClassification", resnet::build),
];

/// Reads a model from a folder with `config.json` and `model.safetensors`, `model.safetensors.index.json` with several files, or, with the
/// feature `torch`, `pytorch_model.bin`. Types f16, bf16 and f64 are converted to f32.
///
/// ```no_run
/// use autograd::Device;
/// use models::hf::{self, Network};
/// use models::{Sampler, generate};
/// let gpt2 = hf::load(&Device::named("auto")?, "gpt2")?; // git clone https://huggingface.co/openai-community/gpt2
/// let Network::Gpt(net) = &gpt2.net else { panic!("a GPT-2") };
/// let tokens = generate(net, &[464, 3616, 286, 1204, 318], 20, &mut Sampler::new(42))?;
/// # Ok::<(), models::Error>(())
/// ```
///
/// # Errors
/// [`Error::Io`] when a file can't be read; [`Error::Config`] when the configuration is of a network that is not supported;
/// [`Error::Format`], [`Error::Missing`], [`Error::Unexpected`] or [`Error::Mismatch`] when weights are damaged or do not fit;
/// [`Error::Range`] when an f64 is too large for f32.
#[doc(alias("from_pretrained", "AutoModel"))]
pub fn load(device: &Device, folder: impl AsRef<Path>) -> Result<Pretrained> {
    let folder = folder.as_ref();
    let config = Config::read(&folder.join("config.json"))?;
    let architecture = config.architecture()?;
    let family = FAMILIES.iter().find(|(name, _)| *name == architecture).ok_or_else(|| {
        let known: Vec<&str> = FAMILIES.iter().map(|(name, _)| *name).collect();
        config
            .fault(format!("the architecture {architecture} is not supported, but {} are", known.join(", ")))
    })?;
    let params = Params::undrawn(device);
    let (net, names) = family.1(&params, &config)?;
    folder::read(folder, &params, &names)?;
    Ok(Pretrained { params, net, config: config.value, folder: folder.into(), names })
}

impl Pretrained {
    /// Writes the folder that [`load`] and Hugging Face's libraries read: the configuration, all weights as f32 in `model.safetensors`, and
    /// copies of the tokenizer's and other small files of the folder that was loaded. Files appear whole or not at all. Adapters must be
    /// [merged](crate::Lora::merge) or [removed](crate::Lora::remove) before.
    ///
    /// # Errors
    /// [`Error::Io`] when a file can't be written; [`Error::Device`] when values can't be read; [`Error::Config`] when a parameter has no name in
    /// the file, such as an adapter's.
    #[doc(alias = "save_pretrained")]
    pub fn save(&self, folder: impl AsRef<Path>) -> Result<()> {
        let folder = folder.as_ref();
        let io = |doing, path: &Path| {
            let path = path.to_owned();
            move |source| Error::Io { doing, path, source }
        };
        std::fs::create_dir_all(folder).map_err(io("create", folder))?;
        folder::write(&folder.join("model.safetensors"), &self.params, &self.names)?;
        let mut config = self.config.clone();
        for key in ["dtype", "torch_dtype"] {
            if let Some(dtype) = config.get_mut(key) {
                *dtype = json!("float32");
            }
        }
        write_json(&folder.join("config.json"), &config)?;
        for name in BESIDE {
            let (from, to) = (self.folder.join(name), folder.join(name));
            if from.is_file() && from != to {
                let bytes = std::fs::read(&from).map_err(io("read", &from))?;
                gpu_core::write_atomically(&to, &bytes).map_err(io("write", &to))?;
            }
        }
        Ok(())
    }
}

impl Module for Pretrained {
    #[track_caller]
    fn forward(&self, x: &Tensor, mode: Mode) -> Tensor {
        match &self.net {
            Network::Gpt(net) => net.forward(x, mode),
            Network::Llama(net) => net.forward(x, mode),
            Network::Bert(net) => net.forward(x, None, None, mode),
            Network::Vit(net) => net.forward(x, mode),
            Network::ResNet(net) => net.forward(x, mode),
        }
    }
}

fn write_json(path: &Path, value: &Value) -> Result<()> {
    let text = format!("{value:#}\n");
    let fault = |source| Error::Io { doing: "write", path: path.into(), source };
    gpu_core::write_atomically(path, text.as_bytes()).map_err(fault)
}
