//! Layers without memory, convolutions, normalisations and dropout.

use autograd::{Padding, Reduction, Tensor};
use models::{
    AlphaDropout, BatchNorm1d, BatchNorm2d, BatchNorm3d, BatchRenorm, BlurPool, Conv1d, Conv2d, Conv3d,
    ConvTranspose1d, ConvTranspose2d, Crf, DropConnect, DropPath, Dropout, Dropout2d, Embedding,
    GhostBatchNorm, GroupNorm, Init, InstanceNorm, LayerNorm, Linear, LowRankLinear, Mode, PRelu, RmsNorm,
    SeparableConv2d, Sequential, SpectralNorm, SqueezeExcite, VariationalDropout, WeightNorm,
};

use super::{Case, check_all, layer};
use crate::check::{any, between, distinct, signed};

fn ints(values: &[i32], shape: &[usize], beside: &Tensor) -> Tensor {
    Tensor::constant(beside.device(), values, shape)
}

fn weights() -> Vec<Case> {
    vec![
        ("Linear", vec![any(&[2, 3])], |p| {
            let l = Linear::new(p, 3, 2);
            layer(move |x| l.forward(&x[0]))
        }),
        ("LowRankLinear", vec![any(&[2, 3])], |p| {
            let l = LowRankLinear::new(p, 3, 2, 2);
            layer(move |x| l.forward(&x[0]))
        }),
        ("Embedding", vec![], |p| {
            let (l, index) = (Embedding::new(p, 4, 2), Tensor::constant(p.device(), &[3i32, 1, 3], &[3]));
            layer(move |_| l.forward(&index).square())
        }),
        ("PRelu", vec![signed(0.2, 1.0, &[2, 3])], |p| {
            let l = PRelu::new(p, 3);
            layer(move |x| l.forward(&x[0]))
        }),
        ("WeightNorm", vec![any(&[2, 4])], |p| {
            let l = WeightNorm::new(p, &[3, 4], Init::torch_default());
            layer(move |x| x[0].linear(&l.value(), None))
        }),
        // A training step updates the singular vectors from the weight without a gradient.
        ("SpectralNorm", vec![any(&[2, 4])], |p| {
            let l = SpectralNorm::new(p, &[3, 4], Init::ONES);
            layer(move |x| x[0].linear(&l.forward(Mode::Eval), None))
        }),
        ("Crf", vec![any(&[3, 2, 2])], |p| {
            let l = Crf::new(p, 2);
            layer(move |x| {
                let (tags, lengths) = (ints(&[0, 1, 1, 1, 0, 9], &[3, 2], &x[0]), ints(&[3, 2], &[2], &x[0]));
                l.nll_loss(&x[0], &tags, &lengths, Reduction::None)
            })
        }),
    ]
}

fn convolutions() -> Vec<Case> {
    vec![
        ("Conv1d", vec![any(&[2, 2, 5])], |p| {
            let l = Conv1d::new(p, 2, 2, 3).padding(1).padding_mode(Padding::Replicate).build();
            layer(move |x| l.forward(&x[0]))
        }),
        ("Conv2d", vec![any(&[1, 2, 4, 3])], |p| {
            let l = Conv2d::new(p, 2, 4, [3, 2]).stride([2, 1]).padding([1, 0]).groups(2).build();
            layer(move |x| l.forward(&x[0]))
        }),
        ("Conv2d, same size", vec![any(&[1, 1, 4, 3])], |p| {
            let l = Conv2d::new(p, 1, 2, 2).padding_same().padding_mode(Padding::Circular).build();
            layer(move |x| l.forward(&x[0]))
        }),
        ("Conv3d", vec![any(&[1, 1, 3, 2, 3])], |p| {
            let l = Conv3d::new(p, 1, 2, 2).dilation([2, 1, 1]).build();
            layer(move |x| l.forward(&x[0]))
        }),
        ("ConvTranspose1d", vec![any(&[1, 2, 3])], |p| {
            let l = ConvTranspose1d::new(p, 2, 2, 3).stride(2).padding(1).output_padding(1).build();
            layer(move |x| l.forward(&x[0]))
        }),
        ("ConvTranspose2d", vec![any(&[1, 2, 2, 3])], |p| {
            let l = ConvTranspose2d::new(p, 2, 4, 2).groups(2).dilation([2, 1]).build();
            layer(move |x| l.forward(&x[0]))
        }),
        ("SeparableConv2d", vec![any(&[1, 2, 3, 4])], |p| {
            let l = SeparableConv2d::new(p, 2, 3, 3, |conv| conv.padding(1));
            layer(move |x| l.forward(&x[0]))
        }),
        ("Sequential", vec![any(&[2, 3])], |p| {
            let l = Sequential::new(p);
            let l = l.layer(|p| Linear::new(p, 3, 2)).function(Tensor::tanh).layer(|p| Linear::new(p, 2, 2));
            layer(move |x| l.forward(&x[0], Mode::Train))
        }),
        ("SqueezeExcite", vec![between(0.3, 1.0, &[2, 2, 1, 2])], |p| {
            let l = SqueezeExcite::new(p, 2, 2);
            layer(move |x| l.forward(&x[0]))
        }),
        ("BlurPool", vec![any(&[1, 2, 4, 3])], |_| {
            let l = BlurPool::new(3, 2);
            layer(move |x| l.forward(&x[0].square()))
        }),
    ]
}

