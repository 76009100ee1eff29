//! Cooperative matrices ("tensor cores", "matrix cores"), and the test that a device passes before kernels use them.
//!
//! They are an experimental feature of wgpu, of which wrong results have been reported on single families of GPUs. Therefore the first plan that
//! uses them tests the device on a product that shows such faults, and a device that fails computes in f32 from then on.

use std::fmt;
use std::sync::Arc;

use serde::Serialize;
use wgpu::{CooperativeScalarType, Features};

use super::{GpuFamily, GpuProfile};
use crate::faults::Point;
use crate::kernels::{Halves, MatMul, Packed};
use crate::philox::{philox, uniform};
use crate::selftest::run_kernel;
use crate::{Device, Half, Kernel, Layout, Result};

/// Square matrices of f16 that a subgroup multiplies at once, adding the products up in f32.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct Cooperative {
    /// Rows and columns of each matrix: 8 or 16.
    pub size: usize,
    /// Invocations of a subgroup that computes with them. A driver may choose others for a shader, which is then slower but right.
    pub lanes: usize,
}

/// Whether a device computes by cooperative matrices.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CooperativeState {
    /// The adapter has none of a supported shape, or `WGRAD_COOPERATIVE=off`.
    Unavailable,
    /// They passed the test.
    Tested(Cooperative),
    /// They failed the test, for this reason.
    SwitchedOff(Cooperative, String),
}

impl fmt::Display for Cooperative {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let Cooperative { size, lanes } = self;
        write!(f, "{size}x{size}x{size}, f16 to f32, subgroups of {lanes}")
    }
}

impl fmt::Display for CooperativeState {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            CooperativeState::Unavailable => f.write_str("not available"),
            CooperativeState::Tested(matrices) => write!(f, "{matrices}, tested"),
            CooperativeState::SwitchedOff(matrices, reason) => {
                write!(f, "{matrices}, switched off: {reason}")
            }
        }
    }
}

impl Cooperative {
    /// What shaders need to use them.
    pub(crate) const FEATURES: Features =
        Features::EXPERIMENTAL_COOPERATIVE_MATRIX.union(Features::SHADER_F16).union(Features::SUBGROUP);

    /// The largest that the adapter has.
    pub(crate) fn of(adapter: &wgpu::Adapter, family: GpuFamily) -> Option<Cooperative> {
        let off = std::env::var("WGRAD_COOPERATIVE").is_ok_and(|value| value == "off");
        if off || !adapter.features().contains(Cooperative::FEATURES) {
            return None;
        }
        let fits = |p: &wgpu::CooperativeMatrixProperties| {
            let types = [p.ab_type, p.cr_type] == [CooperativeScalarType::F16, CooperativeScalarType::F32];
            types && p.m_size == p.n_size && p.n_size == p.k_size
        };
        let sizes = adapter.cooperative_matrix_properties().into_iter().filter(fits).map(|p| p.m_size);
        // Metal reports no number, but all of Apple's GPUs have 32.
        let apple = family == GpuFamily::Apple;
        let lanes = if apple { 32 } else { adapter.get_info().subgroup_max_size as usize };
        let size = sizes.max()? as usize;
        (lanes <= 64).then_some(Cooperative { size, lanes })
    }

    /// Those that adapters of a family have.
    pub(crate) fn of_family(family: GpuFamily) -> Option<Cooperative> {
        let [size, lanes] = match family {
            GpuFamily::Nvidia => [16, 32],
            // RDNA3 and later.
            GpuFamily::Amd => [16, 64],
            GpuFamily::Apple => [8, 32],
            GpuFamily::Intel | GpuFamily::Software | GpuFamily::Other => return None,
        };
        Some(Cooperative { size, lanes })
    }
}

/// The product of the test: odd, so that tiles have empty rows and columns, and with accumulators carried over several slices of K.
const M: usize = 35;
const N: usize = 37;
const K: usize = 77;

/// The f16 of an operand. Every fourth row is subnormal, which some hardware takes for zeros.
fn operand(rows: usize, cols: usize, seed: u64) -> Vec<u16> {
    let value = |i: usize| {
        let x = 2.0 * uniform(philox(seed, i as u64, 0)[0]) - 1.0;
        (if i / cols % 4 == 3 { x * 5e-5 } else { x }).to_bits()
    };
    let mut halves = vec![0; rows * cols];
    Half::F16.pack(&(0..rows * cols).map(value).collect::<Vec<_>>(), &mut halves);
    halves
}

