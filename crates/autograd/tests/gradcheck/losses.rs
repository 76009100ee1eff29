//! Losses.

use autograd::CrossEntropy;
use autograd::{
    Arcs, Paths, Reduction, Tensor, TripletMargin, elastic_net_penalty, gradient_penalty, jacobian_penalty,
    l1_penalty, l2_penalty, lattice, perceptual_loss, style_loss, wasserstein_critic_loss,
};

use crate::check::{Case, any, between, check_all, distinct, signed};
use crate::{cpu, ints};

const NONE: Reduction = Reduction::None;

fn floats(values: &[f32], shape: &[usize]) -> Tensor {
    Tensor::constant(&cpu(), values, shape)
}

/// Targets -1 and 1.
fn signs() -> Tensor {
    floats(&[1.0, -1.0, 1.0, -1.0], &[4])
}

fn entropies() -> Vec<Case> {
    let logits = || vec![any(&[3, 4])];
    vec![
        ("cross_entropy", logits(), |x| x[0].cross_entropy(&ints(&[1, 3, 0], &[3]))),
        ("cross_entropy_with, smoothed", logits(), |x| {
            x[0].cross_entropy_with(
                &ints(&[1, 3, 0], &[3]),
                CrossEntropy { label_smoothing: 0.2, ..CrossEntropy::default() },
            )
        }),
        ("cross_entropy, with an ignored row", logits(), |x| x[0].cross_entropy(&ints(&[1, -100, 0], &[3]))),
        ("cross_entropy_with, of rows", logits(), |x| {
            x[0].cross_entropy_with(
                &ints(&[1, 2, 0], &[3]),
                CrossEntropy { label_smoothing: 0.1, reduction: Reduction::None, ..CrossEntropy::default() },
            )
        }),
        ("cross_entropy_with, weights", vec![any(&[3, 4]), between(0.5, 1.0, &[4])], |x| {
            let classes = ints(&[1, 7, 0], &[3]);
            x[0].cross_entropy_with(
                &classes,
                CrossEntropy {
                    weight: Some(&x[1]),
                    ignore_index: 7,
                    label_smoothing: 0.1,
                    ..CrossEntropy::default()
                },
            )
        }),
        ("cross_entropy_with, probabilities", vec![any(&[2, 3, 2]), between(0.1, 0.9, &[2, 3, 2])], |x| {
            x[0].cross_entropy_with(&x[1], CrossEntropy { label_smoothing: 0.1, ..CrossEntropy::default() })
        }),
        ("nll_loss", logits(), |x| {
            x[0].square().nll_loss(&ints(&[1, 3, 0], &[3]), None, -100, Reduction::Mean)
        }),
        ("mse_loss", vec![any(&[2, 3]), any(&[2, 3])], |x| x[0].mse_loss(&x[1], Reduction::Sum)),
    ]
}

fn numbers() -> Vec<Case> {
    let s = &[2, 3];
    // Differences within 0.2 or beyond 0.5: the seams lie between.
    let pair = || vec![signed(0.2, 0.4, s), between(0.0, 0.01, s)];
    vec![
        ("l1_loss", pair(), |x| x[0].square().l1_loss(&x[1].square(), NONE)),
        ("smooth_l1_loss", vec![any(s), between(1.8, 2.0, s)], |x| x[0].smooth_l1_loss(&x[1], 0.5, NONE)),
        ("smooth_l1_loss, near", pair(), |x| x[0].smooth_l1_loss(&x[1], 0.7, NONE)),
        ("huber_loss", vec![any(s), between(1.8, 2.0, s)], |x| x[0].square().huber_loss(&x[1], 0.5, NONE)),
        ("huber_loss, near", pair(), |x| x[0].huber_loss(&x[1], 0.7, Reduction::BatchMean)),
        ("epsilon_insensitive_loss", pair(), |x| {
            x[0].square().epsilon_insensitive_loss(&(&x[1] + 2.0), 0.5, NONE)
        }),
        ("quantile_loss", pair(), |x| x[0].quantile_loss(&x[1], 0.8, NONE).square()),
        ("kl_div", vec![any(s), between(0.2, 1.0, s)], |x| x[0].square().kl_div(&x[1], false, NONE)),
        ("kl_div, of logarithms", vec![any(s), any(s)], |x| x[0].kl_div(&x[1], true, NONE)),
        ("poisson_nll_loss", vec![between(0.5, 2.0, s), between(0.1, 0.7, s)], |x| {
            x[0].poisson_nll_loss(&x[1], false, false, 1e-8, NONE)
        }),
        ("poisson_nll_loss, full", vec![any(s), between(1.2, 3.0, s)], |x| {
            x[0].poisson_nll_loss(&x[1], true, true, 1e-8, NONE)
        }),
        ("gaussian_nll_loss", vec![any(s), any(s), between(0.7, 2.0, &[2])], |x| {
            x[0].gaussian_nll_loss(&x[1], &x[2], true, 1e-6, NONE)
        }),
        ("gaussian_kl", vec![any(s), any(s)], |x| x[0].gaussian_kl(&x[1], Reduction::BatchMean)),
        ("sparsity_kl", vec![between(0.2, 0.8, s)], |x| x[0].sparsity_kl(0.1, NONE)),
    ]
}

