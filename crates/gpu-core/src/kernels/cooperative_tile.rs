//! Sums of products of halves by tiles of a workgroup whose subgroups compute by cooperative matrices: f16 operands in workgroup memory, f32
//! accumulators in registers. The frame is that of [`WorkgroupTile`](super::workgroup_tile::WorkgroupTile).
//!
//! A product of two f16 is exact in f32, so that nothing but the order of the additions distinguishes these sums from those in f32: the error is
//! below `K 2^-22` times the sum of the products' magnitudes, as some GPUs truncate when they add (`2^-24` with rounding to nearest).

use std::fmt;
use std::ops::Range;

use super::workgroup_tile::{BlockLoad, DEPTH, TileProduct, blocks, sums_of_split};
use crate::Shader;
use crate::tune::Cooperative;
use crate::wgsl::{Source, wgsl};

/// A workgroup's outputs, `rows` x `cols`, in `parts` down and along, of one subgroup each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct CooperativeTile {
    pub rows: usize,
    pub cols: usize,
    pub parts: [usize; 2],
    pub matrices: Cooperative,
}

/// Elements between rows or columns in workgroup memory, of which DEPTH are used: multiples of eight, so that whole vectors can be loaded, and
/// not of 16, so that neighbouring rows lie in different banks.
const STRIDE: usize = DEPTH + 8;

impl CooperativeTile {
    /// The dispatch that computes all tiles of a product that is not empty, whose loads are of f16.
    pub fn shader(&self, product: &TileProduct) -> Shader {
        let [part_rows, part_cols] = self.part();
        let invocations = self.invocations();
        let [of_a, of_b] = self.movers();
        let mut sums = product.a.ahead('a', self.rows, &of_a) + &product.b.ahead('b', self.cols, &of_b);
        sums += &self.each(|r, c| format!("    var sum{r}_{c} = {};\n", self.load('C', "sums[0]", "SIZE")));
        let rows = if product.store_sum.is_some() { self.row_sums(&mut sums) } else { String::new() };
        let loads =
            self.loads('a', self.rows, &product.a, &of_a) + &self.loads('b', self.cols, &product.b, &of_b);
        let (source, workgroups) =
            product.source(Source::new(wgsl!("matmul_cooperative")), self.rows, self.cols);
        let source = source
            .set("STRIDE", STRIDE)
            .set("SIZE", self.matrices.size)
            .set("INVOCATIONS", invocations)
            .set("PARTS", self.parts[0] * self.parts[1])
            .set("PARTS_ALONG", self.parts[1])
            .set("PART_ROWS", part_rows)
            .set("PART_COLS", part_cols)
            .block("sums", &sums)
            .block("loads", &loads)
            .block("rows", &rows)
            .block("products", &self.products())
            .block("store", &self.store(product));
        Shader::linear(source.finish(), workgroups, 1)
    }

    /// Invocations of a workgroup: a subgroup for each part, if subgroups are as large as expected.
    pub fn invocations(&self) -> usize {
        self.parts[0] * self.parts[1] * self.matrices.lanes
    }

    /// Rows and columns of a part.
    pub fn part(&self) -> [usize; 2] {
        [self.rows / self.parts[0], self.cols / self.parts[1]]
    }

    /// Accumulators of a subgroup, down and along.
    fn accumulators(&self) -> [usize; 2] {
        self.part().map(|n| n / self.matrices.size)
    }

    /// WGSL for every accumulator of a subgroup, by its row and column.
    fn each(&self, text: impl Fn(usize, usize) -> String) -> String {
        let [down, along] = self.accumulators();
        (0..down).flat_map(|r| (0..along).map(move |c| (r, c))).map(|(r, c)| text(r, c)).collect()
    }

    /// WGSL that loads a matrix in some role from an array of workgroup memory. Those of the operand on the right are transposed there.
    fn load(&self, role: char, from: &str, stride: &str) -> String {
        let (function, size) = (if role == 'B' { "coopLoad" } else { "coopLoadT" }, self.matrices.size);
        let t = if role == 'C' { "f32" } else { "f16" };
        format!("{function}<coop_mat{size}x{size}<{t}, {role}>>(&{from}, {stride})")
    }

