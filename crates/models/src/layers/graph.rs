//! Directed graphs as lists of edges.

use std::sync::OnceLock;

use autograd::{Device, Tensor};

/// A directed graph whose edge `e` goes from node `source[e]` to node `target[e]`, as the two rows of PyTorch Geometric's
/// `edge_index`. Messages flow along the edges.
///
/// ```
/// use autograd::{Device, Tensor};
/// use models::{Aggregation, Graph};
/// let device = Device::named("cpu")?;
/// let graph = Graph::new(&device, 3, &[(0, 2), (1, 2)]);
/// let x = Tensor::from_slice(&device, &[1.0f32, 3.0, 9.0], &[3, 1])?;
/// let messages = x.index_select(0, graph.source());
/// assert_eq!(graph.aggregate(&messages, Aggregation::Mean).to_vec::<f32>()?, [0.0, 0.0, 2.0]);
/// # Ok::<(), autograd::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Graph {
    device: Device,
    nodes: usize,
    edges: Vec<(usize, usize)>,
    source: Tensor,
    target: Tensor,
    looped: OnceLock<Box<Graph>>,
    norm: OnceLock<Tensor>,
}

/// How the messages that reach a node are combined; the result is 0 for a node without messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aggregation {
    /// The sum of the messages.
    Sum,
    /// The mean of the messages.
    Mean,
    /// The largest value of every feature.
    Max,
}

impl Graph {
    /// A graph of `nodes` nodes; each pair of `edges` is an edge from its first to its second node.
    ///
    /// # Panics
    /// When an edge refers to a node that does not exist.
    #[track_caller]
    pub fn new(device: &Device, nodes: usize, edges: &[(usize, usize)]) -> Graph {
        for edge in edges {
            assert!(edge.0.max(edge.1) < nodes, "Graph: edge {edge:?} of {nodes} nodes");
        }
        let ends = |end: fn(&(usize, usize)) -> usize| {
            let ends: Vec<i32> = edges.iter().map(|edge| end(edge) as i32).collect();
            Tensor::constant(device, &ends, &[ends.len()])
        };
        Graph {
            device: device.clone(),
            nodes,
            edges: edges.to_vec(),
            source: ends(|edge| edge.0),
            target: ends(|edge| edge.1),
            looped: OnceLock::new(),
            norm: OnceLock::new(),
        }
    }

    /// [`new`](Graph::new) with every edge in both directions; duplicates are removed.
    ///
    /// # Panics
    /// When an edge refers to a node that does not exist.
    ///
    /// ```
    /// use autograd::Device;
    /// use models::Graph;
    /// let graph = Graph::undirected(&Device::named("cpu")?, 3, &[(0, 2), (2, 1), (1, 2)]);
    /// assert_eq!(graph.edges(), [(0, 2), (1, 2), (2, 0), (2, 1)]);
    /// # Ok::<(), autograd::Error>(())
    /// ```
    #[track_caller]
    pub fn undirected(device: &Device, nodes: usize, edges: &[(usize, usize)]) -> Graph {
        let mut both: Vec<_> = edges.iter().flat_map(|&(a, b)| [(a, b), (b, a)]).collect();
        both.sort_unstable();
        both.dedup();
        Graph::new(device, nodes, &both)
    }

    /// Number of nodes.
    pub fn nodes(&self) -> usize {
        self.nodes
    }

    /// The edges as pairs of source and target node.
    pub fn edges(&self) -> &[(usize, usize)] {
        &self.edges
    }

    /// The source node of each edge: `[E]` (i32).
    pub fn source(&self) -> &Tensor {
        &self.source
    }

    /// The target node of each edge: `[E]` (i32).
    pub fn target(&self) -> &Tensor {
        &self.target
    }

    /// This graph with exactly one self-loop per node, listed after all other edges. Computed once and cached.
    ///
    /// ```
    /// use autograd::Device;
    /// use models::Graph;
    /// let graph = Graph::new(&Device::named("cpu")?, 2, &[(1, 1), (0, 1)]);
    /// assert_eq!(graph.with_self_loops().edges(), [(0, 1), (0, 0), (1, 1)]);
    /// # Ok::<(), autograd::Error>(())
    /// ```
    pub fn with_self_loops(&self) -> &Graph {
        self.looped.get_or_init(|| {
            let others = self.edges.iter().copied().filter(|(a, b)| a != b);
            let edges: Vec<_> = others.chain((0..self.nodes).map(|node| (node, node))).collect();
            Box::new(Graph::new(&self.device, self.nodes, &edges))
        })
    }

    /// The factors `[E]` of symmetric normalisation, cached: `1 / sqrt(d_j d_i)` for an edge from `j` to `i`, where `d` is the number of
    /// edges that end in a node; 0 if none ends in `j` (Kipf and Welling 2017, equation 2, for a graph with self-loops).
    ///
    /// ```
    /// use autograd::Device;
    /// use models::Graph;
    /// let graph = Graph::new(&Device::named("cpu")?, 2, &[(0, 1)]);
    /// assert_eq!(graph.with_self_loops().symmetric_norm().to_vec::<f32>()?, [0.5f32.sqrt(), 1.0, 0.5]);
    /// # Ok::<(), autograd::Error>(())
    /// ```
    pub fn symmetric_norm(&self) -> &Tensor {
        self.norm.get_or_init(|| {
            let mut degrees = vec![0.0f32; self.nodes];
            self.edges.iter().for_each(|&(_, target)| degrees[target] += 1.0);
            let factor = |&(source, target): &(usize, usize)| {
                let product = degrees[source] * degrees[target];
                if product > 0.0 { 1.0 / product.sqrt() } else { 0.0 }
            };
            let factors: Vec<f32> = self.edges.iter().map(factor).collect();
            Tensor::constant(&self.device, &factors, &[factors.len()])
        })
    }

    /// Combines the messages that reach each node: from `[E, ..]`, one per edge, to `[nodes, ..]`.
    ///
    /// # Panics
    /// When there is not one message per edge.
    #[track_caller]
    pub fn aggregate(&self, messages: &Tensor, aggregation: Aggregation) -> Tensor {
        let (s, edges) = (messages.shape(), self.edges.len());
        assert!(s.first() == Some(&edges), "Graph::aggregate: messages {s:?} of {edges} edges");
        match aggregation {
            Aggregation::Sum => messages.segment_sum(&self.target, self.nodes),
            Aggregation::Mean => messages.segment_mean(&self.target, self.nodes),
            Aggregation::Max => messages.segment_max(&self.target, self.nodes),
        }
    }

    /// # Panics
    /// When `x` does not have one row per node.
    #[track_caller]
    pub(super) fn expect_nodes(&self, op: &str, x: &Tensor) {
        let fits = x.rank() == 2 && x.shape()[0] == self.nodes;
        assert!(fits, "{op}: features {:?} of a graph of {} nodes", x.shape(), self.nodes);
    }
}
