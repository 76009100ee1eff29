//! Graphs too large for a step (Hamilton et al. 2017, "GraphSAGE"): each batch sees a few neighbours of a few nodes, drawn at random, and the
//! network then works for nodes that were not in the graph when it was trained. Compares it with the whole graph at each step, and with
//! features alone: `cargo run --release -p wgrad-atlas -- neighbor_sampling`.

use atlas::prelude::*;
use atlas::synthetic::blocks;
use methods::graphs::NeighborSampler;
use wgrad::data::synthetic::{Blocks, LabelledGraph};
use wgrad::models::{Aggregation, Graph, Mlp, SageConv};

pub const STUDY: Study = Study {
    name: "neighbor_sampling",
    about: "GraphSAGE learns from a few sampled neighbours of each node what the whole graph teaches, also for nodes that join later.",
    on_gpu: false,
    data: None,
    run,
};

const CLASSES: usize = 5;
const FEATURES: usize = 16;
const HIDDEN: usize = 32;
/// Nodes of a batch, and neighbours of a node at each of two levels.
const BATCH: usize = 16;
const FANOUTS: [usize; 2] = [12, 6];
/// Nodes whose samples are compared with all neighbours.
const NODES: usize = 50;

/// Two layers; with the rows of a batch's tree, the first rows are those of its nodes.
struct Sage([SageConv; 2]);

impl Sage {
    fn new(params: &Params) -> Sage {
        let layer =
            |(name, inputs, outputs)| SageConv::new(&params.path(name), inputs, outputs, Aggregation::Mean);
        Sage([("first", FEATURES, HIDDEN), ("second", HIDDEN, CLASSES)].map(layer))
    }

    fn forward(&self, x: &Tensor, graph: &Graph) -> Tensor {
        self.0[1].forward(&self.0[0].forward(x, graph).relu(), graph)
    }
}

/// What the mean of a feature of `k` sampled neighbours is worth: its squared error and the variance that it has if unbiased, and its bias in
/// standard deviations.
struct Estimate {
    k: usize,
    error: f64,
    expected: f64,
    bias: f64,
}

impl Estimate {
    /// Means over some nodes, for each of which `times` samples are drawn.
    fn of(k: usize, x: &[f32], sampler: &NeighborSampler, times: usize, draws: &mut Draws) -> Estimate {
        let feature = |&node: &i32| f64::from(x[node as usize * FEATURES]);
        let mean = |of: &[i32]| of.iter().map(feature).sum::<f64>() / of.len() as f64;
        let mut sums = [0.0; 3];
        for node in 0..NODES {
            let all = sampler.neighbors(node);
            let middle = mean(all);
            let squares: f64 = all.iter().map(|node| (feature(node) - middle).powi(2)).sum();
            let variance = squares / (all.len() * k) as f64;
            let errors: Vec<f64> = (0..times)
                .map(|_| mean(&sampler.sample(&[node as i32], &[k], draws)[1..]) - middle)
                .collect();
            let square = errors.iter().map(|error| error * error).sum::<f64>() / times as f64;
            let bias = errors.iter().sum::<f64>() / times as f64;
            let of = [square, variance, bias * bias / variance];
            sums.iter_mut().zip(of).for_each(|(sum, of)| *sum += of / NODES as f64);
        }
        Estimate { k, error: sums[0], expected: sums[1], bias: sums[2].sqrt() }
    }
}

