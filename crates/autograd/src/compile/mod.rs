//! From a recorded graph to a plan: merge equal nodes, decide on fusion and concatenation in place, lower nodes to launches, schedule
//! them, plan memory, and cache the plan by structure.

mod chains;
mod channel_parts;
mod combined_maps;
mod concat_in_place;
mod conv_moments;
mod epilogue;
mod explain;
mod expr;
mod fuse;
mod lower;
mod memory;
mod partial_sums;
mod place;
mod plan;
mod request;
mod rounded_updates;
mod row_sums;
mod schedule;
mod simplify;
mod steps;

pub use explain::{Passes, PlanView};
pub use expr::Expr;
pub use fuse::set_fusion;
pub use lower::Lower;
pub(crate) use place::packs_on_gpus;
pub use plan::plans;
pub(crate) use plan::{Failure, run};
pub(crate) use request::{Bytes, Evaluation, Source};
