//! Ops that move elements.

use autograd::{DType, Padding, Tensor, cat, stack};

use super::call::{Answer, Call};

pub fn run(c: &Call) -> Option<Answer> {
    let a = &c.attrs;
    let x = c.inputs.first().map(|(_, x)| x)?;
    let dim = |key: &str, default: isize| a.int(key).unwrap_or(default);
    let y: Tensor = match c.op {
        "reshape" => x.reshape(&inferred(x, &a.ints("shape").expect("shape"))),
        "flatten" => x.flatten(dim("start_dim", 0), dim("end_dim", -1)),
        "squeeze" => {
            let ones = || (0..x.rank() as isize).filter(|&d| x.size(d) == 1).collect();
            x.squeeze(&a.ints("dim").unwrap_or_else(ones))
        }
        "unsqueeze" => x.unsqueeze(dim("dim", 0)),
        "permute" => x.permute(&a.ints("dims").expect("dims")),
        "transpose" => x.transpose(dim("dim0", 0), dim("dim1", 1)),
        "movedim" if a.is_list("source") => {
            x.movedims(&a.ints("source").expect("source"), &a.ints("destination").expect("destination"))
        }
        "movedim" => x.movedim(dim("source", 0), dim("destination", 0)),
        "expand" => x.expand(&kept(x, &a.ints("size").expect("size"))),
        "slice" => slice(c, x),
        "narrow" => {
            let start = from_end(a.int("start").expect("start"), x.size(dim("dim", 0)));
            x.narrow(dim("dim", 0), start, a.size("length").expect("length"))
        }
        "pad" => match padding(c) {
            Some(mode) => x.pad(&pairs(&a.ints("pad").expect("pad")), mode),
            None => return Some(Err(c.without("another mode"))),
        },
        "flip" => x.flip(&a.ints("dims").expect("dims")),
        "roll" => roll(c, x),
        "cat" => cat(&c.tensors(), dim("dim", 0)),
        "stack" => stack(&c.tensors(), dim("dim", 0)),
        "split" | "chunk" | "unbind" => return Some(Ok(pieces(c, x))),
        "index_select" => x.index_select(dim("dim", 0), c.named("index")),
        "index" => x.index(&c.tensors()[1..]),
        "gather" => x.gather(dim("dim", 0), c.named("index")),
        "take_along_dim" => match a.int("dim") {
            Some(dim) => x.take_along_dim(c.at(1), dim),
            None => x.flatten(0, -1).take_along_dim(&c.at(1).flatten(0, -1), 0),
        },
        "scatter" => match a.float("value") {
            Some(value) => x.scatter(dim("dim", 0), c.named("index"), value),
            None => x.scatter(dim("dim", 0), c.named("index"), c.named("src")),
        },
        "scatter_add" => x.scatter_add(dim("dim", 0), c.named("index"), c.named("src")),
        "index_add" => {
            let source = c.named("source");
            let source = a.float("alpha").map_or_else(|| source.clone(), |alpha| source * alpha);
            x.index_add(dim("dim", 0), c.named("index"), &source)
        }
        "sort" => {
            a.flag("stable"); // sorts are always stable
            let (values, indices) = x.sort(dim("dim", -1), a.flag("descending"));
            return Some(Ok(vec![values, indices]));
        }
        "argsort" => {
            a.flag("stable");
            x.argsort(dim("dim", -1), a.flag("descending"))
        }
        "topk" => {
            a.flag("sorted"); // results are always sorted
            let largest = a.get("largest").is_none_or(|v| v.as_bool() == Some(true));
            let (values, indices) = x.topk(a.size("k").expect("k"), dim("dim", -1), largest);
            return Some(Ok(vec![values, indices]));
        }
        "masked_fill" => x.masked_fill(c.named("mask"), a.float("value").expect("value")),
        "masked_select" => x.masked_select(c.named("mask")).expect("the mask is read"),
        "tril" => x.tril(dim("diagonal", 0)),
        "triu" => x.triu(dim("diagonal", 0)),
        "repeat" => x.repeat(&a.sizes("repeats").expect("repeats")),
        "tile" => x.tile(&a.sizes("dims").expect("dims")),
        "repeat_interleave" => match (a.size("repeats"), a.int("dim")) {
            (None, dim) => {
                let times: Vec<i32> = c.at(1).to_vec().expect("read");
                let x = if dim.is_some() { x.clone() } else { x.flatten(0, -1) };
                let times = times.into_iter().map(|n| n as usize).collect::<Vec<_>>();
                let times = if times.len() == 1 { vec![times[0]; x.size(dim.unwrap_or(0))] } else { times };
                x.repeat_interleave_each(&times, dim.unwrap_or(0))
            }
            (Some(times), Some(dim)) => x.repeat_interleave(times, dim),
            (Some(times), None) => x.flatten(0, -1).repeat_interleave(times, 0),
        },
        "diagonal" => x.diagonal(dim("offset", 0), dim("dim1", 0), dim("dim2", 1)),
        "diag_embed" => {
            x.diag_embed(dim("offset", 0)).movedims(&[-2, -1], &[dim("dim1", -2), dim("dim2", -1)])
        }
        "one_hot" => match a.int("num_classes").and_then(|n| usize::try_from(n).ok()) {
            Some(classes) => x.one_hot(classes).to(DType::I32),
            None => {
                let values: Vec<i32> = x.to_vec().expect("read");
                x.one_hot(values.into_iter().max().map_or(0, |n| n as usize + 1)).to(DType::I32)
            }
        },
        "embedding" => {
            let table = c.named("weight");
            match a.int("padding_idx") {
                Some(row) => table.embedding_padded(x, from_end(row, table.size(0))),
                None => table.embedding(x),
            }
        }
        _ => return None,
    };
    Some(Ok(vec![y]))
}

