use super::{Case, noise};
use crate::kernels::ZeroRanges;

/// Ranges of one element, ranges larger than a workgroup, and more ranges than one dispatch takes.
pub(super) fn cases() -> Vec<Case> {
    let many = (0..600).map(|i| 3 * i + 1..3 * i + 3).collect();
    [vec![5..6, 64..200, 255..256], many]
        .map(|ranges| Case::new(ZeroRanges { ranges }, 0.0).floats(&noise(2000, 1)))
        .to_vec()
}
