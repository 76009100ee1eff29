//! Softmax cross-entropy: fused for class indices, composed for all other options of torch.

use gpu_core::DType;
use gpu_core::kernels;

use crate::Tensor;
use crate::compile::Lower;
use crate::gradient::decomposed;
use crate::op::{KernelOp, Meta};
use crate::ops::loss::Reduction;

/// The options of [`Tensor::cross_entropy_with`], with torch's defaults.
///
/// ```
/// # use autograd::{CrossEntropy, Device, Tensor};
/// let device = Device::named("cpu")?;
/// let logits = Tensor::zeros(&device, &[2, 4]);
/// let classes = Tensor::from_slice(&device, &[3, 1], &[2])?;
/// let smoothed = CrossEntropy { label_smoothing: 0.1, ..CrossEntropy::default() };
/// assert!((logits.cross_entropy_with(&classes, smoothed).item()? - 4f32.ln()).abs() < 1e-6);
/// # Ok::<(), autograd::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct CrossEntropy<'a> {
    /// A factor for each class, `[C]`; the mean divides by the sum of the rows' factors.
    pub weight: Option<&'a Tensor>,
    /// The class of rows that do not count; -100 by default.
    pub ignore_index: i32,
    /// The share of the target that is spread evenly over all classes (Szegedy et al. 2016).
    pub label_smoothing: f32,
    /// How the losses of the rows are combined; by default [`Reduction::Mean`].
    pub reduction: Reduction,
}

impl Default for CrossEntropy<'_> {
    fn default() -> Self {
        CrossEntropy { weight: None, ignore_index: -100, label_smoothing: 0.0, reduction: Reduction::Mean }
    }
}

/// The loss of each row, from logits `[rows, cols]` and classes `[rows]`.
#[derive(Clone, Copy, Debug, Hash)]
struct RowLosses {
    smoothing_bits: u32,
    ignore_index: i32,
}

impl Tensor {
    /// Mean softmax cross-entropy of logits `[N, C]` with integer classes `[N]`, or with the default options of
    /// [`cross_entropy_with`](Tensor::cross_entropy_with). A class outside of `0..C` is an
    /// [error](crate::Error::IndexOutOfRange) of evaluating the loss if the classes were uploaded; one that was computed on the device
    /// gives NaN.
    ///
    /// # Panics
    /// When the shapes do not fit.
    ///
    /// ```
    /// # use autograd::{Device, Tensor};
    /// let device = Device::named("cpu")?;
    /// let logits = Tensor::zeros(&device, &[2, 10]);
    /// let classes = Tensor::from_slice(&device, &[3i32, 7], &[2])?;
    /// assert!((logits.cross_entropy(&classes).item()? - 10f32.ln()).abs() < 1e-6);
    /// # Ok::<(), autograd::Error>(())
    /// ```
    #[doc(alias = "CrossEntropyLoss")]
    #[track_caller]
    pub fn cross_entropy(&self, classes: &Tensor) -> Tensor {
        self.cross_entropy_with(classes, CrossEntropy::default())
    }

    /// `torch.nn.functional.cross_entropy` with all its options, of logits `[N, C]`, `[N, C, d1, ..]` or `[C]`. The target has integer
    /// classes, `[N]`, `[N, d1, ..]` or `[]`, or is of type f32 and has probabilities of the logits' shape.
    ///
    /// # Panics
    /// When the shapes do not fit.
    #[track_caller]
    pub fn cross_entropy_with(&self, target: &Tensor, options: CrossEntropy) -> Tensor {
        let CrossEntropy { weight, ignore_index, label_smoothing: smoothing, reduction } = options;
        assert!(self.rank() > 0, "cross_entropy: logits are a scalar");
        self.expect_float("cross_entropy");
        let classes_dim = if self.rank() == 1 { 0 } else { 1 };
        let classes = self.shape()[classes_dim];
        if let Some(w) = weight {
            assert!(
                w.shape() == [classes],
                "cross_entropy: weight {:?} for logits {:?}",
                w.shape(),
                self.shape()
            );
        }
        let rows = self.movedim(classes_dim as isize, -1);
        let shape = rows.shape()[..rows.rank() - 1].to_vec();
        let rows = rows.reshape(&[shape.iter().product(), classes]);
        if target.dtype().is_float() {
            let s = self.shape();
            let of = target.shape();
            assert!(
                of == s,
                "cross_entropy: a target of type f32 has probabilities of the logits' shape {s:?}, not {of:?}; classes are integers"
            );
            let p = target.movedim(classes_dim as isize, -1).reshape(rows.shape());
            let p = p * (1.0 - smoothing) + smoothing / classes as f32;
            let logs = rows.log_softmax(-1);
            let logs = weight.map_or(logs.clone(), |w| logs * w);
            let loss = -(p * logs).sum(&[-1], false);
            return reduction.apply(&loss.reshape(&shape));
        }
        assert!(
            target.shape() == shape,
            "cross_entropy: classes {:?} for logits {:?}",
            target.shape(),
            self.shape()
        );
        let labels = target.to(DType::I32).reshape(&[rows.shape()[0]]);
        let (loss, share) = match weight {
            None => {
                let counted = labels.ne(ignore_index).to(DType::F32);
                (rows.fused(&labels, smoothing, ignore_index), counted)
            }
            Some(weight) => rows.weighted(&labels, weight, smoothing, ignore_index),
        };
        let loss = loss.within("cross_entropy", target, classes, Some(ignore_index));
        match reduction {
            Reduction::Mean => loss.sum_all() / share.sum_all(),
            other => other.apply(&loss.reshape(&shape)),
        }
    }

