//! Attention by tiles of a workgroup, for GPUs: FlashAttention-2 (Dao 2023) in f32.
//!
//! A workgroup has 8 x 8 invocations and a block of own rows: queries, or keys for the gradients of keys and values. It loops over the
//! other rows in blocks. An invocation keeps in registers the scores of 4 own rows with 4 or 8 other rows, and sums of the same own rows.

use super::shader::Argument;
use super::{Attention, AttentionGrad, Problem, Rows};
use crate::Shader;
use crate::kernels::reduce::position_fn;
use crate::wgsl::{Source, wgsl};

/// Features of a row, or rows of values, in workgroup memory at a time.
const DEPTH: usize = 16;
/// Invocations down the own rows, and along the other rows.
const SIDE: usize = 8;
/// Columns that the invocations along a row cover with one vector each.
const ALONG: usize = 4 * SIDE;
/// Own rows of an invocation. With eight, half as many waves fit a SIMD.
const ROWS: usize = 4;
/// Own rows of a workgroup.
const OWN: usize = ROWS * SIDE;
/// Most columns of a row.
const WIDEST: usize = 128;
/// Most registers for scores and sums; the rest is for operands.
const REGISTERS: usize = 128;
pub(super) const PARTS: [&str; 4] = ["x", "y", "z", "w"];

impl Problem {
    /// Whether tiles pay: rows long enough for a tile's depth, and short enough for registers.
    pub(super) fn suits_tiles(&self) -> bool {
        let fits = |n: usize| (DEPTH..=WIDEST).contains(&n);
        fits(self.features) && fits(self.values) && self.queries > 0 && self.keys > 0
    }
}

/// Rows of an argument, `count` of them.
pub(super) struct Operand<'a> {
    pub name: &'a str,
    rows: &'a Rows,
    count: usize,
    pub cols: usize,
}

impl<'a> Operand<'a> {
    pub fn of(argument: &'a Argument, count: usize) -> Operand<'a> {
        Operand { name: argument.name, rows: argument.rows, count, cols: argument.cols }
    }

    /// Vectors of an invocation in a row of sums.
    fn fours(&self) -> usize {
        self.cols.div_ceil(ALONG)
    }

    pub fn base(&self) -> String {
        format!("    let {0}_base = {0}_batch(batch);\n", self.name)
    }

    /// WGSL that reads four features of a row; rows beyond the last read the last one.
    pub fn at(&self, row: &str, col: &str) -> String {
        let (name, last, step) = (self.name, self.count - 1, self.rows.row);
        format!("{name}_at({name}_base + i32(min({row}, {last}u)) * ({step}), {col})")
    }

    /// Features `d..` of `count` rows, as `tile[feature][row]`.
    fn load_across(&self, tile: &str, first: &str, count: usize) -> String {
        let (quads, blocks) = (count / 4, count * DEPTH / 16);
        let guard = if blocks < 64 { format!("if (local < {blocks}u) ") } else { String::new() };
        let mut text =
            format!("    {guard}{{\n    let quad = local / 4u;\n    let deep = local % 4u * 4u;\n");
        for i in 0..4 {
            let row = format!("{first} + quad * 4u + {i}u");
            text += &format!("    let u{i} = {};\n", self.at(&row, "d + deep"));
        }
        for (q, part) in PARTS.iter().enumerate() {
            let all = (0..4).map(|i| format!("u{i}.{part}")).collect::<Vec<_>>().join(", ");
            text += &format!("    {tile}[(deep + {q}u) * {quads}u + quad] = vec4<f32>({all});\n");
        }
        text + "    }\n"
    }

    /// Rows from `first` on, as `b_tile[row][feature]`.
    fn load_rows(&self, first: &str) -> String {
        let quads = self.fours() * SIDE;
        let read = self.at(&format!("{first} + i / {quads}u"), &format!("i % {quads}u * 4u"));
        let count = DEPTH * quads;
        format!("    for (var i = local; i < {count}u; i += 64u) {{\n    b_tile[i] = {read};\n    }}\n")
    }
}

/// The rows of queries, keys and values.
pub(super) fn rows_of<'a>(arguments: &'a [Argument<'a>; 3], p: &Problem) -> [Operand<'a>; 3] {
    [(0, p.queries), (1, p.keys), (2, p.keys)].map(|(i, n)| Operand::of(&arguments[i], n))
}

/// WGSL that runs `body` on blocks of `step` of the `count` other rows that own rows see, `before` and `after` themselves; `other_first` is a
/// block's first row.
pub(super) fn blocks(step: usize, [before, after]: [&str; 2], count: &str, body: &str) -> String {
    format!(
        "    let other_end = min({count}, own_first + OWN + {after});\n    \
         for (var other_first = (own_first - min(own_first, {before})) / {step}u * {step}u; \
         other_first < other_end; other_first += {step}u) {{\n{body}    }}\n"
    )
}

/// WGSL of the invocation's own row `r`.
fn row(r: usize) -> String {
    format!("(own_first + down * {ROWS}u + {r}u)")
}

/// WGSL for each own row.
fn each_row(f: impl Fn(usize) -> String) -> String {
    (0..ROWS).map(f).collect()
}

/// Vectors of scores or sums: own row, and four of the columns.
fn vectors(fours: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..ROWS).flat_map(move |r| (0..fours).map(move |h| (r, h)))
}

