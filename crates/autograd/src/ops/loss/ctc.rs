//! Connectionist temporal classification (Graves et al. 2006).

use gpu_core::DType;

use super::Reduction;
use crate::Tensor;
use crate::ops::lattice::{Arcs, IMPOSSIBLE, Paths, lattice};

impl Tensor {
    /// The negative log-likelihood of label sequences under log-probabilities `[T, N, C]`, summed over all alignments: a label may last
    /// several steps, and `blank` may stand between labels; between equal labels it must. As `torch.nn.functional.ctc_loss`.
    ///
    /// `targets` are padded `[N, S]`, or concatenated `[sum of lengths]` (slower, as each target may then have any length up to that);
    /// `input_lengths` and `target_lengths` are `[N]`; all three are integers. Without a batch, the shapes are `[T, C]`, `[S]`, `[]`
    /// and `[]`. The losses are `[N]`; [`Reduction::Mean`] divides each by the length of its target before averaging. A target that
    /// does not fit into its input has an infinite loss and a gradient of NaN, or with `zero_infinity` a loss and gradient of 0. Input
    /// lengths beyond `T` count as `T`; a target length beyond `S` also makes its target impossible.
    ///
    /// ```
    /// # use autograd::{Device, Reduction, Tensor};
    /// let device = Device::named("cpu")?;
    /// let log_probs = Tensor::zeros(&device, &[2, 1, 2]).log_softmax(-1);
    /// let int = |v: i32| Tensor::constant(&device, &[v], &[1]);
    /// // "a-", "-a" and "aa": three of the four sequences.
    /// let loss = log_probs.ctc_loss(&int(1).reshape(&[1, 1]), &int(2), &int(1), 0, false, Reduction::Sum);
    /// assert!((loss.item()? + 0.75f32.ln()).abs() < 1e-6);
    /// # Ok::<(), autograd::Error>(())
    /// ```
    ///
    /// # Panics
    /// When the shapes do not fit, there are no steps, or `blank` is no class.
    #[track_caller]
    pub fn ctc_loss(
        &self,
        targets: &Tensor,
        input_lengths: &Tensor,
        target_lengths: &Tensor,
        blank: usize,
        zero_infinity: bool,
        reduction: Reduction,
    ) -> Tensor {
        if self.rank() == 2 {
            for l in [input_lengths, target_lengths] {
                assert!(l.numel() == 1, "ctc_loss: lengths {:?} for {:?}", l.shape(), self.shape());
            }
            let (input, target) = (input_lengths.reshape(&[1]), target_lengths.reshape(&[1]));
            let (logs, targets) = (self.unsqueeze(1), targets.unsqueeze(0));
            let loss = logs.ctc_loss(&targets, &input, &target, blank, zero_infinity, reduction);
            return if reduction == Reduction::None { loss.squeeze(&[0]) } else { loss };
        }
        let shapes = format!("ctc_loss: log-probabilities {:?}, targets {:?}", self.shape(), targets.shape());
        let &[steps, batch, classes] = self.shape() else { panic!("{shapes}") };
        assert!(steps > 0, "{shapes}: no steps");
        assert!(blank < classes, "{shapes}: blank {blank}");
        for l in [input_lengths, target_lengths] {
            assert!(l.shape() == [batch], "{shapes}, lengths {:?}", l.shape());
        }
        for t in [targets, input_lengths, target_lengths] {
            assert!(!t.dtype().is_float(), "ctc_loss: targets or lengths of type {}", t.dtype());
        }
        self.expect_float("ctc_loss");
        let [targets, inputs, lengths] = [targets, input_lengths, target_lengths].map(|t| t.to(DType::I32));
        let targets = match targets.rank() {
            1 => apart(&targets, &lengths),
            _ => targets,
        };
        assert!(targets.rank() == 2 && targets.shape()[0] == batch, "{shapes}");
        let nll = self.alignments(&targets, &inputs, &lengths, blank);
        // An empty target fits into an empty input.
        let nll = nll.masked_fill(&inputs.eq(0.0).logical_and(lengths.eq(0.0)), 0.0);
        let impossible = nll.gt(-0.1 * IMPOSSIBLE).logical_or(inputs.eq(0.0).logical_and(lengths.gt(0.0)));
        let loss = if zero_infinity {
            nll.masked_fill(&impossible, 0.0)
        } else {
            // An infinity whose gradient is NaN, as in torch. The inner choice keeps NaN out of the other gradients.
            let infinite = -(nll.where_(&impossible, &nll.number(1.0)) * 0.0).log();
            infinite.where_(&impossible, &nll)
        };
        match reduction {
            Reduction::Mean => (loss / lengths.clamp_min(1.0).to(DType::F32)).mean_all(),
            other => other.apply(&loss),
        }
    }

    /// The negative log-probability of all alignments together, `[N]`. The `2S + 1` states of the lattice are the labels, with a blank
    /// before each of them and at the end.
    #[track_caller]
    fn alignments(&self, targets: &Tensor, inputs: &Tensor, lengths: &Tensor, blank: usize) -> Tensor {
        let (steps, batch, states) = (self.shape()[0], self.shape()[1], 2 * targets.shape()[1] + 1);
        let index = Tensor::arange(self.device(), states);
        let last = (lengths * 2.0).unsqueeze(1);
        let blanks = targets.integer(blank as i32);
        let of_states = |f: fn(i32) -> i32| {
            let values: Vec<i32> = (0..states as i32).map(f).collect();
            Tensor::constant(self.device(), &values, &[states])
        };
        let is_label = of_states(|s| s % 2).eq(1.0).logical_and(index.le(&last));
        let labels = targets.slices(1, &of_states(|s| s / 2)).where_(&is_label, &blanks);
        // A label may directly follow another one, unless they are equal.
        let follows = labels.ne(&blanks).logical_and(labels.ne(labels.roll(2, 1)));
        let (free, never) = (self.number(0.0), self.number(IMPOSSIBLE));
        let near = Tensor::arange(self.device(), states.min(3)).lt(2.0).unsqueeze(1);
        let arcs = free.where_(&near.logical_or(follows.unsqueeze(1)), &never);
        let wide = labels.unsqueeze(1).expand(&[batch, steps, states]);
        let emissions = self.transpose(0, 1).gather(2, &wide);
        // Paths start in one of the first two states, and end in one of an item's last two.
        let first = Tensor::arange(self.device(), steps).unsqueeze(1).eq(0.0);
        let emissions = never.where_(&first.logical_and(index.gt(1.0)), &emissions);
        let scores = lattice(&emissions, Arcs::Band(&arcs), inputs, Paths::Sum).select(1, steps - 1);
        let ends = index.ge(&(&last - 1.0)).logical_and(index.le(&last));
        -scores.where_(&ends, &never).logsumexp(&[1], false)
    }
}

/// Splits concatenated sequences into rows `[N, all]`, with arbitrary values after their ends.
#[track_caller]
fn apart(targets: &Tensor, lengths: &Tensor) -> Tensor {
    let (count, items) = (targets.numel(), Tensor::arange(targets.device(), lengths.numel()));
    let before = items.lt(items.unsqueeze(1)).to(DType::I32);
    let starts = (before * lengths).sum(&[1], true);
    let index = (starts + Tensor::arange(targets.device(), count)).clamp_max(count as i32 - 1);
    targets.index_select(0, &index.flatten(0, 1)).reshape(index.shape())
}
