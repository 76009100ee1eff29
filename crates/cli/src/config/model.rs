//! The networks of a configuration.

use anyhow::{Result, bail, ensure};
use autograd::Tensor;
use models::{
    CharRnn, CharRnnOptions, CifarCnn, DenseNet, EfficientNet, EfficientNetOptions, Gpt, GptOptions, LeNet,
    Mlp, MnistCnn, MobileNetV2, Mode, Module, Params, PreActResNet, ResNet, Sampler, Vgg, Vit, VitOptions,
    generate,
};
use serde::{Deserialize, Serialize};

use super::keys::Keys;

/// `[model]`: a kind, and its sizes, if it has any.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelConfig {
    pub kind: String,
    /// Width of transformers, recurrent networks and hidden layers.
    pub width: Option<usize>,
    /// Number of transformer blocks, recurrent layers or hidden layers.
    pub depth: Option<usize>,
    /// Attention heads.
    pub heads: Option<usize>,
    /// Side of the patches of a vision transformer.
    pub patch: Option<usize>,
    #[serde(default)]
    pub dropout: f32,
    /// Recomputes activations in the backward pass instead of keeping them (ResNets and GPT).
    #[serde(default)]
    pub recompute: bool,
}

/// Maps images `[N, C, H, W]` or rows `[N, F]` to outputs `[N, K]`, such as logits.
pub type Network = Box<dyn Module>;

/// Builds a network for images `[C, H, W]` and a number of classes.
type Build = fn(&Params, &ModelConfig, [usize; 3], usize) -> Network;

/// A kind of network for images.
struct ImageModel {
    pub kind: &'static str,
    /// The number of input channels; `None` for any.
    channels: Option<usize>,
    /// The minimum side of an image.
    side: usize,
    /// Whether both sides must equal `side`.
    fixed: bool,
    /// The keys of `[model]` beside `kind` that `build` uses.
    keys: Keys,
    build: Build,
}

const fn model(
    kind: &'static str,
    channels: Option<usize>,
    side: usize,
    keys: Keys,
    build: Build,
) -> ImageModel {
    ImageModel { kind, channels, side, fixed: false, keys, build }
}

const fn fixed(
    kind: &'static str,
    channels: Option<usize>,
    side: usize,
    keys: Keys,
    build: Build,
) -> ImageModel {
    ImageModel { kind, channels, side, fixed: true, keys, build }
}

const RESNET: Keys = &["recompute"];
const VIT: Keys = &["width", "depth", "heads", "patch", "dropout"];
const MLP: Keys = &["width", "depth"];
const GPT: Keys = &["width", "depth", "heads", "dropout", "recompute"];
const RECURRENT: Keys = &["width", "depth"];

fn resnet(net: ResNet, config: &ModelConfig) -> Network {
    Box::new(if config.recompute { net.recompute() } else { net })
}

macro_rules! resnets {
    ($make:ident, $depth:expr) => {
        |params, config, _, classes| resnet(ResNet::$make(params, $depth, classes), config)
    };
}

