//! The feed-forward part of a transformer layer.

use autograd::Tensor;

use super::transformer_encoder_layer::TransformerOptions;
use crate::{Dropout, Linear, Mode, Params};

/// `linear2(dropout(activation(linear1(x))))`
pub(super) struct FeedForward {
    linear1: Linear,
    linear2: Linear,
    activation: fn(&Tensor) -> Tensor,
    dropout: Dropout,
}

impl FeedForward {
    #[track_caller]
    pub fn new(params: &Params, width: usize, options: TransformerOptions) -> FeedForward {
        FeedForward {
            linear1: options.linear(&params.path("linear1"), width, options.dim_feedforward),
            linear2: options.linear(&params.path("linear2"), options.dim_feedforward, width),
            activation: options.activation,
            dropout: Dropout::new(params, options.dropout),
        }
    }

    #[track_caller]
    pub fn forward(&self, x: &Tensor, mode: Mode) -> Tensor {
        let hidden = (self.activation)(&self.linear1.forward(x));
        self.linear2.forward(&self.dropout.forward(&hidden, mode))
    }
}
