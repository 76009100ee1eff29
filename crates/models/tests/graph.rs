//! Graph layers against the same formulas with an adjacency matrix, and a network that classifies nodes.

use autograd::{DType, Device, Generator, Tensor, grad};
use gpu_core::testing;
use models::{Adam, Aggregation, GatConv, Gcn, GcnConv, GinConv, Graph, Mlp, Mode, Params, SageConv};

const NODES: usize = 7;

/// Directed edges, with a self-loop and a duplicate; no edge reaches or leaves node 6.
const EDGES: [(usize, usize); 11] =
    [(0, 1), (1, 0), (2, 0), (3, 0), (0, 4), (4, 5), (5, 4), (2, 2), (1, 3), (3, 5), (2, 0)];

fn random(device: &Device, seed: u64, shape: &[usize]) -> Tensor {
    Generator::new(seed).normal(device, shape)
}

/// The number of edges from `j` to `i`, in row `i` and column `j`.
fn adjacency(graph: &Graph, device: &Device) -> Tensor {
    let nodes = graph.nodes();
    let mut counts = vec![0.0f32; nodes * nodes];
    graph.edges().iter().for_each(|&(source, target)| counts[target * nodes + source] += 1.0);
    Tensor::from_slice(device, &counts, &[nodes, nodes]).unwrap()
}

#[track_caller]
fn near(what: &str, got: &Tensor, want: &Tensor) {
    assert_eq!(got.shape(), want.shape(), "{what}");
    for (g, w) in got.to_vec::<f32>().unwrap().iter().zip(want.to_vec::<f32>().unwrap()) {
        assert!((g - w).abs() < 2e-5 * w.abs().max(1.0), "{what}: {g} instead of {w}");
    }
}

/// Compares outputs, and gradients of the input and all parameters under a fixed weighting of the outputs.
#[track_caller]
fn agrees(name: &str, params: &Params, x: &Tensor, got: &Tensor, want: &Tensor) {
    near(name, got, want);
    let weights = random(x.device(), 9, got.shape());
    let values: Vec<Tensor> = params.trainable().iter().map(|p| p.value()).collect();
    let wrt: Vec<&Tensor> = [x].into_iter().chain(&values).collect();
    let gradients = |y: &Tensor| grad(&(y * &weights).sum_all(), &wrt);
    for (i, (g, w)) in gradients(got).iter().zip(gradients(want)).enumerate() {
        near(&format!("{name}, gradient {i}"), g.as_ref().unwrap(), &w.unwrap());
    }
}

/// A graph, features of its nodes, and an empty parameter tree.
fn setting(device: &Device) -> (Graph, Tensor, Params) {
    let x = random(device, 1, &[NODES, 3]).variable();
    (Graph::new(device, NODES, &EDGES), x, Params::new(device, 4))
}

/// Redraws all parameters, so that biases are not 0, and returns them by name.
fn drawn(params: &Params) -> impl Fn(&str) -> Tensor {
    for (i, param) in params.all().iter().enumerate() {
        param.set(&random(params.device(), 20 + i as u64, param.value().shape()));
    }
    let params = params.clone();
    move |name| params.get(name).unwrap().value()
}

#[test]
fn gcn_is_a_product_with_the_normalised_adjacency() {
    for device in testing::devices() {
        let (graph, x, params) = setting(&device);
        let layer = GcnConv::new(&params, 3, 4);
        let value = drawn(&params);
        let a = adjacency(graph.with_self_loops(), &device);
        let scale = a.sum(&[1], true).rsqrt();
        let want = (&a * &scale * scale.t()).matmul(&x.linear(&value("lin.weight"), None)) + value("bias");
        agrees("GCN", &params, &x, &layer.forward(&x, &graph), &want);
    }
}

#[test]
fn gat_is_a_masked_softmax_over_all_pairs() {
    for device in testing::devices() {
        // Without the duplicate edge: the layer would count it twice, a matrix of scores only once.
        let graph = Graph::new(&device, NODES, &EDGES[..EDGES.len() - 1]);
        let (x, seen) = (setting(&device).1, adjacency(graph.with_self_loops(), &device).gt(0.0));
        for concat in [true, false] {
            let params = Params::new(&device, 4);
            let build = if concat { GatConv::new } else { GatConv::averaged };
            let layer = build(&params, 3, 4, 2);
            let value = drawn(&params);
            // [heads, nodes, ..]
            let h = x.linear(&value("lin.weight"), None).reshape(&[NODES, 2, 4]).transpose(0, 1);
            let score = |name: &str| (&h * value(name).transpose(0, 1)).sum(&[-1], true);
            let scores = (score("att_dst") + score("att_src").transpose(1, 2)).leaky_relu(0.2);
            let weights = scores.masked_fill(&seen.logical_not(), f32::NEG_INFINITY).softmax(-1);
            let y = weights.matmul(&h).transpose(0, 1);
            let y = if concat { y.flatten(1, 2) } else { y.mean(&[1], false) };
            agrees("GAT", &params, &x, &layer.forward(&x, &graph), &(y + value("bias")));
        }
    }
}

