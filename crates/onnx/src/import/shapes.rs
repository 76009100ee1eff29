//! Operators that move elements, and shape arithmetic.

use autograd::{DType, Tensor, cat};

use super::context::Context;
use super::value::{Host, Outcome, Value, broadcast, elements, strides};

pub const NAMES: &[&str] = &[
    "Constant",
    "ConstantOfShape",
    "Shape",
    "Size",
    "Range",
    "Reshape",
    "Flatten",
    "Squeeze",
    "Unsqueeze",
    "Transpose",
    "Expand",
    "Slice",
    "Gather",
    "GatherElements",
    "ScatterElements",
    "Concat",
    "Split",
    "Trilu",
];

pub fn run(op: &str, c: &Context) -> Outcome<Vec<Value>> {
    let one = match op {
        "Constant" => {
            let tensor = c.attribute("value").and_then(|a| a.t.as_ref());
            Value::Host(
                match (
                    tensor,
                    c.attribute("value_int"),
                    c.attribute("value_ints"),
                    c.attribute("value_float"),
                ) {
                    (Some(tensor), ..) => Host::read(tensor, None)?,
                    (_, Some(a), ..) => Host { shape: vec![], ..Host::ints([a.i()]) },
                    (_, _, Some(a), _) => Host::ints(a.ints.iter().copied()),
                    (.., Some(a)) => Host { shape: vec![], values: vec![a.f().into()], dtype: DType::F32 },
                    _ => return Err("a constant of a kind that is not supported".into()),
                },
            )
        }
        "ConstantOfShape" => {
            let shape = sizes(&c.host(0)?.longs())?;
            let value = c.attribute("value").and_then(|a| a.t.as_ref());
            let value = value.map(|t| Host::read(t, None)).transpose()?;
            let value = value.unwrap_or(Host { shape: vec![1], values: vec![0.0], dtype: DType::F32 });
            value.picked(&shape, |_| 0).map(Value::Host)?
        }
        "Shape" => {
            let shape = c.shape(0)?;
            let rank = shape.len() as i64;
            let at = |n: i64| (if n < 0 { n + rank } else { n }).clamp(0, rank) as usize;
            let (start, end) = (at(c.int("start", 0)), at(c.int("end", rank)));
            Value::Host(Host::ints(shape[start..end.max(start)].iter().map(|&n| n as i64)))
        }
        "Size" => {
            let count = c.shape(0)?.iter().product::<usize>();
            Value::Host(Host { shape: vec![], ..Host::ints([count as i64]) })
        }
        "Range" => {
            let number =
                |i: usize| c.host(i)?.values.first().copied().ok_or_else(|| "an empty bound".to_owned());
            let (start, limit, step) = (number(0)?, number(1)?, number(2)?);
            let count = ((limit - start) / step).ceil().max(0.0);
            if !count.is_finite() {
                return Err(format!("a range from {start} to {limit} by {step}"));
            }
            let count = elements(&[count as usize])?;
            let values = (0..count).map(|i| start + i as f64 * step).collect();
            Value::Host(Host { shape: vec![count], values, dtype: c.host(0)?.dtype })
        }
        "Reshape" | "Flatten" | "Squeeze" | "Unsqueeze" => reshaped(c, &new_shape(op, c)?)?,
        "Transpose" => transpose(c)?,
        "Expand" => {
            let shape = broadcast(&[&c.shape(0)?, &sizes(&c.host(1)?.longs())?])?;
            match c.value(0)? {
                Value::Host(x) => Value::Host(x.expanded(&shape)?),
                Value::Device(x) => Value::Device(x.expand(&shape)),
            }
        }
        "Slice" => slice(c)?,
        "Gather" => gather(c)?,
        "GatherElements" => gather_elements(c)?,
        "ScatterElements" => scatter_elements(c)?,
        "Concat" => concat(c)?,
        "Split" => return split(c),
        "Trilu" => {
            let x = c.floats(0)?;
            if x.rank() < 2 {
                return Err(format!("input {:?}", x.shape()));
            }
            let k = if c.has(1) { c.host(1)?.values.first().copied().unwrap_or(0.0) as isize } else { 0 };
            Value::Device(if c.int("upper", 1) != 0 { x.triu(k) } else { x.tril(k) })
        }
        _ => return Err("an unknown operator".into()),
    };
    Ok(vec![one])
}

