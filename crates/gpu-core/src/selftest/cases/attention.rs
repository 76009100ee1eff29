use super::{Case, noise, values};
use crate::kernels::{Attention, AttentionGrad, AttentionInputs, AttentionStats, AttentionWindow};
use crate::{DType, Layout};

pub(super) fn cases() -> Vec<Case> {
    let windows = [AttentionWindow::ALL, AttentionWindow::CAUSAL, AttentionWindow { before: 5, after: 2 }];
    let sizes = [(2, 9, 7, 4, 8), (3, 37, 37, 8, 8), (2, 40, 33, 16, 16)];
    sizes.into_iter().zip(windows).flat_map(all).collect()
}

/// Attention and its gradient, large enough for cooperative matrices.
pub(super) fn large() -> [Case; 2] {
    let [forward, _, gradient] = all(((1, 20, 24, 16, 32), AttentionWindow::CAUSAL));
    [forward, gradient]
}

/// Attention, the per-query statistics for its gradient, and the gradient; with a mask if the window is not bounded.
fn all(
    ((batch, t, s, e, width), window): ((usize, usize, usize, usize, usize), AttentionWindow),
) -> [Case; 3] {
    let dense = Layout::contiguous;
    let (q, k, v, y) =
        (dense(&[batch, t, e]), dense(&[batch, s, e]), dense(&[batch, s, width]), dense(&[batch, t, width]));
    let mask =
        (window == AttentionWindow::ALL).then(|| (DType::Bool, dense(&[batch, 1, s]).expand(&[batch, t, s])));
    let hidden: Option<Vec<u32>> =
        mask.as_ref().map(|_| (0..batch * s).map(|i| u32::from(i % 3 != 1)).collect());
    let behind =
        |layout: &Layout, start| Layout::new(layout.shape().to_vec(), layout.strides().to_vec(), start);
    let (dk, dv) = (behind(&k, q.numel()), behind(&v, q.numel() + k.numel()));
    let numbers = [(&q, 1), (&k, 2), (&v, 3), (&y, 4)].map(|(layout, seed)| noise(layout.numel(), seed));
    let inputs = AttentionInputs { q, k, v, mask, window, scale: 1.0 / (e as f32).sqrt() };
    let with_mask = |case: Case| match &hidden {
        Some(words) => case.words(words),
        None => case,
    };

    let forward =
        numbers[..3].iter().fold(Case::new(Attention::new(&inputs, &y), 5e-6), |case, x| case.floats(x));
    let forward = with_mask(forward).writes(y.numel()).writes(batch * t);
    let results = forward.results();
    let [output, logs] = [2, 1].map(|back| values(&results[results.len() - back]));

    let stats =
        Case::new(AttentionStats::new(&y, &y), 5e-6).floats(&output).floats(&numbers[3]).floats(&logs);
    let stats = stats.writes(2 * batch * t);
    let of_queries = values(&stats.results()[3]);

    let gradient = AttentionGrad::new(&inputs, &y, [&inputs.q, &dk, &dv]);
    let gradient =
        numbers.iter().fold(Case::new(gradient, 1e-5), |case, x| case.floats(x)).floats(&of_queries);
    let gradient = with_mask(gradient).writes(inputs.q.numel() + inputs.k.numel() + inputs.v.numel());
    [forward, stats, gradient]
}
