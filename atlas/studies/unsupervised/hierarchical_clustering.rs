//! Agglomerative clustering by the crate kodama (Muellner 2011) on real tables: single linkage is the minimum spanning tree, and Ward's finds
//! scikit-learn's clusters: `cargo run --release -p wgrad-atlas -- hierarchical_clustering`.

use atlas::{Table, prelude::*};
use kodama::{Dendrogram, Method, linkage};
use methods::unsupervised::KMeans;
use wgrad::train::metrics::adjusted_rand_index;

pub const STUDY: Study = Study {
    name: "hierarchical_clustering",
    about: "Merging the nearest clusters of flowers and wines, by four meanings of near, beside scikit-learn and k-means.",
    on_gpu: false,
    data: None,
    run,
};

/// The adjusted Rand index of scikit-learn's `AgglomerativeClustering` on flowers and on standardized wines.
const METHODS: [(&str, Method, [f64; 2]); 4] = [
    ("single", Method::Single, [0.563751, -0.006814]),
    ("complete", Method::Complete, [0.642251, 0.577144]),
    ("average", Method::Average, [0.759199, -0.005442]),
    ("Ward", Method::Ward, [0.731199, 0.789933]),
];

fn distance(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt()
}

fn merged(rows: &[Vec<f64>], method: Method) -> Dendrogram<f64> {
    let mut distances: Vec<f64> = (0..rows.len())
        .flat_map(|i| (i + 1..rows.len()).map(move |j| distance(&rows[i], &rows[j])))
        .collect();
    linkage(&mut distances, rows.len(), method)
}

/// The clusters that are left when all but the last merges are done.
fn cut(tree: &Dendrogram<f64>, clusters: usize) -> Vec<u32> {
    let count = tree.observations();
    let mut of: Vec<u32> = (0..count as u32).collect();
    for (i, step) in tree.steps()[..count - clusters].iter().enumerate() {
        let joined = [step.cluster1 as u32, step.cluster2 as u32];
        of.iter_mut()
            .filter(|cluster| joined.contains(cluster))
            .for_each(|cluster| *cluster = (count + i) as u32);
    }
    of
}

/// The edges of the minimum spanning tree, from short to long (Prim 1957).
fn spanning_tree(rows: &[Vec<f64>]) -> Vec<f64> {
    let mut near: Vec<f64> = rows.iter().map(|row| distance(&rows[0], row)).collect();
    let mut left: Vec<usize> = (1..rows.len()).collect();
    let mut edges = Vec::new();
    while let Some(at) = (0..left.len()).min_by(|&a, &b| near[left[a]].total_cmp(&near[left[b]])) {
        let added = left.swap_remove(at);
        edges.push(near[added]);
        left.iter().for_each(|&i| near[i] = near[i].min(distance(&rows[added], &rows[i])));
    }
    edges.sort_by(f64::total_cmp);
    edges
}

fn run(lab: &mut Lab) -> Result<()> {
    let sets = [("iris", Table::iris()), ("wine", Table::wine().standardized())];
    let mut panels = Vec::new();
    for (s, (set, table)) in sets.iter().enumerate() {
        for (name, method, wanted) in METHODS {
            let tree = merged(&table.rows, method);
            let index = adjusted_rand_index(&cut(&tree, 3), &table.classes);
            lab.expect(
                format!("{set}, {name}: Rand index apart from scikit-learn's"),
                (index - wanted[s]).abs(),
                ..2e-6,
            );
            if name == "single" {
                let edges = spanning_tree(&table.rows);
                let apart =
                    tree.steps().iter().zip(edges).map(|(step, edge)| (step.dissimilarity - edge).abs());
                lab.expect(
                    format!("{set}: single linkage apart from the minimum spanning tree"),
                    apart.fold(0.0, f64::max),
                    ..1e-12,
                );
            }
            if method == Method::Ward {
                panels.push(dendrogram(
                    &format!("{set}: Ward's merges, adjusted Rand index {index:.2}"),
                    &tree,
                    table,
                ));
            }
        }
        let (x, _) = table.to_device(lab.device())?;
        let generator = Generator::new(lab.seed());
        let run = |_| {
            let mut means = KMeans::plus_plus(&x, 3, &generator);
            (0..30).for_each(|_| drop(means.step(&x)));
            Ok((means.inertia(&x).item()?, means.assign(&x).to_vec::<i32>()?))
        };
        let runs: Vec<(f32, Vec<i32>)> = (0..5).map(run).collect::<Result<_>>()?;
        let best = runs.into_iter().min_by(|a, b| a.0.total_cmp(&b.0)).context("a run")?;
        let clusters: Vec<u32> = best.1.iter().map(|&c| c as u32).collect();
        lab.expect(
            format!("{set}, k-means: Rand index"),
            adjusted_rand_index(&clusters, &table.classes),
            [0.7, 0.85][s]..,
        );
    }
    let figure =
        panels.into_iter().fold(plot::Figure::new("Dendrograms of real tables"), plot::Figure::panel);
    lab.picture("hierarchical_clustering", |path| figure.save(path))
}

/// The merges as brackets over the rows in their order in the tree, and the rows' classes below.
fn dendrogram(title: &str, tree: &Dendrogram<f64>, table: &Table) -> plot::Panel {
    let count = tree.observations();
    // The leaves of each cluster, in the order in which they are drawn.
    let mut leaves: Vec<Vec<usize>> = (0..count).map(|i| vec![i]).collect();
    for step in tree.steps() {
        leaves.push([leaves[step.cluster1].clone(), leaves[step.cluster2].clone()].concat());
    }
    let order = &leaves[leaves.len() - 1];
    // One line around each cluster's merges, which begins and ends above its middle.
    let mut lines: Vec<Vec<(f64, f64)>> = vec![Vec::new(); count];
    order.iter().enumerate().for_each(|(at, &leaf)| lines[leaf].push((at as f64, 0.0)));
    for step in tree.steps() {
        let [left, right] = [&lines[step.cluster1], &lines[step.cluster2]];
        let corner = |line: &[(f64, f64)]| (line[0].0, step.dissimilarity);
        let (a, b) = (corner(left), corner(right));
        let middle = ((a.0 + b.0) / 2.0, step.dissimilarity);
        lines.push([&[middle, a], &left[..], &[a, b], right, &[b, middle]].concat());
    }
    let whole = &lines[lines.len() - 1];
    let deepest = -0.04 * whole[0].1;
    let panel =
        plot::Panel::new(title, "row", "height").with(plot::Series::new("merges", whole.clone()).exact());
    (0..3).fold(panel, |panel, class| {
        let of = order.iter().enumerate().filter(|(_, leaf)| table.classes[**leaf] == class);
        let points: Vec<(f64, f64)> = of.map(|(at, _)| (at as f64, deepest)).collect();
        panel.layer(plot::Points::new(format!("class {class}"), points).radius(2.5))
    })
}
