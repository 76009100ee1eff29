//! The networks. Parameters are made in the order in which all frameworks number them.

use wgrad::autograd::lstm;
use wgrad::prelude::*;

pub trait Network {
    /// Logits `[rows, classes]`.
    fn logits(&self, x: &Tensor) -> Tensor;
}

/// 784-256-128-10 with ReLU.
pub struct Mlp {
    layers: [Linear; 3],
}

impl Mlp {
    pub const INPUTS: usize = 784;

    pub fn new(params: &Params) -> Mlp {
        let sizes = [Mlp::INPUTS, 256, 128, 10];
        let layer = |i: usize| Linear::new(&params.path(format!("fc{i}")), sizes[i], sizes[i + 1]);
        Mlp { layers: [0, 1, 2].map(layer) }
    }
}

impl Network for Mlp {
    fn logits(&self, x: &Tensor) -> Tensor {
        let [a, b, c] = &self.layers;
        c.forward(&b.forward(&a.forward(x).relu()).relu())
    }
}

/// A convolution with batch norm.
struct ConvNorm(Conv2d, BatchNorm2d);

impl ConvNorm {
    fn new(inputs: usize, outputs: usize, kernel: usize, stride: usize, params: &Params) -> ConvNorm {
        let conv = Conv2d::new(inputs, outputs, kernel).stride(stride).padding(kernel / 2).no_bias();
        ConvNorm(conv.build(&params.path("conv")), BatchNorm2d::new(&params.path("bn"), outputs))
    }

    fn forward(&self, x: &Tensor) -> Tensor {
        self.1.forward(&self.0.forward(x), Mode::Train)
    }
}

/// A residual network of basic blocks for small images, whose shortcuts are 1x1 convolutions where the shape changes (He et
/// al. 2015, option B).
pub struct Residual {
    stem: ConvNorm,
    blocks: Vec<Block>,
    head: Linear,
}

struct Block {
    a: ConvNorm,
    b: ConvNorm,
    shortcut: Option<ConvNorm>,
}

impl Residual {
    /// `blocks` blocks in each stage of `stages` channels.
    pub fn new(stages: &[usize], blocks: usize, params: &Params) -> Residual {
        let mut inputs = stages[0];
        let stem = ConvNorm::new(3, inputs, 3, 1, &params.path("stem"));
        let mut all = vec![];
        for (s, &width) in stages.iter().enumerate() {
            for b in 0..blocks {
                let stride = if s > 0 && b == 0 { 2 } else { 1 };
                let path = params.path(format!("block{}", all.len()));
                all.push(Block {
                    a: ConvNorm::new(inputs, width, 3, stride, &path.path("a")),
                    b: ConvNorm::new(width, width, 3, 1, &path.path("b")),
                    shortcut: (stride != 1)
                        .then(|| ConvNorm::new(inputs, width, 1, stride, &path.path("short"))),
                });
                inputs = width;
            }
        }
        Residual { stem, blocks: all, head: Linear::new(&params.path("head"), inputs, 10) }
    }
}

impl Network for Residual {
    fn logits(&self, x: &Tensor) -> Tensor {
        let mut x = self.stem.forward(x).relu();
        for Block { a, b, shortcut } in &self.blocks {
            let y = b.forward(&a.forward(&x).relu());
            let x_in = shortcut.as_ref().map_or_else(|| x.clone(), |s| s.forward(&x));
            x = (y + x_in).relu();
        }
        self.head.forward(&x.mean(&[2, 3], false))
    }
}

/// An LSTM over `[N, 64, 64]` with a linear head at every step.
pub struct Lstm {
    input: Param,
    hidden: Param,
    bias: Param,
    head: Linear,
}

impl Lstm {
    pub const INPUTS: usize = 64;
    pub const HIDDEN: usize = 256;
    pub const STEPS: usize = 64;
    pub const CLASSES: usize = 65;

    pub fn new(params: &Params) -> Lstm {
        let gates = 4 * Lstm::HIDDEN;
        Lstm {
            input: params.param("w_ih", &[gates, Lstm::INPUTS], Init::ZEROS),
            hidden: params.param("w_hh", &[gates, Lstm::HIDDEN], Init::ZEROS),
            bias: params.param("bias", &[gates], Init::ZEROS),
            head: Linear::new(&params.path("head"), Lstm::HIDDEN, Lstm::CLASSES),
        }
    }

