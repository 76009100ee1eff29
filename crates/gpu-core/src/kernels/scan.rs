//! Cumulative sums, products and log-sum-exps along a dimension.

use rayon::prelude::*;

use crate::vecmath::{exp, log1p};
use crate::wgsl::{Source, wgsl};
use crate::{Access, Args, Cost, Kernel, Shader, Target};

/// How elements are combined.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ScanOp {
    /// `a + b`
    Sum,
    /// `a b`
    Prod,
    /// `log(exp(a) + exp(b))`, without overflow.
    LogSumExp,
}

/// `y[o, j, i] = x[o, 0, i] op .. op x[o, j, i]`, or from the end on with `reverse`.
///
/// A line is cut into chunks by its length alone, so that the order of operations is the same on every device: within
/// chunks, over the totals of chunks, and then both together.
///
/// Arguments: x `[outer, len, inner]` f32; written: y of the same shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scan {
    /// How elements are combined.
    pub op: ScanOp,
    /// Product of the sizes before the scanned dimension.
    pub outer: usize,
    /// Size of the scanned dimension.
    pub len: usize,
    /// Product of the sizes behind the scanned dimension.
    pub inner: usize,
    /// Whether to start at the end.
    pub reverse: bool,
}

/// The longest line that is one chunk.
const SHORT: usize = 64;

impl ScanOp {
    fn combine(self, a: f32, b: f32) -> f32 {
        match self {
            ScanOp::Sum => a + b,
            ScanOp::Prod => a * b,
            ScanOp::LogSumExp => {
                // Equal infinities would differ by NaN.
                let apart = if a == b { 0.0 } else { (a - b).abs() };
                let larger = if a.is_nan() || a > b { a } else { b };
                larger + log1p(exp(-apart))
            }
        }
    }

    /// The same in WGSL; needs math.wgsl.
    fn code(self) -> &'static str {
        match self {
            ScanOp::Sum => "fn combine(a: f32, b: f32) -> f32 {\n    return a + b;\n}",
            ScanOp::Prod => "fn combine(a: f32, b: f32) -> f32 {\n    return a * b;\n}",
            ScanOp::LogSumExp => {
                "fn combine(a: f32, b: f32) -> f32 {
    let apart = select(abs(a - b), 0.0, a == b);
    return max_nan(a, b) + log1p_exact(exp_exact(-apart));
}"
            }
        }
    }
}

impl Scan {
    fn lines(&self) -> usize {
        self.outer * self.inner
    }

    /// Elements of a chunk: about as many as there are chunks, so that neither loop is long.
    fn chunk(&self) -> usize {
        if self.len <= SHORT { self.len.max(1) } else { self.len.isqrt().max(SHORT) }
    }

    fn chunks(&self) -> usize {
        self.len.div_ceil(self.chunk())
    }

    /// Scans one line: `at(j)` is the position of its element `j`.
    fn line(&self, x: &[f32], at: impl Fn(usize) -> usize, mut store: impl FnMut(usize, f32)) {
        let mut before: Option<f32> = None;
        for begin in (0..self.len).step_by(self.chunk()) {
            let mut sum = 0.0;
            for j in begin..(begin + self.chunk()).min(self.len) {
                let place = at(if self.reverse { self.len - 1 - j } else { j });
                sum = if j == begin { x[place] } else { self.op.combine(sum, x[place]) };
                store(place, before.map_or(sum, |before| self.op.combine(before, sum)));
            }
            before = Some(before.map_or(sum, |before| self.op.combine(before, sum)));
        }
    }
}

impl Kernel for Scan {
    fn name(&self) -> &'static str {
        "scan"
    }

    fn access(&self) -> Vec<Access> {
        vec![Access::Read, Access::Write]
    }

    fn scratch(&self, target: Target) -> usize {
        if target == Target::Gpu && self.chunks() > 1 { self.chunks() * self.lines() * 4 } else { 0 }
    }

    fn shaders(&self) -> Vec<Shader> {
        let (lines, chunks) = (self.lines(), self.chunks());
        let finish = |source: Source| source.block("combine", self.op.code()).with(wgsl!("math")).finish();
        let sized = |source: Source| {
            let source = source.set("LINES", lines).set("LEN", self.len).set("INNER", self.inner);
            source.set("CHUNK", self.chunk()).set("REVERSE", self.reverse)
        };
        let first = sized(Source::new(wgsl!("scan"))).set("CHUNKS", chunks);
        if chunks == 1 {
            let first = first.block("totals", "").block("store", "");
            return vec![Shader::linear(finish(first), lines, 64)];
        }
        let totals = Source::new(wgsl!("scan_totals")).set("LINES", lines).set("CHUNKS", chunks);
        let add = sized(Source::new(wgsl!("scan_add"))).set("TOTAL", lines * self.len);
        vec![
            Shader::linear(finish(first), lines * chunks, 64),
            Shader::linear(finish(totals), lines, 64),
            Shader::linear(finish(add), lines * self.len, 64),
        ]
    }

    fn run(&self, args: &Args) {
        let x: &[f32] = args.read(0);
        let Scan { len, inner, .. } = *self;
        let plane = (len * inner).max(1);
        let planes = args.write::<f32>(1).par_chunks_mut(plane).zip(x.par_chunks(plane));
        planes.for_each(|(y, x)| {
            for i in 0..inner {
                self.line(x, |j| j * inner + i, |place, value| y[place] = value);
            }
        });
    }

    fn cost(&self) -> Cost {
        let count = (self.lines() * self.len) as u64;
        Cost { flops: count, bytes: 8 * count }
    }
}
