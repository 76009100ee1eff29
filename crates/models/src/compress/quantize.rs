//! Rounding real numbers to few-bit codes, and back.

use autograd::Tensor;

/// How codes are placed around zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QuantScheme {
    /// Real 0 is code 0, and the range of codes is symmetric: -127 to 127 with 8 bits. For weights.
    Symmetric,
    /// All codes, -128 to 127 with 8 bits, spread over the smallest range that holds 0 and all values. For activations.
    Affine,
}

/// How to quantise: bits, scheme, and whether each slice along a dimension has its own scale.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuantSpec {
    /// 2 to 8.
    pub bits: u32,
    /// How codes are placed around zero.
    pub scheme: QuantScheme,
    /// One scale for each slice along this dimension (`Some(0)`: an output channel of a layer's weight), or one for the whole tensor.
    pub axis: Option<usize>,
}

impl QuantSpec {
    /// 8 bits, symmetric, a scale for each output channel: the format of stored weights.
    pub const INT8_WEIGHTS: QuantSpec = QuantSpec { bits: 8, scheme: QuantScheme::Symmetric, axis: Some(0) };

    /// 8 bits, affine, one scale for the tensor: the format of activations.
    pub const INT8_ACTIVATIONS: QuantSpec = QuantSpec { bits: 8, scheme: QuantScheme::Affine, axis: None };

    /// The lowest and the highest code.
    ///
    /// # Panics
    /// When there are not 2 to 8 bits.
    #[track_caller]
    pub fn codes(&self) -> (f32, f32) {
        assert!((2..=8).contains(&self.bits), "QuantSpec: {} bits", self.bits);
        let half = (1i32 << (self.bits - 1)) as f32;
        match self.scheme {
            QuantScheme::Symmetric => (1.0 - half, half - 1.0),
            QuantScheme::Affine => (-half, half - 1.0),
        }
    }

    /// The lowest and highest values of each slice that shares a scale; all extents are 1 but that along the axis.
    #[track_caller]
    pub(super) fn extremes(&self, x: &Tensor) -> (Tensor, Tensor) {
        let dims: Vec<isize> = (0..x.rank()).filter(|&d| Some(d) != self.axis).map(|d| d as isize).collect();
        (x.amin(&dims, true), x.amax(&dims, true))
    }

    /// The quantizer whose codes cover the values of `x`.
    ///
    /// # Panics
    /// When `x` is not of type f32.
    #[track_caller]
    pub fn fit(&self, x: &Tensor) -> Quantizer {
        let (low, high) = self.extremes(&x.detach());
        self.over(&low, &high)
    }

    /// The quantizer whose codes cover `low..=high`, tensors that broadcast to the quantised tensor.
    #[track_caller]
    pub fn over(&self, low: &Tensor, high: &Tensor) -> Quantizer {
        let (least, most) = self.codes();
        // Keeps the scale of an all-zero tensor above 0.
        let some = |span: Tensor| span.clamp_min(f32::MIN_POSITIVE);
        let (scale, zero_point) = match self.scheme {
            QuantScheme::Symmetric => {
                let scale = some(low.abs().maximum(high.abs()) * (1.0 / most));
                let zero_point = scale.zeros_like();
                (scale, zero_point)
            }
            QuantScheme::Affine => {
                let (low, high) = (low.clamp_max(0.0), high.clamp_min(0.0));
                let scale = some((high - &low) * (1.0 / (most - least)));
                let zero_point = (least - &low / &scale).round();
                (scale, zero_point)
            }
        };
        Quantizer { scale: scale.detach(), zero_point: zero_point.detach(), codes: (least, most) }
    }
}

/// An affine map from reals to codes, `code = clamp(round(x / scale) + zero_point)`, and back, `x = scale (code - zero_point)` (Jacob et
/// al. 2018, "Quantization and training of neural networks for efficient integer-arithmetic-only inference"). A value within the range of
/// the codes changes by at most half a scale.
///
/// ```
/// use autograd::{Device, Tensor};
/// use models::compress::{QuantScheme, QuantSpec};
/// let x = Tensor::from_slice(&Device::named("cpu")?, &[-1.0f32, 0.3, 2.0], &[3])?;
/// let quantizer = QuantSpec { bits: 8, scheme: QuantScheme::Symmetric, axis: None }.fit(&x);
/// assert_eq!(quantizer.quantize(&x).to_vec::<f32>()?, [-64.0, 19.0, 127.0]);
/// assert!((quantizer.fake_quantize(&x).to_vec::<f32>()?[1] - 19.0 * 2.0 / 127.0).abs() < 1e-6);
/// # Ok::<(), autograd::Error>(())
/// ```
#[doc(alias = "FakeQuantize")]
#[derive(Clone, Debug)]
pub struct Quantizer {
    /// The step between codes.
    pub scale: Tensor,
    /// The code of 0.
    pub zero_point: Tensor,
    /// The lowest and the highest code.
    codes: (f32, f32),
}

impl Quantizer {
    /// A quantizer for existing int8 codes.
    pub(super) fn dequantizer(scale: Tensor, zero_point: Tensor) -> Quantizer {
        Quantizer { scale, zero_point, codes: QuantSpec::INT8_ACTIVATIONS.codes() }
    }

    /// The codes of `x`: whole numbers, as f32.
    #[track_caller]
    pub fn quantize(&self, x: &Tensor) -> Tensor {
        self.clamped(x).round()
    }

