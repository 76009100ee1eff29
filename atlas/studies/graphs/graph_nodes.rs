//! Node classification from few labels: graph convolution (Kipf and Welling 2017), attention (Velickovic et al. 2018), GraphSAGE (Hamilton
//! et al. 2017) and isomorphism networks (Xu et al. 2019) on a stochastic block model whose edges and features are both weakly informative.
//! Baselines are a perceptron, which uses only features, and label spreading (Zhou et al. 2004), which uses only edges:
//! `cargo run --release -p wgrad-atlas -- graph_nodes`.

use atlas::prelude::*;
use atlas::synthetic::blocks;
use wgrad::data::synthetic::{Blocks, LabelledGraph};
use wgrad::models::{Aggregation, Dropout, GatConv, GcnConv, GinConv, Graph, Mlp, SageConv};

pub const STUDY: Study = Study {
    name: "graph_nodes",
    about: "GCN, GAT, GraphSAGE and GIN classify the nodes of a block model, better than features or edges alone.",
    on_gpu: false,
    data: None,
    run,
};

const CLASSES: usize = 3;
const FEATURES: usize = 12;
const HIDDEN: usize = 16;
/// The number of labelled nodes: the first ones, which cycle through the classes.
const LABELLED: usize = 20 * CLASSES;

/// From features `[nodes, FEATURES]` to a layer's output.
type Layer = Box<dyn Fn(&Tensor, &Graph) -> Tensor>;

/// The layer of a name, and the width of its output.
fn layer(name: &str, params: &Params, inputs: usize, outputs: usize) -> Layer {
    match name {
        "GCN" => {
            let conv = GcnConv::new(params, inputs, outputs);
            Box::new(move |x, graph| conv.forward(x, graph))
        }
        "GAT" => {
            let conv = GatConv::averaged(params, inputs, outputs, 4);
            Box::new(move |x, graph| conv.forward(x, graph))
        }
        "GraphSAGE" => {
            let conv = SageConv::new(params, inputs, outputs, Aggregation::Mean);
            Box::new(move |x, graph| conv.forward(x, graph))
        }
        "GIN" => {
            let mlp = Mlp::new(&params.path("nn"), &[inputs, HIDDEN, outputs]);
            let conv = GinConv::train_eps(params, move |x| mlp.forward(x));
            Box::new(move |x, graph| conv.forward(x, graph))
        }
        _ => {
            let linear = Linear::new(params, inputs, outputs);
            Box::new(move |x, _| linear.forward(x))
        }
    }
}

/// Logits `[nodes, CLASSES]` of two layers trained on the labelled nodes.
fn learned(lab: &Lab, name: &str, x: &Tensor, graph: &Graph, labels: &Tensor) -> Result<Tensor> {
    let params = lab.params();
    let first = layer(name, &params.path("conv1"), FEATURES, HIDDEN);
    let second = layer(name, &params.path("conv2"), HIDDEN, CLASSES);
    let dropout = Dropout::new(&params, 0.5);
    let forward = |mode| second(&dropout.forward(&first(x, graph).relu(), mode), graph);
    let steps = lab.pick(200, 80);
    lab.fit(name, steps, &mut Adam::new(&params).weight_decay(5e-3), 0.02, |_| {
        Ok(forward(Mode::Train).narrow(0, 0, LABELLED).cross_entropy(&labels.narrow(0, 0, LABELLED)))
    })?;
    Ok(forward(Mode::Eval))
}

/// Logarithms of `(I - alpha S)^-1 Y`, with the normalised adjacency matrix `S` and the known labels `Y`.
fn spread(lab: &Lab, set: &LabelledGraph) -> Result<Tensor> {
    const ALPHA: f32 = 0.9;
    let nodes = set.labels.len();
    let mut degrees = vec![0.0f32; nodes];
    set.edges.iter().for_each(|&(a, b)| [a, b].into_iter().for_each(|node| degrees[node] += 1.0));
    let mut system = vec![0.0; nodes * nodes];
    (0..nodes).for_each(|node| system[node * nodes + node] = 1.0);
    for &(a, b) in &set.edges {
        let weight = -ALPHA / (degrees[a] * degrees[b]).sqrt();
        (system[a * nodes + b], system[b * nodes + a]) = (weight, weight);
    }
    let mut known = vec![0.0; nodes * CLASSES];
    (0..LABELLED).for_each(|node| known[node * CLASSES + set.labels[node] as usize] = 1.0);
    let system = Tensor::from_slice(lab.device(), &system, &[nodes, nodes])?;
    let known = Tensor::from_slice(lab.device(), &known, &[nodes, CLASSES])?;
    Ok(linalg::solve(&system, &known)?.clamp_min(1e-9).log())
}

