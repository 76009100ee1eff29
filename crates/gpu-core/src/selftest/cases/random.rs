use super::Case;
use crate::kernels::{Random, RandomKind};

pub(super) fn cases() -> Vec<Case> {
    let count = 1003;
    let seed = [0xa409_3822, 0x299f_31d0, 0x1319_8a2e, 0x0370_7344];
    let of = |kind, tolerance| Case::new(Random { kind, count }, tolerance).words(&seed);
    vec![
        of(RandomKind::Uniform, 0.0).writes_words(count),
        of(RandomKind::Normal, 3e-6).writes(count),
        of(RandomKind::Bernoulli, 0.0).floats(&[0.3]).writes_words(count),
    ]
}
