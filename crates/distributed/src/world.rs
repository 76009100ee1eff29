//! The processes that train together.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use gpu_core::Device;

use crate::all_reduce::CompressedReduce;
use crate::compression::{Compression, Kept};
use crate::link::{Answer, Ending, Link};
use crate::{Error, Result};

/// All processes of a training run, seen from one of them.
#[derive(Clone, Debug)]
pub struct World {
    rank: usize,
    size: usize,
    /// Number of this process among those of its machine.
    local_rank: usize,
    share: f32,
    compressed: Option<Compressed>,
    link: Link,
}

/// How gradients are compressed, and what each bucket has lost.
#[derive(Clone, Debug)]
pub(crate) struct Compressed {
    /// Distinguishes what several worlds have lost.
    number: usize,
    compression: Compression,
    buckets: Arc<Mutex<HashMap<String, Kept>>>,
}

impl Compressed {
    /// The exchange of a bucket.
    pub fn call(&self, world: &World, what: &str) -> Arc<CompressedReduce> {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let compressor = buckets.entry(what.to_owned()).or_default().clone();
        let (link, what, weight) = (world.link.clone(), what.to_owned(), world.share);
        let Compressed { number, compression, .. } = *self;
        Arc::new(CompressedReduce { link, what, weight, number, compression, compressor })
    }
}

impl Default for World {
    /// This process alone.
    fn default() -> World {
        World { rank: 0, size: 1, local_rank: 0, share: 1.0, compressed: None, link: Link::alone() }
    }
}

impl World {
    /// Does `work` as one of the processes that `mpirun` has started; without it, the world is this process alone. It encloses all of a
    /// program, once.
    ///
    /// A rank that has done its work waits for the others. If the work of a rank fails, it should end with the error as its exit status:
    /// `mpirun` then stops all ranks.
    ///
    /// `WGRAD_MPI_TIMEOUT` is the number of seconds after which a rank that waits for others gives up, 300 by default.
    ///
    /// # Errors
    /// Those of `work`; [`Error::WithoutMpi`] under `mpirun` without the feature `mpi`, [`Error::Start`], [`Error::Variable`], or
    /// [`Error::Differs`] when ranks have different versions of this library.
    #[doc(alias("init_process_group", "destroy_process_group"))]
    pub fn run<T, E: From<Error>>(
        work: impl FnOnce(&World) -> std::result::Result<T, E>,
    ) -> std::result::Result<T, E> {
        let (world, mut ending) = World::join()?;
        world.agree("version", &[concat!("wgrad ", env!("CARGO_PKG_VERSION")).to_owned()])?;
        let done = work(&world);
        ending.end(done.is_ok());
        done
    }

    #[cfg(feature = "mpi")]
    fn join() -> Result<(World, Ending)> {
        let limit = match std::env::var("WGRAD_MPI_TIMEOUT") {
            Err(_) => 300.0,
            Ok(value) => match value.parse::<f64>() {
                Ok(seconds) if seconds > 0.0 && seconds < 1e9 => seconds,
                _ => {
                    let (name, wanted) = ("WGRAD_MPI_TIMEOUT", "a number of seconds above 0");
                    return Err(Error::Variable { name, value, wanted });
                }
            },
        };
        // Alone, MPI is not even started: programs run where its daemons can't.
        if started() <= 1 {
            return Ok(World::alone());
        }
        let crate::mpi_thread::Joined { rank, size, local_rank, ending } =
            crate::mpi_thread::join(std::time::Duration::from_secs_f64(limit))?;
        Ok((
            World {
                rank,
                size,
                local_rank,
                share: 1.0 / size as f32,
                compressed: None,
                link: ending.link.clone(),
            },
            ending,
        ))
    }

    #[cfg(not(feature = "mpi"))]
    fn join() -> Result<(World, Ending)> {
        match started() {
            0 | 1 => Ok(World::alone()),
            processes => Err(Error::WithoutMpi { processes }),
        }
    }

    fn alone() -> (World, Ending) {
        (World::default(), Ending { link: Link::alone(), thread: None })
    }