    /// The invocations that move each operand: different subgroups, if each invocation has one block at most.
    fn movers(&self) -> [Range<usize>; 2] {
        let all = 0..self.invocations();
        let first = blocks(self.rows).next_multiple_of(self.matrices.lanes);
        let apart = first + blocks(self.cols) <= all.end;
        [all.clone(), if apart { first..all.end } else { all }]
    }

    fn loads(&self, name: char, tile: usize, load: &BlockLoad, movers: &Range<usize>) -> String {
        let mut stores = format!("            let to = quad * {}u + deep * 4u;\n", 4 * STRIDE);
        for (j, part) in ["x", "y", "z", "w"].iter().enumerate() {
            for q in 0..4 {
                stores += &format!("            {name}_tile[to + {}u] = v{q}.{part};\n", j * STRIDE + q);
            }
        }
        load.moves(name, tile, movers, &stores)
    }

    /// The products of the operands in workgroup memory.
    fn products(&self) -> String {
        let (size, [down, along]) = (self.matrices.size, self.accumulators());
        let mut text = String::new();
        for d in (0..DEPTH).step_by(size) {
            let fragment = |name: char, role: char, start: &str, i: usize| {
                let from = format!("{name}_tile[({start} + {}u) * STRIDE + {d}u]", i * size);
                format!("            let {name}{d}_{i} = {};\n", self.load(role, &from, "STRIDE"))
            };
            text += &(0..down).map(|r| fragment('a', 'A', "part_row", r)).collect::<String>();
            // Each fragment on the right is used up before the next one is loaded, and needs no more registers.
            for c in 0..along {
                text += &fragment('b', 'B', "part_col", c);
                for r in 0..down {
                    text += &format!(
                        "            sum{r}_{c} = coopMultiplyAdd(a{d}_{r}, b{d}_{c}, sum{r}_{c});\n"
                    );
                }
            }
        }
        text
    }

    /// Rows that an invocation sums: `local`, and those by whole workgroups further down.
    fn rows_of_invocation(&self) -> std::iter::StepBy<std::ops::Range<usize>> {
        (0..self.rows).step_by(self.invocations())
    }

    /// WGSL that adds up the rows of `a_tile` in the first tile of every row of tiles; the sums are declared in `declarations`.
    fn row_sums(&self, declarations: &mut String) -> String {
        let mut text = String::new();
        for first in self.rows_of_invocation() {
            *declarations += &format!("    var row_sum{first} = 0.0;\n");
            text += &format!(
                "        if (col == 0u && local + {first}u < ROWS) {{\n            var part_sum = 0.0;\n            \
                 for (var d = 0u; d < DEPTH; d++) {{\n                \
                 part_sum += f32(a_tile[(local + {first}u) * STRIDE + d]);\n            }}\n            \
                 row_sum{first} += part_sum;\n        }}\n"
            );
        }
        text
    }

    /// Numbers of the vectors of four in an accumulator that an invocation stores.
    fn quads(&self) -> std::ops::Range<usize> {
        0..(self.matrices.size * self.matrices.size / 4).div_ceil(self.matrices.lanes)
    }

    /// WGSL for each of these vectors by its number, which may use its place `i`.
    fn each_quad(&self, text: impl Fn(usize) -> String) -> String {
        let one = |j: usize| {
            format!(
                "    {{\n        let i = quads_from + local + {j}u * INVOCATIONS;\n        \
                 if (i < quads_end) {{\n{}        }}\n    }}\n",
                text(j)
            )
        };
        self.quads().map(one).collect()
    }

    /// WGSL of the row and the column of vector `i` of an accumulator.
    fn quad(&self, r: usize, c: usize) -> [String; 2] {
        let size = self.matrices.size;
        [format!("row + quad_down(i) + {}u", r * size), format!("col + quad_along(i) + {}u", c * size)]
    }

