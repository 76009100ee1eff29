//! Attention of f16 by cooperative matrices: FlashAttention-2 (Dao 2023) with scores, weights and sums in f32.
//!
//! A workgroup has [`PARTS`] subgroups with as many own rows each as a matrix has: queries, or keys for the gradients of keys and values. It
//! loops over the other rows in blocks. The own rows and the sums stay in matrices, whose elements can't be accessed: scores pass through
//! workgroup memory to the invocations that make weights of them.
//!
//! A weight is multiplied as the sum of two f16, which keeps 21 bits: the results are those in f32, and no rounding is added to what the CPU twin
//! does. Weights are in a unit of their row, in which the largest one so far was between 512 and 1024, or 1024 itself in the forward pass: much
//! smaller ones do not become subnormal, and others have room for growth. Only when a row's weights outgrow it, which is rare, its sums pass
//! through workgroup memory, too, to be scaled.

use super::shader::Argument;
use super::tiles::{Operand, PARTS as COMPONENTS, blocks, rows_of, statistics};
use super::{Attention, AttentionGrad, Problem, Rows};
use crate::Shader;
use crate::kernels::reduce::position_fn;
use crate::tune::Cooperative;
use crate::wgsl::{Source, wgsl};

/// Subgroups of a workgroup.
const PARTS: usize = 4;
/// Other rows in workgroup memory at a time.
const OTHER: usize = 16;
/// Elements between rows of weights in workgroup memory.
const WEIGHTS: usize = OTHER + 8;
/// The largest weight in a new unit, and its logarithm.
const LARGE: f32 = 1024.0;
const LOG_LARGE: f32 = 6.931_472;
/// The largest weight in any unit, inside of f16, and its logarithm.
const LARGEST: f32 = 32_768.0;
const LOG_LARGEST: f32 = 10.397_208;

impl Problem {
    /// The operands as f16, of which some are stored so.
    fn operands_f16(&self, [q, k, v]: [bool; 3]) -> [Argument<'_>; 3] {
        let [of_q, of_k, of_v] = self.operands();
        [of_q.f16(q), of_k.f16(k), of_v.f16(v)]
    }

    /// Whether cooperative matrices pay: rows of `widest` columns at most, as fit registers and workgroup memory.
    pub(super) fn suits_matrices(&self, matrices: Cooperative, widest: usize) -> bool {
        let fits = |n: usize| (OTHER..=widest).contains(&n);
        let along = matrices.lanes / matrices.size;
        fits(self.features)
            && fits(self.values)
            && self.queries >= OTHER
            && self.keys >= OTHER
            && matrices.lanes.is_multiple_of(matrices.size)
            && OTHER.is_multiple_of(along)
    }
}

/// Columns of a row in matrices.
fn padded(cols: usize) -> usize {
    cols.next_multiple_of(OTHER)
}

/// The shader's frame.
struct Frame {
    matrices: Cooperative,
    /// Most columns of a row of other rows.
    widest: usize,
}

impl Frame {
    fn own(&self) -> usize {
        PARTS * self.matrices.size
    }

    fn invocations(&self) -> usize {
        PARTS * self.matrices.lanes
    }

    /// Scores of an invocation.
    fn cols(&self) -> usize {
        OTHER * self.matrices.size / self.matrices.lanes
    }

    /// Matrices along a row of so many columns.
    fn along(&self, cols: usize) -> std::ops::Range<usize> {
        0..padded(cols) / self.matrices.size
    }

    /// WGSL of a matrix in some role from workgroup memory; `turned` if neighbours in memory are below each other.
    fn load(&self, role: char, turned: bool, from: &str, stride: &str) -> String {
        let (function, size) = (if turned { "coopLoad" } else { "coopLoadT" }, self.matrices.size);
        let t = if role == 'C' { "f32" } else { "f16" };
        format!("{function}<coop_mat{size}x{size}<{t}, {role}>>(&{from}, {stride})")
    }

    fn sums(&self) -> String {
        self.load('C', false, "passing[part * SIZE * SIZE]", "SIZE")
    }

