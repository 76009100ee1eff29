use super::{Case, noise};
use crate::Layout;
use crate::kernels::MatMul;

pub(super) fn cases() -> Vec<Case> {
    let dense = Layout::contiguous;
    let turned = |shape: &[usize; 2]| dense(&[shape[1], shape[0]]).permute(&[1, 0]);
    vec![
        product(dense(&[33, 70]), dense(&[70, 40]), 33 * 40),
        product(dense(&[64, 32]), turned(&[32, 64]), 64 * 64),
        product(turned(&[48, 36]), dense(&[36, 16]), 48 * 16),
        product(dense(&[3, 5, 9]), dense(&[9, 7]).expand(&[3, 9, 7]), 3 * 5 * 7),
    ]
}

fn product(a: Layout, b: Layout, results: usize) -> Case {
    let room = |layout: &Layout| (0..layout.numel()).map(|i| layout.position(i) + 1).max().unwrap_or(1);
    let (x, y) = (noise(room(&a), 1), noise(room(&b), 2));
    Case::new(MatMul::new(a, b), 5e-6).floats(&x).floats(&y).writes(results)
}
