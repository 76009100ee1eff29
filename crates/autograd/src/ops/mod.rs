//! The operations: shape rule, gradient rule and lowering side by side, one concept a file.

mod activation;
mod attention;
mod batch_norm;
mod cdist;
mod clip;
mod concat;
mod conv2d;
mod cross_entropy;
mod einsum;
mod gather;
mod layer_norm;
mod loss;
mod map;
mod matmul;
mod optim;
mod pad;
mod pool2d;
mod random;
mod recurrent;
mod reduce;
mod scan;
mod segment;
mod shape;
mod softmax;
mod sort;
mod statistics;
mod unary;
mod view;

pub use batch_norm::{BatchNormOutput, batch_norm_train};
pub use concat::{cat, flatten_all, stack};
pub use cross_entropy::CrossEntropyTarget;
pub use einsum::einsum;
pub use loss::Reduction;
pub use map::Operand;
pub use optim::{AdamStep, SgdStep};
pub use pad::Padding;
pub use pool2d::Pool2d;
pub use random::Generator;
pub use recurrent::{LstmOutput, RnnNonlinearity, RnnOutput, gru, lstm, rnn};

pub(crate) use map::{broadcast, map_gradient};
pub(crate) use reduce::reduce_gradient;
pub(crate) use view::view_gradient;
