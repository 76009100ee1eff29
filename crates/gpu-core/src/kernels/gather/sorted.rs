//! Scatter-add on a GPU by sorting the indices, so that the work does not grow with indices times outputs.

use super::{ScatterAdd, width};
use crate::Shader;
use crate::kernels::sort::{Side, sort_stages};
use crate::wgsl::{Source, wgsl};

/// Sorted places per chunk. Chunks with a single key are summed beforehand, so that a frequent key is not one long loop.
const CHUNK: usize = 256;

/// The problem as rows of keys. Indices that vary along `inner` become indices into all items.
pub(super) struct Sorted {
    outer: usize,
    rows: usize,
    cols: usize,
    dim: usize,
    /// Items of `width` floats.
    inner: usize,
    width: usize,
    /// WGSL for the keys.
    key: String,
}

impl Sorted {
    pub fn new(s: &ScatterAdd) -> Sorted {
        let ScatterAdd { outer, dim, count, inner, index_outer, index_inner } = *s;
        let width = width(inner, index_inner);
        let rows = if index_outer { outer } else { 1 };
        let binding = "@group(0) @binding(1) var<storage, read> index: array<u32>;\n";
        if !index_inner {
            let key = format!("{binding}fn key(at: u32) -> u32 {{\n    return index[at];\n}}\n");
            return Sorted { outer, rows, cols: count, dim, inner: inner / width, width, key };
        }
        let key = format!(
            "{binding}fn key(at: u32) -> u32 {{\n    let d = index[at];\n    \
             return select(0xffffffffu, d * {inner}u + at % {inner}u, d < {dim}u);\n}}\n"
        );
        Sorted { outer, rows, cols: count * inner, dim: dim * inner, inner: 1, width, key }
    }

    fn chunks(&self) -> usize {
        self.cols.div_ceil(CHUNK)
    }

    /// Offsets in scratch memory, in words: of the two orders, the first places of the keys, and the sums of chunks;
    /// then the size of all.
    fn places(&self) -> [usize; 5] {
        let (order, starts) = (self.rows * self.cols, self.rows * (self.dim + 1));
        let parts = self.outer * self.chunks() * self.inner * self.width;
        // Sums are read as vectors.
        let at = (2 * order + starts).next_multiple_of(4);
        [0, order, 2 * order, at, at + parts]
    }

    pub fn scratch_bytes(&self) -> usize {
        self.places()[4] * 4
    }

    pub fn shaders(&self) -> Vec<Shader> {
        let [order, spare, starts, parts, _] = self.places();
        let side = |from: usize| Side {
            binding: "@group(0) @binding(3) var<storage, read_write> scratch: array<u32>;\n".into(),
            element: format!("scratch[{from}u + at]"),
        };
        let mut shaders = sort_stages([self.rows, self.cols], &self.key, [&side(order), &side(spare)]);
        let first = Source::new(wgsl!("scatter_starts")).block("key", &self.key).set("ROWS", self.rows);
        let first =
            first.set("COLS", self.cols).set("DIM", self.dim).set("ORDER", order).set("STARTS", starts);
        shaders.push(Shader::linear(first.finish(), self.rows * (self.dim + 1), 64));
        let common = |text: &str, vector: &str| {
            let source =
                Source::new(text).set("OUTER", self.outer).set("COLS", self.cols).set("INNER", self.inner);
            let source = source.set("CHUNK", CHUNK).set("CHUNKS", self.chunks()).set("ORDER", order);
            let source = source.set("INDEX_OUTER", self.rows > 1).set("PARTS", parts);
            if self.width == 4 { source.block("type", vector) } else { source }
        };
        let put = "alias T = vec4<f32>;\n\nfn put_part(at: u32, v: T) {\n    let words = bitcast<vec4<u32>>(v);\n    \
                   for (var k = 0u; k < 4u; k++) {\n        scratch[PARTS + 4u * at + k] = words[k];\n    }\n}";
        let chunks = common(wgsl!("scatter_chunks"), put).block("key", &self.key);
        shaders.push(Shader::linear(chunks.finish(), self.outer * self.chunks() * self.inner, 64));
        let part = "alias T = vec4<f32>;\n\nfn part(at: u32) -> T {\n    let p = PARTS + 4u * at;\n    \
                    return bitcast<T>(vec4<u32>(scratch[p], scratch[p + 1u], scratch[p + 2u], scratch[p + 3u]));\n}";
        let sums = common(wgsl!("scatter_sorted"), part).set("DIM", self.dim).set("STARTS", starts);
        shaders.push(Shader::linear(sums.finish(), self.outer * self.dim * self.inner, 64));
        shaders
    }
}
