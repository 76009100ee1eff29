//! Layers on graphs.

use models::{Aggregation, GatConv, GcnConv, GinConv, Graph, SageConv};

use crate::panics::{Mistake, check};
use crate::{cpu, ones, params};

fn graph() -> Graph {
    Graph::new(&cpu(), 3, &[(0, 1)])
}

pub const MISTAKES: &[Mistake] = &[
    ("GcnConv", &["GcnConv", "[2, 4]", "3"], || {
        drop(GcnConv::new(&params(), 4, 2).forward(&ones(&[2, 4]), &graph()))
    }),
    ("GatConv", &["GatConv", "[3]", "3"], || {
        drop(GatConv::new(&params(), 4, 2, 2).forward(&ones(&[3]), &graph()))
    }),
    ("SageConv", &["SageConv", "[4, 4]", "3"], || {
        drop(SageConv::new(&params(), 4, 2, Aggregation::Mean).forward(&ones(&[4, 4]), &graph()))
    }),
    ("GinConv", &["GinConv", "[2, 4]", "3"], || {
        drop(GinConv::new(&params(), |x| x.clone()).forward(&ones(&[2, 4]), &graph()))
    }),
];

#[test]
fn mistakes() {
    check(MISTAKES);
}
