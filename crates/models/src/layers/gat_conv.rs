//! Graph attention (Veličković et al. 2018).

use autograd::Tensor;

use crate::{Aggregation, Graph, Init, Linear, Param, Params};

/// The negative slope of the LeakyReLU applied to scores.
const SLOPE: f32 = 0.2;

/// Graph attention: every node attends to its neighbours and itself with `heads` heads. With `h = W x`, the edge from `j` to `i` has the
/// score `LeakyReLU(a_src h_j + a_dst h_i)`, and node `i` becomes the sum of the `h_j`, weighted by the softmax over the scores of all
/// edges that end in `i` (Veličković et al. 2018, "Graph attention networks"). From `[nodes, in]` to `[nodes, heads * out]`, or
/// `[nodes, out]` if heads are averaged. As `torch_geometric.nn.GATConv`. Parameters `att_src [1, heads, out]`, `att_dst [1, heads, out]`,
/// `lin.weight [heads * out, in]` and `bias`.
///
/// ```
/// use autograd::{Device, Tensor};
/// use models::{GatConv, Graph, Params};
/// let device = Device::named("cpu")?;
/// let params = Params::new(&device, 0);
/// let layer = GatConv::new(&params, 1, 1, 1);
/// let set = |name: &str, value| params.get(name).map(|p| p.set(&Tensor::full(&device, value, p.value().shape())));
/// [("lin.weight", 1.0), ("att_src", 1.0), ("att_dst", 0.0)].map(|(name, value)| set(name, value));
/// let x = Tensor::from_slice(&device, &[0.0f32, 3f32.ln()], &[2, 1])?;
/// let y = layer.forward(&x, &Graph::new(&device, 2, &[(1, 0)])).to_vec::<f32>()?;
/// // Node 0 attends to itself with weight 1/4 and to node 1 with 3/4.
/// assert!((y[0] - 0.75 * 3f32.ln()).abs() < 1e-6 && y[1] == 3f32.ln());
/// # Ok::<(), autograd::Error>(())
/// ```
pub struct GatConv {
    lin: Linear,
    att_src: Param,
    att_dst: Param,
    bias: Param,
    concat: bool,
}

impl GatConv {
    /// Concatenates the results of all heads. PyTorch Geometric's default initialisation: Glorot-uniform weights, biases of 0.
    #[track_caller]
    pub fn new(params: &Params, inputs: usize, outputs: usize, heads: usize) -> GatConv {
        GatConv::build(params, inputs, outputs, heads, true)
    }

    /// Averages the results of all heads, as in a network's last layer.
    #[track_caller]
    pub fn averaged(params: &Params, inputs: usize, outputs: usize, heads: usize) -> GatConv {
        GatConv::build(params, inputs, outputs, heads, false)
    }

    #[track_caller]
    fn build(params: &Params, inputs: usize, outputs: usize, heads: usize, concat: bool) -> GatConv {
        let under = params.path("lin");
        let lin = Linear::no_bias(&under, inputs, heads * outputs);
        under.redraw("*", Init::XavierUniform { gain: 1.0 });
        // Glorot's bound for a matrix `[heads, outputs]`.
        let bound = (6.0 / (heads + outputs) as f32).sqrt();
        let attention =
            |name: &str| params.param(name, &[1, heads, outputs], Init::Uniform { low: -bound, high: bound });
        let width = if concat { heads * outputs } else { outputs };
        let (att_src, att_dst) = (attention("att_src"), attention("att_dst"));
        GatConv { lin, att_src, att_dst, bias: params.param("bias", &[width], Init::ZEROS), concat }
    }

    /// # Panics
    /// When `x` does not have one row of features per node.
    #[track_caller]
    pub fn forward(&self, x: &Tensor, graph: &Graph) -> Tensor {
        graph.expect_nodes("GatConv", x);
        let graph = graph.with_self_loops();
        let (source, target, nodes) = (graph.source(), graph.target(), graph.nodes());
        let att_src = self.att_src.value();
        let h = self.lin.forward(x).reshape(&[nodes, att_src.shape()[1], att_src.shape()[2]]);
        let score = |att: &Tensor, ends: &Tensor| (&h * att).sum(&[-1], false).index_select(0, ends);
        let scores = score(&att_src, source) + score(&self.att_dst.value(), target);
        let weights = scores.leaky_relu(SLOPE).segment_softmax(target, nodes);
        let messages = h.index_select(0, source) * weights.unsqueeze(-1);
        let y = graph.aggregate(&messages, Aggregation::Sum);
        let y = if self.concat { y.flatten(1, 2) } else { y.mean(&[1], false) };
        y + self.bias.value()
    }
}