#[test]
fn sage_aggregates_rows_of_the_adjacency() {
    for device in testing::devices() {
        for aggregation in [Aggregation::Sum, Aggregation::Mean, Aggregation::Max] {
            let (graph, x, params) = setting(&device);
            let layer = SageConv::new(&params, 3, 4, aggregation);
            let value = drawn(&params);
            let a = adjacency(&graph, &device);
            let neighbours = match aggregation {
                Aggregation::Sum => a.matmul(&x),
                Aggregation::Mean => a.matmul(&x) / a.sum(&[1], true).clamp_min(1.0),
                Aggregation::Max => {
                    let lowest = Tensor::full(&device, f32::NEG_INFINITY, &[]);
                    let all = x.unsqueeze(0).where_(&a.gt(0.0).unsqueeze(2), &lowest).amax(&[1], false);
                    all.masked_fill(&a.sum(&[1], true).eq(0.0), 0.0)
                }
            };
            let own = x.linear(&value("lin_r.weight"), None);
            let want = neighbours.linear(&value("lin_l.weight"), Some(&value("lin_l.bias"))) + own;
            agrees(&format!("SAGE {aggregation:?}"), &params, &x, &layer.forward(&x, &graph), &want);
        }
    }
}

#[test]
fn gin_is_a_network_of_sums() {
    for device in testing::devices() {
        let (graph, x, params) = setting(&device);
        let net = |params: &Params| Mlp::new(params, &[3, 5, 2]);
        let mlp = net(&params.path("nn"));
        let layer = GinConv::train_eps(&params, move |x| mlp.forward(x));
        let value = drawn(&params);
        let sums = adjacency(&graph, &device).matmul(&x) + &x * (value("eps") + 1.0);
        let hidden = sums.linear(&value("nn.fc1.weight"), Some(&value("nn.fc1.bias"))).relu();
        let want = hidden.linear(&value("nn.fc2.weight"), Some(&value("nn.fc2.bias")));
        agrees("GIN", &params, &x, &layer.forward(&x, &graph), &want);

        let params = Params::new(&device, 4);
        GinConv::new(&params, Tensor::clone);
        assert!(params.trainable().is_empty() && params.get("eps").is_some());
    }
}

/// Very different scores neither overflow nor vanish.
#[test]
fn attention_is_stable() {
    for device in testing::devices() {
        let ids = Tensor::from_slice(&device, &[0i32, 0, 1, 1], &[4]).unwrap();
        let x = Tensor::from_slice(&device, &[1000.0f32, 1000.0, -1000.0, -1001.0], &[4]).unwrap();
        let p = x.segment_softmax(&ids, 3).to_vec::<f32>().unwrap();
        let q = 1.0 / (1.0 + (-1f32).exp());
        for (p, want) in p.iter().zip([0.5, 0.5, q, 1.0 - q]) {
            assert!((p - want).abs() < 1e-6, "{p} instead of {want}");
        }
        let graph = Graph::new(&device, 2, &[]);
        let layer = GatConv::new(&Params::new(&device, 0), 3, 2, 2);
        let y = layer.forward(&random(&device, 1, &[2, 3]), &graph).to_vec::<f32>().unwrap();
        assert!(y.iter().all(|y| y.is_finite()));
    }
}

/// Nodes in `classes` communities of `size`, with edge probability `inside` within a community and `outside` between two.
fn communities(device: &Device, classes: usize, size: usize, inside: f32, outside: f32) -> Graph {
    let nodes = classes * size;
    let chance = Generator::new(3).uniform(device, &[nodes * nodes]).to_vec::<f32>().unwrap();
    let pairs = (0..nodes).flat_map(|a| (0..a).map(move |b| (a, b)));
    let edges: Vec<_> = pairs
        .filter(|&(a, b)| chance[a * nodes + b] < if a / size == b / size { inside } else { outside })
        .collect();
    Graph::undirected(device, nodes, &edges)
}

/// A stochastic block model without features: the input of a node is its index, and four nodes of each class have a label.
#[test]
fn a_gcn_finds_communities() {
    const CLASSES: usize = 3;
    const SIZE: usize = 30;
    for device in testing::devices() {
        let graph = communities(&device, CLASSES, SIZE, 0.25, 0.02);
        let x = Tensor::arange(&device, CLASSES * SIZE).one_hot(CLASSES * SIZE).to(DType::F32);
        let class = |node: usize| (node / SIZE) as i32;
        let labelled: Vec<i32> =
            (0..CLASSES * SIZE).map(|node| if node % SIZE < 4 { class(node) } else { -100 }).collect();
        let labelled = Tensor::from_slice(&device, &labelled, &[labelled.len()]).unwrap();
        let params = Params::new(&device, 1);
        let net = Gcn::new(&params, CLASSES * SIZE, 16, CLASSES, 0.5);
        let mut opt = Adam::new(&params).weight_decay(5e-4);
        for _ in 0..100 {
            let loss = net.forward(&x, &graph, Mode::Train).cross_entropy(&labelled);
            opt.step(loss.backward(), 0.02).unwrap();
        }
        let found = net.forward(&x, &graph, Mode::Eval).argmax(-1, false).to_vec::<i32>().unwrap();
        let others = (0..CLASSES * SIZE).filter(|node| node % SIZE >= 4);
        let right = others.clone().filter(|&node| found[node] == class(node)).count();
        let share = right as f64 / others.count() as f64;
        println!("{}: {:.1} % of the nodes without a label", device.info(), 100.0 * share);
        assert!(share >= 0.9, "{}: {share}", device.info());
    }
}

#[test]
#[should_panic(expected = "Graph: edge (0, 3) of 3 nodes")]
fn edges_join_nodes() {
    Graph::new(&Device::named("cpu").unwrap(), 3, &[(0, 1), (0, 3)]);
}

#[test]
#[should_panic(expected = "GcnConv: features [2, 3] of a graph of 3 nodes")]
fn every_node_has_features() {
    let device = Device::named("cpu").unwrap();
    let layer = GcnConv::new(&Params::new(&device, 0), 3, 4);
    layer.forward(&Tensor::ones(&device, &[2, 3]), &Graph::new(&device, 3, &[]));
}
