//! Reductions, scans, sorts, distances and segments.

use crate::check::{Case, any, between, check_all, distinct, signed};
use crate::ints;

fn reductions() -> Vec<Case> {
    let s = &[2, 3, 2];
    vec![
        ("sum", vec![any(s)], |x| x[0].square().sum(&[0, 2], false)),
        ("mean", vec![any(s)], |x| x[0].square().mean(&[1], true)),
        ("sum_all", vec![any(s)], |x| x[0].square().sum_all()),
        ("mean_all", vec![any(s)], |x| x[0].square().mean_all()),
        ("prod", vec![signed(0.5, 1.0, s)], |x| x[0].prod(&[1, 2], false)),
        ("amax", vec![distinct(s)], |x| x[0].amax(&[0, 1], false).square()),
        ("amin", vec![distinct(s)], |x| x[0].amin(&[2], true).square()),
        ("max_dim", vec![distinct(s)], |x| x[0].max_dim(1, false).0.square()),
        ("min_dim", vec![distinct(s)], |x| x[0].min_dim(-1, true).0.square()),
        ("var", vec![any(s)], |x| x[0].var(&[0, 2], 1.0, false)),
        ("std", vec![distinct(s)], |x| x[0].std(&[1], 1.0, false)),
        ("logsumexp", vec![any(s)], |x| x[0].logsumexp(&[1, 2], false)),
        ("norm, p 1", vec![signed(0.2, 1.0, s)], |x| x[0].norm(1.0, &[1], false).square()),
        ("norm, p 2", vec![signed(0.5, 1.0, s)], |x| x[0].norm(2.0, &[1], false)),
        ("norm, p 3", vec![signed(0.5, 1.0, s)], |x| x[0].norm(3.0, &[1], false)),
        ("norm, infinity", vec![distinct(&[5])], |x| x[0].norm(f32::INFINITY, &[0], false).square()),
        ("norm, minus infinity", vec![signed(0.5, 1.0, &[1])], |x| {
            x[0].norm(f32::NEG_INFINITY, &[0], false).square()
        }),
        ("normalize", vec![signed(0.5, 1.0, s)], |x| x[0].normalize(2.0, 1, 1e-12)),
        ("softmax", vec![any(s)], |x| x[0].softmax(1)),
        ("softmin", vec![any(s)], |x| x[0].softmin(-1)),
        ("log_softmax", vec![any(s)], |x| x[0].log_softmax(1)),
    ]
}

fn scans_and_sorts() -> Vec<Case> {
    vec![
        ("cumsum", vec![any(&[3, 4])], |x| x[0].square().cumsum(1)),
        ("cumsum, of columns", vec![any(&[3, 2])], |x| x[0].square().cumsum(0)),
        ("cumprod", vec![signed(0.6, 1.2, &[2, 4])], |x| x[0].cumprod(1)),
        ("logcumsumexp", vec![any(&[2, 4])], |x| x[0].logcumsumexp(1)),
        ("sort", vec![distinct(&[2, 5])], |x| x[0].sort(1, true).0.square()),
        ("topk", vec![distinct(&[5, 2])], |x| x[0].topk(3, 0, false).0.square()),
        ("keep_topk", vec![distinct(&[2, 5])], |x| x[0].keep_topk(3, 1).square()),
    ]
}

fn distances_and_segments() -> Vec<Case> {
    vec![
        ("cdist", vec![between(0.0, 0.4, &[2, 3]), between(1.0, 1.4, &[2, 3])], |x| x[0].cdist(&x[1], 2.0)),
        ("cdist, p 3", vec![between(0.0, 0.4, &[2, 3]), between(1.0, 1.4, &[2, 3])], |x| {
            x[0].cdist(&x[1], 3.0)
        }),
        ("cdist, p 1", vec![between(0.0, 0.4, &[2, 3]), between(1.0, 1.4, &[2, 3])], |x| {
            x[0].cdist(&x[1], 1.0).square()
        }),
        ("pairwise_distance", vec![any(&[2, 3]), between(2.0, 3.0, &[2, 3])], |x| {
            x[0].pairwise_distance(&x[1], 3.0, 1e-6)
        }),
        ("cosine_similarity", vec![signed(0.3, 1.0, &[4, 3]), signed(0.3, 1.0, &[3])], |x| {
            x[0].cosine_similarity(&x[1].unsqueeze(0), 1, 1e-8)
        }),
        ("segment_sum", vec![any(&[4, 2])], |x| x[0].square().segment_sum(&ints(&[1, 0, 1, 3], &[4]), 4)),
        ("segment_mean", vec![any(&[4, 2])], |x| x[0].square().segment_mean(&ints(&[1, 0, 1, 3], &[4]), 4)),
        ("segment_max", vec![distinct(&[4, 2])], |x| {
            x[0].segment_max(&ints(&[1, 0, 1, 3], &[4]), 4).square()
        }),
        ("segment_softmax", vec![any(&[4, 2])], |x| {
            x[0].segment_softmax(&ints(&[1, 0, 1, 3], &[4]), 4).square()
        }),
    ]
}

pub fn cases() -> Vec<Case> {
    [reductions(), scans_and_sorts(), distances_and_segments()].into_iter().flatten().collect()
}

#[test]
fn gradients() {
    check_all(cases());
}
