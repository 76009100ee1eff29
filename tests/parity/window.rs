//! Convolution and pooling.

use autograd::Pool2d;

use super::call::{Answer, Call};

pub fn run(c: &Call) -> Option<Answer> {
    match c.op {
        "conv2d" => Some(conv2d(c)),
        "max_pool2d" => {
            let (y, indices) = c.at(0).max_pool2d(pool(c));
            Some(Ok(if c.attrs.flag("return_indices") { vec![y, indices] } else { vec![y] }))
        }
        "avg_pool2d" => {
            let padding = c.attrs.get("count_include_pad").is_none_or(|v| v.as_bool() == Some(true));
            Some(Ok(vec![c.at(0).avg_pool2d(pool(c), padding, c.attrs.size("divisor_override"))]))
        }
        _ => None,
    }
}

fn conv2d(c: &Call) -> Answer {
    let (a, x, weight, bias) = (&c.attrs, c.at(0), c.named("weight"), c.find("bias"));
    let (stride, dilation) = (a.pair("stride").unwrap_or([1; 2]), a.pair("dilation").unwrap_or([1; 2]));
    let groups = a.size("groups").unwrap_or(1);
    let mode = a.get("padding").and_then(|p| p.as_str());
    Ok(vec![match mode {
        Some("same") if stride != [1, 1] => return Err(c.without("padding same and a stride")),
        Some("same") => x.conv2d_same(weight, bias, dilation, groups),
        Some("valid") => x.conv2d(weight, bias, stride, [0; 2], dilation, groups),
        Some(other) => return Err(c.without(other)),
        None => x.conv2d(weight, bias, stride, a.pair("padding").unwrap_or([0; 2]), dilation, groups),
    }])
}

fn pool(c: &Call) -> Pool2d {
    let kernel = c.attrs.pair("kernel_size").expect("kernel_size");
    Pool2d {
        kernel,
        stride: c.attrs.pair("stride").unwrap_or(kernel),
        padding: c.attrs.pair("padding").unwrap_or([0; 2]),
        dilation: c.attrs.pair("dilation").unwrap_or([1; 2]),
        ceil_mode: c.attrs.flag("ceil_mode"),
    }
}
