//! From a recorded graph to a plan: merge what is equal, decide what is fused, lower nodes to launches, join neighbouring launches, plan
//! memory, cache by structure.

mod concat_in_place;
mod explain;
mod expr;
mod fuse;
mod lower;
mod memory;
mod place;
mod plan;
mod request;
mod simplify;
mod steps;

pub use explain::{Passes, PlanView};
pub use expr::Expr;
pub use fuse::set_fusion;
pub use lower::Lower;
pub use plan::plans;
pub(crate) use plan::run;
pub(crate) use request::{Request, Source, Wiring};
