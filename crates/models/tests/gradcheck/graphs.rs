//! Layers on graphs.

use models::{Aggregation, GatConv, GcnConv, GinConv, Graph, Linear, Params, SageConv};

use super::{Case, check_all, layer};
use crate::check::{any, distinct};

/// Edges in both directions, one of them twice, and a node without any.
fn graph(params: &Params) -> Graph {
    Graph::new(params.device(), 4, &[(0, 1), (1, 0), (2, 1), (2, 1)])
}

pub fn cases() -> Vec<Case> {
    vec![
        ("GcnConv", vec![any(&[4, 2])], |p| {
            let (l, graph) = (GcnConv::new(p, 2, 3), graph(p));
            layer(move |x| l.forward(&x[0], &graph))
        }),
        ("GatConv", vec![distinct(&[4, 2])], |p| {
            let (l, graph) = (GatConv::new(p, 2, 2, 2), graph(p));
            layer(move |x| l.forward(&x[0], &graph))
        }),
        ("SageConv", vec![distinct(&[4, 2])], |p| {
            let (l, graph) = (SageConv::new(p, 2, 2, Aggregation::Max), graph(p));
            layer(move |x| l.forward(&x[0], &graph))
        }),
        ("GinConv", vec![any(&[4, 2])], |p| {
            let inner = Linear::new(&p.path("nn"), 2, 2);
            let (l, graph) = (GinConv::train_eps(p, move |x| inner.forward(x).tanh()), graph(p));
            layer(move |x| l.forward(&x[0], &graph))
        }),
    ]
}

#[test]
fn layers_on_graphs() {
    check_all(cases());
}
