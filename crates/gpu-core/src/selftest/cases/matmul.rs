use std::any::Any;

use super::{Case, noise};
use crate::kernels::{MatMul, Prologue, Reduce, ReduceOp};
use crate::tune::{GpuFamily, GpuProfile};
use crate::{DType, Kernel, Layout};

pub(super) fn cases() -> Vec<Case> {
    let dense = Layout::contiguous;
    let turned = |shape: &[usize; 2]| dense(&[shape[1], shape[0]]).permute(&[1, 0]);
    let products = [
        product(dense(&[33, 70]), dense(&[70, 40]), 33 * 40),
        product(dense(&[64, 32]), turned(&[32, 64]), 64 * 64),
        product(turned(&[48, 36]), dense(&[36, 16]), 48 * 16),
        product(dense(&[3, 5, 9]), dense(&[9, 7]).expand(&[3, 9, 7]), 3 * 5 * 7),
    ];
    // With one split and with several, of whole vectors and of others.
    let sums = [[33, 70, 40], [40, 90, 36], [70, 600, 16], [65, 300, 18]];
    products.into_iter().chain(sums.into_iter().flat_map(row_sums)).collect()
}

/// A product that is large enough for cooperative matrices.
pub(super) fn large() -> Case {
    product(Layout::contiguous(&[35, 84]), Layout::contiguous(&[84, 38]), 35 * 38)
}

/// `a^T b` with the sums of the columns of a, by all tiles of workgroups.
fn row_sums([m, k, n]: [usize; 3]) -> Vec<Case> {
    let a = Layout::contiguous(&[k, m]).permute(&[1, 0]);
    let sums = Reduce::new(ReduceOp::Sum, Prologue::plain(DType::F32, a.clone()), 1);
    let product = MatMul::new(a, Layout::contiguous(&[k, n]));
    let options = product.variants(&GpuProfile::of(GpuFamily::Amd)).expect("variants").options;
    let tiles = options.iter().filter_map(|(_, kernel)| {
        let product: &MatMul = (&**kernel as &dyn Any).downcast_ref()?;
        product.with_row_sums(&sums)
    });
    let case = |kernel| {
        Case::new(kernel, 5e-6).floats(&noise(m * k, 1)).floats(&noise(k * n, 2)).writes(m * n).writes(m)
    };
    tiles.map(case).collect()
}

fn product(a: Layout, b: Layout, results: usize) -> Case {
    let room = |layout: &Layout| (0..layout.numel()).map(|i| layout.position(i) + 1).max().unwrap_or(1);
    let (x, y) = (noise(room(&a), 1), noise(room(&b), 2));
    Case::new(MatMul::new(a, b), 5e-6).floats(&x).floats(&y).writes(results)
}
