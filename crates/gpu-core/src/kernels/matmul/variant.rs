//! The ways in which a GPU can compute a matrix product.

use std::fmt;
use std::sync::Arc;

use super::MatMul;
use super::side::{Load, Side};
use crate::Kernel;
use crate::tune::{GpuFamily, GpuProfile, Variants};

/// How the outputs are cut into pieces, and where operands wait to be used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Form {
    /// Tiles of outputs in the registers of each invocation; neighbours share operands through the caches.
    Direct,
    /// Tiles of a workgroup, whose operands wait in workgroup memory; each invocation has `micro` outputs squared.
    Shared { micro: usize },
    /// Tiles of a subgroup of `lanes` invocations, which hand one operand round by broadcasts. With `swap`, the lanes lie
    /// along M instead of N.
    Subgroup { lanes: usize, swap: bool },
}

/// One way to compute a product.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Variant {
    pub form: Form,
    /// Outputs of a tile along M and N (along N and M when swapped).
    pub rows: usize,
    pub cols: usize,
    /// Tiles to be reached by splitting K, if possible.
    pub tiles: usize,
}

/// Most of K that one split covers: some drivers end loops after 65,535 iterations.
const DEEPEST: usize = 49_152;
/// Least of K that splitting leaves.
const SHALLOWEST: usize = 128;
const MOST_SPLITS: usize = 256;

impl Variant {
    /// Valid for every product, but good for none in particular.
    pub const ANY: Variant = Variant { form: Form::Direct, rows: 4, cols: 4, tiles: 0 };

    /// The variant of a kernel that was not tuned: it needs neither subgroups nor workgroup memory.
    pub fn portable(p: &MatMul) -> Variant {
        Variant::direct(p.m.clamp(1, 4), if p.n > 4 { 8 } else { 4 }, 8192)
    }

    fn direct(rows: usize, cols: usize, tiles: usize) -> Variant {
        Variant { form: Form::Direct, rows, cols, tiles }
    }

    fn shared(rows: usize, cols: usize, micro: usize, tiles: usize) -> Variant {
        Variant { form: Form::Shared { micro }, rows, cols, tiles }
    }

    fn subgroup(lanes: usize, swap: bool, rows: usize, cols: usize, tiles: usize) -> Variant {
        Variant { form: Form::Subgroup { lanes, swap }, rows, cols, tiles }
    }

    /// Splits of K, each of which [`chunk`] elements long.
    pub fn splits(&self, p: &MatMul) -> usize {
        let (m, n) = match self.form {
            Form::Subgroup { swap: true, .. } => (p.n, p.m),
            _ => (p.m, p.n),
        };
        let tiles = (p.batches() * m.div_ceil(self.rows) * n.div_ceil(self.cols)).max(1);
        let wanted = (self.tiles / tiles).min(p.k / SHALLOWEST).min(MOST_SPLITS);
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
        let (rows, cols, tiles) = (self.rows, self.cols, self.tiles);
        match self.form {
            Form::Direct => write!(f, "direct {rows}x{cols}")?,
            Form::Shared { micro } => write!(f, "shared {rows}x{cols} by {micro}")?,
            Form::Subgroup { lanes, swap } => {
                let swapped = if swap { " swapped" } else { "" };
                write!(f, "subgroup of {lanes} {rows}x{cols}{swapped}")?;
            }
        }
        write!(f, " for {tiles}")
    }
}

/// The variants of a product on a GPU, the expected best first. Only those of software adapters were measured; the
/// order on real GPUs is a guess from published figures, and what the tuner is for.
pub(super) fn variants(p: &MatMul, gpu: &GpuProfile) -> Variants {
    let options = match (gpu.family, gpu.subgroup) {
        (GpuFamily::Software, Some(lanes)) => software(p, lanes as usize),
        (GpuFamily::Software, None) => vec![Variant::portable(p), Variant::direct(8, 8, 64)],
        _ => hardware(p),
    };
    let name = |variant: Variant| {
        let kernel: Arc<dyn Kernel> = Arc::new(MatMul { variant, ..p.clone() });
        (variant.to_string(), kernel)
    };
    Variants { class: class(p), options: options.into_iter().map(name).collect() }
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

/// CPUs have few threads and large caches: the cost is that of loads, and of compiling long shaders.
fn software(p: &MatMul, lanes: usize) -> Vec<Variant> {
    let (fewer, more) = (p.m.min(p.n), p.m.max(p.n));
    let swap = p.m > p.n && p.n < 8 * lanes;
    // Rows in equal tiles of at most 16, lanes along the longer side unless both are long.
    let rows = |most: usize| {
        let side = if swap { p.n } else { p.m }.max(1);
        let rows = side.div_ceil(side.div_ceil(most));
        if side.is_multiple_of(4) { rows.next_multiple_of(4) } else { rows }
    };
    let cols = if more >= 8 * lanes { 8 * lanes } else { 4 * lanes };
    let small = Variant::direct(p.m.clamp(1, 4), if p.n > 4 { 8 } else { 4 }, 64);
    if p.outputs() * p.k < 1 << 14 {
        return vec![small];
    }
    let mut options = vec![Variant::subgroup(lanes, swap, rows(16), cols, 16)];
    if fewer >= 64 && p.k >= 64 {
        options.push(Variant::subgroup(lanes, swap, rows(32), cols, 16));
    }
    options.push(small);
    options
}

/// Real GPUs: workgroup memory for large tiles, registers alone for thin products.
fn hardware(p: &MatMul) -> Vec<Variant> {
    let thin = Variant::portable(p);
    let fewer = p.m.min(p.n);
    if fewer < 16 || p.k < 16 || p.outputs() == 0 {
        return vec![
            thin,
            Variant::direct(p.m.clamp(1, 8), 4, 16_384),
            Variant::direct(p.m.clamp(1, 4), 4, 0),
        ];
    }
    let medium = [Variant::shared(64, 64, 8, 512), Variant::shared(32, 32, 4, 1024)];
    let large = [
        Variant::shared(128, 64, 8, 256),
        Variant::shared(64, 128, 8, 256),
        Variant::shared(128, 128, 8, 256),
        Variant::shared(64, 64, 4, 512),
    ];
    let mut options = vec![];
    if fewer >= 64 {
        options.extend(medium);
        options.extend(large);
    } else {
        options.extend(medium.into_iter().rev());
    }
    options.push(Variant::shared(64, 64, 8, 0));
    options.push(thin);
    options
}
