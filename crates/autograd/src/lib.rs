//! Lazy tensors, gradient rules, and the compiler that turns a recorded graph into a plan of kernel launches.
//!
//! Operations on [`Tensor`] append nodes to a graph and return at once. Reading a value, or an optimizer's step,
//! compiles the pending nodes into a [`gpu_core::CommandGraph`] (once for each structure of graph) and runs it.
//!
//! ```
//! use autograd::{Device, Tensor};
//! let device = Device::named("cpu")?;
//! let x = Tensor::from_slice(&device, &[1.0f32, 2.0, 3.0], &[3])?.variable();
//! let y = (&x * &x).sum_all();
//! let dx = y.backward().get(&x).unwrap().to_vec::<f32>()?;
//! assert_eq!(dx, [2.0, 4.0, 6.0]);
//! # Ok::<(), autograd::Error>(())
//! ```

#![warn(missing_docs)]
// The wgpu types that plans contain are deeply nested.
#![recursion_limit = "256"]

mod accumulate;
mod autocast;
mod blend;
mod capture;
mod capture_log;
mod checkpoint;
mod compile;
mod donation;
mod frozen;
mod gradient;
mod graph;
mod history;
mod index_range;
mod node;
mod op;
mod ops;
mod receptive_field;
mod record;
mod rounded;
mod snapshot;
mod state;
mod tensor;
mod trace;
mod transaction;
mod uses;

pub use accumulate::Accumulator;
pub use autocast::{AUTOCAST_POLICY, Cast, autocast};
pub use blend::FLAT_ALIGN;
pub use capture::Captured;
pub use capture_log::note_read;
pub use checkpoint::checkpoint;
pub use compile::{Expr, Lower, Passes, PlanView, plans, set_fusion};
pub use frozen::{Frozen, FrozenLayer, Int8Codes, Int8Layer};
pub use gpu_core::kernels::AttentionWindow;
pub use gpu_core::{
    DType, Device, DeviceInfo, DeviceKind, Element, Error, Half, HostCall, HostResult, MemoryUse, Role,
    Stats, Value,
};
pub use gradient::{Gradients, grad, vjp};
pub use graph::{Graph, GraphNode, Operation};
pub use op::{KernelOp, Meta};
pub use ops::{
    AdamStep, Arcs, BatchNormOutput, CrossEntropy, Generator, Interpolation, LstmOutput, Operand, Padding,
    Paths, Pool, Pool1d, Pool2d, Pool3d, Reduction, Resize, RnnNonlinearity, RnnOutput, SgdStep,
    TripletMargin, batch_norm_train, broadcast_tensors, cat, einsum, elastic_net_penalty, flatten_all,
    gradient_penalty, gru, jacobian_penalty, l1_penalty, l2_penalty, lattice, lstm, perceptual_loss, rnn,
    stack, style_loss, wasserstein_critic_loss,
};
pub use receptive_field::receptive_field;
pub use state::{Part, State};
pub use tensor::{Pending, Tensor};
pub use trace::{NonFinite, first_non_finite};
pub use transaction::{Transaction, evaluate};
pub use uses::{Use, uses};

/// A result of evaluating tensors.
pub type Result<T> = gpu_core::Result<T>;
