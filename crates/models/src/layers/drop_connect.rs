//! A fully connected layer that drops connections (Wan et al. 2013).

use autograd::Tensor;

use crate::{Init, Mode, Param, Params};

/// A [`Linear`](crate::Linear) layer, from `[.., in]` to `[.., out]`, whose weights are zeroed with probability `p` and otherwise divided
/// by `1 - p`, in a [mode](Mode) that drops; the whole batch shares the same weights. Parameters `weight [out, in]` and `bias [out]`.
///
/// ```
/// use autograd::{Device, Tensor};
/// use models::{DropConnect, Mode, Params};
/// let device = Device::named("cpu")?;
/// let params = Params::new(&device, 0);
/// let layer = DropConnect::new(&params, 1, 20, 0.5);
/// params.get("weight").unwrap().set(&Tensor::ones(&device, &[20, 1]));
/// params.get("bias").unwrap().set(&Tensor::zeros(&device, &[20]));
/// let x = Tensor::ones(&device, &[2, 1]);
/// assert_eq!(layer.forward(&x, Mode::Eval).to_vec::<f32>()?, [1.0; 40]);
/// let y = layer.forward(&x, Mode::Train).to_vec::<f32>()?;
/// assert!(y[..20] == y[20..] && y.iter().all(|&y| y == 0.0 || y == 2.0));
/// # Ok::<(), autograd::Error>(())
/// ```
pub struct DropConnect {
    params: Params,
    weight: Param,
    bias: Param,
    p: f32,
}

impl DropConnect {
    /// # Panics
    /// When `p` is not in `0..=1`.
    #[track_caller]
    pub fn new(params: &Params, inputs: usize, outputs: usize, p: f32) -> DropConnect {
        assert!((0.0..=1.0).contains(&p), "DropConnect: probability {p}");
        DropConnect {
            params: params.clone(),
            weight: params.param("weight", &[outputs, inputs], Init::torch_default()),
            bias: params.param("bias", &[outputs], Init::torch_bias(inputs)),
            p,
        }
    }

    /// # Panics
    /// When the last dimension of `x` is not the number of inputs.
    #[track_caller]
    pub fn forward(&self, x: &Tensor, mode: Mode) -> Tensor {
        let weight = self.weight.value();
        let drops = mode.drops() && self.p > 0.0;
        let weight = if drops { weight.dropout(self.p, self.params.generator()) } else { weight };
        x.linear(&weight, Some(&self.bias.value()))
    }
}
