//! Layers: products, convolutions, normalisations, pooling, reductions.

use autograd::{Padding, Pool2d, Tensor};

use super::context::Context;
use super::value::{MOST, Outcome, Value, broadcast};

type Layer = fn(&Context) -> Outcome<Tensor>;

const TABLE: &[(&str, Layer)] = &[
    ("MatMul", matmul),
    ("Gemm", gemm),
    ("Conv", conv),
    ("ConvTranspose", conv_transpose),
    ("BatchNormalization", batch_norm),
    ("LayerNormalization", layer_norm),
    ("MaxPool", max_pool),
    ("AveragePool", average_pool),
    ("GlobalAveragePool", |c| {
        let x = c.floats(0)?;
        let dims: Vec<isize> = (2..x.rank() as isize).collect();
        Ok(x.mean(&dims, true))
    }),
    ("Softmax", |c| softmax(c, Tensor::softmax)),
    ("LogSoftmax", |c| softmax(c, Tensor::log_softmax)),
    ("Pad", pad),
    ("ReduceMean", |c| reduce(c, |x, dims, keep| x.mean(dims, keep))),
    ("ReduceSum", |c| reduce(c, |x, dims, keep| x.sum(dims, keep))),
    ("ReduceMax", |c| reduce(c, |x, dims, keep| x.amax(dims, keep))),
    ("ReduceMin", |c| reduce(c, |x, dims, keep| x.amin(dims, keep))),
    ("ReduceProd", |c| reduce(c, |x, dims, keep| x.prod(dims, keep))),
    ("ReduceL2", |c| reduce(c, |x, dims, keep| x.square().sum(dims, keep).sqrt())),
    ("ArgMax", |c| arg(c, |x, dim, keep| x.argmax(dim, keep))),
    ("ArgMin", |c| arg(c, |x, dim, keep| x.argmin(dim, keep))),
    ("CumSum", cumsum),
];

/// Layers of planes `[N, C, H, W]`, and of sequences `[N, C, L]`, which are planes of height 1.
const PLANES: &[&str] = &["Conv", "ConvTranspose", "MaxPool", "AveragePool"];

pub fn has(op: &str) -> bool {
    TABLE.iter().any(|(name, _)| *name == op)
}

pub fn run(op: &str, c: &Context) -> Outcome<Value> {
    let (_, layer) = TABLE.iter().find(|(name, _)| *name == op).ok_or("an unknown operator")?;
    let y = layer(c)?;
    let sequence = PLANES.contains(&op) && c.shape(0)?.len() == 3;
    Ok(Value::Device(if sequence { y.squeeze(&[2]) } else { y }))
}

fn matmul(c: &Context) -> Outcome<Tensor> {
    let (a, b) = (c.floats(0)?, c.floats(1)?);
    let shapes = || format!("shapes {:?} and {:?}", a.shape(), b.shape());
    if a.rank() == 0 || b.rank() == 0 || a.size(-1) != b.shape()[b.rank().saturating_sub(2)] {
        return Err(shapes());
    }
    let lead = |t: &Tensor| t.shape()[..t.rank().saturating_sub(2)].to_vec();
    broadcast(&[&lead(&a), &lead(&b)])?;
    Ok(a.matmul(&b))
}

fn gemm(c: &Context) -> Outcome<Tensor> {
    let turned = |i: usize, name: &str| -> Outcome<Tensor> {
        let x = c.floats(i)?;
        if x.rank() != 2 {
            return Err(format!("input {i} of shape {:?}, not a matrix", x.shape()));
        }
        Ok(if c.int(name, 0) != 0 { x.t() } else { x })
    };
    let (a, b) = (turned(0, "transA")?, turned(1, "transB")?);
    if a.size(1) != b.size(0) {
        return Err(format!("shapes {:?} and {:?}", a.shape(), b.shape()));
    }
    let (alpha, beta) = (c.float("alpha", 1.0), c.float("beta", 1.0));
    let mut y = a.matmul(&b);
    if alpha != 1.0 {
        y = y * alpha;
    }
    if !c.has(2) {
        return Ok(y);
    }
    let bias = c.floats(2)?;
    broadcast(&[y.shape(), bias.shape()])?;
    Ok(if beta == 1.0 { y + bias } else { y + bias * beta })
}

