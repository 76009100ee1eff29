//! Attention masks.

use autograd::{AttentionWindow, DType, Tensor};

/// The masks of an attention layer, as in `torch.nn.MultiheadAttention.forward`. A bool mask is true where a query must *not* see a key;
/// a float mask is added to the scores. By default every query sees every key.
///
/// ```
/// use autograd::{DType, Device, Tensor};
/// use models::{AttentionMask, Mode, MultiheadAttention, Params};
/// let device = Device::named("cpu")?;
/// let layer = MultiheadAttention::new(&Params::new(&device, 0), 4, 2);
/// let x = Tensor::ones(&device, &[1, 3, 4]);
/// // The last of the three positions is padding.
/// let padding = Tensor::from_slice(&device, &[0i32, 0, 1], &[1, 3])?.to(DType::Bool);
/// let mask = AttentionMask { key_padding: Some(&padding), ..AttentionMask::default() };
/// let (_, weights) = layer.forward_weights(&x, &x, &x, mask, Mode::Eval);
/// assert_eq!(weights.to_vec::<f32>()?[..3], [0.5, 0.5, 0.0]);
/// # Ok::<(), autograd::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct AttentionMask<'a> {
    /// `[T, S]`, `[N * heads, T, S]`, or any four-dimensional shape that broadcasts to `[N, heads, T, S]`.
    pub attn: Option<&'a Tensor>,
    /// `[N, S]`: keys that no query of the sequence sees.
    pub key_padding: Option<&'a Tensor>,
    /// If set, position `t` sees only positions `0..=t`.
    pub causal: bool,
    /// If set to `[before, after]`, position `t` sees only positions `t - before ..= t + after` (sliding-window attention).
    pub window: Option<[usize; 2]>,
}

impl AttentionMask<'_> {
    /// Every position sees itself and earlier ones.
    pub fn causal() -> Self {
        AttentionMask { causal: true, ..AttentionMask::default() }
    }

    /// Every position sees those up to `before` positions before and `after` positions after itself (sliding-window attention, Beltagy et
    /// al. 2020, "Longformer"). Only these are computed: [table](https://github.com/wgrad/wgrad/blob/main/docs/results/attention.md).
    ///
    /// ```
    /// use autograd::{Device, Tensor};
    /// use models::{AttentionMask, Mode, MultiheadAttention, Params};
    /// let device = Device::named("cpu")?;
    /// let layer = MultiheadAttention::new(&Params::new(&device, 0), 4, 2);
    /// let x = Tensor::ones(&device, &[1, 3, 4]);
    /// let (_, weights) = layer.forward_weights(&x, &x, &x, AttentionMask::window(1, 0), Mode::Eval);
    /// assert_eq!(weights.to_vec::<f32>()?[..9], [1.0, 0.0, 0.0, 0.5, 0.5, 0.0, 0.0, 0.5, 0.5]);
    /// # Ok::<(), autograd::Error>(())
    /// ```
    pub fn window(before: usize, after: usize) -> Self {
        AttentionMask { window: Some([before, after]), ..AttentionMask::default() }
    }

    /// Which keys a query sees by their distance.
    pub(crate) fn reach(self) -> AttentionWindow {
        AttentionWindow::from(self.causal).and(self.window.map_or(AttentionWindow::ALL, Into::into))
    }

    /// Both mask tensors combined into one that broadcasts to `[N, heads, T, S]`, in the form that scaled dot-product attention takes: a bool
    /// mask that is true where a key *is* seen, or a float mask that is added to the scores.
    ///
    /// # Panics
    /// When a mask does not fit queries `[N, heads, T, _]` and keys `[N, heads, S, _]`.
    #[track_caller]
    pub(crate) fn joined(self, q: &Tensor, k: &Tensor) -> Option<Tensor> {
        let (batch, heads) = (q.shape()[0], q.shape()[1]);
        let scores = [batch, heads, q.shape()[2], k.shape()[2]];
        if let Some(m) = self.attn {
            let s = m.shape();
            let fits = match s.len() {
                2 => s == &scores[2..],
                3 => s == [batch * heads, scores[2], scores[3]],
                4 => s.iter().zip(scores).all(|(&m, s)| m == s || m == 1),
                _ => false,
            };
            assert!(fits, "attention: mask {s:?} for scores {scores:?}");
        }
        if let Some(m) = self.key_padding {
            let want = [batch, scores[3]];
            assert!(m.shape() == want, "attention: key_padding {:?}, not {want:?}", m.shape());
        }
        for m in self.attn.iter().chain(&self.key_padding) {
            let dtype = m.dtype();
            assert!(dtype.is_float() || dtype == DType::Bool, "attention: a mask of type {dtype}");
        }
        let by_head = |m: &Tensor| match m.rank() {
            3 => m.reshape(&scores),
            _ => m.clone(),
        };
        let (attn, padding) = (self.attn.map(by_head), self.key_padding.map(|m| m.unsqueeze(1).unsqueeze(1)));
        match (attn, padding) {
            (Some(a), Some(b)) if a.dtype() == DType::Bool && b.dtype() == DType::Bool => {
                Some(a.logical_or(&b).logical_not())
            }
            (Some(a), Some(b)) => Some(added(&a) + added(&b)),
            (one, other) => one.or(other).map(|m| if m.dtype() == DType::Bool { m.logical_not() } else { m }),
        }
    }
}

/// A mask as numbers to add to the scores.
fn added(mask: &Tensor) -> Tensor {
    if mask.dtype() != DType::Bool {
        return mask.clone();
    }
    Tensor::zeros(mask.device(), &[1]).masked_fill(mask, f32::NEG_INFINITY)
}
