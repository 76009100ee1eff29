//! Data-parallel training: processes that each train the same model on their share of every batch, joined by MPI.
//!
//! A process is a *rank* of the [`World`]. Every rank runs the same program. Gradients are averaged over all ranks while the backward pass
//! is still under way, so parameters stay the same everywhere. Without `mpirun`, the world is one process, and nothing is exchanged.
//!
//! ```
//! use autograd::{Device, Reduction, Tensor};
//! use distributed::{DataParallel, World};
//! use models::{Linear, Optimize, Params, Sgd};
//! World::run(|world| {
//!     let device = world.device("auto")?;
//!     let params = Params::new(&device, 42);
//!     let net = Linear::new(&params, 2, 1);
//!     world.synchronize(&params)?; // all ranks begin with the values of rank 0
//!     let mut opt = DataParallel::new(Sgd::new(&params), world);
//!     for step in 0..20 {
//!         let x = Tensor::full(&device, (world.rank() + step) as f32 / 20.0, &[4, 2]); // this rank's share of the batch
//!         let loss = net.forward(&x).mse_loss(&(x.sum(&[1], true) * 3.0), Reduction::Mean);
//!         opt.step(loss.backward(), 0.1)?;
//!     }
//!     assert!(world.same(&params)?);
//!     Ok::<(), Box<dyn std::error::Error>>(())
//! })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![warn(missing_docs)]

mod all_reduce;
mod compression;
mod data_parallel;
mod diloco;
mod error;
mod link;
mod mean;
#[cfg(feature = "mpi")]
mod mpi_thread;
mod params;
mod world;

pub use compression::Compression;
pub use data_parallel::DataParallel;
pub use diloco::DiLoCo;
pub use error::{Error, Result};
pub use world::{Asked, World};