/// The padding before all dimensions of a plane, and after them. A sequence is a plane of height 1.
fn pads(c: &Context) -> Outcome<[usize; 4]> {
    if !matches!(c.text("auto_pad"), None | Some("NOTSET" | "VALID")) {
        return Err("auto_pad is not supported; pads must be given".into());
    }
    match c.ints("pads").as_deref() {
        None | Some([]) => Ok([0; 4]),
        Some(&[before, after]) if [before, after].iter().all(|p| (0..1 << 20).contains(p)) => {
            Ok([0, before as usize, 0, after as usize])
        }
        Some(pads @ [_, _, _, _]) if pads.iter().all(|&p| (0..1 << 20).contains(&p)) => {
            Ok([0, 1, 2, 3].map(|i| pads[i] as usize))
        }
        Some(other) => Err(format!("pads {other:?}")),
    }
}

fn plane(c: &Context) -> Outcome<Tensor> {
    let x = c.floats(0)?;
    match x.rank() {
        4 => Ok(x),
        3 => Ok(x.unsqueeze(2)),
        _ => Err(format!("input {:?}, only [N, C, H, W] and [N, C, L] are supported", x.shape())),
    }
}

/// The weight of a convolution and its bias `[channels]`, for a weight `[.., .., KH, KW]`.
fn weights(c: &Context, channels: impl Fn(&[usize]) -> usize) -> Outcome<(Tensor, Option<Tensor>)> {
    let weight = c.floats(1)?;
    let weight = if weight.rank() == 3 { weight.unsqueeze(2) } else { weight };
    if weight.rank() != 4 || weight.numel() == 0 {
        return Err(format!("weight {:?}", weight.shape()));
    }
    let bias = c.has(2).then(|| c.floats(2)).transpose()?;
    if let Some(bias) = bias.as_ref().filter(|b| b.shape() != [channels(weight.shape())]) {
        return Err(format!("bias {:?} for weight {:?}", bias.shape(), weight.shape()));
    }
    Ok((weight, bias))
}

fn conv(c: &Context) -> Outcome<Tensor> {
    let mut x = plane(c)?;
    let (weight, bias) = weights(c, |w| w[0])?;
    let [top, left, bottom, right] = pads(c)?;
    let mut padding = [top, left];
    if [top, left] != [bottom, right] {
        let around = [(left, right), (top, bottom)].map(|(a, b)| (a as isize, b as isize));
        x = x.pad(&around, Padding::Constant(0.0));
        padding = [0; 2];
    }
    let (stride, dilation) = (c.pair("strides", 1)?, c.pair("dilations", 1)?);
    let groups = c.int("group", 1);
    let (s, w) = (x.shape(), weight.shape());
    let fits = groups > 0
        && s[1] == w[1].saturating_mul(groups as usize)
        && w[0].is_multiple_of(groups as usize)
        && stride.iter().chain(&dilation).all(|&n| n > 0)
        && (0..2).all(|d| dilation[d].saturating_mul(w[d + 2] - 1) < s[d + 2] + 2 * padding[d]);
    if !fits {
        return Err(format!("weight {w:?} in {groups} groups for input {s:?}"));
    }
    Ok(x.conv2d(&weight, bias.as_ref(), stride, padding, dilation, groups as usize))
}

