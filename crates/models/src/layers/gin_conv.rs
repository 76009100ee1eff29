//! Graph isomorphism networks (Xu et al. 2019).

use autograd::Tensor;

use crate::{Aggregation, Graph, Init, Param, Params};

/// Applies a network to the sum of a node and its neighbours: `y_i = nn((1 + eps) x_i + sum_j x_j)` over the edges from `j` to `i` (Xu et
/// al. 2019, "How powerful are graph neural networks?"), from `[nodes, in]` to the network's output. As `torch_geometric.nn.GINConv`.
/// Parameters are those of the network, by convention under `nn`, and `eps [1]`, initially 0, by default a buffer.
///
/// ```
/// use autograd::{Device, Tensor};
/// use models::{GinConv, Graph, Mlp, Params};
/// let device = Device::named("cpu")?;
/// let params = Params::new(&device, 0);
/// let mlp = Mlp::new(&params.path("nn"), &[1, 8, 4]);
/// let layer = GinConv::new(&params, move |x| mlp.forward(x));
/// let graph = Graph::new(&device, 2, &[(1, 0)]);
/// assert_eq!(layer.forward(&Tensor::ones(&device, &[2, 1]), &graph).shape(), [2, 4]);
///
/// let sums = GinConv::new(&params.path("sums"), Tensor::clone);
/// let x = Tensor::from_slice(&device, &[1.0f32, 2.0], &[2, 1])?;
/// assert_eq!(sums.forward(&x, &graph).to_vec::<f32>()?, [3.0, 2.0]);
/// # Ok::<(), autograd::Error>(())
/// ```
pub struct GinConv {
    nn: Box<dyn Fn(&Tensor) -> Tensor + Send + Sync>,
    eps: Param,
}

impl GinConv {
    /// With `eps` fixed at its initial value.
    #[track_caller]
    pub fn new(params: &Params, nn: impl Fn(&Tensor) -> Tensor + Send + Sync + 'static) -> GinConv {
        GinConv { nn: Box::new(nn), eps: params.buffer("eps", &[1], Init::ZEROS) }
    }

    /// [`new`](GinConv::new) with a trainable `eps`.
    #[track_caller]
    pub fn train_eps(params: &Params, nn: impl Fn(&Tensor) -> Tensor + Send + Sync + 'static) -> GinConv {
        GinConv { nn: Box::new(nn), eps: params.param("eps", &[1], Init::ZEROS) }
    }

    /// # Panics
    /// When `x` does not have one row of features per node.
    #[track_caller]
    pub fn forward(&self, x: &Tensor, graph: &Graph) -> Tensor {
        graph.expect_nodes("GinConv", x);
        let neighbours = graph.aggregate(&x.index_select(0, graph.source()), Aggregation::Sum);
        (self.nn)(&(x * (self.eps.value() + 1.0) + neighbours))
    }
}
