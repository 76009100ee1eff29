//! Where the time goes: every launch and the host's own work, as a table or a trace.
//!
//! `WGRAD_PROFILE=table` prints the table when the process ends, `WGRAD_PROFILE=trace.json` (any path that ends in
//! `.json`) writes a trace for <https://ui.perfetto.dev> or `chrome://tracing`. Programs use [`Device::set_profiling`] and
//! [`Device::profile`](crate::Device::profile).
//!
//! Launches are timed by the clock on the CPU and by timestamp queries on a GPU, where each launch then has its own pass and each run waits
//! until it is done; adapters without such queries report host work only.
//!
//! [`Device::set_profiling`]: crate::Device::set_profiling

mod table;
mod timestamps;
mod trace;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard};
use std::time::Duration;

use web_time::Instant;

use crate::Kernel;
pub use table::{Profile, ProfileRow};
pub(crate) use timestamps::Timestamps;

/// Most spans kept for a trace; later ones are dropped.
const MOST_SPANS: usize = 1_000_000;

/// Records a device's work while it is profiled.
#[derive(Default)]
pub(crate) struct Profiler {
    on: AtomicBool,
    records: Mutex<Records>,
}

#[derive(Default)]
struct Records {
    launches: HashMap<*const (), Timed>,
    host: HashMap<&'static str, Total>,
    trace: Vec<Span>,
}

// SAFETY: the pointers are keys and never followed; each `Timed` keeps its kernel, and so the address, alive.
unsafe impl Send for Records {}

struct Timed {
    kernel: Arc<dyn Kernel>,
    total: Total,
}

#[derive(Clone, Copy, Default)]
struct Total {
    runs: u64,
    time: Duration,
}

impl Total {
    fn add(&mut self, time: Duration) {
        self.runs += 1;
        self.time += time;
    }
}

/// One bar of a trace.
struct Span {
    what: What,
    start: Instant,
    time: Duration,
}

enum What {
    Launch(Arc<dyn Kernel>),
    Host(&'static str),
}

/// When and for how long a launch ran.
pub(crate) struct LaunchTime {
    pub start: Instant,
    pub time: Duration,
}

impl Profiler {
    pub fn set(&self, on: bool) {
        self.on.store(on, Relaxed);
    }

    /// The profiler, while it is on.
    pub fn get(&self) -> Option<&Profiler> {
        self.on.load(Relaxed).then_some(self)
    }

    /// Records a launch. In a graph's first run (`warm` is false) memory is touched for the first time; such runs are in the trace only.
    pub fn launch(&self, kernel: &Arc<dyn Kernel>, LaunchTime { start, time }: LaunchTime, warm: bool) {
        let mut records = self.lock();
        if warm {
            let key = Arc::as_ptr(kernel).cast::<()>();
            let timed = || Timed { kernel: kernel.clone(), total: Total::default() };
            records.launches.entry(key).or_insert_with(timed).total.add(time);
        }
        records.span(|| Span { what: What::Launch(kernel.clone()), start, time });
    }

    /// Records that the host did `what` from `start` to now.
    pub fn host(&self, what: &'static str, start: Instant) {
        let time = start.elapsed();
        let mut records = self.lock();
        records.host.entry(what).or_default().add(time);
        records.span(|| Span { what: What::Host(what), start, time });
    }

    pub fn table(&self) -> Profile {
        let records = self.lock();
        let launches = records.launches.values().map(|t| (&*t.kernel, t.total));
        Profile::new(launches, records.host.iter().map(|(&what, &total)| (what, total)))
    }

    fn lock(&self) -> MutexGuard<'_, Records> {
        self.records.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl Records {
    fn span(&mut self, span: impl FnOnce() -> Span) {
        if matches!(&*WANTED, Wanted::Trace(_)) && self.trace.len() < MOST_SPANS {
            self.trace.push(span());
        }
    }
}

/// Host work under way; its time is taken when this is dropped. Nothing happens while the profiler is off.
pub struct HostSpan<'a>(Option<(&'a Profiler, &'static str, Instant)>);

impl<'a> HostSpan<'a> {
    pub(crate) fn new(profiler: &'a Profiler, what: &'static str) -> HostSpan<'a> {
        HostSpan(profiler.get().map(|p| (p, what, Instant::now())))
    }

    pub(crate) fn since(profiler: &'a Profiler, what: &'static str, start: Instant) -> HostSpan<'a> {
        HostSpan(profiler.get().map(|p| (p, what, start)))
    }
}

impl Drop for HostSpan<'_> {
    fn drop(&mut self) {
        if let Some((profiler, what, start)) = self.0.take() {
            profiler.host(what, start);
        }
    }
}

/// The output that `WGRAD_PROFILE` selects.
enum Wanted {
    Nothing,
    Table,
    Trace(String),
}

static WANTED: LazyLock<Wanted> = LazyLock::new(|| match std::env::var("WGRAD_PROFILE") {
    Ok(path) if path.ends_with(".json") => Wanted::Trace(path),
    Ok(value) if value == "table" => Wanted::Table,
    Ok(value) if !value.is_empty() => {
        eprintln!(
            "WGRAD_PROFILE={value} is neither \"table\" nor a path that ends in .json: nothing is profiled"
        );
        Wanted::Nothing
    }
    _ => Wanted::Nothing,
});

/// Profilers to report at the end of the process, with their devices' names.
static AT_EXIT: Mutex<Vec<(String, Arc<Profiler>)>> = Mutex::new(vec![]);

/// The profiler of a newly opened device, switched on if `WGRAD_PROFILE` selects an output.
pub(crate) fn open(device: impl std::fmt::Display) -> Arc<Profiler> {
    let profiler: Arc<Profiler> = Arc::default();
    if !matches!(&*WANTED, Wanted::Nothing) {
        profiler.set(true);
        let mut all = AT_EXIT.lock().unwrap_or_else(|e| e.into_inner());
        if all.is_empty() {
            at_exit(report);
        }
        all.push((device.to_string(), profiler.clone()));
    }
    profiler
}

/// Calls a function at the end of the process; a page has none.
#[cfg(not(target_arch = "wasm32"))]
fn at_exit(function: extern "C" fn()) {
    unsafe extern "C" {
        fn atexit(function: extern "C" fn()) -> std::ffi::c_int;
    }
    // SAFETY: C's `atexit` with a function of the right type that does not unwind.
    unsafe { atexit(function) };
}

#[cfg(target_arch = "wasm32")]
fn at_exit(_: extern "C" fn()) {}

extern "C" fn report() {
    let all = std::mem::take(&mut *AT_EXIT.lock().unwrap_or_else(|e| e.into_inner()));
    match &*WANTED {
        Wanted::Nothing => {}
        Wanted::Table => all.iter().for_each(|(device, p)| eprintln!("{device}\n{}", p.table())),
        Wanted::Trace(path) => {
            let text = trace::json(all.iter().map(|(name, p)| (name.as_str(), p.lock())).collect());
            if let Err(error) = std::fs::write(path, text) {
                eprintln!("cannot write the profile to {path}: {error}");
            }
        }
    }
}
