//! The thread that owns MPI.
//!
//! MPI moves data only while somebody calls it, so one thread does nothing else: it begins with the work that comes through a channel, and
//! polls what is under way. It never blocks in MPI, so that a rank that does not come is found by a limit of time.

use std::collections::HashSet;
use std::hash::{BuildHasher, Hasher};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use mpi::Threading;
use mpi::collective::SystemOperation;
use mpi::request::{Request, StaticScope};
use mpi::topology::SimpleCommunicator;
use mpi::traits::{
    Communicator, CommunicatorCollectives, Destination, Equivalence, MatchedReceiveVec, Root, Source,
};

use crate::link::{Ending, GONE, Job, Link, Reply, Work};
use crate::{Error, Result};

/// How long the thread sleeps without work before it looks for questions of other ranks.
const IDLE: Duration = Duration::from_millis(100);
/// Pause between two polls of exchanges under way, after some polls without a pause.
const PAUSE: Duration = Duration::from_micros(50);
const POLLS: usize = 50;
/// How long other ranks have to say where they are.
const ANSWER: Duration = Duration::from_secs(2);
/// Most elements of one exchange.
const MOST: usize = i32::MAX as usize;

/// Bytes for a few messages to each rank.
const MESSAGES: usize = 4096;
/// Messages: where are you, and the answer.
const ASK: i32 = 1;
const TOLD: i32 = 2;

/// A rank's place in the world.
pub(crate) struct Joined {
    pub rank: usize,
    pub size: usize,
    pub local_rank: usize,
    pub ending: Ending,
}

/// Starts MPI on a thread of its own.
pub(crate) fn join(limit: Duration) -> Result<Joined> {
    let (jobs, receiver) = channel();
    let (ready, started) = channel();
    let run = move || {
        let Some((mut universe, threading)) = mpi::initialize_with_threading(Threading::Funneled) else {
            let _ = ready.send(Err("it is in use already".to_owned()));
            return;
        };
        if threading < Threading::Funneled {
            let _ = ready.send(Err("the library supports no threads".to_owned()));
            return;
        }
        let world = universe.world();
        universe.set_buffer_size(MESSAGES * world.size() as usize);
        let local_rank = world.split_shared(world.rank()).rank();
        let _ = ready.send(Ok([world.rank(), world.size(), local_rank]));
        let mut progress = Progress {
            // Its own communicator: what is not finished in the world's can't be taken for the end.
            end: world.duplicate(),
            world,
            limit,
            position: 0,
            since: Instant::now(),
            flights: vec![],
            known: HashSet::new(),
            failed: false,
        };
        if !progress.run(&receiver) {
            // MPI would wait for the other ranks, which it will stop when this process ends.
            std::mem::forget((universe, progress));
        }
    };
    let start = |reason: String| Error::Start { reason };
    let thread =
        std::thread::Builder::new().name("wgrad-mpi".into()).spawn(run).map_err(|e| start(e.to_string()))?;
    let places = started.recv().unwrap_or_else(|_| Err("its thread has ended".into())).map_err(start)?;
    let [rank, size, local_rank] = places.map(|place| place as usize);
    let link = Link { jobs: Some(jobs), rank };
    Ok(Joined { rank, size, local_rank, ending: Ending { link, thread: Some(thread) } })
}

/// An exchange under way.
struct Flight {
    what: String,
    start: Instant,
    /// Whether it is done.
    poll: Box<dyn FnMut() -> bool>,
    /// Hands the result over, or the reason of a failure. It owns the memory of the exchange.
    end: Box<dyn FnOnce(std::result::Result<(), String>)>,
}

struct Progress {
    world: SimpleCommunicator,
    end: SimpleCommunicator,
    limit: Duration,
    /// Number of exchanges begun, and when the last one was.
    position: u64,
    since: Instant,
    flights: Vec<Flight>,
    /// Descriptions of exchanges that all ranks have agreed on.
    known: HashSet<String>,
    failed: bool,
}

/// A request that can be polled, and what keeps its memory.
type Polled = Box<dyn FnMut() -> bool>;

fn polled<D: ?Sized + 'static>(request: Request<'static, D, StaticScope>) -> Polled {
    let mut left = Some(request);
    Box::new(move || match left.take().map(Request::test) {
        Some(Err(request)) => {
            left = Some(request);
            false
        }
        Some(Ok(_)) | None => true,
    })
}

/// The elements as a slice that MPI may use after this call.
///
/// # Safety
/// The vector is neither changed nor dropped before the request that uses the slice is complete.
unsafe fn lent<T>(values: &mut Vec<T>) -> &'static mut [T] {
    // SAFETY: the memory of a vector stays where it is when the vector is moved.
    unsafe { std::slice::from_raw_parts_mut(values.as_mut_ptr(), values.len()) }
}

/// Waits after a number of polls in vain.
fn pause(polls: usize) {
    if polls > POLLS { std::thread::sleep(PAUSE) } else { std::thread::yield_now() }
}

