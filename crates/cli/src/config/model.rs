//! The networks of a configuration.

use anyhow::{Result, bail, ensure};
use autograd::Tensor;
use models::{
    CharRnn, CharRnnOptions, DenseNet, EfficientNet, EfficientNetOptions, Gpt, GptOptions, LeNet, Mlp,
    MnistCnn, MobileNetV2, Mode, Params, PreActResNet, ResNet, Sampler, Vgg, Vit, VitOptions, generate,
};
use serde::{Deserialize, Serialize};

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

/// Maps images `[N, C, H, W]` to logits `[N, classes]`.
pub type Network = Box<dyn Fn(&Tensor, Mode) -> Tensor>;

/// Builds a network for images `[C, H, W]` and a number of classes.
type Build = fn(&ModelConfig, [usize; 3], usize, &Params) -> Network;

/// A kind of network for images.
struct ImageModel {
    pub kind: &'static str,
    /// The number of input channels; `None` for any.
    channels: Option<usize>,
    /// The minimum side of an image.
    side: usize,
    /// Whether both sides must equal `side`.
    fixed: bool,
    build: Build,
}

const fn model(kind: &'static str, channels: Option<usize>, side: usize, build: Build) -> ImageModel {
    ImageModel { kind, channels, side, fixed: false, build }
}

const fn fixed(kind: &'static str, channels: Option<usize>, side: usize, build: Build) -> ImageModel {
    ImageModel { kind, channels, side, fixed: true, build }
}

fn resnet(net: ResNet, config: &ModelConfig) -> Network {
    let net = if config.recompute { net.recompute() } else { net };
    Box::new(move |x, mode| net.forward(x, mode))
}

macro_rules! resnets {
    ($make:ident, $depth:expr) => {
        |config, _, classes, params| resnet(ResNet::$make($depth, classes, params), config)
    };
}

/// All networks for images.
const IMAGE_MODELS: [ImageModel; 24] = [
    model("resnet20", Some(3), 8, resnets!(cifar, 20)),
    model("resnet32", Some(3), 8, resnets!(cifar, 32)),
    model("resnet44", Some(3), 8, resnets!(cifar, 44)),
    model("resnet56", Some(3), 8, resnets!(cifar, 56)),
    model("resnet110", Some(3), 8, resnets!(cifar, 110)),
    model("resnet18", Some(3), 8, resnets!(imagenet_on_cifar, 18)),
    model("resnet34", Some(3), 8, resnets!(imagenet_on_cifar, 34)),
    model("resnet50", Some(3), 8, resnets!(imagenet_on_cifar, 50)),
    model("resnet101", Some(3), 8, resnets!(imagenet_on_cifar, 101)),
    model("resnet152", Some(3), 8, resnets!(imagenet_on_cifar, 152)),
    model("resnet18-imagenet", Some(3), 32, resnets!(imagenet, 18)),
    model("resnet50-imagenet", Some(3), 32, resnets!(imagenet, 50)),
    model("preact-resnet20", Some(3), 8, |_, _, classes, params| {
        let net = PreActResNet::cifar(20, classes, params);
        Box::new(move |x, mode| net.forward(x, mode))
    }),
    model("vgg11", Some(3), 32, |_, _, classes, params| vgg(Vgg::cifar(11, classes, params))),
    model("vgg16", Some(3), 32, |_, _, classes, params| vgg(Vgg::cifar(16, classes, params))),
    model("densenet121", Some(3), 32, |_, _, classes, params| {
        let net = DenseNet::imagenet(121, classes, params);
        Box::new(move |x, mode| net.forward(x, mode))
    }),
    model("mobilenet-v2", Some(3), 32, |_, _, classes, params| {
        let net = MobileNetV2::new(classes, params);
        Box::new(move |x, mode| net.forward(x, mode))
    }),
    model("efficientnet-b0", Some(3), 32, |_, _, classes, params| {
        let net = EfficientNet::new(EfficientNetOptions::b(0, classes), params);
        Box::new(move |x, mode| net.forward(x, mode))
    }),
    model("vit", Some(3), 8, |config, [_, height, width], classes, params| {
        let width_of = config.width.unwrap_or(192);
        let options = VitOptions {
            width: width_of,
            heads: config.heads.unwrap_or(3),
            depth: config.depth.unwrap_or(6),
            dropout: config.dropout,
            ..VitOptions::new([height, width], config.patch.unwrap_or(4), classes)
        };
        let net = Vit::new(options, params);
        Box::new(move |x, mode| net.forward(x, mode))
    }),
    fixed("lenet", None, 28, |_, [channels, ..], classes, params| {
        let net = LeNet::new(channels, classes, params);
        Box::new(move |x, _| net.forward(x))
    }),
    fixed("mnist-cnn", Some(1), 28, |_, _, classes, params| {
        let net = MnistCnn::new(classes, params);
        Box::new(move |x, _| net.forward(x))
    }),
    model("mlp", None, 1, |config, shape, classes, params| {
        let hidden = vec![config.width.unwrap_or(256); config.depth.unwrap_or(2)];
        mlp(&hidden, shape, classes, params)
    }),
    model("linear", None, 1, |_, shape, classes, params| mlp(&[], shape, classes, params)),
    model("wide-resnet50", Some(3), 32, resnets!(wide, 50)),
];

