//! GraphSAGE (Hamilton, Ying and Leskovec 2017).

use autograd::Tensor;

use crate::{Aggregation, Graph, Linear, Params};

/// The sum of a linear map of a node and one of its aggregated neighbours: `y_i = W_r x_i + W_l aggregate_j(x_j) + b` over the edges from
/// `j` to `i` (Hamilton, Ying and Leskovec 2017, "Inductive representation learning on large graphs"), from `[nodes, in]` to
/// `[nodes, out]`. As `torch_geometric.nn.SAGEConv`. Parameters `lin_l.weight [out, in]`, `lin_l.bias [out]` and `lin_r.weight [out, in]`.
///
/// ```
/// use autograd::{Device, Tensor};
/// use models::{Aggregation, Graph, Params, SageConv};
/// let device = Device::named("cpu")?;
/// let params = Params::new(&device, 0);
/// let layer = SageConv::new(&params, 1, 1, Aggregation::Mean);
/// let set = |name: &str, value| params.get(name).map(|p| p.set(&Tensor::full(&device, value, p.value().shape())));
/// [("lin_l.weight", 10.0), ("lin_l.bias", 0.0), ("lin_r.weight", 1.0)].map(|(name, value)| set(name, value));
/// let x = Tensor::from_slice(&device, &[1.0f32, 2.0, 4.0], &[3, 1])?;
/// let y = layer.forward(&x, &Graph::new(&device, 3, &[(1, 0), (2, 0)]));
/// assert_eq!(y.to_vec::<f32>()?, [31.0, 2.0, 4.0]);
/// # Ok::<(), autograd::Error>(())
/// ```
pub struct SageConv {
    lin_l: Linear,
    lin_r: Linear,
    aggregation: Aggregation,
}

impl SageConv {
    /// PyTorch Geometric's default initialisation, the same as for linear layers. Its default aggregation is the mean.
    #[track_caller]
    pub fn new(params: &Params, inputs: usize, outputs: usize, aggregation: Aggregation) -> SageConv {
        let lin_l = Linear::new(&params.path("lin_l"), inputs, outputs);
        let lin_r = Linear::no_bias(&params.path("lin_r"), inputs, outputs);
        SageConv { lin_l, lin_r, aggregation }
    }

    /// # Panics
    /// When `x` does not have one row of features per node.
    #[track_caller]
    pub fn forward(&self, x: &Tensor, graph: &Graph) -> Tensor {
        graph.expect_nodes("SageConv", x);
        let neighbours = graph.aggregate(&x.index_select(0, graph.source()), self.aggregation);
        self.lin_l.forward(&neighbours) + self.lin_r.forward(x)
    }
}
