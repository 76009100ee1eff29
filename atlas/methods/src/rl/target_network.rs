//! Target networks: slowly updated copies of another network.

use autograd::{Result, Transaction};
use models::Params;

/// Moves every parameter and buffer of `target` by a share `tau` towards the one of the same name in `source`: 1 copies it (the hard update
/// of Mnih et al. 2015), a small `tau` gives a moving average (Lillicrap et al. 2016), such as the momentum encoders of MoCo and BYOL with
/// momentum `1 - tau`. Freeze the target's parameters so that no gradients are computed for them.
///
/// ```
/// use autograd::Device;
/// use methods::rl::update_target;
/// use models::{Init, Params};
/// let device = Device::named("cpu")?;
/// let [source, target] = [1, 2].map(|seed| Params::new(&device, seed));
/// source.param("weight", &[], Init::ONES);
/// let weight = target.param("weight", &[], Init::ZEROS);
/// update_target(&target, &source, 0.25)?;
/// assert_eq!(weight.value().item()?, 0.25);
/// update_target(&target, &source, 1.0)?;
/// assert_eq!(weight.value().item()?, 1.0);
/// # Ok::<(), autograd::Error>(())
/// ```
///
/// # Errors
/// Whatever goes wrong on the device; the target is as it was then.
///
/// # Panics
/// When `source` lacks a name of the target, or has another shape for it.
#[track_caller]
pub fn update_target(target: &Params, source: &Params, tau: f32) -> Result<()> {
    let mut step = Transaction::default();
    for param in target.all() {
        let from = source.get(param.name());
        let from = from.unwrap_or_else(|| panic!("update_target: the source has no {}", param.name()));
        let value = from.value().detach();
        // A copy: sharing the source's memory would keep the optimizer from updating it in place.
        let moved = if tau == 1.0 { value * 1.0 } else { param.value().detach().lerp(&value, tau) };
        step = param.write(&moved, step);
    }
    step.run()
}
