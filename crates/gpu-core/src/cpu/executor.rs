//! The executor of a CPU device: one piece of work at a time, in the order of submission, on a thread pool of its own.
//!
//! A submitter blocks on a condition variable, never inside of rayon: a worker that waits inside of rayon runs other tasks of the program
//! meanwhile, and if such a task submits, too, it waits for the work that its own worker waits for.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;

/// How often the driver polls for a job before it sleeps; the same as for rayon's workers.
const LOOKS: usize = 32;

/// A thread pool, and the queue in front of it.
pub(super) struct Executor {
    pool: rayon::ThreadPool,
    queue: Arc<Queue>,
}

/// Why work could not be started.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Nested;

#[derive(Default)]
struct Queue {
    state: Mutex<State>,
    /// Signals that the next submitter may start.
    turn: Condvar,
    /// Signals a new job, or that the executor closes.
    submitted: Condvar,
    /// Signals that the job's outcome is set.
    finished: Condvar,
    /// Whether there is a job; the driver polls it without the lock.
    posted: AtomicBool,
}

#[derive(Default)]
struct State {
    /// The ticket of the next submitter.
    next: u64,
    /// The ticket whose turn it is.
    serving: u64,
    job: Option<Job>,
    /// Whether the driver waits for a job.
    idle: bool,
    outcome: Option<thread::Result<()>>,
    closed: bool,
}

/// Work that lies on the stack of its submitter, which waits for the outcome.
struct Job(*mut (dyn FnMut() + Send));

// SAFETY: the work is `Send`, and only the driver accesses it until the outcome is set.
unsafe impl Send for Job {}

impl Executor {
    /// Starts `threads` threads, by default as many as rayon's own pool would have (`RAYON_NUM_THREADS`, else one per
    /// core).
    ///
    /// # Errors
    /// When the operating system refuses the threads.
    pub fn new(threads: Option<usize>) -> Result<Executor, rayon::ThreadPoolBuildError> {
        let builder = rayon::ThreadPoolBuilder::new().thread_name(|i| format!("wgrad-cpu-{i}"));
        let pool = builder.num_threads(threads.unwrap_or(0)).build()?;
        let queue: Arc<Queue> = Arc::default();
        let driver = queue.clone();
        // One worker is the driver for the lifetime of the pool: starting parallel loops from inside of the pool is cheap, and the serial
        // code always runs on the same thread, whose caches and scratch memory stay warm.
        pool.spawn(move || driver.drive());
        Ok(Executor { pool, queue })
    }

    pub fn threads(&self) -> usize {
        self.pool.current_num_threads()
    }

    /// Waits until all earlier work is done. Until the turn is dropped, later work waits.
    ///
    /// # Errors
    /// [`Nested`] on a thread of the pool, because the work that it runs would have to end first.
    pub fn turn(&self) -> Result<Turn<'_>, Nested> {
        if self.pool.current_thread_index().is_some() {
            return Err(Nested);
        }
        let mut state = self.queue.lock();
        let ticket = state.next;
        state.next += 1;
        while state.serving != ticket {
            state = wait(&self.queue.turn, state);
        }
        Ok(Turn(&self.queue))
    }
}

impl Drop for Executor {
    fn drop(&mut self) {
        self.queue.lock().closed = true;
        self.queue.submitted.notify_one();
    }
}

/// The right to use the device's memory: by the thread itself, or through the pool.
pub(super) struct Turn<'a>(&'a Queue);

