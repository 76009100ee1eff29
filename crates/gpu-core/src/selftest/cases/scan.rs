use super::{Case, noise};
use crate::kernels::{Scan, ScanOp};

pub(super) fn cases() -> Vec<Case> {
    let sizes = [
        (ScanOp::Sum, 3, 7, 5),
        (ScanOp::Sum, 1, 700, 2),
        (ScanOp::Prod, 2, 65, 1),
        (ScanOp::LogSumExp, 2, 65, 3),
    ];
    let case = |(op, outer, len, inner)| {
        let x = noise(outer * len * inner, 1);
        let reverse = len == 65;
        Case::new(Scan { op, outer, len, inner, reverse }, 1e-5).floats(&x).writes(x.len())
    };
    sizes.map(case).to_vec()
}
