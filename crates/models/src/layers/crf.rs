//! The linear-chain conditional random field (Lafferty, McCallum and Pereira 2001).

use autograd::{Arcs, DType, Paths, Reduction, Tensor, grad, lattice};

use crate::{Init, Param, Params};

/// A linear-chain CRF over sequences of tags: a sequence's score is the sum of its emissions, the outputs of a preceding network, and of
/// its transitions from tag to tag. For `K` tags, emissions are `[T, N, K]`, and `lengths [N]` (integers, clamped to `1..=T`) give the
/// number of valid steps of each sequence. Parameters `start_transitions [K]`, `transitions [K, K]` (from row to column) and
/// `end_transitions [K]`, as in pytorch-crf.
///
/// ```
/// use autograd::{Device, Reduction, Tensor};
/// use models::{Crf, Params};
/// let device = Device::named("cpu")?;
/// let params = Params::new(&device, 0);
/// let crf = Crf::new(&params, 2);
/// // Staying in a tag scores higher than following the middle emission.
/// params.get("transitions").unwrap().set(&Tensor::from_slice(&device, &[5.0f32, 0.0, 0.0, 5.0], &[2, 2])?);
/// let emissions = Tensor::from_slice(&device, &[3.0f32, 0.0, 0.0, 1.0, 3.0, 0.0], &[3, 1, 2])?;
/// let lengths = Tensor::from_slice(&device, &[3i32], &[1])?;
/// let (_, tags) = crf.decode(&emissions, &lengths);
/// assert_eq!(tags.to_vec::<i32>()?, [0, 0, 0]);
/// assert!(crf.nll_loss(&emissions, &tags, &lengths, Reduction::Mean).item()? < 0.1);
/// # Ok::<(), autograd::Error>(())
/// ```
pub struct Crf {
    start: Param,
    transitions: Param,
    end: Param,
}

impl Crf {
    /// Parameters are initially uniform in `-0.1..0.1`.
    ///
    /// # Panics
    /// When there are no tags.
    #[track_caller]
    pub fn new(params: &Params, tags: usize) -> Crf {
        assert!(tags > 0, "crf: no tags");
        let init = Init::Uniform { low: -0.1, high: 0.1 };
        Crf {
            start: params.param("start_transitions", &[tags], init),
            end: params.param("end_transitions", &[tags], init),
            transitions: params.param("transitions", &[tags, tags], init),
        }
    }

    /// Negative log-likelihood of `tags [T, N]` (integers, ignored after a sequence's end): `[N]` before the reduction. Within a
    /// sequence, a number that is not a tag gives NaN.
    ///
    /// # Panics
    /// When the shapes do not fit.
    #[track_caller]
    pub fn nll_loss(
        &self,
        emissions: &Tensor,
        tags: &Tensor,
        lengths: &Tensor,
        reduction: Reduction,
    ) -> Tensor {
        let total = self.log_partition(emissions, lengths);
        reduction.apply(&(total - self.score(emissions, tags, lengths)))
    }

    /// The scores `[N]` of given tags.
    ///
    /// # Panics
    /// When the shapes do not fit.
    #[track_caller]
    pub fn score(&self, emissions: &Tensor, tags: &Tensor, lengths: &Tensor) -> Tensor {
        let lengths = self.check(emissions, lengths);
        let steps = emissions.shape()[0];
        let fits = tags.shape() == &emissions.shape()[..2] && !tags.dtype().is_float();
        let (t, dtype) = (tags.shape(), tags.dtype());
        assert!(fits, "crf: tags {t:?} of type {dtype} for emissions {:?}", emissions.shape());
        let counted = counted(steps, &lengths);
        // Padding may have any value.
        let tags = tags.to(DType::I32).where_(&counted, &Tensor::constant(tags.device(), &[0i32], &[]));
        let zero = Tensor::zeros(emissions.device(), &[]);
        let sum = |scores: Tensor, counted: &Tensor| scores.where_(counted, &zero).sum(&[0], false);
        let passed = sum(emissions.gather(2, &tags.unsqueeze(2)).squeeze(&[2]), &counted);
        let first = self.start.value().index(&[&tags.select(0, 0)]);
        let last = tags.gather(0, &(lengths - 1.0).unsqueeze(0)).squeeze(&[0]);
        let score = passed + first + self.end.value().index(&[&last]);
        if steps == 1 {
            return score;
        }
        let [from, to] = [0, 1].map(|start| tags.narrow(0, start, steps - 1));
        score + sum(self.transitions.value().index(&[&from, &to]), &counted.narrow(0, 1, steps - 1))
    }

