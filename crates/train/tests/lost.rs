//! A GPU that is lost during training: the run ends with an error that says so, and resumes in the same process from its last
//! checkpoint on a newly opened device. Alone in its file: the loss affects every user of the device.

use std::path::{Path, PathBuf};
use std::time::Duration;

use autograd::{Device, Error, Tensor};
use data::{Loader, LoaderOptions, synthetic};
use gpu_core::testing;
use models::{Adam, Dropout, Mlp, Mode, Params};
use train::{Callback, Flow, Moment, Result, Run, StepOutput, Task, Trainer};

const STEPS: usize = 12;

struct Digits {
    device: Device,
    net: Mlp,
    dropout: Dropout,
}

impl Task for Digits {
    type Batch = data::Batch;

    fn inputs(&self, batch: &data::Batch) -> Result<Option<Vec<Tensor>>> {
        let batch = batch.to_device(&self.device)?;
        Ok(Some(vec![batch.images, batch.labels]))
    }

    fn forward(&self, inputs: &[Tensor]) -> StepOutput {
        let hidden = self.dropout.forward(&inputs[0].flatten(1, 3), Mode::Train);
        StepOutput::new(self.net.forward(&hidden).cross_entropy(&inputs[1]))
    }
}

/// Loses the device after a step, once a checkpoint is in the folder.
struct Lose {
    device: Device,
    after: Option<usize>,
    checkpoints: PathBuf,
}

fn is_checkpoint(file: std::io::Result<std::fs::DirEntry>) -> bool {
    file.is_ok_and(|file| file.path().extension().is_some_and(|extension| extension == "safetensors"))
}

impl Callback for Lose {
    fn on_step(&mut self, moment: &Moment) -> Result<Flow> {
        if self.after == Some(moment.history.len()) {
            // Another thread writes the first checkpoint.
            let saved =
                || std::fs::read_dir(&self.checkpoints).is_ok_and(|mut files| files.any(is_checkpoint));
            while !saved() {
                std::thread::sleep(Duration::from_millis(1));
            }
            testing::lose(&self.device);
        }
        Ok(Flow::Continue)
    }
}

/// Trains in `directory` up to `STEPS`, resuming from a checkpoint if there is one; returns the weights.
fn train(directory: &Path, lose_after: Option<usize>) -> Result<Vec<f32>> {
    let device = testing::gpu().expect("a GPU, which was there before");
    let params = Params::new(&device, 1);
    let net = Mlp::new(&params, &[784, 16, 10]);
    let dropout = Dropout::new(&params.path("dropout"), 0.2);
    let digits = synthetic::digits(80, 10, 3);
    let options = LoaderOptions::train(20, digits.train.mean_std());
    let source = Loader::new(digits.train.into(), options).unwrap();
    let resume = directory.join("checkpoints").exists();
    let run = Run::resume_or_create(directory, &device, &"a test", resume)?;
    let trainer = Trainer::new(&params, Adam::new(&params), 0.003, run).steps(STEPS);
    let trainer = trainer.checkpoints(2)?.save_every(3).resume(resume);
    let lose = Lose { device: device.clone(), after: lose_after, checkpoints: directory.join("checkpoints") };
    trainer.callback(lose).fit(&Digits { device, net, dropout }, &source)?;
    let values = params.all().into_iter().map(|p| p.value().to_vec::<f32>());
    Ok(values.collect::<std::result::Result<Vec<_>, _>>()?.concat())
}

#[test]
fn a_run_goes_on_from_its_last_checkpoint() {
    if testing::gpu().is_none() {
        return;
    }
    let folders = tempfile::tempdir().unwrap();
    let [straight, lost] = ["straight", "lost"].map(|name| folders.path().join(name));
    let wanted = train(&straight, None).unwrap();
    for after in [5, 8] {
        let error = train(&lost, Some(after)).expect_err("the device is lost");
        assert!(error.to_string().contains("was lost"), "{error}");
        assert!(error.to_string().contains("last checkpoint"), "{error}");
    }
    assert_eq!(train(&lost, None).unwrap(), wanted);
    let log = |directory: &Path| std::fs::read_to_string(directory.join("metrics.jsonl")).unwrap();
    assert!(log(&lost) == log(&straight), "the losses differ");
    // Every operation on the lost device gives the same error.
    let device = testing::gpu().unwrap();
    testing::lose(&device);
    assert!(matches!(Tensor::ones(&device, &[2]).exp().to_vec::<f32>(), Err(Error::DeviceLost { .. })));
}
