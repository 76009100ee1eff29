//! Matrix products, convolutions and attention.

use crate::panics::{Mistake, check};
use crate::{f32s, i32s};

pub const MISTAKES: &[Mistake] = &[
    ("matmul", &["matmul", "[2, 3]", "[4, 5]"], || drop(f32s(&[2, 3]).matmul(&f32s(&[4, 5])))),
    ("matmul of scalars", &["matmul", "[]"], || drop(f32s(&[]).matmul(&f32s(&[2])))),
    ("matmul, batches", &["matmul", "[2]", "[3]"], || drop(f32s(&[2, 1, 4]).matmul(&f32s(&[3, 4, 1])))),
    ("matmul, types", &["matmul", "f32", "i32"], || drop(f32s(&[2, 3]).matmul(&i32s(&[3, 2])))),
    ("linear", &["linear", "[2, 3]", "[5, 4]"], || drop(f32s(&[2, 3]).linear(&f32s(&[5, 4]), None))),
    ("linear, weight", &["linear", "[3]"], || drop(f32s(&[2, 3]).linear(&f32s(&[3]), None))),
    ("linear, bias", &["linear", "[4]", "[5, 3]"], || {
        drop(f32s(&[2, 3]).linear(&f32s(&[5, 3]), Some(&f32s(&[4]))))
    }),
    ("conv2d", &["conv2d", "[1, 3, 5, 5]", "[2, 4, 3, 3]"], || {
        drop(f32s(&[1, 3, 5, 5]).conv2d(&f32s(&[2, 4, 3, 3]), None, [1; 2], [0; 2], [1; 2], 1))
    }),
    ("conv2d, rank", &["conv2d", "[5, 5]"], || {
        drop(f32s(&[5, 5]).conv2d(&f32s(&[2, 3, 3, 3]), None, [1; 2], [0; 2], [1; 2], 1))
    }),
    ("conv2d, groups", &["conv2d", "groups 0"], || {
        drop(f32s(&[1, 3, 5, 5]).conv2d(&f32s(&[2, 3, 3, 3]), None, [1; 2], [0; 2], [1; 2], 0))
    }),
    ("conv2d, stride", &["conv2d", "stride [0, 0]"], || {
        drop(f32s(&[1, 3, 5, 5]).conv2d(&f32s(&[2, 3, 3, 3]), None, [0; 2], [0; 2], [1; 2], 1))
    }),
    ("conv2d, kernel", &["conv2d", "covers 3", "has 2"], || {
        drop(f32s(&[1, 3, 2, 2]).conv2d(&f32s(&[2, 3, 3, 3]), None, [1; 2], [0; 2], [1; 2], 1))
    }),
    ("conv2d, bias", &["conv2d", "[3]", "2 output"], || {
        drop(f32s(&[1, 3, 5, 5]).conv2d(&f32s(&[2, 3, 3, 3]), Some(&f32s(&[3])), [1; 2], [0; 2], [1; 2], 1))
    }),
    ("conv2d, types", &["conv2d", "i32"], || {
        drop(i32s(&[1, 3, 5, 5]).conv2d(&f32s(&[2, 3, 3, 3]), None, [1; 2], [0; 2], [1; 2], 1))
    }),
    ("conv1d", &["conv1d", "[1, 3, 5]", "[2, 4, 3]"], || {
        drop(f32s(&[1, 3, 5]).conv1d(&f32s(&[2, 4, 3]), None, 1, 0, 1, 1))
    }),
    ("conv1d_same", &["conv1d_same", "[2, 4]"], || {
        drop(f32s(&[1, 3, 5]).conv1d_same(&f32s(&[2, 4]), None, 1, 1))
    }),
    ("conv3d", &["conv3d", "covers 3", "has 2"], || {
        let w = f32s(&[2, 3, 3, 1, 1]);
        drop(f32s(&[1, 3, 2, 2, 2]).conv3d(&w, None, [1; 3], [0; 3], [1; 3], 1))
    }),
    ("conv_transpose1d", &["conv_transpose1d", "[3]", "[3, 2, 3]"], || {
        drop(f32s(&[3]).conv_transpose1d(&f32s(&[3, 2, 3]), None, 1, 0, 0, 1, 1))
    }),
    ("conv_transpose1d, padding", &["conv_transpose1d", "leaves nothing", "[1, 3, 1]"], || {
        drop(f32s(&[1, 3, 1]).conv_transpose1d(&f32s(&[3, 2, 3]), None, 1, 2, 0, 1, 1))
    }),
    ("conv_transpose2d", &["conv_transpose2d", "[1, 3, 5, 5]", "[4, 2, 3, 3]"], || {
        let w = f32s(&[4, 2, 3, 3]);
        drop(f32s(&[1, 3, 5, 5]).conv_transpose2d(&w, None, [1; 2], [0; 2], [0; 2], 1, [1; 2]))
    }),
    ("conv_transpose2d, output_padding", &["conv_transpose2d", "output_padding [1, 0]"], || {
        let w = f32s(&[3, 2, 3, 3]);
        drop(f32s(&[1, 3, 5, 5]).conv_transpose2d(&w, None, [1; 2], [0; 2], [1, 0], 1, [1; 2]))
    }),
    ("conv_transpose2d, padding", &["conv_transpose2d", "leaves nothing"], || {
        let w = f32s(&[3, 2, 3, 3]);
        drop(f32s(&[1, 3, 1, 1]).conv_transpose2d(&w, None, [1; 2], [2; 2], [0; 2], 1, [1; 2]))
    }),
    ("unfold", &["unfold", "[2, 2]"], || drop(f32s(&[2, 2]).unfold([1; 2], [1; 2], [0; 2], [1; 2]))),
    ("unfold, kernel", &["unfold", "covers 3", "has 2"], || {
        drop(f32s(&[1, 1, 2, 2]).unfold([1, 3], [1; 2], [0; 2], [1; 2]))
    }),
    ("fold", &["fold", "[1, 4, 3]", "[3, 3]"], || {
        drop(f32s(&[1, 4, 3]).fold([3, 3], [2; 2], [1; 2], [0; 2], [1; 2]))
    }),
    ("linear, types", &["linear", "i32"], || drop(f32s(&[2, 3]).linear(&i32s(&[5, 3]), None))),
    ("dot", &["dot", "[2, 3]", "[3]"], || drop(f32s(&[2, 3]).dot(&f32s(&[3])))),
    ("outer", &["outer", "[2, 3]", "[3]"], || drop(f32s(&[2, 3]).outer(&f32s(&[3])))),
    ("bmm", &["bmm", "[2, 3, 4]", "[1, 4, 3]"], || drop(f32s(&[2, 3, 4]).bmm(&f32s(&[1, 4, 3])))),
    ("addmm", &["addmm", "[2, 3]", "[2, 4]"], || {
        drop(f32s(&[2, 4]).addmm(&f32s(&[2, 3]), &f32s(&[2, 4]), 1.0, 1.0))
    }),
    ("addmm, beside", &["addmm", "[3]", "[2, 4]"], || {
        drop(f32s(&[3]).addmm(&f32s(&[2, 3]), &f32s(&[3, 4]), 1.0, 1.0))
    }),
    ("conv1d, empty kernel", &["conv1d", "[2, 3, 0]", "empty kernel"], || {
        drop(f32s(&[1, 3, 5]).conv1d(&f32s(&[2, 3, 0]), None, 1, 0, 1, 1))
    }),
    ("conv1d, type of the bias", &["conv1d", "i32"], || {
        drop(f32s(&[1, 3, 5]).conv1d(&f32s(&[2, 3, 1]), Some(&i32s(&[2])), 1, 0, 1, 1))
    }),
    ("conv2d, dilation", &["conv2d", "dilation [1, 0]"], || {
        drop(f32s(&[1, 3, 5, 5]).conv2d(&f32s(&[2, 3, 3, 3]), None, [1; 2], [0; 2], [1, 0], 1))
    }),
    ("conv2d, output channels", &["conv2d", "[3, 2, 3, 3]", "groups 2"], || {
        drop(f32s(&[1, 4, 5, 5]).conv2d(&f32s(&[3, 2, 3, 3]), None, [1; 2], [0; 2], [1; 2], 2))
    }),
    ("conv2d_same", &["conv2d_same", "[5]", "[2, 3, 3, 3]"], || {
        drop(f32s(&[5]).conv2d_same(&f32s(&[2, 3, 3, 3]), None, [1; 2], 1))
    }),
    ("conv3d_same", &["conv3d_same", "[1, 3, 2, 2, 2]", "[2, 3, 3, 3]"], || {
        drop(f32s(&[1, 3, 2, 2, 2]).conv3d_same(&f32s(&[2, 3, 3, 3]), None, [1; 3], 1))
    }),
    ("conv_transpose1d, empty kernel", &["conv_transpose1d", "[3, 2, 0]"], || {
        drop(f32s(&[1, 3, 5]).conv_transpose1d(&f32s(&[3, 2, 0]), None, 1, 0, 0, 1, 1))
    }),
    ("conv_transpose2d, stride", &["conv_transpose2d", "stride [0, 1]"], || {
        let w = f32s(&[3, 2, 3, 3]);
        drop(f32s(&[1, 3, 5, 5]).conv_transpose2d(&w, None, [0, 1], [0; 2], [0; 2], 1, [1; 2]))
    }),
    ("conv_transpose2d, groups", &["conv_transpose2d", "groups 0"], || {
        let w = f32s(&[3, 2, 3, 3]);
        drop(f32s(&[1, 3, 5, 5]).conv_transpose2d(&w, None, [1; 2], [0; 2], [0; 2], 0, [1; 2]))
    }),
    ("unfold, stride", &["unfold", "stride [0, 1]"], || {
        drop(f32s(&[1, 1, 2, 2]).unfold([1; 2], [1; 2], [0; 2], [0, 1]))
    }),
    ("scaled_dot_product_attention", &["attention", "[2, 3, 4]", "[2, 5, 3]"], || {
        let k = f32s(&[2, 5, 3]);
        drop(f32s(&[2, 3, 4]).scaled_dot_product_attention(&k, &k, None, false, None))
    }),
    ("scaled_dot_product_attention, batch", &["attention", "[2]", "[3]"], || {
        let k = f32s(&[3, 5, 4]);
        drop(f32s(&[2, 3, 4]).scaled_dot_product_attention(&k, &k, None, false, None))
    }),
    ("scaled_dot_product_attention, heads", &["attention", "[3, 3, 4]", "[2, 5, 4]"], || {
        let k = f32s(&[2, 5, 4]);
        drop(f32s(&[3, 3, 4]).scaled_dot_product_attention(&k, &k, None, false, None))
    }),
    ("scaled_dot_product_attention, mask", &["attention", "mask [5, 3]", "scores [3, 5]"], || {
        let (k, mask) = (f32s(&[2, 5, 4]), f32s(&[5, 3]));
        drop(f32s(&[2, 3, 4]).scaled_dot_product_attention(&k, &k, Some(&mask), false, None))
    }),
    ("scaled_dot_product_attention, mask of groups", &["attention", "mask [3, 3, 5]", "[4, 3, 4]"], || {
        let (k, mask) = (f32s(&[2, 5, 4]), f32s(&[3, 3, 5]));
        drop(f32s(&[4, 3, 4]).scaled_dot_product_attention(&k, &k, Some(&mask), false, None))
    }),
    ("scaled_dot_product_attention, mask of a batch", &["attention", "[2]", "[3]"], || {
        let (k, mask) = (f32s(&[2, 5, 4]), f32s(&[3, 3, 5]));
        drop(f32s(&[2, 3, 4]).scaled_dot_product_attention(&k, &k, Some(&mask), false, None))
    }),
    ("scaled_dot_product_attention, type of the mask", &["attention", "i32"], || {
        let (k, mask) = (f32s(&[2, 5, 4]), i32s(&[3, 5]));
        drop(f32s(&[2, 3, 4]).scaled_dot_product_attention(&k, &k, Some(&mask), false, None))
    }),
    ("scaled_dot_product_attention, types", &["attention", "i32"], || {
        let k = i32s(&[2, 5, 4]);
        drop(f32s(&[2, 3, 4]).scaled_dot_product_attention(&k, &k, None, false, None))
    }),
    ("attention_weights", &["attention_weights", "[3, 4]", "[5, 3]"], || {
        drop(f32s(&[3, 4]).attention_weights(&f32s(&[5, 3]), None, false, None))
    }),
    ("attention_weights, mask", &["attention_weights", "mask [3, 4]", "scores [3, 5]"], || {
        drop(f32s(&[3, 4]).attention_weights(&f32s(&[5, 4]), Some(&f32s(&[3, 4])), false, None))
    }),
    ("attention_weights, batch", &["matmul", "[2]", "[3]"], || {
        drop(f32s(&[2, 3, 4]).attention_weights(&f32s(&[3, 5, 4]), None, false, None))
    }),
    ("attention_weights, types", &["attention_weights", "i32"], || {
        drop(i32s(&[3, 4]).attention_weights(&i32s(&[5, 4]), None, false, None))
    }),
];

#[test]
fn mistakes() {
    check(MISTAKES);
}
