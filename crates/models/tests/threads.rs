//! Several threads use one device and one model. `WGRAD_STRESS=10000` sets the number of rounds.

use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use autograd::{Device, Role, SgdStep, State, Tensor, Transaction};
use gpu_core::testing;
use models::{Adam, Mlp, Params};
use rayon::prelude::*;

fn rounds(normally: usize) -> usize {
    std::env::var("WGRAD_STRESS").ok().and_then(|n| n.parse().ok()).unwrap_or(normally)
}

/// One step of SGD at rate 1 with a gradient of ones.
fn descend(flat: &State) {
    let old = flat.value();
    let hyper = Tensor::scalars(old.device(), &[1.0f32, 0.0, 0.0, 0.0, 1.0, 1.0]);
    let ok = Tensor::scalars(old.device(), &[1u32]);
    let sgd = SgdStep { momentum: false, nesterov: false, maximize: false };
    let new = sgd.apply(&hyper, &ok, &old.ones_like(), &[old]).remove(0);
    Transaction::default().write(flat, new).run().unwrap();
}

#[test]
fn two_threads_read_the_result_of_a_step() {
    for device in testing::devices() {
        for round in 0..rounds(if device.info().backend == "cpu" { 300 } else { 60 }) {
            let start = Tensor::from_slice(&device, &[2.0f32; 256], &[256]).unwrap();
            let flat = State::new(&start, Role::Parameter);
            descend(&flat);
            let (barrier, result) = (Barrier::new(2), flat.value() * 1.0);
            std::thread::scope(|scope| {
                for _ in 0..2 {
                    scope.spawn(|| {
                        barrier.wait();
                        assert_eq!(result.to_vec::<f32>().unwrap(), [1.0; 256], "round {round}");
                        assert_eq!(flat.value().to_vec::<f32>().unwrap(), [1.0; 256], "round {round}");
                    });
                }
            });
        }
    }
}

#[test]
fn two_threads_read_one_pending_graph() {
    for device in testing::devices() {
        for round in 0..rounds(if device.info().backend == "cpu" { 300 } else { 60 }) {
            let x = Tensor::from_slice(&device, &[0.5f32; 64], &[8, 8]).unwrap().variable();
            let hidden = x.matmul(&x).tanh();
            let y = (&hidden + &x).softmax(-1).matmul(&hidden);
            let barrier = Barrier::new(2);
            let read = || {
                barrier.wait();
                y.sum_all().item().unwrap().to_bits()
            };
            std::thread::scope(|scope| {
                let (a, b) = (scope.spawn(read), scope.spawn(read));
                assert_eq!(a.join().unwrap(), b.join().unwrap(), "round {round}");
            });
        }
    }
}

/// One thread writes a state while two others read versions of it.
#[test]
fn writers_and_readers_of_one_state() {
    for device in testing::devices() {
        let steps = rounds(if device.info().backend == "cpu" { 200 } else { 40 });
        let flat = State::new(&Tensor::from_slice(&device, &[0.0f32; 128], &[128]).unwrap(), Role::Parameter);
        descend(&flat);
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let readers: Vec<_> = (0..2)
                .map(|_| {
                    scope.spawn(|| {
                        let mut reads = 0;
                        while !done.load(Relaxed) || reads == 0 {
                            let version = flat.value();
                            let first = version.to_vec::<f32>().unwrap();
                            // All elements of a version are from the same step, and a version does not change.
                            assert!(first.iter().all(|v| *v == first[0]), "{first:?}");
                            assert_eq!((&version * 1.0).to_vec::<f32>().unwrap(), first);
                            reads += 1;
                        }
                    })
                })
                .collect();
            for _ in 1..steps {
                descend(&flat);
            }
            done.store(true, Relaxed);
            readers.into_iter().for_each(|reader| reader.join().unwrap());
        });
        assert_eq!(flat.value().to_vec::<f32>().unwrap(), vec![-(steps as f32); 128]);
    }
}

/// A learner's losses do not depend on what an actor reads of its model at the same time.
#[test]
fn a_learner_and_an_actor_share_a_model() {
    for device in testing::devices() {
        let steps = rounds(if device.info().backend == "cpu" { 60 } else { 12 });
        let losses = |act: bool| -> Vec<u32> {
            let params = Params::new(&device, 5);
            let net = Mlp::new(&params, &[4, 32, 2]);
            let mut opt = Adam::new(&params);
            let x: Vec<f32> = (0..64).map(|i| (i % 13) as f32 / 13.0).collect();
            let x = Tensor::from_slice(&device, &x, &[16, 4]).unwrap();
            let done = AtomicBool::new(false);
            std::thread::scope(|scope| {
                if act {
                    scope.spawn(|| {
                        while !done.load(Relaxed) {
                            let policy = net.forward(&x.narrow(0, 0, 3)).softmax(-1).to_vec::<f32>().unwrap();
                            assert!(policy.chunks(2).all(|p| (p[0] + p[1] - 1.0).abs() < 1e-5), "{policy:?}");
                        }
                    });
                }
                let step = |_| {
                    let loss = (net.forward(&x) - x.narrow(1, 0, 2)).square().mean_all();
                    opt.step(loss.backward(), 0.01).unwrap();
                    loss.item().unwrap().to_bits()
                };
                let losses = (0..steps).map(step).collect();
                done.store(true, Relaxed);
                losses
            })
        };
        assert_eq!(losses(true), losses(false), "{}", device.info());
    }
}

/// Tensors in nested rayon tasks, in pools of several sizes.
#[test]
fn tensors_in_rayon_tasks() {
    for device in testing::devices() {
        for threads in [3, 4, 8] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let tasks = rounds(if device.info().backend == "cpu" { 200 } else { 32 });
            let sums: Vec<f32> =
                pool.install(|| (0..tasks).into_par_iter().map(|i| inside(&device, i)).collect());
            for (i, sum) in sums.into_iter().enumerate() {
                assert_eq!(sum, 400.0 * (i as f32) + 400.0 * (i + 1) as f32, "{threads} threads");
            }
        }
    }
}

fn inside(device: &Device, i: usize) -> f32 {
    let sum = |i: usize| {
        let x = Tensor::full(device, i as f32, &[20, 20]).variable();
        let loss = (&x * &x).sum_all();
        let gradient = loss.backward().get(&x).unwrap().clone();
        (gradient / 2.0).sum_all().item().unwrap()
    };
    let (a, b) = rayon::join(|| sum(i), || sum(i + 1));
    a + b
}
