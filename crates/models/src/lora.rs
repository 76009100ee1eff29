//! Fine-tuning with few weights by low-rank adapters.

use std::sync::Arc;

use autograd::{Tensor, cat};

use crate::low_rank::LowRank;
use crate::params::wildcard;
use crate::{Init, Param, Params, Result};

/// Low-rank adaptation (Hu et al. 2021, "LoRA"): the weights `W [out, in]` of some layers stay as they are, and `scale B A` is added to
/// them, of which only `A [rank, in]` and `B [out, rank]` are trained. The layers compute `x W^T + scale (x A^T) B^T`, so `B A` is never in
/// memory, nor is a gradient of `W`. Any [`Linear`](crate::Linear) layer and any
/// [`MultiheadAttention`](crate::MultiheadAttention) can be adapted.
///
/// ```
/// use autograd::{Device, Tensor};
/// use models::{Linear, Lora, LoraOptions, Params};
/// let params = Params::new(&Device::named("cpu")?, 0);
/// let layer = Linear::new(&params.path("fc"), 64, 32);
/// let x = Tensor::ones(params.device(), &[1, 64]);
/// let before = layer.forward(&x).to_vec::<f32>()?;
/// let lora = Lora::attach(&params, &["fc"], LoraOptions { rank: 2, alpha: 4.0, ..LoraOptions::default() });
/// assert_eq!(layer.forward(&x).to_vec::<f32>()?, before); // B is 0
/// assert_eq!((lora.count(), params.trainable().len()), (2 * 64 + 32 * 2, 2));
/// params.get("fc.lora_B.weight").unwrap().set(&Tensor::ones(params.device(), &[32, 2]));
/// let adapted = layer.forward(&x).to_vec::<f32>()?;
/// lora.merge()?;
/// let merged = layer.forward(&x).to_vec::<f32>()?;
/// assert!(before[0] != merged[0] && (adapted[0] - merged[0]).abs() < 1e-4 && params.names().len() == 2);
/// # Ok::<(), models::Error>(())
/// ```
#[doc(alias("peft", "get_peft_model", "LoraConfig"))]
pub struct Lora {
    params: Params,
    options: LoraOptions,
    /// The adapted weights, in the order of their creation.
    weights: Vec<Param>,
    /// The parameters that were trained before.
    frozen: Vec<Param>,
}

/// Rows of a weight that get an adapter.
pub(crate) struct Target {
    pub weight: Param,
    /// The adapter's parameters are under this name.
    pub name: String,
    pub start: usize,
    pub count: usize,
}

impl Target {
    /// All rows of a weight.
    fn whole(weight: Param) -> Target {
        let (name, count) = (layer(&weight).to_owned(), weight.value().shape()[0]);
        Target { weight, name, start: 0, count }
    }
}

/// Options of [`Lora`], with PEFT's defaults.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LoraOptions {
    /// Rank of the products.
    pub rank: usize,
    /// The products are scaled by `alpha / rank`.
    pub alpha: f32,
    /// The products are scaled by `alpha / sqrt(rank)` (Kalajdzievski 2023, "rsLoRA").
    pub rank_stabilized: bool,
}

impl Default for LoraOptions {
    fn default() -> LoraOptions {
        LoraOptions { rank: 8, alpha: 8.0, rank_stabilized: false }
    }
}

impl LoraOptions {
    /// What `B A` is multiplied with.
    pub fn scale(&self) -> f32 {
        let rank = self.rank as f32;
        self.alpha / if self.rank_stabilized { rank.sqrt() } else { rank }
    }
}

impl Lora {
    /// Adapts the layers whose names match a pattern, such as `"blocks.*.attn.qkv"`, and freezes all other parameters of the tree. `A` is
    /// drawn as PyTorch draws the weights of linear layers, `B` is 0. They are parameters of the tree, called `<layer>.lora_A.weight` and
    /// `<layer>.lora_B.weight`, so optimizers and checkpoints have them. A projection of queries, keys and values together, such as
    /// `"encoder.layers.*.self_attn.in_proj_weight"`, is named as the parameter, and is one layer.
    ///
    /// # Panics
    /// When the rank is 0, a pattern matches no layer that can be adapted, or a layer is adapted already.
    #[track_caller]
    pub fn attach(params: &Params, patterns: &[&str], options: LoraOptions) -> Lora {
        let layers: Vec<Param> = params.all().into_iter().filter(|p| p.adapters().is_some()).collect();
        let fits = |pattern: &str, weight: &Param| {
            [layer(weight), weight.name()].iter().any(|name| wildcard::matches(pattern, name))
        };
        for pattern in patterns {
            let any = layers.iter().any(|weight| fits(pattern, weight));
            assert!(any, "Lora: \"{pattern}\" matches no layer that can be adapted: {}", some(&layers));
        }
        let chosen = layers.into_iter().filter(|weight| patterns.iter().any(|pattern| fits(pattern, weight)));
        Lora::at(params, chosen.map(Target::whole).collect(), options)
    }

