//! Convolution, pooling, and windows as columns.

use autograd::{Pool, Tensor};

use super::call::{Answer, Call};

pub fn run(c: &Call) -> Option<Answer> {
    let (x, a) = (|| c.at(0), &c.attrs);
    Some(match c.op {
        "conv1d" | "conv2d" | "conv3d" => conv(c),
        "conv_transpose1d" | "conv_transpose2d" => Ok(vec![conv_transpose(c)]),
        "unfold" => {
            let [kernel, dilation, padding, stride] = columns(c);
            Ok(vec![x().unfold(kernel, dilation, padding, stride)])
        }
        "fold" => {
            let [kernel, dilation, padding, stride] = columns(c);
            let output = a.each("output_size").expect("output_size");
            Ok(vec![x().fold(output, kernel, dilation, padding, stride)])
        }
        "max_pool1d" => with_indices(c, x().max_pool1d(pool(c))),
        "max_pool2d" => with_indices(c, x().max_pool2d(pool(c))),
        "max_pool3d" => with_indices(c, x().max_pool3d(pool(c))),
        "avg_pool1d" => Ok(vec![x().avg_pool1d(pool(c), include_pad(c))]),
        "avg_pool2d" => Ok(vec![x().avg_pool2d(pool(c), include_pad(c), a.size("divisor_override"))]),
        "avg_pool3d" => Ok(vec![x().avg_pool3d(pool(c), include_pad(c))]),
        "lp_pool1d" => Ok(vec![x().lp_pool1d(a.float("norm_type").expect("norm_type"), pool(c))]),
        "lp_pool2d" => Ok(vec![x().lp_pool2d(a.float("norm_type").expect("norm_type"), pool(c))]),
        "adaptive_avg_pool1d" => Ok(vec![x().adaptive_avg_pool1d(output::<1>(c)[0])]),
        "adaptive_avg_pool2d" => Ok(vec![x().adaptive_avg_pool2d(output(c))]),
        "adaptive_max_pool1d" => with_indices(c, x().adaptive_max_pool1d(output::<1>(c)[0])),
        "adaptive_max_pool2d" => with_indices(c, x().adaptive_max_pool2d(output(c))),
        _ => return None,
    })
}

/// An attribute with a value for each dimension, or `default`.
fn sizes<const D: usize>(c: &Call, key: &str, default: usize) -> [usize; D] {
    c.attrs.each(key).unwrap_or([default; D])
}

fn conv(c: &Call) -> Answer {
    let (a, x, weight, bias) = (&c.attrs, c.at(0), c.named("weight"), c.find("bias"));
    let groups = a.size("groups").unwrap_or(1);
    let mode = a.get("padding").and_then(|p| p.as_str());
    if mode == Some("same") && a.ints("stride").is_some_and(|s| s.iter().any(|&n| n != 1)) {
        return Err(c.without("padding same and a stride"));
    }
    Ok(vec![match (c.op, mode) {
        ("conv1d", Some("same")) => x.conv1d_same(weight, bias, sizes::<1>(c, "dilation", 1)[0], groups),
        ("conv2d", Some("same")) => x.conv2d_same(weight, bias, sizes(c, "dilation", 1), groups),
        (_, Some("same")) => x.conv3d_same(weight, bias, sizes(c, "dilation", 1), groups),
        ("conv1d", _) => {
            let ([stride], [padding], [dilation]) = steps(c);
            x.conv1d(weight, bias, stride, padding, dilation, groups)
        }
        ("conv2d", _) => {
            let (stride, padding, dilation) = steps(c);
            x.conv2d(weight, bias, stride, padding, dilation, groups)
        }
        _ => {
            let (stride, padding, dilation) = steps(c);
            x.conv3d(weight, bias, stride, padding, dilation, groups)
        }
    }])
}

/// Stride, padding (none if "valid") and dilation.
fn steps<const D: usize>(c: &Call) -> ([usize; D], [usize; D], [usize; D]) {
    let valid = c.attrs.get("padding").is_some_and(|p| p == "valid");
    let padding = if valid { [0; D] } else { sizes(c, "padding", 0) };
    (sizes(c, "stride", 1), padding, sizes(c, "dilation", 1))
}

fn conv_transpose(c: &Call) -> Tensor {
    let (x, weight, bias) = (c.at(0), c.named("weight"), c.find("bias"));
    let groups = c.attrs.size("groups").unwrap_or(1);
    if c.op == "conv_transpose1d" {
        let [stride, padding] = [("stride", 1), ("padding", 0)].map(|(key, n)| sizes::<1>(c, key, n)[0]);
        let [extra, dilation] = [("output_padding", 0), ("dilation", 1)].map(|(k, n)| sizes::<1>(c, k, n)[0]);
        return x.conv_transpose1d(weight, bias, stride, padding, extra, groups, dilation);
    }
    let (stride, padding) = (sizes(c, "stride", 1), sizes(c, "padding", 0));
    let (extra, dilation) = (sizes(c, "output_padding", 0), sizes(c, "dilation", 1));
    x.conv_transpose2d(weight, bias, stride, padding, extra, groups, dilation)
}

/// Kernel, dilation, padding and stride.
fn columns(c: &Call) -> [[usize; 2]; 4] {
    [
        c.attrs.each("kernel_size").expect("kernel_size"),
        sizes(c, "dilation", 1),
        sizes(c, "padding", 0),
        sizes(c, "stride", 1),
    ]
}

fn pool<const D: usize>(c: &Call) -> Pool<D> {
    let kernel = c.attrs.each("kernel_size").expect("kernel_size");
    Pool {
        kernel,
        stride: c.attrs.each("stride").unwrap_or(kernel),
        padding: sizes(c, "padding", 0),
        dilation: sizes(c, "dilation", 1),
        ceil_mode: c.attrs.flag("ceil_mode"),
    }
}

fn include_pad(c: &Call) -> bool {
    c.attrs.get("count_include_pad").is_none_or(|v| v.as_bool() == Some(true))
}

fn output<const D: usize>(c: &Call) -> [usize; D] {
    c.attrs.each("output_size").expect("output_size")
}

fn with_indices(c: &Call, (y, indices): (Tensor, Tensor)) -> Answer {
    Ok(if c.attrs.flag("return_indices") { vec![y, indices] } else { vec![y] })
}