/// All networks for images.
const IMAGE_MODELS: [ImageModel; 25] = [
    model("resnet20", Some(3), 8, RESNET, resnets!(cifar, 20)),
    model("resnet32", Some(3), 8, RESNET, resnets!(cifar, 32)),
    model("resnet44", Some(3), 8, RESNET, resnets!(cifar, 44)),
    model("resnet56", Some(3), 8, RESNET, resnets!(cifar, 56)),
    model("resnet110", Some(3), 8, RESNET, resnets!(cifar, 110)),
    model("resnet18", Some(3), 8, RESNET, resnets!(imagenet_on_cifar, 18)),
    model("resnet34", Some(3), 8, RESNET, resnets!(imagenet_on_cifar, 34)),
    model("resnet50", Some(3), 8, RESNET, resnets!(imagenet_on_cifar, 50)),
    model("resnet101", Some(3), 8, RESNET, resnets!(imagenet_on_cifar, 101)),
    model("resnet152", Some(3), 8, RESNET, resnets!(imagenet_on_cifar, 152)),
    model("resnet18-imagenet", Some(3), 32, RESNET, resnets!(imagenet, 18)),
    model("resnet50-imagenet", Some(3), 32, RESNET, resnets!(imagenet, 50)),
    model("preact-resnet20", Some(3), 8, &[], |params, _, _, classes| {
        Box::new(PreActResNet::cifar(params, 20, classes))
    }),
    model("vgg11", Some(3), 32, &[], |params, _, _, classes| Box::new(Vgg::cifar(params, 11, classes))),
    model("vgg16", Some(3), 32, &[], |params, _, _, classes| Box::new(Vgg::cifar(params, 16, classes))),
    model("densenet121", Some(3), 32, &[], |params, _, _, classes| {
        Box::new(DenseNet::imagenet(params, 121, classes))
    }),
    model("mobilenet-v2", Some(3), 32, &[], |params, _, _, classes| {
        Box::new(MobileNetV2::new(params, classes))
    }),
    model("efficientnet-b0", Some(3), 32, &[], |params, _, _, classes| {
        Box::new(EfficientNet::new(params, EfficientNetOptions::b(0, classes)))
    }),
    model("vit", Some(3), 8, VIT, |params, config, [_, height, width], classes| {
        let width_of = config.width.unwrap_or(192);
        let options = VitOptions {
            width: width_of,
            heads: config.heads.unwrap_or(3),
            depth: config.depth.unwrap_or(6),
            dropout: config.dropout,
            ..VitOptions::new([height, width], config.patch.unwrap_or(4), classes)
        };
        Box::new(Vit::new(params, options))
    }),
    fixed("lenet", None, 28, &[], |params, _, [channels, ..], classes| {
        Box::new(LeNet::new(params, channels, classes))
    }),
    fixed("cifar-cnn", Some(3), 32, &[], |params, _, _, classes| Box::new(CifarCnn::new(params, classes))),
    fixed("mnist-cnn", Some(1), 28, &[], |params, _, _, classes| Box::new(MnistCnn::new(params, classes))),
    model("mlp", None, 1, MLP, |params, config, shape, classes| {
        let hidden = vec![config.width.unwrap_or(256); config.depth.unwrap_or(2)];
        mlp(params, &hidden, shape, classes)
    }),
    model("linear", None, 1, &[], |params, _, shape, classes| mlp(params, &[], shape, classes)),
    model("wide-resnet50", Some(3), 32, RESNET, resnets!(wide, 50)),
];

fn mlp(params: &Params, hidden: &[usize], shape: [usize; 3], classes: usize) -> Network {
    let sizes = [&[shape.iter().product()], hidden, &[classes]].concat();
    let net = Mlp::new(params, &sizes);
    Box::new(move |x: &Tensor| net.forward(&x.flatten(1, -1)))
}

/// Networks for texts, with the keys of `[model]` beside `kind` that each uses.
const TEXT_MODELS: [(&str, Keys); 4] =
    [("gpt", GPT), ("lstm", RECURRENT), ("gru", RECURRENT), ("rnn", RECURRENT)];

/// Networks for tables, which are among the [`IMAGE_MODELS`].
const TABLE_MODELS: [&str; 2] = ["mlp", "linear"];

/// A language model.
pub enum TextModel {
    Gpt(Gpt),
    Rnn(CharRnn),
}

impl TextModel {
    /// Logits `[N, T, vocab]` of the tokens that follow tokens `[N, T]`.
    pub fn logits(&self, tokens: &Tensor, mode: Mode) -> Tensor {
        match self {
            TextModel::Gpt(net) => net.forward(tokens, mode),
            TextModel::Rnn(net) => net.forward(tokens, None).0,
        }
    }

    pub fn generate(
        &self,
        prompt: &[i32],
        count: usize,
        sampler: &mut Sampler,
    ) -> autograd::Result<Vec<i32>> {
        match self {
            TextModel::Gpt(net) => generate(net, prompt, count, sampler),
            TextModel::Rnn(net) => generate(net, prompt, count, sampler),
        }
    }
}

impl ModelConfig {
    /// The network for images `[C, H, W]` of `classes` classes.
    pub fn image(&self, shape: [usize; 3], classes: usize, params: &Params) -> Result<Network> {
        let Some(model) = IMAGE_MODELS.iter().find(|m| m.kind == self.kind) else {
            let kinds: Vec<&str> = IMAGE_MODELS.iter().map(|m| m.kind).collect();
            bail!("{}", unknown(&self.kind, "images", &kinds));
        };
        let [channels, height, width] = shape;
        if let Some(wanted) = model.channels {
            ensure!(
                channels == wanted,
                "{} reads images of {wanted} channels, these have {channels}",
                self.kind
            );
        }
        let side = height.min(width);
        ensure!(
            side >= model.side,
            "{} needs images of at least {}x{}, these have {height}x{width}",
            self.kind,
            model.side,
            model.side
        );
        ensure!(
            !model.fixed || (height, width) == (model.side, model.side),
            "{} reads images of {side}x{side}, these have {height}x{width}",
            self.kind,
            side = model.side
        );
        let (heads, patch) = (self.heads.unwrap_or(3), self.patch.unwrap_or(4));
        if self.kind == "vit" {
            ensure!(
                patch > 0 && height % patch == 0 && width % patch == 0,
                "patches of {patch} don't fill {height}x{width}"
            );
            ensure!(
                heads > 0 && self.width.unwrap_or(192).is_multiple_of(heads),
                "the width can't be divided among {heads} heads"
            );
        }
        ensure!(self.width != Some(0), "a width of 0 is none");
        Ok((model.build)(params, self, shape, classes))
    }