impl Turn<'_> {
    /// Runs `work` on the pool. A panic of `work` is returned as the error.
    pub fn run(&mut self, mut work: impl FnMut() + Send) -> thread::Result<()> {
        let work: *mut (dyn FnMut() + Send + '_) = &mut work;
        // SAFETY: only the lifetime changes. The job ends before this function does: nothing below returns or unwinds
        // before the outcome is set, and the driver drops the job before it sets the outcome.
        let work: *mut (dyn FnMut() + Send + 'static) = unsafe { std::mem::transmute(work) };
        let mut state = self.0.lock();
        state.job = Some(Job(work));
        self.0.posted.store(true, Relaxed);
        if state.idle {
            self.0.submitted.notify_one();
        }
        loop {
            if let Some(outcome) = state.outcome.take() {
                return outcome;
            }
            state = wait(&self.0.finished, state);
        }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.serving += 1;
        let waited_for = state.next > state.serving;
        drop(state);
        if waited_for {
            self.0.turn.notify_all();
        }
    }
}

impl Queue {
    /// Runs jobs until the executor closes.
    fn drive(&self) {
        let mut state = self.lock();
        while !state.closed {
            let Some(Job(work)) = state.job.take() else {
                state.idle = true;
                state = wait(&self.submitted, state);
                state.idle = false;
                continue;
            };
            self.posted.store(false, Relaxed);
            drop(state);
            // SAFETY: the submitter keeps the work alive, and does not access it, until the outcome is set.
            let outcome = catch_unwind(AssertUnwindSafe(|| unsafe { (*work)() }));
            self.lock().outcome = Some(outcome);
            self.finished.notify_one();
            self.linger();
            state = self.lock();
        }
    }

    /// Polls for the next job for a while: waking a sleeping thread takes longer than running a small graph.
    fn linger(&self) {
        let looks = (0..LOOKS).take_while(|_| !self.posted.load(Relaxed));
        looks.for_each(|_| thread::yield_now());
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

fn wait<'a>(condition: &Condvar, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
    condition.wait(state).unwrap_or_else(|poisoned| poisoned.into_inner())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU32;

    use rayon::prelude::*;

    use super::*;

    fn executor(threads: usize) -> Executor {
        Executor::new(Some(threads)).unwrap()
    }

    #[test]
    fn work_runs_on_the_pool_and_its_panics_come_back() {
        let executor = executor(2);
        for round in 0..3 {
            let mut sum = 0;
            executor.turn().unwrap().run(|| sum = (0..100u32).into_par_iter().sum()).unwrap();
            assert_eq!((sum, executor.threads()), (4950, 2));
            let panic = executor.turn().unwrap().run(|| panic!("round {round}")).unwrap_err();
            assert_eq!(*panic.downcast::<String>().unwrap(), format!("round {round}"));
            let within =
                executor.turn().unwrap().run(|| (0..9).into_par_iter().for_each(|i| assert_ne!(i, 7)));
            assert!(within.is_err());
        }
    }

    #[test]
    fn submitting_from_within_is_refused() {
        let executor = executor(1);
        let mut nested = Ok(());
        executor.turn().unwrap().run(|| nested = executor.turn().map(drop)).unwrap();
        assert_eq!(nested, Err(Nested));
    }

    /// Tasks of foreign pools that submit, also from within parallel loops, each of which reads and writes one counter.
    #[test]
    fn one_at_a_time_from_the_workers_of_other_pools() {
        for threads in [1, 3, 4, 8] {
            let (ours, theirs) = (executor(2), rayon::ThreadPoolBuilder::new().num_threads(threads).build());
            let counter = AtomicU32::new(0);
            let add = || {
                let mut turn = ours.turn().unwrap();
                let seen = counter.load(Relaxed);
                turn.run(|| (0..4).into_par_iter().for_each(|_| thread::yield_now())).unwrap();
                counter.store(seen + 1, Relaxed);
            };
            let nested = || (0..8).into_par_iter().for_each(|_| (0..8).into_par_iter().for_each(|_| add()));
            theirs.unwrap().install(nested);
            assert_eq!(counter.into_inner(), 64, "{threads} threads");
        }
    }

    #[test]
    fn closing_ends_the_driver() {
        let executor = executor(3);
        let queue = Arc::downgrade(&executor.queue);
        drop(executor);
        while queue.strong_count() > 0 {
            thread::yield_now();
        }
    }
}
