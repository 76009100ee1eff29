use super::{Case, noise};
use crate::kernels::{AdamStep, SgdStep};

/// A multiple of 4, for vectors, and not.
const COUNTS: [usize; 2] = [1000, 37];

pub(super) fn cases() -> Vec<Case> {
    COUNTS
        .into_iter()
        .flat_map(|count| [sgd(count, false), sgd(count, true), adam(count, false), adam(count, true)])
        .collect()
}

fn sgd(count: usize, momentum: bool) -> Case {
    let hyper = [0.1, 0.9, 0.0, 1e-2, 0.0, 0.75];
    let kernel = SgdStep { count, momentum, nesterov: momentum, maximize: false, copies: false };
    let case =
        Case::new(kernel, 2e-6).floats(&hyper).words(&[1]).floats(&noise(count, 1)).floats(&noise(count, 2));
    if momentum { case.floats(&noise(count, 3)) } else { case }
}

fn adam(count: usize, amsgrad: bool) -> Case {
    let hyper = [1e-3, 0.9, 0.999, 1e-8, 1e-2, 0.271, 0.0547, 0.75];
    let squares = |seed| noise(count, seed).iter().map(|x| x * x).collect::<Vec<f32>>();
    let kernel = AdamStep { count, amsgrad, decoupled: amsgrad, maximize: false, copies: false };
    let case = Case::new(kernel, 2e-6).floats(&hyper).words(&[1]).floats(&noise(count, 1));
    let case = case.floats(&noise(count, 2)).floats(&noise(count, 3)).floats(&squares(4));
    if amsgrad { case.floats(&squares(5)) } else { case }
}
