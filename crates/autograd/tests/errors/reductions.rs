//! Reductions, scans, sorts, distances and segments.

use autograd::einsum;

use crate::panics::{Mistake, check};
use crate::{f32s, i32s};

pub const MISTAKES: &[Mistake] = &[
    ("sum", &["sum", "dimension 2", "[2, 3]"], || drop(f32s(&[2, 3]).sum(&[2], false))),
    ("sum of a negative dimension", &["sum", "-3", "[2, 3]"], || drop(f32s(&[2, 3]).sum(&[-3], false))),
    ("sum twice", &["sum", "twice"], || drop(f32s(&[2, 3]).sum(&[0, -2], false))),
    ("mean", &["dimension 5", "[2]"], || drop(f32s(&[2]).mean(&[5], false))),
    ("amax", &["max", "[2, 0]"], || drop(f32s(&[2, 0]).amax(&[1], false))),
    ("argmax", &["argmax", "dimension 1", "[2]"], || drop(f32s(&[2]).argmax(1, false))),
    ("max_dim", &["argmax", "[0]"], || drop(f32s(&[0]).max_dim(0, false))),
    ("any", &["dimension 3", "[2]"], || drop(f32s(&[2]).any(&[3], false))),
    ("var", &["dimension 1", "[2]"], || drop(f32s(&[2]).var(&[1], 1.0, false))),
    ("std", &["dimension 1", "[2]"], || drop(f32s(&[2]).std(&[1], 1.0, false))),
    ("logsumexp", &["dimension 1", "[2]"], || drop(f32s(&[2]).logsumexp(&[1], false))),
    ("norm", &["dimension 1", "[2]"], || drop(f32s(&[2]).norm(2.0, &[1], false))),
    ("normalize", &["dimension 1", "[2]"], || drop(f32s(&[2]).normalize(2.0, 1, 1e-12))),
    ("softmax", &["dimension 1", "[2]"], || drop(f32s(&[2]).softmax(1))),
    ("softmax of integers", &["softmax", "i32"], || drop(i32s(&[2]).softmax(0))),
    ("log_softmax", &["dimension -2", "[2]"], || drop(f32s(&[2]).log_softmax(-2))),
    ("cumsum", &["cumsum", "dimension 1", "[2]"], || drop(f32s(&[2]).cumsum(1))),
    ("cumprod of integers", &["cumprod", "i32"], || drop(i32s(&[2]).cumprod(0))),
    ("sort", &["argsort", "dimension 1", "[2]"], || drop(f32s(&[2]).sort(1, false))),
    ("topk", &["topk", "3", "[2]"], || drop(f32s(&[2]).topk(3, 0, true))),
    ("keep_topk", &["keep_topk", "3", "[2]"], || drop(f32s(&[2]).keep_topk(3, 0))),
    ("cdist", &["cdist", "[2, 3]", "[2, 4]"], || drop(f32s(&[2, 3]).cdist(&f32s(&[2, 4]), 2.0))),
    ("segment_sum", &["segment_sum", "[3]", "[2]"], || drop(f32s(&[2]).segment_sum(&i32s(&[3]), 2))),
    ("einsum, operands", &["einsum", "ij,jk"], || drop(einsum("ij,jk", &[&f32s(&[2, 2])]))),
    ("einsum, rank", &["einsum", "ij", "[2]"], || drop(einsum("ij", &[&f32s(&[2])]))),
    ("einsum, sizes", &["einsum", "2", "3"], || drop(einsum("i,i", &[&f32s(&[2]), &f32s(&[3])]))),
    ("einsum, output", &["einsum", "ij->k"], || drop(einsum("ij->k", &[&f32s(&[2, 3])]))),
    ("einsum, letters", &["einsum", "i1"], || drop(einsum("i1", &[&f32s(&[2, 3])]))),
    ("topk, dimension", &["topk", "dimension 1"], || drop(f32s(&[2]).topk(1, 1, true))),
    ("segment_max, type", &["segment_max", "f32"], || drop(f32s(&[2]).segment_max(&f32s(&[2]), 2))),
];

#[test]
fn mistakes() {
    check(MISTAKES);
}