    /// Adapts rows of weights; those of a weight come one after the other, in order.
    #[track_caller]
    pub(crate) fn at(params: &Params, targets: Vec<Target>, options: LoraOptions) -> Lora {
        assert!(options.rank > 0, "Lora: rank 0");
        for Target { weight, .. } in &targets {
            let adapted = weight.adapters().is_some_and(|adapters| !adapters.is_empty());
            assert!(!adapted, "Lora: {} is adapted already", weight.name());
        }
        let frozen: Vec<Param> = params.trainable();
        frozen.iter().for_each(|param| param.set_trainable(false));
        let mut weights: Vec<Param> = vec![];
        for Target { weight, name, start, count } in targets {
            let inputs = weight.value().shape()[1];
            let root = params.root().path(&name);
            let a = root.path("lora_A").param("weight", &[options.rank, inputs], Init::ZEROS);
            // Also in a tree whose initial values are not drawn.
            let drawn = Init::torch_default().draw(&[options.rank, inputs], params.seed(), a.name());
            a.set(&Tensor::constant(params.device(), &drawn, &[options.rank, inputs]));
            let b = root.path("lora_B").param("weight", &[count, options.rank], Init::ZEROS);
            let mut adapters = weight.adapters().unwrap_or_default();
            adapters.push(Arc::new(LowRank { a, b, scale: options.scale(), start, count }));
            weight.set_adapters(adapters);
            if weights.last().is_none_or(|last| last.name() != weight.name()) {
                weights.push(weight);
            }
        }
        Lora { params: params.clone(), options, weights, frozen }
    }

    /// The options.
    pub fn options(&self) -> LoraOptions {
        self.options
    }

    /// The names of the adapted layers.
    pub fn layers(&self) -> Vec<&str> {
        self.weights.iter().map(layer).collect()
    }

    /// Number of values that are trained.
    pub fn count(&self) -> usize {
        self.adapters().map(|(_, adapter)| adapter.a.value().numel() + adapter.b.value().numel()).sum()
    }

    /// The adapted weights with their adapters.
    pub(crate) fn adapters(&self) -> impl Iterator<Item = (&Param, Arc<LowRank>)> {
        let of = |weight: &Param| weight.adapters().unwrap_or_default();
        self.weights
            .iter()
            .flat_map(move |weight| of(weight).into_iter().map(move |adapter| (weight, adapter)))
    }

    /// Adds `scale B A` to the weights and removes the adapters: the network computes the same as before to rounding, at its own cost.
    /// What was trained before [`attach`](Lora::attach) can be trained again.
    ///
    /// # Errors
    /// Whatever goes wrong on the device; nothing has changed then.
    #[doc(alias = "merge_and_unload")]
    pub fn merge(self) -> Result<()> {
        let merged: Vec<Tensor> = self.weights.iter().map(merged).collect();
        autograd::evaluate(&merged.iter().collect::<Vec<_>>())?;
        self.weights.iter().zip(&merged).for_each(|(weight, value)| weight.set(value));
        self.remove();
        Ok(())
    }

    /// Removes the adapters: the network is what it was before [`attach`](Lora::attach).
    #[doc(alias = "unload")]
    pub fn remove(self) {
        for (_, adapter) in self.adapters() {
            self.params.root().remove(&[adapter.a.name(), adapter.b.name()]);
        }
        self.weights.iter().for_each(|weight| weight.set_adapters(vec![]));
        self.frozen.iter().for_each(|param| param.set_trainable(true));
    }
}

/// A weight with what its adapters add.
fn merged(weight: &Param) -> Tensor {
    let (mut rows, mut at, old) = (vec![], 0, weight.value().detach());
    for adapter in weight.adapters().unwrap_or_default() {
        rows.push(old.narrow(0, at, adapter.start - at));
        rows.push(old.narrow(0, adapter.start, adapter.count) + adapter.product());
        at = adapter.start + adapter.count;
    }
    rows.push(old.narrow(0, at, old.shape()[0] - at));
    rows.retain(|part| part.numel() > 0);
    cat(&rows.iter().collect::<Vec<_>>(), 0)
}

/// The name of a weight's layer; the weight's own name if a layer has several.
pub(crate) fn layer(weight: &Param) -> &str {
    weight.name().strip_suffix(".weight").unwrap_or(weight.name())
}

/// Some names of layers, for a message.
fn some(layers: &[Param]) -> String {
    let names: Vec<&str> = layers.iter().take(8).map(layer).collect();
    names.join(", ") + if layers.len() > 8 { ", .." } else { "" }
}
