//! Products by tiles in registers: an unrolled tile for one pair of layouts, without workgroup memory.

use super::side::{Load, Side, part};
use super::variant::chunk;
use super::{MatMul, position_fn};
use crate::Shader;
use crate::kernels::epilogue::plain_result;
use crate::wgsl::{Source, wgsl};

/// How the tiles of invocations form a workgroup.
struct Tiling {
    /// Outputs of one invocation.
    rows: usize,
    cols: usize,
    /// Invocations side by side along N in a workgroup of 64.
    wide: usize,
    splits: usize,
}

impl Tiling {
    fn new(p: &MatMul) -> Tiling {
        let (rows, cols) = (p.variant.rows, p.variant.cols);
        let (down, along) = (p.m.div_ceil(rows), p.n.div_ceil(cols));
        let high = down.max(1).next_power_of_two().min(8);
        let wide = (64 / high).min(along.max(1).next_power_of_two());
        Tiling { rows, cols, wide, splits: p.splits() }
    }

    /// The tile's accumulators: row, and first column.
    fn sums(&self) -> impl Iterator<Item = (usize, usize)> {
        let cols = self.cols;
        (0..self.rows).flat_map(move |i| (0..cols).step_by(4).map(move |h| (i, h)))
    }
}

impl Side<'_> {
    /// Elements of the tile that one load spans.
    fn span(&self) -> usize {
        if self.load == Load::Across { 4 } else { 1 }
    }

    /// The positions at k = 0; those outside of the matrix are moved inside.
    fn setup(&self) -> String {
        let (name, start, span) = (self.name, if self.name == 'a' { "row" } else { "col" }, self.span());
        let mut text = format!("    let {name}_base = {name}_batch(batch);\n");
        for t in (0..self.tile).step_by(span) {
            let i = self.inside(&format!("{start} + {t}u"), span);
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
        let name = self.name;
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

/// The dispatch that computes all tiles: of `y` or, with splits, of the partial products in the scratch memory.
pub(super) fn shader(p: &MatMul) -> Shader {
    let tiling = Tiling::new(p);
    let (a, b) = (Side::a(p, tiling.rows), Side::b(p, tiling.cols));
    let groups_n = p.n.div_ceil(tiling.wide * tiling.cols);
    let groups_m = p.m.div_ceil(64 / tiling.wide * tiling.rows);
    let groups = groups_n * groups_m * p.batches() * tiling.splits;
    let mut setup = a.setup() + &b.setup();
    for (i, h) in tiling.sums() {
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
        .block("accessors", &p.accessors(&a, &b))
        .block("results", &p.results(p.width()))
        .block("setup", &setup)
        .block("loops", &loops(p.k, &tiling, &a, &b))
        .block("store", &store(p, &tiling));
    p.tiles(Shader::linear(source.finish(), groups, 1), p.width())
}

impl MatMul {
    /// The bindings of the operands, and functions from the number of a batch to their positions.
    pub(super) fn accessors(&self, a: &Side, b: &Side) -> String {
        format!(
            "@group(0) @binding(0) var<storage, read> a: array<{}>;\n\
             @group(0) @binding(1) var<storage, read> b: array<{}>;\n{}{}",
            a.wgsl_type(),
            b.wgsl_type(),
            position_fn("a_batch", &self.a.batch),
            position_fn("b_batch", &self.b.batch)
        )
    }

    /// The block `results` of a dispatch that computes tiles: of `y` or, with splits, of the partial products in the scratch memory.
    pub(super) fn results(&self, width: usize) -> String {
        plain_result(if self.splits() > 1 { self.scratch_binding() } else { 2 }, "f32", width)
    }

    /// Marks a dispatch of tiles as emitting, unless its results are partial.
    pub(super) fn tiles(&self, shader: Shader, width: usize) -> Shader {
        if self.splits() > 1 { shader } else { shader.emitting(width) }
    }

    /// Elements that are stored at a time: 4 if rows of the output consist of whole vectors.
    pub(super) fn width(&self) -> usize {
        if self.n.is_multiple_of(4) && self.outputs() > 0 { 4 } else { 1 }
    }

    /// WGSL that stores the vector `value` at `row` and `col..col + 4`, as far as these are inside. `first` is the shader's variable for
    /// the position of the product's element [0, 0].
    pub(super) fn store_vector(&self, row: &str, col: &str, value: &str) -> String {
        if self.width() == 4 {
            let at = format!("first + ({row}) * N + {col}");
            return format!("    if ({row} < M && {col} < N) {{ emit4({at}, {value}); }}\n");
        }
        (0..4)
            .map(|c| self.store_scalar(row, &format!("{col} + {c}u"), &format!("{value}.{}", part(c))))
            .collect()
    }

    /// WGSL that stores a scalar at `row` and `col`, if that is inside.
    pub(super) fn store_scalar(&self, row: &str, col: &str, value: &str) -> String {
        format!("    if ({row} < M && {col} < N) {{ emit(first + ({row}) * N + {col}, {value}); }}\n")
    }
}

fn loops(k: usize, tiling: &Tiling, a: &Side, b: &Side) -> String {
    let body = |steps: usize| {
        let mut text = a.loads(steps) + &b.loads(steps);
        for q in 0..steps {
            for h in (0..tiling.cols).step_by(4) {
                text += &format!("        let v{h}_{q} = {};\n", b.vector(h, q));
            }
            for (i, h) in tiling.sums() {
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

fn store(p: &MatMul, tiling: &Tiling) -> String {
    let mut text = "    let first = (split * BATCHES + batch) * M * N;\n".to_owned();
    for (i, h) in tiling.sums() {
        text += &p.store_vector(&format!("row + {i}u"), &format!("col + {h}u"), &format!("sum{i}_{h}"));
    }
    text
}