fn vgg(net: Vgg) -> Network {
    Box::new(move |x, mode| net.forward(x, mode))
}

fn mlp(hidden: &[usize], shape: [usize; 3], classes: usize, params: &Params) -> Network {
    let sizes = [&[shape.iter().product()], hidden, &[classes]].concat();
    let net = Mlp::new(&sizes, params);
    Box::new(move |x, _| net.forward(&x.flatten(1, 3)))
}

/// Networks for texts.
const TEXT_MODELS: [&str; 4] = ["gpt", "lstm", "gru", "rnn"];

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
        Ok((model.build)(self, shape, classes, params))
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
                let net = Gpt::new(sizes, params);
                TextModel::Gpt(if self.recompute { net.recompute() } else { net })
            }
            "lstm" => TextModel::Rnn(CharRnn::lstm(sizes, params)),
            "gru" => TextModel::Rnn(CharRnn::gru(sizes, params)),
            "rnn" => TextModel::Rnn(CharRnn::rnn(sizes, params)),
            other => bail!("{}", unknown(other, "texts", &TEXT_MODELS)),
        })
    }
}

fn unknown(kind: &str, of: &str, known: &[&str]) -> String {
    let like = |name: &&&str| (1000.0 * strsim::normalized_damerau_levenshtein(kind, name)) as u32;
    let nearest = known.iter().max_by_key(like).map_or("", |name| name);
    format!("no model \"{kind}\" for {of}; did you mean \"{nearest}\"? There are {}", known.join(", "))
}

#[cfg(test)]
mod tests {
    use autograd::Device;

    use super::*;

    #[test]
    fn every_model_reads_images_of_its_smallest_side() {
        for model in &IMAGE_MODELS {
            let params = Params::new(&Device::named("cpu").unwrap(), 0);
            let config: ModelConfig = toml::from_str(&format!("kind = {:?}", model.kind)).unwrap();
            let shape = [model.channels.unwrap_or(1), model.side, model.side];
            let net = config.image(shape, 10, &params).unwrap();
            let images = Tensor::zeros(params.device(), &[&[2], &shape[..]].concat());
            for mode in [Mode::Train, Mode::Eval] {
                assert_eq!(net(&images, mode).shape(), [2, 10], "{}", model.kind);
            }
            let params = Params::new(params.device(), 0);
            let larger = config.image([shape[0], 4 * model.side, 5 * model.side], 10, &params);
            assert_eq!(larger.is_err(), model.fixed, "{}", model.kind);
        }
    }
}
