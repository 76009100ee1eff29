//! The WGSL of matrix products: accessors and an unrolled register tile for one pair of layouts.

use super::{MatMul, Operand};
use crate::Shader;
use crate::kernels::reduce::position_fn;
use crate::wgsl::{Source, wgsl};

/// How a product is cut into invocations.
pub(super) struct Tiling {
    /// Outputs of one invocation.
    rows: usize,
    cols: usize,
    /// Invocations side by side along N in a workgroup of 64.
    wide: usize,
    pub splits: usize,
}

impl Tiling {
    pub fn new(p: &MatMul) -> Tiling {
        let (rows, cols) = (p.m.clamp(1, 4), if p.n > 4 { 8 } else { 4 });
        let (down, along) = (p.m.div_ceil(rows), p.n.div_ceil(cols));
        let high = down.max(1).next_power_of_two().min(8);
        let wide = (64 / high).min(along.max(1).next_power_of_two());
        let tiles = (p.batches() * down * along).max(1);
        // Enough invocations for a GPU, each with enough to do, and none with too long a loop.
        let wanted = if tiles < 4096 { (8192 / tiles).min(p.k / 256) } else { 1 };
        let splits = wanted.max(p.k.div_ceil(49_152)).clamp(1, 256);
        let chunk = chunk(p.k, splits);
        Tiling { rows, cols, wide, splits: p.k.div_ceil(chunk).max(1) }
    }
}

/// Length of one split of K: a multiple of 4.
fn chunk(k: usize, splits: usize) -> usize {
    k.div_ceil(splits).next_multiple_of(4).max(4)
}

/// How an invocation loads its part of an operand for four steps of K.
#[derive(Clone, Copy, PartialEq)]
enum Load {
    /// Vectors along K, one for each row of the tile.
    Deep,
    /// Vectors along the tile, one for each step.
    Across,
    Scalar,
}

/// One operand of the tile: `t` elements along M or N.
struct Side<'a> {
    /// `a` or `b`.
    name: char,
    operand: &'a Operand,
    load: Load,
    tile: usize,
    /// M or N, and the shader's variable where the tile begins.
    size: usize,
    start: &'static str,
}

impl Side<'_> {
    fn new<'a>(name: char, operand: &'a Operand, tile: usize, size: usize, k: usize) -> Side<'a> {
        let whole = |x: isize| x % 4 == 0;
        let batch = &operand.batch;
        let empty = size == 0 || k == 0 || batch.numel() == 0;
        let aligned = !empty && batch.offset().is_multiple_of(4) && batch.strides().iter().all(|&s| whole(s));
        let load =
            if aligned && operand.deep == 1 && k.is_multiple_of(4) && (whole(operand.step) || size == 1) {
                Load::Deep
            } else if aligned
                && operand.step == 1
                && size.is_multiple_of(4)
                && tile.is_multiple_of(4)
                && (whole(operand.deep) || k == 1)
            {
                Load::Across
            } else {
                Load::Scalar
            };
        Side { name, operand, load, tile, size, start: if name == 'a' { "row" } else { "col" } }
    }

    fn wgsl_type(&self) -> &'static str {
        if self.load == Load::Scalar { "f32" } else { "vec4<f32>" }
    }

    /// Elements of the tile that one load spans.
    fn span(&self) -> usize {
        if self.load == Load::Across { 4 } else { 1 }
    }

    /// The positions at k = 0; those outside of the matrix are moved inside.
    fn setup(&self) -> String {
        let (name, size, start, span) = (self.name, self.size, self.start, self.span());
        let mut text = format!("    let {name}_base = {name}_batch(batch);\n");
        for t in (0..self.tile).step_by(span) {
            let inside = self.size.is_multiple_of(self.tile); // of 0, too
            let i = if inside {
                format!("{start} + {t}u")
            } else {
                format!("min({start} + {t}u, {}u)", size - span)
            };
            text += &format!("    let {name}_at{t} = {name}_base + i32({i}) * ({});\n", self.operand.step);
        }
        text
    }

    /// Loads for `steps` of K.
    fn loads(&self, steps: usize) -> String {
        let (name, deep) = (self.name, self.operand.deep);
        let mut text = String::new();
        for t in (0..self.tile).step_by(self.span()) {
            if self.load == Load::Deep {
                text += &format!("        let {name}{t} = {name}[u32({name}_at{t} + i32(k)) / 4u];\n");
                continue;
            }
            let unit = if self.load == Load::Across { " / 4u" } else { "" };
            for q in 0..steps {
                let at = format!("u32({name}_at{t} + i32(k + {q}u) * ({deep})){unit}");
                text += &format!("        let {name}{t}_{q} = {name}[{at}];\n");
            }
        }
        text
    }

    /// Element `t` of the tile at step `q`.
    fn element(&self, t: usize, q: usize) -> String {
        let (name, part) = (self.name, |i: usize| ["x", "y", "z", "w"][i % 4]);
        match self.load {
            Load::Deep => format!("{name}{t}.{}", part(q)),
            Load::Across => format!("{name}{}_{q}.{}", t / 4 * 4, part(t)),
            Load::Scalar => format!("{name}{t}_{q}"),
        }
    }

    /// Elements `t..t + 4` of the tile at step `q`.
    fn vector(&self, t: usize, q: usize) -> String {
        if self.load == Load::Across {
            return format!("{}{t}_{q}", self.name);
        }
        let elements: Vec<String> = (t..t + 4).map(|t| self.element(t, q)).collect();
        format!("vec4<f32>({})", elements.join(", "))
    }
}

