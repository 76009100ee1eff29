//! Updates of parts of a flat state, all made by one launch.

use gpu_core::{Half, limits};

use crate::{Tensor, flatten_all};

/// Parts of flat tensors begin at multiples of this many elements, so that a kernel can bind one, also where the whole is rounded to halves.
pub const FLAT_ALIGN: usize = limits::BINDING_ALIGN / Half::BYTES;

/// An update of a part of a state: `keep * old + share * value`.
#[derive(Clone)]
pub(crate) struct Blend {
    /// First element of the part: a multiple of [`FLAT_ALIGN`], so that kernels can write it in place.
    pub start: usize,
    pub value: Tensor,
    pub keep: f32,
    pub share: f32,
}

/// Factors of every element of a state, reused for blends of the same layout.
pub(crate) struct Factors {
    layout: Vec<(usize, usize, [u32; 2])>,
    keep: Tensor,
    share: Tensor,
}

impl Blend {
    pub fn new(start: usize, value: Tensor, keep: f32, share: f32) -> Blend {
        Blend { start, value, keep, share }
    }

    /// # Panics
    /// When the part does not fit into the flat tensor.
    #[track_caller]
    pub fn check(&self, flat: &Tensor) {
        let (start, value) = (self.start, &self.value);
        let fits = flat.rank() == 1
            && flat.dtype() == value.dtype()
            && start.is_multiple_of(FLAT_ALIGN)
            && self.end().next_multiple_of(FLAT_ALIGN) <= flat.numel();
        assert!(
            fits,
            "State: {:?} {} as the part at {start} of {:?}",
            value.shape(),
            value.dtype(),
            flat.shape()
        );
    }

    /// This blend followed by `next`, as one blend.
    pub fn then(self, next: Blend) -> Blend {
        let value = self.value * (next.keep * self.share) + next.value * next.share;
        Blend { value, keep: self.keep * next.keep, share: 1.0, ..next }
    }

    fn end(&self) -> usize {
        self.start + self.value.numel()
    }
}

/// Inserts a part in order; if there is one at the same place, `both` merges the two.
pub(crate) fn insert(parts: &mut Vec<Blend>, part: Blend, both: impl Fn(Blend, Blend) -> Blend) {
    match parts.binary_search_by_key(&part.start, |known| known.start) {
        Ok(at) => parts[at] = both(parts[at].clone(), part),
        Err(at) => parts.insert(at, part),
    }
}

/// The flat tensor `old` with its parts replaced by the values of `parts`, which are in order.
pub(crate) fn replaced(old: &Tensor, parts: &[Blend]) -> Tensor {
    let mut pieces: Vec<Tensor> = vec![];
    let mut at = 0;
    for part in parts {
        if at < part.start {
            pieces.push(old.narrow(0, at, part.start - at));
        }
        pieces.push(part.value.clone());
        at = part.end().next_multiple_of(FLAT_ALIGN);
    }
    if at < old.numel() {
        pieces.push(old.narrow(0, at, old.numel() - at));
    }
    flatten_all(&pieces.iter().collect::<Vec<_>>(), FLAT_ALIGN)
}

/// The flat tensor `old` with its parts blended; `factors` caches those of the previous blends.
pub(crate) fn blended(old: &Tensor, parts: &[Blend], factors: &mut Option<Factors>) -> Tensor {
    let layout: Vec<_> =
        parts.iter().map(|p| (p.start, p.end(), [p.keep, p.share].map(f32::to_bits))).collect();
    if factors.as_ref().is_none_or(|known| known.layout != layout) {
        let of = |factor: fn(&Blend) -> f32, elsewhere: f32| {
            let mut all = vec![elsewhere; old.numel()];
            parts.iter().for_each(|p| all[p.start..p.end()].fill(factor(p)));
            Tensor::constant(old.device(), &all, old.shape())
        };
        *factors = Some(Factors { keep: of(|p| p.keep, 1.0), share: of(|p| p.share, 0.0), layout });
    }
    let Factors { keep, share, .. } = factors.as_ref().expect("set above");
    old * keep + replaced(old, parts) * share
}