    /// The logarithm of the sum of `exp(score)` over all tag sequences, `[N]`.
    ///
    /// # Panics
    /// When the shapes do not fit.
    #[track_caller]
    pub fn log_partition(&self, emissions: &Tensor, lengths: &Tensor) -> Tensor {
        self.ends(emissions, lengths, Paths::Sum).logsumexp(&[1], false)
    }

    /// The probability of each tag at each step, `[T, N, K]` (forward-backward); 0 after a sequence's end.
    ///
    /// # Panics
    /// When the shapes do not fit.
    #[track_caller]
    pub fn marginals(&self, emissions: &Tensor, lengths: &Tensor) -> Tensor {
        let emissions = emissions.detach().variable();
        let total = self.log_partition(&emissions, lengths).sum_all();
        grad(&total, &[&emissions]).remove(0).expect("every score depends on emissions").detach()
    }

    /// The scores `[N]` and the tags `[T, N]` of the best sequences (Viterbi); tags after a sequence's end are -1.
    ///
    /// # Panics
    /// When the shapes do not fit.
    #[track_caller]
    pub fn decode(&self, emissions: &Tensor, lengths: &Tensor) -> (Tensor, Tensor) {
        let emissions = emissions.detach().variable();
        let (scores, _) = self.ends(&emissions, lengths, Paths::Best).max_dim(1, false);
        // The gradient of a best score with respect to emissions is 1 on its path and 0 elsewhere.
        let path =
            grad(&scores.sum_all(), &[&emissions]).remove(0).expect("every score depends on emissions");
        let counted = counted(emissions.shape()[0], &self.check(&emissions, lengths));
        (scores.detach(), path.argmax(2, false).masked_fill(&counted.logical_not(), -1.0))
    }

    /// Scores `[N, K]` of paths, by last tag.
    #[track_caller]
    fn ends(&self, emissions: &Tensor, lengths: &Tensor, paths: Paths) -> Tensor {
        let lengths = self.check(emissions, lengths);
        let steps = emissions.shape()[0];
        let first = Tensor::arange(emissions.device(), steps).unsqueeze(1).eq(0.0);
        let start = self.start.value().where_(&first, &Tensor::zeros(emissions.device(), &[]));
        let emissions = emissions.transpose(0, 1) + start;
        let transitions = self.transitions.value().unsqueeze(0);
        let scores = lattice(&emissions, Arcs::All(&transitions), &lengths, paths);
        scores.select(1, steps - 1) + self.end.value()
    }

    /// The lengths, clamped to `1..=T`. Panics when the shapes do not fit.
    #[track_caller]
    fn check(&self, emissions: &Tensor, lengths: &Tensor) -> Tensor {
        let (e, l, tags) = (emissions.shape(), lengths.shape(), self.start.value().numel());
        let fits = e.len() == 3 && e[0] > 0 && e[2] == tags && l == [e[1]];
        assert!(fits, "crf: emissions {e:?} and lengths {l:?} for {tags} tags");
        assert!(!lengths.dtype().is_float(), "crf: lengths of type {}", lengths.dtype());
        lengths.to(DType::I32).clamp(1, e[0] as i32)
    }
}

/// Which of the steps `[T, N]` lie within their sequences.
#[track_caller]
fn counted(steps: usize, lengths: &Tensor) -> Tensor {
    Tensor::arange(lengths.device(), steps).unsqueeze(1).lt(lengths)
}
