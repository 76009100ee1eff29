//! Large graphs in small batches (Hamilton, Ying and Leskovec 2017, "GraphSAGE"): a step reads some nodes, a few neighbours of each and a few of
//! theirs, instead of the whole graph. The mean over sampled neighbours is an unbiased estimate, and the network becomes as good as one
//! trained on all nodes at once: `cargo run --release -p wgrad-atlas -- neighbour_sampling`.

use atlas::prelude::*;
use atlas::synthetic::blocks;
use methods::graphs::NeighbourTrees;
use wgrad::data::synthetic::{Blocks, LabelledGraph};
use wgrad::models::{Aggregation, Graph, SageConv};

pub const STUDY: Study = Study {
    name: "neighbour_sampling",
    about: "GraphSAGE with sampled neighbours: unbiased means, and the accuracy of the whole graph from small batches.",
    on_gpu: false,
    data: None,
    run,
};

const CLASSES: usize = 4;
const FEATURES: usize = 16;
const HIDDEN: usize = 24;
const ROOTS: usize = 64;

struct Net {
    first: SageConv,
    second: SageConv,
}

impl Net {
    fn new(params: &Params) -> Net {
        let conv = |name: &str, from, to| SageConv::new(&params.path(name), from, to, Aggregation::Mean);
        Net { first: conv("first", FEATURES, HIDDEN), second: conv("second", HIDDEN, CLASSES) }
    }

    fn forward(&self, x: &Tensor, graph: &Graph) -> Tensor {
        self.second.forward(&self.first.forward(x, graph).relu(), graph)
    }
}

/// Half of the nodes are for training.
fn training(nodes: usize) -> usize {
    nodes / 2
}

fn run(lab: &mut Lab) -> Result<()> {
    let nodes = lab.pick(8000, 3000);
    let (inside, outside) = (40.0 / nodes as f32, 20.0 / nodes as f32);
    let of = Blocks { nodes, classes: CLASSES, inside, outside, features: FEATURES, signal: 0.8 };
    let set = blocks(of, lab.seed());
    let graph = Graph::undirected(lab.device(), nodes, &set.edges);
    let [x, labels] = set.to_device(lab.device())?;
    unbiased(lab, &set, &graph, &x)?;

    let accuracy = |net: &dyn Fn() -> Tensor| -> Result<f64> {
        let known = training(nodes);
        let right = net().argmax(1, false).eq(&labels).to(DType::F32);
        Ok(right.narrow(0, known, nodes - known).mean_all().item()?.into())
    };
    let features = lab.params();
    let alone = Linear::new(&features, FEATURES, CLASSES);
    let known = |logits: &Tensor| {
        logits.narrow(0, 0, training(nodes)).cross_entropy(&labels.narrow(0, 0, training(nodes)))
    };
    lab.fit("features alone", 100, &mut Adam::new(&features), 0.05, |_| Ok(known(&alone.forward(&x))))?;
    let alone = accuracy(&|| alone.forward(&x))?;

    let (whole, steps) = (lab.params(), lab.pick(120, 60));
    let net = Net::new(&whole);
    lab.fit("all nodes", steps, &mut Adam::new(&whole), 0.02, |_| Ok(known(&net.forward(&x, &graph))))?;
    let of_all = accuracy(&|| net.forward(&x, &graph))?;

    let fanouts = [[2, 2], [5, 5], [10, 10]];
    let mut curve = vec![];
    let mut read = 0;
    for fanout in fanouts {
        let (params, mut draws) = (lab.params(), lab.draws(1));
        let net = Net::new(&params);
        let trees = NeighbourTrees::new(lab.device(), nodes, &set.edges, ROOTS, &fanout);
        let steps = lab.pick(600, 250);
        lab.fit(&format!("{fanout:?} neighbours"), steps, &mut Adam::new(&params), Cosine::new(0.01, 0.0, steps), |_| {
            let roots: Vec<usize> = (0..ROOTS).map(|_| draws.below(training(nodes) as u32) as usize).collect();
            let sampled = trees.sample(&roots, &mut draws)?;
            let wanted = labels.index_select(0, &sampled.narrow(0, 0, ROOTS));
            let logits = net.forward(&x.index_select(0, &sampled), trees.graph());
            Ok(logits.narrow(0, 0, ROOTS).cross_entropy(&wanted))
        })?;
        if fanout == [5, 5] {
            read = trees.graph().edges().len();
        }
        // Judged with all neighbours.
        curve.push((fanout[0] as f64, accuracy(&|| net.forward(&x, &graph))?));
    }
    lab.figure("edges of the graph, in both directions", graph.edges().len() as f64);
    lab.expect("edges of a batch of 5 and 5 neighbours against those of the graph", read as f64 / graph.edges().len() as f64, ..0.05);
    lab.expect("accuracy of features alone", alone, 0.3..0.75);
    lab.expect("accuracy of the whole graph", of_all, 0.85..=1.0);
    lab.expect("accuracy that 5 and 5 neighbours lose", of_all - curve[1].1, -0.05..0.05);

    let level = |name: &str, value: f64| plot::Series::new(name, [(2.0, value), (10.0, value)]).exact();
    let panel = plot::Panel::new("New nodes, judged with all neighbours", "sampled neighbours of a node", "accuracy")
        .with(plot::Series::new("sampled", curve.iter().copied()).exact())
        .with(level("all nodes at once", of_all))
        .with(level("features alone", alone))
        .y_range(0.0, 1.0);
    lab.picture("neighbour_sampling", |path| plot::Figure::new("GraphSAGE in batches").panel(panel).save(path))
}

/// The first layer's outputs, as means over many samples, against those with all neighbours; and their variance, which falls with the number of
/// neighbours.
fn unbiased(lab: &mut Lab, set: &LabelledGraph, graph: &Graph, x: &Tensor) -> Result<()> {
    let params = lab.params();
    let conv = SageConv::new(&params, FEATURES, HIDDEN, Aggregation::Mean);
    let exact = conv.forward(x, graph).narrow(0, 0, ROOTS).detach();
    let (roots, samples): (Vec<usize>, usize) = ((0..ROOTS).collect(), lab.pick(400, 150));
    let mut variances = vec![];
    for fanout in [2, 8] {
        let (trees, mut draws) = (NeighbourTrees::new(lab.device(), set.labels.len(), &set.edges, ROOTS, &[fanout]), lab.draws(2));
        let mut errors = vec![];
        for _ in 0..samples {
            let sampled = trees.sample(&roots, &mut draws)?;
            let found = conv.forward(&x.index_select(0, &sampled), trees.graph()).narrow(0, 0, ROOTS);
            errors.push((found - &exact).detach());
        }
        let errors = stack(&errors.iter().collect::<Vec<_>>(), 0);
        let variance = errors.square().mean(&[0], false);
        // Mean errors in standard errors, of which the mean square is 1.
        let scores = errors.mean(&[0], false) / (&variance / samples as f32).sqrt();
        let square = scores.square().mean_all().item()?;
        lab.expect(format!("mean square of the bias of {fanout} neighbours, in standard errors"), square, 0.7..1.3);
        variances.push(variance.mean_all().item()?);
    }
    lab.expect("variance of 2 neighbours against that of 8", variances[0] / variances[1], 3.5..4.5);
    Ok(())
}