fn classes() -> Vec<Case> {
    let s = &[2, 3];
    let soft = || vec![any(s), between(0.1, 0.9, s)];
    vec![
        ("binary_cross_entropy", vec![between(0.2, 0.8, s), between(0.1, 0.9, s), any(&[3])], |x| {
            x[0].binary_cross_entropy(&x[1], Some(&x[2]), Reduction::Sum)
        }),
        (
            "binary_cross_entropy_with_logits",
            vec![signed(0.2, 1.0, s), between(0.1, 0.9, s), any(&[3])],
            |x| x[0].binary_cross_entropy_with_logits(&x[1], None, Some(&x[2]), NONE),
        ),
        ("sigmoid_focal_loss", vec![signed(0.2, 1.0, s), between(0.1, 0.9, s)], |x| {
            x[0].sigmoid_focal_loss(&x[1], Some(0.3), 1.5, NONE)
        }),
        ("multilabel_soft_margin_loss", vec![signed(0.2, 1.0, s), between(0.1, 0.9, s)], |x| {
            x[0].multilabel_soft_margin_loss(&x[1], None, NONE)
        }),
        ("dice_loss", soft(), |x| x[0].sigmoid().unsqueeze(0).dice_loss(&x[1].unsqueeze(0), 0.1, NONE)),
        ("iou_loss", soft(), |x| x[0].sigmoid().unsqueeze(0).iou_loss(&x[1].unsqueeze(0), 0.1, NONE)),
    ]
}

fn margins() -> Vec<Case> {
    let s = &[4];
    let vectors = |count| (0..count).map(|_| signed(0.3, 1.0, &[4, 3])).collect::<Vec<_>>();
    vec![
        ("hinge_loss", vec![between(-0.8, 0.8, s)], |x| x[0].hinge_loss(&signs(), NONE).square()),
        ("squared_hinge_loss", vec![between(-0.8, 0.8, s)], |x| x[0].squared_hinge_loss(&signs(), NONE)),
        ("soft_margin_loss", vec![signed(0.2, 1.0, s)], |x| x[0].soft_margin_loss(&signs(), NONE)),
        ("hinge_embedding_loss", vec![between(0.1, 0.9, s)], |x| {
            x[0].square().hinge_embedding_loss(&signs(), 1.0, NONE)
        }),
        ("margin_ranking_loss", vec![between(-0.4, 0.4, s), between(-0.4, 0.4, s)], |x| {
            x[0].square().margin_ranking_loss(&x[1], &signs(), 1.0, NONE)
        }),
        ("multi_margin_loss", vec![distinct(&[2, 4]), between(0.5, 1.0, &[4])], |x| {
            x[0].multi_margin_loss(&ints(&[1, 3], &[2]), 2, 0.1, Some(&x[1]), NONE)
        }),
        ("triplet_margin_loss, swapped", vectors(3), |x| {
            let options = TripletMargin { margin: 5.0, swap: true, ..Default::default() };
            x[0].triplet_margin_loss(&x[1], &(&x[2] + 3.0), options, NONE)
        }),
        ("triplet_margin_loss", vectors(3), |x| {
            let options = TripletMargin { margin: 5.0, p: 3.0, ..Default::default() };
            x[0].triplet_margin_loss(&x[1], &x[2], options, NONE)
        }),
        ("cosine_embedding_loss", vectors(2), |x| x[0].cosine_embedding_loss(&x[1], &signs(), -1.5, NONE)),
        ("contrastive_loss", vec![signed(0.3, 1.0, &[4, 3]), any(&[4, 3]), between(0.2, 0.8, s)], |x| {
            x[0].contrastive_loss(&(&x[1] + 3.0), &x[2], 20.0, NONE)
        }),
        ("nt_xent_loss", vec![signed(0.4, 1.0, &[3, 2]), signed(0.4, 1.0, &[3, 2])], |x| {
            x[0].nt_xent_loss(&x[1], 0.9, NONE)
        }),
        ("info_nce_loss", vec![signed(0.4, 1.0, &[3, 2]), signed(0.4, 1.0, &[3, 2])], |x| {
            x[0].info_nce_loss(&x[1], None, 0.9, NONE)
        }),
        (
            "info_nce_loss, with negatives",
            vec![signed(0.4, 1.0, &[3, 2]), signed(0.4, 1.0, &[3, 2]), signed(0.4, 1.0, &[4, 2])],
            |x| x[0].info_nce_loss(&x[1], Some(&x[2]), 0.9, NONE),
        ),
        ("nce_loss", vec![signed(0.2, 1.0, &[2]), any(&[2]), signed(0.2, 1.0, &[2, 3]), any(&[2, 3])], |x| {
            x[0].nce_loss(&(&x[1] + 3.0), &x[2], &(&x[3] + 3.0), NONE)
        }),
        ("negative_sampling_loss", vec![signed(0.2, 1.0, &[2]), signed(0.2, 1.0, &[2, 3])], |x| {
            x[0].negative_sampling_loss(&x[1], NONE)
        }),
    ]
}

