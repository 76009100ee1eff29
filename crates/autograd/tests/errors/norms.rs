//! Normalisations and dropout.

use autograd::{Generator, batch_norm_train};

use crate::panics::{Mistake, check};
use crate::{f32s, i32s};

pub const MISTAKES: &[Mistake] = &[
    ("group_norm", &["group_norm", "3 groups", "[2, 4]"], || {
        drop(f32s(&[2, 4]).group_norm(3, None, None, 1e-5))
    }),
    ("instance_norm", &["instance_norm", "[3]", "[2, 4, 5]"], || {
        drop(f32s(&[2, 4, 5]).instance_norm(Some(&f32s(&[3])), None, 1e-5))
    }),
    ("rms_norm", &["rms_norm", "[4]", "[2, 3]"], || drop(f32s(&[2, 3]).rms_norm(&[4], None, 1e-5))),
    ("local_response_norm", &["local_response_norm", "[2, 3]"], || {
        drop(f32s(&[2, 3]).local_response_norm(3, 1.0, 1.0, 1.0))
    }),
    ("weight_norm", &["weight_norm", "[2]", "[2, 3]"], || {
        drop(f32s(&[2, 3]).weight_norm(&f32s(&[2]), Some(0)))
    }),
    ("singular_vectors", &["singular_vectors", "[3]", "[2, 3]"], || {
        f32s(&[2, 3]).singular_vectors(&f32s(&[3]), 0, 1, 1e-12);
    }),
    ("spectral_norm", &["spectral_norm", "[3]", "[2, 3]"], || {
        drop(f32s(&[2, 3]).spectral_norm(&f32s(&[3]), &f32s(&[3]), 0))
    }),
    ("dropout", &["dropout", "1.5"], || drop(f32s(&[2]).dropout(1.5, &Generator::new(0)))),
    ("batch_norm, rank", &["batch_norm", "[3]"], || {
        drop(batch_norm_train(&f32s(&[3]), &f32s(&[3]), &f32s(&[3]), 1e-5))
    }),
    ("batch_norm, weight", &["batch_norm", "[2]", "[4, 3]"], || {
        drop(batch_norm_train(&f32s(&[4, 3]), &f32s(&[2]), &f32s(&[3]), 1e-5))
    }),
    ("batch_norm, types", &["batch_norm", "i32"], || {
        drop(batch_norm_train(&i32s(&[4, 3]), &f32s(&[3]), &f32s(&[3]), 1e-5))
    }),
    ("batch_norm_eval", &["batch_norm", "[2]", "[4, 3]"], || {
        let c = f32s(&[3]);
        drop(f32s(&[4, 3]).batch_norm_eval(&c, &f32s(&[2]), &c, &c, 1e-5))
    }),
    ("layer_norm", &["layer_norm", "[4, 3]", "[2]"], || {
        drop(f32s(&[4, 3]).layer_norm(&f32s(&[2]), &f32s(&[2]), 1e-5))
    }),
    ("layer_norm, types", &["layer_norm", "i32"], || {
        drop(i32s(&[4, 3]).layer_norm(&f32s(&[3]), &f32s(&[3]), 1e-5))
    }),
    ("correction", &["batch_norm", "one value a channel", "[1, 3]"], || {
        let c = f32s(&[3]);
        _ = batch_norm_train(&f32s(&[1, 3]), &c, &c, 1e-5).correction()
    }),
    ("batch_norm_train", &["batch_norm", "[2]", "[4, 3]"], || {
        drop(batch_norm_train(&f32s(&[4, 3]), &f32s(&[3]), &f32s(&[2]), 1e-5))
    }),
    ("batch_norm_eval, mean", &["batch_norm", "[2]", "[4, 3]"], || {
        let c = f32s(&[3]);
        drop(f32s(&[4, 3]).batch_norm_eval(&f32s(&[2]), &c, &c, &c, 1e-5))
    }),
    ("group_norm, rank", &["group_norm", "[4]"], || drop(f32s(&[4]).group_norm(2, None, None, 1e-5))),
    ("group_norm, no groups", &["group_norm", "0 groups"], || {
        drop(f32s(&[2, 4]).group_norm(0, None, None, 1e-5))
    }),
    ("group_norm, type", &["group_norm", "i32"], || drop(i32s(&[2, 4]).group_norm(2, None, None, 1e-5))),
    ("instance_norm, one position", &["instance_norm", "[2, 4, 1]"], || {
        drop(f32s(&[2, 4, 1]).instance_norm(None, None, 1e-5))
    }),
    ("rms_norm, weight", &["rms_norm", "[2]", "[3]"], || {
        drop(f32s(&[2, 3]).rms_norm(&[3], Some(&f32s(&[2])), 1e-5))
    }),
    ("local_response_norm, size", &["local_response_norm", "size 0"], || {
        drop(f32s(&[2, 3, 4]).local_response_norm(0, 1.0, 1.0, 1.0))
    }),
    ("lengths", &["weight_norm", "dimension 2", "[2, 3]"], || drop(f32s(&[2, 3]).lengths(Some(2)))),
    ("dropout_along", &["dropout", "dimension 2", "[2]"], || {
        drop(f32s(&[2]).dropout_along(0.5, &[2], &Generator::new(0)))
    }),
    ("dropout, type", &["dropout", "i32"], || drop(i32s(&[2]).dropout(0.5, &Generator::new(0)))),
    ("alpha_dropout", &["alpha_dropout", "1"], || drop(f32s(&[2]).alpha_dropout(1.0, &Generator::new(0)))),
];

#[test]
fn mistakes() {
    check(MISTAKES);
}
