//! Classifiers' outputs and labels in one form.

use autograd::{DType, Tensor};

/// Integer labels as i32 `[n]`.
#[track_caller]
pub(super) fn flat_labels(metric: &str, labels: &Tensor) -> Tensor {
    assert!(matches!(labels.dtype(), DType::I32 | DType::U32), "{metric}: labels of type {}", labels.dtype());
    labels.detach().to(DType::I32).reshape(&[labels.numel()])
}

/// Logits `[N, C, ..]` for labels `[N, ..]` as rows `[n, C]`.
#[track_caller]
pub(super) fn rows(metric: &str, logits: &Tensor, labels: &Tensor) -> Tensor {
    let fits = logits.rank() == labels.rank() + 1 && logits.rank() > 1;
    let rows = if fits { logits.detach().movedim(1, -1) } else { logits.detach() };
    let fits = fits && rows.shape()[..labels.rank()] == *labels.shape();
    assert!(fits, "{metric}: logits {:?} for labels {:?}", logits.shape(), labels.shape());
    rows.reshape(&[labels.numel(), logits.shape()[1]])
}

/// The predicted classes, i32 `[n]`: integer predictions of the labels' shape as they are, or the argmax of logits
/// `[N, C, ..]`.
#[track_caller]
pub(super) fn predictions(metric: &str, answers: &Tensor, labels: &Tensor) -> Tensor {
    if answers.dtype().is_float() {
        return rows(metric, answers, labels).argmax(1, false);
    }
    assert!(
        answers.shape() == labels.shape(),
        "{metric}: predictions {:?}, labels {:?}",
        answers.shape(),
        labels.shape()
    );
    flat_labels(metric, answers)
}
