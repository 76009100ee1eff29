//! Runs itself by `mpirun`: every check on every rank; the first that fails ends all ranks.

use std::process::{Command, Output};
use std::time::{Duration, Instant};

use autograd::{Device, Gradients, Reduction, Tensor};
use distributed::{Compression, DataParallel, DiLoCo, Error, World};
use models::{Adam, Linear, Optimize, Params, Sgd};

type Outcome = Result<(), Box<dyn std::error::Error>>;

fn device() -> Device {
    Device::best().unwrap()
}

/// Sums, means and lists are those of all ranks.
fn exchanges(world: &World) -> Outcome {
    let (rank, size) = (world.rank(), world.size());
    let x = Tensor::from_slice(&device(), &[rank as f32, 1.0], &[2])?.variable();
    let mean = world.mean_of("a test", &x);
    let wanted = (size - 1) as f32 / 2.0;
    assert_eq!(mean.to_vec::<f32>()?, [wanted, 1.0]);
    // Every rank's loss is mean[0] times its number + 1: the mean of the losses has this gradient.
    let loss = (mean.narrow(0, 0, 1) * (rank + 1) as f32).sum_all();
    let gradient = loss.backward().get(&x).unwrap().to_vec::<f32>()?;
    assert_eq!(gradient, [(size + 1) as f32 / 2.0, 0.0]);
    let all = world.gather("names", format!("rank {rank}").into_bytes())?;
    assert_eq!(all, (0..size).map(|r| format!("rank {r}").into_bytes()).collect::<Vec<_>>());
    let long = if world.is_main() { vec![7u8; 3 << 20] } else { vec![] };
    assert_eq!(world.broadcast("bytes", long)?, vec![7u8; 3 << 20]);
    Ok(())
}

/// Steps on shares of a batch are the steps of one process on the whole batch; all ranks keep the same parameters.
fn training(world: &World) -> Outcome {
    let (rank, size) = (world.rank(), world.size());
    let nets = |seed| {
        let params = Params::new(&device(), seed);
        (Linear::new(&params.path("a"), 3, 4), Linear::new(&params.path("b"), 4, 1), params)
    };
    let (a, b, params) = nets(rank as u64);
    let (c, d, whole) = nets(0);
    world.synchronize(&params)?;
    assert!(world.same(&params)?);
    let mut opt = DataParallel::new(Adam::new(&params), world);
    let mut alone = Adam::new(&whole);
    let count = 4 * size;
    for step in 0..20 {
        let values: Vec<f32> =
            (0..3 * count).map(|i| ((i * 7 + step * 13) % 11) as f32 / 11.0 - 0.5).collect();
        let batch = Tensor::from_slice(&device(), &values, &[count, 3])?;
        let loss = |a: &Linear, b: &Linear, x: &Tensor| {
            b.forward(&a.forward(x).tanh()).mse_loss(&x.sum(&[1], true), Reduction::Mean)
        };
        // Every size-th example, as a sampler divides them.
        let own: Vec<Tensor> = (0..4).map(|i| batch.narrow(0, i * size + rank, 1)).collect();
        let own = autograd::cat(&own.iter().collect::<Vec<_>>(), 0);
        opt.step(loss(&a, &b, &own).backward(), 0.05)?;
        alone.step(loss(&c, &d, &batch).backward(), 0.05)?;
    }
    assert!(world.same(&params)?);
    for (one, other) in params.all().iter().zip(whole.all()) {
        let (one, other) = (one.value().to_vec::<f32>()?, other.value().to_vec::<f32>()?);
        one.iter().zip(&other).for_each(|(a, b)| assert!((a - b).abs() < 1e-5, "{a} {b}"));
    }
    Ok(())
}

/// A loss that is not finite on one rank changes nothing on any.
fn not_finite(world: &World) -> Outcome {
    let params = Params::new(&device(), 0);
    let net = Linear::new(&params, 2, 1);
    let before = params.get("weight").unwrap().value().to_vec::<f32>()?;
    let mut opt = DataParallel::new(Sgd::new(&params), world);
    let value = if world.rank() + 1 == world.size() { f32::NAN } else { 1.0 };
    let x = Tensor::full(&device(), value, &[1, 2]);
    opt.step(net.forward(&x).sum_all().backward(), 0.1)?;
    assert_eq!(params.get("weight").unwrap().value().to_vec::<f32>()?, before);
    Ok(())
}

/// Shares weight the means.
fn shares(world: &World) -> Outcome {
    let (rank, size) = (world.rank(), world.size());
    let total: usize = (1..=size).sum();
    let world = world.with_share((rank + 1) as f32 / total as f32);
    let w = Tensor::ones(&device(), &[3]).variable();
    let loss = (&w * (rank as f32)).sum_all();
    let gradients: Gradients = world.mean(&loss.backward());
    let wanted = (0..size).map(|r| (r * (r + 1)) as f32).sum::<f32>() / total as f32;
    let found = gradients.get(&w).unwrap().to_vec::<f32>()?;
    assert!(found.iter().all(|g| (g - wanted).abs() < 1e-6), "{found:?} {wanted}");
    let root = gradients.root().unwrap().item()?;
    assert!((root - 3.0 * wanted).abs() < 1e-5);
    Ok(())
}

