//! Element-wise epilogues of launches, on GPUs.

use std::sync::Mutex;

use autograd::{Device, Passes, Tensor, evaluate, plans, set_fusion};
use gpu_core::testing;

fn noise(device: &Device, shape: &[usize], seed: u64) -> Tensor {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 40) as f32 / (1 << 23) as f32 - 1.0
    };
    let values: Vec<f32> = (0..shape.iter().product()).map(|_| next()).collect();
    Tensor::from_slice(device, &values, shape).unwrap()
}

/// Computes results on a GPU, and compares them with unfused ones and the CPU's. Returns the names of the newest plan's launches, and
/// its passes.
fn launches(f: impl Fn(&Device) -> Vec<Tensor>) -> Option<(Vec<&'static str>, Passes)> {
    // The newest plan has to be that of this test.
    static TURN: Mutex<()> = Mutex::new(());
    let _alone = TURN.lock().unwrap_or_else(|e| e.into_inner());
    let values = |device: &Device| {
        let all = f(device);
        evaluate(&all.iter().collect::<Vec<_>>()).unwrap();
        all.iter().map(|t| t.to_vec::<f32>().unwrap()).collect::<Vec<_>>()
    };
    let want = values(&Device::named("cpu").unwrap());
    let device = testing::gpu()?;
    set_fusion(false);
    let unfused = values(&device);
    set_fusion(true);
    let got = values(&device);
    for ((got, want), unfused) in got.iter().zip(&want).zip(&unfused) {
        let scale = want.iter().fold(1f32, |most, x| most.max(x.abs()));
        for ((got, want), unfused) in got.iter().zip(want).zip(unfused) {
            assert!(
                (got - want).abs() <= 1e-5 * scale && (unfused - want).abs() <= 1e-5 * scale,
                "{got}, {want}"
            );
        }
    }
    let plan = plans(&device).pop().expect("the plan just run");
    Some((plan.launches().iter().map(|l| l.kernel().name()).collect(), plan.passes().clone()))
}

#[test]
fn bias_activation_and_residual_join_a_product() {
    let found = launches(|device| {
        let [x, w, b] = [&[20, 24][..], &[24, 20], &[20]].map(|shape| noise(device, shape, 1));
        vec![(x.matmul(&w) + &b).gelu() + noise(device, &[20, 20], 2)]
    });
    let Some((names, passes)) = found else { return };
    assert_eq!((names, passes.epilogues), (vec!["matmul"], 1));
}

#[test]
fn results_with_other_readers_are_kept() {
    let found = launches(|device| {
        let y = noise(device, &[12, 16], 1).matmul(&noise(device, &[16, 8], 2));
        let relu = y.relu();
        vec![relu.matmul(&noise(device, &[8, 5], 3)), y.sum(&[1], false), y]
    });
    let Some((names, passes)) = found else { return };
    assert_eq!((names.len(), passes.epilogues), (3, 1), "{names:?}");
}

/// Code that reads two products can be an epilogue only of the later one.
#[test]
fn code_waits_for_everything_that_it_reads() {
    let found = launches(|device| {
        let product = |seed| noise(device, &[9, 16], seed).matmul(&noise(device, &[16, 8], seed + 1));
        let (a, b) = (product(1), product(3));
        vec![&a * &b, b.sum(&[0], false)]
    });
    let Some((names, passes)) = found else { return };
    assert_eq!((names.len(), passes.epilogues), (3, 1), "{names:?}");
}

/// A result that is read in another order, or broadcast, is read from memory.
#[test]
fn only_whole_results_in_their_order_are_fused() {
    let found = launches(|device| {
        let y = noise(device, &[8, 16], 1).matmul(&noise(device, &[16, 8], 2));
        let row = noise(device, &[1, 16], 3).matmul(&noise(device, &[16, 8], 4));
        vec![y.transpose(0, 1).exp(), noise(device, &[8, 8], 5) + row]
    });
    let Some((names, passes)) = found else { return };
    assert_eq!((names.len(), passes.epilogues, passes.horizontal), (3, 0, 1), "{names:?}");
}