fn declare(name: &str, fours: usize) -> String {
    vectors(fours).map(|(r, h)| format!("    var {name}{r}_{h} = vec4<f32>(0.0);\n")).collect()
}

/// WGSL that adds the products of the operands in workgroup memory to `NAME`.
fn multiply(name: &str, fours: usize) -> String {
    let mut text = format!("    for (var e = 0u; e < {DEPTH}u; e += 2u) {{\n");
    for q in 0..2 {
        text += &format!("    let a{q} = a_tile[(e + {q}u) * {}u + down];\n", OWN / 4);
        for h in 0..fours {
            let at = format!("(e + {q}u) * {}u + along + {}u", fours * SIDE, h * SIDE);
            text += &format!("    let b{q}_{h} = b_tile[{at}];\n");
        }
        for (r, h) in vectors(fours) {
            let a = format!("a{q}.{}", PARTS[r]);
            text += &format!("    {name}{r}_{h} = fma(vec4<f32>({a}), b{q}_{h}, {name}{r}_{h});\n");
        }
    }
    text + "    }\n"
}

/// WGSL that reduces `name` of every own row over all invocations along it, as `let TO = ..`; `combine` combines two values. The values
/// overwrite the own rows in workgroup memory.
fn over_rows(name: &str, to: &str, combine: impl Fn(&str, &str) -> String) -> String {
    let at = |r: usize| format!("(down * {ROWS}u + {r}u) * 2u");
    let mut text = "    workgroupBarrier();\n".to_owned();
    text += &each_row(|r| format!("    a_tile[{} + along / 4u][along % 4u] = {name}{r};\n", at(r)));
    text += "    workgroupBarrier();\n";
    text += &each_row(|r| {
        let both = combine(&format!("a_tile[{}]", at(r)), &format!("a_tile[{} + 1u]", at(r)));
        let [x, y, z, w] = PARTS.map(|part| format!("all_{to}{r}.{part}"));
        let total = combine(&combine(&x, &y), &combine(&z, &w));
        format!("    let all_{to}{r} = {both};\n    let {to}{r} = {total};\n")
    });
    text
}

