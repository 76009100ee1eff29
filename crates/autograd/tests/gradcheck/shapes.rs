//! Views, joins, padding, and reading and writing at an index.

use autograd::{Padding, broadcast_tensors, cat, stack};

use crate::check::{Case, any, check_all};
use crate::ints;

/// The squares make the second derivative non-zero.
fn views() -> Vec<Case> {
    let s = &[2, 3, 4];
    vec![
        ("reshape", vec![any(s)], |x| x[0].square().reshape(&[4, 6])),
        ("permute", vec![any(s)], |x| x[0].square().permute(&[2, 0, 1])),
        ("movedim", vec![any(s)], |x| x[0].square().movedim(0, -1)),
        ("transpose", vec![any(s)], |x| x[0].square().transpose(0, -1)),
        ("expand", vec![any(&[3, 1])], |x| x[0].square().expand(&[2, 3, 4])),
        ("slice", vec![any(s)], |x| x[0].square().slice(2, 0, isize::MAX, 2)),
        ("slice, from an odd place", vec![any(s)], |x| x[0].slice(2, 1, 4, 2).square()),
        ("slice, backwards", vec![any(s)], |x| x[0].square().slice(1, -1, isize::MIN, -2)),
        ("narrow", vec![any(s)], |x| x[0].square().narrow(1, 1, 2)),
        ("flip", vec![any(s)], |x| x[0].square().flip(&[0, 2])),
        ("flatten", vec![any(s)], |x| x[0].square().flatten(1, 2)),
        ("squeeze", vec![any(&[2, 1])], |x| x[0].square().squeeze(&[1])),
        ("unsqueeze", vec![any(&[2, 1])], |x| x[0].square().unsqueeze(-1)),
        ("t", vec![any(&[2, 3])], |x| x[0].square().t()),
        ("movedims", vec![any(s)], |x| x[0].square().movedims(&[0, 1], &[2, 0])),
        ("split", vec![any(s)], |x| x[0].square().split(2, 1)[1].clone()),
        ("split_with_sizes", vec![any(s)], |x| x[0].square().split_with_sizes(&[1, 3], 2)[1].clone()),
        ("chunk", vec![any(s)], |x| x[0].square().chunk(3, 2)[0].clone()),
        ("unbind", vec![any(s)], |x| x[0].square().unbind(0)[1].clone()),
        ("select", vec![any(s)], |x| x[0].square().select(2, 3)),
        ("roll", vec![any(s)], |x| x[0].square().roll(-1, 2)),
        ("repeat", vec![any(&[2, 2])], |x| x[0].square().repeat(&[2, 1, 3])),
        ("tile", vec![any(&[2, 2])], |x| x[0].square().tile(&[2])),
        ("repeat_interleave", vec![any(&[2, 2])], |x| x[0].square().repeat_interleave(3, 1)),
        ("repeat_interleave_each", vec![any(&[2, 2])], |x| x[0].square().repeat_interleave_each(&[3, 0], 1)),
        ("tril", vec![any(&[3, 3])], |x| x[0].square().tril(0)),
        ("triu", vec![any(&[3, 4])], |x| x[0].square().triu(1)),
        ("diagonal", vec![any(&[2, 3, 4])], |x| x[0].square().diagonal(1, 1, 2)),
        ("diag_embed", vec![any(&[2, 3])], |x| x[0].square().diag_embed(-1)),
        ("cat", vec![any(&[2, 1]), any(&[2, 3])], |x| cat(&[&x[0], &x[1], &x[0]], 1).square()),
        ("broadcast_tensors", vec![any(&[2, 1]), any(&[3])], |x| {
            let [a, b] = broadcast_tensors([&x[0], &x[1]]);
            a * b.square()
        }),
        ("stack", vec![any(&[2, 2]), any(&[2, 2])], |x| stack(&[&x[0], &x[1]], 1).square()),
        ("pad", vec![any(&[2, 3])], |x| x[0].square().pad(&[(1, 2), (0, 1)], Padding::Constant(0.5))),
        ("pad, cutting", vec![any(&[2, 4])], |x| x[0].square().pad(&[(-1, 1)], Padding::Constant(0.0))),
        ("pad, reflect", vec![any(&[2, 4])], |x| x[0].square().pad(&[(2, 1)], Padding::Reflect)),
        ("pad, replicate", vec![any(&[2, 4])], |x| x[0].square().pad(&[(2, 1)], Padding::Replicate)),
        ("pad, circular", vec![any(&[2, 4])], |x| x[0].square().pad(&[(2, 1)], Padding::Circular)),
    ]
}

fn indexing() -> Vec<Case> {
    vec![
        ("gather", vec![any(&[3, 4])], |x| x[0].square().gather(1, &ints(&[3, 0, 0, 2, 1, 1], &[2, 3]))),
        ("index_select", vec![any(&[3, 4])], |x| x[0].square().index_select(0, &ints(&[2, 2, 0], &[3]))),
        ("embedding", vec![any(&[4, 3])], |x| x[0].embedding(&ints(&[1, 3, 1, 0], &[2, 2])).square()),
        // The row without a gradient is not read, as differences would give it one.
        ("embedding_padded", vec![any(&[4, 3])], |x| {
            x[0].embedding_padded(&ints(&[1, 3, 1, 0], &[2, 2]), 2).square()
        }),
        ("masked_select", vec![any(&[2, 3])], |x| {
            x[0].masked_select(&ints(&[1, 0, 1], &[3]).eq(1.0)).unwrap().square()
        }),
        ("scatter_add", vec![any(&[3, 4]), any(&[2, 3])], |x| {
            x[0].scatter_add(1, &ints(&[3, 0, 0, 2, 1, 1], &[2, 3]), &x[1]).square()
        }),
        ("scatter", vec![any(&[3, 4]), any(&[2, 2])], |x| {
            x[0].scatter(1, &ints(&[3, 0, 0, 2], &[2, 2]), &x[1]).square()
        }),
        ("scatter, of a number", vec![any(&[4])], |x| x[0].square().scatter(0, &ints(&[2, 2], &[2]), 3.0)),
        ("index", vec![any(&[3, 4])], |x| {
            x[0].square().index(&[&ints(&[2, 0, 2], &[3]), &ints(&[1, 1, 1], &[3])])
        }),
        ("take_along_dim", vec![any(&[3, 1])], |x| {
            x[0].square().take_along_dim(&ints(&[2, 0, 1, 2], &[2, 2]), 0)
        }),
        ("index_add", vec![any(&[3, 2]), any(&[4, 2])], |x| {
            x[0].index_add(0, &ints(&[2, 2, 0, 1], &[4]), &x[1]).square()
        }),
    ]
}

pub fn cases() -> Vec<Case> {
    [views(), indexing()].into_iter().flatten().collect()
}

#[test]
fn gradients() {
    check_all(cases());
}
