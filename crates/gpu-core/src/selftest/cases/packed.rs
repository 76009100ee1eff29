use std::sync::Arc;

use super::{Case, Words, attention, conv2d, layer_norm, matmul, pool2d};
use crate::kernels::{Halves, Packed};
use crate::{Access, Half};

/// The cases of kernels that read and write activations, with those in halves.
pub(super) fn cases() -> Vec<Case> {
    let families =
        [attention::cases(), conv2d::cases(), layer_norm::cases(), matmul::cases(), pool2d::cases()].concat();
    let halves = [Half::F16, Half::BF16].into_iter().cycle();
    let packed_both = |(case, half): (&Case, Half)| {
        let read = packed(case, half, &[Access::Read]);
        let both = packed(case, half, &[Access::Read, Access::Write]);
        [read, both.filter(|_| case.types[0] == Words::Floats)]
    };
    let all = families.iter().zip(halves).flat_map(packed_both).flatten();
    let large = std::iter::once(matmul::large()).chain(conv2d::large()).chain(attention::large());
    all.chain(large.filter_map(|case| packed(&case, Half::F16, &[Access::Read]))).collect()
}

/// The case with its float arguments of some access packed; `None` if there are none, or the kernel can't pack them.
fn packed(case: &Case, half: Half, which: &[Access]) -> Option<Case> {
    let access = case.kernel.access();
    let packs =
        |a: usize| case.types[a] == Words::Floats && which.contains(&access[a]) && !case.args[a].is_empty();
    let count = |a: usize| case.args[a].len();
    let halves: Vec<_> = (0..access.len())
        .map(|a| packs(a).then(|| Halves { half, count: count(a), touched: count(a) }))
        .collect();
    let kernel =
        Packed::new(case.kernel.clone(), halves.clone()).filter(|_| halves.iter().any(Option::is_some))?;
    let mut case = Case { kernel: Arc::new(kernel), ..case.clone() };
    for a in (0..halves.len()).filter(|&a| halves[a].is_some()) {
        let mut words = vec![0u16; case.args[a].len().next_multiple_of(2)];
        half.pack(&case.args[a], &mut words[..case.args[a].len()]);
        case.args[a] = bytemuck::pod_collect_to_vec(&words);
        case.types[a] = Words::Halves(half);
    }
    Some(case)
}
