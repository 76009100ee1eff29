//! The learning-rate range test.

use data::Source;
use models::{Optimize, Params};

use crate::{Error, Result, Task};

/// Decay of the smoothed loss per step.
const SMOOTH: f64 = 0.9;

/// The test ends when the smoothed loss has risen from its minimum by three times the first loss.
const CLIMB: f64 = 3.0;

/// What a learning-rate range test found.
#[derive(Clone, Debug, PartialEq)]
pub struct LrRange {
    /// The rate of each step; the ratio between steps is constant.
    pub rates: Vec<f32>,
    /// The loss of each step, smoothed.
    pub losses: Vec<f64>,
}

impl LrRange {
    /// The rate at which the loss falls fastest over the logarithm of the rate: a good peak rate for a schedule. `None` if the loss
    /// never falls.
    pub fn steepest(&self) -> Option<f32> {
        let falls = self.losses.windows(2).zip(&self.rates).map(|(pair, rate)| (pair[1] - pair[0], *rate));
        let (fall, rate) = falls.min_by(|a, b| a.0.total_cmp(&b.0))?;
        (fall < 0.0).then_some(rate)
    }

    /// The curve, whose horizontal axis is the logarithm (base 10) of the rate.
    #[cfg(feature = "plots")]
    pub fn panel(&self) -> plot::Panel {
        let points = self.rates.iter().zip(&self.losses).map(|(rate, loss)| (f64::from(rate.log10()), *loss));
        let curve = plot::Series::new("", points);
        plot::Panel::new("Learning-rate range test", "log10 of the rate", "loss").with(curve)
    }
}

/// Trains for at most `steps` steps with rates that grow geometrically from `from` to `to`, until the loss explodes (Smith 2017,
/// "Cyclical learning rates for training neural networks"). Parameters and generator are restored afterwards; the optimizer is consumed.
///
/// ```
/// use autograd::Device;
/// use data::Source;
/// use models::{Init, Params, Sgd};
/// use train::{StepOutput, Result, Task, lr_range_test};
///
/// /// A parabola: every rate below 1 descends, larger ones explode.
/// struct Parabola(Params);
///
/// impl Task for Parabola {
///     type Batch = ();
///     fn train(&self, _: &()) -> Result<StepOutput> {
///         Ok(StepOutput::new(self.0.get("x").unwrap().value().square()))
///     }
/// }
///
/// impl Source for Parabola {
///     type Batch = ();
///     fn steps(&self) -> usize {
///         7
///     }
///     fn batches(&self, _: usize, skip: usize) -> impl Iterator<Item = ()> {
///         (skip..7).map(|_| ())
///     }
/// }
///
/// let params = Params::new(&Device::named("cpu")?, 0);
/// let x = params.param("x", &[], Init::ONES);
/// let parabola = Parabola(params.clone());
/// let found = lr_range_test(&params, Sgd::new(&params), &parabola, &parabola, (1e-4, 1e2), 100)?;
/// assert!(found.rates.len() < 100, "it explodes");
/// assert!((0.005..1.0).contains(&found.steepest().unwrap()));
/// assert_eq!(x.value().item()?, 1.0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// Whatever goes wrong on the device, or in the task; [`Error::Training`] for an invalid range, fewer than 2
/// steps, or a source without batches.
#[doc(alias("lr_find", "LRFinder"))]
pub fn lr_range_test<T: Task>(
    params: &Params,
    mut optimizer: impl Optimize,
    task: &T,
    source: &impl Source<Batch = T::Batch>,
    (from, to): (f32, f32),
    steps: usize,
) -> Result<LrRange> {
    if !(from > 0.0 && from < to && to.is_finite() && steps > 1) {
        return Err(Error::Training(format!("{steps} steps with rates from {from} to {to} are no range")));
    }
    if source.steps() == 0 {
        return Err(Error::Training("a range of rates needs batches, and an epoch has none".into()));
    }
    let before = params.to_safetensors()?;
    let draws = params.generator().state();
    let found = climb(&mut optimizer, task, source, (from, to), steps);
    // Restored even if a step failed.
    params.load_safetensors(&before)?;
    params.generator().set_state(draws);
    found
}

/// Trains with growing rates until the loss explodes.
fn climb<T: Task>(
    optimizer: &mut impl Optimize,
    task: &T,
    source: &impl Source<Batch = T::Batch>,
    (from, to): (f32, f32),
    steps: usize,
) -> Result<LrRange> {
    let mut found = LrRange { rates: vec![], losses: vec![] };
    let mut smoothed = 0.0;
    let batches = (0..).flat_map(|epoch| source.batches(epoch, 0)).take(steps);
    for (step, batch) in batches.enumerate() {
        let lr = f64::from(from) * f64::from(to / from).powf(step as f64 / (steps - 1) as f64);
        let loss = task.train(&batch)?.loss;
        let value = f64::from(loss.item()?);
        smoothed = SMOOTH * smoothed + (1.0 - SMOOTH) * value;
        let unbiased = smoothed / (1.0 - SMOOTH.powi(step as i32 + 1));
        let lowest = found.losses.iter().copied().fold(unbiased, f64::min);
        // The loss may have any sign, so the rise is compared with the absolute first loss.
        let first = *found.losses.first().unwrap_or(&unbiased);
        if !unbiased.is_finite() || unbiased - lowest > CLIMB * first.abs().max(1e-12) {
            break;
        }
        found.rates.push(lr as f32);
        found.losses.push(unbiased);
        optimizer.step(loss.backward(), lr as f32)?;
    }
    Ok(found)
}