    /// WGSL that loads the own rows as `NAME0..`.
    fn own_rows(&self, operand: &Operand) -> String {
        let (name, size, mut text) = (operand.name, self.matrices.size, String::new());
        for first in (0..padded(operand.cols)).step_by(OTHER) {
            let x = operand.at("own_first + i / 4u", &format!("{first}u + i % 4u * 4u"));
            let stores = vector_stores("high", "i / 4u * WEIGHTS + i % 4u * 4u");
            text += &format!(
                "    for (var i = local; i < OWN * 4u; i += INVOCATIONS) {{\n    let x = {x};\n{stores}    }}\n    \
                 workgroupBarrier();\n"
            );
            for d in (0..OTHER).step_by(size) {
                let from = format!("high[part * SIZE * WEIGHTS + {d}u]");
                let value = self.load('A', false, &from, "WEIGHTS");
                text += &format!("    let {name}{} = {value};\n", (first + d) / size);
            }
            text += "    workgroupBarrier();\n";
        }
        text
    }

    /// WGSL that loads the block's other rows to `tile`; they are there after a barrier.
    fn other_rows(&self, operand: &Operand) -> String {
        let quads = padded(operand.cols) / 4;
        let x = operand.at(&format!("other_first + i / {quads}u"), &format!("i % {quads}u * 4u"));
        let stores = vector_stores("tile", &format!("i / {quads}u * STRIDE + i % {quads}u * 4u"));
        let (count, mut text) = (OTHER * quads, String::new());
        for from in (0..count).step_by(self.invocations()) {
            let all = count - from >= self.invocations();
            let guard = if all { String::new() } else { format!("if (local < {}u) ", count - from) };
            text +=
                &format!("    {guard}{{\n    let i = local + {from}u;\n    let x = {x};\n{stores}    }}\n");
        }
        text
    }

    /// WGSL of the scores `NAME0..` of an invocation: the products of its own row in `own` and other rows in `tile`.
    fn scores(&self, name: &str, own: &Operand) -> String {
        let (size, mut text) = (self.matrices.size, "    workgroupBarrier();\n".to_owned());
        for c in 0..OTHER / size {
            let mut sum = "zero".to_owned();
            for d in self.along(own.cols) {
                let from = format!("tile[{}u * STRIDE + {}u]", c * size, d * size);
                let other = self.load('B', true, &from, "STRIDE");
                let next = format!("{name}_{c}_{d}");
                text += &format!("    let {next} = coopMultiplyAdd({}{d}, {other}, {sum});\n", own.name);
                sum = next;
            }
            text +=
                &format!("    coopStoreT({sum}, &passing[part * SIZE * OTHER + {}u], OTHER);\n", c * size);
        }
        text += "    workgroupBarrier();\n";
        let score = |j| format!("    let {name}{j} = passing[row * OTHER + first + {j}u];\n");
        text + &self.each_score(score)
    }

    /// WGSL for each score of an invocation.
    fn each_score(&self, text: impl Fn(usize) -> String) -> String {
        (0..self.cols()).map(text).collect()
    }

    /// `VALUE(0)` to that of the last score, combined by a function.
    fn over_scores(&self, combine: &str, value: impl Fn(usize) -> String) -> String {
        (1..self.cols()).fold(value(0), |all, j| format!("{combine}({all}, {})", value(j)))
    }

    fn zeros(&self, name: &str, cols: usize) -> String {
        self.along(cols).map(|d| format!("    var {name}{d} = zero;\n")).collect()
    }

    /// WGSL that multiplies the rows of the sums by `fade`, if the workgroup has one that is not 1.
    fn rescale(&self, name: &str, cols: usize) -> String {
        let one = |d| {
            format!(
                "    coopStoreT({name}{d}, &passing[part * SIZE * SIZE], SIZE);\n    workgroupBarrier();\n    \
                 scale_passing(local);\n    workgroupBarrier();\n    {name}{d} = {};\n    workgroupBarrier();\n",
                self.sums()
            )
        };
        format!(
            "    if (workgroupUniformLoad(&grown) != 0u) {{\n    if (first == 0u) {{ factors[row] = fade; }}\n{}    \
             if (local == 0u) {{ atomicStore(&grown, 0u); }}\n    }}\n",
            self.along(cols).map(one).collect::<String>()
        )
    }

