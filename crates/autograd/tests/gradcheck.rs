//! Every differentiable operation against differences of itself, to first and second order.

mod check;

use autograd::{
    CrossEntropyTarget::{Classes, Probabilities},
    Device, Generator, Interpolation, Padding, Pool1d, Pool2d, Pool3d, Reduction, Resize, Tensor,
    batch_norm_train, cat, einsum, stack,
};
use check::Order::{First, Second};
use check::{Input, any, between, check, distinct, signed};

fn cpu() -> Device {
    Device::named("cpu").unwrap()
}

fn ints(values: &[i32], shape: &[usize]) -> Tensor {
    Tensor::from_slice(&cpu(), values, shape).unwrap()
}

type Case = (&'static str, Vec<Input>, fn(&[Tensor]) -> Tensor);

fn check_all(cases: Vec<Case>) {
    cases.iter().for_each(|(name, inputs, f)| check(name, Second, inputs, f));
}

#[test]
fn functions_of_one_element() {
    let s = &[2, 3];
    check_all(vec![
        ("neg", vec![any(s)], |x| -&x[0]),
        ("abs", vec![signed(0.2, 1.0, s)], |x| x[0].abs()),
        ("sign", vec![signed(0.2, 1.0, s)], |x| x[0].sign() * &x[0]),
        ("reciprocal", vec![signed(0.7, 1.5, s)], |x| x[0].reciprocal()),
        ("sqrt", vec![between(0.7, 2.0, s)], |x| x[0].sqrt()),
        ("rsqrt", vec![between(0.7, 2.0, s)], |x| x[0].rsqrt()),
        ("exp", vec![any(s)], |x| x[0].exp()),
        ("exp2", vec![any(s)], |x| x[0].exp2()),
        ("expm1", vec![any(s)], |x| x[0].expm1()),
        ("log", vec![between(0.7, 2.0, s)], |x| x[0].log()),
        ("log2", vec![between(0.7, 2.0, s)], |x| x[0].log2()),
        ("log10", vec![between(0.7, 2.0, s)], |x| x[0].log10()),
        ("log1p", vec![between(-0.2, 1.0, s)], |x| x[0].log1p()),
        ("sin", vec![any(s)], |x| x[0].sin()),
        ("cos", vec![any(s)], |x| x[0].cos()),
        ("tan", vec![between(-0.7, 0.7, s)], |x| x[0].tan()),
        ("asin", vec![between(-0.6, 0.6, s)], |x| x[0].asin()),
        ("acos", vec![between(-0.6, 0.6, s)], |x| x[0].acos()),
        ("atan", vec![any(s)], |x| x[0].atan()),
        ("sinh", vec![any(s)], |x| x[0].sinh()),
        ("cosh", vec![any(s)], |x| x[0].cosh()),
        ("asinh", vec![any(s)], |x| x[0].asinh()),
        ("acosh", vec![between(1.6, 3.0, s)], |x| x[0].acosh()),
        ("atanh", vec![between(-0.6, 0.6, s)], |x| x[0].atanh()),
        ("tanh", vec![any(s)], |x| x[0].tanh()),
        ("erf", vec![any(s)], |x| x[0].erf()),
        ("erfc", vec![any(s)], |x| x[0].erfc()),
        ("sigmoid", vec![any(s)], |x| x[0].sigmoid()),
        ("relu", vec![signed(0.2, 1.0, s)], |x| x[0].relu()),
        ("floor", vec![between(0.1, 0.9, s)], |x| x[0].floor() * &x[0]),
        ("ceil", vec![between(0.1, 0.9, s)], |x| x[0].ceil() * &x[0]),
        ("round", vec![between(0.6, 0.9, s)], |x| x[0].round() * &x[0]),
        ("trunc", vec![between(1.1, 1.9, s)], |x| x[0].trunc() * &x[0]),
        ("frac", vec![between(1.1, 1.9, s)], |x| x[0].frac()),
        ("square", vec![any(s)], |x| x[0].square()),
        ("rpow", vec![any(s)], |x| x[0].rpow(2.5)),
        ("lgamma", vec![between(0.5, 3.0, s)], |x| x[0].lgamma()),
        ("digamma", vec![between(0.7, 3.0, s)], |x| x[0].digamma()),
    ]);
}

#[test]
fn functions_of_two_elements() {
    let (s, row, scalar) = (&[2, 3], &[3], &[]);
    check_all(vec![
        ("add", vec![any(s), any(row)], |x| &x[0] + &x[1]),
        ("sub", vec![any(s), any(scalar)], |x| &x[0] - &x[1]),
        ("mul", vec![any(&[2, 1]), any(row)], |x| &x[0] * &x[1]),
        ("mul with itself", vec![any(s)], |x| &x[0] * &x[0]),
        ("div", vec![any(s), signed(0.8, 1.5, row)], |x| &x[0] / &x[1]),
        ("numbers", vec![between(0.7, 1.0, s)], |x| 2.0 / (3.0 - &x[0] * 0.5)),
        ("pow", vec![between(0.7, 1.5, s), any(row)], |x| x[0].pow(&x[1])),
        ("xlogy", vec![any(s), between(0.7, 1.5, row)], |x| x[0].xlogy(&x[1])),
        ("pow of a number", vec![signed(0.6, 1.5, s)], |x| x[0].pow(3.0)),
        ("atan2", vec![signed(0.6, 1.0, s), signed(0.6, 1.0, s)], |x| x[0].atan2(&x[1])),
        ("fmod", vec![between(2.2, 2.6, s), between(0.9, 1.0, s)], |x| x[0].fmod(&x[1])),
        ("remainder", vec![between(-2.6, -2.2, s), between(0.9, 1.0, s)], |x| x[0].remainder(&x[1])),
        ("maximum", vec![between(0.0, 0.4, s), signed(0.6, 1.0, s)], |x| x[0].maximum(&x[1])),
        ("minimum", vec![between(0.0, 0.4, s), signed(0.6, 1.0, s)], |x| x[0].minimum(&x[1])),
        ("where", vec![any(s), any(row)], |x| (&x[0] * &x[0]).where_(&ints(&[1, 0, 1], &[3]).eq(1.0), &x[1])),
        ("masked_fill", vec![any(s)], |x| x[0].square().masked_fill(&ints(&[1, 0, 1], &[3]).eq(1.0), 2.0)),
        ("lerp", vec![any(s), any(s), any(row)], |x| x[0].lerp(&x[1], &x[2])),
        ("clamp inside", vec![any(s)], |x| x[0].clamp(-1.1, 1.1).square()),
        ("clamp outside", vec![signed(0.6, 0.9, s)], |x| x[0].clamp(-0.5, 0.5).square() * &x[0]),
        ("clamp by tensors", vec![any(s), between(-3.0, -2.0, row), between(-1.5, -1.2, row)], |x| {
            x[0].clamp(&x[1], &x[2]).square()
        }),
    ]);
}

#[test]
fn activations() {
    let s = &[2, 4];
    check_all(vec![
        ("threshold", vec![signed(0.2, 1.0, s)], |x| x[0].threshold(0.0, 3.0).square()),
        ("hardtanh", vec![signed(0.2, 0.9, s)], |x| (x[0].hardtanh(-1.0, 1.0)).square()),
        ("relu6", vec![signed(0.2, 1.0, s)], |x| x[0].relu6().square()),
        ("leaky_relu", vec![signed(0.2, 1.0, s)], |x| x[0].leaky_relu(0.1).square()),
        ("prelu", vec![signed(0.2, 1.0, s), any(&[4])], |x| x[0].prelu(&x[1])),
        ("elu", vec![signed(0.2, 1.0, s)], |x| x[0].elu(1.3)),
        ("celu", vec![signed(0.2, 1.0, s)], |x| x[0].celu(1.3)),
        ("selu", vec![signed(0.2, 1.0, s)], |x| x[0].selu()),
        ("softplus", vec![any(s)], |x| x[0].softplus(1.5, 20.0)),
        ("softsign", vec![signed(0.2, 1.0, s)], |x| x[0].softsign()),
        ("tanhshrink", vec![any(s)], |x| x[0].tanhshrink()),
        ("hardshrink", vec![signed(0.2, 0.4, s)], |x| x[0].hardshrink(0.1).square()),
        ("softshrink", vec![signed(0.2, 0.4, s)], |x| x[0].softshrink(0.1).square()),
        ("silu", vec![any(s)], |x| x[0].silu()),
        ("mish", vec![any(s)], |x| x[0].mish()),
        ("hardsigmoid", vec![any(s)], |x| x[0].hardsigmoid().square()),
        ("hardswish", vec![any(s)], |x| x[0].hardswish()),
        ("gelu", vec![any(s)], |x| x[0].gelu()),
        ("gelu_tanh", vec![any(s)], |x| x[0].gelu_tanh()),
        ("logsigmoid", vec![signed(0.2, 1.0, s)], |x| x[0].logsigmoid()),
        ("glu", vec![any(s)], |x| x[0].glu(1)),
    ]);
}

#[test]
fn reductions() {
    let s = &[2, 3, 2];
    check_all(vec![
        ("sum", vec![any(s)], |x| x[0].square().sum(&[0, 2], false)),
        ("mean", vec![any(s)], |x| x[0].square().mean(&[1], true)),
        ("mean_all", vec![any(s)], |x| x[0].square().mean_all()),
        ("prod", vec![signed(0.5, 1.0, s)], |x| x[0].prod(&[1, 2], false)),
        ("amax", vec![distinct(s)], |x| x[0].amax(&[0, 1], false).square()),
        ("amin", vec![distinct(s)], |x| x[0].amin(&[2], true).square()),
        ("max_dim", vec![distinct(s)], |x| x[0].max_dim(1, false).0.square()),
        ("min_dim", vec![distinct(s)], |x| x[0].min_dim(-1, true).0.square()),
        ("var", vec![any(s)], |x| x[0].var(&[0, 2], 1.0, false)),
        ("std", vec![distinct(s)], |x| x[0].std(&[1], 1.0, false)),
        ("logsumexp", vec![any(s)], |x| x[0].logsumexp(&[1, 2], false)),
        ("norm 1", vec![signed(0.2, 1.0, s)], |x| x[0].norm(1.0, &[1], false).square()),
        ("norm 2", vec![signed(0.5, 1.0, s)], |x| x[0].norm(2.0, &[1], false)),
        ("norm 3", vec![signed(0.5, 1.0, s)], |x| x[0].norm(3.0, &[1], false)),
        ("norm infinity", vec![distinct(&[5])], |x| x[0].norm(f32::INFINITY, &[0], false).square()),
        ("normalize", vec![signed(0.5, 1.0, s)], |x| x[0].normalize(2.0, 1, 1e-12)),
        ("softmax", vec![any(s)], |x| x[0].softmax(1)),
        ("softmin", vec![any(s)], |x| x[0].softmin(-1)),
        ("log_softmax", vec![any(s)], |x| x[0].log_softmax(1)),
    ]);
}

/// The squares make the second derivative something other than zero.
#[test]
fn views_and_pieces() {
    let s = &[2, 3, 4];
    check_all(vec![
        ("reshape", vec![any(s)], |x| x[0].square().reshape(&[4, 6])),
        ("permute", vec![any(s)], |x| x[0].square().permute(&[2, 0, 1])),
        ("movedim", vec![any(s)], |x| x[0].square().movedim(0, -1)),
        ("transpose", vec![any(s)], |x| x[0].square().transpose(0, -1)),
        ("expand", vec![any(&[3, 1])], |x| x[0].square().expand(&[2, 3, 4])),
        ("slice", vec![any(s)], |x| x[0].square().slice(2, 0, isize::MAX, 2)),
        ("slice from an odd place", vec![any(s)], |x| x[0].slice(2, 1, 4, 2).square()),
        ("slice backwards", vec![any(s)], |x| x[0].square().slice(1, -1, isize::MIN, -2)),
        ("narrow", vec![any(s)], |x| x[0].square().narrow(1, 1, 2)),
        ("flip", vec![any(s)], |x| x[0].square().flip(&[0, 2])),
        ("flatten", vec![any(s)], |x| x[0].square().flatten(1, 2)),
        ("squeeze", vec![any(&[2, 1])], |x| x[0].square().squeeze(&[1]).unsqueeze(0)),
        ("split", vec![any(s)], |x| x[0].square().split(2, 1)[1].clone()),
        ("split_with_sizes", vec![any(s)], |x| x[0].square().split_with_sizes(&[1, 3], 2)[1].clone()),
        ("chunk", vec![any(s)], |x| x[0].square().chunk(3, 2)[0].clone()),
        ("unbind", vec![any(s)], |x| x[0].square().unbind(0)[1].clone()),
        ("select", vec![any(s)], |x| x[0].square().select(2, 3)),
        ("roll", vec![any(s)], |x| x[0].square().roll(-1, 2)),
        ("repeat", vec![any(&[2, 2])], |x| x[0].square().repeat(&[2, 1, 3])),
        ("tile", vec![any(&[2, 2])], |x| x[0].square().tile(&[2])),
        ("repeat_interleave", vec![any(&[2, 2])], |x| x[0].square().repeat_interleave(3, 1)),
        ("tril", vec![any(&[3, 3])], |x| x[0].square().tril(0)),
        ("triu", vec![any(&[3, 4])], |x| x[0].square().triu(1)),
        ("diagonal", vec![any(&[2, 3, 4])], |x| x[0].square().diagonal(1, 1, 2)),
        ("diag_embed", vec![any(&[2, 3])], |x| x[0].square().diag_embed(-1)),
        ("cat", vec![any(&[2, 1]), any(&[2, 3])], |x| cat(&[&x[0], &x[1], &x[0]], 1).square()),
        ("stack", vec![any(&[2, 2]), any(&[2, 2])], |x| stack(&[&x[0], &x[1]], 1).square()),
        ("pad zeros", vec![any(&[2, 3])], |x| x[0].square().pad(&[(1, 2), (0, 1)], Padding::Constant(0.5))),
        ("pad cutting", vec![any(&[2, 4])], |x| x[0].square().pad(&[(-1, 1)], Padding::Constant(0.0))),
        ("pad reflect", vec![any(&[2, 4])], |x| x[0].square().pad(&[(2, 1)], Padding::Reflect)),
        ("pad replicate", vec![any(&[2, 4])], |x| x[0].square().pad(&[(2, 1)], Padding::Replicate)),
        ("pad circular", vec![any(&[2, 4])], |x| x[0].square().pad(&[(2, 1)], Padding::Circular)),
    ]);
}

#[test]
fn indexing() {
    check_all(vec![
        ("gather", vec![any(&[3, 4])], |x| x[0].square().gather(1, &ints(&[3, 0, 0, 2, 1, 1], &[2, 3]))),
        ("index_select", vec![any(&[3, 4])], |x| x[0].square().index_select(0, &ints(&[2, 2, 0], &[3]))),
        ("embedding", vec![any(&[4, 3])], |x| x[0].embedding(&ints(&[1, 3, 1, 0], &[2, 2])).square()),
        ("scatter_add", vec![any(&[3, 4]), any(&[2, 3])], |x| {
            x[0].scatter_add(1, &ints(&[3, 0, 0, 2, 1, 1], &[2, 3]), &x[1]).square()
        }),
        ("scatter", vec![any(&[3, 4]), any(&[2, 2])], |x| {
            x[0].scatter(1, &ints(&[3, 0, 0, 2], &[2, 2]), &x[1]).square()
        }),
        ("index", vec![any(&[3, 4])], |x| {
            x[0].square().index(&[&ints(&[2, 0, 2], &[3]), &ints(&[1, 1, 1], &[3])])
        }),
        ("take_along_dim", vec![any(&[3, 1])], |x| {
            x[0].square().take_along_dim(&ints(&[2, 0, 1, 2], &[2, 2]), 0)
        }),
        ("index_add", vec![any(&[3, 2]), any(&[4, 2])], |x| {
            x[0].index_add(0, &ints(&[2, 2, 0, 1], &[4]), &x[1]).square()
        }),
    ]);
}

#[test]
fn distances_and_segments() {
    check_all(vec![
        ("cdist", vec![between(0.0, 0.4, &[2, 3]), between(1.0, 1.4, &[2, 3])], |x| x[0].cdist(&x[1], 2.0)),
        ("cdist, p 3", vec![between(0.0, 0.4, &[2, 3]), between(1.0, 1.4, &[2, 3])], |x| {
            x[0].cdist(&x[1], 3.0)
        }),
        ("segment_sum", vec![any(&[4, 2])], |x| x[0].square().segment_sum(&ints(&[1, 0, 1, 3], &[4]), 4)),
        ("segment_mean", vec![any(&[4, 2])], |x| x[0].square().segment_mean(&ints(&[1, 0, 1, 3], &[4]), 4)),
        ("segment_max", vec![distinct(&[4, 2])], |x| {
            x[0].segment_max(&ints(&[1, 0, 1, 3], &[4]), 4).square()
        }),
        ("segment_softmax", vec![any(&[4, 2])], |x| {
            x[0].segment_softmax(&ints(&[1, 0, 1, 3], &[4]), 4).square()
        }),
    ]);
}

#[test]
fn scans_and_sorts() {
    check_all(vec![
        ("cumsum", vec![any(&[3, 4])], |x| x[0].square().cumsum(1)),
        ("cumsum of columns", vec![any(&[3, 2])], |x| x[0].square().cumsum(0)),
        ("cumprod", vec![signed(0.6, 1.2, &[2, 4])], |x| x[0].cumprod(1)),
        ("logcumsumexp", vec![any(&[2, 4])], |x| x[0].logcumsumexp(1)),
        ("sort", vec![distinct(&[2, 5])], |x| x[0].sort(1, true).0.square()),
        ("topk", vec![distinct(&[5, 2])], |x| x[0].topk(3, 0, false).0.square()),
    ]);
}

#[test]
fn matrix_products() {
    check_all(vec![
        ("einsum", vec![any(&[2, 3]), any(&[3, 4, 2]), any(&[4])], |x| {
            einsum("ai,ija,j->ja", &[&x[0], &x[1], &x[2]])
        }),
        ("einsum of diagonals", vec![any(&[3, 3, 2])], |x| einsum("iij->j", &[&x[0].square()])),
        ("matmul", vec![any(&[2, 3]), any(&[3, 4])], |x| x[0].matmul(&x[1])),
        ("matmul of vectors", vec![any(&[3]), any(&[3])], |x| x[0].matmul(&x[1])),
        ("matmul of a batch", vec![any(&[2, 2, 3]), any(&[3, 2])], |x| x[0].matmul(&x[1])),
        ("matmul with broadcasting", vec![any(&[2, 1, 2, 3]), any(&[2, 3, 2])], |x| x[0].matmul(&x[1])),
        ("bmm", vec![any(&[2, 2, 3]), any(&[2, 3, 2])], |x| x[0].bmm(&x[1])),
        ("dot", vec![any(&[3]), any(&[3])], |x| x[0].dot(&x[1])),
        ("outer", vec![any(&[2]), any(&[3])], |x| x[0].outer(&x[1])),
        ("matmul with a transpose", vec![any(&[3, 3])], |x| x[0].matmul(&x[0].t())),
        ("linear", vec![any(&[2, 3]), any(&[4, 3]), any(&[4])], |x| x[0].linear(&x[1], Some(&x[2]))),
    ]);
}

#[test]
fn convolutions() {
    check_all(vec![
        ("conv2d", vec![any(&[2, 2, 4, 4]), any(&[3, 2, 3, 3]), any(&[3])], |x| {
            x[0].conv2d(&x[1], Some(&x[2]), [1, 1], [1, 1], [1, 1], 1)
        }),
        ("conv2d of stride 2", vec![any(&[1, 2, 5, 4]), any(&[2, 2, 3, 2])], |x| {
            x[0].conv2d(&x[1], None, [2, 2], [1, 0], [1, 1], 1)
        }),
        ("conv2d with dilation", vec![any(&[1, 1, 6, 5]), any(&[2, 1, 2, 2])], |x| {
            x[0].conv2d(&x[1], None, [1, 2], [0, 1], [3, 2], 1)
        }),
        ("conv2d in groups", vec![any(&[2, 4, 3, 3]), any(&[6, 2, 2, 2])], |x| {
            x[0].conv2d(&x[1], None, [1, 1], [0, 0], [1, 1], 2)
        }),
        ("conv2d_same", vec![any(&[1, 2, 4, 3]), any(&[2, 2, 2, 3])], |x| {
            x[0].conv2d_same(&x[1], None, [1, 1], 1)
        }),
        ("conv2d of one image", vec![any(&[2, 3, 3]), any(&[2, 2, 2, 2]), any(&[2])], |x| {
            x[0].conv2d(&x[1], Some(&x[2]), [1, 1], [0, 0], [1, 1], 1)
        }),
        ("depthwise conv2d", vec![any(&[1, 3, 4, 4]), any(&[3, 1, 3, 3])], |x| {
            x[0].conv2d(&x[1], None, [1, 1], [1, 1], [1, 1], 3)
        }),
        ("pointwise conv2d", vec![any(&[2, 3, 2, 2]), any(&[2, 3, 1, 1])], |x| {
            x[0].conv2d(&x[1], None, [1, 1], [0, 0], [1, 1], 1)
        }),
    ]);
}

#[test]
fn convolutions_over_other_dimensions() {
    check_all(vec![
        ("conv1d", vec![any(&[2, 2, 6]), any(&[3, 2, 3]), any(&[3])], |x| {
            x[0].conv1d(&x[1], Some(&x[2]), 2, 1, 1, 1)
        }),
        ("conv1d_same", vec![any(&[1, 4, 5]), any(&[2, 2, 2])], |x| x[0].conv1d_same(&x[1], None, 2, 2)),
        ("conv3d", vec![any(&[1, 2, 3, 3, 2]), any(&[2, 2, 2, 2, 2]), any(&[2])], |x| {
            x[0].conv3d(&x[1], Some(&x[2]), [1; 3], [1, 0, 0], [1; 3], 1)
        }),
        ("conv3d in groups", vec![any(&[1, 2, 4, 3, 2]), any(&[2, 1, 2, 2, 1])], |x| {
            x[0].conv3d(&x[1], None, [2, 1, 1], [0, 1, 0], [1, 2, 1], 2)
        }),
        ("conv_transpose1d", vec![any(&[1, 2, 3]), any(&[2, 1, 3]), any(&[2])], |x| {
            x[0].conv_transpose1d(&x[1], Some(&x[2]), 2, 1, 1, 2, 2)
        }),
        ("conv_transpose2d", vec![any(&[2, 2, 2, 3]), any(&[2, 3, 2, 2]), any(&[3])], |x| {
            x[0].conv_transpose2d(&x[1], Some(&x[2]), [2, 1], [1, 0], [1, 0], 1, [1; 2])
        }),
        ("conv_transpose2d with dilation", vec![any(&[1, 2, 2, 2]), any(&[2, 1, 2, 2])], |x| {
            x[0].conv_transpose2d(&x[1], None, [1, 2], [0, 1], [2, 0], 2, [3, 1])
        }),
        ("unfold", vec![any(&[1, 2, 4, 3])], |x| x[0].square().unfold([2, 2], [2, 1], [1, 0], [1, 2])),
        ("fold", vec![any(&[1, 4, 8])], |x| x[0].square().fold([4, 3], [2, 2], [2, 1], [1, 0], [1, 1])),
    ]);
}

#[test]
fn pools_over_other_dimensions() {
    check_all(vec![
        ("max_pool1d", vec![distinct(&[1, 2, 6])], |x| {
            x[0].max_pool1d(Pool1d { stride: [2], padding: [1], ..Pool1d::new(3) }).0.square()
        }),
        ("avg_pool1d", vec![any(&[1, 2, 6])], |x| {
            let pool = Pool1d { stride: [2], padding: [1], ceil_mode: true, ..Pool1d::new(3) };
            x[0].square().avg_pool1d(pool, false)
        }),
        ("max_pool3d", vec![distinct(&[1, 1, 3, 3, 2])], |x| {
            x[0].max_pool3d(Pool3d { stride: [1; 3], ..Pool3d::new(2) }).0.square()
        }),
        ("avg_pool3d", vec![any(&[1, 1, 3, 3, 2])], |x| {
            x[0].square().avg_pool3d(Pool3d { stride: [1; 3], padding: [1; 3], ..Pool3d::new(2) }, false)
        }),
        ("lp_pool1d", vec![signed(0.5, 1.0, &[1, 2, 5])], |x| {
            x[0].lp_pool1d(2.0, Pool1d { ceil_mode: true, ..Pool1d::new(2) })
        }),
        ("lp_pool2d", vec![between(0.5, 1.0, &[1, 1, 3, 3])], |x| {
            x[0].lp_pool2d(3.0, Pool2d { stride: [1; 2], ..Pool2d::new(2) })
        }),
        ("adaptive_avg_pool1d", vec![any(&[1, 2, 5])], |x| x[0].square().adaptive_avg_pool1d(3)),
        ("adaptive_avg_pool2d", vec![any(&[1, 2, 4, 5])], |x| x[0].square().adaptive_avg_pool2d([2, 7])),
        ("adaptive_max_pool1d", vec![distinct(&[1, 2, 5])], |x| x[0].adaptive_max_pool1d(3).0.square()),
        ("adaptive_max_pool2d", vec![distinct(&[1, 1, 4, 5])], |x| {
            x[0].adaptive_max_pool2d([3, 7]).0.square()
        }),
    ]);
}

#[test]
fn resizing() {
    check_all(vec![
        ("nearest, doubled", vec![any(&[1, 2, 2, 3])], |x| {
            x[0].square().interpolate(Resize::By(&[2.0]), Interpolation::Nearest)
        }),
        ("nearest", vec![any(&[1, 2, 5])], |x| {
            x[0].square().interpolate(Resize::To(&[3]), Interpolation::NearestExact)
        }),
        ("trilinear", vec![any(&[1, 1, 2, 3, 2])], |x| {
            let mode = Interpolation::Linear { align_corners: true };
            x[0].square().interpolate(Resize::To(&[3, 2, 5]), mode)
        }),
        ("bicubic", vec![any(&[1, 1, 4, 3])], |x| {
            let mode = Interpolation::Cubic { align_corners: false };
            x[0].square().interpolate(Resize::By(&[1.5, 0.7]), mode)
        }),
        ("area", vec![any(&[1, 1, 4, 3])], |x| {
            x[0].square().interpolate(Resize::To(&[3, 2]), Interpolation::Area)
        }),
        ("pixel_shuffle", vec![any(&[2, 4, 1, 2])], |x| x[0].square().pixel_shuffle(2)),
        ("pixel_unshuffle", vec![any(&[1, 2, 2])], |x| x[0].square().pixel_unshuffle(2)),
    ]);
}

#[test]
fn normalisations_of_parts() {
    check_all(vec![
        ("group_norm", vec![distinct(&[2, 4, 3]), any(&[4]), any(&[4])], |x| {
            x[0].group_norm(2, Some(&x[1]), Some(&x[2]), 1e-2)
        }),
        ("instance_norm", vec![distinct(&[2, 2, 3])], |x| x[0].instance_norm(None, None, 1e-2)),
        ("rms_norm", vec![distinct(&[2, 2, 3]), any(&[2, 3])], |x| x[0].rms_norm(&[2, 3], Some(&x[1]), 1e-2)),
        ("local_response_norm", vec![any(&[1, 5, 2])], |x| x[0].local_response_norm(3, 0.5, 0.75, 1.0)),
        ("weight_norm", vec![signed(0.5, 1.0, &[3, 2, 2]), any(&[1, 2, 1])], |x| {
            x[0].weight_norm(&x[1], Some(1))
        }),
        ("weight_norm of all", vec![signed(0.5, 1.0, &[3, 2]), any(&[])], |x| x[0].weight_norm(&x[1], None)),
        ("spectral_norm", vec![between(0.5, 1.0, &[2, 3, 2]), any(&[3]), any(&[4])], |x| {
            x[0].spectral_norm(&(&x[1] + 2.0), &(&x[2] + 2.0), 1)
        }),
    ]);
}

#[test]
fn random_functions() {
    check_all(vec![
        ("dropout", vec![any(&[3, 4])], |x| x[0].square().dropout(0.4, &Generator::new(1))),
        ("dropout_along", vec![any(&[3, 4])], |x| x[0].square().dropout_along(0.4, &[0], &Generator::new(1))),
        ("alpha_dropout", vec![any(&[3, 4])], |x| x[0].square().alpha_dropout(0.4, &Generator::new(1))),
    ]);
}

#[test]
fn pools() {
    check_all(vec![
        ("max_pool2d", vec![distinct(&[1, 2, 4, 4])], |x| x[0].max_pool2d(Pool2d::new(2)).0.square()),
        ("overlapping max_pool2d", vec![distinct(&[1, 1, 5, 5])], |x| {
            x[0].max_pool2d(Pool2d { stride: [2; 2], padding: [1; 2], ..Pool2d::new(3) }).0.square()
        }),
        ("max_pool2d, rounded up", vec![distinct(&[1, 1, 5, 4])], |x| {
            x[0].max_pool2d(Pool2d { ceil_mode: true, dilation: [2, 1], ..Pool2d::new(2) }).0.square()
        }),
        ("avg_pool2d", vec![any(&[1, 2, 4, 4])], |x| x[0].square().avg_pool2d(Pool2d::new(2), true, None)),
        ("avg_pool2d without padding", vec![any(&[1, 1, 4, 5])], |x| {
            let pool = Pool2d { stride: [2, 1], padding: [1; 2], ceil_mode: true, ..Pool2d::new(3) };
            x[0].square().avg_pool2d(pool, false, None)
        }),
        ("avg_pool2d with a divisor", vec![any(&[1, 1, 4, 4])], |x| {
            x[0].square().avg_pool2d(Pool2d::new(2), true, Some(3))
        }),
    ]);
}

#[test]
fn normalisations() {
    check_all(vec![
        ("batch_norm_train", vec![distinct(&[2, 3, 2, 2]), any(&[3]), any(&[3])], |x| {
            batch_norm_train(&x[0], &x[1], &x[2], 1e-2).y
        }),
        ("batch_norm_train of rows", vec![distinct(&[4, 2]), any(&[2]), any(&[2])], |x| {
            batch_norm_train(&x[0], &x[1], &x[2], 1e-2).y
        }),
        (
            "batch_norm_eval",
            vec![any(&[2, 3, 2]), any(&[3]), between(0.7, 1.5, &[3]), any(&[3]), any(&[3])],
            |x| x[0].batch_norm_eval(&x[1], &x[2], &x[3], &x[4], 1e-3),
        ),
        ("layer_norm", vec![distinct(&[2, 3, 2]), any(&[3, 2]), any(&[3, 2])], |x| {
            x[0].layer_norm(&x[1], &x[2], 1e-2)
        }),
    ]);
}

#[test]
fn losses() {
    let logits = || vec![any(&[3, 4])];
    check_all(vec![
        ("cross_entropy", logits(), |x| x[0].cross_entropy(&ints(&[1, 3, 0], &[3]))),
        ("smoothed cross_entropy", logits(), |x| x[0].cross_entropy_smoothed(&ints(&[1, 3, 0], &[3]), 0.2)),
        ("cross_entropy with an ignored row", logits(), |x| x[0].cross_entropy(&ints(&[1, -100, 0], &[3]))),
        ("cross_entropy of rows", logits(), |x| {
            x[0].cross_entropy_with(Classes(&ints(&[1, 2, 0], &[3])), None, -100, 0.1, Reduction::None)
        }),
        ("weighted cross_entropy", vec![any(&[3, 4]), between(0.5, 1.0, &[4])], |x| {
            let classes = ints(&[1, 7, 0], &[3]);
            x[0].cross_entropy_with(Classes(&classes), Some(&x[1]), 7, 0.1, Reduction::Mean)
        }),
        ("cross_entropy with probabilities", vec![any(&[2, 3, 2]), between(0.1, 0.9, &[2, 3, 2])], |x| {
            x[0].cross_entropy_with(Probabilities(&x[1]), None, -100, 0.1, Reduction::Mean)
        }),
        ("nll_loss", logits(), |x| {
            x[0].square().nll_loss(&ints(&[1, 3, 0], &[3]), None, -100, Reduction::Mean)
        }),
        ("mse_loss", vec![any(&[2, 3]), any(&[2, 3])], |x| x[0].mse_loss(&x[1], Reduction::Sum)),
    ]);
}

/// Points where a rule divides by zero or shares a gradient.
#[test]
fn gradients_at_special_points() {
    let of = |values: &[f32], f: &dyn Fn(&Tensor) -> Tensor| {
        let x = Tensor::from_slice(&cpu(), values, &[values.len()]).unwrap().variable();
        f(&x).sum_all().backward().get(&x).unwrap().to_vec::<f32>().unwrap()
    };
    assert_eq!(of(&[0.0, 2.0, 3.0], &|x| x.prod(&[0], false)), [6.0, 0.0, 0.0]);
    assert_eq!(of(&[0.0, 0.0, 3.0], &|x| x.prod(&[0], false)), [0.0; 3]);
    assert_eq!(of(&[2.0, 2.0, 1.0], &|x| x.amax(&[0], false)), [0.5, 0.5, 0.0]);
    assert_eq!(of(&[2.0, 1.0], &|x| x.maximum(2.0)), [0.5, 0.0]);
    assert_eq!(of(&[0.0, 0.0], &|x| x.norm(2.0, &[0], false)), [0.0; 2]);
    assert_eq!(of(&[0.0], &|x| x.relu()), [0.0]);
    let mask = ints(&[1, 0, 1], &[3]).eq(1.0);
    assert_eq!(of(&[1.0, 2.0, 3.0], &|x| x.square().masked_select(&mask).unwrap()), [2.0, 0.0, 6.0]);
    assert_eq!(of(&[0.0], &|x| x.pow(2.0)), [0.0]);
    assert_eq!(of(&[0.0], &|x| x.pow(0.0)), [0.0]);
    assert_eq!(of(&[100.0, -200.0], &|x| x.softplus(1.0, 20.0)), [1.0, 0.0]);
    assert_eq!(of(&[100.0], &|x| x.elu(1.0)), [1.0]);
}

/// Differences of floor division jump; its gradient is 0 by definition.
#[test]
fn first_order_only() {
    let inputs = [between(2.2, 2.6, &[3]), between(0.9, 1.0, &[3])];
    check("floor_divide", First, &inputs, &|x| x[0].floor_divide(&x[1]) * &x[0]);
}

#[test]
fn attention() {
    let (q, k, v) = (&[2, 2, 3, 4], &[2, 2, 5, 4], &[2, 2, 5, 3]);
    let seen = |x: &[Tensor]| {
        // The second query of the first head sees nothing.
        let words: Vec<i32> = (0..30).map(|i| i32::from(i % 3 != 0 && !(5..10).contains(&i))).collect();
        let mask = Tensor::from_slice(x[0].device(), &words, &[2, 3, 5]).unwrap().to(autograd::DType::Bool);
        x[0].scaled_dot_product_attention(&x[1], &x[2], Some(&mask), false, None)
    };
    check_all(vec![
        ("attention", vec![any(q), any(k), any(v)], |x| {
            x[0].scaled_dot_product_attention(&x[1], &x[2], None, false, Some(0.7))
        }),
        ("causal attention", vec![any(q), any(k), any(v)], |x| {
            x[0].scaled_dot_product_attention(&x[1], &x[2], None, true, None)
        }),
        ("attention with a mask", vec![any(q), any(k), any(v)], seen),
        ("attention with an additive mask", vec![any(q), any(k), any(v), any(&[2, 1, 3, 5])], |x| {
            x[0].scaled_dot_product_attention(&x[1], &x[2], Some(&x[3]), true, None)
        }),
        ("attention of matrices", vec![any(&[3, 2]), any(&[4, 2]), any(&[4, 5])], |x| {
            x[0].scaled_dot_product_attention(&x[1], &x[2], None, false, None)
        }),
        ("grouped-query attention", vec![any(&[4, 3, 2]), any(&[2, 4, 2]), any(&[2, 4, 2])], |x| {
            x[0].scaled_dot_product_attention(&x[1], &x[2], None, true, None)
        }),
    ]);
}
