//! Random numbers: known answers, the same words on every device, and their distributions.

use std::sync::Arc;

use gpu_core::Kernel;
use gpu_core::kernels::{Random, RandomKind};
use gpu_core::philox::{normal, philox, uniform};
use gpu_core::testing::{check_twin, devices, run_kernel};

#[test]
fn known_answers_of_random123() {
    assert_eq!(philox(0, 0, 0), [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8]);
    assert_eq!(philox(!0, !0, !0), [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd]);
    let pi = philox(0x299f31d0_a4093822, 0x85a308d3_243f6a88, 0x03707344_13198a2e);
    assert_eq!(pi, [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1]);
}

fn seed(key: u64, stream: u64) -> Vec<u32> {
    vec![key as u32, (key >> 32) as u32, stream as u32, (stream >> 32) as u32]
}

const SEEDS: [(u64, u64); 4] = [(0, 0), (!0, !0), (0x299f31d0_a4093822, 0x03707344_13198a2e), (7, 1 << 40)];

#[test]
fn uniform_numbers_are_equal_on_every_device() {
    for (key, stream) in SEEDS {
        for count in [1, 2, 7, 10_003] {
            let kernel: Arc<dyn Kernel> = Arc::new(Random { kind: RandomKind::Uniform, count });
            let want = |i: usize| uniform(philox(key, i as u64 / 4, stream)[i % 4]).to_bits();
            let want: Vec<u32> = (0..count).map(want).collect();
            let args = [seed(key, stream), vec![0; count]];
            check_twin(kernel.clone(), &args, &[false; 2], 0.0);
            for device in devices() {
                assert_eq!(run_kernel(&device, kernel.clone(), &args)[1], want);
            }
        }
    }
}

#[test]
fn normal_numbers_have_their_moments() {
    let count = 20_001;
    let kernel: Arc<dyn Kernel> = Arc::new(Random { kind: RandomKind::Normal, count });
    for (key, stream) in SEEDS {
        let args = [seed(key, stream), vec![0; count]];
        // Relative to the largest number, which is about 4.
        check_twin(kernel.clone(), &args, &[false, true], 2e-6);
        for device in devices() {
            let y = run_kernel(&device, kernel.clone(), &args).remove(1);
            let y: Vec<f64> = y.into_iter().map(|w| f64::from(f32::from_bits(w))).collect();
            for (i, &y) in y.iter().enumerate() {
                let words = philox(key, i as u64 / 4, stream);
                let pair = normal(words[i % 4 / 2 * 2], words[i % 4 / 2 * 2 + 1]);
                assert!((f64::from(pair[i % 2]) - y).abs() < 1e-5);
            }
            let moment = |k: i32| y.iter().map(|y| y.powi(k)).sum::<f64>() / count as f64;
            assert!(
                moment(1).abs() < 0.03 && (moment(2) - 1.0).abs() < 0.04 && (moment(4) - 3.0).abs() < 0.4
            );
        }
    }
}

#[test]
fn bernoulli_numbers_have_their_rate() {
    let count = 10_001;
    for p in [0.0, 0.3, 1.0f32] {
        let kernel: Arc<dyn Kernel> = Arc::new(Random { kind: RandomKind::Bernoulli, count });
        let args = [seed(5, 6), vec![p.to_bits()], vec![0; count]];
        check_twin(kernel.clone(), &args, &[false; 3], 0.0);
        for device in devices() {
            let y = run_kernel(&device, kernel.clone(), &args).remove(2);
            assert!(y.iter().all(|&w| w == 0 || w == 1.0f32.to_bits()));
            let rate = y.iter().filter(|&&w| w != 0).count() as f32 / count as f32;
            assert!((rate - p).abs() < 0.015, "{rate} instead of {p}");
        }
    }
}