/// WGSL that stores rows `NAME * FACTOR` through a layout, as far as they are inside of `size`; `vectors` says whether the memory is one of
/// vectors of four columns.
fn store(
    name: &str,
    (memory, vectors): (&str, bool),
    rows: &Rows,
    size: [usize; 2],
    factor: impl Fn(usize) -> String,
) -> String {
    each_row(|r| {
        let (own, step, right) = (row(r), rows.row, 4 * rows.col);
        let mut text = format!(
            "    if ({own} < {}u) {{\n    let to = {name}_batch(batch) + i32({own}) * ({step}) + i32(along) * ({right});\n",
            size[0],
        );
        let fours = size[1].div_ceil(ALONG);
        for h in (0..fours).filter(|_| vectors) {
            let to = format!("{memory}[u32(to + {}) / 4u]", h * ALONG);
            let inside = format!("    if (along * 4u + {}u < {}u) {{\n", h * ALONG, size[1]);
            text += &format!("{inside}    {to} = {name}{r}_{h} * {};\n    }}\n", factor(r));
        }
        for (h, j) in (0..fours).flat_map(|h| (0..4).map(move |j| (h, j))).filter(|_| !vectors) {
            let column = h * ALONG + j;
            let to = format!("{memory}[u32(to + ({}))]", column as isize * rows.col);
            let inside = match (h + 1) * ALONG <= size[1] {
                true => String::new(),
                false => format!("if (along * 4u + {column}u < {}u) ", size[1]),
            };
            text += &format!("    {inside}{{ {to} = {name}{r}_{h}.{} * {}; }}\n", PARTS[j], factor(r));
        }
        text + "    }\n"
    })
}

/// The blocks of other rows.
struct Tiles {
    /// Other rows of an invocation, 4 or 8.
    cols: usize,
}

impl Tiles {
    /// Tiles for sums of `fours` vectors per row, and `kinds` (1 or 2) kinds of scores.
    fn new(fours: usize, kinds: usize) -> Tiles {
        let fits = |cols: usize| ROWS * (kinds * cols + 4 * fours) <= REGISTERS;
        Tiles { cols: if fits(8) { 8 } else { 4 } }
    }

    fn other(&self) -> usize {
        self.cols * SIDE
    }

    /// Vectors of a row of scores.
    fn fours(&self) -> usize {
        self.cols / 4
    }

    /// WGSL of the other row at column `j` of vector `h`.
    fn col(&self, h: usize, j: usize) -> String {
        format!("(other_first + {}u + along * 4u)", h * ALONG + j)
    }

    /// WGSL of the scores `NAME = a b^T` of own rows `a` and other rows `b`.
    fn product(&self, name: &str, a: &Operand, b: &Operand) -> String {
        format!(
            "{}    for (var d = 0u; d < {}u; d += {DEPTH}u) {{\n    workgroupBarrier();\n{}{}    \
             workgroupBarrier();\n{}    }}\n",
            declare(name, self.fours()),
            a.cols,
            a.load_across("a_tile", "own_first", OWN),
            b.load_across("b_tile", "other_first", self.other()),
            multiply(name, self.fours()),
        )
    }

    /// WGSL of the sums `NAME += WEIGHTS b`: the weights are laid out like scores, `b` are the other rows.
    fn accumulate(&self, name: &str, weights: &str, b: &Operand) -> String {
        let mut text = String::new();
        for chunk in 0..self.other() / DEPTH {
            // Half of the invocations along the rows have the weights of these rows.
            let h = chunk / 2;
            text += &format!("    workgroupBarrier();\n    if (along / 4u == {}u) {{\n", chunk % 2);
            for (j, part) in PARTS.iter().enumerate() {
                let all = (0..ROWS).map(|r| format!("{weights}{r}_{h}.{part}")).collect::<Vec<_>>();
                let at = format!("(along % 4u * 4u + {j}u) * {}u + down", OWN / 4);
                text += &format!("    a_tile[{at}] = vec4<f32>({});\n", all.join(", "));
            }
            let rows = b.load_rows(&format!("other_first + {}u", chunk * DEPTH));
            text += &format!("    }}\n{rows}    workgroupBarrier();\n{}", multiply(name, b.fours()));
        }
        text
    }

    /// WGSL that replaces every element of the scores `name` by `f` of its row, vector, component and old value.
    fn map(&self, name: &str, f: impl Fn(usize, usize, usize, &str) -> String) -> String {
        let line = |(r, h): (usize, usize)| {
            let old = format!("{name}{r}_{h}");
            let all: Vec<String> = (0..4).map(|j| f(r, h, j, &format!("{old}.{}", PARTS[j]))).collect();
            format!("    {old} = vec4<f32>({});\n", all.join(", "))
        };
        vectors(self.fours()).map(line).collect()
    }

