//! Products by tiles of a workgroup, whose operands wait in workgroup memory.

use super::MatMul;
use super::side::{Load, Side, part};
use super::variant::chunk;
use crate::Shader;
use crate::wgsl::{Source, wgsl};

/// A workgroup's tile.
struct Tile<'a> {
    a: Side<'a>,
    b: Side<'a>,
    /// Outputs of an invocation along M and N: 4, or 8 in two halves of the tile.
    micro: usize,
    /// Elements of K in workgroup memory at a time.
    depth: usize,
}

impl Tile<'_> {
    fn invocations(&self) -> usize {
        self.a.tile / self.micro * (self.b.tile / self.micro)
    }

    /// Moves the next `depth` elements of K into workgroup memory, in blocks of 4 x 4.
    fn loads(&self) -> String {
        [&self.a, &self.b].map(|side| self.load_side(side)).concat()
    }

    fn load_side(&self, side: &Side) -> String {
        let (quads, deep_quads, name) = (side.tile / 4, self.depth / 4, side.name);
        let (blocks, invocations) = (quads * deep_quads, self.invocations());
        let mut text = String::new();
        for first in (0..blocks).step_by(invocations) {
            // Neighbours read what lies side by side.
            let along_k = side.load == Load::Deep || (side.load == Load::Scalar && side.operand.deep == 1);
            let (fast, slow) = if along_k { ("deep", "quad") } else { ("quad", "deep") };
            let size = if along_k { deep_quads } else { quads };
            let mut body = format!(
                "let i = local + {first}u;\n        let {fast} = i % {size}u;\n        let {slow} = i / {size}u;\n        "
            );
            body += &block(side);
            let store =
                |q: usize| format!("{name}_tile[(deep * 4u + {q}u) * {quads}u + quad] = v{q};\n        ");
            body += &(0..4).map(store).collect::<String>();
            let guard = match blocks - first < invocations {
                true => format!("if (local < {}u) ", blocks - first),
                false => String::new(),
            };
            text += &format!("        {guard}{{\n        {}\n        }}\n", body.trim_end());
        }
        text
    }

    /// The products of what is in workgroup memory.
    fn products(&self) -> String {
        let (quads_a, quads_b) = (self.a.tile / 4, self.b.tile / 4);
        let halves = self.micro / 4;
        let mut text = String::new();
        for q in 0..4 {
            for h in 0..halves {
                let at = |quads: usize, place: &str| {
                    format!("(d + {q}u) * {quads}u + {place} + {}u", h * quads / halves)
                };
                text += &format!("            let a{q}_{h} = a_tile[{}];\n", at(quads_a, "down"));
                text += &format!("            let b{q}_{h} = b_tile[{}];\n", at(quads_b, "along"));
            }
            for (r, h) in self.sums() {
                let a = format!("a{q}_{}.{}", r / 4, part(r));
                text += &format!("            sum{r}_{h} = fma(vec4<f32>({a}), b{q}_{h}, sum{r}_{h});\n");
            }
        }
        text
    }

    /// Accumulators: row of the invocation, and half of its columns.
    fn sums(&self) -> impl Iterator<Item = (usize, usize)> {
        let halves = self.micro / 4;
        (0..self.micro).flat_map(move |r| (0..halves).map(move |h| (r, h)))
    }

    fn store(&self, p: &MatMul) -> String {
        let mut text = "    let first = (split * BATCHES + batch) * M * N;\n".to_owned();
        let halves = self.micro / 4;
        for (r, h) in self.sums() {
            let row = format!("row + down * 4u + {}u", r / 4 * (self.a.tile / halves) + r % 4);
            let col = format!("col + along * 4u + {}u", h * (self.b.tile / halves));
            text += &p.store_vector(&row, &col, &format!("sum{r}_{h}"));
        }
        text
    }
}

/// WGSL for the vectors `v0` to `v3`, which hold the elements `4 quad..` along M or N of the elements `4 deep..` of K.
/// Elements beyond the end of K are 0.
fn block(side: &Side) -> String {
    let (name, deep, step) = (side.name, side.operand.deep, side.operand.step);
    let start = if name == 'a' { "row" } else { "col" };
    let at = |j: usize, span: usize| side.inside(&format!("{start} + quad * 4u + {j}u"), span);
    let mut text = "let at_k = k + deep * 4u;\n        ".to_owned();
    match side.load {
        Load::Deep => {
            for j in 0..4 {
                let position = format!("{name}_base + i32({}) * ({step}) + i32(min(at_k, K - 4u))", at(j, 1));
                text += &format!(
                    "let u{j} = select(vec4<f32>(), {name}[u32({position}) / 4u], at_k < end);\n        "
                );
            }
            for q in 0..4 {
                let elements: Vec<String> = (0..4).map(|j| format!("u{j}.{}", part(q))).collect();
                text += &format!("let v{q} = vec4<f32>({});\n        ", elements.join(", "));
            }
        }
        Load::Across => {
            for q in 0..4 {
                let k = format!("i32(min(at_k + {q}u, K - 1u)) * ({deep})");
                let position = format!("{name}_base + i32({}) + {k}", at(0, 4));
                text += &format!(
                    "let v{q} = select(vec4<f32>(), {name}[u32({position}) / 4u], at_k + {q}u < end);\n        "
                );
            }
        }
        Load::Scalar => {
            for j in 0..4 {
                text += &format!("let p{j} = {name}_base + i32({}) * ({step});\n        ", at(j, 1));
            }
            for q in 0..4 {
                let k = format!("i32(min(at_k + {q}u, K - 1u)) * ({deep})");
                let one = |j: usize| format!("{name}[u32(p{j} + {k})]");
                let all: Vec<String> = (0..4).map(one).collect();
                text += &format!(
                    "let v{q} = select(vec4<f32>(), vec4<f32>({}), at_k + {q}u < end);\n        ",
                    all.join(", ")
                );
            }
        }
    }
    text
}

/// The dispatch that computes all tiles of a product that is not empty, each by a workgroup.
pub(super) fn shader(p: &MatMul, micro: usize) -> Shader {
    let (rows, cols) = (p.variant.rows, p.variant.cols);
    let tile = Tile { a: Side::a(p, rows), b: Side::b(p, cols), micro, depth: 16 };
    let (down, along) = (p.m.div_ceil(rows), p.n.div_ceil(cols));
    let splits = p.splits();
    let mut sums = String::new();
    for (r, h) in tile.sums() {
        sums += &format!("    var sum{r}_{h} = vec4<f32>(0.0);\n");
    }
    let source = Source::new(wgsl!("matmul_shared"))
        .set("M", p.m)
        .set("N", p.n)
        .set("K", p.k)
        .set("ROWS", rows)
        .set("COLS", cols)
        .set("MICRO", micro)
        .set("DEPTH", tile.depth)
        .set("TILES_DOWN", down)
        .set("TILES_ALONG", along)
        .set("BATCHES", p.batches())
        .set("SPLITS", splits)
        .set("CHUNK", chunk(p.k, splits))
        .block("accessors", &p.accessors(&tile.a, &tile.b, p.whole_vectors()))
        .block("sums", &sums)
        .block("loads", &tile.loads())
        .block("products", &tile.products())
        .block("store", &tile.store(p));
    Shader::linear(source.finish(), down * along * p.batches() * splits, 1)
}
