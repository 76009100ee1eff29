//! The timed race between the variants of a kernel.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::kernel::Access;
use crate::{Arg, Buffer, CommandGraph, Device, Kernel, Launch, Result, Role, Slot};

/// Rounds after the first, in which every variant that is still in the race runs once.
const ROUNDS: usize = 3;
/// Least duration of a timed run after the first: shorter kernels are launched several times.
const RUN: Duration = Duration::from_millis(2);
const MOST_LAUNCHES: usize = 64;
/// A variant slower than the best by this factor in the first round is out; later ones by the second.
const OUT: [f64; 2] = [1.5, 1.1];
/// What a variant's results may differ from the first's, relative to the largest. More is a driver that is wrong.
const TOLERANCE: f32 = 1e-3;

/// A variant in the race.
struct Runner {
    /// Its place among the options.
    option: usize,
    graph: CommandGraph,
    /// Seconds of one launch, the least so far.
    best: f64,
}

/// The number of the fastest option, for arguments of `args` bytes; `None` when `left` ran out or nothing could be run.
/// The time taken is subtracted from `left`.
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
    let winner = device.undisturbed(|| run(device, options, args, start + *left));
    // The losers may have needed more.
    device.release_temporaries();
    *left = left.saturating_sub(start.elapsed());
    winner
}

fn run(
    device: &Device,
    options: &[(String, Arc<dyn Kernel>)],
    args: &[usize],
    deadline: Instant,
) -> Option<usize> {
    let buffers: Vec<Buffer> = args.iter().map(|&bytes| fill(device, bytes)).collect::<Result<_>>().ok()?;
    let mut runners: Vec<Runner> = vec![];
    let mut expected = None;
    for (option, (_, kernel)) in options.iter().enumerate() {
        if Instant::now() > deadline {
            return None;
        }
        // A variant that does not compile, or does not fit the memory, is out.
        let Ok(runner) = first_round(device, &buffers, option, kernel, args) else { continue };
        let Ok(got) = written(device, &buffers, &**kernel) else { continue };
        if agrees(expected.get_or_insert_with(|| got.clone()), &got) {
            runners.push(runner);
        }
    }
    drop_slow(&mut runners, OUT[0]);
    for runner in &mut runners {
        let launches = (RUN.as_secs_f64() / runner.best).ceil().clamp(1.0, MOST_LAUNCHES as f64);
        let kernel = &options[runner.option].1;
        runner.graph = graph(device, kernel, args, launches as usize);
    }
    for _ in 0..ROUNDS {
        if runners.len() < 2 || Instant::now() > deadline {
            break;
        }
        for runner in &mut runners {
            let seconds = time(device, &buffers, runner).ok()?;
            runner.best = runner.best.min(seconds / runner.graph.launches().len() as f64);
        }
        drop_slow(&mut runners, OUT[1]);
    }
    runners.into_iter().min_by(|a, b| a.best.total_cmp(&b.best)).map(|r| r.option)
}

/// Compiles a variant and runs it twice: once to warm up, once for a first figure.
fn first_round(
    device: &Device,
    buffers: &[Buffer],
    option: usize,
    kernel: &Arc<dyn Kernel>,
    args: &[usize],
) -> Result<Runner> {
    let mut runner = Runner { option, graph: graph(device, kernel, args, 1), best: f64::INFINITY };
    time(device, buffers, &runner)?;
    runner.best = time(device, buffers, &runner)?;
    Ok(runner)
}

fn drop_slow(runners: &mut Vec<Runner>, factor: f64) {
    let best = runners.iter().map(|r| r.best).fold(f64::INFINITY, f64::min);
    runners.retain(|r| r.best <= best * factor);
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

/// Seconds of one run.
fn time(device: &Device, buffers: &[Buffer], runner: &Runner) -> Result<f64> {
    let start = Instant::now();
    runner.graph.run(device, buffers)?;
    device.synchronize()?;
    Ok(start.elapsed().as_secs_f64())
}

/// A buffer of floats between -1 and 1.
fn fill(device: &Device, bytes: usize) -> Result<Buffer> {
    let value = |i: u32| (i.wrapping_mul(0x9e37_79b9) >> 8) as f32 / (1 << 23) as f32 - 1.0;
    let values: Vec<f32> = (0..bytes.div_ceil(4) as u32).map(value).collect();
    device.upload(bytemuck::cast_slice(&values), Role::Activation)
}

/// What the kernel wrote.
fn written(device: &Device, buffers: &[Buffer], kernel: &dyn Kernel) -> Result<Vec<Vec<f32>>> {
    let outputs = buffers.iter().zip(kernel.access()).filter(|(_, access)| *access != Access::Read);
    outputs.map(|(buffer, _)| device.read(buffer, 0, buffer.bytes() / 4 * 4).wait()).collect()
}

fn agrees(expected: &[Vec<f32>], got: &[Vec<f32>]) -> bool {
    expected.iter().zip(got).all(|(expected, got)| {
        let largest = expected.iter().fold(0.0f32, |m, x| m.max(x.abs()));
        expected.iter().zip(got).all(|(e, g)| (e - g).abs() <= TOLERANCE * largest)
    })
}
