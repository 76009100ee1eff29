//! How good a model's answers are.
//!
//! | What | Here |
//! |---|---|
//! | classes | [`Accuracy`] and top-k, [`ConfusionMatrix`]: precision, recall, F1, IoU, Dice |
//! | numbers | [`Regression`]: MSE, RMSE, MAE, R2, explained variance |
//! | tokens | [`Perplexity`] |
//! | scores against labels | [`roc_auc`], [`roc_curve`], [`average_precision`], [`precision_recall_curve`] |
//! | confidence | [`reliability`], [`expected_calibration_error`], [`wilson_interval`] |
//! | order | [`ndcg`], [`recall_at_k`] |
//! | texts | [`bleu`], [`chrf`], [`rouge_n`], [`rouge_l`] |
//! | boxes | [`mean_average_precision`], [`box_iou`] |
//! | images | [`psnr`], [`ssim`] |
//! | clusters | [`silhouette`] |
//! | samples | [`ks_statistic`], [`population_stability_index`], [`r_hat`], [`effective_sample_size`] |
//!
//! The first three are streamed: an accumulator keeps a few numbers on the device, an update records operations and waits for
//! nothing, and every update of the same shapes replays the same plan. Counts are integers of 61 bits. The others are functions
//! of values on the host, in f64.

mod accuracy;
mod bleu;
mod calibration;
mod chains;
mod chrf;
mod classes;
mod clusters;
mod confusion;
mod counts;
mod curves;
mod detection;
mod drift;
mod images;
mod interval;
mod ngrams;
mod perplexity;
mod regression;
mod retrieval;
mod rouge;
mod sums;

pub use accuracy::Accuracy;
pub use bleu::{Smoothing, bleu};
pub use calibration::{ReliabilityBin, expected_calibration_error, reliability};
pub use chains::{effective_sample_size, r_hat};
pub use chrf::chrf;
pub use clusters::{silhouette, silhouette_samples};
pub use confusion::{Average, ClassScores, Confusion, ConfusionMatrix};
pub use curves::{Curve, average_precision, precision_recall_curve, roc_auc, roc_curve};
pub use detection::{
    Corners, Detected, Detection, MeanAveragePrecision, Object, box_iou, mean_average_precision,
};
pub use drift::{ks_statistic, population_stability_index};
pub use images::{psnr, ssim};
pub use interval::wilson_interval;
pub use perplexity::Perplexity;
pub use regression::{Regression, RegressionScores};
pub use retrieval::{ndcg, recall_at_k};
pub use rouge::{RougeScore, rouge_l, rouge_n};
