//! Sorting rows.

use rayon::prelude::*;

use crate::wgsl::{Source, wgsl};
use crate::{Access, Args, Cost, DType, Kernel, Shader, Target};

/// The order of the elements of every row: `y[r, 0]` is the position of the first one in sorted order. Stable; NaN is larger than all
/// numbers, and -0 equals 0.
///
/// A merge sort: blocks are sorted by counting, then runs are merged by bisection, so that rows may have any length.
///
/// Arguments: x `[rows, cols]` of type `dtype`; written: y `[rows, cols]` i32.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ArgSort {
    /// Rows, which are sorted one by one.
    pub rows: usize,
    /// Elements of a row.
    pub cols: usize,
    /// Type of the elements; false is before true.
    pub dtype: DType,
    /// Whether the largest is first.
    pub descending: bool,
}

/// Elements of a block.
const BLOCK: usize = 32;

/// Maps a word of type `dtype` to a number with the same order.
fn ascending(dtype: DType, word: u32) -> u32 {
    match dtype {
        DType::F32 if f32::from_bits(word).is_nan() => u32::MAX,
        // -0 as 0.
        DType::F32 if word == 1 << 31 => 1 << 31,
        DType::F32 if word >> 31 == 1 => !word,
        DType::F32 | DType::I32 => word ^ (1 << 31),
        DType::U32 | DType::Bool => word,
    }
}

/// The same in WGSL.
fn code(dtype: DType) -> &'static str {
    match dtype {
        DType::F32 => {
            "fn ascending(word: u32) -> u32 {
    if ((word & 0x7fffffffu) > 0x7f800000u) { return 0xffffffffu; }
    if (word == 0x80000000u) { return word; }
    return select(word ^ 0x80000000u, ~word, word > 0x80000000u);
}"
        }
        DType::I32 => "fn ascending(word: u32) -> u32 {\n    return word ^ 0x80000000u;\n}",
        DType::U32 | DType::Bool => "fn ascending(word: u32) -> u32 {\n    return word;\n}",
    }
}

/// Where a dispatch of a sort reads or writes an order: WGSL with a binding, and an expression for the element `at`.
pub(super) struct Side {
    pub binding: String,
    pub element: String,
}

/// Widths of the runs of `cols` elements that are merged.
pub(super) fn merges(cols: usize) -> Vec<usize> {
    std::iter::successors(Some(BLOCK), |width| Some(2 * width)).take_while(|&w| w < cols).collect()
}

/// The dispatches that sort rows by `key`, which is WGSL with `fn key(at: u32) -> u32`. Every merge reads one side and writes the
/// other; the result is in the first.
pub(super) fn sort_stages([rows, cols]: [usize; 2], key: &str, sides: [&Side; 2]) -> Vec<Shader> {
    let merges = merges(cols);
    let stage = |text: &str, width: usize, arrays: &str| {
        let source = Source::new(text).set("ROWS", rows).set("COLS", cols).set("WIDTH", width);
        Shader::linear(source.block("key", key).block("arrays", arrays).finish(), rows * cols, 64)
    };
    let put = |side: &Side| format!("fn put(at: u32, value: u32) {{\n    {} = value;\n}}\n", side.element);
    let first = sides[merges.len() % 2];
    let mut shaders = vec![stage(wgsl!("sort_blocks"), BLOCK, &(first.binding.clone() + &put(first)))];
    for (k, &width) in merges.iter().enumerate() {
        let left = merges.len() - k;
        let [from, to] = [sides[left % 2], sides[(left - 1) % 2]];
        let both = if from.binding == to.binding { String::new() } else { to.binding.clone() };
        let before = format!("fn before(at: u32) -> u32 {{\n    return {};\n}}\n", from.element);
        let arrays = from.binding.clone() + &both + &before + &put(to);
        shaders.push(stage(wgsl!("sort_merge"), width, &arrays));
    }
    shaders
}

impl Kernel for ArgSort {
    fn name(&self) -> &'static str {
        "argsort"
    }

    fn access(&self) -> Vec<Access> {
        vec![Access::Read, Access::Write]
    }

    fn scratch(&self, target: Target) -> usize {
        let needed = target == Target::Gpu && !merges(self.cols).is_empty();
        if needed { self.rows * self.cols * 4 } else { 0 }
    }

    fn shaders(&self) -> Vec<Shader> {
        let invert = if self.descending { "~" } else { "" };
        let key = format!(
            "@group(0) @binding(0) var<storage, read> x: array<u32>;\n{}\n\
             fn key(at: u32) -> u32 {{\n    return {invert}ascending(x[at]);\n}}\n",
            code(self.dtype)
        );
        let side = |binding: usize, name: &str| Side {
            binding: format!("@group(0) @binding({binding}) var<storage, read_write> {name}: array<u32>;\n"),
            element: format!("{name}[at]"),
        };
        sort_stages([self.rows, self.cols], &key, [&side(1, "order"), &side(2, "spare")])
    }

    fn run(&self, args: &Args) {
        let x: &[u32] = args.read(0);
        let cols = self.cols.max(1);
        args.write::<u32>(1).par_chunks_mut(cols).zip(x.par_chunks(cols)).for_each(|(order, x)| {
            let key = |&i: &u32| {
                let key = ascending(self.dtype, x[i as usize]);
                if self.descending { !key } else { key }
            };
            order.iter_mut().enumerate().for_each(|(i, o)| *o = i as u32);
            order.sort_by_key(key);
        });
    }

    fn cost(&self) -> Cost {
        let count = (self.rows * self.cols) as u64;
        Cost { flops: 0, bytes: 8 * count * (1 + merges(self.cols).len() as u64) }
    }
}
