//! The layers of a frozen function with constant weights, and their weights as int8 codes.

use gpu_core::kernels::int8::{INT8_DEPTH, Int8Epilogue, Int8Weight};

use crate::ops::int8::Linear;
use crate::{Device, Result, Tensor};

/// A convolution or product of a [`Frozen`](crate::Frozen) function with a constant weight, for some inputs of the function.
pub struct FrozenLayer {
    /// `[O, C, KH, KW]` of a convolution, `[N, K]` of a product, with the factors of channels that follow it.
    pub weight: Tensor,
    /// What is added to each output channel `[O]`; `None` if nothing is.
    pub bias: Option<Tensor>,
    /// What it reads.
    pub input: Tensor,
    /// The layer that reads what is added to this one's output, if that is a residual connection.
    pub residual: Option<usize>,
}

/// How the values of a tensor are represented by int8 codes: `value = scale (code - zero)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Int8Codes {
    /// The distance of neighbouring values.
    pub scale: f32,
    /// The code of 0.
    pub zero: i8,
}

/// The weight of a layer as int8 codes, for an input of codes. A value of the weight is `scales[channel] code`.
#[derive(Clone, Debug, PartialEq)]
pub struct Int8Layer {
    /// -127 to 127, in the order of [`FrozenLayer::weight`].
    pub codes: Vec<i8>,
    /// The shape of [`FrozenLayer::weight`].
    pub shape: Vec<usize>,
    /// By output channel.
    pub scales: Vec<f32>,
    /// By output channel.
    pub bias: Vec<f32>,
    /// The codes of the input.
    pub input: Int8Codes,
    /// The codes that are added to the output, if that is a residual connection. Their scale is a whole multiple of
    /// `input.scale scales[channel]`, so that they are added in integers.
    pub residual: Option<Int8Codes>,
}

/// The largest factor of a residual's codes: sums stay within 32 bits.
const FACTOR: f64 = (1 << 20) as f64;
/// The largest bias in units of a sum.
const BIAS: f64 = (1 << 29) as f64;

impl FrozenLayer {
    /// The layer with its weight rounded to int8 codes, one scale for each output channel, for an input of codes `input`. The `residual` is
    /// left out if the weights are too large for it.
    ///
    /// # Errors
    /// Whatever goes wrong on the device.
    pub fn quantized(&self, input: Int8Codes, residual: Option<Int8Codes>) -> Result<Int8Layer> {
        let (weight, shape) = (self.weight.to_vec::<f32>()?, self.weight.shape().to_vec());
        let bias = match &self.bias {
            Some(bias) => bias.to_vec::<f32>()?,
            None => vec![0.0; shape[0]],
        };
        let rows: Vec<&[f32]> = weight.chunks(weight.len() / shape[0]).collect();
        let largest = |row: &&[f32]| f64::from(row.iter().fold(0.0f32, |most, w| most.max(w.abs())));
        let least: Vec<f64> = rows
            .iter()
            .map(largest)
            .zip(&bias)
            .map(|(most, bias)| (most / 127.0).max(f64::from(bias.abs()) / f64::from(input.scale) / BIAS))
            .map(|scale| scale.max(f64::from(f32::MIN_POSITIVE)))
            .collect();
        // How many units of a sum the residual's scale is; the weight's scale becomes a little larger for it.
        let factor = |residual: Int8Codes, least: f64| {
            (f64::from(residual.scale) / f64::from(input.scale) / least).floor().min(FACTOR)
        };
        let residual = residual.filter(|&r| least.iter().all(|&least| factor(r, least) >= 1.0));
        let scale = |&least: &f64| match residual {
            Some(r) => (f64::from(r.scale) / f64::from(input.scale) / factor(r, least)) as f32,
            None => least as f32,
        };
        let scales: Vec<f32> = least.iter().map(scale).collect();
        let code = |(w, scale): (&f32, f32)| (w / scale).round_ties_even().clamp(-127.0, 127.0) as i8;
        let codes = rows.iter().zip(&scales).flat_map(|(row, &s)| row.iter().map(move |w| code((w, s))));
        Ok(Int8Layer { codes: codes.collect(), shape, scales, bias, input, residual })
    }
}

impl Int8Layer {
    /// Whether a layer with a weight of this shape has exact sums in 32 bits.
    pub(super) fn fits(shape: &[usize]) -> bool {
        let depth = shape[1..].iter().product::<usize>();
        (1..=INT8_DEPTH / 2).contains(&depth) && shape[0] > 0
    }

    fn weight(&self) -> Int8Weight<'_> {
        let (inputs, taps) = (self.shape[1], self.shape[2..].iter().product());
        Int8Weight { codes: &self.codes, outputs: self.shape[0], inputs, taps }
    }

    /// The weight as the kernels read it.
    pub(super) fn panels(&self, device: &Device) -> Result<Tensor> {
        let panels = self.weight().panels();
        Tensor::from_slice(device, &panels, &[panels.len()])
    }

    /// The table of channels for results of codes, or of values, and for what is added.
    fn table(&self, device: &Device, added: Option<Int8Codes>, output: Option<Int8Codes>) -> Result<Tensor> {
        let weight = self.weight();
        let unit = |scale: &f32| f64::from(self.input.scale) * f64::from(*scale);
        let units: Vec<f64> = self.scales.iter().map(unit).collect();
        let of_residual = |unit: &f64| added.map_or(0.0, |r| (f64::from(r.scale) / unit).round());
        let residual: Vec<i32> = units.iter().map(|unit| of_residual(unit) as i32).collect();
        let zeros = (i64::from(self.input.zero), added.map_or(0, |r| i64::from(r.zero)));
        let sums = weight.sums();
        // In units of the sum, with what the codes of 0 contribute to it.
        let bias = |o: usize| {
            let own = (f64::from(self.bias[o]) / units[o]).round() as i64;
            (own - zeros.0 * i64::from(sums[o]) - zeros.1 * i64::from(residual[o])) as i32
        };
        let bias: Vec<i32> = (0..units.len()).map(bias).collect();
        let step = output.map_or(1.0, |codes| f64::from(codes.scale));
        let factors: Vec<f32> = units.iter().map(|unit| (unit / step) as f32).collect();
        let table = weight.table(&bias, &factors, &residual);
        Tensor::from_slice(device, &table, &[table.len()])
    }

    /// The layer of an input of codes, and perhaps of a residual: `[outer, channels, inner]` values, or codes.
    pub(super) fn record(
        &self,
        linear: Linear,
        panels: &Tensor,
        x: &Tensor,
        residual: Option<&Tensor>,
        relu: bool,
        output: Option<Int8Codes>,
    ) -> Result<Tensor> {
        let table = self.table(x.device(), self.residual.filter(|_| residual.is_some()), output)?;
        let inputs: Vec<&Tensor> = [x, panels, &table].into_iter().chain(residual).collect();
        let epilogue =
            Int8Epilogue { residual: residual.is_some(), relu, codes: output.map(|codes| codes.zero) };
        Ok(linear.record(&inputs, epilogue))
    }
}
