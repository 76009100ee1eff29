//! Graph convolutional networks (Kipf and Welling 2017).

use autograd::Tensor;

use crate::{Dropout, GcnConv, Graph, Mode, Params};

/// Two graph convolutions with ReLU and dropout between them, to classify the nodes of a partially labelled graph: from features
/// `[nodes, in]` to logits `[nodes, classes]`. Parameters `conv1.*` and `conv2.*` as in [`GcnConv`].
///
/// ```
/// use autograd::{Device, Tensor};
/// use models::{Gcn, Graph, Mode, Params};
/// let device = Device::named("cpu")?;
/// let params = Params::new(&device, 42);
/// // The sizes for the Cora citation network.
/// let net = Gcn::new(&params, 1433, 16, 7, 0.5);
/// assert_eq!(params.count(), 23_063);
/// let graph = Graph::undirected(&device, 3, &[(0, 1), (1, 2)]);
/// assert_eq!(net.forward(&Tensor::zeros(&device, &[3, 1433]), &graph, Mode::Eval).shape(), [3, 7]);
/// # Ok::<(), autograd::Error>(())
/// ```
pub struct Gcn {
    conv1: GcnConv,
    conv2: GcnConv,
    dropout: Dropout,
}

impl Gcn {
    /// `dropout` is the dropout probability (0.5 in the paper).
    ///
    /// # Panics
    /// When `dropout` is not in `0..=1`.
    #[track_caller]
    pub fn new(params: &Params, inputs: usize, hidden: usize, classes: usize, dropout: f32) -> Gcn {
        Gcn {
            conv1: GcnConv::new(&params.path("conv1"), inputs, hidden),
            conv2: GcnConv::new(&params.path("conv2"), hidden, classes),
            dropout: Dropout::new(params, dropout),
        }
    }

    /// # Panics
    /// When `x` does not have one row of features per node.
    #[track_caller]
    pub fn forward(&self, x: &Tensor, graph: &Graph, mode: Mode) -> Tensor {
        let hidden = self.conv1.forward(x, graph).relu();
        self.conv2.forward(&self.dropout.forward(&hidden, mode), graph)
    }
}