impl Progress {
    /// Works until the end; returns whether all ranks have come to it.
    fn run(&mut self, jobs: &Receiver<Job>) -> bool {
        let mut polls = 0;
        loop {
            let job = match self.flights.is_empty() {
                true => jobs.recv_timeout(IDLE).ok(),
                false => jobs.try_recv().ok(),
            };
            match job {
                Some(Job { work: Work::End { done }, .. }) => return done && !self.failed && self.meets(),
                Some(job) => {
                    self.begin(job);
                    polls = 0;
                }
                None => {}
            }
            self.answer();
            if self.poll() {
                polls = 0;
            } else if !self.flights.is_empty() {
                polls += 1;
                pause(polls);
            }
        }
    }

    /// Waits for all ranks at the end.
    fn meets(&mut self) -> bool {
        (self.position, self.since) = (self.position + 1, Instant::now());
        let done = polled(self.end.immediate_barrier());
        match self.wait("the end", done) {
            Ok(()) => self.lands(),
            Err(reason) => {
                eprintln!("rank {}: {reason}", self.world.rank());
                false
            }
        }
    }

    /// Waits for what is still under way, which all ranks have begun; a request must not be dropped before it is complete.
    fn lands(&mut self) -> bool {
        let mut polls = 0;
        while !self.flights.is_empty() {
            self.poll();
            polls += 1;
            pause(polls);
        }
        !self.failed
    }

    fn begin(&mut self, Job { what, work }: Job) {
        let elements = match &work {
            Work::Sum(values, _) => values.len(),
            Work::Gather(..) | Work::Broadcast(..) | Work::End { .. } => 0,
        };
        (self.position, self.since) = (self.position + 1, Instant::now());
        let checked = if self.failed { Err(GONE.to_owned()) } else { self.check(&what, elements) };
        match (work, checked) {
            (Work::Sum(values, reply), Ok(())) => self.sum(what, values, reply),
            (Work::Sum(_, reply), Err(reason)) => _ = reply.send(Err(reason)),
            (Work::Gather(bytes, reply), checked) => {
                let _ = reply.send(checked.and_then(|()| self.gather(&what, bytes)));
            }
            (Work::Broadcast(bytes, reply), checked) => {
                let _ = reply.send(checked.and_then(|()| self.broadcast(&what, bytes)));
            }
            (Work::End { .. }, _) => unreachable!("the end is not begun"),
        }
    }

    /// The first time, compares an exchange with those that the other ranks begin with now: other ones would end in wrong numbers.
    fn check(&mut self, what: &str, elements: usize) -> std::result::Result<(), String> {
        if elements > MOST {
            return Err(format!("{elements} elements are more than MPI exchanges at once"));
        }
        let text = format!("{what} of {elements} elements");
        if self.known.contains(&text) {
            return Ok(());
        }
        let mut hasher = foldhash::fast::FixedState::with_seed(0).build_hasher();
        hasher.write(text.as_bytes());
        let all = self.all_gather(what, vec![hasher.finish()])?;
        match all.iter().position(|hash| *hash != all[0]) {
            None => {
                self.known.insert(text);
                Ok(())
            }
            Some(rank) => {
                self.failed = true;
                Err(format!(
                    "rank {rank} exchanges something else than rank 0 at this point; here it is {text}. Run the same program with \
                     the same options on every rank"
                ))
            }
        }
    }

    fn sum(&mut self, what: String, mut values: Vec<f32>, reply: Reply<Vec<f32>>) {
        let mut sum = vec![0.0f32; values.len()];
        // SAFETY: `end` keeps both vectors, and is called or leaked after the request.
        let (from, to) = unsafe { (lent(&mut values), lent(&mut sum)) };
        let request = self.world.immediate_all_reduce_into(StaticScope, &*from, to, SystemOperation::sum());
        let end = move |done: std::result::Result<(), String>| match done {
            Ok(()) => {
                drop(values);
                let _ = reply.send(Ok(sum));
            }
            Err(reason) => {
                // MPI may still write there.
                std::mem::forget((values, sum));
                let _ = reply.send(Err(reason));
            }
        };
        self.flights.push(Flight { what, start: Instant::now(), poll: polled(request), end: Box::new(end) });
    }

    /// As many elements of every rank, in the order of ranks.
    fn all_gather<T>(&mut self, what: &str, mut own: Vec<T>) -> std::result::Result<Vec<T>, String>
    where
        T: Equivalence + Clone + Default + 'static,
    {
        let mut all = vec![T::default(); own.len() * self.world.size() as usize];
        // SAFETY: the request is complete after `wait`, or the vectors are leaked.
        let (from, to) = unsafe { (lent(&mut own), lent(&mut all)) };
        let request = self.world.immediate_all_gather_into(StaticScope, &*from, to);
        match self.wait(what, polled(request)) {
            Ok(()) => Ok(all),
            Err(reason) => {
                std::mem::forget((own, all));
                Err(reason)
            }
        }
    }

