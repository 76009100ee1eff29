//! Products by tiles of a subgroup: each lane loads different elements of the operand along the rows and broadcasts
//! them to all lanes, so that few loads serve many outputs.

use super::MatMul;
use super::side::{Load, Side, part};
use super::variant::chunk;
use crate::Shader;
use crate::wgsl::{Source, wgsl};

/// The tile: `rows` of an operand that is broadcast, `cols` of one whose elements each lane keeps to itself.
struct TileCode<'a> {
    lanes: usize,
    rows: Side<'a>,
    cols: Side<'a>,
    /// Whether the rows are N.
    swap: bool,
    /// Whether results are stored as vectors along N.
    vectors: bool,
}

impl TileCode<'_> {
    /// Elements of K that an iteration handles.
    fn step(&self) -> usize {
        if self.rows.load == Load::Across { self.lanes } else { 4 }
    }

    /// Groups of columns, each with one accumulator per lane, and the number of columns of a lane in a group.
    fn groups(&self) -> (usize, usize) {
        let width = if self.cols.load == Load::Across { 4 } else { 1 };
        (self.cols.tile / (self.lanes * width), width)
    }

    /// The lane's first column of a group. Vectors of results take four groups, if a lane has one column in each.
    fn col(&self, group: usize) -> String {
        let (_, width) = self.groups();
        match self.vectors && !self.swap && width == 1 {
            true => format!("col + {}u + lane * 4u", group / 4 * 4 * self.lanes + group % 4),
            false => format!("col + {}u + lane * {width}u", group * self.lanes * width),
        }
    }

    /// Positions of the lane's elements at k = 0.
    fn setup(&self) -> String {
        let (r, c) = (&self.rows, &self.cols);
        let mut text = format!("    let rows_base = {}_batch(batch);\n", r.name);
        text += &format!("    let cols_base = {}_batch(batch);\n", c.name);
        for t in (0..r.tile).step_by(self.lanes) {
            let at = r.inside(&format!("row + {t}u + lane"), 1);
            let at =
                if r.tile.is_multiple_of(self.lanes) { at } else { format!("min({at}, {}u)", r.size - 1) };
            text += &format!("    let rows_at{t} = rows_base + i32({at}) * ({});\n", r.operand.step);
        }
        let (groups, width) = self.groups();
        for g in 0..groups {
            let at = c.inside(&self.col(g), width);
            text += &format!("    let cols_at{g} = cols_base + i32({at}) * ({});\n", c.operand.step);
        }
        let zero = if width == 4 { "vec4<f32>(0.0)" } else { "0.0" };
        for (r, g) in self.sums() {
            text += &format!("    var sum{r}_{g} = {zero};\n");
        }
        text
    }

    /// Accumulators: row, and group of columns.
    fn sums(&self) -> impl Iterator<Item = (usize, usize)> {
        let (rows, groups) = (self.rows.tile, self.groups().0);
        (0..rows).flat_map(move |r| (0..groups).map(move |g| (r, g)))
    }

    /// Loads of the rows for a whole step, and a name for element `r` at step `q`, uniform over the lanes.
    fn row_loads(&self) -> String {
        let (side, lanes) = (&self.rows, self.lanes);
        let (name, deep, step) = (side.name, side.operand.deep, side.operand.step);
        let mut text = String::new();
        if side.load == Load::Across {
            for t in (0..side.tile).step_by(4) {
                let row = side.inside(&format!("row + {t}u"), 4);
                let at = format!("rows_base + i32({row}) * ({step}) + i32(k + lane) * ({deep})");
                text += &format!("        let r{t} = {name}[u32({at}) / 4u];\n");
            }
            return text;
        }
        for t in (0..side.tile).step_by(lanes) {
            if side.load == Load::Deep {
                text += &format!("        let r{t} = {name}[u32(rows_at{t} + i32(k)) / 4u];\n");
                continue;
            }
            let one = |q: usize| format!("{name}[u32(rows_at{t} + i32(k + {q}u) * ({deep}))]");
            text += &format!(
                "        let r{t} = vec4<f32>({});\n",
                (0..4).map(one).collect::<Vec<_>>().join(", ")
            );
        }
        text
    }

    fn row_element(&self, r: usize, q: usize) -> String {
        let (from, component, lane) = match self.rows.load {
            Load::Across => (r / 4 * 4, r, q),
            _ => (r / self.lanes * self.lanes, q, r % self.lanes),
        };
        format!("subgroupBroadcast(r{from}.{}, {lane}u)", part(component))
    }

    /// A scalar in the columns' type.
    fn splat(&self, scalar: &str) -> String {
        if self.groups().1 == 4 { format!("vec4<f32>({scalar})") } else { scalar.to_owned() }
    }

    /// Loads of the columns for a whole step.
    fn col_loads(&self) -> String {
        let (name, deep) = (self.cols.name, self.cols.operand.deep);
        let mut text = String::new();
        for g in 0..self.groups().0 {
            match self.cols.load {
                Load::Deep => {
                    for u in (0..self.step()).step_by(4) {
                        let at = format!("u32(cols_at{g} + i32(k + {u}u)) / 4u");
                        text += &format!("        let c{g}_{u} = {name}[{at}];\n");
                    }
                }
                load => {
                    let unit = if load == Load::Across { " / 4u" } else { "" };
                    for q in 0..self.step() {
                        let at = format!("u32(cols_at{g} + i32(k + {q}u) * ({deep})){unit}");
                        text += &format!("        let c{g}_{q} = {name}[{at}];\n");
                    }
                }
            }
        }
        text
    }

    fn col_element(&self, g: usize, q: usize) -> String {
        match self.cols.load {
            Load::Deep => format!("c{g}_{}.{}", q / 4 * 4, part(q)),
            _ => format!("c{g}_{q}"),
        }
    }

    /// All products of a step, row by row: compilers keep this order, and with it a row's accumulators in registers.
    fn products(&self) -> String {
        let mut text = String::new();
        let groups = self.groups().0;
        for r in 0..self.rows.tile {
            for q in 0..self.step() {
                text += &format!("        let e{r}_{q} = {};\n", self.row_element(r, q));
            }
            for g in 0..groups {
                let sum = (0..self.step()).fold(format!("sum{r}_{g}"), |sum, q| {
                    format!("fma({}, {}, {sum})", self.splat(&format!("e{r}_{q}")), self.col_element(g, q))
                });
                text += &format!("        sum{r}_{g} = {sum};\n");
            }
        }
        text
    }

    /// A single element of K, for the remainder at the end.
    fn single(&self) -> String {
        let (rows, cols) = (&self.rows, &self.cols);
        let one = |side: &Side, at: &str, across: bool| match (side.load, across) {
            (Load::Scalar, _) => format!("{}[u32({at})]", side.name),
            (Load::Across, true) => format!("{}[u32({at}) / 4u]", side.name),
            _ => format!("{}[u32({at}) / 4u][u32({at}) % 4u]", side.name),
        };
        let mut text = String::new();
        for t in (0..rows.tile).step_by(self.lanes) {
            let at = format!("(rows_at{t} + i32(k) * ({}))", rows.operand.deep);
            text += &format!("        let r{t} = {};\n", one(rows, &at, false));
        }
        for g in 0..self.groups().0 {
            let at = format!("(cols_at{g} + i32(k) * ({}))", cols.operand.deep);
            text += &format!("        let c{g} = {};\n", one(cols, &at, true));
        }
        for (r, g) in self.sums() {
            let (from, lane) = (r / self.lanes * self.lanes, r % self.lanes);
            let row = self.splat(&format!("subgroupBroadcast(r{from}, {lane}u)"));
            text += &format!("        sum{r}_{g} = fma({row}, c{g}, sum{r}_{g});\n");
        }
        text
    }

    fn loops(&self, k: usize) -> String {
        let step = self.step();
        let body = self.row_loads() + &self.col_loads() + &self.products();
        let mut text = format!("    while (k + {step}u <= end) {{\n{body}        k = k + {step}u;\n    }}");
        if !k.is_multiple_of(step) {
            text += &format!("\n    while (k < end) {{\n{}        k = k + 1u;\n    }}", self.single());
        }
        text
    }

    /// Elements that are stored at a time.
    fn width(&self) -> usize {
        if self.vectors { 4 } else { 1 }
    }

    /// WGSL of the sum for a row and for column `c` of a group.
    fn sum(&self, r: usize, g: usize, c: usize) -> String {
        let (_, width) = self.groups();
        if width == 4 { format!("sum{r}_{g}.{}", part(c)) } else { format!("sum{r}_{g}") }
    }

    /// Row, first column and value of the vectors that begin with the sums for a row and a group: along the columns, or by lanes that have four
    /// columns of results each.
    fn stored(&self, r: usize, g: usize) -> Vec<[String; 3]> {
        let (row, col, (_, width)) = (format!("row + {r}u"), self.col(g), self.groups());
        let four = |sum: &dyn Fn(usize) -> String| format!("vec4<f32>({})", [0, 1, 2, 3].map(sum).join(", "));
        match (self.swap, width) {
            (true, _) if r.is_multiple_of(4) => {
                let vector = |c| four(&|q| self.sum(r + q, g, c));
                (0..width).map(|c| [format!("{col} + {c}u"), row.clone(), vector(c)]).collect()
            }
            (false, 4) => vec![[row, col, format!("sum{r}_{g}")]],
            (false, _) if g.is_multiple_of(4) => vec![[row, col, four(&|q| self.sum(r, g + q, 0))]],
            _ => vec![],
        }
    }

    fn store(&self, p: &MatMul) -> String {
        let mut text = "    let first = (split * BATCHES + batch) * M * N;\n".to_owned();
        for (r, g) in self.sums() {
            if self.vectors {
                let store = |[row, col, value]: [String; 3]| p.store_vector(&row, &col, &value);
                text += &self.stored(r, g).into_iter().map(store).collect::<String>();
                continue;
            }
            for c in 0..self.groups().1 {
                let (row, col) = (format!("row + {r}u"), format!("{} + {c}u", self.col(g)));
                let (i, j) = if self.swap { (&col, &row) } else { (&row, &col) };
                text += &p.store_scalar(i, j, &self.sum(r, g, c));
            }
        }
        text
    }
}

