//! Pretext tasks: labels derived from the images themselves.

use autograd::{Generator, Tensor};

#[track_caller]
fn extents(name: &str, images: &Tensor) -> [usize; 4] {
    match *images.shape() {
        [n, c, h, w] => [n, c, h, w],
        _ => panic!("{name}: images {:?} are not [N, C, H, W]", images.shape()),
    }
}

/// Square images `[N, C, S, S]` rotated counter-clockwise by the given number of quarter turns, like `torch.rot90`. The task of Gidaris et
/// al. (2018) is to predict that number.
///
/// ```
/// use autograd::{Device, Tensor};
/// let x = Tensor::from_slice(&Device::named("cpu")?, &[1.0f32, 2.0, 3.0, 4.0], &[1, 1, 2, 2])?;
/// let turned = |turns| methods::representation::rot90(&x, turns).to_vec::<f32>();
/// assert_eq!(turned(1)?, [2.0, 4.0, 1.0, 3.0]);
/// assert_eq!(turned(2)?, [4.0, 3.0, 2.0, 1.0]);
/// assert_eq!(turned(3)?, [3.0, 1.0, 4.0, 2.0]);
/// # Ok::<(), autograd::Error>(())
/// ```
///
/// # Panics
/// When the images are not `[N, C, S, S]`.
#[track_caller]
pub fn rot90(images: &Tensor, turns: usize) -> Tensor {
    let [_, _, h, w] = extents("rot90", images);
    assert_eq!(h, w, "rot90: images {:?} are not square", images.shape());
    match turns % 4 {
        0 => images.clone(),
        1 => images.transpose(2, 3).flip(&[2]),
        2 => images.flip(&[2, 3]),
        _ => images.transpose(2, 3).flip(&[3]),
    }
}

/// Images `[N, C, H, W]` with their `grid x grid` pieces permuted: piece `i`, row by row, is the original piece `order[i]`. The task of
/// Noroozi and Favaro (2016) is to predict the permutation.
///
/// ```
/// use autograd::{Device, Tensor};
/// let x = Tensor::from_slice(&Device::named("cpu")?, &[1.0f32, 2.0, 3.0, 4.0], &[1, 1, 2, 2])?;
/// let mixed = methods::representation::jigsaw(&x, 2, &[3, 0, 1, 2]);
/// assert_eq!(mixed.to_vec::<f32>()?, [4.0, 1.0, 2.0, 3.0]);
/// # Ok::<(), autograd::Error>(())
/// ```
///
/// # Panics
/// When the grid does not divide the images, or `order` is not a list of one valid index per piece.
#[track_caller]
pub fn jigsaw(images: &Tensor, grid: usize, order: &[usize]) -> Tensor {
    let [n, c, h, w] = extents("jigsaw", images);
    assert!(h.is_multiple_of(grid) && w.is_multiple_of(grid), "jigsaw: {h} x {w} in {grid} x {grid} pieces");
    assert!(order.len() == grid * grid && order.iter().all(|&i| i < order.len()), "jigsaw: order {order:?}");
    let order: Vec<i32> = order.iter().map(|&i| i as i32).collect();
    let order = Tensor::constant(images.device(), &order, &[order.len()]);
    let (ph, pw) = (h / grid, w / grid);
    let pieces = images.reshape(&[n, c, grid, ph, grid, pw]).permute(&[2, 4, 0, 1, 3, 5]);
    let mixed = pieces.reshape(&[grid * grid, n, c, ph, pw]).index_select(0, &order);
    mixed.reshape(&[grid, grid, n, c, ph, pw]).permute(&[2, 3, 0, 4, 1, 5]).reshape(&[n, c, h, w])
}

/// The permutations of `0..n` in lexicographic order.
///
/// ```
/// let all = methods::representation::permutations(3);
/// assert_eq!((all.len(), &all[0], &all[5]), (6, &vec![0, 1, 2], &vec![2, 1, 0]));
/// ```
pub fn permutations(n: usize) -> Vec<Vec<usize>> {
    fn extend(taken: Vec<usize>, n: usize, all: &mut Vec<Vec<usize>>) {
        if taken.len() == n {
            return all.push(taken);
        }
        for next in (0..n).filter(|next| !taken.contains(next)) {
            extend([&taken[..], &[next]].concat(), n, all);
        }
    }
    let mut all = Vec::new();
    extend(vec![], n, &mut all);
    all
}

/// A mask `[N, 1, H, W]` for images `[N, C, H, W]`: 1 over each patch of `patch x patch` pixels with probability `share`, else 0. Masked
/// image modelling predicts the masked pixels (He et al. 2022).
///
/// # Panics
/// When `patch` does not divide the images, or `share` is not a probability.
#[track_caller]
pub fn random_mask(images: &Tensor, patch: usize, share: f32, generator: &Generator) -> Tensor {
    let [n, _, h, w] = extents("random_mask", images);
    assert!(
        h.is_multiple_of(patch) && w.is_multiple_of(patch),
        "random_mask: {h} x {w} in pieces of {patch}"
    );
    let hit = generator.bernoulli(images.device(), share, &[n, 1, h / patch, w / patch]);
    hit.repeat_interleave(patch, 2).repeat_interleave(patch, 3)
}