/// Compressed means lose little at once and nothing for good; local steps end with common parameters.
fn slow_links(world: &World) -> Outcome {
    let (rank, size) = (world.rank() as f32, world.size() as f32);
    for compression in [Compression::Int8, Compression::TopK(0.25)] {
        let world = world.compress(compression);
        let w = Tensor::ones(&device(), &[8]).variable();
        let mut sum = [0.0; 8];
        for _ in 0..40 {
            let factors: Vec<f32> = (0..8).map(|i| (i as f32 + 1.0) * (rank + 1.0)).collect();
            let loss = (&w * Tensor::from_slice(&device(), &factors, &[8])?).sum_all();
            let mean = world.mean(&loss.backward()).get(&w).unwrap().to_vec::<f32>()?;
            sum.iter_mut().zip(mean).for_each(|(sum, mean)| *sum += mean);
        }
        for (i, sum) in sum.iter().enumerate() {
            // What is still to be sent is less than the sum of all gradients of one step.
            let (wanted, one) = (40.0 * (i as f32 + 1.0) * (size + 1.0) / 2.0, 36.0 * (size + 1.0) / 2.0);
            assert!((sum - wanted).abs() < one, "{compression:?}: {sum}, not {wanted}");
        }
    }
    let params = Params::new(&device(), 0);
    let net = Linear::new(&params, 3, 1);
    world.synchronize(&params)?;
    let mut opt = Sgd::new(&params);
    let mut outer = DiLoCo::new(world, &params, 4)?.compress(Compression::Int8);
    let x = Tensor::from_slice(&device(), &[rank + 0.1, 0.5, -rank], &[1, 3])?;
    let target = Tensor::full(&device(), 2.0, &[1, 1]);
    for step in 1..=80 {
        opt.step(net.forward(&x).mse_loss(&target, Reduction::Mean).backward(), 0.02)?;
        outer.step()?;
        assert!(step % 4 != 0 || world.same(&params)?);
    }
    let loss = net.forward(&x).mse_loss(&target, Reduction::Mean).item()?;
    assert!(loss < 0.5, "rank {rank}: {loss}");
    Ok(())
}

/// Other parameters on a rank are refused, and named.
fn other_parameters(world: &World) -> Outcome {
    let params = Params::new(&device(), 0);
    let _net = Linear::new(&params, 2, if world.rank() == 1 { 5 } else { 4 });
    match world.synchronize(&params) {
        Err(Error::Differs { rank: 1, ours, theirs }) => {
            assert!(ours.contains("weight [4, 2]") && theirs.contains("weight [5, 2]"), "{ours} {theirs}");
        }
        Ok(()) if world.size() == 1 => {}
        other => panic!("{other:?}"),
    }
    Ok(())
}

/// Exchanges of other values on a rank are refused.
fn other_exchanges(world: &World) -> Outcome {
    let count = if world.rank() == 1 { 3 } else { 2 };
    let found = world.mean_of("something", &Tensor::ones(&device(), &[count])).to_vec::<f32>();
    assert!(found.is_err() || world.size() == 1);
    Ok(found.map(drop)?)
}

/// A rank that does not come.
fn hangs(world: &World) -> Outcome {
    if world.rank() == 1 {
        std::thread::sleep(std::time::Duration::from_secs(60));
    }
    world.gather("a meeting", vec![])?;
    Ok(())
}

fn fails(world: &World) -> Outcome {
    if world.rank() == 1 {
        return Err("this rank fails".into());
    }
    hangs(world)
}

fn panics(world: &World) -> Outcome {
    assert!(world.rank() != 1, "this rank panics");
    hangs(world)
}

fn all(world: &World) -> Outcome {
    for check in [exchanges, training, not_finite, shares, slow_links, other_parameters] {
        check(world)?;
    }
    if world.is_main() {
        println!("{} ranks: ok", world.size());
    }
    Ok(())
}

/// The output of this program as several ranks, and the seconds it took.
fn ranks(count: usize, what: &str) -> (Output, Duration) {
    let start = Instant::now();
    let mut command = Command::new("mpirun");
    command.env("OMPI_ALLOW_RUN_AS_ROOT", "1").env("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1");
    command
        .env("WGRAD_DEVICE", "cpu")
        .env("RAYON_NUM_THREADS", "1")
        .env("WGRAD_MPI_TIMEOUT", if what == "hangs" { "3" } else { "60" });
    command
        .args(["--oversubscribe", "-n", &count.to_string()])
        .arg(std::env::current_exe().unwrap())
        .arg(what);
    (command.output().expect("mpirun starts; install openmpi-bin"), start.elapsed())
}

/// Runs all checks.
fn lead() {
    for count in 1..=4 {
        let (output, _) = ranks(count, "all");
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{count} ranks: {complaint}");
        assert_eq!(String::from_utf8_lossy(&output.stdout), format!("{count} ranks: ok\n"));
    }
    for (what, words) in [
        ("differs", "rank 1 exchanges something else"),
        ("hangs", "rank 1 has begun nothing"),
        ("fails", "this rank fails"),
        ("panics", "this rank panics"),
    ] {
        let (output, time) = ranks(2, what);
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && complaint.contains(words), "{what}: {complaint}");
        assert!(time < Duration::from_secs(20), "{what}: {time:?}");
    }
    println!("ranks of mpirun: ok");
}

fn main() -> Outcome {
    World::run(match std::env::args().nth(1).as_deref() {
        Some("all") => all,
        Some("differs") => other_exchanges,
        Some("hangs") => hangs,
        Some("fails") => fails,
        Some("panics") => panics,
        _ => {
            lead();
            return Ok(());
        }
    })
}
