//! Metrics: how good a model's answers are.
//!
//! | What | Here |
//! |---|---|
//! | classes | [`accuracy`], [`Accuracy`] and top-k, [`ConfusionMatrix`]: precision, recall, F1, IoU, Dice |
//! | numbers | [`Regression`]: MSE, RMSE, MAE, R2, explained variance |
//! | tokens | [`Perplexity`] |
//! | scores against labels | [`roc_auc`], [`roc_curve`], [`average_precision`], [`precision_recall_curve`] |
//! | confidence | [`reliability`], [`expected_calibration_error`], [`fit_temperature`], [`accuracy_coverage_curve`], [`wilson_interval`] |
//! | order | [`ndcg`], [`recall_at_k`] |
//! | texts | [`bleu`], [`chrf`], [`rouge_n`], [`rouge_l`] |
//! | sequences of labels | [`edit_distance`], [`error_rate`], [`span_scores`] of entities |
//! | boxes | [`mean_average_precision`], [`data::box_iou`] |
//! | images | [`psnr`], [`ssim`] |
//! | samples | [`ks_statistic`], [`ks_p_value`], [`two_proportion_z`], [`population_stability_index`], [`mmd_squared`], [`mode_coverage`], [`inception_score`]; the Fréchet distance (FID) is in the crate `linalg` |
//! | Markov chains | [`r_hat`], [`effective_sample_size`] |
//! | clusters, sources | [`silhouette`], [`adjusted_rand_index`], [`amari_distance`] |
//!
//! The first three rows are streamed: an accumulator keeps a few numbers on the device, an update records operations without
//! waiting, and every update of the same shapes replays the same plan. Counts are integers of 61 bits. The other rows are functions
//! of values on the host, in f64.

mod accuracy;
mod activations;
mod amari;
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
mod edit;
mod images;
mod inception;
mod interval;
mod mmd;
mod modes;
mod ngrams;
mod perplexity;
mod proportions;
mod rand_index;
mod regression;
mod retrieval;
mod rouge;
mod selective;
mod spans;
mod streamed;
mod sums;
mod temperature;

pub use accuracy::{Accuracy, accuracy};
pub use activations::{ActivationStatistics, activation_statistics};
pub use amari::amari_distance;
pub use bleu::{Smoothing, bleu};
pub use calibration::{ReliabilityBin, expected_calibration_error, reliability};
pub use chains::{effective_sample_size, r_hat};
pub use chrf::chrf;
pub use clusters::{silhouette, silhouette_samples};
pub use confusion::{Average, ClassScores, Confusion, ConfusionMatrix};
pub use curves::{Curve, average_precision, precision_recall_curve, roc_auc, roc_curve};
pub use detection::{Detected, MeanAveragePrecision, mean_average_precision};
pub use drift::{ks_p_value, ks_statistic, population_stability_index};
pub use edit::{edit_distance, error_rate};
pub use images::{psnr, ssim};
pub use inception::inception_score;
pub use interval::wilson_interval;
pub use mmd::mmd_squared;
pub use modes::{ModeCoverage, mode_coverage};
pub use perplexity::Perplexity;
pub use proportions::two_proportion_z;
pub use rand_index::adjusted_rand_index;
pub use regression::{Regression, RegressionScores};
pub use retrieval::{ndcg, recall_at_k};
pub use rouge::{RougeScore, rouge_l, rouge_n};
pub use selective::accuracy_coverage_curve;
pub use spans::{Span, SpanScores, bio_spans, span_scores};
pub use temperature::fit_temperature;