    /// WGSL that stores the weights of an invocation.
    fn weights(&self, value: impl Fn(usize) -> String) -> String {
        self.each_score(|j| format!("    put(row * WEIGHTS + first + {j}u, {});\n", value(j)))
    }

    /// WGSL that adds the products of the weights and the other rows in `tile` to the sums; both are there after the barrier.
    fn accumulate(&self, name: &str, cols: usize) -> String {
        let (size, mut text) = (self.matrices.size, "    workgroupBarrier();\n".to_owned());
        for d in 0..OTHER / size {
            for weights in ["high", "low"] {
                let from = format!("{weights}[part * SIZE * WEIGHTS + {}u]", d * size);
                text +=
                    &format!("    let {name}_{weights}{d} = {};\n", self.load('A', false, &from, "WEIGHTS"));
            }
            for v in self.along(cols) {
                let from = format!("tile[{}u * STRIDE + {}u]", d * size, v * size);
                let other = self.load('B', false, &from, "STRIDE");
                text += &format!("    let {name}_other{d}_{v} = {other};\n");
                for weights in ["high", "low"] {
                    text += &format!(
                        "    {name}{v} = coopMultiplyAdd({name}_{weights}{d}, {name}_other{d}_{v}, {name}{v});\n"
                    );
                }
            }
        }
        text + "    workgroupBarrier();\n"
    }

    /// WGSL that stores the sums times their rows' `factors` through a layout, as far as they are inside of `size`; `vectors` says whether the
    /// memory is one of vectors of four columns.
    fn store(
        &self,
        name: &str,
        (memory, vectors): (&str, bool),
        rows: &Rows,
        [count, cols]: [usize; 2],
    ) -> String {
        let (step, right, mut text) = (rows.row, rows.col, "    workgroupBarrier();\n".to_owned());
        for d in self.along(cols) {
            let mut stores = String::new();
            if vectors {
                stores += &format!(
                    "    if (col < {cols}u) {{\n    {memory}[u32(to) / 4u] = value * factors[r];\n    }}\n"
                );
            } else {
                for (j, part) in COMPONENTS.iter().enumerate() {
                    let at = format!("{memory}[u32(to + ({}))]", j as isize * right);
                    stores +=
                        &format!("    if (col + {j}u < {cols}u) {{ {at} = value.{part} * factors[r]; }}\n");
                }
            }
            text += &format!(
                "    coopStoreT({name}{d}, &passing[part * SIZE * SIZE], SIZE);\n    workgroupBarrier();\n    \
                 for (var i = local; i < OWN * SIZE / 4u; i += INVOCATIONS) {{\n    let r = i / (SIZE / 4u);\n    \
                 let col = {}u + i % (SIZE / 4u) * 4u;\n    let value = vec4<f32>(passing[i * 4u], \
                 passing[i * 4u + 1u], passing[i * 4u + 2u], passing[i * 4u + 3u]);\n    \
                 if (r >= pass_first && r < pass_end && own_first + r < {count}u) {{\n    \
                 let to = {name}_batch(batch) + i32(own_first + r) * ({step}) + i32(col) * ({right});\n{stores}    }}\n    \
                 }}\n    workgroupBarrier();\n",
                d * self.matrices.size
            );
        }
        text
    }

    /// The shader for `own` own rows per batch.
    fn shader(&self, p: &Problem, own: usize, accessors: String, body: String) -> Shader {
        let blocks = own.div_ceil(self.own());
        let groups = p.batches() * blocks;
        let zero = format!("    let zero = {};\n", self.load('C', false, "passing[0]", "SIZE"));
        let source = Source::new(wgsl!("attention_cooperative"))
            .set("GROUPS", groups)
            .set("BLOCKS", blocks)
            .set("OWN", self.own())
            .set("OTHER", OTHER)
            .set("QUERIES", p.queries)
            .set("KEYS", p.keys)
            .set("ROWS", p.batches() * p.queries)
            .set("BEFORE", p.reach(p.window.before))
            .set("AFTER", p.reach(p.window.after))
            .set("SCALE", format!("{:?}", p.scale))
            .set("SIZE", self.matrices.size)
            .set("INVOCATIONS", self.invocations())
            .set("PARTS", PARTS)
            .set("ALONG", self.matrices.lanes / self.matrices.size)
            .set("COLS", self.cols())
            .set("STRIDE", padded(self.widest) + 8)
            .set("WEIGHTS", WEIGHTS)
            .block("accessors", &accessors)
            .block("body", &(zero + &body))
            .with(wgsl!("attention_scores"))
            .with(wgsl!("math"));
        Shader::linear(source.finish(), groups, 1)
    }
}