fn sizes(numbers: &[i64]) -> Outcome<Vec<usize>> {
    numbers.iter().map(|&n| usize::try_from(n).map_err(|_| format!("a size of {n}"))).collect()
}

fn new_shape(op: &str, c: &Context) -> Outcome<Vec<usize>> {
    let shape = c.shape(0)?;
    match op {
        "Flatten" => {
            let axis = c.int("axis", 1);
            let axis = if axis == shape.len() as i64 { shape.len() } else { c.dim(axis, shape.len())? };
            Ok(vec![shape[..axis].iter().product(), shape[axis..].iter().product()])
        }
        "Squeeze" => {
            let axes = c.numbers("axes", 1)?;
            let axes = axes
                .map(|a| a.iter().map(|&d| c.dim(d, shape.len())).collect::<Outcome<Vec<_>>>())
                .transpose()?;
            let gone = |d: usize| shape[d] == 1 && axes.as_ref().is_none_or(|a| a.contains(&d));
            Ok((0..shape.len()).filter(|&d| !gone(d)).map(|d| shape[d]).collect())
        }
        "Unsqueeze" => {
            let axes = c.numbers("axes", 1)?.ok_or("no axes")?;
            let rank = shape.len() + axes.len();
            let axes = axes.iter().map(|&d| c.dim(d, rank)).collect::<Outcome<Vec<_>>>()?;
            let mut rest = shape.iter().copied();
            Ok((0..rank).map(|d| if axes.contains(&d) { 1 } else { rest.next().unwrap_or(1) }).collect())
        }
        _ => {
            let wanted = c.host(1)?.longs();
            let keep = c.int("allowzero", 0) == 0;
            let numel: usize = shape.iter().product();
            let mut sizes = vec![];
            for (d, &n) in wanted.iter().enumerate() {
                sizes.push(match n {
                    0 if keep => *shape.get(d).ok_or("a 0 beyond the input's dimensions")?,
                    -1 => 1,
                    n => usize::try_from(n).map_err(|_| format!("a size of {n}"))?,
                });
            }
            if let Some(d) = wanted.iter().position(|&n| n == -1) {
                let known =
                    sizes.iter().try_fold(1usize, |n, &d| n.checked_mul(d)).ok_or("too many elements")?;
                sizes[d] = numel.checked_div(known).unwrap_or(0);
            }
            Ok(sizes)
        }
    }
}

fn reshaped(c: &Context, shape: &[usize]) -> Outcome<Value> {
    let have = c.shape(0)?;
    let count = shape.iter().try_fold(1usize, |n, &d| n.checked_mul(d));
    if count != Some(have.iter().product()) {
        return Err(format!("shape {have:?} cannot become {shape:?}"));
    }
    Ok(match c.value(0)? {
        Value::Host(x) => Value::Host(Host { shape: shape.to_vec(), ..x.clone() }),
        Value::Device(x) => Value::Device(x.reshape(shape)),
    })
}

fn transpose(c: &Context) -> Outcome<Value> {
    let shape = c.shape(0)?;
    let order = c.ints("perm").unwrap_or_else(|| (0..shape.len() as i64).rev().collect());
    let order = order.iter().map(|&d| c.dim(d, shape.len())).collect::<Outcome<Vec<usize>>>()?;
    let mut sorted = order.clone();
    sorted.sort_unstable();
    if !sorted.into_iter().eq(0..shape.len()) {
        return Err(format!("order {order:?} of shape {shape:?}"));
    }
    Ok(match c.value(0)? {
        Value::Device(x) => Value::Device(x.permute(&order.iter().map(|&d| d as isize).collect::<Vec<_>>())),
        Value::Host(x) => {
            let (strides, out) = (strides(&shape), order.iter().map(|&d| shape[d]).collect::<Vec<_>>());
            Value::Host(x.picked(&out, |at| order.iter().zip(at).map(|(&d, i)| strides[d] * i).sum())?)
        }
    })
}

