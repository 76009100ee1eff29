//! Networks at the sizes of the benchmarks, with made-up data, for `wgrad shaders` and `wgrad bench`.

use anyhow::{Result, bail, ensure};
use autograd::{Device, Half, Tensor, autocast};
use models::{
    Adam, AdamW, CharRnn, CharRnnOptions, Gpt, GptOptions, Mlp, Mode, Optimize, Params, ResNet, Sgd,
};

/// Some of the valid names; residual networks have other depths, too.
pub const NAMES: &str = "mlp, resnet20, resnet18, resnet50, lstm, gpt-mini, gpt-2";

/// A network that is trained on one batch.
pub struct Training {
    optimizer: Box<dyn Optimize>,
    loss: Box<dyn Fn() -> Tensor>,
    /// Examples or tokens per step.
    pub items: usize,
}

impl Training {
    /// The network called `name`.
    ///
    /// # Errors
    /// An unknown name, or too little memory.
    pub fn new(name: &str, device: &Device) -> Result<Training> {
        let params = Params::new(device, 0);
        if let Some(depth) = name.strip_prefix("resnet").and_then(|depth| depth.parse().ok()) {
            return of_images(depth, &params);
        }
        Ok(match name {
            "mlp" => {
                let net = Mlp::new(&params, &[784, 256, 128, 10]);
                let (x, classes) = (noise(device, &[128, 784])?, numbers(device, &[128], 10)?);
                let loss = move || net.forward(&x).cross_entropy(&classes);
                Training { optimizer: Box::new(Adam::new(&params)), loss: Box::new(loss), items: 128 }
            }
            "lstm" => {
                let options = CharRnnOptions { vocab: 65, embed: 64, hidden: 256, layers: 2 };
                let net = CharRnn::lstm(&params, options);
                of_text(&params, [16, 128], 65, move |tokens| net.forward(tokens, None).0)?
            }
            "gpt-mini" | "gpt-2" => {
                let small = name == "gpt-mini";
                let [batch, context, vocab, width, heads, depth] =
                    if small { [16, 128, 65, 128, 4, 4] } else { [8, 1024, 50257, 768, 12, 12] };
                let net = Gpt::new(&params, GptOptions { vocab, context, width, heads, depth, dropout: 0.0 });
                of_text(&params, [batch, context], vocab, move |tokens| net.forward(tokens, Mode::Train))?
            }
            _ => bail!("there is no network {name}, but {NAMES}"),
        })
    }

    /// The network with its forward pass in mixed precision, if `half` is given.
    pub fn mixed(self, half: Option<Half>) -> Training {
        let loss = self.loss;
        Training { loss: Box::new(move || autocast(half, &loss)), ..self }
    }

    /// Takes a step, and returns its loss.
    ///
    /// # Errors
    /// Whatever goes wrong on the device.
    pub fn step(&mut self) -> Result<f32> {
        let loss = (self.loss)();
        self.optimizer.step(loss.backward(), 0.001)?;
        Ok(loss.item()?)
    }
}

/// A residual network on 224 x 224 pixels for depths 18, 34, 50, 101 and 152, and on small images for depths of 6 n + 2.
fn of_images(depth: usize, params: &Params) -> Result<Training> {
    let large = [18, 34, 50, 101, 152].contains(&depth);
    let known = large || depth > 2 && depth % 6 == 2;
    ensure!(
        known,
        "there is no residual network of depth {depth}, but resnet20, resnet32, .., and resnet18 to resnet152"
    );
    let [batch, side, count] = if large { [32, 224, 1000] } else { [128, 32, 10] };
    let net =
        if large { ResNet::imagenet(params, depth, count) } else { ResNet::cifar(params, depth, count) };
    let device = params.device();
    let (images, classes) = (noise(device, &[batch, 3, side, side])?, numbers(device, &[batch], count)?);
    let loss = move || net.forward(&images, Mode::Train).cross_entropy(&classes);
    let optimizer = Sgd::new(params).momentum(0.9).weight_decay(1e-4);
    Ok(Training { optimizer: Box::new(optimizer), loss: Box::new(loss), items: batch })
}

fn of_text(
    params: &Params,
    shape: [usize; 2],
    vocab: usize,
    net: impl Fn(&Tensor) -> Tensor + 'static,
) -> Result<Training> {
    let (tokens, next) = (numbers(params.device(), &shape, vocab)?, numbers(params.device(), &shape, vocab)?);
    let loss = move || net(&tokens).flatten(0, 1).cross_entropy(&next.flatten(0, 1));
    let items = shape.iter().product();
    Ok(Training { optimizer: Box::new(AdamW::new(params)), loss: Box::new(loss), items })
}

/// Pseudo-random words, the same at every call.
pub fn words(count: usize) -> impl Iterator<Item = u32> {
    let mut state = 1u32;
    std::iter::repeat_with(move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state >> 8
    })
    .take(count)
}

/// Floats between -1 and 1.
fn noise(device: &Device, shape: &[usize]) -> Result<Tensor> {
    let values: Vec<f32> = words(shape.iter().product()).map(|w| w as f32 / (1 << 23) as f32 - 1.0).collect();
    Ok(Tensor::from_slice(device, &values, shape)?)
}

/// Whole numbers below `end`.
fn numbers(device: &Device, shape: &[usize], end: usize) -> Result<Tensor> {
    let values: Vec<i32> = words(shape.iter().product()).map(|w| (w as usize % end) as i32).collect();
    Ok(Tensor::from_slice(device, &values, shape)?)
}