fn conv_transpose(c: &Context) -> Outcome<Tensor> {
    let x = plane(c)?;
    let groups = usize::try_from(c.int("group", 1)).unwrap_or(0);
    let (weight, bias) = weights(c, |w| w[1].saturating_mul(groups))?;
    let [top, left, bottom, right] = pads(c)?;
    if [top, left] != [bottom, right] || c.attribute("output_shape").is_some() {
        return Err("padding of other sizes before than after, and output_shape, are not supported".into());
    }
    let (stride, dilation) = (c.pair("strides", 1)?, c.pair("dilations", 1)?);
    let extra = match c.ints("output_padding").as_deref() {
        Some(&[n]) => [0, usize::try_from(n).unwrap_or(usize::MAX)],
        _ => c.pair("output_padding", 0)?,
    };
    let (s, w) = (x.shape(), weight.shape());
    let fits = groups > 0
        && s[1] == w[0]
        && w[0].is_multiple_of(groups)
        && (0..2).all(|d| {
            let (n, k, step, apart) = (s[d + 2], w[d + 2], stride[d], dilation[d]);
            let whole =
                || step.checked_mul(n - 1)?.checked_add(apart.checked_mul(k - 1)?)?.checked_add(extra[d] + 1);
            n > 0
                && step > 0
                && apart > 0
                && extra[d] < step.max(apart)
                && whole().is_some_and(|whole| whole < MOST && whole > 2 * [top, left][d])
        });
    if !fits {
        return Err(format!("weight {w:?} in {groups} groups for input {s:?}"));
    }
    Ok(x.conv_transpose2d(&weight, bias.as_ref(), stride, [top, left], extra, groups, dilation))
}

fn batch_norm(c: &Context) -> Outcome<Tensor> {
    if c.int("training_mode", 0) != 0 {
        return Err("training_mode 1 is not supported; export in evaluation mode".into());
    }
    let x = c.floats(0)?;
    let [weight, bias, mean, var] = [1, 2, 3, 4].map(|i| c.floats(i));
    let (weight, bias, mean, var) = (weight?, bias?, mean?, var?);
    let channels = x.shape().get(1).copied().ok_or_else(|| format!("input {:?}", x.shape()))?;
    if [&weight, &bias, &mean, &var].iter().any(|t| t.shape() != [channels]) {
        return Err(format!("statistics of other sizes than the {channels} channels"));
    }
    Ok(x.batch_norm_eval(&mean, &var, &weight, &bias, c.float("epsilon", 1e-5)))
}

fn layer_norm(c: &Context) -> Outcome<Tensor> {
    let (x, weight) = (c.floats(0)?, c.floats(1)?);
    let axis = c.dim(c.int("axis", -1), x.rank())?;
    let bias = if c.has(2) { c.floats(2)? } else { weight.zeros_like() };
    if weight.shape() != &x.shape()[axis..] || bias.shape() != weight.shape() {
        return Err(format!(
            "weight {:?}, bias {:?} for input {:?}",
            weight.shape(),
            bias.shape(),
            x.shape()
        ));
    }
    Ok(x.layer_norm(&weight, &bias, c.float("epsilon", 1e-5)))
}

fn windows(c: &Context) -> Outcome<(Tensor, Pool2d)> {
    let mut x = plane(c)?;
    let [top, left, bottom, right] = pads(c)?;
    let kernel = c.pair("kernel_shape", 0)?;
    let (stride, dilation) = (c.pair("strides", 1)?, c.pair("dilations", 1)?);
    let mut padding = [top, left];
    if [top, left] != [bottom, right] {
        if c.node.op_type() == "MaxPool" || c.int("count_include_pad", 0) == 0 {
            return Err("padding of other sizes before than after".into());
        }
        x = x
            .pad(&[(left as isize, right as isize), (top as isize, bottom as isize)], Padding::Constant(0.0));
        padding = [0; 2];
    }
    let size = |d: usize| x.shape()[d + 2];
    let fits = (0..2).all(|d| {
        kernel[d] > 0
            && stride[d] > 0
            && dilation[d] > 0
            && padding[d] * 2 <= kernel[d]
            && dilation[d].saturating_mul(kernel[d] - 1) < size(d) + 2 * padding[d]
    });
    if !fits {
        return Err(format!("windows of {kernel:?} in input {:?}", x.shape()));
    }
    let ceil_mode = c.int("ceil_mode", 0) != 0;
    Ok((x, Pool2d { kernel, stride, padding, dilation, ceil_mode }))
}

