//! Losses that compare embeddings, or data with noise.

use super::{Reduction, expect_same};
use crate::{CrossEntropy, Tensor, cat};

impl Tensor {
    /// The contrastive loss of pairs of vectors `[N, D]`: half the squared distance where `similar [N]` is 1, half of
    /// `max(0, margin - distance)^2` where it is 0 (Hadsell et al. 2006).
    ///
    /// ```
    /// # use autograd::{Device, Reduction, Tensor};
    /// let device = Device::named("cpu")?;
    /// let [a, b] = [[0.0f32, 0.0, 0.0, 0.0], [3.0, 4.0, 0.3, 0.4]].map(|v| Tensor::constant(&device, &v, &[2, 2]));
    /// let similar = Tensor::from_slice(&device, &[1.0f32, 0.0], &[2])?;
    /// let loss = a.contrastive_loss(&b, &similar, 1.0, Reduction::None).to_vec::<f32>()?;
    /// assert!((loss[0] - 12.5).abs() < 1e-5 && (loss[1] - 0.125).abs() < 1e-6);
    /// # Ok::<(), autograd::Error>(())
    /// ```
    ///
    /// # Panics
    /// When the shapes do not fit.
    #[track_caller]
    pub fn contrastive_loss(
        &self,
        other: &Tensor,
        similar: &Tensor,
        margin: f32,
        reduction: Reduction,
    ) -> Tensor {
        expect_same("contrastive_loss", self, other);
        let (x, s) = (self.shape(), similar.shape());
        assert!(!x.is_empty() && s == &x[..x.len() - 1], "contrastive_loss: similar {s:?} for {x:?}");
        let apart = margin - self.pairwise_distance(other, 2.0, 0.0);
        let together = (self - other).square().sum(&[-1], false);
        reduction.apply(&((similar * together + (1.0 - similar) * apart.relu().square()) * 0.5))
    }

    /// The loss of SimCLR (Chen et al. 2020): `self` and `other`, `[N, D]`, are two views of the same examples. Each of the `2N`
    /// vectors has to find its other view among all other vectors; its loss is the softmax cross-entropy over their cosines divided by
    /// `temperature`: `[2N]` before the reduction.
    ///
    /// ```
    /// # use autograd::{Device, Reduction, Tensor};
    /// let device = Device::named("cpu")?;
    /// let z = Tensor::from_slice(&device, &[1.0f32, 0.0, 0.0, 1.0], &[2, 2])?;
    /// let loss = z.nt_xent_loss(&z, 1.0, Reduction::Mean).item()?;
    /// assert!((loss - (1.0 + 2.0 * (-1f32).exp()).ln()).abs() < 1e-6);
    /// # Ok::<(), autograd::Error>(())
    /// ```
    ///
    /// # Panics
    /// When the shapes differ or are not `[N, D]`.
    #[track_caller]
    pub fn nt_xent_loss(&self, other: &Tensor, temperature: f32, reduction: Reduction) -> Tensor {
        expect_same("nt_xent_loss", self, other);
        assert!(self.rank() == 2, "nt_xent_loss: vectors {:?}", self.shape());
        let n = self.shape()[0];
        let z = cat(&[self, other], 0).normalize(2.0, 1, 1e-8);
        let index = Tensor::arange(self.device(), 2 * n);
        let scores = z.matmul(&z.t()) / temperature;
        let scores = scores.masked_fill(&index.unsqueeze(1).eq(&index), f32::NEG_INFINITY);
        scores.matched(&index.roll(n as isize, 0), reduction)
    }