/// WGSL that stores the parts of `x` from a place on.
fn vector_stores(to: &str, at: &str) -> String {
    let store = |(j, part)| format!("    {to}[{at} + {j}u] = x.{part};\n");
    COMPONENTS.iter().enumerate().map(store).collect()
}

/// WGSL of a row's unit for weights `WEIGHTS0..` of any size, and by how much it changes.
fn grow(frame: &Frame, weights: &str) -> String {
    let most = frame.over_scores("max", |j| format!("abs({weights}{j})"));
    format!(
        "    let most = row_max(local, {most});\n    let grows = most > unit * {LARGEST:?};\n    \
         let next = select(unit, unit_of(most), grows);\n    let fade = select(1.0, unit / next, grows);\n    \
         if (grows && unit > 0.0) {{ atomicStore(&grown, 1u); }}\n    unit = next;\n    \
         let per_unit = select(0.0, 1.0 / unit, unit > 0.0);\n"
    )
}

pub(super) fn forward(of: &Attention, matrices: Cooperative) -> Shader {
    let p = &of.problem;
    let stored = of.halves.expect("operands of f16");
    let arguments = p.operands_f16(stored);
    let [q, k, v] = rows_of(&arguments, p);
    let frame = Frame { matrices, widest: p.features.max(p.values) };
    let mut accessors: String = arguments.iter().map(|o| o.accessors("read")).collect();
    accessors += &(of.outputs() + &position_fn("y_batch", &of.y.batch));

    let mut body = frame.other_rows(&k) + &frame.scores("t", &q);
    body += &frame.each_score(|j| {
        format!("    let s{j} = seen(batch, own_first + row, other_first + first + {j}u, t{j});\n")
    });
    // A score that is not finite makes its weights NaN, whatever the largest one is.
    body += &format!(
        "    let best = row_max(local, {});\n    let grows = best > top + {LOG_LARGEST:?} || top == LOWEST;\n    \
         let next = select(top, max(best - {LOG_LARGE:?}, LOWEST), grows);\n    let fade = select(1.0, exp(top - next), grows);\n    \
         if (grows && top > LOWEST) {{ atomicStore(&grown, 1u); }}\n    top = next;\n    sum *= fade;\n",
        frame.over_scores("max", |j| format!("s{j}"))
    );
    body += &frame.rescale("y", p.values);
    body += &frame.each_score(|j| format!("    let p{j} = weight(s{j}, top);\n    sum += p{j};\n"));
    body += &(frame.weights(|j| format!("p{j}")) + &frame.other_rows(&v) + &frame.accumulate("y", p.values));

    let mut text = q.base() + &k.base() + &v.base() + &frame.own_rows(&q) + &frame.zeros("y", p.values);
    text += "    var top = LOWEST;\n    var sum = 0.0;\n";
    text += &blocks(OTHER, ["BEFORE", "AFTER"], "KEYS", &body);
    text += "    let total = row_sum(local, sum);\n    if (first == 0u) {\n    \
             factors[row] = select(1.0 / total, 0.0, total == 0.0);\n    \
             if (row >= pass_first && row < pass_end && own_first + row < QUERIES) {\n    \
             log_sums[batch * QUERIES + own_first + row] = select(top + log(total), 0.0, total == 0.0);\n    }\n    }\n";
    text += &frame.store("y", ("result", of.y.vectors(p.values)), &of.y, [p.queries, p.values]);
    frame.shader(p, p.queries, accessors, text)
}

