//! Bayesian networks: variable elimination on the burglary network of Russell and Norvig (2020, figure 13.2), and the order of elimination,
//! on which the largest table depends: `cargo run --release -p wgrad-atlas -- variable_elimination`.

use atlas::prelude::*;
use methods::inference::{BeliefPropagation, FactorGraph, Table, eliminate};

pub const STUDY: Study = Study {
    name: "variable_elimination",
    about: "The alarm network of the textbook by variable elimination, and the price of a bad order.",
    on_gpu: false,
    data: None,
    run,
};

const BURGLARY: usize = 0;
const EARTHQUAKE: usize = 1;
const ALARM: usize = 2;
const JOHN: usize = 3;
const MARY: usize = 4;

/// Scopes and conditional probabilities, value 0 for false and 1 for true; the variable itself is the last of its scope.
fn network() -> [(Vec<usize>, Vec<f64>); 5] {
    let given = |ps: &[f64]| ps.iter().flat_map(|p| [1.0 - p, *p]).collect::<Vec<f64>>();
    [
        (vec![BURGLARY], given(&[0.001])),
        (vec![EARTHQUAKE], given(&[0.002])),
        (vec![BURGLARY, EARTHQUAKE, ALARM], given(&[0.001, 0.29, 0.94, 0.95])),
        (vec![ALARM, JOHN], given(&[0.05, 0.9])),
        (vec![ALARM, MARY], given(&[0.01, 0.7])),
    ]
}

/// The probability that the one variable left is true.
fn probability(joint: &Table) -> f64 {
    joint.values()[1] / (joint.values()[0] + joint.values()[1])
}

fn run(lab: &mut Lab) -> Result<()> {
    let tables: Vec<Table> =
        network().iter().map(|(scope, values)| Table::new(scope, &vec![2; scope.len()], values)).collect();
    let ask = |order: &[usize], evidence: &[(usize, usize)]| eliminate(tables.clone(), order, evidence).0;
    let both = [(JOHN, 1), (MARY, 1)];
    // The book's 0.284, by hand from its tables.
    let by_hand =
        0.001 * (0.002 * 0.95 + 0.998 * 0.94) * 0.63 + 0.001 * (0.002 * 0.05 + 0.998 * 0.06) * 0.0005;
    let otherwise =
        0.999 * (0.002 * 0.29 + 0.998 * 0.001) * 0.63 + 0.999 * (0.002 * 0.71 + 0.998 * 0.999) * 0.0005;
    let burglary = probability(&ask(&[EARTHQUAKE, ALARM], &both));
    lab.expect("P(burglary | both call), of the book", burglary, 0.2835..0.2845);
    lab.expect("the same from the sum by hand", (burglary - by_hand / (by_hand + otherwise)).abs(), ..1e-12);
    // An earthquake explains the alarm away.
    let explained = probability(&ask(&[ALARM], &[(JOHN, 1), (MARY, 1), (EARTHQUAKE, 1)]));
    lab.expect(
        "P(burglary | both call, earthquake) over P(burglary | both call)",
        explained / burglary,
        ..0.02,
    );
    // Two causes are independent until their effect is seen.
    let alone = probability(&ask(&[ALARM, JOHN, MARY], &[(EARTHQUAKE, 1)]));
    lab.expect("P(burglary | earthquake) from P(burglary)", (alone - 0.001).abs(), ..1e-12);

    // The network's factor graph is a tree, on which belief propagation is exact.
    let mut graph = FactorGraph::new(&[2; 5]);
    for (scope, values) in network() {
        graph.factor(&scope, &values.iter().map(|p| p.ln()).collect::<Vec<_>>());
    }
    let beliefs = graph.sum_product(&BeliefPropagation::default());
    let john = probability(&ask(&[BURGLARY, EARTHQUAKE, ALARM, MARY], &[]));
    lab.expect(
        "P(John calls) apart from belief propagation",
        (beliefs.variables[JOHN][1] - john).abs(),
        ..1e-12,
    );

    // A hub with twelve neighbours: from the outside no table has more than four entries, from the hub all neighbours meet in one.
    let mut draws = lab.draws(0);
    let mut star = vec![Table::new(&[0], &[2], &[0.4, 0.6])];
    for leaf in 1..=12 {
        let values: Vec<f64> = (0..2)
            .flat_map(|_| {
                let p = draws.unit();
                [1.0 - p, p]
            })
            .collect();
        star.push(Table::new(&[0, leaf], &[2, 2], &values));
    }
    let leaves: Vec<usize> = (1..12).collect();
    let (outside, least) = eliminate(star.clone(), &[leaves.clone(), vec![0]].concat(), &[]);
    let (inside, most) = eliminate(star, &[vec![0], leaves].concat(), &[]);
    lab.expect("hub last: entries of the largest table", least as f64, 4.0..=4.0);
    lab.expect("hub first: entries of the largest table, 8192", most as f64, 8192.0..=8192.0);
    lab.expect("both orders apart", (probability(&outside) - probability(&inside)).abs(), ..1e-12);
    Ok(())
}