/// The slice `start, start + step, .., len` elements along a dimension.
fn cut(x: &Value, dim: usize, start: i64, end: i64, step: i64) -> Outcome<Value> {
    Ok(match x {
        Value::Device(x) => Value::Device(x.slice(dim as isize, start as isize, end as isize, step as isize)),
        Value::Host(x) => {
            let size = x.shape[dim] as i64;
            let (low, high) = if step > 0 { (0, size) } else { (-1, size - 1) };
            let at =
                |n: i64| if n < 0 { n.saturating_add(size).clamp(low, high) } else { n.clamp(low, high) };
            let (start, end) = (at(start), at(end));
            let len =
                if step > 0 { (end - start + step - 1) / step } else { (start - end - step - 1) / -step };
            let strides = strides(&x.shape);
            let mut shape = x.shape.clone();
            shape[dim] = len.max(0) as usize;
            let place = |d: usize, i: usize| if d == dim { (start + i as i64 * step) as usize } else { i };
            Value::Host(
                x.picked(&shape, |at| at.iter().enumerate().map(|(d, &i)| strides[d] * place(d, i)).sum())?,
            )
        }
    })
}

fn slice(c: &Context) -> Outcome<Value> {
    let (starts, ends) = (c.numbers("starts", 1)?, c.numbers("ends", 2)?);
    let (starts, ends) = (starts.ok_or("no starts")?, ends.ok_or("no ends")?);
    let axes = c.numbers("axes", 3)?.unwrap_or_else(|| (0..starts.len() as i64).collect());
    let steps = if c.has(4) { c.host(4)?.longs() } else { vec![1; starts.len()] };
    if [ends.len(), axes.len(), steps.len()] != [starts.len(); 3] {
        return Err("starts, ends, axes and steps of different lengths".into());
    }
    let rank = c.shape(0)?.len();
    // Beyond every dimension, and far from overflowing.
    let bound = |n: i64| n.clamp(-(1 << 40), 1 << 40);
    let mut x = c.value(0)?.clone();
    for i in 0..starts.len() {
        if steps[i] == 0 {
            return Err("step 0".into());
        }
        x = cut(&x, c.dim(axes[i], rank)?, bound(starts[i]), bound(ends[i]), bound(steps[i]))?;
    }
    Ok(x)
}

fn gather(c: &Context) -> Outcome<Value> {
    let (shape, index_shape) = (c.shape(0)?, c.shape(1)?);
    let axis = c.dim(c.int("axis", 0), shape.len())?;
    let out = [&shape[..axis], &index_shape, &shape[axis + 1..]].concat();
    let index = match c.value(1)? {
        Value::Device(index) if index.dtype() != DType::I32 => {
            return Err(format!("an index of type {}", index.dtype()));
        }
        Value::Device(index) => {
            let y = c.tensor(0)?.index_select(axis as isize, &index.reshape(&[index.numel()]));
            return Ok(Value::Device(y.reshape(&out)));
        }
        Value::Host(index) => index,
    };
    let size = shape[axis] as f64;
    let at: Vec<f64> = index.values.iter().map(|&i| if i < 0.0 { i + size } else { i }).collect();
    if let Some(bad) = at.iter().find(|&&i| i < 0.0 || i >= size) {
        return Err(format!("index {bad} of a dimension of {size}"));
    }
    Ok(match c.value(0)? {
        Value::Device(x) => {
            let index = Host { shape: vec![at.len()], values: at, dtype: DType::I32 }.tensor(c.device);
            Value::Device(x.index_select(axis as isize, &index).reshape(&out))
        }
        Value::Host(x) => {
            let (from, inside) = (strides(&shape), strides(&index_shape));
            let k = index_shape.len();
            Value::Host(x.picked(&out, |to| {
                let chosen: usize = (0..k).map(|d| inside[d] * to[axis + d]).sum();
                let before: usize = (0..axis).map(|d| from[d] * to[d]).sum();
                let after: usize = (axis + 1..shape.len()).map(|d| from[d] * to[d + k - 1]).sum();
                before + from[axis] * at[chosen] as usize + after
            })?)
        }
    })
}