    fn gather(&mut self, what: &str, mut own: Vec<u8>) -> std::result::Result<Vec<Vec<u8>>, String> {
        let lengths = self.all_gather(what, vec![own.len() as u64])?;
        let longest = lengths.iter().copied().max().unwrap_or(0) as usize;
        if longest == 0 {
            return Ok(vec![vec![]; lengths.len()]);
        }
        if longest * lengths.len() > MOST {
            return Err(format!("{longest} bytes are more than MPI gathers at once"));
        }
        own.resize(longest, 0);
        let all = self.all_gather(what, own)?;
        let of = |(bytes, &length): (&[u8], &u64)| bytes[..length as usize].to_vec();
        Ok(all.chunks_exact(longest).zip(&lengths).map(of).collect())
    }

    fn broadcast(&mut self, what: &str, mut bytes: Vec<u8>) -> std::result::Result<Vec<u8>, String> {
        let length = self.all_gather(what, vec![bytes.len() as u64])?[0] as usize;
        bytes.resize(length, 0);
        for start in (0..length).step_by(MOST) {
            // SAFETY: as in `all_gather`.
            let part = unsafe { &mut lent(&mut bytes)[start..length.min(start + MOST)] };
            let request = self.world.process_at_rank(0).immediate_broadcast_into(StaticScope, part);
            if let Err(reason) = self.wait(what, polled(request)) {
                std::mem::forget(bytes);
                return Err(reason);
            }
        }
        Ok(bytes)
    }

    /// Waits for an exchange, and polls the others meanwhile.
    fn wait(&mut self, what: &str, mut poll: Polled) -> std::result::Result<(), String> {
        let start = Instant::now();
        let mut polls = 0;
        while !poll() {
            self.answer();
            self.poll();
            if self.failed || start.elapsed() > self.limit {
                // A request that is dropped before it is complete panics.
                std::mem::forget(poll);
                return Err(if self.failed { GONE.into() } else { self.late(what) });
            }
            polls += 1;
            pause(polls);
        }
        Ok(())
    }

    /// Polls what is under way; returns whether anything has ended.
    fn poll(&mut self) -> bool {
        let before = self.flights.len();
        let mut i = 0;
        while i < self.flights.len() {
            if (self.flights[i].poll)() {
                (self.flights.remove(i).end)(Ok(()));
            } else {
                i += 1;
            }
        }
        let late = self.flights.iter().find(|flight| flight.start.elapsed() > self.limit);
        if let Some(what) = late.map(|flight| flight.what.clone()) {
            let reason = self.late(&what);
            for Flight { poll, end, .. } in std::mem::take(&mut self.flights) {
                std::mem::forget(poll);
                end(Err(reason.clone()));
            }
        }
        self.flights.len() < before
    }

    /// Tells other ranks where this one is.
    fn answer(&self) {
        while let Some(asked) = self.world.any_process().immediate_matched_probe_with_tag(ASK) {
            let (_, status): (Vec<u64>, _) = asked.matched_receive_vec();
            let place = [self.position, self.since.elapsed().as_secs()];
            self.world.process_at_rank(status.source_rank()).buffered_send_with_tag(&place[..], TOLD);
        }
    }

    /// Asks the other ranks where they are, and says which are late.
    fn late(&mut self, what: &str) -> String {
        self.failed = true;
        let (rank, size) = (self.world.rank(), self.world.size());
        for other in (0..size).filter(|&other| other != rank) {
            self.world.process_at_rank(other).buffered_send_with_tag(&[self.position][..], ASK);
        }
        let mut places = vec![None; size as usize];
        places[rank as usize] = Some([self.position, 0]);
        let start = Instant::now();
        while start.elapsed() < ANSWER && places.iter().any(Option::is_none) {
            self.answer();
            if let Some(message) = self.world.any_process().immediate_matched_probe_with_tag(TOLD) {
                let (place, status): (Vec<u64>, _) = message.matched_receive_vec();
                places[status.source_rank() as usize] = Some([place[0], place[1]]);
            }
            std::thread::sleep(PAUSE);
        }
        let say = |(other, place): (usize, &Option<[u64; 2]>)| match *place {
            None => Some(format!("rank {other} does not answer")),
            Some([position, seconds]) if position < self.position => {
                Some(format!("rank {other} has begun nothing for {seconds} s"))
            }
            Some(_) => None,
        };
        let late: Vec<String> = places.iter().enumerate().filter_map(say).collect();
        let late = if late.is_empty() { "all ranks are there".into() } else { late.join(", ") };
        format!(
            "{what} is not done after {:.0} s (WGRAD_MPI_TIMEOUT): {late}. Restart from the last checkpoint",
            self.limit.as_secs_f64()
        )
    }
}