    #[track_caller]
    fn fused(&self, target: &Tensor, smoothing: f32, ignore_index: i32) -> Tensor {
        let op = RowLosses { smoothing_bits: smoothing.to_bits(), ignore_index };
        Tensor::record(op, &[self, target], vec![Meta::new(target.shape(), DType::F32)]).remove(0)
    }

    /// Losses and weights of the rows, given a weight for each class.
    #[track_caller]
    fn weighted(
        &self,
        target: &Tensor,
        weight: &Tensor,
        smoothing: f32,
        ignore_index: i32,
    ) -> (Tensor, Tensor) {
        let logs = self.log_softmax(-1);
        let (nll, share) = logs.by_class(target, Some(weight), ignore_index);
        let smooth = -(logs * weight).sum(&[-1], false) / self.size(-1) as f32;
        let smooth = smooth.where_(&target.ne(ignore_index), &self.number(0.0));
        (nll * (1.0 - smoothing) + smooth * smoothing, share)
    }
}

impl RowLosses {
    fn smoothing(&self) -> f32 {
        f32::from_bits(self.smoothing_bits)
    }
}

impl KernelOp for RowLosses {
    fn name(&self) -> &'static str {
        "cross_entropy"
    }

    fn lower(&self, cx: &mut Lower) {
        let shape = cx.input_meta(0).shape;
        let args = [cx.dense(0), cx.dense(1), cx.output(0)];
        let (smoothing, ignore_index) = (self.smoothing(), self.ignore_index);
        cx.launch(kernels::CrossEntropy { rows: shape[0], cols: shape[1], smoothing, ignore_index }, &args);
    }

    fn gradient(&self, inputs: &[Tensor], _: &[Tensor], grads: &[Option<Tensor>]) -> Vec<Option<Tensor>> {
        let (logits, target, dloss) = (&inputs[0], &inputs[1], grads[0].as_ref().expect("one output"));
        let op = RowLossesGrad(*self);
        vec![Some(Tensor::record(op, &[logits, target, dloss], vec![logits.meta().clone()]).remove(0)), None]
    }
}

#[derive(Debug, Hash)]
struct RowLossesGrad(RowLosses);

impl KernelOp for RowLossesGrad {
    fn name(&self) -> &'static str {
        "cross_entropy_grad"
    }

    fn lower(&self, cx: &mut Lower) {
        let shape = cx.input_meta(0).shape;
        let (rows, cols) = (shape[0], shape[1]);
        let (loss, layout) = cx.input(2);
        let one_loss = rows > 0 && layout.strides() == [0] && layout.offset() == 0;
        let loss = if one_loss { loss } else { cx.dense(2) };
        let args = [cx.dense(0), cx.dense(1), loss, cx.output(0)];
        let (smoothing, ignore_index) = (self.0.smoothing(), self.0.ignore_index);
        cx.launch(kernels::CrossEntropyGrad { rows, cols, smoothing, ignore_index, one_loss }, &args);
    }

    fn gradient(&self, inputs: &[Tensor], _: &[Tensor], grads: &[Option<Tensor>]) -> Vec<Option<Tensor>> {
        decomposed(inputs, grads, |inputs| {
            let (logits, target, dloss) = (&inputs[0], &inputs[1], &inputs[2]);
            let (cols, e) = (logits.size(-1), self.0.smoothing());
            let counted = target.ne(self.0.ignore_index).to(DType::F32);
            let wanted = target.one_hot(cols) * (1.0 - e) + e / cols as f32;
            vec![(logits.softmax(-1) - wanted) * (dloss * counted).unsqueeze(-1)]
        })
    }
}