fn gather_elements(c: &Context) -> Outcome<Value> {
    let (x, index) = (c.tensor(0)?, c.tensor(1)?);
    let axis = c.dim(c.int("axis", 0), x.rank())?;
    let fits = x.rank() == index.rank()
        && index.dtype() == DType::I32
        && (0..x.rank()).all(|d| d == axis || index.shape()[d] <= x.shape()[d]);
    if !fits {
        return Err(format!("index {:?} of type {} for input {:?}", index.shape(), index.dtype(), x.shape()));
    }
    Ok(Value::Device(x.gather(axis as isize, &index)))
}

fn scatter_elements(c: &Context) -> Outcome<Value> {
    let (x, index, source) = (c.floats(0)?, c.tensor(1)?, c.floats(2)?);
    let axis = c.dim(c.int("axis", 0), x.rank())?;
    let fits = x.rank() == index.rank()
        && index.dtype() == DType::I32
        && source.shape() == index.shape()
        && (0..x.rank()).all(|d| d == axis || index.shape()[d] <= x.shape()[d]);
    if !fits {
        return Err(format!(
            "index {:?} and updates {:?} for input {:?}",
            index.shape(),
            source.shape(),
            x.shape()
        ));
    }
    match c.text("reduction") {
        None | Some("none") => Ok(Value::Device(x.scatter(axis as isize, &index, &source))),
        Some("add") => Ok(Value::Device(x.scatter_add(axis as isize, &index, &source))),
        Some(other) => Err(format!("reduction {other:?} is not supported")),
    }
}

fn concat(c: &Context) -> Outcome<Value> {
    let first = c.shape(0)?;
    let axis = c.dim(c.int("axis", 0), first.len())?;
    for i in 1..c.inputs.len() {
        let other = c.shape(i)?;
        if other.len() != first.len() || (0..first.len()).any(|d| d != axis && other[d] != first[d]) {
            return Err(format!("shapes {first:?} and {other:?} along dimension {axis}"));
        }
    }
    if c.on_host() && first.len() == 1 {
        let mut all = c.host(0)?.clone();
        for i in 1..c.inputs.len() {
            all.values.extend(&c.host(i)?.values);
        }
        all.shape = vec![elements(&[all.values.len()])?];
        return Ok(Value::Host(all));
    }
    let parts = (0..c.inputs.len()).map(|i| c.tensor(i)).collect::<Outcome<Vec<Tensor>>>()?;
    if parts.iter().any(|p| p.dtype() != parts[0].dtype()) {
        return Err("inputs of different types".into());
    }
    Ok(Value::Device(cat(&parts.iter().collect::<Vec<_>>(), axis as isize)))
}

fn split(c: &Context) -> Outcome<Vec<Value>> {
    let shape = c.shape(0)?;
    let axis = c.dim(c.int("axis", 0), shape.len())?;
    let parts = c.node.output.len().max(1);
    let equal = || vec![shape[axis].div_ceil(parts) as i64; parts];
    let lengths = c.numbers("split", 1)?.unwrap_or_else(equal);
    let mut start = 0i64;
    let mut found = vec![];
    for len in lengths {
        let end = start.saturating_add(len.max(0));
        found.push(cut(c.value(0)?, axis, start, end, 1)?);
        start = end;
    }
    Ok(found)
}
