//! From a recorded graph to a plan: lower each node to launches, fuse element-wise chains, plan memory, cache by
//! structure.

mod fuse;
mod lower;
mod memory;
mod plan;
mod request;

pub use lower::Lower;
pub use plan::plans;
pub(crate) use plan::run;
pub(crate) use request::Request;