/// The error of a graph convolution relative to `D^-1/2 (A + I) D^-1/2 X W` by dense matrices.
fn from_dense(lab: &Lab, x: &Tensor, graph: &Graph) -> Result<f32> {
    let params = lab.params();
    let conv = GcnConv::new(&params, FEATURES, HIDDEN);
    let nodes = graph.nodes();
    let mut adjacency = vec![0.0f32; nodes * nodes];
    graph.with_self_loops().edges().iter().for_each(|&(from, to)| adjacency[to * nodes + from] = 1.0);
    let adjacency = Tensor::from_slice(lab.device(), &adjacency, &[nodes, nodes])?;
    let root = adjacency.sum(&[1], true).sqrt();
    let weight = params.get("lin.weight").context("the layer's weight")?.value();
    let dense = (&adjacency / &root / root.t()).matmul(&x.linear(&weight, None));
    Ok((conv.forward(x, graph) - dense).abs().amax(&[0, 1], false).item()?)
}

/// The accuracy on nodes without labels.
fn accuracy(logits: &Tensor, labels: &Tensor) -> Result<f64> {
    let right = logits.argmax(-1, false).eq(labels).to(DType::F32);
    Ok(right.narrow(0, LABELLED, labels.numel() - LABELLED).mean_all().item()?.into())
}

/// Plots class probabilities, from logits `[nodes, CLASSES]`, as points of a triangle.
fn panel(title: String, logits: &Tensor, labels: &[u32]) -> Result<plot::Panel> {
    let p = logits.softmax(1).to_vec::<f32>()?;
    let at = |p: &[f32]| (f64::from(p[1] + 0.5 * p[2]), 0.75f64.sqrt() * f64::from(p[2]));
    let of = |class: u32| {
        let those = p.chunks(CLASSES).zip(labels).filter(|(_, label)| **label == class);
        plot::Points::new(format!("class {class}"), those.map(|(p, _)| at(p)))
    };
    let corners = [(0.0, 0.0), (1.0, 0.0), (0.5, 0.75f64.sqrt()), (0.0, 0.0)];
    let panel = plot::Panel::new(title, "", "").equal().with(plot::Series::new("", corners).exact());
    Ok((0..CLASSES as u32).fold(panel, |panel, class| panel.layer(of(class))))
}

fn run(lab: &mut Lab) -> Result<()> {
    let nodes = lab.pick(600, 300);
    // A node has about ten neighbours of its own class and six of the others.
    let (inside, outside) = (30.0 / nodes as f32, 9.0 / nodes as f32);
    let of = Blocks { nodes, classes: CLASSES, inside, outside, features: FEATURES, signal: 1.4 };
    let set = blocks(of, lab.seed());
    let graph = Graph::undirected(lab.device(), nodes, &set.edges);
    let [x, labels] = set.to_device(lab.device())?;
    lab.expect_same("graph convolution from the dense product", from_dense(lab, &x, &graph)?, ..1e-5, 1e-5);

    let features = learned(lab, "perceptron", &x, &graph, &labels)?;
    let alone = accuracy(&features, &labels)?;
    let spread = spread(lab, &set)?;
    let edges = accuracy(&spread, &labels)?;
    lab.expect("perceptron on features alone: accuracy", alone, 0.5..0.8);
    lab.expect("label spreading on edges alone: accuracy", edges, 0.55..0.9);
    let title = |name: &str, accuracy: f64| format!("{name}: {:.0} % right", 100.0 * accuracy);
    let mut figure = plot::Figure::new("Probabilities of three classes, a corner each");
    figure = figure.panel(panel(title("features alone", alone), &features, &set.labels)?);
    figure = figure.panel(panel(title("edges alone", edges), &spread, &set.labels)?);
    for (name, least) in [("GCN", 0.85), ("GAT", 0.75), ("GraphSAGE", 0.75), ("GIN", 0.75)] {
        let logits = learned(lab, name, &x, &graph, &labels)?;
        let found = accuracy(&logits, &labels)?;
        lab.expect(format!("{name}: accuracy"), found, least..=1.0);
        lab.expect(format!("{name}: what edges add"), found - alone, 0.1..);
        figure = figure.panel(panel(title(name, found), &logits, &set.labels)?);
    }
    lab.picture("graph_nodes", |path| figure.columns(3).save(path))
}