/// The dispatch that computes all tiles of a product that is not empty, each by a workgroup of one subgroup.
pub(super) fn shader(p: &MatMul, lanes: usize, swap: bool) -> Shader {
    let (rows, cols) = (p.variant.rows, p.variant.cols);
    let (a, b) = if swap { (cols, rows) } else { (rows, cols) };
    let (a, b) = (Side::a(p, a), Side::b(p, b));
    let accessors = p.accessors(&a, &b);
    let (rows, cols) = if swap { (b, a) } else { (a, b) };
    let mut tile = TileCode { lanes, rows, cols, swap, vectors: false };
    let (groups, width) = tile.groups();
    let whole = if swap { tile.rows.tile } else { groups * width };
    tile.vectors = p.width() == 4 && whole.is_multiple_of(4);
    let (down, along) = (tile.rows.size.div_ceil(tile.rows.tile), tile.cols.size.div_ceil(tile.cols.tile));
    let splits = p.splits();
    let source = Source::new(wgsl!("matmul_subgroup"))
        .set("M", p.m)
        .set("N", p.n)
        .set("K", p.k)
        .set("LANES", lanes)
        .set("ROWS", tile.rows.tile)
        .set("COLS", tile.cols.tile)
        .set("TILES_DOWN", down)
        .set("TILES_ALONG", along)
        .set("BATCHES", p.batches())
        .set("SPLITS", splits)
        .set("CHUNK", chunk(p.k, splits))
        .block("accessors", &accessors)
        .block("results", &p.results(tile.width()))
        .block("setup", &tile.setup())
        .block("loops", &tile.loops(p.k))
        .block("store", &tile.store(p));
    p.tiles(Shader::linear(source.finish(), down * along * p.batches() * splits, 1), tile.width())
}
