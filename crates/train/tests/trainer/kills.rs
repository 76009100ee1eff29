//! Killing a process while it saves. The test runs itself as the process that is killed.

#![cfg(unix)]

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use autograd::{Device, Tensor};
use models::{Adam, Init, Param, Params};
use train::{Checkpoints, Parts};

/// The directory in which a child process saves; unset in the test itself.
const CHILD: &str = "WGRAD_TEST_CHECKPOINTS";

const KILLS: u64 = 100;

fn model() -> (Params, Param, Adam) {
    let params = Params::new(&Device::named("cpu").unwrap(), 0);
    let theta = params.param("theta", &[100, 100], Init::ONES);
    let opt = Adam::new(&params);
    (params, theta, opt)
}

#[test]
fn saves_for_ever() {
    let Some(path) = std::env::var_os(CHILD).map(PathBuf::from) else { return };
    let (params, theta, mut opt) = model();
    let mut checkpoints = Checkpoints::new(path).unwrap();
    checkpoints
        .resume(
            &mut Parts { params: &params, optimizer: &mut opt, average: None, scaler: None, outer: None },
            1,
        )
        .unwrap();
    loop {
        // `save` waits for the previous checkpoint.
        checkpoints
            .save(
                &Parts { params: &params, optimizer: &mut opt, average: None, scaler: None, outer: None },
                1,
            )
            .unwrap();
        opt.step((theta.value() - 1.0).square().sum_all().backward(), 1.0).unwrap();
        println!("saved {}", opt.steps().saturating_sub(2));
        std::io::stdout().flush().unwrap();
    }
}

#[test]
fn a_hundred_kills_lose_nothing_that_was_saved() {
    if std::env::var_os(CHILD).is_some() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let directory = folder.path().join("checkpoints");
    let mut reached = 0;
    for round in 0..KILLS {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "kills::saves_for_ever", "--nocapture", "--test-threads", "1"])
            .env(CHILD, &directory)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let (mut lines, mut saved) = (BufReader::new(child.stdout.take().unwrap()).lines(), reached);
        let count = |line: String| line.rsplit_once("saved ").and_then(|(_, n)| n.trim().parse().ok());
        // Waits for at least one save, then a little longer.
        let pause = round.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 50;
        while saved <= reached {
            saved = lines
                .next()
                .expect("the child saves until it is killed")
                .ok()
                .and_then(count)
                .unwrap_or(saved);
        }
        std::thread::sleep(Duration::from_micros(pause));
        child.kill().unwrap();
        child.wait().unwrap();
        saved = lines.map_while(Result::ok).filter_map(count).last().unwrap_or(saved);

        let (params, theta, mut opt) = model();
        let mut parts =
            Parts { params: &params, optimizer: &mut opt, average: None, scaler: None, outer: None };
        let checkpoints = &mut Checkpoints::new(&directory).unwrap();
        for (_, path) in checkpoints.list() {
            // Every checkpoint must be readable, not only the newest.
            let other = model().0;
            other.load_from(&models::WeightsFile::open(&path, &other).unwrap()).unwrap();
        }
        reached = checkpoints.resume(&mut parts, 1).unwrap().expect("a checkpoint");
        assert!(reached >= saved, "round {round}: {reached} of {saved} saved steps");
        let uniform: Tensor = theta.value();
        let values = uniform.to_vec::<f32>().unwrap();
        assert!(values.iter().all(|v| *v == values[0]), "a mixture");
    }
    assert!(reached as u64 >= KILLS, "the children went on with each other's work");
}
