//! The operations: shape rule, gradient rule and lowering together, one concept per file.

mod activation;
mod adaptive_pool;
mod attention;
mod batch_norm;
mod clip;
mod concat;
mod conv;
mod conv1d;
mod conv2d;
mod conv3d;
mod conv_transpose;
mod cross_entropy;
mod describe;
mod distance;
mod dropout;
mod einsum;
mod gather;
mod group_norm;
mod host_call;
pub(crate) mod int8;
mod interpolate;
mod lattice;
mod layer_norm;
mod local_response_norm;
mod loss;
mod lp_pool;
mod map;
mod matmul;
mod optim;
mod pad;
mod pixel_shuffle;
mod pool;
mod pool1d;
mod pool2d;
mod pool3d;
mod random;
mod recurrent;
mod reduce;
mod rms_norm;
mod scan;
mod segment;
mod shape;
mod softmax;
mod sort;
mod special;
mod standard_gamma;
mod statistics;
mod summary;
mod unary;
mod unfold;
mod view;
mod weight_norm;

pub use batch_norm::{BatchNormOutput, batch_norm_train};
pub use concat::{cat, flatten_all, stack};
pub use cross_entropy::CrossEntropy;
pub use einsum::einsum;
pub use interpolate::{Interpolation, Resize};
pub use lattice::{Arcs, Paths, lattice};
pub use loss::{
    Reduction, TripletMargin, elastic_net_penalty, gradient_penalty, jacobian_penalty, l1_penalty,
    l2_penalty, perceptual_loss, style_loss, wasserstein_critic_loss,
};
pub use map::Operand;
pub use optim::{AdamStep, SgdStep};
pub use pad::Padding;
pub use pool::{Pool, Pool1d, Pool2d, Pool3d};
pub use random::Generator;
pub use recurrent::{LstmOutput, RnnNonlinearity, RnnOutput, gru, lstm, rnn};
pub use view::broadcast_tensors;

pub(crate) use describe::describe;
pub(crate) use map::{broadcast, map_gradient};
pub(crate) use reduce::reduce_gradient;
pub(crate) use summary::{Reach, multiply_adds, reach};
pub(crate) use view::view_gradient;
