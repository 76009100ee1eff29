//! Layers without memory, convolutions, normalisations and dropout.

use autograd::{Padding, Reduction, Tensor};
use models::{
    AlphaDropout, BatchNorm1d, BatchNorm2d, BatchNorm3d, BatchRenorm, BlurPool, Conv1d, Conv2d, Conv3d,
    ConvTranspose1d, ConvTranspose2d, Crf, DropConnect, DropPath, Dropout, Dropout2d, Embedding,
    GhostBatchNorm, GroupNorm, Init, InstanceNorm, LayerNorm, Linear, LowRankLinear, Mode, PRelu, RmsNorm,
    SeparableConv2d, Sequential, SpectralNorm, SqueezeExcite, VariationalDropout, WeightNorm,
};

use crate::panics::{Mistake, check};
use crate::{ints, ones, params};

const MEAN: Reduction = Reduction::Mean;

pub const MISTAKES: &[Mistake] = &[
    ("Linear", &["linear", "[5, 4]", "[2, 3]"], || {
        drop(Linear::new(&params(), 3, 2).forward(&ones(&[5, 4])))
    }),
    ("Linear, type", &["linear", "i32"], || drop(Linear::new(&params(), 3, 2).forward(&ints(&[5, 3])))),
    ("LowRankLinear", &["linear", "[5, 4]", "[2, 3]"], || {
        drop(LowRankLinear::new(&params(), 3, 2, 2).forward(&ones(&[5, 4])))
    }),
    ("Linear, scalar", &["linear", "[]"], || drop(Linear::new(&params(), 3, 2).forward(&ones(&[])))),
    ("Embedding, type", &["embedding", "f32"], || drop(Embedding::new(&params(), 3, 2).forward(&ones(&[2])))),
    ("Sequential", &["linear", "[5, 4]", "[2, 3]"], || {
        let net = Sequential::new(&params()).function(Tensor::relu).layer(|p| Linear::new(p, 3, 2));
        drop(net.forward(&ones(&[5, 4]), Mode::Eval))
    }),
    ("PRelu", &["prelu", "[3]", "[2, 4]"], || drop(PRelu::new(&params(), 3).forward(&ones(&[2, 4])))),
    ("WeightNorm", &["WeightNorm"], || drop(WeightNorm::new(&params(), &[], Init::ONES))),
    ("SpectralNorm", &["SpectralNorm", "[3]"], || drop(SpectralNorm::new(&params(), &[3], Init::ONES))),
    ("Conv1d", &["conv1d", "[1, 2, 5]", "[4, 3, 3]"], || {
        drop(Conv1d::new(&params(), 3, 4, 3).build().forward(&ones(&[1, 2, 5])))
    }),
    ("Conv1d, rank", &["conv1d", "[1, 3, 5, 5]"], || {
        drop(Conv1d::new(&params(), 3, 4, 3).build().forward(&ones(&[1, 3, 5, 5])))
    }),
    ("Conv1d, kernel", &["Conv1d", "kernel [0]"], || drop(Conv1d::new(&params(), 3, 4, 0).build())),
    ("Conv2d", &["conv2d", "[1, 2, 5, 5]", "[4, 3, 3, 3]"], || {
        drop(Conv2d::new(&params(), 3, 4, 3).build().forward(&ones(&[1, 2, 5, 5])))
    }),
    ("Conv2d, rank", &["conv2d", "[5, 5]"], || {
        drop(Conv2d::new(&params(), 3, 4, 3).build().forward(&ones(&[5, 5])))
    }),
    ("Conv2d, rank, padded", &["conv2d", "[5, 5]"], || {
        let conv = Conv2d::new(&params(), 3, 4, 3).padding(1).padding_mode(Padding::Circular).build();
        drop(conv.forward(&ones(&[5, 5])))
    }),
    ("Conv2d, type", &["conv2d", "i32"], || {
        drop(Conv2d::new(&params(), 3, 4, 3).build().forward(&ints(&[1, 3, 5, 5])))
    }),
    ("Conv2d, size", &["conv2d", "covers 3", "has 2"], || {
        drop(Conv2d::new(&params(), 3, 4, 3).build().forward(&ones(&[1, 3, 2, 2])))
    }),
    ("Conv2d, padding", &["pad", "reflecting 5", "size 4"], || {
        let conv = Conv2d::new(&params(), 3, 4, 3).padding(5).padding_mode(Padding::Reflect).build();
        drop(conv.forward(&ones(&[1, 3, 4, 4])))
    }),
    ("Conv2d, groups", &["Conv2d", "2 groups"], || drop(Conv2d::new(&params(), 3, 4, 3).groups(2).build())),
    ("Conv2d, no groups", &["Conv2d", "0 groups"], || {
        drop(Conv2d::new(&params(), 3, 4, 3).groups(0).build())
    }),
    ("Conv2d, kernel", &["Conv2d", "kernel [3, 0]"], || drop(Conv2d::new(&params(), 3, 4, [3, 0]).build())),
    ("Conv2d, stride", &["Conv2d", "stride [0, 0]"], || {
        drop(Conv2d::new(&params(), 3, 4, 3).stride(0).build())
    }),
    ("Conv2d, dilation", &["Conv2d", "dilation [1, 0]"], || {
        drop(Conv2d::new(&params(), 3, 4, 3).dilation([1, 0]).build())
    }),
    ("Conv2d, same size", &["Conv2d", "stride [2, 2]"], || {
        drop(Conv2d::new(&params(), 3, 4, 3).stride(2).padding_same().build())
    }),
    ("Conv3d", &["conv3d", "[1, 2, 5, 5, 5]", "[4, 3, 3, 3, 3]"], || {
        drop(Conv3d::new(&params(), 3, 4, 3).build().forward(&ones(&[1, 2, 5, 5, 5])))
    }),
    ("Conv3d, size", &["conv3d", "covers 5", "has 2"], || {
        drop(Conv3d::new(&params(), 3, 4, 3).dilation(2).build().forward(&ones(&[1, 3, 2, 2, 2])))
    }),
    ("ConvTranspose1d", &["conv_transpose1d", "[1, 2, 5]", "[3, 4, 3]"], || {
        drop(ConvTranspose1d::new(&params(), 3, 4, 3).build().forward(&ones(&[1, 2, 5])))
    }),
    ("ConvTranspose1d, rank", &["conv_transpose1d", "[5]"], || {
        drop(ConvTranspose1d::new(&params(), 3, 4, 3).build().forward(&ones(&[5])))
    }),
    ("ConvTranspose1d, kernel", &["ConvTranspose1d", "kernel [0]"], || {
        drop(ConvTranspose1d::new(&params(), 3, 4, 0).build())
    }),
    ("ConvTranspose2d", &["conv_transpose2d", "[1, 2, 5, 5]", "[3, 4, 3, 3]"], || {
        drop(ConvTranspose2d::new(&params(), 3, 4, 3).build().forward(&ones(&[1, 2, 5, 5])))
    }),
    ("ConvTranspose2d, padding", &["conv_transpose2d", "padding [4, 4]"], || {
        drop(ConvTranspose2d::new(&params(), 3, 4, 3).padding(4).build().forward(&ones(&[1, 3, 2, 2])))
    }),
    (
        "ConvTranspose2d, output_padding",
        &["ConvTranspose2d", "output_padding [2, 2]", "stride [2, 2]"],
        || drop(ConvTranspose2d::new(&params(), 3, 4, 3).stride(2).output_padding(2).build()),
    ),
    ("ConvTranspose2d, stride", &["ConvTranspose2d", "stride [0, 0]"], || {
        drop(ConvTranspose2d::new(&params(), 3, 4, 3).stride(0).build())
    }),
    ("ConvTranspose2d, groups", &["ConvTranspose2d", "2 groups"], || {
        drop(ConvTranspose2d::new(&params(), 3, 4, 3).groups(2).build())
    }),
    ("SeparableConv2d", &["conv2d", "[1, 2, 5, 5]", "[3, 1, 3, 3]"], || {
        drop(SeparableConv2d::new(&params(), 3, 4, 3, |c| c).forward(&ones(&[1, 2, 5, 5])))
    }),
    ("SeparableConv2d, kernel", &["Conv2d", "kernel [0, 0]"], || {
        drop(SeparableConv2d::new(&params(), 3, 4, 0, |c| c))
    }),
    ("SqueezeExcite", &["SqueezeExcite", "[1, 2, 5, 5]", "3 channels"], || {
        drop(SqueezeExcite::new(&params(), 3, 1).forward(&ones(&[1, 2, 5, 5])))
    }),
    ("SqueezeExcite, rank", &["SqueezeExcite", "[5, 3]"], || {
        drop(SqueezeExcite::new(&params(), 3, 1).forward(&ones(&[5, 3])))
    }),
    ("BlurPool", &["BlurPool", "[3, 5, 5]"], || drop(BlurPool::new(3, 2).forward(&ones(&[3, 5, 5])))),
    ("BlurPool, size", &["BlurPool", "[1, 3, 2, 2]", "size 5"], || {
        drop(BlurPool::new(5, 2).forward(&ones(&[1, 3, 2, 2])))
    }),
    ("BlurPool, stride", &["BlurPool", "stride 0"], || drop(BlurPool::new(5, 0))),
    ("BatchNorm1d, rank", &["batch_norm", "[2, 4, 3, 3]"], || {
        drop(BatchNorm1d::new(&params(), 4).forward(&ones(&[2, 4, 3, 3]), Mode::Eval))
    }),
    ("BatchNorm2d", &["batch_norm", "[4]", "[2, 3, 2, 2]"], || {
        drop(BatchNorm2d::new(&params(), 4).forward(&ones(&[2, 3, 2, 2]), Mode::Train))
    }),
    ("BatchNorm2d, evaluation", &["batch_norm", "[4]", "[2, 3, 2, 2]"], || {
        drop(BatchNorm2d::new(&params(), 4).forward(&ones(&[2, 3, 2, 2]), Mode::Eval))
    }),
    ("BatchNorm2d, type", &["batch_norm", "i32"], || {
        drop(BatchNorm2d::new(&params(), 4).forward(&ints(&[2, 4, 2, 2]), Mode::Train))
    }),
    ("BatchNorm2d, one value", &["batch_norm", "one value a channel", "[1, 4, 1, 1]"], || {
        drop(BatchNorm2d::new(&params(), 4).forward(&ones(&[1, 4, 1, 1]), Mode::Train))
    }),
    ("BatchNorm2d, no values", &["batch_norm", "no values a channel", "[0, 4, 1, 1]"], || {
        drop(BatchNorm2d::new(&params(), 4).forward(&ones(&[0, 4, 1, 1]), Mode::Train))
    }),
    ("BatchNorm3d, rank", &["batch_norm", "[2, 4, 3, 3]"], || {
        drop(BatchNorm3d::new(&params(), 4).forward(&ones(&[2, 4, 3, 3]), Mode::Train))
    }),
    ("BatchRenorm", &["batch_norm", "[4]", "[2, 3]"], || {
        drop(BatchRenorm::<1>::new(&params(), 4).forward(&ones(&[2, 3]), 1.0, 0.0, Mode::Train))
    }),
    ("BatchRenorm, rank", &["batch_norm", "[2, 4]"], || {
        drop(BatchRenorm::<2>::new(&params(), 4).forward(&ones(&[2, 4]), 1.0, 0.0, Mode::Train))
    }),
    ("BatchRenorm, limits", &["BatchRenorm", "0.5"], || {
        drop(BatchRenorm::<1>::new(&params(), 4).forward(&ones(&[2, 4]), 0.5, 0.0, Mode::Train))
    }),
    ("GhostBatchNorm", &["batch_norm", "[4]", "[2, 3]"], || {
        drop(GhostBatchNorm::<1>::new(&params(), 4, 2).forward(&ones(&[2, 3]), Mode::Train))
    }),
    ("GhostBatchNorm, no batch", &["GhostBatchNorm", "[0, 4]"], || {
        drop(GhostBatchNorm::<1>::new(&params(), 4, 2).forward(&ones(&[0, 4]), Mode::Train))
    }),
    ("GhostBatchNorm, size", &["GhostBatchNorm", "0"], || drop(GhostBatchNorm::<1>::new(&params(), 4, 0))),
    ("GroupNorm", &["group_norm", "[4]", "[2, 6, 3]"], || {
        drop(GroupNorm::new(&params(), 2, 4).forward(&ones(&[2, 6, 3])))
    }),
    ("GroupNorm, rank", &["group_norm", "[4]"], || {
        drop(GroupNorm::new(&params(), 2, 4).forward(&ones(&[4])))
    }),
    ("GroupNorm, groups", &["GroupNorm", "3 groups of 4"], || drop(GroupNorm::new(&params(), 3, 4))),
    ("GroupNorm, no groups", &["GroupNorm", "0 groups"], || drop(GroupNorm::new(&params(), 0, 4))),
    ("InstanceNorm", &["instance_norm", "[4]", "[2, 3, 5]"], || {
        drop(InstanceNorm::affine(&params(), 4).forward(&ones(&[2, 3, 5])))
    }),
    ("InstanceNorm, one position", &["instance_norm", "[2, 4, 1]"], || {
        drop(InstanceNorm::new().forward(&ones(&[2, 4, 1])))
    }),
    ("LayerNorm", &["layer_norm", "[4]", "[2, 3]"], || {
        drop(LayerNorm::new(&params(), 4).forward(&ones(&[2, 3])))
    }),
    ("LayerNorm, type", &["layer_norm", "i32"], || {
        drop(LayerNorm::no_bias(&params(), 4).forward(&ints(&[2, 4])))
    }),
    ("RmsNorm", &["rms_norm", "[4]", "[2, 3]"], || drop(RmsNorm::new(&params(), 4).forward(&ones(&[2, 3])))),
    ("AlphaDropout, p", &["AlphaDropout", "probability 1"], || drop(AlphaDropout::new(&params(), 1.0))),
    ("AlphaDropout, type", &["alpha_dropout", "i32"], || {
        drop(AlphaDropout::new(&params(), 0.5).forward(&ints(&[2]), Mode::Train))
    }),
    ("DropConnect, p", &["DropConnect", "-0.1"], || drop(DropConnect::new(&params(), 2, 3, -0.1))),
    ("DropConnect", &["linear", "[5, 4]", "[3, 2]"], || {
        drop(DropConnect::new(&params(), 2, 3, 0.5).forward(&ones(&[5, 4]), Mode::Train))
    }),
    ("DropPath, p", &["DropPath", "1.5"], || drop(DropPath::new(&params(), 1.5))),
    ("DropPath, rank", &["DropPath", "scalar"], || {
        drop(DropPath::new(&params(), 0.5).forward(&ones(&[]), Mode::Train))
    }),
    ("Dropout, p", &["Dropout", "NaN"], || drop(Dropout::new(&params(), f32::NAN))),
    ("Dropout, type", &["dropout", "i32"], || {
        drop(Dropout::new(&params(), 0.5).forward(&ints(&[2]), Mode::Train))
    }),
    ("Dropout2d, p", &["Dropout2d", "1.5"], || drop(Dropout2d::new(&params(), 1.5))),
    ("Dropout2d, rank", &["Dropout2d", "[2, 3]"], || {
        drop(Dropout2d::new(&params(), 0.5).forward(&ones(&[2, 3]), Mode::Train))
    }),
    ("VariationalDropout, p", &["VariationalDropout", "2"], || drop(VariationalDropout::new(&params(), 2.0))),
    ("VariationalDropout, rank", &["VariationalDropout", "[2, 3]"], || {
        drop(VariationalDropout::new(&params(), 0.5).forward(&ones(&[2, 3]), Mode::Train))
    }),
    ("Crf, no tags", &["crf", "no tags"], || drop(Crf::new(&params(), 0))),
    ("Crf, tags", &["crf", "[4, 3, 5]", "2 tags"], || {
        drop(Crf::new(&params(), 2).log_partition(&ones(&[4, 3, 5]), &ints(&[3])))
    }),
    ("Crf, no steps", &["crf", "[0, 3, 2]"], || {
        drop(Crf::new(&params(), 2).log_partition(&ones(&[0, 3, 2]), &ints(&[3])))
    }),
    ("Crf, lengths", &["crf", "[4, 3, 2]", "[2]"], || {
        drop(Crf::new(&params(), 2).decode(&ones(&[4, 3, 2]), &ints(&[2])))
    }),
    ("Crf, type of lengths", &["crf", "lengths", "f32"], || {
        drop(Crf::new(&params(), 2).marginals(&ones(&[4, 3, 2]), &ones(&[3])))
    }),
    ("Crf, targets", &["crf", "[3, 4]", "[4, 3, 2]"], || {
        drop(Crf::new(&params(), 2).nll_loss(&ones(&[4, 3, 2]), &ints(&[3, 4]), &ints(&[3]), MEAN))
    }),
    ("Crf, type of targets", &["crf", "tags", "f32"], || {
        drop(Crf::new(&params(), 2).score(&ones(&[4, 3, 2]), &ones(&[4, 3]), &ints(&[3])))
    }),
];

#[test]
fn mistakes() {
    check(MISTAKES);
}
