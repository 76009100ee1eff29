//! Damaged checkpoints give an error or exactly what was saved. `WGRAD_FUZZ_SECONDS=600` runs longer.

use std::time::{Duration, Instant};

use autograd::Device;
use models::{Adam, Init, Params};
use tempfile::TempDir;
use train::{Checkpoints, Parts};

/// Number of cases without `WGRAD_FUZZ_SECONDS`.
const CASES: u64 = 500;

fn model(start: f32) -> (Params, Adam) {
    let params = Params::new(&Device::named("cpu").unwrap(), 0);
    params.param("w", &[7, 5], Init::Constant(start));
    params.param("b", &[3], Init::Constant(start));
    let opt = Adam::new(&params);
    (params, opt)
}

fn values(params: &Params, opt: &Adam) -> Vec<Vec<f32>> {
    let own = params.all().into_iter().map(|p| p.value());
    let state = opt.state().into_iter().map(|(_, t)| t);
    own.chain(state).map(|t| t.to_vec::<f32>().unwrap()).collect()
}

/// Random numbers of a case (SplitMix64).
struct Draws(u64);

impl Draws {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) as usize % limit.max(1)
    }
}

/// One to three changes: flipped bits, changed bytes, truncation, pieces removed, repeated or reversed, changed digits.
fn damage(bytes: &mut Vec<u8>, draws: &mut Draws) {
    for _ in 0..=draws.below(3) {
        let (at, length) = (draws.below(bytes.len()), 1 + draws.below(40));
        let end = bytes.len().min(at + length);
        match draws.below(7) {
            _ if bytes.is_empty() => {}
            0 => bytes[at] ^= 1 << draws.below(8),
            1 => bytes[at] = draws.below(256) as u8,
            2 => bytes.truncate(at),
            3 => drop(bytes.drain(at..end)),
            4 => {
                let piece = bytes[at..end].to_vec();
                bytes.splice(at..at, piece);
            }
            5 => bytes[at..end].reverse(),
            _ => {
                let digits: Vec<usize> = (8..bytes.len()).filter(|&i| bytes[i].is_ascii_digit()).collect();
                if let Some(&digit) = digits.get(draws.below(digits.len())) {
                    bytes[digit] = b'0' + draws.below(10) as u8;
                }
            }
        }
    }
}

#[test]
fn damaged_checkpoints_are_refused_or_whole() {
    let directory = TempDir::new().unwrap();
    let (params, mut opt) = model(1.0);
    let loss =
        || params.trainable().iter().map(|p| p.value().square().sum_all()).reduce(|a, b| a + b).unwrap();
    for _ in 0..3 {
        opt.step(loss().backward(), 0.1).unwrap();
    }
    let mut checkpoints = Checkpoints::new(directory.path()).unwrap();
    checkpoints
        .save(&Parts { params: &params, optimizer: &mut opt, average: None, scaler: None, outer: None }, 5)
        .unwrap();
    checkpoints.finish().unwrap();
    let (want, path) = (values(&params, &opt), checkpoints.list().remove(0).1);
    let good = std::fs::read(&path).unwrap();
    let seconds =
        std::env::var("WGRAD_FUZZ_SECONDS").ok().and_then(|s| s.parse().ok()).map(Duration::from_secs);
    let (start, mut counts) = (Instant::now(), [0u64; 2]);
    for case in 0.. {
        if seconds.map_or(case >= CASES, |limit| start.elapsed() >= limit) {
            break;
        }
        let mut bytes = good.clone();
        damage(&mut bytes, &mut Draws(case));
        std::fs::write(&path, &bytes).unwrap();
        let (other, mut opt) = model(-1.0);
        let mut parts =
            Parts { params: &other, optimizer: &mut opt, average: None, scaler: None, outer: None };
        let resumed = checkpoints.resume(&mut parts, 5);
        counts[usize::from(resumed.is_err())] += 1;
        if let Ok(steps) = resumed {
            assert_eq!((steps, values(&other, &opt)), (Some(3), want.clone()), "case {case}");
        }
    }
    println!("{} cases, {} accepted, {} refused", counts[0] + counts[1], counts[0], counts[1]);
    assert!(counts[1] > 100, "damage is noticed");
}