    /// The shader for `own` own rows per batch, and at most `widest` vectors of sums per row.
    fn shader(&self, p: &Problem, own: usize, widest: usize, accessors: String, body: String) -> Shader {
        let blocks = own.div_ceil(OWN);
        let groups = p.batches() * blocks;
        let tile = |name: &str, row: usize| {
            format!("var<workgroup> {name}_tile: array<vec4<f32>, {}>;\n", DEPTH * row / 4)
        };
        let source = Source::new(wgsl!("attention_tiles"))
            .set("GROUPS", groups)
            .set("BLOCKS", blocks)
            .set("OWN", OWN)
            .set("QUERIES", p.queries)
            .set("KEYS", p.keys)
            .set("ROWS", p.batches() * p.queries)
            .set("BEFORE", p.reach(p.window.before))
            .set("AFTER", p.reach(p.window.after))
            .set("SCALE", format!("{:?}", p.scale))
            .block("accessors", &accessors)
            .block("tiles", &(tile("a", OWN) + tile("b", self.other().max(widest * ALONG)).trim_end()))
            .block("body", &body)
            .with(wgsl!("attention_scores"))
            .with(wgsl!("math"));
        Shader::linear(source.finish(), groups, 1)
    }
}

pub(super) fn forward(of: &Attention) -> Shader {
    let p = &of.problem;
    let arguments = p.operands();
    let [q, k, v] = rows_of(&arguments, p);
    let tiles = Tiles::new(v.fours(), 1);
    let mut accessors: String = arguments.iter().map(|o| o.accessors("read")).collect();
    accessors += &(of.outputs() + &position_fn("y_batch", &of.y.batch));
    // A row of scores, its vectors combined.
    let all = |r: usize, combine: &dyn Fn(String, String) -> String| {
        (0..tiles.fours()).map(|h| format!("s{r}_{h}")).reduce(combine).expect("some")
    };

    let mut body = tiles.product("s", &q, &k);
    body += &tiles.map("s", |r, h, j, s| format!("seen(batch, {}, {}, {s})", row(r), tiles.col(h, j)));
    body += &each_row(|r| {
        let all = all(r, &|a, b| format!("max({a}, {b})"));
        format!("    let m{r} = {all};\n    let best{r} = max(max(m{r}.x, m{r}.y), max(m{r}.z, m{r}.w));\n")
    });
    body += &over_rows("best", "block", |a, b| format!("max({a}, {b})"));
    body += &each_row(|r| {
        format!(
            "    let next{r} = max(top{r}, block{r});\n    let fade{r} = exp(top{r} - next{r});\n    \
             top{r} = next{r};\n"
        )
    });
    body += &tiles.map("s", |r, _, _, s| format!("weight({s}, next{r})"));
    body += &each_row(|r| {
        let all = all(r, &|a, b| format!("{a} + {b}"));
        format!("    sum{r} = sum{r} * fade{r} + dot({all}, vec4<f32>(1.0));\n")
    });
    for (r, h) in vectors(v.fours()) {
        body += &format!("    y{r}_{h} *= fade{r};\n");
    }
    body += &tiles.accumulate("y", "s", &v);

    let mut text = q.base() + &k.base() + &v.base() + &declare("y", v.fours());
    text += &each_row(|r| format!("    var top{r} = LOWEST;\n    var sum{r} = 0.0;\n"));
    text += &blocks(tiles.other(), ["BEFORE", "AFTER"], "KEYS", &body);
    text += &over_rows("sum", "total", |a, b| format!("({a} + {b})"));
    text += &each_row(|r| {
        format!(
            "    let factor{r} = select(1.0 / total{r}, 0.0, total{r} == 0.0);\n    \
             if (along == 0u && {0} < QUERIES) {{\n    \
             log_sums[batch * QUERIES + {0}] = select(top{r} + log(total{r}), 0.0, total{r} == 0.0);\n    }}\n",
            row(r)
        )
    });
    text += &store("y", ("result", of.y.vectors(p.values)), &of.y, [p.queries, p.values], |r| {
        format!("factor{r}")
    });
    tiles.shader(p, p.queries, v.fours(), accessors, text)
}