fn normalisations() -> Vec<Case> {
    vec![
        ("BatchNorm1d", vec![distinct(&[4, 2])], |p| {
            let l = BatchNorm1d::new(p, 2).eps(1e-2);
            layer(move |x| l.forward(&x[0], Mode::Train))
        }),
        ("BatchNorm2d", vec![distinct(&[2, 2, 2, 2])], |p| {
            let l = BatchNorm2d::new(p, 2).eps(1e-2);
            layer(move |x| l.forward(&x[0], Mode::Train))
        }),
        ("BatchNorm2d, evaluation", vec![any(&[2, 2, 1, 2])], |p| {
            let l = BatchNorm2d::new(p, 2);
            layer(move |x| l.forward(&x[0], Mode::Eval))
        }),
        ("BatchNorm3d", vec![distinct(&[1, 2, 2, 2, 1])], |p| {
            let l = BatchNorm3d::new(p, 2).eps(1e-2);
            layer(move |x| l.forward(&x[0], Mode::Train))
        }),
        // With these limits the correction, which has no gradient, has no effect.
        ("BatchRenorm", vec![distinct(&[4, 2])], |p| {
            let l = BatchRenorm::<1>::new(p, 2);
            layer(move |x| l.forward(&x[0], 1.0, 0.0, Mode::Train))
        }),
        ("GhostBatchNorm", vec![distinct(&[6, 2])], |p| {
            let l = GhostBatchNorm::<1>::new(p, 2, 3);
            layer(move |x| l.forward(&x[0], Mode::Train))
        }),
        ("GroupNorm", vec![distinct(&[2, 4, 2])], |p| {
            let l = GroupNorm::new(p, 2, 4);
            layer(move |x| l.forward(&x[0]))
        }),
        ("InstanceNorm", vec![distinct(&[2, 2, 3])], |p| {
            let l = InstanceNorm::affine(p, 2);
            layer(move |x| l.forward(&x[0]))
        }),
        ("LayerNorm", vec![distinct(&[2, 4])], |p| {
            let l = LayerNorm::new(p, 4).eps(1e-2);
            layer(move |x| l.forward(&x[0]))
        }),
        ("LayerNorm, no bias", vec![distinct(&[2, 4])], |p| {
            let l = LayerNorm::no_bias(p, 4);
            layer(move |x| l.forward(&x[0]))
        }),
        ("RmsNorm", vec![signed(0.5, 1.0, &[2, 4])], |p| {
            let l = RmsNorm::new(p, 4);
            layer(move |x| l.forward(&x[0]))
        }),
    ]
}

/// Squares make the second derivative non-zero.
fn dropout() -> Vec<Case> {
    vec![
        ("AlphaDropout", vec![any(&[3, 4])], |p| {
            let l = AlphaDropout::new(p, 0.4);
            layer(move |x| l.forward(&x[0].square(), Mode::Train))
        }),
        ("DropConnect", vec![any(&[2, 3])], |p| {
            let l = DropConnect::new(p, 3, 2, 0.4);
            layer(move |x| l.forward(&x[0], Mode::Train))
        }),
        ("DropPath", vec![any(&[6, 2])], |p| {
            let l = DropPath::new(p, 0.4);
            layer(move |x| l.forward(&x[0].square(), Mode::Train))
        }),
        ("Dropout", vec![any(&[3, 4])], |p| {
            let l = Dropout::new(p, 0.4);
            layer(move |x| l.forward(&x[0].square(), Mode::Sample))
        }),
        ("Dropout2d", vec![any(&[2, 3, 2])], |p| {
            let l = Dropout2d::new(p, 0.4);
            layer(move |x| l.forward(&x[0].square(), Mode::Train))
        }),
        ("VariationalDropout", vec![any(&[1, 2, 6])], |p| {
            let l = VariationalDropout::new(p, 0.4);
            layer(move |x| l.forward(&x[0].square(), Mode::Train))
        }),
    ]
}

pub fn cases() -> Vec<Case> {
    [weights(), convolutions(), normalisations(), dropout()].into_iter().flatten().collect()
}

#[test]
fn gradients() {
    check_all(cases());
}
