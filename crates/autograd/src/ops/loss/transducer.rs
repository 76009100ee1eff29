//! The loss of the recurrent neural network transducer (Graves 2012).

use gpu_core::DType;

use super::Reduction;
use crate::{Tensor, stack};

impl Tensor {
    /// The negative log-likelihood of label sequences under a transducer's logits `[N, T, U + 1, C]`, summed over all alignments (Graves 2012,
    /// "Sequence transduction with recurrent neural networks"). At frame `t` after `u` labels, a transducer says the next label or `blank`,
    /// which goes on to the next frame; any number of labels may be said at one frame. As `torchaudio.functional.rnnt_loss`.
    ///
    /// `targets` are padded `[N, U]`, with any integers after their ends; `logit_lengths [N]`, at least 1, and `target_lengths [N]` are
    /// integers. The losses are `[N]`; [`Reduction::Mean`] is their mean.
    ///
    /// ```
    /// # use autograd::{Device, Reduction, Tensor};
    /// let device = Device::named("cpu")?;
    /// let int = |v: i32, shape: &[usize]| Tensor::constant(&device, &[v], shape);
    /// // Two frames, one label, two classes: the label is said at either frame, and two blanks; 2 of 2^3 ways.
    /// let logits = Tensor::zeros(&device, &[1, 2, 2, 2]);
    /// let loss = logits.rnnt_loss(&int(1, &[1, 1]), &int(2, &[1]), &int(1, &[1]), 0, Reduction::Sum);
    /// assert!((loss.item()? - 4f32.ln()).abs() < 1e-6);
    /// # Ok::<(), autograd::Error>(())
    /// ```
    ///
    /// # Panics
    /// When the shapes do not fit, there are no frames, or `blank` is no class.
    #[track_caller]
    pub fn rnnt_loss(
        &self,
        targets: &Tensor,
        logit_lengths: &Tensor,
        target_lengths: &Tensor,
        blank: usize,
        reduction: Reduction,
    ) -> Tensor {
        let shapes = format!("rnnt_loss: logits {:?}, targets {:?}", self.shape(), targets.shape());
        let &[batch, frames, states, classes] = self.shape() else { panic!("{shapes}") };
        assert!(frames > 0 && states > 0 && targets.shape() == [batch, states - 1], "{shapes}");
        assert!(blank < classes, "{shapes}: blank {blank}");
        for l in [logit_lengths, target_lengths] {
            assert!(l.shape() == [batch], "{shapes}, lengths {:?}", l.shape());
        }
        for t in [targets, logit_lengths, target_lengths] {
            assert!(!t.dtype().is_float(), "rnnt_loss: targets or lengths of type {}", t.dtype());
        }
        self.expect_float("rnnt_loss");
        let [targets, frame_counts, labels] =
            [targets, logit_lengths, target_lengths].map(|t| t.to(DType::I32));
        let logs = self.log_softmax(-1);
        let blanks = logs.select(3, blank);
        // The log-probability [N, T, U + 1] of all ways to a frame and a number of labels, by the number of labels: a scan over the frames.
        let blanks_before = blanks.cumsum(1) - &blanks;
        let mut ways = vec![blanks_before.select(2, 0)];
        for u in 1..states {
            let label = targets.select(1, u - 1).clamp(0.0, classes as f32 - 1.0);
            let label = label.reshape(&[batch, 1, 1]).expand(&[batch, frames, 1]);
            let said = logs.select(2, u - 1).gather(2, &label).squeeze(&[2]);
            let on = blanks_before.select(2, u);
            ways.push((&ways[u - 1] + said - &on).logcumsumexp(1) + on);
        }
        let ways = stack(&ways.iter().collect::<Vec<_>>(), 2) + blanks;
        let last = (frame_counts - 1.0).clamp(0.0, frames as f32 - 1.0) * states as f32 + labels;
        reduction.apply(&-ways.flatten(1, 2).gather(1, &last.to(DType::I32).unsqueeze(1)).squeeze(&[1]))
    }
}