    /// InfoNCE (van den Oord et al. 2018): the softmax cross-entropy of each of the queries `[N, D]` finding its key in `[N, D]`, over
    /// the cosines divided by `temperature`. The other candidates are the keys of all queries, or `negatives [K, D]`, such as a queue
    /// (He et al. 2019): `[N]` before the reduction.
    ///
    /// ```
    /// # use autograd::{Device, Reduction, Tensor};
    /// let device = Device::named("cpu")?;
    /// let z = Tensor::from_slice(&device, &[2.0f32, 0.0, 0.0, 1.0], &[2, 2])?;
    /// let loss = z.info_nce_loss(&z, None, 0.5, Reduction::Mean).item()?;
    /// assert!((loss - (-2f32).exp().ln_1p()).abs() < 1e-6);
    /// # Ok::<(), autograd::Error>(())
    /// ```
    ///
    /// # Panics
    /// When the shapes do not fit.
    #[track_caller]
    pub fn info_nce_loss(
        &self,
        keys: &Tensor,
        negatives: Option<&Tensor>,
        temperature: f32,
        reduction: Reduction,
    ) -> Tensor {
        expect_same("info_nce_loss", self, keys);
        assert!(self.rank() == 2, "info_nce_loss: queries {:?}", self.shape());
        let unit = |t: &Tensor| t.normalize(2.0, 1, 1e-8);
        let (queries, keys, index) = (unit(self), unit(keys), Tensor::arange(self.device(), self.shape()[0]));
        let Some(negatives) = negatives else {
            return (queries.matmul(&keys.t()) / temperature).matched(&index, reduction);
        };
        let others = queries.matmul(&unit(negatives).t());
        let own = (&queries * keys).sum(&[1], true);
        (cat(&[&own, &others], 1) / temperature).matched(&index.zeros_like(), reduction)
    }

    #[track_caller]
    fn matched(&self, classes: &Tensor, reduction: Reduction) -> Tensor {
        self.cross_entropy_with(classes, CrossEntropy { reduction, ..CrossEntropy::default() })
    }

    /// Noise-contrastive estimation (Gutmann and Hyvarinen 2010): the logistic loss of telling data from noise by a model's
    /// unnormalised log-densities, `self [N]` for the data and `noise [N, K]` for the noise. `self_by_noise` and `noise_by_noise` are
    /// the log-densities of the same points under the noise distribution. The model's normaliser is one of its parameters.
    ///
    /// ```
    /// # use autograd::{Device, Reduction, Tensor};
    /// let device = Device::named("cpu")?;
    /// let (data, noise) = (Tensor::zeros(&device, &[1]), Tensor::zeros(&device, &[1, 1]));
    /// let loss = data.nce_loss(&data, &noise, &noise, Reduction::Mean);
    /// assert!((loss.item()? - 2.0 * 2f32.ln()).abs() < 1e-6);
    /// # Ok::<(), autograd::Error>(())
    /// ```
    ///
    /// # Panics
    /// When the shapes do not fit.
    #[track_caller]
    pub fn nce_loss(
        &self,
        self_by_noise: &Tensor,
        noise: &Tensor,
        noise_by_noise: &Tensor,
        reduction: Reduction,
    ) -> Tensor {
        expect_same("nce_loss", self, self_by_noise);
        expect_same("nce_loss", noise, noise_by_noise);
        assert!(noise.rank() > 0, "nce_loss: noise {:?}", noise.shape());
        let odds = (noise.size(-1) as f32).ln();
        (self - self_by_noise - odds).negative_sampling_loss(&(noise - noise_by_noise - odds), reduction)
    }

    /// The loss of word2vec (Mikolov et al. 2013): `-log(sigmoid(x)) - sum over k of log(sigmoid(-negatives[.., k]))`. `self [..]` are
    /// scores of pairs that occur together, `negatives [.., K]` scores of pairs with randomly drawn words.
    ///
    /// # Panics
    /// When the shapes do not fit.
    #[track_caller]
    pub fn negative_sampling_loss(&self, negatives: &Tensor, reduction: Reduction) -> Tensor {
        let (x, n) = (self.shape(), negatives.shape());
        assert!(
            n.len() == x.len() + 1 && n.starts_with(x),
            "negative_sampling_loss: negatives {n:?} for {x:?}"
        );
        let drawn = (-negatives).logsigmoid().sum(&[-1], false);
        reduction.apply(&-(self.logsigmoid() + drawn))
    }
}
