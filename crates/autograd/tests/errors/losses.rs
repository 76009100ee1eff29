//! Losses.

use autograd::CrossEntropy;
use autograd::{
    Arcs, Paths, Reduction, Tensor, TripletMargin, elastic_net_penalty, gradient_penalty, jacobian_penalty,
    l1_penalty, l2_penalty, lattice, perceptual_loss, style_loss,
};

use crate::panics::{Mistake, check};
use crate::{f32s, i32s};

const MEAN: Reduction = Reduction::Mean;

pub const MISTAKES: &[Mistake] = &[
    ("cross_entropy", &["cross_entropy", "[3, 4]", "[2]"], || drop(f32s(&[3, 4]).cross_entropy(&i32s(&[2])))),
    ("cross_entropy, classes", &["cross_entropy", "f32"], || drop(f32s(&[3, 4]).cross_entropy(&f32s(&[3])))),
    ("cross_entropy, logits", &["cross_entropy"], || drop(f32s(&[]).cross_entropy(&i32s(&[])))),
    ("cross_entropy, types", &["cross_entropy", "i32"], || drop(i32s(&[3, 4]).cross_entropy(&i32s(&[3])))),
    ("cross_entropy, probabilities", &["cross_entropy", "[3, 4]"], || {
        let p = f32s(&[3]);
        drop(
            f32s(&[3, 4])
                .cross_entropy_with(&p, CrossEntropy { ignore_index: -1, ..CrossEntropy::default() }),
        )
    }),
    ("cross_entropy, weight", &["cross_entropy", "[3]", "[3, 4]"], || {
        let (p, w) = (f32s(&[3, 4]), f32s(&[3]));
        drop(f32s(&[3, 4]).cross_entropy_with(
            &p,
            CrossEntropy { weight: Some(&w), ignore_index: -1, ..CrossEntropy::default() },
        ))
    }),
    ("nll_loss, weight", &["nll_loss", "[3]", "[3, 4]"], || {
        drop(f32s(&[3, 4]).nll_loss(&i32s(&[3]), Some(&f32s(&[3])), -100, Reduction::Mean))
    }),
    ("nll_loss of a scalar", &["nll_loss", "[]"], || {
        drop(f32s(&[]).nll_loss(&i32s(&[]), None, -100, Reduction::Mean))
    }),
    ("nll_loss", &["nll_loss", "[3, 4]"], || {
        drop(f32s(&[3, 4]).nll_loss(&i32s(&[2]), None, -100, Reduction::Mean))
    }),
    ("mse_loss", &["mse_loss", "[3]", "[2]"], || drop(f32s(&[3]).mse_loss(&f32s(&[2]), Reduction::Mean))),
    ("l1_loss", &["l1_loss", "[3]", "[2]"], || drop(f32s(&[3]).l1_loss(&f32s(&[2]), MEAN))),
    ("smooth_l1_loss", &["beta"], || drop(f32s(&[3]).smooth_l1_loss(&f32s(&[3]), -1.0, MEAN))),
    ("huber_loss", &["delta"], || drop(f32s(&[3]).huber_loss(&f32s(&[3]), 0.0, MEAN))),
    ("quantile_loss", &["quantile_loss", "1.5"], || drop(f32s(&[3]).quantile_loss(&f32s(&[3]), 1.5, MEAN))),
    ("binary_cross_entropy", &["binary_cross_entropy", "[3, 1]", "[3]"], || {
        drop(f32s(&[3, 1]).binary_cross_entropy(&f32s(&[3]), None, MEAN))
    }),
    ("sigmoid_focal_loss", &["sigmoid_focal_loss", "[3]", "[2]"], || {
        drop(f32s(&[3]).sigmoid_focal_loss(&f32s(&[2]), None, 2.0, MEAN))
    }),
    ("kl_div", &["kl_div", "[3]", "[2]"], || drop(f32s(&[3]).kl_div(&f32s(&[2]), false, MEAN))),
    ("gaussian_nll_loss", &["gaussian_nll_loss", "[3]", "[2, 2]"], || {
        drop(f32s(&[2, 2]).gaussian_nll_loss(&f32s(&[2, 2]), &f32s(&[3]), false, 1e-6, MEAN))
    }),
    ("sparsity_kl", &["sparsity_kl", "1"], || drop(f32s(&[3]).sparsity_kl(1.0, MEAN))),
    ("hinge_loss", &["hinge_loss", "[3]", "[2]"], || drop(f32s(&[3]).hinge_loss(&f32s(&[2]), MEAN))),
    ("margin_ranking_loss", &["margin_ranking_loss", "[3]", "[2]"], || {
        drop(f32s(&[3]).margin_ranking_loss(&f32s(&[3]), &f32s(&[2]), 1.0, MEAN))
    }),
    ("multi_margin_loss", &["multi_margin_loss", "[3]", "[2, 4]"], || {
        drop(f32s(&[2, 4]).multi_margin_loss(&i32s(&[3]), 1, 1.0, None, MEAN))
    }),
    ("multi_margin_loss, p", &["multi_margin_loss", "3"], || {
        drop(f32s(&[2, 4]).multi_margin_loss(&i32s(&[2]), 3, 1.0, None, MEAN))
    }),
    ("triplet_margin_loss", &["triplet_margin_loss", "[2, 3]", "[3]"], || {
        let x = f32s(&[2, 3]);
        drop(x.triplet_margin_loss(&x, &f32s(&[3]), TripletMargin::default(), MEAN))
    }),
    ("cosine_embedding_loss", &["cosine_embedding_loss", "[2, 3]", "[3]"], || {
        drop(f32s(&[2, 3]).cosine_embedding_loss(&f32s(&[2, 3]), &f32s(&[3]), 0.0, MEAN))
    }),
    ("dice_loss", &["dice_loss", "[2, 3]"], || drop(f32s(&[2, 3]).dice_loss(&f32s(&[2, 3]), 1.0, MEAN))),
    ("contrastive_loss", &["contrastive_loss", "[3]", "[2, 3]"], || {
        drop(f32s(&[2, 3]).contrastive_loss(&f32s(&[2, 3]), &f32s(&[3]), 1.0, MEAN))
    }),
    ("nt_xent_loss", &["nt_xent_loss", "[3]"], || drop(f32s(&[3]).nt_xent_loss(&f32s(&[3]), 1.0, MEAN))),
    ("negative_sampling_loss", &["negative_sampling_loss", "[3, 4]", "[2]"], || {
        drop(f32s(&[2]).negative_sampling_loss(&f32s(&[3, 4]), MEAN))
    }),
    ("gram_matrix", &["gram_matrix", "[2, 3]"], || drop(f32s(&[2, 3]).gram_matrix())),
    ("l1_penalty", &["l1_penalty", "no tensors"], || drop(l1_penalty(&[], 1.0))),
    ("jacobian_penalty", &["jacobian_penalty", "[2, 3]", "[3, 3]"], || {
        drop(jacobian_penalty(&f32s(&[2, 3]), &f32s(&[3, 3])))
    }),
    ("jacobian_penalty of constants", &["jacobian_penalty", "do not depend"], || {
        drop(jacobian_penalty(&f32s(&[2, 3]), &f32s(&[2, 3])))
    }),
    ("perceptual_loss", &["perceptual_loss", "1", "0"], || drop(perceptual_loss(&[f32s(&[1])], &[]))),
    ("gradient_penalty", &["gradient_penalty", "[2, 3]", "[3]"], || {
        drop(gradient_penalty(Tensor::square, &f32s(&[2, 3]), &f32s(&[2, 3]), &f32s(&[3])))
    }),
    ("gradient_penalty of a constant", &["gradient_penalty", "do not depend"], || {
        let x = f32s(&[2, 3]);
        drop(gradient_penalty(|_| f32s(&[2]), &x, &x, &f32s(&[2])))
    }),
    ("ctc_loss", &["ctc_loss", "[4, 2, 3]", "[3, 2]"], || {
        let l = i32s(&[2]);
        drop(f32s(&[4, 2, 3]).ctc_loss(&i32s(&[3, 2]), &l, &l, 0, false, MEAN))
    }),
    ("ctc_loss, blank", &["ctc_loss", "blank 3"], || {
        let l = i32s(&[2]);
        drop(f32s(&[4, 2, 3]).ctc_loss(&i32s(&[2, 2]), &l, &l, 3, false, MEAN))
    }),
    ("ctc_loss, lengths", &["ctc_loss", "[4, 2, 3]", "[3]"], || {
        drop(f32s(&[4, 2, 3]).ctc_loss(&i32s(&[2, 2]), &i32s(&[2]), &i32s(&[3]), 0, false, MEAN))
    }),
    ("lattice", &["lattice", "[2, 3, 4]", "[1, 4, 3]"], || {
        drop(lattice(&f32s(&[2, 3, 4]), Arcs::All(&f32s(&[1, 4, 3])), &i32s(&[2]), Paths::Sum))
    }),
    ("lattice, lengths", &["lattice", "f32"], || {
        drop(lattice(&f32s(&[2, 3, 4]), Arcs::All(&f32s(&[1, 4, 4])), &f32s(&[2]), Paths::Best))
    }),
    ("mse_loss, type", &["mse_loss", "i32"], || drop(i32s(&[3]).mse_loss(&i32s(&[3]), MEAN))),
    ("epsilon_insensitive_loss", &["epsilon_insensitive_loss", "-1"], || {
        drop(f32s(&[3]).epsilon_insensitive_loss(&f32s(&[3]), -1.0, MEAN))
    }),
    ("cross_entropy_with", &["cross_entropy", "[4]", "[3, 4]"], || {
        let classes = i32s(&[4]);
        drop(
            f32s(&[3, 4])
                .cross_entropy_with(&classes, CrossEntropy { ignore_index: -1, ..CrossEntropy::default() }),
        )
    }),
    ("nll_loss, type", &["nll_loss", "f32"], || drop(f32s(&[3, 4]).nll_loss(&f32s(&[3]), None, -1, MEAN))),
    ("binary_cross_entropy_with_logits", &["binary_cross_entropy_with_logits", "[3, 1]", "[3]"], || {
        drop(f32s(&[3, 1]).binary_cross_entropy_with_logits(&f32s(&[3]), None, None, MEAN))
    }),
    ("multilabel_soft_margin_loss", &["multilabel_soft_margin_loss", "[3, 1]", "[3]"], || {
        drop(f32s(&[3, 1]).multilabel_soft_margin_loss(&f32s(&[3]), None, MEAN))
    }),
    ("poisson_nll_loss", &["poisson_nll_loss", "[3]", "[2]"], || {
        drop(f32s(&[3]).poisson_nll_loss(&f32s(&[2]), true, false, 1e-8, MEAN))
    }),
    ("gaussian_kl", &["gaussian_kl", "[3]", "[2]"], || drop(f32s(&[3]).gaussian_kl(&f32s(&[2]), MEAN))),
    ("squared_hinge_loss", &["squared_hinge_loss", "[3]", "[2]"], || {
        drop(f32s(&[3]).squared_hinge_loss(&f32s(&[2]), MEAN))
    }),
    ("soft_margin_loss", &["soft_margin_loss", "[3]", "[2]"], || {
        drop(f32s(&[3]).soft_margin_loss(&f32s(&[2]), MEAN))
    }),
    ("hinge_embedding_loss", &["hinge_embedding_loss", "[3]", "[2]"], || {
        drop(f32s(&[3]).hinge_embedding_loss(&f32s(&[2]), 1.0, MEAN))
    }),
    ("iou_loss", &["iou_loss", "[1, 2, 3]", "[2, 3]"], || {
        drop(f32s(&[1, 2, 3]).iou_loss(&f32s(&[2, 3]), 1.0, MEAN))
    }),
    ("info_nce_loss", &["info_nce_loss", "[3, 2]", "[2, 2]"], || {
        drop(f32s(&[3, 2]).info_nce_loss(&f32s(&[2, 2]), None, 1.0, MEAN))
    }),
    ("nce_loss", &["nce_loss", "[3]", "[2]"], || {
        let noise = f32s(&[3, 4]);
        drop(f32s(&[3]).nce_loss(&f32s(&[2]), &noise, &noise, MEAN))
    }),
    ("perceptual_loss, shapes", &["perceptual_loss", "[3]", "[1]"], || {
        drop(perceptual_loss(&[f32s(&[3])], &[f32s(&[1])]))
    }),
    ("style_loss", &["gram_matrix", "[2, 3]"], || drop(style_loss(&[f32s(&[2, 3])], &[f32s(&[2, 3])]))),
    ("l2_penalty", &["l2_penalty", "no tensors"], || drop(l2_penalty(&[], 1.0))),
    ("elastic_net_penalty", &["l1_penalty", "no tensors"], || drop(elastic_net_penalty(&[], 1.0, 1.0))),
    ("ctc_loss, types", &["ctc_loss", "f32"], || {
        let l = i32s(&[2]);
        drop(f32s(&[4, 2, 3]).ctc_loss(&f32s(&[2, 2]), &l, &l, 0, false, MEAN))
    }),
    ("ctc_loss, no steps", &["ctc_loss", "[0, 2, 3]"], || {
        let l = i32s(&[2]);
        drop(f32s(&[0, 2, 3]).ctc_loss(&i32s(&[2, 2]), &l, &l, 0, false, MEAN))
    }),
    ("ctc_loss, lengths without a batch", &["ctc_loss", "[2]", "[4, 3]"], || {
        let l = i32s(&[2]);
        drop(f32s(&[4, 3]).ctc_loss(&i32s(&[2]), &l, &l, 0, false, MEAN))
    }),
    ("rnnt_loss", &["rnnt_loss", "[2, 4, 3, 5]", "[2, 3]"], || {
        let l = i32s(&[2]);
        drop(f32s(&[2, 4, 3, 5]).rnnt_loss(&i32s(&[2, 3]), &l, &l, 0, MEAN))
    }),
    ("rnnt_loss, blank", &["rnnt_loss", "blank 5"], || {
        let l = i32s(&[2]);
        drop(f32s(&[2, 4, 3, 5]).rnnt_loss(&i32s(&[2, 2]), &l, &l, 5, MEAN))
    }),
    ("rnnt_loss, no frames", &["rnnt_loss", "[2, 0, 3, 5]"], || {
        let l = i32s(&[2]);
        drop(f32s(&[2, 0, 3, 5]).rnnt_loss(&i32s(&[2, 2]), &l, &l, 0, MEAN))
    }),
    ("rnnt_loss, lengths", &["rnnt_loss", "lengths [3]"], || {
        drop(f32s(&[2, 4, 3, 5]).rnnt_loss(&i32s(&[2, 2]), &i32s(&[2]), &i32s(&[3]), 0, MEAN))
    }),
    ("rnnt_loss, types", &["rnnt_loss", "f32"], || {
        let l = i32s(&[2]);
        drop(f32s(&[2, 4, 3, 5]).rnnt_loss(&f32s(&[2, 2]), &l, &l, 0, MEAN))
    }),
    ("lattice, no steps", &["lattice", "[2, 0, 4]"], || {
        drop(lattice(&f32s(&[2, 0, 4]), Arcs::All(&f32s(&[1, 4, 4])), &i32s(&[2]), Paths::Sum))
    }),
];

#[test]
fn mistakes() {
    check(MISTAKES);
}
