//! The directory of a run.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

use autograd::Device;
use distributed::World;
use serde::Serialize;
use serde_json::{Value, json};

use crate::history::METRICS;
use crate::{Error, Result, prepare_output};

const CONFIG: &str = "config.json";
const ENVIRONMENT: &str = "environment.json";
/// The subdirectory for the other ranks of a distributed run.
const RANKS: &str = "ranks";

/// The directory of a run: its configuration (`config.json`), where and how it ran (`environment.json`), and what it measured
/// (`metrics.jsonl`). A training program also puts weights, checkpoints and pictures there.
///
/// ```
/// use autograd::Device;
/// use train::Run;
/// # let directory = tempfile::tempdir()?;
/// # let runs = directory.path();
/// let device = Device::named("cpu")?;
/// let run = Run::create(runs.join("first"), &device, &serde_json::json!({ "lr": 0.1 }))?;
/// assert_eq!(Run::open(run.path())?.config()["lr"], 0.1);
/// assert!(run.environment()["device"].is_string());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Run {
    directory: PathBuf,
    config: Value,
    environment: Value,
    /// The new path of a run that was in the directory before.
    moved: Option<PathBuf>,
}

impl Run {
    /// Starts a new run. A run that is already in the directory is moved from `out` to `out.1`, or the next free number.
    ///
    /// # Errors
    /// [`Error::Output`] or [`Error::Write`] when the directory can't be made or written.
    pub fn create(directory: impl Into<PathBuf>, device: &Device, config: &impl Serialize) -> Result<Run> {
        let directory = directory.into();
        let moved = move_away(&directory)?;
        prepare_output(&directory)?;
        let config = serde_json::to_value(config).map_err(|e| Error::Task(Box::new(e)))?;
        let run = Run { directory, config, environment: environment(device), moved };
        run.write(CONFIG, &run.config)?;
        run.write(ENVIRONMENT, &run.environment)?;
        Ok(run)
    }

    /// Opens an existing run.
    ///
    /// # Errors
    /// [`Error::NoRun`] when there is none.
    pub fn open(directory: impl Into<PathBuf>) -> Result<Run> {
        let directory = directory.into();
        let read = |name: &str| {
            let path = directory.join(name);
            let fault = |reason: String| Error::NoRun { path: path.clone(), reason };
            let text = std::fs::read_to_string(&path).map_err(|e| fault(e.to_string()))?;
            serde_json::from_str(&text).map_err(|e| fault(e.to_string()))
        };
        let (config, environment) = (read(CONFIG)?, read(ENVIRONMENT)?);
        Ok(Run { directory, config, environment, moved: None })
    }

    /// [`open`](Run::open)s a run if `resume` is set, or [`create`](Run::create)s one.
    ///
    /// # Errors
    /// As [`open`](Run::open) or [`create`](Run::create).
    pub fn resume_or_create(
        directory: impl Into<PathBuf>,
        device: &Device,
        config: &impl Serialize,
        resume: bool,
    ) -> Result<Run> {
        if resume { Run::open(directory) } else { Run::create(directory, device, config) }
    }

    /// As [`resume_or_create`](Run::resume_or_create) on rank 0 of a world. Other ranks keep their own copies of logs and best weights in
    /// `ranks/1`, `ranks/2` and so on in the directory.
    ///
    /// # Errors
    /// As [`resume_or_create`](Run::resume_or_create), and [`Error::Distributed`] when another rank fails or has another configuration.
    pub fn distributed(
        world: &World,
        directory: impl Into<PathBuf>,
        device: &Device,
        config: &impl Serialize,
        resume: bool,
    ) -> Result<Run> {
        let directory = directory.into();
        let options = serde_json::to_value(config).map_err(|e| Error::Task(Box::new(e)))?;
        let options: Vec<String> = format!("{options:#}").lines().map(str::to_owned).collect();
        world.agree("options", &options)?;
        if world.is_main() {
            let run = Run::resume_or_create(directory, device, config, resume)?;
            world.gather("a run", vec![])?;
            return Ok(run);
        }
        // Not before rank 0 has moved an earlier run away.
        world.gather("a run", vec![])?;
        let directory = directory.join(RANKS).join(world.rank().to_string());
        let _ = std::fs::remove_dir_all(&directory);
        Run::create(directory, device, config)
    }

    /// The run's directory.
    pub fn path(&self) -> &Path {
        &self.directory
    }

    /// The path of a file in the directory.
    pub fn join(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// The configuration that the run was started with.
    pub fn config(&self) -> &Value {
        &self.config
    }

    /// Device, versions, command line and time of the start.
    pub fn environment(&self) -> &Value {
        &self.environment
    }

    /// The new path of a run that was in the directory before.
    pub fn moved(&self) -> Option<&Path> {
        self.moved.as_deref()
    }

    fn write(&self, name: &str, value: &Value) -> Result<()> {
        crate::atomic::write(&self.join(name), format!("{value:#}\n").as_bytes())
    }
}

/// Moves a run away, if there is one.
fn move_away(directory: &Path) -> Result<Option<PathBuf>> {
    if !directory.join(METRICS).exists() && !directory.join(CONFIG).exists() {
        return Ok(None);
    }
    let numbered = |n: usize| {
        let mut name = directory.as_os_str().to_owned();
        name.push(format!(".{n}"));
        PathBuf::from(name)
    };
    let free = (1..).map(numbered).find(|path| !path.exists()).expect("numbers go on");
    std::fs::rename(directory, &free).map_err(|source| Error::Output { path: free.clone(), source })?;
    Ok(Some(free))
}

fn environment(device: &Device) -> Value {
    json!({
        "started": humantime::format_rfc3339_seconds(SystemTime::now()).to_string(),
        "command": std::env::args().collect::<Vec<_>>(),
        "wgrad": env!("CARGO_PKG_VERSION"),
        "git": git(),
        "device": device.info().to_string(),
        "os": std::env::consts::OS,
        "arch": std::env::consts::ARCH,
        "threads": std::thread::available_parallelism().map_or(1, usize::from),
    })
}

/// The revision of the repository that the program runs in, with a `+` when files in it have changed.
fn git() -> Option<String> {
    let git = |args: &[&str]| {
        let output = Command::new("git").args(args).output().ok().filter(|o| o.status.success())?;
        String::from_utf8(output.stdout).ok()
    };
    let revision = git(&["rev-parse", "HEAD"])?;
    let changed = git(&["status", "--porcelain", "--untracked-files=no"])?;
    Some(format!("{}{}", revision.trim(), if changed.is_empty() { "" } else { "+" }))
}
