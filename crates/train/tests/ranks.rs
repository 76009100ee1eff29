//! Runs itself by `mpirun`: what a trainer says when a loss is not finite on one rank, or the ranks have different data.

use std::process::Command;
use std::sync::Arc;

use autograd::{Device, Tensor};
use data::{BatchOptions, Batches, FnExamples, Part};
use distributed::World;
use models::{BatchNorm1d, Linear, Mode, Params, Sgd};
use train::{Error, Result, Run, StepOutput, Task, Trainer};

/// A network with a batch norm, on numbers of which rank 1 has a bad one in the fourth step.
struct Net {
    device: Device,
    first: Linear,
    norm: BatchNorm1d,
    last: Linear,
    rank: usize,
}

impl Task for Net {
    type Batch = Vec<u32>;

    fn inputs(&self, batch: &Vec<u32>) -> Result<Option<Vec<Tensor>>> {
        let value = |&i: &u32| if self.rank == 1 && i == 31 { f32::NAN } else { i as f32 / 64.0 };
        let values: Vec<f32> = batch.iter().map(value).collect();
        Ok(Some(vec![Tensor::from_slice(&self.device, &values, &[values.len(), 1])?]))
    }

    fn forward(&self, inputs: &[Tensor]) -> StepOutput {
        let hidden = self.norm.forward(&self.first.forward(&inputs[0]), Mode::Train).relu();
        StepOutput::new(self.last.forward(&hidden).mean_all())
    }
}

fn fit(world: &World, sync_batch_norm: bool, seed: u64) -> Result<()> {
    let device = Device::named("cpu")?;
    let params = Params::new(&device, 0);
    let net = Net {
        first: Linear::new(&params.path("first"), 1, 4),
        norm: BatchNorm1d::new(&params.path("norm"), 4),
        last: Linear::new(&params.path("last"), 4, 1),
        rank: world.rank(),
        device,
    };
    let directory = tempfile::tempdir().expect("a directory");
    let run = Run::distributed(world, directory.path(), &net.device, &"a test", false)?;
    let mut trainer = Trainer::new(&params, Sgd::new(&params), 0.1, run).distributed(world);
    if sync_batch_norm {
        trainer = trainer.sync_batch_norm();
    }
    let part = Part { index: world.rank(), of: world.size() };
    let options = BatchOptions { part, seed, ..BatchOptions::eval(8) };
    let examples = FnExamples::new(64, |indices: &[u32]| indices.to_vec());
    trainer.fit(&net, &Batches::new(Arc::new(examples), options)?).map(drop)
}

fn bad_example(world: &World) -> Result<()> {
    for sync_batch_norm in [false, true] {
        let Err(Error::Diverged { step, culprit, .. }) = fit(world, sync_batch_norm, 0) else {
            panic!("a loss that is not finite was not found")
        };
        assert_eq!(step, 3);
        // All ranks say the same.
        assert!(culprit.starts_with("rank 1: ") && !culprit.contains("rank 0"), "{culprit}");
    }
    Ok(())
}

fn other_data(world: &World) -> Result<()> {
    let complaint = fit(world, false, world.rank() as u64).unwrap_err().to_string();
    assert!(complaint.contains("rank 1 has data: ") && complaint.contains("seed 1"), "{complaint}");
    Ok(())
}

type Check = fn(&World) -> Result<()>;

fn main() -> Result<()> {
    let checks: [(&str, Check); 2] = [("bad-example", bad_example), ("other-data", other_data)];
    let asked = std::env::args().nth(1);
    if let Some((_, check)) = checks.iter().find(|(name, _)| Some(*name) == asked.as_deref()) {
        return World::run(check);
    }
    for (name, _) in checks {
        let mut command = Command::new("mpirun");
        command.env("OMPI_ALLOW_RUN_AS_ROOT", "1").env("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1");
        command.env("RAYON_NUM_THREADS", "1").env("WGRAD_MPI_TIMEOUT", "60");
        command.args(["--oversubscribe", "-n", "2"]).arg(std::env::current_exe().expect("this program"));
        let output = command.arg(name).output().expect("mpirun starts; install openmpi-bin");
        assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
        println!("{name}: ok");
    }
    Ok(())
}