    /// Accumulators take turns in `sums`, from where invocations store vectors of their rows.
    fn store(&self, product: &TileProduct) -> String {
        let between = product.store_sum.map_or(0, |_| sums_of_split(product.size[1]));
        let mut text = format!("    let first = (split * BATCHES + batch) * M * N + split * {between}u;\n");
        let [down, along] = self.accumulators();
        for r in 0..down {
            text += &marked(&format!("clear{r}"));
            for c in 0..along {
                let [row, col] = self.quad(r, c);
                let store = |j: usize| {
                    let value = format!("value{r}_{c}_{j}");
                    let store = (product.store)(&row, &col, &value);
                    format!("    let {value} = sums_at(i);\n{store}{}", marked(&format!("part{r}_{c}_{j}")))
                };
                text += &format!(
                    "    coopStoreT(sum{r}_{c}, &sums[part * SIZE * SIZE], SIZE);\n    workgroupBarrier();\n{}    \
                     workgroupBarrier();\n",
                    self.each_quad(store)
                );
            }
            text += &marked(&format!("parts{r}"));
        }
        if let Some(store) = product.store_sum {
            for first in self.rows_of_invocation() {
                let row = format!("row + local + {first}u");
                let store = store(&row, &format!("row_sum{first}"));
                text +=
                    &format!("    if (col == 0u && local + {first}u < ROWS && {row} < M) {{ {store} }}\n");
            }
        }
        text
    }

    /// As [`Tile::reduce_rows`](super::tile::Tile::reduce_rows): an invocation reduces its vectors of a row, and another one those of all
    /// invocations in a part's row, in place of an accumulator in `sums`.
    pub fn reduce_rows(&self, shader: &mut Shader, count: usize) {
        let [down, along] = self.accumulators();
        for r in 0..down {
            let clear = |j: usize| format!("    var part{r}_{j} = vec4<f32>();\n");
            shader.block(&format!("clear{r}"), &self.quads().map(clear).collect::<String>(), "");
            for (c, j) in (0..along).flat_map(|c| self.quads().map(move |j| (c, j))) {
                let [row, col] = self.quad(r, c);
                let text = format!(
                    "    let at{r}_{c}_{j} = place4(batch, {row}, {col});\n    part{r}_{j} = merge(part{r}_{j}, \
                     part_of(at{r}_{c}_{j}, stored_value{r}_{c}_{j}, batch * M + min({row}, M - 1u)));"
                );
                shader.block(&format!("part{r}_{c}_{j}"), &text, "");
            }
            let put = |j: usize| {
                let one = |n: usize| format!("        sums[i * 4u + {n}u] = part{r}_{j}[{n}];\n");
                (0..4).map(one).collect()
            };
            let [row, col] = self.quad(r, 0);
            let text = format!(
                "{}    workgroupBarrier();\n    \
                 for (var i = quads_from + local * (SIZE / 4u); i < quads_end; i += INVOCATIONS * (SIZE / 4u)) {{\n        \
                 var all = sums_at(i);\n        \
                 for (var k = 1u; k < SIZE / 4u; k++) {{\n            \
                 all = merge(all, sums_at(i + k));\n        }}\n        \
                 let channel = {row};\n        let pixel = {col};\n        \
                 if (channel < M && pixel < N) {{\n            \
                 parts[(batch * M + channel) * {count}u + FIRST_PART + pixel / PART_COLS] = rounded(all);\n        }}\n    }}\n    \
                 workgroupBarrier();",
                self.each_quad(put)
            );
            shader.block(&format!("parts{r}"), &text, "");
        }
    }
}

impl fmt::Display for CooperativeTile {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let CooperativeTile { rows, cols, parts: [down, along], matrices } = self;
        let size = matrices.size;
        write!(f, "cooperative {size}x{size}x{size} {rows}x{cols} in {down}x{along} parts")
    }
}

/// An empty block of a shader.
fn marked(name: &str) -> String {
    format!("    //!begin {name}\n    //!end {name}\n")
}
