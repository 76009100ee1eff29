//! Sums of products by tiles of a workgroup, with operands in workgroup memory: the frame of matrix products and of convolutions as
//! implicit matrix products.

use std::fmt;
use std::ops::Range;

use crate::Shader;
use crate::wgsl::{Source, wgsl};

/// Elements of the inner dimension in workgroup memory at a time.
pub(super) const DEPTH: usize = 16;

/// A workgroup's outputs: `rows` x `cols`, of which every invocation has `micro` rows and columns (4, or 8 in two halves).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct WorkgroupTile {
    pub rows: usize,
    pub cols: usize,
    pub micro: [usize; 2],
}

impl fmt::Display for WorkgroupTile {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let WorkgroupTile { rows, cols, micro: [down, along] } = self;
        write!(f, "shared {rows}x{cols} by {down}")?;
        if down == along { Ok(()) } else { write!(f, "x{along}") }
    }
}

/// How a shader moves a block of 4 x 4 elements of an operand into workgroup memory.
pub(super) struct BlockLoad {
    /// Whether neighbouring invocations take blocks along the inner dimension, rather than along the rows or columns.
    pub along_k: bool,
    /// WGSL of what does not depend on `k`, which may use `NAME_quad` and `NAME_deep` in place of `quad` and `deep`. It is ahead of the loop over
    /// the inner dimension unless invocations move several blocks.
    pub before: String,
    /// WGSL for the vectors `v0` to `v3`, of f32 or, for cooperative matrices, of f16: elements `4 quad..` along the tile, from its first `row`
    /// or `col`, of the elements `k + 4 deep..` of the inner dimension; 0 from `end` on.
    pub text: String,
}

impl BlockLoad {
    /// WGSL of the places `quad` and `deep` of block `i` of `tile` rows or columns.
    fn place(&self, tile: usize, i: &str) -> [String; 2] {
        match self.along_k {
            true => [format!("{i} / {}u", DEPTH / 4), format!("{i} % {}u", DEPTH / 4)],
            false => [format!("{i} % {}u", tile / 4), format!("{i} / {}u", tile / 4)],
        }
    }

    /// WGSL of `before`, and of the names that it may use, for block `i`.
    fn before(&self, name: char, tile: usize, i: &str) -> String {
        let [quad, deep] = self.place(tile, i);
        match self.before.as_str() {
            "" => String::new(),
            before => format!("    let {name}_quad = {quad};\n    let {name}_deep = {deep};\n{before}"),
        }
    }

    /// WGSL ahead of the loop over the inner dimension, of operand `name` that these invocations move.
    pub fn ahead(&self, name: char, tile: usize, movers: &Range<usize>) -> String {
        let one = blocks(tile) <= movers.len();
        if one { self.before(name, tile, &format!("(local - {}u)", movers.start)) } else { String::new() }
    }

    /// WGSL by which these invocations, up to the last ones of a workgroup, move a slice of `tile` rows or columns of operand `name`; `stores`
    /// stores the vectors of a block.
    pub fn moves(&self, name: char, tile: usize, movers: &Range<usize>, stores: &str) -> String {
        let (blocks, start) = (blocks(tile), movers.start);
        let [quad, deep] = self.place(tile, "i");
        let before = if blocks > movers.len() { self.before(name, tile, "i") } else { String::new() };
        let mut text = String::new();
        for first in (0..blocks).step_by(movers.len()) {
            let mut guards = vec![];
            if start > 0 {
                guards.push(format!("local >= {start}u"));
            }
            if blocks - first < movers.len() {
                guards.push(format!("local < {}u", start + blocks - first));
            }
            let guard =
                if guards.is_empty() { String::new() } else { format!("if ({}) ", guards.join(" && ")) };
            text += &format!(
                "        {guard}{{\n            let i = local - {start}u + {first}u;\n            \
                 let quad = {quad};\n            let deep = {deep};\n{before}{}{stores}        }}\n",
                self.text
            );
        }
        text
    }
}

