//! Group normalisation (Wu and He 2018), and instance normalisation (Ulyanov et al. 2016), in which every channel is a group.

use crate::ops::batch_norm_train;
use crate::{Tensor, autocast};

impl Tensor {
    /// Normalises each of `groups` groups of channels of `self [N, C, ..]` over its channels and positions by mean and biased
    /// variance, then scales and shifts channels by `weight [C]` and `bias [C]`, as `torch.nn.functional.group_norm`.
    ///
    /// # Panics
    /// When shapes do not fit, or the groups do not divide the channels.
    ///
    /// ```
    /// # use autograd::{Device, Tensor};
    /// let x = Tensor::from_slice(&Device::named("cpu")?, &[1.0f32, 3.0, 10.0, 30.0], &[1, 4])?;
    /// assert_eq!(x.group_norm(2, None, None, 0.0).to_vec::<f32>()?, [-1.0, 1.0, -1.0, 1.0]);
    /// # Ok::<(), autograd::Error>(())
    /// ```
    #[track_caller]
    pub fn group_norm(
        &self,
        groups: usize,
        weight: Option<&Tensor>,
        bias: Option<&Tensor>,
        eps: f32,
    ) -> Tensor {
        let x = self.shape();
        let fits = x.len() >= 2 && groups > 0 && x[1].is_multiple_of(groups);
        assert!(fits, "group_norm: {groups} groups for input {x:?}");
        self.grouped("group_norm", groups, weight, bias, eps)
    }

    /// Normalises each channel of each image of `self [N, C, ..]` over its positions by mean and biased variance, then scales
    /// and shifts channels by `weight [C]` and `bias [C]`, as `torch.nn.functional.instance_norm` without running statistics.
    ///
    /// # Panics
    /// When shapes do not fit, or a channel has a single position.
    ///
    /// ```
    /// # use autograd::{Device, Tensor};
    /// let x = Tensor::from_slice(&Device::named("cpu")?, &[1.0f32, 3.0, 10.0, 30.0], &[1, 2, 2])?;
    /// assert_eq!(x.instance_norm(None, None, 0.0).to_vec::<f32>()?, [-1.0, 1.0, -1.0, 1.0]);
    /// # Ok::<(), autograd::Error>(())
    /// ```
    #[track_caller]
    pub fn instance_norm(&self, weight: Option<&Tensor>, bias: Option<&Tensor>, eps: f32) -> Tensor {
        let x = self.shape();
        let fits = x.len() >= 3 && x[2..].iter().product::<usize>() != 1;
        assert!(fits, "instance_norm: input {x:?}, not [N, C, ..] with more than one position");
        self.grouped("instance_norm", x[1], weight, bias, eps)
    }

    /// A batch norm of one image, whose channels are the groups of all images.
    #[track_caller]
    fn grouped(
        &self,
        op: &str,
        groups: usize,
        weight: Option<&Tensor>,
        bias: Option<&Tensor>,
        eps: f32,
    ) -> Tensor {
        let x = self.shape();
        self.expect_float(op);
        for t in [weight, bias].into_iter().flatten() {
            assert!(t.shape() == [x[1]], "{op}: weight or bias {:?} for input {x:?}", t.shape());
        }
        // As layer norm: the result is f32, also of halves.
        let _paused = autocast::pause();
        let rows = x[0] * groups;
        let (one, zero) = (Tensor::ones(self.device(), &[rows]), Tensor::zeros(self.device(), &[rows]));
        let rows = self.reshape(&[1, rows, self.numel().checked_div(rows).unwrap_or(0)]);
        let y = batch_norm_train(&rows, &one, &zero, eps).y.reshape(x);
        let mut channels = vec![1; x.len() - 1];
        channels[0] = x[1];
        let y = weight.map_or(y.clone(), |w| y * w.reshape(&channels));
        bias.map_or(y.clone(), |b| y + b.reshape(&channels))
    }
}