    /// The reals that `codes` represent.
    #[track_caller]
    pub fn dequantize(&self, codes: &Tensor) -> Tensor {
        (codes - &self.zero_point) * &self.scale
    }

    /// Quantises and dequantises. The gradient passes through the rounding unchanged (straight-through estimator, Bengio et al. 2013) and
    /// is 0 for values outside the range of the codes.
    ///
    /// ```
    /// use autograd::{Device, Tensor};
    /// use models::compress::{QuantScheme, QuantSpec};
    /// let device = Device::named("cpu")?;
    /// let [low, high] = [-1.0f32, 1.0].map(|end| Tensor::full(&device, end, &[1]));
    /// let quantizer = QuantSpec { bits: 2, scheme: QuantScheme::Symmetric, axis: None }.over(&low, &high);
    /// let x = Tensor::from_slice(&device, &[0.4f32, 0.6, 3.0], &[3])?.variable();
    /// let y = quantizer.fake_quantize(&x);
    /// assert_eq!(y.to_vec::<f32>()?, [0.0, 1.0, 1.0]);
    /// assert_eq!(y.sum_all().backward().get(&x).unwrap().to_vec::<f32>()?, [1.0, 1.0, 0.0]);
    /// # Ok::<(), autograd::Error>(())
    /// ```
    #[track_caller]
    pub fn fake_quantize(&self, x: &Tensor) -> Tensor {
        let exact = self.clamped(x);
        // The difference to the nearest whole number is exact in f32, and so is the sum.
        let rounded = &exact + (exact.round() - &exact).detach();
        self.dequantize(&rounded)
    }

    fn clamped(&self, x: &Tensor) -> Tensor {
        (x / &self.scale + &self.zero_point).clamp(self.codes.0, self.codes.1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use autograd::{Device, Generator};

    fn drawn(shape: &[usize]) -> Tensor {
        let device = Device::named("cpu").unwrap();
        Generator::new(3).normal(&device, shape) * 2.0 + 0.7
    }

    #[test]
    fn every_value_comes_back_within_half_a_scale() {
        let x = drawn(&[8, 40]);
        for bits in [2, 4, 8] {
            for scheme in [QuantScheme::Symmetric, QuantScheme::Affine] {
                for axis in [None, Some(0), Some(1)] {
                    let quantizer = QuantSpec { bits, scheme, axis }.fit(&x);
                    let off =
                        ((quantizer.fake_quantize(&x) - &x).abs() / &quantizer.scale).amax(&[0, 1], false);
                    // An affine range may exceed the codes by up to half a code, as its zero point is a whole number.
                    let bound = if scheme == QuantScheme::Affine { 1.0001 } else { 0.5001 };
                    assert!(off.item().unwrap() <= bound, "{bits} {scheme:?} {axis:?}");
                }
            }
        }
    }

    #[test]
    fn codes_are_whole_and_in_range_and_zero_is_exact() {
        let x = drawn(&[5, 30]);
        for scheme in [QuantScheme::Symmetric, QuantScheme::Affine] {
            let spec = QuantSpec { bits: 4, scheme, axis: Some(0) };
            let (quantizer, (least, most)) = (spec.fit(&x), spec.codes());
            let codes = quantizer.quantize(&x).to_vec::<f32>().unwrap();
            assert!(codes.iter().all(|c| c.fract() == 0.0 && (least..=most).contains(c)));
            assert_eq!(codes.iter().copied().fold(f32::MIN, f32::max), most);
            let zeros = quantizer.fake_quantize(&x.zeros_like()).to_vec::<f32>().unwrap();
            assert!(zeros.iter().all(|z| *z == 0.0));
        }
        let nothing = QuantSpec::INT8_WEIGHTS.fit(&x.zeros_like());
        assert_eq!(nothing.fake_quantize(&x.zeros_like()).sum_all().item().unwrap(), 0.0);
    }

    /// A layer in integer arithmetic with 32-bit sums gives the same result as the simulation in f32.
    #[test]
    fn integer_arithmetic_agrees() {
        let (x, w) = (drawn(&[3, 20]), drawn(&[4, 20]) * 0.1);
        let (inputs, weights) = (QuantSpec::INT8_ACTIVATIONS.fit(&x), QuantSpec::INT8_WEIGHTS.fit(&w));
        let simulated = inputs.fake_quantize(&x).linear(&weights.fake_quantize(&w), None);
        let simulated = simulated.to_vec::<f32>().unwrap();
        let ints = |t: Tensor| -> Vec<i32> { t.to_vec::<f32>().unwrap().iter().map(|&v| v as i32).collect() };
        let (qx, qw) = (ints(inputs.quantize(&x)), ints(weights.quantize(&w)));
        let (zero, scale) = (ints(inputs.zero_point.clone())[0], inputs.scale.to_vec::<f32>().unwrap()[0]);
        let scales = weights.scale.to_vec::<f32>().unwrap();
        for (i, value) in simulated.iter().enumerate() {
            let (row, out) = (i / 4, i % 4);
            let sum: i32 = (0..20).map(|k| (qx[row * 20 + k] - zero) * qw[out * 20 + k]).sum();
            let exact = sum as f32 * scale * scales[out];
            assert!((exact - value).abs() < 1e-4, "{exact} {value}");
        }
    }
}
