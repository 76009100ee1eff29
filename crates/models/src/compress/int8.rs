//! Networks whose convolutions and products compute with int8 codes.

use std::path::Path;

use autograd::{Frozen, FrozenLayer, Int8Codes, Int8Layer, Tensor};
use safetensors::tensor::Dtype;

use super::files::{Reader, float};
use super::observer::Observer;
use super::quantize::QuantSpec;
use crate::snapshot::{Stored, write_tensors};
use crate::{Error, Params, Result, WeightsFile};

/// A network for inference in int8 (Jacob et al. 2018): its convolutions (of one group) and products with constant weights multiply codes
/// of 8 bits, in integers. Weights have a scale for each output channel, activations one for each tensor, of the range observed on
/// calibration batches. Where a layer reads what another one computes, through a ReLU or a residual connection, codes are all that is
/// stored between them. Other operations (normalisation, attention, pooling) are those of f32.
///
/// A convolutional network gives the same bits on every device: integer sums are exact, and one f32 multiplication makes a result of each.
///
/// ```
/// use autograd::{Generator, Tensor};
/// use models::compress::Int8Network;
/// use models::{Mlp, Params};
/// let device = autograd::Device::named("cpu")?;
/// let params = Params::new(&device, 0);
/// let net = Mlp::new(&params, &[16, 64, 4]);
/// let x = Generator::new(1).normal(&device, &[100, 16]);
/// let exact = net.forward(&x);
/// let int8 = Int8Network::new(&params, move |x| vec![net.forward(&x[0])], &[vec![x.clone()]])?;
/// let off = (&int8.call(&[x])?[0] - &exact).abs().amax(&[0, 1], false).item()?;
/// assert!(off < 0.05 * exact.abs().amax(&[0, 1], false).item()?);
/// # Ok::<(), models::Error>(())
/// ```
#[doc(alias("quantize", "quantize_static", "convert_fx"))]
pub struct Int8Network {
    params: Params,
    frozen: Frozen,
}

impl Int8Network {
    /// The network that computes `f`, a function of inputs and of parameters in `params`, in evaluation. Each of the calibration `batches` has
    /// the inputs of a call; together they should cover what is typical, about a hundred examples.
    ///
    /// # Errors
    /// [`Error::Calibration`] when a layer reads numbers that are not finite; whatever goes wrong on the device.
    ///
    /// # Panics
    /// When there is no batch, or as [`Frozen::call`].
    #[track_caller]
    pub fn new(
        params: &Params,
        f: impl Fn(&[Tensor]) -> Vec<Tensor> + Send + Sync + 'static,
        batches: &[Vec<Tensor>],
    ) -> Result<Int8Network> {
        assert!(!batches.is_empty(), "Int8Network: no calibration batches");
        let frozen = Frozen::new(f);
        let (mut observers, mut layers): (Vec<Observer>, Vec<FrozenLayer>) = Default::default();
        for batch in batches {
            layers = frozen.layers(batch)?;
            observers.resize_with(layers.len(), || Observer::new(QuantSpec::INT8_ACTIVATIONS));
            for (observer, layer) in observers.iter_mut().zip(&layers) {
                observer.observe(&layer.input)?;
            }
        }
        let codes: Vec<Int8Codes> =
            observers.iter().enumerate().map(|(i, observer)| codes(i, observer)).collect::<Result<_>>()?;
        let quantized = |(layer, &input): (&FrozenLayer, &Int8Codes)| {
            Ok(layer.quantized(input, layer.residual.map(|reader| codes[reader]))?)
        };
        let layers = layers.iter().zip(&codes).map(quantized).collect::<Result<_>>()?;
        let network =
            Int8Network { params: params.clone(), frozen: frozen.replacing(params.device(), layers)? };
        network.call(&batches[0])?;
        Ok(network)
    }

    /// The outputs for some inputs.
    ///
    /// # Errors
    /// As [`Frozen::call`].
    ///
    /// # Panics
    /// As [`Frozen::call`].
    #[track_caller]
    pub fn call(&self, inputs: &[Tensor]) -> Result<Vec<Tensor>> {
        Ok(self.frozen.call(inputs)?)
    }

    /// The layers, in the order in which they are computed.
    pub fn layers(&self) -> &[Int8Layer] {
        self.frozen.replaced()
    }

