//! The ways in which a GPU can compute a matrix product.

use std::fmt;
use std::sync::Arc;

use super::MatMul;
use super::side::{Load, Side};
use crate::Kernel;
use crate::kernels::cooperative_tile::CooperativeTile;
use crate::kernels::workgroup_tile::WorkgroupTile;
use crate::tune::{Cooperative, GpuFamily, GpuProfile, Variants};

/// How the outputs are cut into tiles, and where operands are kept for reuse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::kernels) enum Form {
    /// Tiles of outputs in the registers of each invocation; neighbours share operands through the caches.
    Direct,
    /// Tiles of a workgroup, with operands in workgroup memory; each invocation has `micro` rows and columns of outputs.
    Shared { micro: [usize; 2] },
    /// Tiles of a subgroup of `lanes` invocations, which share one operand by broadcasts. With `swap`, the lanes are along M instead of N.
    Subgroup { lanes: usize, swap: bool },
    /// Tiles of a workgroup whose subgroups compute by cooperative matrices. Only for operands that are stored as f16.
    Cooperative(CooperativeTile),
}

/// One way to compute a product.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::kernels) struct Variant {
    pub form: Form,
    /// Outputs of a tile along M and N (along N and M when swapped).
    pub rows: usize,
    pub cols: usize,
    /// Parts of K, each of [`chunk`] elements. Within a part, products are added in the order of K by fused multiply-adds whatever
    /// the form and the tile are, so that variants with equal parts give the same bits.
    pub splits: usize,
}

/// Most of K that one split covers: some drivers end loops after 65,535 iterations.
const DEEPEST: usize = 49_152;
/// Shortest part of K that splitting makes.
const SHALLOWEST: usize = 128;
const MOST_SPLITS: usize = 256;
/// Compute units of a large GPU.
const OCCUPIED: usize = 96;
/// Workgroups of one subgroup that keep it busy.
const FILLED: usize = 192;
/// Subgroups that keep it busy.
const SUBGROUPS: usize = 512;
/// Shortest dimension of a product by cooperative matrices.
const SHORTEST: usize = 32;
/// Length of K from which on a split costs less than small tiles, which reach half of the rate: the partial products are one pass over the
/// output for each split.
const DEEP: usize = 1536;

impl Variant {
    /// Valid for every product whose K is not too deep, but good for none in particular.
    pub const ANY: Variant = Variant { form: Form::Direct, rows: 4, cols: 4, splits: 1 };

    /// The variant of a kernel that was not tuned: it needs neither subgroups nor workgroup memory.
    pub fn portable(p: &MatMul) -> Variant {
        let thin = Variant::thin(p);
        Variant { splits: thin.splits_for(8192, p), ..thin }
    }

    fn thin(p: &MatMul) -> Variant {
        Variant::direct(p.m.clamp(1, 4), if p.n > 4 { 8 } else { 4 })
    }

    fn direct(rows: usize, cols: usize) -> Variant {
        Variant { form: Form::Direct, rows, cols, splits: 1 }
    }

    fn shared(rows: usize, cols: usize, micro: [usize; 2]) -> Variant {
        Variant { form: Form::Shared { micro }, rows, cols, splits: 1 }
    }

    fn subgroup(lanes: usize, swap: bool, rows: usize, cols: usize) -> Variant {
        Variant { form: Form::Subgroup { lanes, swap }, rows, cols, splits: 1 }
    }

    fn cooperative(tile: CooperativeTile) -> Variant {
        Variant { form: Form::Cooperative(tile), rows: tile.rows, cols: tile.cols, splits: 1 }
    }

    /// Tiles of all outputs.
    fn tiles(&self, p: &MatMul) -> usize {
        let (m, n) = match self.form {
            Form::Subgroup { swap: true, .. } => (p.n, p.m),
            _ => (p.m, p.n),
        };
        p.batches() * m.div_ceil(self.rows) * n.div_ceil(self.cols)
    }

