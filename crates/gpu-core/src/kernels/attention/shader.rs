//! The WGSL of attention: accessors for the operands' layouts, and rows unrolled into vectors of four.

use super::{Attention, AttentionGrad, AttentionStats, Problem, Rows};
use crate::kernels::reduce::position_fn;
use crate::wgsl::{Source, wgsl};
use crate::{DType, Shader};

/// Columns of an output row that one invocation computes, and of its own input rows that it keeps in registers.
const WIDTH: usize = 64;

/// Rows of one argument that the shader reads as `NAME_at(row, column)`, from `NAME_row(batch, row)`.
pub(super) struct Argument<'a> {
    pub name: &'static str,
    binding: usize,
    pub rows: &'a Rows,
    pub cols: usize,
    /// The type that elements are stored as, and the one that they are read as.
    types: [&'static str; 2],
}

impl<'a> Argument<'a> {
    fn new(name: &'static str, binding: usize, rows: &'a Rows, cols: usize) -> Argument<'a> {
        Argument { name, binding, rows, cols, types: ["f32"; 2] }
    }

    /// The argument read as f16, which is `stored` so, or as f32.
    pub fn f16(self, stored: bool) -> Argument<'a> {
        Argument { types: [if stored { "f16" } else { "f32" }, "f16"], ..self }
    }

    pub fn accessors(&self, access: &str) -> String {
        let (name, binding, cols, col) = (self.name, self.binding, self.cols, self.rows.col);
        let [stored, t] = self.types;
        let (element, body) = if self.rows.vectors(self.cols) {
            (format!("vec4<{stored}>"), format!("    return vec4<{t}>({name}[u32(row + i32(c)) / 4u]);\n"))
        } else {
            let part = |(i, part): (usize, &str)| {
                format!(
                    "    if (c + {i}u < {cols}u) {{ x.{part} = {t}({name}[u32(row + i32(c + {i}u) * ({col}))]); }}\n"
                )
            };
            let parts: String = ["x", "y", "z", "w"].into_iter().enumerate().map(part).collect();
            (stored.to_owned(), format!("    var x = vec4<{t}>();\n{parts}    return x;\n"))
        };
        format!(
            "@group(0) @binding({binding}) var<storage, {access}> {name}: array<{element}>;\n{}\
             fn {name}_row(batch: u32, i: u32) -> i32 {{ return {name}_batch(batch) + i32(i) * ({}); }}\n\
             fn {name}_at(row: i32, c: u32) -> vec4<{t}> {{\n{}{body}}}\n",
            position_fn(&format!("{name}_batch"), &self.rows.batch),
            self.rows.row,
            // Invocations of the last columns reach beyond the row.
            format_args!("    if (c >= {cols}u) {{ return vec4<{t}>(); }}\n"),
        )
    }

    /// First columns of the vectors of a row.
    fn columns(&self) -> impl Iterator<Item = usize> + use<> {
        (0..self.cols).step_by(4)
    }

    /// Keeps the invocation's own row in registers, if it is short.
    fn keep(&self) -> String {
        if self.cols > WIDTH {
            return String::new();
        }
        let name = self.name;
        self.columns().map(|c| format!("    let {name}{c} = {name}_at({name}_own, {c}u);\n")).collect()
    }

    fn own(&self, c: usize) -> String {
        let name = self.name;
        if self.cols > WIDTH { format!("{name}_at({name}_own, {c}u)") } else { format!("{name}{c}") }
    }
}

/// `let NAME = ` the dot product of the invocation's own row of `a` with the row `b_other` of `b`.
fn dot(name: &str, a: &Argument, b: &Argument) -> String {
    let mut text = format!("        var {name}_sums = vec4<f32>(0.0);\n");
    for c in a.columns() {
        let (own, b) = (a.own(c), b.name);
        text += &format!("        {name}_sums = fma({own}, {b}_at({b}_other, {c}u), {name}_sums);\n");
    }
    text + &format!("        let {name} = dot({name}_sums, vec4<f32>(1.0));\n")
}

/// A row of an output, of which an invocation computes `WIDTH` columns.
struct Output<'a> {
    name: &'static str,
    /// The buffer.
    memory: &'static str,
    rows: &'a Rows,
    cols: usize,
    /// Parts that the shader cuts rows into.
    parts: usize,
    /// Whether the buffer is one of vectors of four columns.
    vectors: bool,
}

/// Parts that rows of `cols` are cut into.
fn parts(cols: usize) -> usize {
    cols.div_ceil(WIDTH).max(1)
}

