//! Reading rows by index and its adjoint: `torch.gather`, `index_select` and embedding.

mod sorted;

use rayon::prelude::*;

use crate::wgsl::{Source, wgsl};
use crate::{Access, Args, Cost, DType, Kernel, Shader, Target};
use sorted::Sorted;

/// `y[o, j, i] = x[o, index[o, j, i], i]`. An index outside of `0..dim` gives NaN, or 0 for integers.
///
/// Arguments: x `[outer, dim, inner]`, index (`i32` or `u32`) `[outer or 1, count, inner or 1]`; written: y
/// `[outer, count, inner]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gather {
    /// Product of the sizes before the indexed dimension.
    pub outer: usize,
    /// Size of the indexed dimension of x.
    pub dim: usize,
    /// Indices along the dimension.
    pub count: usize,
    /// Product of the sizes behind the indexed dimension.
    pub inner: usize,
    /// Whether the index varies along `outer`.
    pub index_outer: bool,
    /// Whether the index varies along `inner`.
    pub index_inner: bool,
    /// Type of x and y.
    pub dtype: DType,
}

/// The adjoint of [`Gather`]: `y[o, d, i]` is the sum of `src[o, j, i]` over the `j` with `index[o, j, i] = d`. Indices
/// outside of `0..dim` are skipped.
///
/// Sums run in a fixed order without atomics, so that the result is the same in every run.
///
/// Arguments: src `[outer, count, inner]`, index (`i32` or `u32`) `[outer or 1, count, inner or 1]`; written: y
/// `[outer, dim, inner]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScatterAdd {
    /// Product of the sizes before the indexed dimension.
    pub outer: usize,
    /// Size of the indexed dimension of y.
    pub dim: usize,
    /// Indices along the dimension.
    pub count: usize,
    /// Product of the sizes behind the indexed dimension.
    pub inner: usize,
    /// Whether the index varies along `outer`.
    pub index_outer: bool,
    /// Whether the index varies along `inner`.
    pub index_inner: bool,
}

/// Elements per task of the CPU twins.
const TASK: usize = 16 * 1024;

/// Elements moved together: 4 where they share an index.
fn width(inner: usize, index_inner: bool) -> usize {
    if !index_inner && inner.is_multiple_of(4) { 4 } else { 1 }
}

impl Kernel for Gather {
    fn name(&self) -> &'static str {
        "gather"
    }

    fn access(&self) -> Vec<Access> {
        vec![Access::Read, Access::Read, Access::Write]
    }

    fn shaders(&self) -> Vec<Shader> {
        let width = width(self.inner, self.index_inner);
        let total = self.outer * self.count * self.inner / width;
        let mut source = Source::new(wgsl!("gather")).set("TOTAL", total).set("DIM", self.dim);
        source = source.set("COUNT", self.count).set("INNER", self.inner / width);
        source = source.set("INDEX_OUTER", self.index_outer).set("INDEX_INNER", self.index_inner);
        source = source.set("MISSING", self.missing());
        if width == 4 {
            source = source.block("type", "alias T = vec4<u32>;");
        }
        vec![Shader::linear(source.finish(), total, 64)]
    }

    fn run(&self, args: &Args) {
        let (x, index): (&[u32], &[u32]) = (args.read(0), args.read(1));
        let Gather { dim, count, inner, index_inner, .. } = *self;
        let rows = args.write::<u32>(2).par_chunks_mut(inner.max(1)).enumerate();
        rows.with_min_len(TASK.div_ceil(inner.max(1))).for_each(|(row, y)| {
            let x = &x[row / count * dim * inner..][..dim * inner];
            let at = if self.index_outer { row } else { row % count };
            if index_inner {
                for (i, (y, &d)) in y.iter_mut().zip(&index[at * inner..]).enumerate() {
                    *y = if (d as usize) < dim { x[d as usize * inner + i] } else { self.missing() };
                }
            } else if (index[at] as usize) < dim {
                y.copy_from_slice(&x[index[at] as usize * inner..][..inner]);
            } else {
                y.fill(self.missing());
            }
        });
    }

    fn cost(&self) -> Cost {
        let count = (self.outer * self.count * self.inner) as u64;
        Cost { flops: 0, bytes: 8 * count }
    }
}

impl Gather {
    /// The word for an index out of range.
    fn missing(&self) -> u32 {
        if self.dtype.is_float() { f32::NAN.to_bits() } else { 0 }
    }
}

/// Fewest and most indices that one invocation scans. (Mesa's lavapipe ends loops after 65,535 iterations.)
const CHUNKS: [usize; 2] = [256, 16_384];
/// Invocations that keep a GPU busy.
const ENOUGH: usize = 64 * 1024;
/// Most outputs for which indices are always scanned, and most scanned indices over all outputs; beyond both, indices are sorted.
const FEW_OUTPUTS: usize = 256;
const SCANS: usize = 1 << 24;

impl ScatterAdd {
    /// Output items.
    fn outputs(&self) -> usize {
        self.outer * self.dim * self.inner / width(self.inner, self.index_inner)
    }