/// Blocks of a slice of so many rows or columns.
pub(super) fn blocks(tile: usize) -> usize {
    tile / 4 * (DEPTH / 4)
}

/// WGSL for a row and its sum.
type StoreSum<'a> = &'a dyn Fn(&str, &str) -> String;

/// `y[b, i, j] = sum over k of a[b, i, k] * b[b, k, j]` of `size` `[batches, M, N, K]`, cut into splits of `chunk` elements of K.
pub(super) struct TileProduct<'a> {
    pub size: [usize; 4],
    pub chunk: usize,
    /// The bindings, and `fn a_batch(i: u32) -> i32` and `fn b_batch`, whose values `a_base` and `b_base` the loads may use.
    pub accessors: String,
    /// The block `results`, which `store` may call.
    pub results: String,
    pub a: BlockLoad,
    pub b: BlockLoad,
    /// WGSL that stores a vector, given expressions for its row, its first column and itself, as far as it is inside.
    pub store: &'a dyn Fn(&str, &str, &str) -> String,
    /// WGSL that stores the sum of a row of the split, given expressions for the row and the sum, if rows are summed, too.
    pub store_sum: Option<StoreSum<'a>>,
}

impl TileProduct<'_> {
    /// A module of tiles of `rows` x `cols` outputs, with the sizes, bindings and results of this product, and the number of its workgroups.
    pub fn source(&self, module: Source, rows: usize, cols: usize) -> (Source, usize) {
        let [batches, m, n, k] = self.size;
        let (down, along) = (m.div_ceil(rows), n.div_ceil(cols));
        let splits = k.div_ceil(self.chunk).max(1);
        let source = module
            .set("M", m)
            .set("N", n)
            .set("K", k)
            .set("ROWS", rows)
            .set("COLS", cols)
            .set("DEPTH", DEPTH)
            .set("TILES_DOWN", down)
            .set("TILES_ALONG", along)
            .set("BATCHES", batches)
            .set("SPLITS", splits)
            .set("CHUNK", self.chunk)
            .block("accessors", &self.accessors)
            .block("results", &self.results);
        (source, down * along * batches * splits)
    }
}

/// Elements after the partial products of a split for its row sums, rounded up to whole vectors.
pub(super) fn sums_of_split(rows: usize) -> usize {
    rows.next_multiple_of(4)
}

/// WGSL that adds up the rows of `a_tile`, in the first tile of every row of tiles.
const ROW_SUMS: &str = "        if (col == 0u && local < ROWS) {
            var part = 0.0;
            for (var d = 0u; d < DEPTH; d++) {
                part += a_tile[d * (ROWS / 4u) + local / 4u][local % 4u];
            }
            row_sum += part;
        }";

impl WorkgroupTile {
    /// The dispatch that computes all tiles of a product that is not empty.
    pub fn shader(&self, product: &TileProduct) -> Shader {
        let mut sums: String =
            self.sums().map(|(r, h)| format!("    var sum{r}_{h} = vec4<f32>(0.0);\n")).collect();
        let rows = if product.store_sum.is_some() { ROW_SUMS } else { "" };
        if product.store_sum.is_some() {
            sums += "    var row_sum = 0.0;\n";
        }
        let movers = 0..self.invocations();
        sums += &product.a.ahead('a', self.rows, &movers);
        sums += &product.b.ahead('b', self.cols, &movers);
        let [a, b] = [self.loads('a', self.rows, &product.a), self.loads('b', self.cols, &product.b)];
        let (source, workgroups) = product.source(Source::new(wgsl!("matmul_shared")), self.rows, self.cols);
        let source = source
            .set("MICRO_ROWS", self.micro[0])
            .set("MICRO_COLS", self.micro[1])
            .block("sums", &sums)
            .block("loads", &(a + &b))
            .block("rows", rows)
            .block("products", &self.products())
            .block("store", &self.store(product));
        Shader::linear(source.finish(), workgroups, 1)
    }

    fn invocations(&self) -> usize {
        self.rows / self.micro[0] * (self.cols / self.micro[1])
    }

