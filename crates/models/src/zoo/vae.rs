//! The variational autoencoder (Kingma and Welling 2014), and its conditional form (Sohn et al. 2015).

use autograd::{Reduction, Tensor, cat};

use crate::{Linear, Params};

/// An autoencoder of vectors `[N, inputs]` with values in `0..=1`, whose code is a normal distribution. Encoder and decoder have
/// one hidden layer with ReLU. Parameters `enc.*`, `mu.*`, `logvar.*`, `dec1.*` and `dec2.*`.
///
/// ```
/// use autograd::{Device, Generator, Tensor};
/// use models::{Params, Vae};
/// let device = Device::named("cpu")?;
/// let params = Params::new(&device, 42);
/// let net = Vae::new(&params, 784, 128, 2);
/// assert_eq!(params.count(), 202_516);
/// let x = Tensor::zeros(&device, &[4, 784]);
/// let out = net.forward(&x, &Generator::new(7).normal(&device, &[4, 2]));
/// assert_eq!(out.logits.shape(), [4, 784]);
/// // Untrained, a pixel costs about ln(2), and the KL divergence of the code is small.
/// assert!((out.loss(&x).item()? / 784.0 - 2f32.ln()).abs() < 0.05);
/// # Ok::<(), autograd::Error>(())
/// ```
pub struct Vae {
    enc: Linear,
    mu: Linear,
    logvar: Linear,
    dec1: Linear,
    dec2: Linear,
}

/// The outputs of a [`Vae`].
pub struct VaeOutput {
    /// Logits `[N, inputs]` of the reconstruction.
    pub logits: Tensor,
    /// Means `[N, latent]` of the code.
    pub mu: Tensor,
    /// Logarithms of the code's variances, `[N, latent]`.
    pub logvar: Tensor,
}

impl Vae {
    /// A network for vectors of `inputs` values, with codes of `latent` values.
    #[track_caller]
    pub fn new(params: &Params, inputs: usize, hidden: usize, latent: usize) -> Vae {
        let layer = |name: &str, from, to| Linear::new(&params.path(name), from, to);
        Vae {
            enc: layer("enc", inputs, hidden),
            mu: layer("mu", hidden, latent),
            logvar: layer("logvar", hidden, latent),
            dec1: layer("dec1", latent, hidden),
            dec2: layer("dec2", hidden, inputs),
        }
    }

    /// Reconstructs `x [N, inputs]` from a code drawn with standard normal `noise [N, latent]`: `z = mu + exp(logvar / 2) noise`.
    ///
    /// # Panics
    /// When the shapes do not fit.
    #[track_caller]
    pub fn forward(&self, x: &Tensor, noise: &Tensor) -> VaeOutput {
        let (mu, logvar) = self.encode(x);
        let logits = self.decode(&(&mu + (&logvar * 0.5).exp() * noise));
        VaeOutput { logits, mu, logvar }
    }

    /// Means and log-variances, both `[N, latent]`, of the codes of `x [N, inputs]`.
    ///
    /// # Panics
    /// When the shapes do not fit.
    #[track_caller]
    pub fn encode(&self, x: &Tensor) -> (Tensor, Tensor) {
        let h = self.enc.forward(x).relu();
        (self.mu.forward(&h), self.logvar.forward(&h))
    }

    /// Logits `[N, inputs]` of codes `[N, latent]`.
    ///
    /// # Panics
    /// When the shapes do not fit.
    #[track_caller]
    pub fn decode(&self, z: &Tensor) -> Tensor {
        self.dec2.forward(&self.dec1.forward(z).relu())
    }
}

impl VaeOutput {
    /// The negative evidence lower bound per sample (Kingma and Welling 2014, equation 10): the binary cross-entropy of the
    /// reconstruction, plus the KL divergence `-(1 + logvar - mu^2 - exp(logvar)) / 2` of the code from a standard normal one, both
    /// summed over features and averaged over samples.
    ///
    /// # Panics
    /// When `x` does not have the shape of the logits.
    #[track_caller]
    pub fn loss(&self, x: &Tensor) -> Tensor {
        let VaeOutput { logits, mu, logvar } = self;
        let (x_shape, of) = (x.shape(), logits.shape());
        assert!(x_shape == of, "Vae: inputs {x_shape:?} for logits {of:?}");
        let reconstruction = logits.binary_cross_entropy_with_logits(x, None, None, Reduction::Sum);
        let divergence = mu.gaussian_kl(logvar, Reduction::Sum);
        (reconstruction + divergence) / x.shape()[0] as f32
    }
}

/// A [`Vae`] conditioned on given information, such as the class, which is an input of encoder and decoder (Sohn, Lee and Yan 2015,
/// "Learning structured output representation using deep conditional generative models"). Parameters as in a [`Vae`].
///
/// ```
/// use autograd::{Device, Generator, Tensor};
/// use models::{ConditionalVae, Params};
/// let device = Device::named("cpu")?;
/// let net = ConditionalVae::new(&Params::new(&device, 42), 49, 10, 32, 4);
/// let classes = Tensor::from_slice(&device, &[3i32, 7], &[2])?.one_hot(10);
/// let noise = Generator::new(7).normal(&device, &[2, 4]);
/// let out = net.forward(&Tensor::zeros(&device, &[2, 49]), &classes, &noise);
/// assert_eq!((out.logits.shape(), out.mu.shape()), (&[2, 49][..], &[2, 4][..]));
/// assert_eq!(net.decode(&noise, &classes).shape(), [2, 49]);
/// # Ok::<(), autograd::Error>(())
/// ```
pub struct ConditionalVae {
    vae: Vae,
}

impl ConditionalVae {
    /// A network for vectors of `inputs` values and conditions of `condition` values, with codes of `latent` values.
    #[track_caller]
    pub fn new(
        params: &Params,
        inputs: usize,
        condition: usize,
        hidden: usize,
        latent: usize,
    ) -> ConditionalVae {
        let layer = |name: &str, from, to| Linear::new(&params.path(name), from, to);
        let vae = Vae {
            enc: layer("enc", inputs + condition, hidden),
            mu: layer("mu", hidden, latent),
            logvar: layer("logvar", hidden, latent),
            dec1: layer("dec1", latent + condition, hidden),
            dec2: layer("dec2", hidden, inputs),
        };
        ConditionalVae { vae }
    }

    /// Reconstructs `x [N, inputs]`, given `condition [N, condition]`, from a code drawn with standard normal `noise [N, latent]`.
    ///
    /// # Panics
    /// When the shapes do not fit.
    #[track_caller]
    pub fn forward(&self, x: &Tensor, condition: &Tensor, noise: &Tensor) -> VaeOutput {
        let (mu, logvar) = self.vae.encode(&cat(&[x, condition], 1));
        let logits = self.decode(&(&mu + (&logvar * 0.5).exp() * noise), condition);
        VaeOutput { logits, mu, logvar }
    }

    /// Logits `[N, inputs]` of codes `[N, latent]` and conditions `[N, condition]`.
    ///
    /// # Panics
    /// When the shapes do not fit.
    #[track_caller]
    pub fn decode(&self, z: &Tensor, condition: &Tensor) -> Tensor {
        self.vae.decode(&cat(&[z, condition], 1))
    }
}
