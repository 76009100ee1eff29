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
    pub rows: usize,
    pub cols: usize,
    pub dtype: DType,
    pub descending: bool,
}

/// Elements of a block.
const BLOCK: usize = 32;

/// The words of a type as numbers that sort alike.
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

impl ArgSort {
    /// Widths of the runs that are merged.
    fn merges(&self) -> Vec<usize> {
        std::iter::successors(Some(BLOCK), |width| Some(2 * width)).take_while(|&w| w < self.cols).collect()
    }

    fn source(&self, text: &str, width: usize) -> Source {
        let source = Source::new(text).set("ROWS", self.rows).set("COLS", self.cols).set("WIDTH", width);
        source.set("DESCENDING", self.descending).block("key", code(self.dtype))
    }
}

/// The binding of the order that is read (1 is the result, 2 scratch) and of the one that is written.
fn arrays(from: usize, to: usize) -> String {
    let array = |binding: usize, name: &str| {
        format!("@group(0) @binding({binding}) var<storage, read_write> {name}: array<u32>;")
    };
    format!("{}\n{}", array(from, "from_order"), array(to, "to_order"))
}

impl Kernel for ArgSort {
    fn name(&self) -> &'static str {
        "argsort"
    }

    fn access(&self) -> Vec<Access> {
        vec![Access::Read, Access::Write]
    }

    fn scratch(&self, target: Target) -> usize {
        let needed = target == Target::Gpu && !self.merges().is_empty();
        if needed { self.rows * self.cols * 4 } else { 0 }
    }

    fn shaders(&self) -> Vec<Shader> {
        let merges = self.merges();
        // Every merge changes sides, and the last one ends in the result.
        let side = |left: usize| if left.is_multiple_of(2) { 1 } else { 2 };
        let count = self.rows * self.cols;
        let first = self.source(wgsl!("sort_blocks"), BLOCK).finish();
        let first = first.replace("@binding(1)", &format!("@binding({})", side(merges.len())));
        let mut shaders = vec![Shader::linear(first, count, 64)];
        for (k, &width) in merges.iter().enumerate() {
            let left = merges.len() - k;
            let source = self.source(wgsl!("sort_merge"), width);
            let source = source.block("arrays", &arrays(side(left), side(left - 1)));
            shaders.push(Shader::linear(source.finish(), count, 64));
        }
        shaders
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
        Cost { flops: 0, bytes: 8 * count * (1 + self.merges().len() as u64) }
    }
}
