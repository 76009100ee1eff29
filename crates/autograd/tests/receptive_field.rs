//! Receptive fields, and the multiply-adds of operations that read a parameter.

use autograd::{Device, Pool1d, Pool2d, Tensor, cat, lstm, receptive_field, uses};

fn ones(shape: &[usize]) -> Tensor {
    Tensor::ones(&Device::named("cpu").unwrap(), shape)
}

/// A convolution that keeps the number of channels.
fn conv(x: &Tensor, kernel: usize, stride: usize, dilation: usize) -> Tensor {
    let c = x.shape()[1];
    let padding = [kernel / 2 * dilation; 2];
    x.conv2d(&ones(&[c, c, kernel, kernel]), None, [stride; 2], padding, [dilation; 2], 1)
}

fn halved(x: &Tensor) -> Tensor {
    x.max_pool2d(Pool2d::new(2)).0
}

#[test]
fn vgg16_sees_212_pixels() {
    let mut x = ones(&[1, 1, 32, 32]);
    let mut last = None;
    for convs in [2, 2, 3, 3, 3] {
        for _ in 0..convs {
            x = conv(&x, 3, 1, 1).relu();
        }
        last = receptive_field(&x);
        x = halved(&x);
    }
    assert_eq!((last, receptive_field(&x)), (Some([196; 2]), Some([212; 2])));
}

#[test]
fn of_every_kind_of_layer() {
    let x = ones(&[1, 2, 16, 16]);
    let field = |y: &Tensor| receptive_field(y).map(|[h, w]| (h, w));
    assert_eq!(field(&x), None);
    assert_eq!(field(&conv(&x, 3, 1, 2)), Some((5, 5)), "dilated");
    let y = conv(&x, 3, 2, 1);
    assert_eq!(field(&conv(&y, 3, 1, 1)), Some((7, 7)), "behind a stride");
    assert_eq!(field(&conv(&x.slice(2, 0, isize::MAX, 2), 3, 1, 1)), Some((5, 3)), "of every other row");
    assert_eq!(field(&y.avg_pool2d(Pool2d::new(2), true, None)), Some((5, 5)), "pooled");
    // Each element of the smaller plane contributes to three; at most two overlap.
    let up = y.conv_transpose2d(&ones(&[2, 2, 3, 3]), None, [2; 2], [1; 2], [1; 2], 1, [1; 2]);
    assert_eq!(field(&up), Some((5, 5)), "transposed");
    assert_eq!(field(&conv(&up, 3, 1, 1)), Some((7, 7)), "of the first stride again");
    assert_eq!(field(&cat(&[&conv(&x, 1, 1, 1), &conv(&x, 5, 1, 1)], 1)), Some((5, 5)), "the larger branch");
    assert_eq!(field(&(conv(&x, 3, 1, 1) + &x)), Some((3, 3)), "a residual");
    assert_eq!(field(&(&y * y.mean(&[2, 3], true).sigmoid())), Some((3, 3)), "squeeze and excitation");
    assert_eq!(field(&y.mean(&[1], true)), Some((3, 3)), "over channels");
    assert_eq!(field(&conv(&y.mean(&[2, 3], true), 1, 1, 1)), None, "behind global pooling");
    assert_eq!(field(&y.flatten(1, 3).linear(&ones(&[3, 128]), None)), None, "linear");
    let line = ones(&[1, 1, 16]).conv1d(&ones(&[1, 1, 3]), None, 2, 1, 1, 1);
    assert_eq!(field(&line.max_pool1d(Pool1d::new(2)).0), Some((1, 5)), "over a length");
}

#[test]
fn multiply_adds() {
    let named = |shape: &[usize], name: &str| ones(shape).variable().named(name);
    let x = ones(&[2, 4, 8, 8]);
    let y = x.conv2d(&named(&[6, 2, 3, 3], "w"), Some(&named(&[6], "b")), [2; 2], [1; 2], [1; 2], 2);
    let counts: Vec<(String, u64)> = uses(&y).into_iter().map(|u| (u.op, u.multiply_adds)).collect();
    assert_eq!(counts, [("conv2d".into(), 2 * 6 * 16 * 18), ("add".into(), 0)]);
    let up = x.conv_transpose2d(&named(&[4, 3, 2, 2], "w"), None, [2; 2], [0; 2], [0; 2], 1, [1; 2]);
    assert_eq!(uses(&up)[0].multiply_adds, 2 * 4 * 64 * 3 * 4);
    // Results of numbers and parameters alone count as parameters.
    let y = &x * ((named(&[], "gain") + 1.0) / named(&[4, 1, 1], "scale"));
    let found = uses(&y).into_iter().map(|u| (u.name.to_string(), u.shape));
    assert_eq!(found.collect::<Vec<_>>(), ["gain", "scale"].map(|n| (n.to_owned(), vec![2, 4, 8, 8])));
    let (w_ih, w_hh, zero) = (named(&[20, 3], "ih"), named(&[20, 5], "hh"), ones(&[2, 5]));
    let y = lstm(&ones(&[7, 2, 3]), &zero, &zero, &w_ih, &w_hh, None, None).y;
    assert_eq!(uses(&y).iter().map(|u| u.multiply_adds).collect::<Vec<_>>(), [7 * 2 * (60 + 100), 0]);
}
