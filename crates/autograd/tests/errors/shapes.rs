//! Views, joins and padding.

use autograd::{Padding, Tensor, broadcast_tensors, cat, flatten_all, stack};

use crate::panics::{Mistake, check};
use crate::{cpu, f32s, i32s};

pub const MISTAKES: &[Mistake] = &[
    ("reshape", &["reshape", "[2, 3]", "[7]"], || drop(f32s(&[2, 3]).reshape(&[7]))),
    ("arange", &["arange"], || drop(Tensor::arange(&cpu(), 1 << 32))),
    ("permute", &["permute", "[0, 0]", "[2, 3]"], || drop(f32s(&[2, 3]).permute(&[0, 0]))),
    ("permute, dimension", &["permute", "dimension 2"], || drop(f32s(&[2, 3]).permute(&[0, 2]))),
    ("expand", &["expand", "[2, 3]", "[4, 3]"], || drop(f32s(&[2, 3]).expand(&[4, 3]))),
    ("expand to less", &["expand", "[2, 3]", "[3]"], || drop(f32s(&[2, 3]).expand(&[3]))),
    ("broadcast_tensors", &["broadcast_tensors", "[2]", "[3]"], || {
        drop(broadcast_tensors([&f32s(&[2]), &f32s(&[3])]))
    }),
    ("slice", &["slice", "step 0"], || drop(f32s(&[2]).slice(0, 0, 1, 0))),
    ("slice, dimension", &["slice", "dimension 1"], || drop(f32s(&[2]).slice(1, 0, 1, 1))),
    ("narrow", &["narrow", "1..4", "[2, 3]"], || drop(f32s(&[2, 3]).narrow(1, 1, 3))),
    ("narrow beyond", &["narrow", "[2]"], || drop(f32s(&[2]).narrow(0, usize::MAX, 2))),
    ("narrow, dimension", &["narrow", "dimension -3"], || drop(f32s(&[2, 3]).narrow(-3, 0, 1))),
    ("flip", &["flip", "dimension 2"], || drop(f32s(&[2, 3]).flip(&[0, 2]))),
    ("transpose", &["transpose", "dimension 2"], || drop(f32s(&[2, 3]).transpose(0, 2))),
    ("t", &["t:", "[2]"], || drop(f32s(&[2]).t())),
    ("movedim", &["movedim", "dimension 2"], || drop(f32s(&[2, 3]).movedim(0, 2))),
    ("flatten", &["flatten", "1..=0"], || drop(f32s(&[2, 3]).flatten(1, 0))),
    ("squeeze", &["squeeze", "dimension 2"], || drop(f32s(&[2, 1]).squeeze(&[2]))),
    ("unsqueeze", &["unsqueeze", "dimension 4"], || drop(f32s(&[2, 1]).unsqueeze(4))),
    ("split", &["split", "size 0"], || drop(f32s(&[2]).split(0, 0))),
    ("split, dimension", &["split", "dimension 1"], || drop(f32s(&[2]).split(1, 1))),
    ("split_with_sizes", &["split_with_sizes", "[1, 2]", "[2]"], || {
        drop(f32s(&[2]).split_with_sizes(&[1, 2], 0))
    }),
    ("chunk", &["chunk"], || drop(f32s(&[2]).chunk(0, 0))),
    ("unbind", &["unbind", "dimension 1", "[2]"], || drop(f32s(&[2]).unbind(1))),
    ("select", &["select", "element 2", "[2]"], || drop(f32s(&[2]).select(0, 2))),
    ("roll", &["roll", "dimension 1", "[2]"], || drop(f32s(&[2]).roll(1, 1))),
    ("repeat", &["repeat", "[2]", "[2, 3]"], || drop(f32s(&[2, 3]).repeat(&[2]))),
    ("repeat_interleave", &["repeat_interleave", "dimension 1"], || drop(f32s(&[2]).repeat_interleave(2, 1))),
    ("tril", &["dimension -2", "[2]"], || drop(f32s(&[2]).tril(0))),
    ("diagonal", &["diagonal", "[2, 3]"], || drop(f32s(&[2, 3]).diagonal(0, 1, 1))),
    ("diagonal, offset", &["diagonal", "[2, 3]"], || drop(f32s(&[2, 3]).diagonal(3, 0, 1))),
    ("diag_embed", &["dimension -1", "[]"], || drop(f32s(&[]).diag_embed(0))),
    ("size", &["size", "dimension 1", "[2]"], || _ = f32s(&[2]).size(1)),
    ("cat of nothing", &["cat"], || drop(cat(&[], 0))),
    ("cat", &["cat", "[2, 3]", "[3, 3]"], || drop(cat(&[&f32s(&[2, 3]), &f32s(&[3, 3])], 1))),
    ("cat, types", &["cat", "f32", "i32"], || drop(cat(&[&f32s(&[2]), &i32s(&[2])], 0))),
    ("cat, dimension", &["cat", "dimension 1"], || drop(cat(&[&f32s(&[2])], 1))),
    ("stack", &["stack", "[2]", "[3]"], || drop(stack(&[&f32s(&[2]), &f32s(&[3])], 0))),
    ("stack, dimension", &["dimension 2"], || drop(stack(&[&f32s(&[2])], 2))),
    ("pad", &["pad", "[2]"], || drop(f32s(&[2]).pad(&[(1, 1), (1, 1)], Padding::Constant(0.0)))),
    ("pad, cut", &["pad", "[2]"], || drop(f32s(&[2]).pad(&[(-2, -1)], Padding::Constant(0.0)))),
    ("pad, reflect", &["pad", "size 2"], || drop(f32s(&[2]).pad(&[(2, 0)], Padding::Reflect))),
    ("pad, circular", &["pad", "size 2"], || drop(f32s(&[2]).pad(&[(0, 3)], Padding::Circular))),
    ("pad, replicate", &["pad", "size 0"], || drop(f32s(&[0]).pad(&[(0, 3)], Padding::Replicate))),
    ("movedims", &["movedims", "[0]", "[0, 1]"], || drop(f32s(&[2, 3]).movedims(&[0], &[0, 1]))),
    ("repeat_interleave_each", &["repeat_interleave_each", "[2, 3]"], || {
        drop(f32s(&[2, 3]).repeat_interleave_each(&[1, 1], 1))
    }),
    ("flatten_all", &["flatten_all", "f32", "i32"], || drop(flatten_all(&[&f32s(&[2]), &i32s(&[2])], 4))),
    ("flatten_all of nothing", &["flatten_all", "no tensors"], || drop(flatten_all(&[], 4))),
    ("select, dimension", &["select", "dimension 1"], || drop(f32s(&[2]).select(1, 0))),
    ("chunk, dimension", &["chunk", "dimension 1"], || drop(f32s(&[2]).chunk(2, 1))),
];

#[test]
fn mistakes() {
    check(MISTAKES);
}
