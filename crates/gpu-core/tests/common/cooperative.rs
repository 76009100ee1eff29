//! Devices with cooperative matrices, and operands of f16.

use std::sync::{Mutex, MutexGuard};

use gpu_core::kernels::Halves;
use gpu_core::{Cooperative, Device, GpuFamily, GpuProfile, Half, testing};

/// A test takes the device for another, or counts the points that it passes.
pub fn alone() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(|e| e.into_inner())
}

/// A GPU of some maker with those matrices.
pub fn with(cooperative: Cooperative) -> GpuProfile {
    GpuProfile { family: GpuFamily::Other, subgroup: None, cooperative: Some(cooperative) }
}

/// The GPU and its cooperative matrices, if it has any, which `WGRAD_REQUIRE_COOPERATIVE=1` demands.
pub fn cooperating() -> Option<(Device, Cooperative)> {
    let device = testing::gpu()?;
    let cooperative = device.info().cooperative;
    if cooperative.is_none() {
        let required = std::env::var("WGRAD_REQUIRE_COOPERATIVE").is_ok_and(|v| v == "1");
        assert!(!required, "WGRAD_REQUIRE_COOPERATIVE=1, but {} has no cooperative matrices", device.info());
        println!("{} has no cooperative matrices: not run there", device.info());
    }
    Some((device, cooperative?))
}

/// Values as f16 in words, and the values that these have.
pub fn halves(values: &[f32]) -> (Vec<u32>, Vec<f64>) {
    let rounded: Vec<half::f16> = values.iter().map(|&x| half::f16::from_f32(x)).collect();
    let words = rounded
        .chunks(2)
        .map(|pair| u32::from(pair[0].to_bits()) | pair.get(1).map_or(0, |x| u32::from(x.to_bits())) << 16);
    (words.collect(), rounded.iter().map(|x| x.to_f64()).collect())
}

/// An argument of that many elements that is stored as f16.
pub fn half(count: usize) -> Option<Halves> {
    Some(Halves { half: Half::F16, count, touched: count })
}