    /// Writes a safetensors file: the codes and scales of the layers, and the parameters that other operations read, as f32.
    ///
    /// # Errors
    /// [`Error::Io`] when the file can't be written, [`Error::Device`] when values can't be read.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        let mut tensors: Vec<Stored> = vec![];
        for (i, layer) in self.layers().iter().enumerate() {
            let bytes = layer.codes.iter().map(|code| code.cast_unsigned()).collect();
            tensors.push((name(i, WEIGHT), layer.shape.clone(), Dtype::I8, bytes));
            let channels = [&layer.scales[..], &layer.bias].concat();
            tensors.push(floats(name(i, CHANNELS), &channels, &[2, layer.scales.len()]));
            let codes = [Some(layer.input), layer.residual];
            let codes: Vec<f32> =
                codes.into_iter().flatten().flat_map(|c| [c.scale, f32::from(c.zero)]).collect();
            tensors.push(floats(name(i, CODES), &codes, &[codes.len() / 2, 2]));
        }
        for name in self.frozen.parameters() {
            let param = self.params.get(&name).ok_or_else(|| self.unknown(path.as_ref(), &name))?;
            tensors.push(float(&name, &param.value())?);
        }
        write_tensors(path.as_ref(), &tensors, "int8 network")
    }

    fn unknown(&self, path: &Path, name: &str) -> Error {
        Error::Unexpected { path: path.into(), name: name.into() }
    }

    /// The network in a file written by [`save`](Int8Network::save), for the same function `f`, whose `params` may have any values:
    /// those that it reads outside of the layers are set. `example` has the inputs of a call.
    ///
    /// # Errors
    /// [`Error::Io`] and [`Error::Format`] when the file can't be read; [`Error::Missing`], [`Error::Mismatch`] and [`Error::Unexpected`] when
    /// it is of another network, which leaves `params` as they were; whatever goes wrong on the device.
    ///
    /// # Panics
    /// As [`Frozen::call`].
    #[track_caller]
    pub fn load(
        path: impl AsRef<Path>,
        params: &Params,
        f: impl Fn(&[Tensor]) -> Vec<Tensor> + Send + Sync + 'static,
        example: &[Tensor],
    ) -> Result<Int8Network> {
        let (path, device) = (path.as_ref(), params.device());
        let file = WeightsFile::open(path, params)?;
        let reader = Reader { path, tensors: file.tensors(), params };
        let frozen = Frozen::new(f);
        let layers = frozen.layers(example)?.into_iter().enumerate();
        let layers: Vec<Int8Layer> =
            layers.map(|(i, layer)| read(&reader, i, &layer)).collect::<Result<_>>()?;
        let extra = name(layers.len(), WEIGHT);
        if reader.tensors.tensor(&extra).is_ok() {
            return Err(Error::Unexpected { path: path.into(), name: extra });
        }
        // What the function reads besides the layers.
        let frozen = frozen.replacing(device, layers.clone())?;
        frozen.call(example)?;
        let mut found = vec![];
        for name in frozen.parameters() {
            let param = params
                .get(&name)
                .ok_or_else(|| Error::Unexpected { path: path.into(), name: name.clone() })?;
            let value = reader.float(&name, param.value().shape())?;
            found.push((param, value));
        }
        found.iter().for_each(|(param, value)| param.set(value));
        Ok(Int8Network { params: params.clone(), frozen: frozen.replacing(device, layers)? })
    }
}

const WEIGHT: &str = "weight";
/// Scales and biases.
const CHANNELS: &str = "channels";
/// Scale and code of 0 of the input and perhaps of the residual.
const CODES: &str = "codes";

/// The name of a layer's tensor.
fn name(layer: usize, what: &str) -> String {
    format!("int8.{layer}.{what}")
}

fn floats(name: String, values: &[f32], shape: &[usize]) -> Stored {
    (name, shape.to_vec(), Dtype::F32, bytemuck::cast_slice(values).to_vec())
}

/// The codes for what a layer has read.
fn codes(layer: usize, observer: &Observer) -> Result<Int8Codes> {
    let quantizer = observer.quantizer().expect("a batch was observed");
    let (scale, zero) = (quantizer.scale.to_vec::<f32>()?[0], quantizer.zero_point.to_vec::<f32>()?[0]);
    match scale.is_finite() && zero.is_finite() {
        true => Ok(Int8Codes { scale, zero: zero as i8 }),
        false => Err(Error::Calibration { layer }),
    }
}

/// Layer `i` of a file.
fn read(file: &Reader, i: usize, layer: &FrozenLayer) -> Result<Int8Layer> {
    let shape = layer.weight.shape().to_vec();
    let view = file.view(&name(i, WEIGHT), Dtype::I8, Some(&shape))?;
    let codes = view.data().iter().map(|byte| byte.cast_signed()).collect();
    let values = |name: String, shape: Option<&[usize]>| -> Result<Vec<f32>> {
        Ok(bytemuck::pod_collect_to_vec(file.view(&name, Dtype::F32, shape)?.data()))
    };
    let channels = values(name(i, CHANNELS), Some(&[2, shape[0]]))?;
    let (scales, bias) = channels.split_at(shape[0]);
    let of = values(name(i, CODES), None)?;
    let form = |values: &[f32]| Int8Codes { scale: values[0], zero: values[1] as i8 };
    let positive = |values: &[f32]| values.iter().all(|v| v.is_finite() && *v > 0.0);
    let valid = matches!(of.len(), 2 | 4) && of.chunks(2).all(|c| positive(&c[..1])) && positive(scales);
    // A residual that the function does not have would not be added.
    if !valid || of.len() == 4 && layer.residual.is_none() || !bias.iter().all(|b| b.is_finite()) {
        let reason = format!("{} and {} are not those of a layer", name(i, CHANNELS), name(i, CODES));
        return Err(Error::Format { path: file.path.into(), reason });
    }
    let (scales, bias) = (scales.to_vec(), bias.to_vec());
    Ok(Int8Layer {
        codes,
        shape,
        scales,
        bias,
        input: form(&of),
        residual: of.get(2..).filter(|v| !v.is_empty()).map(form),
    })
}
