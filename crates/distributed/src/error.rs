//! What can go wrong between processes.

/// An error of the exchange between ranks, or of a rank's own device.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// `mpirun` started several processes of a program that cannot join them.
    #[error(
        "mpirun started {processes} processes of a program without MPI. Build it with the feature mpi \
         (cargo build --features mpi), which needs an MPI library: apt-get install openmpi-bin libopenmpi-dev libclang-dev"
    )]
    WithoutMpi {
        /// Number of processes that `mpirun` has started.
        processes: usize,
    },
    /// The MPI library could not be started.
    #[error("MPI did not start: {reason}")]
    Start {
        /// What failed.
        reason: String,
    },
    /// A variable of the environment is not valid.
    #[error("{name} is \"{value}\"; use {wanted}")]
    Variable {
        /// The variable.
        name: &'static str,
        /// Its text.
        value: String,
        /// What it may be.
        wanted: &'static str,
    },
    /// An exchange with the other ranks failed.
    #[error("{what} failed on rank {rank}: {reason}")]
    Exchange {
        /// The exchange, as in `broadcast of parameters`.
        what: String,
        /// This rank.
        rank: usize,
        /// What failed, and what to do.
        reason: String,
    },
    /// A state does not fit the parameters.
    #[error("a checkpoint has no {name} of {count} elements; resume with the options of the run")]
    State {
        /// What is missing.
        name: &'static str,
        /// Number of parameters.
        count: usize,
    },
    /// Ranks do not agree.
    #[error(
        "rank {rank} has {theirs}, rank 0 has {ours}. Start the same program with the same options and files on every rank"
    )]
    Differs {
        /// The first rank that differs from rank 0.
        rank: usize,
        /// What rank 0 has.
        ours: String,
        /// What that rank has.
        theirs: String,
    },
    /// An error of this rank's device.
    #[error(transparent)]
    Device(#[from] gpu_core::Error),
}

/// A result of the exchange between ranks.
pub type Result<T> = std::result::Result<T, Error>;