    fn loads(&self, name: char, tile: usize, load: &BlockLoad) -> String {
        let quads = tile / 4;
        let store =
            |q: usize| format!("            {name}_tile[(deep * 4u + {q}u) * {quads}u + quad] = v{q};\n");
        load.moves(name, tile, &(0..self.invocations()), &(0..4).map(store).collect::<String>())
    }

    /// The products of the operands in workgroup memory, for four elements of the inner dimension from `d` on.
    fn products(&self) -> String {
        let [high, wide] = self.micro.map(|micro| micro / 4);
        let mut text = String::new();
        for q in 0..4 {
            let load = |name: char, tile: usize, place: &str, halves: usize| -> String {
                let at =
                    |h: usize| format!("(d + {q}u) * {}u + {place} + {}u", tile / 4, h * (tile / 4 / halves));
                let one = |h: usize| format!("            let {name}{q}_{h} = {name}_tile[{}];\n", at(h));
                (0..halves).map(one).collect()
            };
            text += &load('a', self.rows, "down", high);
            text += &load('b', self.cols, "along", wide);
            for (r, h) in self.sums() {
                let a = format!("a{q}_{}.{}", r / 4, ["x", "y", "z", "w"][r % 4]);
                text += &format!("            sum{r}_{h} = fma(vec4<f32>({a}), b{q}_{h}, sum{r}_{h});\n");
            }
        }
        text
    }

    /// Accumulators: row of the invocation, and half of its columns.
    fn sums(&self) -> impl Iterator<Item = (usize, usize)> {
        let halves = self.micro[1] / 4;
        (0..self.micro[0]).flat_map(move |r| (0..halves).map(move |h| (r, h)))
    }

    /// WGSL of the row of an invocation's sums `r`.
    fn row(&self, r: usize) -> String {
        format!("row + down * 4u + {}u", r / 4 * (self.rows / (self.micro[0] / 4)) + r % 4)
    }

    /// WGSL of the first column of half `h` of an invocation's sums.
    fn col(&self, h: usize) -> String {
        format!("col + along * 4u + {}u", h * (self.cols / (self.micro[1] / 4)))
    }

    /// As [`Tile::reduce_rows`](super::tile::Tile::reduce_rows).
    pub fn reduce_rows(&self, shader: &mut Shader, count: usize) {
        for r in 0..self.micro[0] {
            let row = self.row(r);
            let part = |h: usize| {
                let at = format!("place4(batch, {row}, {})", self.col(h));
                format!("part_of({at}, stored_sum{r}_{h}, batch * M + min({row}, M - 1u))")
            };
            let both = (1..self.micro[1] / 4).fold(part(0), |all, h| format!("merge({all}, {})", part(h)));
            let text = format!(
                "    workgroupBarrier();\n    b_tile[local] = {both};\n    workgroupBarrier();\n    \
                 if (along == 0u && {row} < M) {{\n        \
                 var all = b_tile[local];\n        \
                 for (var k = 1u; k < COLS / MICRO_COLS; k++) {{\n            \
                 all = merge(all, b_tile[local + k]);\n        }}\n        \
                 parts[(batch * M + {row}) * {count}u + FIRST_PART + col / COLS] = rounded(all);\n    }}"
            );
            shader.block(&format!("parts{r}"), &text, "");
        }
    }

    fn store(&self, product: &TileProduct) -> String {
        let between = product.store_sum.map_or(0, |_| sums_of_split(product.size[1]));
        let mut text = format!("    let first = (split * BATCHES + batch) * M * N + split * {between}u;\n");
        for (r, h) in self.sums() {
            let row = self.row(r);
            let col = self.col(h);
            text += &(product.store)(&row, &col, &format!("sum{r}_{h}"));
            if h + 1 == self.micro[1] / 4 {
                text += &format!("    //!begin parts{r}\n    //!end parts{r}\n");
            }
        }
        if let Some(store) = product.store_sum {
            let store = store("row + local", "row_sum");
            text += &format!("    if (col == 0u && local < ROWS && row + local < M) {{ {store} }}\n");
        }
        text
    }
}
