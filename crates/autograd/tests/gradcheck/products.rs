//! Matrix products, convolutions and attention.

use autograd::{DType, Tensor, einsum};

use crate::check::{Case, any, check_all};

fn matrices() -> Vec<Case> {
    vec![
        ("einsum", vec![any(&[2, 3]), any(&[3, 4, 2]), any(&[4])], |x| {
            einsum("ai,ija,j->ja", &[&x[0], &x[1], &x[2]])
        }),
        ("einsum, of diagonals", vec![any(&[3, 3, 2])], |x| einsum("iij->j", &[&x[0].square()])),
        ("matmul", vec![any(&[2, 3]), any(&[3, 4])], |x| x[0].matmul(&x[1])),
        ("matmul, of vectors", vec![any(&[3]), any(&[3])], |x| x[0].matmul(&x[1])),
        ("matmul, of a batch", vec![any(&[2, 2, 3]), any(&[3, 2])], |x| x[0].matmul(&x[1])),
        ("matmul, with broadcasting", vec![any(&[2, 1, 2, 3]), any(&[2, 3, 2])], |x| x[0].matmul(&x[1])),
        ("bmm", vec![any(&[2, 2, 3]), any(&[2, 3, 2])], |x| x[0].bmm(&x[1])),
        ("dot", vec![any(&[3]), any(&[3])], |x| x[0].dot(&x[1])),
        ("outer", vec![any(&[2]), any(&[3])], |x| x[0].outer(&x[1])),
        ("matmul, with a transpose", vec![any(&[3, 3])], |x| x[0].matmul(&x[0].t())),
        ("addmm", vec![any(&[3]), any(&[2, 3]), any(&[3, 3])], |x| {
            x[0].square().addmm(&x[1], &x[2], 0.5, -2.0)
        }),
        ("linear", vec![any(&[2, 3]), any(&[4, 3]), any(&[4])], |x| x[0].linear(&x[1], Some(&x[2]))),
    ]
}

fn planes() -> Vec<Case> {
    vec![
        ("conv2d", vec![any(&[2, 2, 4, 4]), any(&[3, 2, 3, 3]), any(&[3])], |x| {
            x[0].conv2d(&x[1], Some(&x[2]), [1, 1], [1, 1], [1, 1], 1)
        }),
        ("conv2d, stride 2", vec![any(&[1, 2, 5, 4]), any(&[2, 2, 3, 2])], |x| {
            x[0].conv2d(&x[1], None, [2, 2], [1, 0], [1, 1], 1)
        }),
        ("conv2d, dilation", vec![any(&[1, 1, 6, 5]), any(&[2, 1, 2, 2])], |x| {
            x[0].conv2d(&x[1], None, [1, 2], [0, 1], [3, 2], 1)
        }),
        ("conv2d, in groups", vec![any(&[2, 4, 3, 3]), any(&[6, 2, 2, 2])], |x| {
            x[0].conv2d(&x[1], None, [1, 1], [0, 0], [1, 1], 2)
        }),
        ("conv2d_same", vec![any(&[1, 2, 4, 3]), any(&[2, 2, 2, 3])], |x| {
            x[0].conv2d_same(&x[1], None, [1, 1], 1)
        }),
        ("conv2d, of one image", vec![any(&[2, 3, 3]), any(&[2, 2, 2, 2]), any(&[2])], |x| {
            x[0].conv2d(&x[1], Some(&x[2]), [1, 1], [0, 0], [1, 1], 1)
        }),
        ("conv2d, depthwise", vec![any(&[1, 3, 4, 4]), any(&[3, 1, 3, 3])], |x| {
            x[0].conv2d(&x[1], None, [1, 1], [1, 1], [1, 1], 3)
        }),
        ("conv2d, pointwise", vec![any(&[2, 3, 2, 2]), any(&[2, 3, 1, 1])], |x| {
            x[0].conv2d(&x[1], None, [1, 1], [0, 0], [1, 1], 1)
        }),
    ]
}

