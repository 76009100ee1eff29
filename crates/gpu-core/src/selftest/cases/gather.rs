use super::{Case, noise};
use crate::DType;
use crate::kernels::{Gather, ScatterAdd};

pub(super) fn cases() -> Vec<Case> {
    let sizes = [(3, 4, 9, 8, false), (2, 6, 5, 3, true), (1, 3, 500, 2, false)];
    sizes
        .into_iter()
        .flat_map(|(outer, dim, count, inner, index_outer)| both(outer, dim, count, inner, index_outer))
        .collect()
}

/// Reading rows and adding to them, with one index out of range.
fn both(outer: usize, dim: usize, count: usize, inner: usize, index_outer: bool) -> [Case; 2] {
    let indices = if index_outer { outer * count } else { count };
    let index: Vec<u32> = (0..indices).map(|i| if i == 2 { dim } else { i * 131 % dim } as u32).collect();
    let (index_inner, dtype) = (false, DType::F32);
    let (rows, items) = (outer * dim * inner, outer * count * inner);
    let gather = Case::new(Gather { outer, dim, count, inner, index_outer, index_inner, dtype }, 0.0);
    let scatter = Case::new(ScatterAdd { outer, dim, count, inner, index_outer, index_inner }, 1e-5);
    [
        gather.floats(&noise(rows, 1)).words(&index).writes(items),
        scatter.floats(&noise(items, 2)).words(&index).writes(rows),
    ]
}
