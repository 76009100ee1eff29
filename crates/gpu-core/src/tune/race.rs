//! The timed race between the variants of a kernel.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use web_time::Instant;

use crate::kernel::Access;
use crate::{Arg, Buffer, CommandGraph, Device, Kernel, Launch, Result, Role, Slot};

/// Rounds after the first, in which every variant that is still in the race runs once.
const ROUNDS: usize = 3;
/// Least duration of a timed run after the first: shorter kernels are launched several times.
const RUN: Duration = Duration::from_millis(2);
const MOST_LAUNCHES: usize = 64;
/// A variant slower than the best by this factor in the first round is out; in later rounds, by the second factor.
const OUT: [f64; 2] = [1.5, 1.1];

/// The interface of a race to the device.
trait Course {
    /// Seconds of one launch of an option, after a warm-up launch; `None` if it can't run, or its results differ in any bit from those of
    /// the first option that can.
    fn enter(&mut self, option: usize) -> Option<f64>;

    /// Seconds of one launch, from a run of `launches`.
    fn time(&mut self, option: usize, launches: usize) -> Option<f64>;

    /// Whether the time for races is used up.
    fn late(&self) -> bool;
}

/// A variant in the race.
struct Runner {
    /// Its place among the options.
    option: usize,
    /// Launches of a timed run.
    launches: usize,
    /// Seconds of one launch, the least so far.
    best: f64,
}

/// The number of the fastest option, for arguments of `args` bytes; `None` when `left` ran out or no option could be
/// run. The time taken is subtracted from `left`.
pub(super) fn fastest(
    device: &Device,
    options: &[(String, Arc<dyn Kernel>)],
    args: &[usize],
    left: &mut Duration,
) -> Option<usize> {
    if left.is_zero() {
        return None;
    }
    let start = Instant::now();
    let winner = device.discarding_errors(|| {
        let upload = |&bytes: &usize| device.upload(&noise(bytes), Role::Activation);
        let buffers = args.iter().map(upload).collect::<Result<_>>().ok()?;
        let (graphs, expected, deadline) = (HashMap::new(), None, start + *left);
        run(options.len(), &mut OnDevice { device, options, args, buffers, graphs, expected, deadline })
    });
    // The losers may have needed more.
    device.release_temporaries();
    *left = left.saturating_sub(start.elapsed());
    winner
}

fn run(options: usize, course: &mut impl Course) -> Option<usize> {
    let mut runners: Vec<Runner> = vec![];
    for option in 0..options {
        if course.late() {
            return None;
        }
        if let Some(best) = course.enter(option) {
            let launches = (RUN.as_secs_f64() / best).ceil().clamp(1.0, MOST_LAUNCHES as f64) as usize;
            runners.push(Runner { option, launches, best });
        }
    }
    drop_slow(&mut runners, OUT[0]);
    for _ in 0..ROUNDS {
        if runners.len() < 2 || course.late() {
            break;
        }
        for runner in &mut runners {
            runner.best = runner.best.min(course.time(runner.option, runner.launches)?);
        }
        drop_slow(&mut runners, OUT[1]);
    }
    runners.into_iter().min_by(|a, b| a.best.total_cmp(&b.best)).map(|r| r.option)
}

fn drop_slow(runners: &mut Vec<Runner>, factor: f64) {
    let best = runners.iter().map(|r| r.best).fold(f64::INFINITY, f64::min);
    runners.retain(|r| r.best <= best * factor);
}

/// A race on a real device.
struct OnDevice<'a> {
    device: &'a Device,
    options: &'a [(String, Arc<dyn Kernel>)],
    /// Bytes of the arguments.
    args: &'a [usize],
    buffers: Vec<Buffer>,
    /// The graph that is timed for each option.
    graphs: HashMap<usize, CommandGraph>,
    /// What the first option wrote.
    expected: Option<Vec<Vec<u32>>>,
    deadline: Instant,
}