fn networks() -> Vec<Case> {
    let s = &[2, 3];
    vec![
        ("gram_matrix", vec![any(&[1, 2, 3])], |x| x[0].gram_matrix()),
        ("perceptual_loss", vec![any(s), any(&[4]), any(s), any(&[4])], |x| {
            perceptual_loss(&x[..2], &x[2..])
        }),
        ("style_loss", vec![any(&[1, 2, 3]), any(&[1, 2, 4])], |x| style_loss(&x[..1], &x[1..])),
        ("l1_penalty", vec![signed(0.2, 1.0, s), signed(0.2, 1.0, &[2])], |x| l1_penalty(x, 0.3).square()),
        ("l2_penalty", vec![any(s), any(&[2])], |x| l2_penalty(x, 0.3)),
        ("elastic_net_penalty", vec![signed(0.2, 1.0, s), signed(0.2, 1.0, &[2])], |x| {
            elastic_net_penalty(x, 0.3, 0.5)
        }),
        ("wasserstein_critic_loss", vec![any(&[3]), any(&[3])], |x| {
            wasserstein_critic_loss(&x[0].square(), &x[1].exp())
        }),
        ("gradient_penalty", vec![any(&[3, 2]), any(&[4, 2]), any(&[1, 4])], |x| {
            let (fake, mix) = (floats(&[0.3; 6], &[3, 2]), floats(&[0.1, 0.5, 0.9], &[3]));
            let critic = |points: &Tensor| points.linear(&x[1], None).tanh().linear(&x[2], None);
            gradient_penalty(critic, &floats(&[1.0, -1.0, 0.5, 0.2, -0.7, 0.9], &[3, 2]), &fake, &mix)
                + x[0].square().sum_all() * 0.01
        }),
        ("jacobian_penalty", vec![any(&[3, 2]), any(&[4, 2])], |x| {
            jacobian_penalty(&x[0].linear(&x[1], None).tanh(), &x[0]) + x[0].square().sum_all() * 0.01
        }),
    ]
}

fn paths() -> Vec<Case> {
    let all = |x: &[Tensor]| lattice(&x[0], Arcs::All(&x[1]), &ints(&[4, 2], &[2]), Paths::Sum);
    vec![
        ("lattice", vec![any(&[2, 4, 3]), any(&[1, 3, 3])], all),
        ("lattice, weights of each", vec![any(&[2, 4, 3]), any(&[2, 3, 3])], all),
        ("lattice, of a band", vec![any(&[2, 4, 3]), any(&[2, 2, 3])], |x| {
            lattice(&x[0], Arcs::Band(&x[1]), &ints(&[4, 2], &[2]), Paths::Sum)
        }),
        ("lattice, best path", vec![distinct(&[2, 4, 3]), between(0.0, 0.01, &[1, 3, 3])], |x| {
            lattice(&x[0], Arcs::All(&x[1]), &ints(&[4, 2], &[2]), Paths::Best).square()
        }),
        ("lattice, one step", vec![any(&[1, 1, 2]), any(&[1, 2, 2])], |x| {
            lattice(&x[0].square(), Arcs::All(&x[1]), &ints(&[1], &[1]), Paths::Sum)
        }),
        ("ctc_loss", vec![any(&[5, 2, 4])], |x| {
            let (targets, lengths) = (ints(&[1, 1, 2, 3, 0, 0], &[2, 3]), ints(&[3, 1], &[2]));
            x[0].log_softmax(-1).ctc_loss(&targets, &ints(&[5, 4], &[2]), &lengths, 0, false, NONE)
        }),
        ("rnnt_loss", vec![any(&[2, 4, 3, 4])], |x| {
            let (targets, lengths) = (ints(&[1, 1, 2, -1], &[2, 2]), ints(&[2, 1], &[2]));
            x[0].rnnt_loss(&targets, &ints(&[4, 3], &[2]), &lengths, 0, NONE)
        }),
        // The second target does not fit into two steps.
        ("ctc_loss, zero_infinity", vec![any(&[4, 2, 3])], |x| {
            let (targets, lengths) = (ints(&[1, 2, 1, 1], &[2, 2]), ints(&[2, 2], &[2]));
            x[0].log_softmax(-1).ctc_loss(&targets, &ints(&[4, 2], &[2]), &lengths, 0, true, Reduction::Mean)
        }),
    ]
}

pub fn cases() -> Vec<Case> {
    [entropies(), numbers(), classes(), margins(), networks(), paths()].into_iter().flatten().collect()
}

#[test]
fn gradients() {
    check_all(cases());
}
