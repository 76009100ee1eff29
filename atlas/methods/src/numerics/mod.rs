//! Numerical methods on the host, in f64, and of tensors.
//!
//! | What | Here |
//! |---|---|
//! | large matrices known by their products | [`Krylov`]: Arnoldi's and Lanczos's bases; [`gmres`] |
//! | constrained minimisation | [`QuadraticProgram`] |
//! | tensors as sums of outer products | [`CpDecomposition`] |

mod cp_decomposition;
mod krylov;
mod quadratic_program;

pub use cp_decomposition::CpDecomposition;
pub use krylov::{Krylov, gmres};
pub use quadratic_program::{Optimum, QuadraticProgram};
