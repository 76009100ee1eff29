//! The expected losses of the workloads.

use std::collections::HashMap;

use crate::workload::Workload;

/// Relative tolerance of the first loss, which depends only on the forward pass.
const FIRST: f64 = 1e-4;
/// Relative tolerance of later losses per step: training amplifies rounding. PyTorch's own channels-last ResNet-18 is 3.4 % off at step 10.
const LATER: f64 = 5e-3;

/// Compares the losses of the first steps with those of PyTorch in float64.
pub fn check(workload: Workload, losses: &[f32]) -> Result<(), String> {
    let curves: HashMap<String, Vec<f64>> =
        serde_json::from_str(include_str!("reference.json")).expect("the reference is valid");
    for (step, (&got, &want)) in losses.iter().zip(&curves[workload.name()]).enumerate() {
        let tolerance = FIRST.max(LATER * step as f64);
        let error = (f64::from(got) / want - 1.0).abs();
        if error.is_nan() || error > tolerance {
            return Err(format!("wrong loss {got} at step {step}, should be {want}"));
        }
    }
    Ok(())
}