    /// Whether a GPU sorts the indices, rather than scanning them for every output.
    fn sorts(&self) -> bool {
        self.outputs() > FEW_OUTPUTS && self.outputs().saturating_mul(self.count) > SCANS
    }

    /// How many partial sums an output is split into, when there are too few outputs to keep a GPU busy.
    fn splits(&self) -> usize {
        let outputs = self.outputs().max(1);
        if outputs > ENOUGH / 2 {
            return 1;
        }
        let (most, least) = (self.count.div_ceil(CHUNKS[0]), self.count.div_ceil(CHUNKS[1]));
        (ENOUGH / outputs).min(1024).clamp(least.max(1), most.max(1))
    }

    fn source(&self, text: &str) -> Source {
        let source = Source::new(text).set("OUTPUTS", self.outputs());
        match width(self.inner, self.index_inner) {
            4 => source.block("type", "alias T = vec4<f32>;"),
            _ => source,
        }
    }

    /// The scan of `chunk` indices for every split.
    fn scan(&self, chunk: usize) -> Source {
        let inner = self.inner / width(self.inner, self.index_inner);
        let source = self.source(wgsl!("gather_scatter")).set("CHUNK", chunk);
        let source = source.set("DIM", self.dim).set("COUNT", self.count).set("INNER", inner);
        source.set("INDEX_OUTER", self.index_outer).set("INDEX_INNER", self.index_inner)
    }

    /// `y = 0`, then `y[index[j]] += src[j]` for the dimensions `first..` that `y` holds, of one `outer`.
    fn accumulate(&self, src: &[f32], index: &[u32], first: usize, y: &mut [f32]) {
        let ScatterAdd { count, inner, .. } = *self;
        y.fill(0.0);
        for (j, src) in src.chunks_exact(inner).enumerate().take(count) {
            if self.index_inner {
                for (i, (src, &d)) in src.iter().zip(&index[j * inner..]).enumerate() {
                    if let Some(y) = (d as usize).checked_sub(first).and_then(|d| y.get_mut(d * inner + i)) {
                        *y += src;
                    }
                }
            } else {
                let at = (index[j] as usize).checked_sub(first).map_or(usize::MAX, |d| d * inner);
                if at < y.len() {
                    y[at..at + inner].iter_mut().zip(src).for_each(|(y, src)| *y += src);
                }
            }
        }
    }
}

impl Kernel for ScatterAdd {
    fn name(&self) -> &'static str {
        "scatter_add"
    }

    fn access(&self) -> Vec<Access> {
        vec![Access::Read, Access::Read, Access::Write]
    }

    fn scratch(&self, target: Target) -> usize {
        if target == Target::Gpu && self.sorts() {
            return Sorted::new(self).scratch_bytes();
        }
        let splits = self.splits();
        let words = self.outputs() * width(self.inner, self.index_inner);
        if target == Target::Gpu && splits > 1 { splits * words * 4 } else { 0 }
    }

    fn shaders(&self) -> Vec<Shader> {
        if self.sorts() {
            return Sorted::new(self).shaders();
        }
        let (outputs, splits) = (self.outputs(), self.splits());
        if splits > 1 {
            let scan = self.scan(self.count.div_ceil(splits)).set("SPLITS", splits);
            let add = self.source(wgsl!("gather_add")).set("SPLITS", splits);
            return vec![
                Shader::linear(scan.finish(), outputs * splits, 64),
                Shader::linear(add.finish(), outputs, 64),
            ];
        }
        let scan = self.scan(self.count).block("scratch", "").block("store", "    y[e] = sum;");
        vec![Shader::linear(scan.finish(), outputs, 64)]
    }

    fn run(&self, args: &Args) {
        let (src, index): (&[f32], &[u32]) = (args.read(0), args.read(1));
        let ScatterAdd { outer, dim, count, inner, .. } = *self;
        if outer * dim * inner == 0 {
            return;
        }
        let work = (count + dim) * inner;
        // Every task scans all indices for its own range of `dim`; the order of a sum is always that of j.
        let ranges = if outer < 8 { (work / TASK).clamp(1, 8) } else { 1 };
        let range = dim.div_ceil(ranges);
        let planes = args.write::<f32>(2).par_chunks_mut(dim * inner).enumerate();
        planes.with_min_len(TASK.div_ceil(work)).for_each(|(o, y)| {
            let src = &src[o * count * inner..][..count * inner];
            let row = count * if self.index_inner { inner } else { 1 };
            let index = &index[if self.index_outer { o * row } else { 0 }..][..row];
            y.par_chunks_mut(range * inner).enumerate().for_each(|(k, y)| {
                self.accumulate(src, index, k * range, y);
            });
        });
    }

    fn cost(&self) -> Cost {
        let (read, written) = (self.outer * self.count * self.inner, self.outer * self.dim * self.inner);
        Cost { flops: read as u64, bytes: 4 * (read + written) as u64 }
    }
}