    /// Splits of K for `wanted` tiles of this variant, if possible.
    fn splits_for(&self, wanted: usize, p: &MatMul) -> usize {
        let wanted = (wanted / self.tiles(p).max(1)).min(p.k / SHALLOWEST).min(MOST_SPLITS);
        let splits = wanted.max(p.k.div_ceil(DEEPEST)).max(1);
        p.k.div_ceil(chunk(p.k, splits)).max(1)
    }
}

/// Length of one split of K: a multiple of 32, unless it is the only one.
pub(super) fn chunk(k: usize, splits: usize) -> usize {
    k.div_ceil(splits).next_multiple_of(32).max(32)
}

impl fmt::Display for Variant {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let (rows, cols) = (self.rows, self.cols);
        match self.form {
            Form::Direct => write!(f, "direct {rows}x{cols}"),
            Form::Shared { micro } => WorkgroupTile { rows, cols, micro }.fmt(f),
            Form::Cooperative(tile) => tile.fmt(f),
            Form::Subgroup { lanes, swap } => {
                let swapped = if swap { " swapped" } else { "" };
                write!(f, "subgroup of {lanes} {rows}x{cols}{swapped}")
            }
        }
    }
}

/// The variants of a product on a GPU, the expected best first. Only those of software adapters were measured; the
/// order on real GPUs is a guess from published figures, which the tuner corrects.
///
/// The tuner chooses the form and the tile. It does not choose the splits of K, which change the order of the sums: their number is the one
/// that fills the family's GPUs with tiles of the first variant.
pub(super) fn variants(p: &MatMul, gpu: &GpuProfile) -> Variants {
    let (mut options, tiles) = options(p, gpu);
    options.dedup();
    let splits = options[0].splits_for(tiles, p);
    let name = |variant: Variant| {
        let kernel: Arc<dyn Kernel> =
            Arc::new(MatMul { variant: Variant { splits, ..variant }, ..p.clone() });
        (variant.to_string(), kernel)
    };
    let cooperative = matches!(options[0].form, Form::Cooperative(_));
    Variants { class: class(p), options: options.into_iter().map(name).collect(), cooperative }
}

/// The variants, and the number of tiles of the first one that fills a GPU.
pub(super) fn options(p: &MatMul, gpu: &GpuProfile) -> (Vec<Variant>, usize) {
    if let Some(matrices) = gpu.cooperative.filter(|_| suits_cooperative(p, gpu)) {
        return cooperative(p, matrices);
    }
    match (gpu.family, gpu.subgroup) {
        (GpuFamily::Software, Some(lanes)) => software(p, lanes as usize),
        (GpuFamily::Software, None) => (vec![Variant::thin(p), Variant::direct(8, 8)], 64),
        _ => hardware(p),
    }
}

/// Products that share a choice: sizes to the next power of two, and how operands can be loaded.
fn class(p: &MatMul) -> String {
    let [batches, m, n, k] = [p.batches(), p.m, p.n, p.k].map(|x| x.max(1).next_power_of_two());
    let load = |side: Side| match side.load {
        Load::Deep => "deep",
        Load::Across => "across",
        Load::Scalar => "scalar",
    };
    let (a, b) = (load(Side::a(p, 4)), load(Side::b(p, 4)));
    format!("matmul {batches} x {m} x {n} x {k}, a {a}, b {b}")
}

/// The variants for software adapters, and the number of tiles that keeps one busy. CPUs have few threads and large caches: the cost is
/// that of loads, and of compiling long shaders.
fn software(p: &MatMul, lanes: usize) -> (Vec<Variant>, usize) {
    let (fewer, more) = (p.m.min(p.n), p.m.max(p.n));
    let swap = p.m > p.n && p.n < 8 * lanes;
    // Rows in equal tiles of at most 16, lanes along the longer side unless both are long.
    let rows = |most: usize| {
        let side = if swap { p.n } else { p.m }.max(1);
        let rows = side.div_ceil(side.div_ceil(most));
        if side.is_multiple_of(4) { rows.next_multiple_of(4) } else { rows }
    };
    let cols = if more >= 8 * lanes { 8 * lanes } else { 4 * lanes };
    let small = Variant::thin(p);
    if p.outputs() * p.k < 1 << 14 {
        return (vec![small], 64);
    }
    let mut options = vec![Variant::subgroup(lanes, swap, rows(16), cols)];
    if fewer >= 64 && p.k >= 64 {
        // Faster by a tenth, but longer to compile.
        let long = p.outputs() * p.k >= 1 << 27;
        options.insert(usize::from(!long), Variant::subgroup(lanes, swap, rows(32), cols));
    }
    options.push(small);
    (options, 16)
}

