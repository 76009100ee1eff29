//! Shapes that do not fit.

use wgrad::prelude::*;

use super::{Mistake, labels, ones, params};

pub const MISTAKES: &[Mistake] = &[
    ("`Linear` with another number of inputs", "linear", |_| {
        Linear::new(&params(), 4, 2).forward(&ones(&[3, 5]));
        Ok(())
    }),
    ("Images that are not flattened before a `Linear`", "flatten", |_| {
        Linear::new(&params(), 784, 10).forward(&ones(&[8, 1, 28, 28]));
        Ok(())
    }),
    ("Grey images for a network of colours", "channels", |_| {
        Conv2d::new(&params(), 3, 8, 3).build().forward(&ones(&[1, 1, 8, 8]));
        Ok(())
    }),
    ("Channels last", "channels_last", |_| {
        Conv2d::new(&params(), 3, 8, 3).build().forward(&ones(&[2, 32, 32, 3]));
        Ok(())
    }),
    ("A kernel larger than the image", "kernel", |_| {
        Conv2d::new(&params(), 1, 1, 5).build().forward(&ones(&[1, 1, 3, 3]));
        Ok(())
    }),
    ("Batch norm of an image without a batch", "batch_norm", |_| {
        BatchNorm2d::new(&params(), 3).forward(&ones(&[3, 8, 8]), Mode::Train);
        Ok(())
    }),
    ("Groups that do not divide the channels", "groups", |_| {
        Conv2d::new(&params(), 6, 8, 3).groups(4).build();
        Ok(())
    }),
    ("A product of matrices that do not fit", "matmul", |_| {
        ones(&[2, 3]).matmul(&ones(&[4, 5]));
        Ok(())
    }),
    ("A sum that does not broadcast", "broadcast", |_| {
        drop(ones(&[2, 3]) + ones(&[4]));
        Ok(())
    }),
    ("A reshape to another number of elements", "reshape", |_| {
        ones(&[2, 3]).reshape(&[4, 2]);
        Ok(())
    }),
    ("A dimension that is not there", "dimension", |_| {
        ones(&[2, 3]).sum(&[2], false);
        Ok(())
    }),
    ("`cat` of other widths", "cat", |_| {
        cat(&[&ones(&[2, 3]), &ones(&[2, 4])], 0);
        Ok(())
    }),
    ("Predictions `[N, 1]` for targets `[N]`", "bce", |_| {
        ones(&[4, 1]).binary_cross_entropy_with_logits(&ones(&[4]), None, None, Reduction::Mean);
        Ok(())
    }),
    ("One label too few", "label_count", |_| {
        ones(&[4, 10]).cross_entropy(&labels(&[1, 2, 3]));
        Ok(())
    }),
    ("Heads that do not divide the width", "heads", |_| {
        MultiheadAttention::new(&params(), 30, 4);
        Ok(())
    }),
    ("A sequence without features for an LSTM", "lstm", |_| {
        Lstm::new(&params(), 8, 16, RnnOptions::default()).forward(&ones(&[5]), None);
        Ok(())
    }),
    ("A text longer than the context", "context", |_| {
        let options = GptOptions { vocab: 10, context: 4, width: 8, heads: 2, depth: 1, dropout: 0.0 };
        Gpt::new(&params(), options).forward(&labels(&[1; 6]).reshape(&[1, 6]), Mode::Eval);
        Ok(())
    }),
];