fn run(lab: &mut Lab) -> Result<()> {
    let nodes = lab.pick(6000, 2000);
    // The nodes known in training, and those of them with labels; the nodes cycle through the classes.
    let (known, labelled) = (nodes * 3 / 4, lab.pick(400, 250));
    // About 20 neighbours of a node are of its own class, and 10 of the others.
    let (inside, outside) = (100.0 / nodes as f32, 12.5 / nodes as f32);
    let of = Blocks { nodes, classes: CLASSES, inside, outside, features: FEATURES, signal: 1.5 };
    let set: LabelledGraph = blocks(of, lab.seed());
    let graph = Graph::undirected(lab.device(), nodes, &set.edges);
    let [x, labels] = set.to_device(lab.device())?;
    let before: Vec<(usize, usize)> =
        set.edges.iter().copied().filter(|edge| edge.0.max(edge.1) < known).collect();
    let before = Graph::undirected(lab.device(), known, &before);
    let sampler = NeighborSampler::new(known, before.edges());
    let (features, times, mut draws) = (x.to_vec::<f32>()?, lab.pick(4000, 1000), lab.draws(5));
    let estimates = [1, 2, 4, 8, 16, 32].map(|k| Estimate::of(k, &features, &sampler, times, &mut draws));
    for Estimate { k, error, expected, bias } in &estimates {
        lab.expect(format!("squared error of {k}, over the exact one"), error / expected, 0.9..1.1);
        lab.expect(format!("bias of {k}, in deviations"), *bias, ..0.05);
    }

    let accuracy = |logits: &Tensor| -> Result<[f64; 2]> {
        let right = logits.argmax(-1, false).eq(&labels).to(DType::F32);
        let of = |from: usize, to: usize| right.narrow(0, from, to - from).mean_all().item();
        Ok([of(labelled, known)?.into(), of(known, nodes)?.into()])
    };
    let (own, answers) = (x.narrow(0, 0, labelled), labels.narrow(0, 0, labelled));
    let steps = lab.pick(800, 400);
    let params = lab.params();
    let net = Mlp::new(&params, &[FEATURES, HIDDEN, CLASSES]);
    let mut draws = lab.draws(1);
    lab.fit("features alone", steps, &mut Adam::new(&params).weight_decay(5e-3), 0.01, |_| {
        let [x, y] = minibatch(&mut draws, BATCH, [&own, &answers])?;
        Ok(net.forward(&x).cross_entropy(&y))
    })?;
    let alone = accuracy(&net.forward(&x))?;

    let params = lab.params();
    let whole = Sage::new(&params);
    let first = x.narrow(0, 0, known);
    lab.fit("the whole graph", steps / 3, &mut Adam::new(&params).weight_decay(5e-3), 0.02, |_| {
        Ok(whole.forward(&first, &before).narrow(0, 0, labelled).cross_entropy(&answers))
    })?;
    let of_whole = accuracy(&whole.forward(&x, &graph))?;

    let params = lab.params();
    let sampled = Sage::new(&params);
    let tree = NeighborSampler::tree(lab.device(), BATCH, &FANOUTS);
    let mut draws = lab.draws(2);
    lab.fit(
        "sampled neighbours",
        steps,
        &mut Adam::new(&params).weight_decay(5e-3),
        Cosine::new(0.02, 0.0, steps),
        |_| {
            let roots: Vec<i32> = (0..BATCH).map(|_| draws.below(labelled as u32) as i32).collect();
            let rows = sampler.sample(&roots, &FANOUTS, &mut draws);
            let index = |of: &[i32]| Tensor::from_slice(lab.device(), of, &[of.len()]);
            let logits = sampled.forward(&x.index_select(0, &index(&rows)?), &tree).narrow(0, 0, BATCH);
            Ok(logits.cross_entropy(&answers.index_select(0, &index(&roots)?)))
        },
    )?;
    let of_sampled = accuracy(&sampled.forward(&x, &graph))?;
    let scores = [alone, of_whole, of_sampled];
    lab.expect(
        "share of the edges in a batch",
        tree.edges().len() as f64 / before.edges().len() as f64,
        ..0.05,
    );
    lab.expect("features alone, later nodes: accuracy", alone[1], 0.4..0.75);
    for (i, what) in ["known nodes", "later nodes"].into_iter().enumerate() {
        lab.expect(format!("whole graph, {what}: accuracy"), of_whole[i], 0.8..=1.0);
        lab.expect(format!("sampled neighbours, {what}: accuracy"), of_sampled[i], 0.8..=1.0);
        lab.expect(
            format!("{what}: whole graph over sampled neighbours"),
            of_whole[i] - of_sampled[i],
            -0.06..0.06,
        );
        lab.expect(
            format!("{what}: sampled neighbours over features alone"),
            of_sampled[i] - alone[i],
            0.15..,
        );
    }

    let points = |of: fn(&Estimate) -> f64| estimates.iter().map(move |e| (e.k as f64, of(e)));
    let errors = plot::Panel::new("The mean of k sampled neighbours", "k", "squared error")
        .log_x()
        .log_y()
        .with(plot::Series::new("samples", points(|e| e.error)))
        .with(plot::Series::new("variance / k", points(|e| e.expected)).exact());
    let mut bars = plot::Panel::new("Classes of nodes without labels", "", "accuracy")
        .x_names(["known nodes", "later nodes"])
        .y_range(0.0, 1.05);
    for (i, name) in ["features alone", "whole graph", "sampled neighbours"].into_iter().enumerate() {
        bars = bars.layer(plot::Bars::new(name, scores[i]).group(i, 3));
    }
    lab.picture("neighbor_sampling", |path| {
        plot::Figure::new("Sampled neighbours").panel(errors).panel(bars).save(path)
    })
}