    /// Hidden states `[N, steps, hidden]`.
    fn states(&self, x: &Tensor) -> Tensor {
        let zeros = Tensor::zeros(x.device(), &[x.shape()[0], Lstm::HIDDEN]);
        let (w_ih, w_hh, bias) = (self.input.value(), self.hidden.value(), self.bias.value());
        lstm(&x.transpose(0, 1), &zeros, &zeros, &w_ih, &w_hh, Some(&bias), None).y.transpose(0, 1)
    }
}

impl Network for Lstm {
    fn logits(&self, x: &Tensor) -> Tensor {
        self.head.forward(&self.states(x)).flatten(0, 1)
    }
}

/// A pre-norm transformer decoder over tokens `[N, 128]`.
pub struct Gpt {
    tokens: Param,
    positions: Param,
    layers: Vec<Layer>,
    norm: Norm,
    head: Param,
}

impl Gpt {
    pub const CONTEXT: usize = 128;
    pub const VOCABULARY: usize = 65;
    const WIDTH: usize = 128;
    const HEADS: usize = 4;

    pub fn new(params: &Params) -> Gpt {
        let width = Gpt::WIDTH;
        Gpt {
            tokens: params.param("tok", &[Gpt::VOCABULARY, width], Init::ZEROS),
            positions: params.param("pos", &[Gpt::CONTEXT, width], Init::ZEROS),
            layers: (0..4).map(|i| Layer::new(width, &params.path(format!("l{i}")))).collect(),
            norm: Norm::new(width, &params.path("ln")),
            head: params.param("head", &[Gpt::VOCABULARY, width], Init::ZEROS),
        }
    }
}

impl Network for Gpt {
    fn logits(&self, x: &Tensor) -> Tensor {
        let x = self.tokens.value().embedding(x) + self.positions.value();
        let x = self.layers.iter().fold(x, |x, layer| layer.forward(&x));
        self.norm.forward(&x).linear(&self.head.value(), None).flatten(0, 1)
    }
}

struct Norm {
    weight: Param,
    bias: Param,
}

impl Norm {
    fn new(width: usize, params: &Params) -> Norm {
        Norm {
            weight: params.param("weight", &[width], Init::ONES),
            bias: params.param("bias", &[width], Init::ZEROS),
        }
    }

    fn forward(&self, x: &Tensor) -> Tensor {
        x.layer_norm(&self.weight.value(), &self.bias.value(), 1e-5)
    }
}

struct Layer {
    norm1: Norm,
    qkv: Linear,
    out: Linear,
    norm2: Norm,
    up: Linear,
    down: Linear,
}

impl Layer {
    fn new(width: usize, params: &Params) -> Layer {
        Layer {
            norm1: Norm::new(width, &params.path("ln1")),
            qkv: Linear::new(&params.path("qkv"), width, 3 * width),
            out: Linear::new(&params.path("out"), width, width),
            norm2: Norm::new(width, &params.path("ln2")),
            up: Linear::new(&params.path("up"), width, 4 * width),
            down: Linear::new(&params.path("down"), 4 * width, width),
        }
    }

    fn forward(&self, x: &Tensor) -> Tensor {
        let x = x + self.out.forward(&attention(&self.qkv.forward(&self.norm1.forward(x))));
        &x + self.down.forward(&self.up.forward(&self.norm2.forward(&x)).gelu_tanh())
    }
}

/// Causal self-attention: from queries, keys and values `[N, T, 3 * width]` to `[N, T, width]`.
fn attention(qkv: &Tensor) -> Tensor {
    let (batch, steps, heads) = (qkv.shape()[0], qkv.shape()[1], Gpt::HEADS);
    let size = Gpt::WIDTH / heads;
    let [q, k, v] = [0, 1, 2].map(|i| {
        let part = qkv.narrow(-1, i * Gpt::WIDTH, Gpt::WIDTH);
        part.reshape(&[batch, steps, heads, size]).transpose(1, 2)
    });
    let y = q.scaled_dot_product_attention(&k, &v, None, true, None);
    y.transpose(1, 2).reshape(&[batch, steps, Gpt::WIDTH])
}
