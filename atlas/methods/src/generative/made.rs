//! The masked autoencoder for distribution estimation (Germain et al. 2015).

use autograd::Tensor;
use models::{Init, Param, Params};

/// A perceptron from `[N, D]` to `outputs` numbers for each input, `[N, outputs, D]`, where those of input `i` depend only on the inputs
/// before `i`: weights are masked by the degrees of the units they connect (Germain et al. 2015, equations 12 and 13). SiLU between the
/// layers. Parameters `0.weight`, `0.bias`, `1.weight` and so on; the last layer starts at 0.
///
/// ```
/// use autograd::{Device, Tensor};
/// use methods::generative::Made;
/// use models::{Init, Params};
/// let device = Device::named("cpu")?;
/// let params = Params::new(&device, 1);
/// let net = Made::new(&params, 3, &[16, 16], 2);
/// params.redraw("*", Init::Normal { mean: 0.0, std: 1.0 });
/// let at = |x: [f32; 3]| net.forward(&Tensor::constant(&device, &x, &[1, 3])).to_vec::<f32>();
/// let (one, other) = (at([1.0, 2.0, 3.0])?, at([1.0, 5.0, 9.0])?);
/// // A change of the second input affects only the outputs of the third.
/// assert_eq!((one[0], one[1]), (other[0], other[1]));
/// assert_ne!(one[2], other[2]);
/// # Ok::<(), autograd::Error>(())
/// ```
pub struct Made {
    layers: Vec<Masked>,
    inputs: usize,
    outputs: usize,
}

struct Masked {
    weight: Param,
    bias: Param,
    /// 1 for the weights that are kept, `[out, in]`.
    mask: Tensor,
}

impl Made {
    /// Hidden layers of the given sizes; the degrees of their units cycle through `1..inputs`.
    ///
    /// # Panics
    /// Without inputs or outputs.
    #[track_caller]
    pub fn new(params: &Params, inputs: usize, hidden: &[usize], outputs: usize) -> Made {
        assert!(inputs > 0 && outputs > 0, "Made: {outputs} outputs for each of {inputs} inputs");
        let mut layers = Vec::new();
        let mut before: Vec<usize> = (1..=inputs).collect();
        for &size in hidden {
            let degrees: Vec<usize> = (0..size).map(|unit| 1 + unit % (inputs - 1).max(1)).collect();
            layers.push(Masked::new(&params.path(layers.len()), &before, &degrees, Init::torch_default()));
            before = degrees;
        }
        // An output depends only on units of lower degree.
        let last: Vec<usize> = (0..outputs).flat_map(|_| 0..inputs).collect();
        layers.push(Masked::new(&params.path(layers.len()), &before, &last, Init::ZEROS));
        Made { layers, inputs, outputs }
    }

    /// Maps `x [N, D]` to `[N, outputs, D]`.
    ///
    /// # Panics
    /// When `x` has another width.
    #[track_caller]
    pub fn forward(&self, x: &Tensor) -> Tensor {
        let mut x = x.clone();
        for (i, layer) in self.layers.iter().enumerate() {
            x = layer.forward(&if i == 0 { x } else { x.silu() });
        }
        x.reshape(&[x.shape()[0], self.outputs, self.inputs])
    }
}

impl Masked {
    fn new(params: &Params, from: &[usize], to: &[usize], init: Init) -> Masked {
        let mask: Vec<f32> =
            to.iter().flat_map(|to| from.iter().map(move |from| f32::from(u8::from(to >= from)))).collect();
        let shape = [to.len(), from.len()];
        Masked {
            weight: params.param("weight", &shape, init),
            bias: params.param("bias", &[to.len()], Init::ZEROS),
            mask: Tensor::constant(params.device(), &mask, &shape),
        }
    }

    #[track_caller]
    fn forward(&self, x: &Tensor) -> Tensor {
        x.linear(&(self.weight.value() * &self.mask), Some(&self.bias.value()))
    }
}