/// The dispatch that computes all tiles: of `y`, or with splits of the partial products in the scratch memory.
pub(super) fn tiles(p: &MatMul, tiling: &Tiling) -> Shader {
    let a = Side::new('a', &p.a, tiling.rows, p.m, p.k);
    let b = Side::new('b', &p.b, tiling.cols, p.n, p.k);
    let groups_n = p.n.div_ceil(tiling.wide * tiling.cols);
    let groups_m = p.m.div_ceil(64 / tiling.wide * tiling.rows);
    let groups = groups_n * groups_m * p.batches() * tiling.splits;
    let mut setup = a.setup() + &b.setup();
    for (i, h) in sums(tiling) {
        setup += &format!("    var sum{i}_{h} = vec4<f32>(0.0);\n");
    }
    let source = Source::new(wgsl!("matmul"))
        .set("M", p.m)
        .set("N", p.n)
        .set("K", p.k)
        .set("ROWS", tiling.rows)
        .set("COLS", tiling.cols)
        .set("WIDE", tiling.wide)
        .set("GROUPS_N", groups_n.max(1))
        .set("GROUPS_M", groups_m.max(1))
        .set("BATCHES", p.batches().max(1))
        .set("SPLITS", if groups == 0 { 0 } else { tiling.splits })
        .set("CHUNK", chunk(p.k, tiling.splits))
        .block("accessors", &accessors(p, &a, &b, tiling.splits > 1))
        .block("setup", &setup)
        .block("loops", &loops(p.k, tiling, &a, &b))
        .block("store", &store(p, tiling));
    Shader::linear(source.finish(), groups * 64, 64)
}

/// The tile's accumulators: row, and first column.
fn sums(tiling: &Tiling) -> impl Iterator<Item = (usize, usize)> {
    let cols = tiling.cols;
    (0..tiling.rows).flat_map(move |i| (0..cols).step_by(4).map(move |h| (i, h)))
}

fn accessors(p: &MatMul, a: &Side, b: &Side, split: bool) -> String {
    let y = if stores_vectors(p) { "vec4<f32>" } else { "f32" };
    let binding = if split { 3 } else { 2 };
    format!(
        "@group(0) @binding(0) var<storage, read> a: array<{}>;\n\
         @group(0) @binding(1) var<storage, read> b: array<{}>;\n\
         @group(0) @binding({binding}) var<storage, read_write> y: array<{y}>;\n{}{}",
        a.wgsl_type(),
        b.wgsl_type(),
        position_fn("a_batch", &p.a.batch),
        position_fn("b_batch", &p.b.batch)
    )
}

fn loops(k: usize, tiling: &Tiling, a: &Side, b: &Side) -> String {
    let body = |steps: usize| {
        let mut text = a.loads(steps) + &b.loads(steps);
        for q in 0..steps {
            for h in (0..tiling.cols).step_by(4) {
                text += &format!("        let v{h}_{q} = {};\n", b.vector(h, q));
            }
            for (i, h) in sums(tiling) {
                text += &format!(
                    "        sum{i}_{h} = fma(vec4<f32>({}), v{h}_{q}, sum{i}_{h});\n",
                    a.element(i, q)
                );
            }
        }
        text
    };
    let mut text = format!("    while (k + 4u <= end) {{\n{}        k = k + 4u;\n    }}", body(4));
    if !k.is_multiple_of(4) {
        text += &format!("\n    while (k < end) {{\n{}        k = k + 1u;\n    }}", body(1));
    }
    text
}

fn stores_vectors(p: &MatMul) -> bool {
    p.n.is_multiple_of(4) && p.outputs() > 0
}

fn store(p: &MatMul, tiling: &Tiling) -> String {
    let vectors = stores_vectors(p);
    let mut text = "    let first = (split * BATCHES + batch) * M * N + row * N + col;\n".to_owned();
    for (i, h) in sums(tiling) {
        let at = format!("first + {i}u * N + {h}u");
        if vectors {
            text +=
                &format!("    if (row + {i}u < M && col + {h}u < N) {{ y[({at}) / 4u] = sum{i}_{h}; }}\n");
            continue;
        }
        for (c, part) in ["x", "y", "z", "w"].into_iter().enumerate() {
            let inside = format!("row + {i}u < M && col + {}u < N", h + c);
            text += &format!("    if ({inside}) {{ y[{at} + {c}u] = sum{i}_{h}.{part}; }}\n");
        }
    }
    text
}