impl Output<'_> {
    fn columns(&self) -> impl Iterator<Item = usize> + use<> {
        (0..self.cols.min(WIDTH)).step_by(4)
    }

    fn accessor(&self) -> String {
        let name = self.name;
        position_fn(&format!("{name}_batch"), &self.rows.batch)
            + &format!(
                "fn {name}_row(batch: u32, i: u32) -> i32 {{ return {name}_batch(batch) + i32(i) * ({}); }}\n",
                self.rows.row
            )
    }

    fn zeros(&self) -> String {
        let name = self.name;
        self.columns().map(|c| format!("    var {name}{c} = vec4<f32>(0.0);\n")).collect()
    }

    /// Adds `factor` times the row `other` of an operand; `fade` scales the old value.
    fn add(&self, factor: &str, other: &str, fade: Option<&str>) -> String {
        let name = self.name;
        let line = |c| {
            let before = fade.map_or(format!("{name}{c}"), |fade| format!("{name}{c} * {fade}"));
            let value = format!("{other}_at({other}_other, first + {c}u)");
            format!("        {name}{c} = fma(vec4<f32>({factor}), {value}, {before});\n")
        };
        self.columns().map(line).collect()
    }

    fn store(&self, factor: &str) -> String {
        let (name, memory) = (self.name, self.memory);
        let mut text =
            format!("    let {name}_out = {name}_row(batch, own) + i32(first) * ({});\n", self.rows.col);
        for c in self.columns() {
            if self.vectors {
                let store = format!("{memory}[u32({name}_out + {c}) / 4u] = {name}{c} * {factor};\n");
                text += &match self.parts > 1 {
                    true => format!("    if (first + {c}u < {}u) {{\n    {store}    }}\n", self.cols),
                    false => format!("    {store}"),
                };
                continue;
            }
            for (i, part) in ["x", "y", "z", "w"].into_iter().enumerate().take(self.cols - c) {
                let at = format!("{memory}[u32({name}_out + {} * ({}))]", c + i, self.rows.col);
                let value = format!("{name}{c}.{part} * {factor}");
                text += &if self.parts > 1 {
                    format!("    if (first + {}u < {}u) {{ {at} = {value}; }}\n", c + i, self.cols)
                } else {
                    format!("    {at} = {value};\n")
                };
            }
        }
        text
    }
}

pub(super) fn output(binding: usize, name: &str, vectors: bool) -> String {
    let t = if vectors { "vec4<f32>" } else { "f32" };
    format!("@group(0) @binding({binding}) var<storage, read_write> {name}: array<{t}>;\n")
}

impl Problem {
    /// WGSL of `masked(batch, query, key, score)`.
    pub(super) fn mask_fn(&self, binding: usize) -> String {
        let head = "fn masked(batch: u32, query: u32, key: u32, score: f32) -> f32 {\n";
        let Some((dtype, rows)) = &self.mask else { return format!("{head}    return score;\n}}\n") };
        let at = format!("u32(mask_batch(batch) + i32(query) * ({}) + i32(key) * ({}))", rows.row, rows.col);
        let (t, body) = match dtype {
            DType::F32 => ("f32", format!("score + mask[{at}]")),
            _ => ("u32", format!("select(LOWEST, score, mask[{at}] != 0u)")),
        };
        format!(
            "@group(0) @binding({binding}) var<storage, read> mask: array<{t}>;\n{}{head}    return {body};\n}}\n",
            position_fn("mask_batch", &rows.batch)
        )
    }

    /// The shader `text` with the constants of the problem, for `own` rows per batch of `parts` parts each.
    fn shader(&self, text: &str, own: usize, parts: usize, accessors: String) -> Source {
        Source::new(text)
            .set("COUNT", self.batches() * own * parts)
            .set("PARTS", parts)
            .set("QUERIES", self.queries.max(1))
            .set("KEYS", self.keys.max(1))
            .set("BEFORE", self.reach(self.window.before))
            .set("AFTER", self.reach(self.window.after))
            .set("SCALE", format!("{:?}", self.scale))
            .block("accessors", &accessors)
            .with(wgsl!("math"))
    }

    /// A side of the window for shaders, where the sum with a position must not overflow.
    pub(super) fn reach(&self, positions: usize) -> usize {
        positions.min(self.queries.max(self.keys))
    }

    pub(super) fn operands(&self) -> [Argument<'_>; 3] {
        [
            Argument::new("q", 0, &self.q, self.features),
            Argument::new("k", 1, &self.k, self.features),
            Argument::new("v", 2, &self.v, self.values),
        ]
    }
}