fn other_dimensions() -> Vec<Case> {
    vec![
        ("conv1d", vec![any(&[2, 2, 6]), any(&[3, 2, 3]), any(&[3])], |x| {
            x[0].conv1d(&x[1], Some(&x[2]), 2, 1, 1, 1)
        }),
        ("conv1d_same", vec![any(&[1, 4, 5]), any(&[2, 2, 2])], |x| x[0].conv1d_same(&x[1], None, 2, 2)),
        ("conv3d", vec![any(&[1, 2, 3, 3, 2]), any(&[2, 2, 2, 2, 2]), any(&[2])], |x| {
            x[0].conv3d(&x[1], Some(&x[2]), [1; 3], [1, 0, 0], [1; 3], 1)
        }),
        ("conv3d, in groups", vec![any(&[1, 2, 4, 3, 2]), any(&[2, 1, 2, 2, 1])], |x| {
            x[0].conv3d(&x[1], None, [2, 1, 1], [0, 1, 0], [1, 2, 1], 2)
        }),
        ("conv3d_same", vec![any(&[1, 1, 2, 3, 2]), any(&[2, 1, 2, 1, 2]), any(&[2])], |x| {
            x[0].conv3d_same(&x[1], Some(&x[2]), [1; 3], 1)
        }),
        ("conv_transpose1d", vec![any(&[1, 2, 3]), any(&[2, 1, 3]), any(&[2])], |x| {
            x[0].conv_transpose1d(&x[1], Some(&x[2]), 2, 1, 1, 2, 2)
        }),
        ("conv_transpose2d", vec![any(&[2, 2, 2, 3]), any(&[2, 3, 2, 2]), any(&[3])], |x| {
            x[0].conv_transpose2d(&x[1], Some(&x[2]), [2, 1], [1, 0], [1, 0], 1, [1; 2])
        }),
        ("conv_transpose2d, dilation", vec![any(&[1, 2, 2, 2]), any(&[2, 1, 2, 2])], |x| {
            x[0].conv_transpose2d(&x[1], None, [1, 2], [0, 1], [2, 0], 2, [3, 1])
        }),
        ("unfold", vec![any(&[1, 2, 4, 3])], |x| x[0].square().unfold([2, 2], [2, 1], [1, 0], [1, 2])),
        ("fold", vec![any(&[1, 4, 8])], |x| x[0].square().fold([4, 3], [2, 2], [2, 1], [1, 0], [1, 1])),
    ]
}

fn attention() -> Vec<Case> {
    let (q, k, v) = (&[2, 2, 3, 4], &[2, 2, 5, 4], &[2, 2, 5, 3]);
    let seen = |x: &[Tensor]| {
        // The second query of the first head attends to nothing.
        let words: Vec<i32> = (0..30).map(|i| i32::from(i % 3 != 0 && !(5..10).contains(&i))).collect();
        let mask = Tensor::from_slice(x[0].device(), &words, &[2, 3, 5]).unwrap().to(DType::Bool);
        x[0].scaled_dot_product_attention(&x[1], &x[2], Some(&mask), false, None)
    };
    vec![
        ("scaled_dot_product_attention", vec![any(q), any(k), any(v)], |x| {
            x[0].scaled_dot_product_attention(&x[1], &x[2], None, false, Some(0.7))
        }),
        ("scaled_dot_product_attention, causal", vec![any(q), any(k), any(v)], |x| {
            x[0].scaled_dot_product_attention(&x[1], &x[2], None, true, None)
        }),
        ("scaled_dot_product_attention, window", vec![any(q), any(k), any(v)], |x| {
            x[0].scaled_dot_product_attention(&x[1], &x[2], None, [1, 1], None)
        }),
        ("scaled_dot_product_attention, mask", vec![any(q), any(k), any(v)], seen),
        (
            "scaled_dot_product_attention, additive mask",
            vec![any(q), any(k), any(v), any(&[2, 1, 3, 5])],
            |x| x[0].scaled_dot_product_attention(&x[1], &x[2], Some(&x[3]), true, None),
        ),
        ("scaled_dot_product_attention, of matrices", vec![any(&[3, 2]), any(&[4, 2]), any(&[4, 5])], |x| {
            x[0].scaled_dot_product_attention(&x[1], &x[2], None, false, None)
        }),
        (
            "scaled_dot_product_attention, grouped queries",
            vec![any(&[4, 3, 2]), any(&[2, 4, 2]), any(&[2, 4, 2])],
            |x| x[0].scaled_dot_product_attention(&x[1], &x[2], None, true, None),
        ),
        ("attention_weights", vec![any(&[2, 3, 2]), any(&[2, 4, 2]), any(&[3, 4])], |x| {
            x[0].attention_weights(&x[1], Some(&x[2]), true, Some(1.5))
        }),
    ]
}

pub fn cases() -> Vec<Case> {
    [matrices(), planes(), other_dimensions(), attention()].into_iter().flatten().collect()
}

#[test]
fn gradients() {
    check_all(cases());
}