/// The shader of the queries' gradient; queries are the own rows.
pub(super) fn grad_query(of: &AttentionGrad, matrices: Cooperative) -> Shader {
    let p = &of.problem;
    let [q, k, v, dy] = of.halves.expect("operands of f16");
    let (arguments, upstream) = (p.operands_f16([q, k, v]), of.upstream().f16(dy));
    let ([q, k, v], dy) = (rows_of(&arguments, p), Operand::of(&upstream, p.queries));
    let frame = Frame { matrices, widest: p.features.max(p.values) };

    let mut body =
        frame.other_rows(&v) + &frame.scores("t", &dy) + &frame.other_rows(&k) + &frame.scores("s", &q);
    body += &frame.each_score(|j| {
        let score = format!("seen(batch, own_first + row, other_first + first + {j}u, s{j})");
        format!("    let ds{j} = slope_of(weight({score}, own_log), t{j}, own_delta);\n")
    });
    body += &(grow(&frame, "ds") + &frame.rescale("dq", p.features));
    body += &(frame.weights(|j| format!("ds{j} * per_unit")) + &frame.accumulate("dq", p.features));

    let mut text = q.base() + &k.base() + &v.base() + &dy.base() + &frame.own_rows(&q) + &frame.own_rows(&dy);
    text += &(frame.zeros("dq", p.features) + &statistics("own", "(own_first + row)"));
    text += "    var unit = 0.0;\n";
    text += &blocks(OTHER, ["BEFORE", "AFTER"], "KEYS", &body);
    text += "    if (first == 0u) { factors[row] = unit * SCALE; }\n";
    text += &frame.store("dq", ("gradients", of.vectors()), &of.dq, [p.queries, p.features]);
    let accessors = of.accessors(&arguments, &upstream) + &position_fn("dq_batch", &of.dq.batch);
    frame.shader(p, p.queries, accessors, text)
}

/// The shader of the keys' and values' gradients; keys are the own rows.
pub(super) fn grad_key(of: &AttentionGrad, matrices: Cooperative) -> Shader {
    let p = &of.problem;
    let [q, k, v, dy] = of.halves.expect("operands of f16");
    let (arguments, upstream) = (p.operands_f16([q, k, v]), of.upstream().f16(dy));
    let ([q, k, v], dy) = (rows_of(&arguments, p), Operand::of(&upstream, p.queries));
    let frame = Frame { matrices, widest: p.features.max(p.values) };

    let mut body =
        frame.other_rows(&dy) + &frame.scores("t", &v) + &frame.other_rows(&q) + &frame.scores("s", &k);
    body += &frame.each_score(|j| {
        let query = format!("(other_first + first + {j}u)");
        let statistics = statistics(&format!("c{j}"), &query);
        format!(
            "{statistics}    let p{j} = weight(seen(batch, {query}, own_first + row, s{j}), c{j}_log);\n    \
             let ds{j} = slope_of(p{j}, t{j}, c{j}_delta);\n"
        )
    });
    body += &(grow(&frame, "ds") + &frame.rescale("dk", p.features));
    body += &(frame.weights(|j| format!("ds{j} * per_unit")) + &frame.accumulate("dk", p.features));
    body += &(frame.other_rows(&dy)
        + &frame.weights(|j| format!("p{j} * {LARGE:?}"))
        + &frame.accumulate("dv", p.values));

    let mut text = q.base() + &k.base() + &v.base() + &dy.base() + &frame.own_rows(&k) + &frame.own_rows(&v);
    text += &(frame.zeros("dk", p.features) + &frame.zeros("dv", p.values) + "    var unit = 0.0;\n");
    text += &blocks(OTHER, ["AFTER", "BEFORE"], "QUERIES", &body);
    text += "    if (first == 0u) { factors[row] = unit * SCALE; }\n";
    text += &frame.store("dk", ("gradients", of.vectors()), &of.dk, [p.keys, p.features]);
    text += &format!("    if (first == 0u) {{ factors[row] = 1.0 / {LARGE:?}; }}\n");
    text += &frame.store("dv", ("gradients", of.vectors()), &of.dv, [p.keys, p.values]);
    let batches = position_fn("dk_batch", &of.dk.batch) + &position_fn("dv_batch", &of.dv.batch);
    let accessors = of.accessors(&arguments, &upstream) + &batches;
    frame.shader(p, p.keys, accessors, text)
}
