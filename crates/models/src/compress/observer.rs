//! The ranges of activations.

use autograd::{Result, Tensor};

use super::quantize::{QuantSpec, Quantizer};

/// Records the lowest and highest values of activations over calibration batches (`torch.ao.quantization.MinMaxObserver`).
///
/// ```
/// use autograd::{Device, Tensor};
/// use models::compress::{Observer, QuantSpec};
/// let device = Device::named("cpu")?;
/// let mut observer = Observer::new(QuantSpec::INT8_ACTIVATIONS);
/// observer.observe(&Tensor::from_slice(&device, &[0.0f32, 1.0], &[2])?)?;
/// observer.observe(&Tensor::from_slice(&device, &[-0.55f32, 2.0], &[2])?)?;
/// let scale = observer.quantizer().expect("a batch was observed").scale.to_vec::<f32>()?;
/// assert!((scale[0] - 2.55 / 255.0).abs() < 1e-7);
/// # Ok::<(), autograd::Error>(())
/// ```
#[doc(alias = "MinMaxObserver")]
pub struct Observer {
    spec: QuantSpec,
    seen: Option<(Tensor, Tensor)>,
}

impl Observer {
    /// An observer that has seen no batch; ranges are per slice if `spec.axis` is set.
    pub fn new(spec: QuantSpec) -> Observer {
        Observer { spec, seen: None }
    }

    /// Extends the range by the values of a batch.
    ///
    /// # Errors
    /// Whatever goes wrong on the device.
    pub fn observe(&mut self, x: &Tensor) -> Result<()> {
        let (low, high) = self.spec.extremes(&x.detach());
        let (low, high) = match &self.seen {
            None => (low, high),
            Some((lowest, highest)) => (lowest.minimum(&low), highest.maximum(&high)),
        };
        autograd::evaluate(&[&low, &high])?;
        self.seen = Some((low, high));
        Ok(())
    }

    /// The quantizer for the range observed so far; `None` before the first batch.
    pub fn quantizer(&self) -> Option<Quantizer> {
        self.seen.as_ref().map(|(low, high)| self.spec.over(low, high))
    }
}
