use super::{Case, noise, values};
use crate::kernels::{LayerNorm, LayerNormGradInput, LayerNormGradParams};

pub(super) fn cases() -> Vec<Case> {
    [(70, 33), (3, 500)].into_iter().flat_map(|(rows, cols)| all(rows, cols)).collect()
}

fn all(rows: usize, cols: usize) -> [Case; 3] {
    let count = rows * cols;
    let (x, dy, gamma) = (noise(count, 1), noise(count, 2), noise(cols, 3));
    let forward = Case::new(LayerNorm { rows, cols, eps: 1e-5 }, 2e-5)
        .floats(&x)
        .floats(&gamma)
        .floats(&noise(cols, 4));
    let forward = forward.writes(count).writes(rows).writes(rows);
    let [mean, rstd] = [4, 5].map(|i| values(&forward.results()[i]));
    let params = Case::new(LayerNormGradParams { rows, cols }, 2e-5).floats(&x).floats(&mean).floats(&rstd);
    let input = Case::new(LayerNormGradInput { rows, cols }, 2e-5).floats(&x).floats(&gamma);
    [
        forward,
        params.floats(&dy).writes(cols).writes(cols),
        input.floats(&mean).floats(&rstd).floats(&dy).writes(count),
    ]
}
