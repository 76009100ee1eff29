//! Batches of a large graph (Hamilton, Ying and Leskovec 2017).

use autograd::Device;
use data::Draws;
use models::Graph;

/// Draws a fixed number of neighbours of each node, and of each of those, so that the cost of a batch does not depend on the graph (Hamilton,
/// Ying and Leskovec 2017, "Inductive representation learning on large graphs", algorithm 2). Neighbours are drawn uniformly with replacement,
/// so that the mean of `k` of them estimates that of all without bias, with a `k`-th of their variance.
///
/// The nodes of a batch are the rows of a tree. Its first level are the nodes to be predicted, and each node of level `l` has
/// `fanouts[l]` children in the next. As all trees of one size have the same edges, [`tree`](NeighborSampler::tree) is made once, and
/// [`sample`](NeighborSampler::sample) says for each batch which node each row is. As many layers as there are fanouts give the first rows what
/// the whole graph would with the neighbours drawn.
///
/// ```
/// use autograd::{Device, Tensor};
/// use data::Draws;
/// use methods::graphs::NeighborSampler;
/// use models::Aggregation;
/// // Both neighbours of node 0 are 5, and node 3 has none, which counts as being its own.
/// let sampler = NeighborSampler::new(4, &[(1, 0), (2, 0), (0, 2)]);
/// let tree = NeighborSampler::tree(&Device::named("cpu")?, 2, &[3]);
/// let rows = sampler.sample(&[0, 3], &[3], &mut Draws::new(1, 0, 0));
/// assert_eq!((rows.len(), &rows[..2], &rows[5..]), (8, &[0, 3][..], &[3, 3, 3][..]));
/// let x = Tensor::from_slice(&Device::named("cpu")?, &[0.0f32, 5.0, 5.0, 7.0], &[4, 1])?;
/// let x = x.index_select(0, &Tensor::from_slice(x.device(), &rows, &[8])?);
/// let means = tree.aggregate(&x.index_select(0, tree.source()), Aggregation::Mean);
/// assert_eq!(means.narrow(0, 0, 2).to_vec::<f32>()?, [5.0, 7.0]);
/// # Ok::<(), autograd::Error>(())
/// ```
#[derive(Clone, Debug)]
#[doc(alias = "NeighborLoader")]
pub struct NeighborSampler {
    /// The neighbours of node `i` are `neighbors[starts[i]..starts[i + 1]]`.
    starts: Vec<usize>,
    neighbors: Vec<i32>,
}

impl NeighborSampler {
    /// For a graph of `nodes` nodes with edges from a neighbour to the node that it is drawn for, such as [`Graph::edges`].
    ///
    /// # Panics
    /// If an edge refers to a node that does not exist.
    #[track_caller]
    pub fn new(nodes: usize, edges: &[(usize, usize)]) -> NeighborSampler {
        let mut starts = vec![0; nodes + 1];
        for edge in edges {
            assert!(edge.0.max(edge.1) < nodes, "NeighborSampler: edge {edge:?} of {nodes} nodes");
            starts[edge.1 + 1] += 1;
        }
        (0..nodes).for_each(|node| starts[node + 1] += starts[node]);
        let mut sorted = edges.to_vec();
        sorted.sort_by_key(|&(_, target)| target);
        NeighborSampler { starts, neighbors: sorted.iter().map(|&(source, _)| source as i32).collect() }
    }

    /// All neighbours of a node.
    ///
    /// # Panics
    /// If there is no such node.
    #[track_caller]
    pub fn neighbors(&self, node: usize) -> &[i32] {
        &self.neighbors[self.starts[node]..self.starts[node + 1]]
    }

    /// The node of each row of a [`tree`](NeighborSampler::tree): `roots`, then their `fanouts[0]` neighbours each, then the
    /// `fanouts[1]` neighbours of each of those, and so on. A node without neighbours is its own.
    ///
    /// # Panics
    /// If a root is not a node.
    #[track_caller]
    pub fn sample(&self, roots: &[i32], fanouts: &[usize], draws: &mut Draws) -> Vec<i32> {
        let mut rows = roots.to_vec();
        let mut level = 0..roots.len();
        for &fanout in fanouts {
            for row in level.clone() {
                let node = rows[row];
                let neighbors = self.neighbors(node as usize);
                rows.extend(
                    (0..fanout).map(|_| if neighbors.is_empty() { node } else { *draws.pick(neighbors) }),
                );
            }
            level = level.end..rows.len();
        }
        rows
    }

    /// The edges from children to parents of the rows of a batch of `roots` nodes.
    pub fn tree(device: &Device, roots: usize, fanouts: &[usize]) -> Graph {
        let (mut level, mut edges) = (0..roots, Vec::new());
        for &fanout in fanouts {
            let next = level.end..level.end + level.len() * fanout;
            edges.extend(next.clone().map(|child| (child, level.start + (child - next.start) / fanout)));
            level = next;
        }
        Graph::new(device, level.end, &edges)
    }
}
