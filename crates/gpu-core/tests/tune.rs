//! The tuner: a class of shapes is raced once, the choice is kept, and results stay right.

use std::sync::Arc;

use gpu_core::kernels::MatMul;
use gpu_core::testing::{gpu, run_kernel};
use gpu_core::{Device, Kernel, Layout};

#[test]
fn the_fastest_variant_is_found_and_kept() {
    let cache = tempfile::tempdir().unwrap();
    // SAFETY: the only test of this program, and no thread was started yet.
    unsafe {
        std::env::set_var("WGRAD_CACHE", cache.path());
        std::env::set_var("WGRAD_TUNE", "on");
    }
    let Some(device) = gpu() else { return };
    let size = 48;
    let product = || -> Arc<dyn Kernel> {
        Arc::new(MatMul::new(Layout::contiguous(&[size, size]), Layout::contiguous(&[size, size])))
    };
    let bytes = [size * size * 4; 3];
    let chosen = device.tuned(product(), &bytes);
    let raced = device.stats();
    assert!(raced.pipelines >= 2, "{raced:?}");

    let again = device.tuned(product(), &bytes);
    assert_eq!(format!("{chosen:?}"), format!("{again:?}"));
    assert_eq!(device.stats().submits, raced.submits, "no second race");

    let files: Vec<_> = std::fs::read_dir(cache.path()).unwrap().map(|f| f.unwrap().path()).collect();
    let kept = files.iter().find(|f| f.extension().is_some_and(|e| e == "json")).expect("a file of choices");
    let kept: serde_json::Value = serde_json::from_slice(&std::fs::read(kept).unwrap()).unwrap();
    let choices = kept["choices"].as_object().unwrap();
    assert!(choices.keys().all(|class| class.starts_with("matmul")) && choices.len() == 1, "{kept}");

    let values: Vec<u32> = (0..size * size).map(|i| ((i * 37 % 101) as f32 / 50.0 - 1.0).to_bits()).collect();
    let args = [values.clone(), values, vec![0; size * size]];
    let want = run_kernel(&Device::named("cpu").unwrap(), product(), &args);
    let got = run_kernel(&device, chosen, &args);
    for (got, want) in got[2].iter().zip(&want[2]).map(|(g, w)| (f32::from_bits(*g), f32::from_bits(*w))) {
        assert!((got - want).abs() < 1e-4, "{got} instead of {want}");
    }
    // On the CPU there is nothing to choose.
    let cpu = Device::named("cpu").unwrap();
    assert_eq!(format!("{:?}", cpu.tuned(product(), &bytes)), format!("{:?}", product()));
}
