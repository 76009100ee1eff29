//! A graph of communities: the stochastic block model.

use crate::{Draws, Matrix};

/// An undirected graph whose nodes have features and classes. Node `i` is of class `i % classes`.
#[derive(Debug, Clone)]
pub struct LabelledGraph {
    /// `[nodes, F]`
    pub x: Matrix,
    /// `[nodes]`
    pub labels: Vec<u32>,
    /// Pairs of nodes, the smaller first, each once.
    pub edges: Vec<(usize, usize)>,
}

/// The parameters of [`blocks`].
#[derive(Debug, Clone, Copy)]
pub struct Blocks {
    /// Number of nodes.
    pub nodes: usize,
    /// Number of classes, of equal size up to one node.
    pub classes: usize,
    /// How probable an edge is between two nodes of one class.
    pub inside: f32,
    /// How probable an edge is between two nodes of different classes.
    pub outside: f32,
    /// How many features nodes have, at least as many as there are classes.
    pub features: usize,
    /// The mean of feature `c` of the nodes of class `c`; the others have mean 0. All have deviation 1.
    pub signal: f64,
}

/// A stochastic block model with features (Holland, Laskey and Leinhardt 1983; Deshpande et al. 2018, "Contextual stochastic block
/// models"): edges and features both tell a little about classes.
///
/// ```
/// use data::synthetic::{Blocks, blocks};
/// let graph = blocks(Blocks { nodes: 60, classes: 3, inside: 1.0, outside: 0.0, features: 4, signal: 2.0 }, 1);
/// assert_eq!((graph.x.rows(), graph.x.columns()), (60, 4));
/// // Every node has edges to the 19 others of its class, and to no others.
/// assert_eq!(graph.edges.len(), 60 * 19 / 2);
/// assert!(graph.edges.iter().all(|&(a, b)| a < b && graph.labels[a] == graph.labels[b]));
/// ```
///
/// # Panics
/// If there is no class, or there are more classes than features.
#[track_caller]
pub fn blocks(of: Blocks, seed: u64) -> LabelledGraph {
    assert!(
        (1..=of.features).contains(&of.classes),
        "blocks: {} classes, {} features",
        of.classes,
        of.features
    );
    let (mut noise, mut meet) = (Draws::new(seed, 0, 3), Draws::new(seed, 0, 4));
    let class = |node: usize| node % of.classes;
    let mean = |node, feature| if class(node) == feature { of.signal } else { 0.0 };
    let places = (0..of.nodes).flat_map(|node| (0..of.features).map(move |feature| (node, feature)));
    let x = places.map(|(node, feature)| (mean(node, feature) + noise.normal()) as f32).collect();
    let pairs = (0..of.nodes).flat_map(|b| (0..b).map(move |a| (a, b)));
    let chance = |a, b| if class(a) == class(b) { of.inside } else { of.outside };
    LabelledGraph {
        x: Matrix::new(x, of.features).expect("as many numbers for every node"),
        labels: (0..of.nodes).map(|node| class(node) as u32).collect(),
        edges: pairs.filter(|&(a, b)| meet.happens(chance(a, b))).collect(),
    }
}