/// What is wrong with products by cooperative matrices on the device, if anything is.
///
/// # Errors
/// As [`CommandGraph::run`](crate::CommandGraph::run).
pub(super) fn test(device: &Device, matrices: Cooperative) -> Result<Option<String>> {
    let (a, b) = (operand(M, K, 1), operand(N, K, 2));
    let transposed = Layout::contiguous(&[N, K]).permute(&[1, 0]);
    let product = MatMul::new(Layout::contiguous(&[M, K]), transposed);
    let halves = |count| Some(Halves { half: Half::F16, count, touched: count });
    let packed = Packed::new(Arc::new(product), vec![halves(M * K)]);
    let packed = packed.and_then(|packed| packed.of_f16_values(vec![1])).expect("a product packs");
    let profile = GpuProfile { family: GpuFamily::Other, subgroup: None, cooperative: Some(matrices) };
    let variants = packed.variants(&profile).filter(|variants| variants.cooperative);
    let (_, kernel) = variants.expect("a product has variants").options.swap_remove(0);
    let words = |halves: &[u16]| {
        let padded = halves.len().next_multiple_of(2);
        let padded: Vec<u16> = halves.iter().copied().chain([0]).take(padded).collect();
        bytemuck::pod_collect_to_vec(&padded)
    };
    // The second operand is stored as f32, and converted where it is loaded.
    let floats = b.iter().map(|&half| Half::F16.unpacked(half)).collect();
    let results = run_kernel(device, kernel, &[words(&a), floats, vec![f32::NAN.to_bits(); M * N]])?;
    if device.passes(Point::Test)? {
        return Ok(Some("a fault on purpose".into()));
    }
    let wrong = wrong(&a, &b, bytemuck::cast_slice(&results[2]));
    Ok(wrong.map(|at| format!("element {:?} of a product is {}, not {}", at.place, at.got, at.want)))
}

/// A wrong element of a product.
#[derive(Debug, PartialEq)]
struct Wrong {
    place: [usize; 2],
    got: f32,
    want: f64,
}

/// The first element of `a b^T` that is off by more than rounding in f32 explains, see `kernels/cooperative_tile.rs`.
fn wrong(a: &[u16], b: &[u16], got: &[f32]) -> Option<Wrong> {
    let value = |half: u16| f64::from(f32::from_bits(Half::F16.unpacked(half)));
    (0..M * N).find_map(|at| {
        let (i, j) = (at / N, at % N);
        let terms = || (0..K).map(|k| value(a[i * K + k]) * value(b[j * K + k]));
        let (want, bound) = (terms().sum::<f64>(), terms().map(f64::abs).sum::<f64>());
        let right = (f64::from(got[at]) - want).abs() <= K as f64 * 2f64.powi(-22) * bound;
        (!right).then_some(Wrong { place: [i, j], got: got[at], want })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Adds a slice to an accumulator.
    type Add = fn(f32, f32) -> f32;

    /// What is wrong with a product whose accumulators are computed by `add`, slice by slice.
    fn product(add: impl Fn(f32, f32) -> f32) -> Option<Wrong> {
        let (a, b) = (operand(M, K, 1), operand(N, K, 2));
        let value = |half: u16| f32::from_bits(Half::F16.unpacked(half));
        let element = |at: usize| {
            let term = |k: usize| value(a[at / N * K + k]) * value(b[at % N * K + k]);
            let slice = |from: usize| (from..(from + 16).min(K)).map(term).sum::<f32>();
            (0..K).step_by(16).map(slice).fold(0.0, &add)
        };
        wrong(&a, &b, &(0..M * N).map(element).collect::<Vec<_>>())
    }

    #[test]
    fn the_test_tells_rounding_from_faults() {
        assert_eq!(product(|sum, slice| sum + slice), None);
        // Some GPUs cut off when they add.
        let cut = |x: f32| f32::from_bits(x.to_bits() & !1);
        assert_eq!(product(|sum, slice| cut(sum + slice)), None);
        let rounded = |x: f32| {
            let mut halves = [0];
            Half::F16.pack(&[x.to_bits()], &mut halves);
            f32::from_bits(Half::F16.unpacked(halves[0]))
        };
        let faults: [(&str, Add); 4] = [
            ("accumulators are added twice", |sum, slice| 2.0 * sum + slice),
            ("accumulators are lost", |_, slice| slice),
            ("the first slice is lost", |sum, slice| if sum == 0.0 { 1e-30 } else { sum + slice }),
            ("not a number", |_, _| f32::NAN),
        ];
        for (fault, add) in faults {
            assert!(product(add).is_some(), "{fault}");
        }
        assert!(product(|sum, slice| rounded(sum + slice)).is_some(), "accumulators of f16");
        assert!(
            product(|sum, slice| if slice.abs() < 1e-3 { sum } else { sum + slice }).is_some(),
            "no subnormals"
        );
    }
}
