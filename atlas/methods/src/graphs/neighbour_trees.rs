//! Sampled neighbourhoods.

use autograd::{Device, Result, Tensor};
use data::Draws;
use models::Graph;

/// Batches of nodes with a fixed number of neighbours each, of these as many, and so on (Hamilton, Ying and Leskovec 2017, algorithm 2), drawn
/// with replacement: a step costs the same however large the graph, and the mean over sampled neighbours is an unbiased estimate of the mean
/// over all. As all trees have one shape, one [`Graph`] serves all batches.
///
/// ```
/// use autograd::Device;
/// use data::Draws;
/// use methods::graphs::NeighbourTrees;
/// let device = Device::named("cpu")?;
/// // A path 0 - 1 - 2; node 3 is alone, and its own neighbour.
/// let trees = NeighbourTrees::new(&device, 4, &[(0, 1), (1, 2)], 2, &[2, 1]);
/// assert_eq!((trees.graph().nodes(), trees.graph().edges().len()), (2 * (1 + 2 + 2), 2 * (2 + 2)));
/// let nodes = trees.sample(&[0, 3], &mut Draws::new(1, 0, 0))?.to_vec::<i32>()?;
/// // The roots, their neighbours, and one neighbour of each of these.
/// assert_eq!(nodes[..6], [0, 3, 1, 1, 3, 3]);
/// assert!(nodes[6..8].iter().all(|node| [0, 2].contains(node)) && nodes[8..] == [3, 3]);
/// # Ok::<(), autograd::Error>(())
/// ```
pub struct NeighbourTrees {
    device: Device,
    neighbours: Vec<Vec<usize>>,
    roots: usize,
    fanouts: Vec<usize>,
    graph: Graph,
}

impl NeighbourTrees {
    /// For batches of `roots` nodes of an undirected graph with `nodes` nodes; `fanouts[k]` neighbours of each node at distance `k`.
    ///
    /// # Panics
    /// When an edge refers to a node that does not exist.
    #[track_caller]
    pub fn new(
        device: &Device,
        nodes: usize,
        edges: &[(usize, usize)],
        roots: usize,
        fanouts: &[usize],
    ) -> NeighbourTrees {
        let mut neighbours = vec![vec![]; nodes];
        for &(a, b) in edges {
            neighbours[a].push(b);
            neighbours[b].push(a);
        }
        for (node, of) in neighbours.iter_mut().enumerate().filter(|(_, of)| of.is_empty()) {
            of.push(node);
        }
        let (mut level, mut next, mut arcs) = (0..roots, roots, vec![]);
        for &fanout in fanouts {
            let start = next;
            for node in level {
                arcs.extend((next..next + fanout).map(|child| (child, node)));
                next += fanout;
            }
            level = start..next;
        }
        let graph = Graph::new(device, next, &arcs);
        NeighbourTrees { device: device.clone(), neighbours, roots, fanouts: fanouts.to_vec(), graph }
    }

    /// The trees of a batch: edges from sampled neighbours to the nodes whose neighbours they are. The roots are its first nodes.
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// Which node of the whole graph each node of [`graph`](NeighbourTrees::graph) is, `[nodes of the trees]`, i32.
    ///
    /// # Errors
    /// Out of memory.
    ///
    /// # Panics
    /// When there are not as many roots as the trees have.
    #[track_caller]
    pub fn sample(&self, roots: &[usize], draws: &mut Draws) -> Result<Tensor> {
        assert!(roots.len() == self.roots, "NeighbourTrees: {} roots for trees of {}", roots.len(), self.roots);
        let (mut all, mut level) = (roots.to_vec(), roots.to_vec());
        for &fanout in &self.fanouts {
            let neighbours = |&node: &usize| {
                (0..fanout).map(|_| *draws.pick(&self.neighbours[node])).collect::<Vec<_>>()
            };
            level = level.iter().flat_map(neighbours).collect();
            all.extend(&level);
        }
        let all: Vec<i32> = all.into_iter().map(|node| node as i32).collect();
        Tensor::from_slice(&self.device, &all, &[all.len()])
    }
}