pub(super) fn forward(of: &Attention) -> Shader {
    let p = &of.problem;
    let [q, k, v] = &p.operands();
    let vectors = of.y.vectors(p.values);
    let y =
        Output { name: "y", memory: "result", rows: &of.y, cols: p.values, parts: parts(p.values), vectors };
    let accessors: String = [q, k, v].map(|o| o.accessors("read")).concat() + &of.outputs() + &y.accessor();
    let source = p
        .shader(wgsl!("attention"), p.queries, y.parts, accessors)
        .block("setup", &(q.keep() + &y.zeros()))
        .block("score", &dot("product", q, k))
        .block("add", &y.add("p", "v", Some("fade")))
        .block("store", &y.store("factor"));
    Shader::linear(source.finish(), p.batches() * p.queries * y.parts, 64)
}

impl Attention {
    /// The accessors of the mask and the outputs.
    pub(super) fn outputs(&self) -> String {
        let p = &self.problem;
        let next = 3 + usize::from(p.mask.is_some());
        let result = output(next, "result", self.y.vectors(p.values));
        p.mask_fn(3) + &result + &output(next + 1, "log_sums", false)
    }
}

impl AttentionGrad {
    /// Whether all gradients are stored as vectors of four columns.
    pub(super) fn vectors(&self) -> bool {
        let Problem { features, values, .. } = self.problem;
        [(&self.dq, features), (&self.dk, features), (&self.dv, values)].iter().all(|(r, n)| r.vectors(*n))
    }

    /// The accessors of all arguments.
    pub(super) fn accessors(&self, operands: &[Argument; 3], dy: &Argument) -> String {
        let p = &self.problem;
        let operands: String = operands.iter().chain([dy]).map(|o| o.accessors("read")).collect();
        let stats = "@group(0) @binding(4) var<storage, read> stats: array<f32>;\n";
        let next = 5 + usize::from(p.mask.is_some());
        operands + stats + &p.mask_fn(5) + &output(next, "gradients", self.vectors())
    }

    pub(super) fn upstream(&self) -> Argument<'_> {
        Argument::new("dy", 3, &self.dy, self.problem.values)
    }
}

/// The shader of the queries' gradient, parallel over queries.
pub(super) fn grad_query(of: &AttentionGrad) -> Shader {
    let p = &of.problem;
    let (operands, dy) = (p.operands(), &of.upstream());
    let [q, k, v] = &operands;
    let cols = p.features;
    let vectors = of.vectors();
    let dq = Output { name: "dq", memory: "gradients", rows: &of.dq, cols, parts: parts(cols), vectors };
    let source = p
        .shader(
            wgsl!("attention_grad_query"),
            p.queries,
            dq.parts,
            of.accessors(&operands, dy) + &dq.accessor(),
        )
        .set("ROWS", p.batches() * p.queries)
        .block("setup", &(q.keep() + &dy.keep() + &dq.zeros()))
        .block("score", &dot("product", q, k))
        .block("slope", &dot("slope", dy, v))
        .block("add", &dq.add("ds", "k", None))
        .block("store", &dq.store("SCALE"));
    Shader::linear(source.finish(), p.batches() * p.queries * dq.parts, 64)
}

/// The shader of the keys' and values' gradients, parallel over keys.
pub(super) fn grad_key(of: &AttentionGrad) -> Shader {
    let p = &of.problem;
    let (operands, dy) = (p.operands(), &of.upstream());
    let [q, k, v] = &operands;
    let parts = parts(p.features.max(p.values));
    let output =
        |name, rows, cols| Output { name, memory: "gradients", rows, cols, parts, vectors: of.vectors() };
    let (dk, dv) = (output("dk", &of.dk, p.features), output("dv", &of.dv, p.values));
    let source = p
        .shader(
            wgsl!("attention_grad_key"),
            p.keys,
            parts,
            of.accessors(&operands, dy) + &dk.accessor() + &dv.accessor(),
        )
        .set("ROWS", p.batches() * p.queries)
        .block("setup", &(k.keep() + &v.keep() + &dk.zeros() + &dv.zeros()))
        .block("score", &dot("product", k, q))
        .block("slope", &dot("slope", v, dy))
        .block("add", &(dv.add("p", "dy", None) + &dk.add("ds", "q", None)))
        .block("store", &(dk.store("SCALE") + &dv.store("1.0")));
    Shader::linear(source.finish(), p.batches() * p.keys * parts, 64)
}

pub(super) fn stats(of: &AttentionStats) -> Shader {
    let [y, dy] = [Argument::new("y", 0, &of.y, of.values), Argument::new("dy", 1, &of.dy, of.values)];
    let source = Source::new(wgsl!("attention_stats"))
        .set("ROWS", of.rows())
        .set("QUERIES", of.queries.max(1))
        .block("accessors", &[y, dy].map(|o| o.accessors("read")).concat())
        .set("VALUES", of.values);
    Shader::linear(source.finish(), of.rows(), 64)
}
