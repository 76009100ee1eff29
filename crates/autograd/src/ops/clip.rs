//! Clipping of gradients.

use crate::blend::FLAT_ALIGN;
use crate::{Gradients, Tensor, stack};

impl Gradients {
    /// Scales all gradients down together so that their joint p-norm is at most `max`, as `torch.nn.utils.clip_grad_norm_`. Also
    /// returns the norm before clipping.
    ///
    /// ```
    /// # use autograd::{Device, Gradients, Tensor};
    /// let x = Tensor::from_slice(&Device::named("cpu")?, &[3.0f32, 4.0], &[2])?.variable();
    /// let gradients = x.square().sum_all().backward();
    /// let (clipped, norm) = gradients.clip_norm(5.0, 2.0);
    /// assert_eq!(norm.item()?, 10.0);
    /// assert!((clipped.get(&x).unwrap().to_vec::<f32>()?[0] - 3.0).abs() < 1e-5);
    /// # Ok::<(), autograd::Error>(())
    /// ```
    ///
    /// # Panics
    /// When there are no gradients.
    #[doc(alias = "clip_grad_norm_")]
    #[track_caller]
    pub fn clip_norm(self, max: f32, p: f32) -> (Gradients, Tensor) {
        assert!(!self.variables().is_empty(), "clip_norm: no gradients");
        let norm_of = |t: &Tensor| t.norm(p, &(0..t.rank() as isize).collect::<Vec<_>>(), false);
        let norm = if p > 0.0 {
            // Of all gradients at once, in the tensor that an optimizer reads; the zeros between them add nothing.
            norm_of(&self.joined(FLAT_ALIGN))
        } else {
            let raw = |v: &Tensor| norm_of(self.unscaled(v).expect("every variable has a gradient"));
            let norms: Vec<Tensor> = self.variables().iter().map(raw).collect();
            norm_of(&stack(&norms.iter().collect::<Vec<_>>(), 0))
        };
        let norm = self.factor().map_or_else(|| norm.clone(), |factor| &norm * factor.abs());
        let scale = (max / (&norm + 1e-6)).clamp_max(1.0);
        (self.scaled(&scale), norm)
    }

    /// Limits every element of every gradient to `-limit..=limit`, as `torch.nn.utils.clip_grad_value_`.
    #[doc(alias = "clip_grad_value_")]
    #[track_caller]
    pub fn clip_value(self, limit: f32) -> Gradients {
        self.map(|g| g.clamp(-limit, limit))
    }
}