impl Course for OnDevice<'_> {
    fn enter(&mut self, option: usize) -> Option<f64> {
        let graph = graph(self.device, &self.options[option].1, self.args, 1);
        let got = self.written(&graph).ok()?;
        let same = *self.expected.get_or_insert_with(|| got.clone()) == got;
        if same { self.seconds(&graph).ok() } else { None }
    }

    fn time(&mut self, option: usize, launches: usize) -> Option<f64> {
        if !self.graphs.contains_key(&option) {
            self.graphs.insert(option, graph(self.device, &self.options[option].1, self.args, launches));
        }
        Some(self.seconds(&self.graphs[&option]).ok()? / launches as f64)
    }

    fn late(&self) -> bool {
        Instant::now() > self.deadline
    }
}

impl OnDevice<'_> {
    /// The words of all arguments that a run writes, from the same contents for every option.
    fn written(&self, graph: &CommandGraph) -> Result<Vec<Vec<u32>>> {
        let access = graph.launches()[0].kernel().access();
        let used = || self.buffers.iter().zip(&access);
        for (buffer, _) in used().filter(|(_, access)| **access == Access::ReadWrite) {
            self.device.write(buffer, &noise(buffer.bytes()))?;
        }
        graph.run(self.device, &self.buffers)?;
        let outputs = used().filter(|(_, access)| **access != Access::Read);
        outputs.map(|(buffer, _)| self.device.read(buffer, 0, buffer.bytes() / 4 * 4).wait()).collect()
    }

    /// Seconds of one run.
    fn seconds(&self, graph: &CommandGraph) -> Result<f64> {
        let start = Instant::now();
        graph.run(self.device, &self.buffers)?;
        self.device.synchronize()?;
        Ok(start.elapsed().as_secs_f64())
    }
}

/// `launches` launches of a kernel over external arguments.
fn graph(device: &Device, kernel: &Arc<dyn Kernel>, args: &[usize], launches: usize) -> CommandGraph {
    let mut slots: Vec<Slot> = args.iter().map(|&bytes| Slot::External { bytes }).collect();
    let mut bound: Vec<Arg> =
        args.iter().enumerate().map(|(slot, &bytes)| Arg { slot, offset: 0, bytes }).collect();
    let bytes = kernel.scratch(device.target());
    if bytes > 0 {
        bound.push(Arg { slot: slots.len(), offset: 0, bytes });
        slots.push(Slot::Temp { bytes, role: Role::Activation });
    }
    let launch = Launch::new(kernel.clone(), bound);
    CommandGraph::new(device.target(), slots, vec![launch; launches])
}

/// Floats between -1 and 1, as many as `bytes` have room for.
fn noise(bytes: usize) -> Vec<u8> {
    let value = |i: u32| (i.wrapping_mul(0x9e37_79b9) >> 8) as f32 / (1 << 23) as f32 - 1.0;
    (0..bytes as u32 / 4).flat_map(|i| value(i).to_le_bytes()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::philox::philox;

    /// A race timed by a random clock.
    struct Noise {
        seed: u64,
        draws: u64,
        /// What each option writes; `None` if it does not compile.
        bits: Vec<Option<u32>>,
        expected: Option<u32>,
    }

    impl Noise {
        fn new(seed: u64, bits: &[Option<u32>]) -> Noise {
            Noise { seed, draws: 0, bits: bits.to_vec(), expected: None }
        }

        fn seconds(&mut self) -> f64 {
            self.draws += 1;
            f64::from(philox(self.seed, self.draws, 0)[0] % 1000 + 1) * 1e-6
        }
    }

    impl Course for Noise {
        fn enter(&mut self, option: usize) -> Option<f64> {
            let got = self.bits[option]?;
            (*self.expected.get_or_insert(got) == got).then(|| self.seconds())
        }

        fn time(&mut self, _: usize, _: usize) -> Option<f64> {
            Some(self.seconds())
        }

        fn late(&self) -> bool {
            false
        }
    }

    #[test]
    fn whatever_the_clock_says_the_bits_are_those_of_the_first_option() {
        let bits = [None, Some(7), Some(8), Some(7), Some(9), Some(7)];
        let mut wins = [0; 6];
        for seed in 0..1000 {
            wins[run(bits.len(), &mut Noise::new(seed, &bits)).expect("some option runs")] += 1;
        }
        assert_eq!([wins[0], wins[2], wins[4]], [0; 3]);
        // The clock does decide between the others.
        assert!([wins[1], wins[3], wins[5]].iter().all(|&n| n > 200), "{wins:?}");
        assert_eq!(run(1, &mut Noise::new(1, &[None])), None);
    }
}