/// Resolves a position that may count from the end.
fn from_end(position: isize, size: usize) -> usize {
    if position < 0 { size - position.unsigned_abs() } else { position as usize }
}

/// Resolves a shape in which one size may be -1.
fn inferred(x: &Tensor, shape: &[isize]) -> Vec<usize> {
    let known: usize = shape.iter().filter(|&&n| n >= 0).map(|&n| n as usize).product();
    shape.iter().map(|&n| usize::try_from(n).unwrap_or_else(|_| x.numel() / known.max(1))).collect()
}

/// Resolves a shape in which -1 keeps the size of `x`.
fn kept(x: &Tensor, shape: &[isize]) -> Vec<usize> {
    let front = shape.len() - x.rank();
    let size = |(d, &n): (usize, &isize)| usize::try_from(n).unwrap_or_else(|_| x.shape()[d - front]);
    shape.iter().enumerate().map(size).collect()
}

fn slice(c: &Call, x: &Tensor) -> Tensor {
    let slices = c.attrs.get("slices").and_then(|v| v.as_array()).expect("slices");
    slices.iter().enumerate().fold(x.clone(), |x, (d, s)| {
        let at = |i: usize, default: isize| s[i].as_i64().map_or(default, |n| n as isize);
        x.slice(d as isize, at(0, 0), at(1, isize::MAX), at(2, 1))
    })
}

fn padding(c: &Call) -> Option<Padding> {
    let value = c.attrs.float("value").unwrap_or(0.0);
    Some(match c.attrs.text("mode") {
        None | Some("constant") => Padding::Constant(value),
        Some("reflect") => Padding::Reflect,
        Some("replicate") => Padding::Replicate,
        Some("circular") => Padding::Circular,
        Some(_) => return None,
    })
}

fn pairs(pads: &[isize]) -> Vec<(isize, isize)> {
    pads.chunks_exact(2).map(|p| (p[0], p[1])).collect()
}

fn roll(c: &Call, x: &Tensor) -> Tensor {
    let shifts = c.attrs.ints("shifts").expect("shifts");
    match c.attrs.ints("dims").filter(|d| !d.is_empty()) {
        Some(dims) => shifts.iter().zip(dims).fold(x.clone(), |x, (&shift, dim)| x.roll(shift, dim)),
        None => x.flatten(0, -1).roll(shifts[0], 0).reshape(x.shape()),
    }
}

fn pieces(c: &Call, x: &Tensor) -> Vec<Tensor> {
    let dim = c.attrs.int("dim").unwrap_or(0);
    match c.op {
        "chunk" => x.chunk(c.attrs.size("chunks").expect("chunks"), dim),
        "unbind" => x.unbind(dim),
        _ if c.attrs.is_list("split_size_or_sections") => {
            x.split_with_sizes(&c.attrs.sizes("split_size_or_sections").expect("sizes"), dim)
        }
        _ => x.split(c.attrs.size("split_size_or_sections").expect("a size"), dim),
    }
}
