//! The product of codes.

use super::dot::Level;
use super::rows::Rows;
use super::{INT8_DEPTH, Int8Epilogue, PANEL, QUAD, Results};
use crate::wgsl::{Source, wgsl};
use crate::{Access, Args, Cost, Kernel, Shader};

/// The product of int8 codes `[M, K]` with a weight `[N, K]`, with its bias and, as the epilogue says, more.
///
/// Arguments: x `[M, K / 4]` words of codes; the [panels](super::Int8Weight::panels) and the [table](super::Int8Weight::table) of the
/// weight; if there is one, the residual, `[M, N / 4]` words; and the output, such words, or f32 `[M, N]`.
#[derive(Clone, Copy, Debug)]
pub struct Int8MatMul {
    rows: Rows,
    depth: usize,
    epilogue: Int8Epilogue,
}

/// Rows and output channels of an invocation.
const TILE: [usize; 2] = [4, 4];

impl Int8MatMul {
    /// # Panics
    /// When a sum has more than [`INT8_DEPTH`] products.
    pub fn new([m, n, k]: [usize; 3], epilogue: Int8Epilogue) -> Int8MatMul {
        assert!(k <= INT8_DEPTH, "an int8 product of [{m}, {k}] and [{n}, {k}]");
        let rows = Rows { rows: m, quads: k.div_ceil(QUAD), outputs: n };
        Int8MatMul { rows, depth: k, epilogue }
    }
}

impl Kernel for Int8MatMul {
    fn name(&self) -> &'static str {
        "int8_matmul"
    }

    fn shape(&self) -> String {
        format!("[{}, {}] x [{}, {}]", self.rows.rows, self.depth, self.depth, self.rows.outputs)
    }

    fn access(&self) -> Vec<Access> {
        self.epilogue.access()
    }

    fn shaders(&self) -> Vec<Shader> {
        let Rows { rows, quads, outputs } = self.rows;
        let [tiles, blocks] = [rows.div_ceil(TILE[0]), outputs.div_ceil(TILE[1])];
        let whole = quads.is_multiple_of(4);
        let source = Source::new(wgsl!("int8_matmul"))
            .set("ROWS", rows)
            .set("QUADS", quads)
            .set("OUTPUTS", outputs)
            .set("CHANNELS", outputs.next_multiple_of(PANEL))
            .set("TILES", tiles)
            .set("BLOCKS", blocks);
        let source = if whole { source } else { source.block("operand", OPERAND).block("words", WORDS) };
        let store = if self.epilogue.codes.is_some() { STORE_CODES } else { STORE_VALUES };
        let source = self.epilogue.shader(source).block("store", store);
        vec![Shader::linear(source.finish(), tiles * blocks, 64)]
    }

    fn run(&self, args: &Args) {
        self.rows.run_as(Level::best(), args.read(0), args.read(1), &Results::new(self.epilogue, args));
    }

    fn cost(&self) -> Cost {
        let Rows { rows, outputs, .. } = self.rows;
        let results = rows * outputs;
        let bytes = (rows + outputs) * self.depth
            + results * (self.epilogue.bytes() + usize::from(self.epilogue.residual));
        Cost { flops: 2 * (results * self.depth) as u64, bytes: bytes as u64 }
    }
}

const OPERAND: &str = "@group(0) @binding(0) var<storage, read> x: array<u32>;";

const WORDS: &str = "    for (var k = 0u; k < QUADS; k++) {
        let c0 = x[x0 + k];
        let c1 = x[x1 + k];
        let c2 = x[x2 + k];
        let c3 = x[x3 + k];
        let column = weights[w + k * 4u];
        a0 += dots(c0, column);
        a1 += dots(c1, column);
        a2 += dots(c2, column);
        a3 += dots(c3, column);
    }";

const STORE_CODES: &str = "fn store(row: u32, o4: u32, sums: vec4<i32>) {
    let i = row * OUTPUTS_4 + o4;
    y[i] = result(o4, sums + added(i, o4));
}";

const STORE_VALUES: &str = "fn store(row: u32, o4: u32, sums: vec4<i32>) {
    let values = result(o4, sums + added(row * OUTPUTS_4 + o4, o4));
    for (var j = 0u; j < min(4u, OUTPUTS - 4u * o4); j++) {
        y[row * OUTPUTS + 4u * o4 + j] = values[j];
    }
}";