fn max_pool(c: &Context) -> Outcome<Tensor> {
    let (x, pool) = windows(c)?;
    Ok(x.max_pool2d(pool).0)
}

fn average_pool(c: &Context) -> Outcome<Tensor> {
    let (x, pool) = windows(c)?;
    if pool.dilation != [1; 2] {
        return Err("dilations are not supported".into());
    }
    Ok(x.avg_pool2d(pool, c.int("count_include_pad", 0) != 0, None))
}

fn softmax(c: &Context, f: fn(&Tensor, isize) -> Tensor) -> Outcome<Tensor> {
    let x = c.floats(0)?;
    if c.opset < 13 {
        return Err("before opset 13 it flattens its input; export with opset 13 or newer".into());
    }
    Ok(f(&x, c.dim(c.int("axis", -1), x.rank())? as isize))
}

fn pad(c: &Context) -> Outcome<Tensor> {
    if !matches!(c.text("mode"), None | Some("constant")) || c.has(3) {
        return Err("only constant padding of all dimensions is supported".into());
    }
    let (x, pads) = (c.floats(0)?, c.numbers("pads", 1)?.ok_or("no pads")?);
    let rank = x.rank();
    if pads.len() != 2 * rank || pads.iter().any(|p| !(0..1 << 20).contains(p)) {
        return Err(format!("pads {pads:?} for input {:?}", x.shape()));
    }
    let value = if c.has(2) { c.host(2)?.values.first().copied().unwrap_or(0.0) } else { 0.0 };
    let around: Vec<(isize, isize)> =
        (0..rank).rev().map(|d| (pads[d] as isize, pads[d + rank] as isize)).collect();
    Ok(x.pad(&around, Padding::Constant(value as f32)))
}

fn reduce(c: &Context, f: fn(&Tensor, &[isize], bool) -> Tensor) -> Outcome<Tensor> {
    let x = c.floats(0)?;
    let axes = c.numbers("axes", 1)?.filter(|a| !a.is_empty());
    let dims = match axes {
        Some(axes) => {
            axes.iter().map(|&d| c.dim(d, x.rank()).map(|d| d as isize)).collect::<Outcome<Vec<_>>>()?
        }
        None if c.int("noop_with_empty_axes", 0) != 0 => return Ok(x),
        None => (0..x.rank() as isize).collect(),
    };
    if (1..dims.len()).any(|i| dims[..i].contains(&dims[i])) {
        return Err(format!("dimensions {dims:?}, one of them twice"));
    }
    Ok(f(&x, &dims, c.int("keepdims", 1) != 0))
}

fn arg(c: &Context, f: fn(&Tensor, isize, bool) -> Tensor) -> Outcome<Tensor> {
    let x = c.floats(0)?;
    if c.int("select_last_index", 0) != 0 {
        return Err("select_last_index is not supported".into());
    }
    let dim = c.dim(c.int("axis", 0), x.rank())?;
    if x.shape().get(dim).is_none_or(|&n| n == 0) {
        return Err(format!("input {:?}", x.shape()));
    }
    Ok(f(&x, dim as isize, c.int("keepdims", 1) != 0))
}

fn cumsum(c: &Context) -> Outcome<Tensor> {
    if c.int("exclusive", 0) != 0 {
        return Err("exclusive sums are not supported".into());
    }
    let x = c.floats(0)?;
    let axis = c.host(1)?.longs().first().copied().ok_or("no axis")?;
    let dim = c.dim(axis, x.rank())? as isize;
    Ok(if c.int("reverse", 0) != 0 { x.flip(&[dim]).cumsum(dim).flip(&[dim]) } else { x.cumsum(dim) })
}
