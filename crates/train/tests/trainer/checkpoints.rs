//! Checkpoints on disk.

use std::fs;
use std::path::{Path, PathBuf};

use autograd::Half;
use data::{Loader, LoaderOptions};
use tempfile::TempDir;
use train::Error;

use crate::digits::{Digits, log};

/// A run of `steps` of 20 steps, with a checkpoint after every fifth.
fn run(out: &Path, steps: Option<usize>, resume: bool) -> train::Result<Vec<f32>> {
    run_in(None, out, steps, resume)
}

/// As [`run`], optionally in mixed precision.
fn run_in(half: Option<Half>, out: &Path, steps: Option<usize>, resume: bool) -> train::Result<Vec<f32>> {
    let task = Digits::new();
    let run = if resume { train::Run::open(out)? } else { task.run(out) };
    let adam = models::Adam::new(&task.params);
    let trainer = train::Trainer::new(&task.params, adam, 0.003, run)
        .epochs(2)
        .ema(0.9)
        .stop_after(steps)
        .checkpoints(2)?
        .save_every(5)
        .resume(resume);
    let mut trainer = match half {
        Some(half) => trainer.mixed(half),
        None => trainer,
    };
    trainer.fit(&task, &task.train)?;
    Ok(task.weights())
}

fn files(out: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<_> =
        fs::read_dir(out.join("checkpoints")).unwrap().map(|e| e.unwrap().path()).collect();
    paths.sort();
    paths
}

#[test]
fn a_stopped_run_goes_on_bit_for_bit() {
    let (whole, parts) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let straight = run(whole.path(), None, false).unwrap();
    run(parts.path(), Some(7), false).unwrap();
    let names: Vec<_> = files(parts.path()).iter().map(|p| p.file_name().unwrap().to_owned()).collect();
    assert_eq!(names, ["step-00000005.safetensors", "step-00000007.safetensors"]);
    assert_eq!(run(parts.path(), None, true).unwrap(), straight);
    assert_eq!(log(parts.path()), log(whole.path()));
    assert_eq!(files(parts.path()).len(), 2);
    let fault = run(parts.path(), None, true).unwrap_err();
    assert!(fault.to_string().contains("has 20 of 20 steps already"), "{fault}");
}

#[test]
fn mixed_precision_goes_on_with_its_scale() {
    let directory = TempDir::new().unwrap();
    let at = |name: &str| directory.path().join(name);
    let exact = run(&at("f32"), None, false).unwrap();
    for half in [Half::F16, Half::BF16] {
        let [whole, parts] = ["whole", "parts"].map(|name| at(&format!("{name}-{half}")));
        let straight = run_in(Some(half), &whole, None, false).unwrap();
        assert!(straight != exact, "{half} rounds");
        assert!(straight.iter().zip(&exact).all(|(a, b)| (a - b).abs() < 0.05), "{half} is near");
        run_in(Some(half), &parts, Some(7), false).unwrap();
        assert_eq!(run_in(Some(half), &parts, None, true).unwrap(), straight);
        assert_eq!(log(&parts), log(&whole));
    }
    // A checkpoint of an f32 run has no loss scale.
    run(&at("plain"), Some(7), false).unwrap();
    let fault = run_in(Some(Half::F16), &at("plain"), None, true).unwrap_err();
    assert!(fault.to_string().contains("no state \"scale\""), "{fault}");
}

#[test]
fn a_damaged_checkpoint_is_passed_over() {
    let (whole, parts) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let straight = run(whole.path(), None, false).unwrap();
    run(parts.path(), Some(12), false).unwrap();
    let newest = files(parts.path()).pop().unwrap();
    let mut bytes = fs::read(&newest).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&newest, &bytes).unwrap();
    assert_eq!(run(parts.path(), None, true).unwrap(), straight, "from the one before");
    assert_eq!(log(parts.path()), log(whole.path()));
    // If no intact checkpoint is left, that is an error, not a fresh start.
    for path in files(parts.path()) {
        fs::write(path, &bytes[..middle]).unwrap();
    }
    let fault = run(parts.path(), None, true).unwrap_err();
    assert!(matches!(fault, Error::Models(models::Error::Format { .. })), "{fault}");
}

#[test]
fn checkpoints_of_something_else_are_refused() {
    let out = TempDir::new().unwrap();
    run(out.path(), Some(7), false).unwrap();
    let other_data = || {
        let mut task = Digits::new();
        let options = LoaderOptions { batch: 10, ..task.train.options().clone() };
        task.train = Loader::new(task.train.set().clone(), options).unwrap();
        let (run, adam) = (train::Run::open(out.path()).unwrap(), models::Adam::new(&task.params));
        let trainer = train::Trainer::new(&task.params, adam, 0.1, run).epochs(2);
        trainer.checkpoints(2).unwrap().resume(true).fit(&task, &task.train).unwrap_err()
    };
    assert!(other_data().to_string().contains("10 batches an epoch, the data now has 20"));
    let task = Digits::new();
    let resumed = |optimizer: Box<dyn FnOnce() -> train::Result<train::Ended>>| optimizer().unwrap_err();
    let lion = models::Adam::new(&task.params).amsgrad(true);
    let run = train::Run::open(out.path()).unwrap();
    let fault = resumed(Box::new(|| {
        let trainer = train::Trainer::new(&task.params, lion, 0.1, run).epochs(2);
        trainer.checkpoints(2)?.resume(true).fit(&task, &task.train)
    }));
    assert!(fault.to_string().contains("no state"), "{fault}");
    // A file with only weights.
    let newest = files(out.path()).pop().unwrap();
    task.params.save(&newest).unwrap();
    let run = train::Run::open(out.path()).unwrap();
    let trainer = train::Trainer::new(&task.params, models::Adam::new(&task.params), 0.1, run);
    let fault = trainer.epochs(2).checkpoints(2).unwrap().resume(true).fit(&task, &task.train).unwrap_err();
    assert!(fault.to_string().contains("nothing of a run"), "{fault}");
}

#[test]
fn a_log_that_does_not_fit_is_refused() {
    let out = TempDir::new().unwrap();
    run(out.path(), Some(7), false).unwrap();
    let whole = log(out.path());
    let refused = |text: &str, line: usize, what: &str| {
        fs::write(out.path().join("metrics.jsonl"), text).unwrap();
        match run(out.path(), None, true).unwrap_err() {
            Error::Log { line: found, reason, .. } => {
                assert!(found == line && reason.contains(what), "{found}: {reason}")
            }
            other => panic!("{other}"),
        }
    };
    refused(&whole[..whole.len() / 2], 4, "ends after");
    refused(&whole.replace("\"step\":1,", "\"step\":9,"), 3, "after 1 steps");
    refused(&whole.replace("{\"step\":2,", "\"step\":2,"), 3, "makes no sense");
    refused(&whole.replacen("loss", "cost", 1), 2, "after 1 steps");
}