/// Whether cooperative matrices pay. They add in an order of their own, so that no other form is an alternative where they do.
fn suits_cooperative(p: &MatMul, gpu: &GpuProfile) -> bool {
    let shortest = p.m.min(p.n).min(p.k);
    p.halves.is_some() && p.outputs() > 0 && shortest >= SHORTEST && gpu.family != GpuFamily::Software
}

/// The variants by cooperative matrices, and the number of tiles of the first one that fills a GPU.
fn cooperative(p: &MatMul, matrices: Cooperative) -> (Vec<Variant>, usize) {
    let tile = |rows, cols, parts| CooperativeTile { rows, cols, parts, matrices };
    // The larger a subgroup's part, the less of workgroup memory it reads for a product. Accumulators of 64 x 64 take 64 registers of 64 lanes, or
    // 128 of 32.
    let sizes = match matrices.size {
        16 => [tile(128, 128, [2, 2]), tile(128, 64, [2, 1]), tile(64, 64, [2, 1]), tile(32, 64, [1, 2])],
        _ => [tile(64, 64, [2, 2]), tile(64, 32, [2, 1]), tile(32, 32, [1, 1]), tile(16, 32, [1, 1])],
    };
    // As for the forms of f32: the largest tiles that occupy the GPU, a deep K being split for that.
    let splits = if p.k >= DEEP { p.k / SHALLOWEST } else { 1 };
    let suits = |tile: &CooperativeTile| {
        let tiles = Variant::cooperative(*tile).tiles(p) * splits;
        tile.rows <= p.m && tile.cols <= p.n && tiles >= OCCUPIED
    };
    let first = sizes.iter().position(suits).unwrap_or(3);
    let filled = if splits > 1 { SUBGROUPS / sizes[first].parts.iter().product::<usize>() } else { 1 };
    let mut variants = sizes.map(Variant::cooperative).to_vec();
    variants.swap(0, first);
    (variants, filled)
}

/// The variants for real GPUs, and the number of tiles of the first one that fills a GPU. Large tiles use workgroup memory, thin products
/// only registers.
fn hardware(p: &MatMul) -> (Vec<Variant>, usize) {
    let (thin, fewer) = (Variant::thin(p), p.m.min(p.n));
    if fewer < 16 || p.k < 16 || p.outputs() == 0 {
        return (vec![thin, Variant::direct(p.m.clamp(1, 8), 4)], 8192);
    }
    let [medium, flat, small] =
        [Variant::shared(64, 64, [8, 8]), Variant::shared(32, 64, [4, 8]), Variant::shared(32, 32, [4, 4])];
    if fewer < 64 {
        let first = if p.n < 64 { small } else { flat };
        return (vec![first, medium, thin], 1024);
    }
    // Smaller tiles rather than a split, which costs a pass over the partial products: the largest, which read least of workgroup memory for
    // a product, that occupy all compute units.
    if medium.tiles(p) < FILLED && small.tiles(p) >= FILLED && p.k < DEEP {
        let mut sizes = vec![medium, flat, small];
        let first = sizes.iter().position(|size| size.tiles(p) >= OCCUPIED).unwrap_or(2);
        sizes.swap(0, first);
        return ([sizes, vec![thin]].concat(), OCCUPIED);
    }
    let large = [(128, 64, [8, 8]), (64, 128, [8, 8]), (128, 128, [8, 8]), (64, 64, [4, 4])];
    let large = large.map(|(rows, cols, micro)| Variant::shared(rows, cols, micro));
    ([vec![medium, small], large.to_vec(), vec![thin]].concat(), SUBGROUPS)
}