/// WGSL of the statistics of a query as `TO_log` and `TO_delta`.
pub(super) fn statistics(to: &str, query: &str) -> String {
    let at = format!("batch * QUERIES + min({query}, QUERIES - 1u)");
    format!("    let {to}_log = stats[{at}];\n    let {to}_delta = stats[ROWS + {at}];\n")
}

/// The shader of the queries' gradient; queries are the own rows.
pub(super) fn grad_query(of: &AttentionGrad) -> Shader {
    let (p, upstream) = (&of.problem, of.upstream());
    let arguments = p.operands();
    let [q, k, v] = rows_of(&arguments, p);
    let dy = Operand::of(&upstream, p.queries);
    let tiles = Tiles::new(k.fours(), 2);

    let mut body = tiles.product("s", &q, &k) + &tiles.product("t", &dy, &v);
    body += &tiles.map("s", |r, h, j, s| {
        let score = format!("seen(batch, {}, {}, {s})", row(r), tiles.col(h, j));
        format!("slope_of(weight({score}, r{r}_log), t{r}_{h}.{}, r{r}_delta)", PARTS[j])
    });
    body += &tiles.accumulate("dq", "s", &k);

    let mut text = q.base() + &k.base() + &v.base() + &dy.base() + &declare("dq", k.fours());
    text += &each_row(|r| statistics(&format!("r{r}"), &row(r)));
    text += &blocks(tiles.other(), ["BEFORE", "AFTER"], "KEYS", &body);
    text += &store("dq", ("gradients", of.vectors()), &of.dq, [p.queries, p.features], |_| "SCALE".into());
    let accessors = of.accessors(&arguments, &upstream) + &position_fn("dq_batch", &of.dq.batch);
    tiles.shader(p, p.queries, k.fours(), accessors, text)
}

/// The shader of the keys' and values' gradients; keys are the own rows.
pub(super) fn grad_key(of: &AttentionGrad) -> Shader {
    let (p, upstream) = (&of.problem, of.upstream());
    let arguments = p.operands();
    let [q, k, v] = rows_of(&arguments, p);
    let dy = Operand::of(&upstream, p.queries);
    let tiles = Tiles::new(k.fours() + v.fours(), 2);

    let mut body = tiles.product("s", &k, &q) + &tiles.product("t", &v, &dy);
    for (h, j) in (0..tiles.fours()).flat_map(|h| (0..4).map(move |j| (h, j))) {
        body += &statistics(&format!("c{h}{j}"), &tiles.col(h, j));
    }
    body += &tiles.map("s", |r, h, j, s| {
        format!("weight(seen(batch, {}, {}, {s}), c{h}{j}_log)", tiles.col(h, j), row(r))
    });
    body += &tiles.map("t", |r, h, j, t| format!("slope_of(s{r}_{h}.{}, {t}, c{h}{j}_delta)", PARTS[j]));
    body += &(tiles.accumulate("dv", "s", &dy) + &tiles.accumulate("dk", "t", &q));

    let mut text = q.base() + &k.base() + &v.base() + &dy.base();
    text += &(declare("dk", k.fours()) + &declare("dv", v.fours()));
    text += &blocks(tiles.other(), ["AFTER", "BEFORE"], "QUERIES", &body);
    text += &store("dk", ("gradients", of.vectors()), &of.dk, [p.keys, p.features], |_| "SCALE".into());
    text += &store("dv", ("gradients", of.vectors()), &of.dv, [p.keys, p.values], |_| "1.0".into());
    let batches = position_fn("dk_batch", &of.dk.batch) + &position_fn("dv_batch", &of.dv.batch);
    let accessors = of.accessors(&arguments, &upstream) + &batches;
    tiles.shader(p, p.keys, k.fours().max(v.fours()), accessors, text)
}
