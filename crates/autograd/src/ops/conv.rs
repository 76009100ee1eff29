//! Shared code of convolutions over one, two and three dimensions.

use crate::{Tensor, autocast};

/// How a kernel moves over `D` dimensions.
#[derive(Clone, Copy)]
pub(super) struct Steps<const D: usize> {
    pub stride: [usize; D],
    pub padding: [usize; D],
    pub dilation: [usize; D],
}

/// Panics unless input `[N, C, ..]`, weight `[O, C / groups, ..]` and bias `[O]` fit.
#[track_caller]
pub(super) fn check<const D: usize>(
    op: &str,
    input: &Tensor,
    weight: &Tensor,
    bias: Option<&Tensor>,
    steps: Steps<D>,
    groups: usize,
) {
    let (x, w) = (input.shape(), weight.shape());
    let shapes = format!("{op}: input {x:?}, weight {w:?}, groups {groups}");
    assert!(x.len() == D + 2 && w.len() == D + 2, "{shapes}: both have {} dimensions", D + 2);
    let fits = groups > 0 && x[1] == w[1] * groups && w[0].is_multiple_of(groups);
    let taken = w[1] * groups;
    assert!(
        fits,
        "{shapes}: the input has {} channels, the weight takes {taken}; inputs are [N, C, ..]",
        x[1]
    );
    assert!(w[2..].iter().all(|&k| k > 0), "{shapes}: an empty kernel");
    let Steps { stride, padding, dilation } = steps;
    let moves = stride.iter().chain(&dilation).all(|&n| n > 0);
    assert!(moves, "{shapes}: stride {stride:?}, dilation {dilation:?}");
    for d in 0..D {
        let reach = dilation[d] * (w[d + 2] - 1) + 1;
        let padded = x[d + 2] + 2 * padding[d];
        assert!(reach <= padded, "{shapes}: the kernel covers {reach}, the padded input has {padded}");
    }
    input.expect_float(op);
    weight.expect_float(op);
    check_bias(op, bias, w[0]);
}

#[track_caller]
pub(super) fn check_bias(op: &str, bias: Option<&Tensor>, channels: usize) {
    if let Some(b) = bias {
        assert!(b.shape() == [channels], "{op}: bias {:?} for {channels} output channels", b.shape());
        b.expect_float(op);
    }
}

/// `y [N, O, ..]`, the product of a convolution of `x` that was recorded [inside](autocast::inside) of it, plus `bias [O]`.
#[track_caller]
pub(super) fn with_bias(x: &Tensor, y: Tensor, bias: Option<&Tensor>) -> Tensor {
    let y = match bias {
        None => y,
        Some(bias) => {
            let mut shape = vec![1; y.rank() - 1];
            shape[0] = bias.numel();
            let _inside = autocast::inside();
            y + bias.reshape(&shape)
        }
    };
    autocast::result("conv2d", &[x], y)
}

/// The zero padding with which a convolution of stride 1 keeps the sizes of its input (`padding="same"`), the last dimension first; an
/// odd number of zeros has the extra one at the end.
#[track_caller]
pub(super) fn same<const D: usize>(
    op: &str,
    input: &Tensor,
    weight: &Tensor,
    dilation: [usize; D],
) -> [(isize, isize); D] {
    let fits = matches!(input.rank(), n if n == D + 1 || n == D + 2) && weight.rank() == D + 2;
    assert!(fits, "{op}: input {:?}, weight {:?}", input.shape(), weight.shape());
    std::array::from_fn(|i| {
        let d = D - 1 - i;
        let total = (dilation[d] * (weight.shape()[d + 2].max(1) - 1)) as isize;
        (total / 2, total - total / 2)
    })
}
