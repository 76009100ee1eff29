//! The losses that tie two translators to each other without paired examples (Zhu et al. 2017).

use autograd::{Reduction, Tensor};

/// The cycle consistency loss `mean |back(there(x)) - x| + mean |there(back(y)) - y|` (Zhu et al. 2017, equation 2), for translations
/// `there` from the domain of `x` to that of `y`, and `back`.
///
/// ```
/// use autograd::{Device, Tensor};
/// use methods::generative::cycle_loss;
/// let device = Device::named("cpu")?;
/// let (x, y) = (Tensor::ones(&device, &[4, 2]), Tensor::zeros(&device, &[4, 2]));
/// assert_eq!(cycle_loss(|x| x + 1.0, |y| y - 1.0, &x, &y).item()?, 0.0);
/// assert_eq!(cycle_loss(|x| x + 1.0, |y| y * 1.0, &x, &y).item()?, 2.0);
/// # Ok::<(), autograd::Error>(())
/// ```
#[track_caller]
pub fn cycle_loss(
    there: impl Fn(&Tensor) -> Tensor,
    back: impl Fn(&Tensor) -> Tensor,
    x: &Tensor,
    y: &Tensor,
) -> Tensor {
    let of_x = back(&there(x)).l1_loss(x, Reduction::Mean);
    of_x + there(&back(y)).l1_loss(y, Reduction::Mean)
}

/// The identity loss `mean |there(y) - y| + mean |back(x) - x|` (Zhu et al. 2017, section 5.2): inputs already in the target domain should
/// not change.
///
/// # Panics
/// When a translation changes the shape.
#[track_caller]
pub fn identity_loss(
    there: impl Fn(&Tensor) -> Tensor,
    back: impl Fn(&Tensor) -> Tensor,
    x: &Tensor,
    y: &Tensor,
) -> Tensor {
    there(y).l1_loss(y, Reduction::Mean) + back(x).l1_loss(x, Reduction::Mean)
}
