//! Kernel families, one a file: parameters, WGSL specialisation, CPU twin and cost.

mod attention;
mod batch_norm;
mod code;
mod conv2d;
mod conv2d_cpu;
mod conv2d_grad;
mod cross_entropy;
mod gather;
mod interpreter;
mod layer_norm;
mod map;
mod matmul;
mod optim;
mod pool2d;
mod program;
mod prologue;
mod random;
mod reduce;
mod softmax;

pub use attention::{Attention, AttentionGrad, AttentionInputs, AttentionStats};
pub use batch_norm::{ChannelMoments, ChannelSums};
pub use conv2d::{Conv2d, Conv2dShape};
pub use conv2d_grad::{Conv2dInputGrad, Conv2dWeightGrad};
pub use cross_entropy::{CrossEntropy, CrossEntropyGrad};
pub use gather::{Gather, ScatterAdd};
pub use layer_norm::{LayerNorm, LayerNormGradInput, LayerNormGradParams};
pub use map::Map;
pub use matmul::MatMul;
pub use optim::{AdamStep, SgdStep};
pub use pool2d::{AvgPool2d, AvgPool2dGrad, MaxPool2d, MaxPool2dGrad, Pool2dShape};
pub use program::{Binary, Instr, Program, Unary};
pub use prologue::Prologue;
pub use random::{Random, RandomKind};
pub use reduce::{Reduce, ReduceOp};
pub use softmax::{Softmax, SoftmaxGrad};