    /// Number of this process, from 0.
    #[doc(alias = "get_rank")]
    pub fn rank(&self) -> usize {
        self.rank
    }

    /// Number of processes.
    #[doc(alias("get_world_size", "world_size"))]
    pub fn size(&self) -> usize {
        self.size
    }

    /// Number of this process among those of its machine, from 0.
    pub fn local_rank(&self) -> usize {
        self.local_rank
    }

    /// Whether this is rank 0, which prints, logs and saves.
    pub fn is_main(&self) -> bool {
        self.rank == 0
    }

    /// This rank's weight in means: its share of a batch. The shares of all ranks add up to 1.
    pub fn share(&self) -> f32 {
        self.share
    }

    /// The world with another [share](World::share) of this rank, for batches that are not divided evenly.
    pub fn with_share(&self, share: f32) -> World {
        World { share, ..self.clone() }
    }

    /// The world with compressed [means](World::mean) of gradients, for slow links. What is lost of a step's gradients is added to the next
    /// ones (error feedback); a checkpoint does not have it.
    pub fn compress(&self, compression: Compression) -> World {
        static WORLDS: AtomicUsize = AtomicUsize::new(0);
        let number = WORLDS.fetch_add(1, Ordering::Relaxed);
        World {
            compressed: Some(Compressed { number, compression, buckets: Arc::default() }),
            ..self.clone()
        }
    }

    pub(crate) fn compression(&self) -> Option<&Compressed> {
        self.compressed.as_ref()
    }

    /// The element-wise sum over all ranks.
    ///
    /// # Errors
    /// [`Error::Exchange`].
    #[doc(alias = "all_reduce")]
    pub fn sum(&self, what: &str, values: Vec<f32>) -> Result<Vec<f32>> {
        self.link.wait(what, self.link.sum(what, values))
    }

    /// This rank's device of that [name](Device::named). With `auto`, and no `WGRAD_DEVICE`, ranks of one machine take its GPUs in turn.
    ///
    /// # Errors
    /// As [`Device::named`].
    pub fn device(&self, name: &str) -> Result<Device> {
        Ok(if name == "auto" { Device::best_of_process(self.local_rank)? } else { Device::named(name)? })
    }

    /// The bytes that rank 0 gives, on every rank.
    ///
    /// # Errors
    /// [`Error::Exchange`].
    pub fn broadcast(&self, what: &str, bytes: Vec<u8>) -> Result<Vec<u8>> {
        self.link.wait(what, self.link.broadcast(what, bytes))
    }

    /// The bytes of every rank, in the order of ranks. It ends on no rank before all have called it.
    ///
    /// # Errors
    /// [`Error::Exchange`].
    #[doc(alias("all_gather", "barrier"))]
    pub fn gather(&self, what: &str, bytes: Vec<u8>) -> Result<Vec<Vec<u8>>> {
        self.link.wait(what, self.link.gather(what, bytes))
    }

    /// Asks all ranks a question; the answer of this one is `yes`.
    pub fn ask(&self, what: &str, yes: bool) -> Asked {
        let sum = self.link.sum(what, vec![f32::from(u8::from(yes))]);
        Asked { what: what.into(), link: self.link.clone(), sum }
    }

    pub(crate) fn link(&self) -> &Link {
        &self.link
    }
}

/// A question to all ranks, whose answers come later.
pub struct Asked {
    what: String,
    link: Link,
    sum: Answer<Vec<f32>>,
}

impl Asked {
    /// Whether the answer of any rank is yes. Waits for all of them.
    ///
    /// # Errors
    /// [`Error::Exchange`].
    pub fn any(self) -> Result<bool> {
        Ok(self.link.wait(&self.what, self.sum)?.iter().any(|&count| count > 0.0))
    }
}

/// Number of processes that `mpirun` of Open MPI or MPICH has started with this one; 0 without it.
fn started() -> usize {
    let size = |name: &&str| std::env::var(name).ok()?.parse().ok();
    ["OMPI_COMM_WORLD_SIZE", "PMI_SIZE"].iter().find_map(size).unwrap_or(0)
}
