//! Running the program of a trial, and ending it.

use std::fs::File;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// How a program came to its end.
pub(super) enum End {
    Exited(ExitStatus),
    TimedOut,
    /// The study was stopped.
    Stopped,
}

/// How often a running program is looked at.
const GLANCE: Duration = Duration::from_millis(20);

/// The time that a program has to end after it is asked to, before it is killed.
const GRACE: Duration = Duration::from_secs(5);

/// Runs a program with its output in the given files, until it ends, `timeout` has passed or `stop` returns true. On Unix, its
/// child processes end with it.
///
/// # Errors
/// If the program can't be started, or the files can't be written.
pub(super) fn run(
    command: &[String],
    stdout: &Path,
    stderr: &Path,
    timeout: Option<Duration>,
    stop: &dyn Fn() -> bool,
) -> std::io::Result<End> {
    let mut program = Command::new(&command[0]);
    program.args(&command[1..]).stdin(Stdio::null());
    program.stdout(File::create(stdout)?).stderr(File::create(stderr)?);
    group::apart(&mut program);
    let mut child = program.spawn()?;
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            group::kill(&mut child);
            return Ok(End::Exited(status));
        }
        let stopped = stop();
        if stopped || timeout.is_some_and(|timeout| start.elapsed() > timeout) {
            end(&mut child)?;
            return Ok(if stopped { End::Stopped } else { End::TimedOut });
        }
        sleep(GLANCE);
    }
}

/// Asks a program to end, and kills it if it does not.
fn end(child: &mut Child) -> std::io::Result<()> {
    group::ask(child);
    let start = Instant::now();
    while child.try_wait()?.is_none() && start.elapsed() < GRACE {
        sleep(GLANCE);
    }
    group::kill(child);
    child.wait().map(drop)
}

/// A program and what it starts, as a process group.
#[cfg(unix)]
mod group {
    use std::os::unix::process::CommandExt;
    use std::process::{Child, Command};

    use rustix::process::{Pid, Signal, kill_process_group};

    /// Gives the program a group of its own: Ctrl-C on the terminal reaches the study alone, which decides. On Linux, the program
    /// does not outlive a study that is killed.
    pub fn apart(program: &mut Command) {
        program.process_group(0);
        #[cfg(target_os = "linux")]
        {
            let with_parent = || {
                rustix::process::set_parent_process_death_signal(Some(Signal::KILL))
                    .map_err(std::io::Error::from)
            };
            // SAFETY: between fork and exec, only a system call is made.
            unsafe { program.pre_exec(with_parent) };
        }
    }

    pub fn ask(child: &mut Child) {
        signal(child, Signal::TERM);
    }

    /// Ends all that is left of the group.
    pub fn kill(child: &mut Child) {
        signal(child, Signal::KILL);
    }

    /// Signals the group; an error means that the group is gone.
    fn signal(child: &Child, signal: Signal) {
        if let Some(group) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
            let _ = kill_process_group(group, signal);
        }
    }
}

#[cfg(not(unix))]
mod group {
    use std::process::{Child, Command};

    pub fn apart(_: &mut Command) {}

    pub fn ask(child: &mut Child) {
        kill(child);
    }

    pub fn kill(child: &mut Child) {
        let _ = child.kill();
    }
}