    /// The network for texts of `vocab` different tokens in windows of `context` tokens.
    pub fn text(&self, vocab: usize, context: usize, params: &Params) -> Result<TextModel> {
        let recurrent = self.kind != "gpt";
        let width = self.width.unwrap_or(if recurrent { 256 } else { 128 });
        let (depth, heads) = (self.depth.unwrap_or(if recurrent { 1 } else { 4 }), self.heads.unwrap_or(4));
        ensure!(width > 0 && depth > 0, "a network of width {width} and depth {depth} is none");
        let sizes = CharRnnOptions { vocab, embed: width.div_ceil(4), hidden: width, layers: depth };
        Ok(match self.kind.as_str() {
            "gpt" => {
                ensure!(
                    heads > 0 && width.is_multiple_of(heads),
                    "a width of {width} can't be divided among {heads} heads"
                );
                let sizes = GptOptions { vocab, context, width, heads, depth, dropout: self.dropout };
                let net = Gpt::new(params, sizes);
                TextModel::Gpt(if self.recompute { net.recompute() } else { net })
            }
            "lstm" => TextModel::Rnn(CharRnn::lstm(params, sizes)),
            "gru" => TextModel::Rnn(CharRnn::gru(params, sizes)),
            "rnn" => TextModel::Rnn(CharRnn::rnn(params, sizes)),
            other => bail!("{}", unknown(other, "texts", &TEXT_MODELS.map(|(kind, _)| kind))),
        })
    }

    /// The network for rows of `features` numbers, with `outputs` outputs.
    pub fn table(&self, features: usize, outputs: usize, params: &Params) -> Result<Network> {
        if !TABLE_MODELS.contains(&self.kind.as_str()) {
            bail!("{}", unknown(&self.kind, "tables", &TABLE_MODELS));
        }
        self.image([1, 1, features], outputs, params)
    }

    /// The keys beside `kind` that the network uses; `None` for an unknown kind.
    pub fn keys(&self) -> Option<Keys> {
        let image = IMAGE_MODELS.iter().map(|model| (model.kind, model.keys));
        image.chain(TEXT_MODELS).find(|(kind, _)| *kind == self.kind).map(|(_, keys)| keys)
    }
}

fn unknown(kind: &str, of: &str, known: &[&str]) -> String {
    let like = |name: &&&str| (1000.0 * strsim::normalized_damerau_levenshtein(kind, name)) as u32;
    let nearest = known.iter().max_by_key(like).map_or("", |name| name);
    format!("no model \"{kind}\" for {of}; did you mean \"{nearest}\"? There are {}", known.join(", "))
}

#[cfg(test)]
pub(super) mod tests {
    use autograd::Device;

    use super::*;

    /// The names of all kinds.
    pub fn kinds() -> Vec<&'static str> {
        let image = IMAGE_MODELS.iter().map(|model| model.kind);
        image.chain(TEXT_MODELS.map(|(kind, _)| kind)).collect()
    }

    #[test]
    fn every_model_reads_images_of_its_smallest_side() {
        for model in &IMAGE_MODELS {
            let params = Params::new(&Device::named("cpu").unwrap(), 0);
            let config: ModelConfig = toml::from_str(&format!("kind = {:?}", model.kind)).unwrap();
            let shape = [model.channels.unwrap_or(1), model.side, model.side];
            let net = config.image(shape, 10, &params).unwrap();
            let images = Tensor::zeros(params.device(), &[&[2], &shape[..]].concat());
            for mode in [Mode::Train, Mode::Eval] {
                assert_eq!(net.forward(&images, mode).shape(), [2, 10], "{}", model.kind);
            }
            let params = Params::new(params.device(), 0);
            let larger = config.image([shape[0], 4 * model.side, 5 * model.side], 10, &params);
            assert_eq!(larger.is_err(), model.fixed, "{}", model.kind);
        }
    }
}
