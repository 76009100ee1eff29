//! Graph convolution (Kipf and Welling 2017).

use autograd::Tensor;

use crate::{Aggregation, Graph, Init, Linear, Param, Params};

/// Graph convolution: every node becomes a degree-weighted sum of its neighbours and itself, after a linear map:
/// `y_i = W sum_j x_j / sqrt(d_j d_i) + b` over the edges from `j` to `i` and a self-loop (Kipf and Welling 2017, "Semi-supervised
/// classification with graph convolutional networks"), from `[nodes, in]` to `[nodes, out]`. As `torch_geometric.nn.GCNConv`. Parameters
/// `lin.weight [out, in]` and `bias [out]`.
///
/// ```
/// use autograd::{Device, Tensor};
/// use models::{GcnConv, Graph, Params};
/// let device = Device::named("cpu")?;
/// let params = Params::new(&device, 0);
/// let layer = GcnConv::new(&params, 1, 1);
/// params.get("lin.weight").unwrap().set(&Tensor::ones(&device, &[1, 1]));
/// let graph = Graph::undirected(&device, 2, &[(0, 1)]);
/// let x = Tensor::from_slice(&device, &[1.0f32, 3.0], &[2, 1])?;
/// let y = layer.forward(&x, &graph).to_vec::<f32>()?;
/// assert!(y.iter().all(|y| (y - 2.0).abs() < 1e-6));
/// # Ok::<(), autograd::Error>(())
/// ```
pub struct GcnConv {
    lin: Linear,
    bias: Param,
}

impl GcnConv {
    /// PyTorch Geometric's default initialisation: Glorot-uniform weights, biases of 0.
    #[track_caller]
    pub fn new(params: &Params, inputs: usize, outputs: usize) -> GcnConv {
        let under = params.path("lin");
        let lin = Linear::no_bias(&under, inputs, outputs);
        under.redraw("*", Init::XavierUniform { gain: 1.0 });
        GcnConv { lin, bias: params.param("bias", &[outputs], Init::ZEROS) }
    }

    /// # Panics
    /// When `x` does not have one row of features per node.
    #[track_caller]
    pub fn forward(&self, x: &Tensor, graph: &Graph) -> Tensor {
        graph.expect_nodes("GcnConv", x);
        let graph = graph.with_self_loops();
        let messages = self.lin.forward(x).index_select(0, graph.source());
        let messages = messages * graph.symmetric_norm().unsqueeze(1);
        graph.aggregate(&messages, Aggregation::Sum) + self.bias.value()
    }
}
