//! Functions for inference: what depends on parameters alone is computed once, and factors of channels move into weights.

mod constants;
mod layer;
mod rebuild;

use std::sync::{Arc, Mutex};

use foldhash::HashMap;

use crate::capture::{Recording, STRUCTURES, Signature, signature};
use crate::capture_log::{Log, note_index};
use crate::{Device, Gradients, Result, Tensor};
use constants::{Constants, Names};
pub use layer::{FrozenLayer, Int8Codes, Int8Layer};
use rebuild::{Rebuilt, Replaced, rebuild};

/// A function of tensors for inference, such as a network in evaluation.
///
/// The first call with inputs of some shapes records the function; later ones replay its plan, at almost no cost on the host. Whatever
/// does not depend on the inputs is computed once. A factor or an addend for each channel after a convolution or a product, such as
/// those of a batch norm in evaluation, becomes part of its weight and bias.
///
/// Parameters have the values that they had when they were first read: a frozen network does not follow further training. Any number of
/// threads may call it. Plans are kept for 256 structures of inputs; when there are more, all are dropped and recorded again.
///
/// ```
/// use autograd::{Device, Frozen, Role, State, Tensor};
/// let device = Device::named("cpu")?;
/// let weight = State::new(&Tensor::from_slice(&device, &[1.0f32, 2.0], &[2, 1])?, Role::Parameter);
/// let read = weight.clone();
/// let frozen = Frozen::new(move |x| vec![x[0].matmul(&read.value()) * 10.0]);
/// let x = Tensor::from_slice(&device, &[3.0f32, 4.0], &[1, 2])?;
/// assert_eq!(frozen.call(&[x.clone()])?[0].to_vec::<f32>()?, [110.0]);
/// weight.set(&Tensor::zeros(&device, &[2, 1]));
/// assert_eq!(frozen.call(&[x])?[0].to_vec::<f32>()?, [110.0]);
/// # Ok::<(), autograd::Error>(())
/// ```
#[doc(alias("inference_mode", "freeze", "jit"))]
pub struct Frozen {
    f: Box<Function>,
    known: Mutex<Known>,
    replaced: Option<Replaced>,
}

type Function = dyn Fn(&[Tensor]) -> Vec<Tensor> + Send + Sync;

#[derive(Default)]
struct Known {
    recordings: HashMap<Signature, Arc<Recording>>,
    constants: Constants,
    /// The parameters that recordings read.
    names: Names,
}

impl Frozen {
    /// A frozen `f`, which returns the outputs for the inputs. Nothing is recorded yet.
    pub fn new(f: impl Fn(&[Tensor]) -> Vec<Tensor> + Send + Sync + 'static) -> Frozen {
        Frozen { f: Box::new(f), known: Mutex::default(), replaced: None }
    }

    /// The convolutions of one group and the products of matrices whose weights are constant, in the order in which the function computes
    /// them, with what they read for some inputs: what int8 layers can replace. Nothing is computed yet.
    ///
    /// # Errors
    /// As [`call`](Frozen::call).
    ///
    /// # Panics
    /// As [`call`](Frozen::call).
    #[track_caller]
    pub fn layers(&self, inputs: &[Tensor]) -> Result<Vec<FrozenLayer>> {
        assert!(!inputs.is_empty(), "Frozen: no inputs");
        let inputs: Vec<Tensor> = inputs.iter().map(|t| t.alias(|_| ())).collect();
        Ok(self.rebuilt(&inputs, &mut Constants::default(), None)?.layers)
    }

    /// The same function with its [layers](Frozen::layers) replaced by int8 ones, which get the codes of their inputs. Where one layer reads
    /// what another one computes, or adds it to its result (a residual connection), codes are all that is stored. The other operations stay
    /// as they are.
    ///
    /// # Errors
    /// Whatever goes wrong on the device.
    pub fn replacing(self, device: &Device, layers: Vec<Int8Layer>) -> Result<Frozen> {
        let panels = layers.iter().map(|layer| layer.panels(device)).collect::<Result<_>>()?;
        Ok(Frozen { f: self.f, known: Mutex::default(), replaced: Some(Replaced { layers, panels }) })
    }

    /// The layers that replace those of the function.
    pub fn replaced(&self) -> &[Int8Layer] {
        self.replaced.as_ref().map_or(&[], |replaced| &replaced.layers)
    }

    /// The names of the parameters that the calls so far have read, except for those that are part of replaced layers.
    pub fn parameters(&self) -> Vec<String> {
        let known = self.known.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        known.names.iter().map(|name| name.to_string()).collect()
    }

    /// The outputs for some inputs, of which there is at least one.
    ///
    /// # Errors
    /// Whatever goes wrong on the device; [`Error::IndexOutOfRange`](crate::Error::IndexOutOfRange).
    ///
    /// # Panics
    /// When the function panics, draws random numbers or updates a state, as networks do in training; without inputs.
    #[track_caller]
    pub fn call(&self, inputs: &[Tensor]) -> Result<Vec<Tensor>> {
        assert!(!inputs.is_empty(), "Frozen: no inputs");
        let signature = signature(inputs);
        let mut known = self.known.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let recording = match known.recordings.get(&signature) {
            Some(recording) => recording.clone(),
            None => {
                if known.recordings.len() == STRUCTURES {
                    known.recordings.clear();
                    known.constants.forget();
                }
                let recording = Arc::new(self.record(inputs, &mut known)?);
                known.recordings.insert(signature, recording.clone());
                recording
            }
        };
        drop(known);
        recording.check_indices(inputs)?;
        Ok(Recording::replay(&recording, inputs).outputs().to_vec())
    }

    #[track_caller]
    fn record(&self, inputs: &[Tensor], known: &mut Known) -> Result<Recording> {
        let Known { constants, names, .. } = known;
        let mut failed = None;
        let mut f = |inputs: &[Tensor]| {
            let rebuilt = self.rebuilt(inputs, constants, self.replaced.as_ref());
            let rebuilt = rebuilt.inspect_err(|error| failed = Some(error.clone())).ok();
            names.extend(rebuilt.iter().flat_map(|rebuilt| rebuilt.names.iter().cloned()));
            let outputs = rebuilt.map(|rebuilt| rebuilt.outputs).unwrap_or_default();
            outputs.iter().fold(Gradients::returned([]), |all, output| all.with_output(output))
        };
        let (recording, _) = Recording::of(&mut f, inputs)?;
        failed.map_or(Ok(recording), Err)
    }

    #[track_caller]
    fn rebuilt(
        &self,
        inputs: &[Tensor],
        constants: &mut Constants,
        replaced: Option<&Replaced>,
    ) -> Result<Rebuilt> {
        let (outputs, log) = Log::during(|| (self.f)(inputs));
        let trains = !log.draws.is_empty() || !log.updates().is_empty();
        assert!(
            !trains,
            "Frozen: the function draws random numbers or updates a state; use a network in evaluation mode"
        );
        log.indices.iter().for_each(|(index, range)| note_index(index, *range));
        rebuild(&outputs, inputs, &log, constants, replaced)
    }
}
