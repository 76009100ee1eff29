//! Differentiable architecture search (Liu, Simonyan and Yang 2019) of small cells on real digits, and evolution (Real et al. 2019), against all cells
//! trained one by one: `cargo run --release -p wgrad-atlas -- architecture_search`.

use std::cell::RefCell;
use std::collections::HashMap;

use atlas::{RealDigits, prelude::*};

pub const STUDY: Study = Study {
    name: "architecture_search",
    about: "Which operations a small network of digits should have: by gradients, by evolution, and by trying them all.",
    on_gpu: false,
    data: None,
    run,
};

const CHANNELS: usize = 8;
const OPERATIONS: [&str; 3] = ["identity", "1x1", "3x3"];
const EDGES: usize = 2;

/// The index of an operation for each edge.
type Cell = [usize; EDGES];

/// A first convolution, edges that offer some operations each, and a classifier of the channels' means over quarters of the image.
struct Net {
    params: Params,
    stem: Conv2d,
    /// No convolution is the identity.
    edges: Vec<Vec<Option<Conv2d>>>,
    head: Linear,
}

impl Net {
    fn new(params: Params, offered: &[Vec<usize>]) -> Net {
        let conv = |name: String, inputs: usize, side: usize| {
            Conv2d::new(&params.path(name), inputs, CHANNELS, side).padding(side / 2).build()
        };
        let operation = |edge: usize, operation: usize| match operation {
            0 => None,
            _ => Some(conv(format!("edge{edge}.{operation}"), CHANNELS, 2 * operation - 1)),
        };
        let edge = |(i, of): (usize, &Vec<usize>)| of.iter().map(|&o| operation(i, o)).collect();
        Net {
            stem: conv("stem".into(), 1, 1),
            edges: offered.iter().enumerate().map(edge).collect(),
            head: Linear::new(&params.path("head"), 4 * CHANNELS, 10),
            params,
        }
    }

    /// A network of one cell.
    fn of(lab: &Lab, cell: Cell) -> Net {
        Net::new(lab.params(), &cell.map(|operation| vec![operation]))
    }

    /// Logits `[N, 10]` of rows `[N, 64]`; `mix` weighs the results of an edge's operations.
    fn forward(&self, x: &Tensor, mix: impl Fn(usize, Vec<Tensor>) -> Tensor) -> Tensor {
        let mut x = self.stem.forward(&x.reshape(&[x.shape()[0], 1, 8, 8])).relu();
        for (i, edge) in self.edges.iter().enumerate() {
            let results = edge.iter().map(|of| of.as_ref().map_or(x.clone(), |conv| conv.forward(&x)));
            x = mix(i, results.collect()).relu();
        }
        self.head.forward(&x.avg_pool2d(Pool2d::new(4), false, None).flatten(1, -1))
    }
}

/// The result of an edge with one operation.
fn only(_: usize, mut results: Vec<Tensor>) -> Tensor {
    results.remove(0)
}

/// Digits to train weights with, and others to choose cells by.
struct Halves {
    train: (Tensor, Tensor),
    valid: (Tensor, Tensor),
}

impl Halves {
    fn new(digits: &RealDigits) -> Halves {
        let part = |start, count| {
            let (x, y) = &digits.train;
            (x.narrow(0, start, count).detach(), y.narrow(0, start, count).detach())
        };
        Halves { train: part(0, 1000), valid: part(1000, 437) }
    }
}

/// The validation accuracy of a cell trained by itself.
fn trained(lab: &Lab, halves: &Halves, cell: Cell) -> Result<f64> {
    let net = Net::of(lab, cell);
    let (mut draws, steps) = (lab.draws(1), lab.pick(600, 150));
    lab.fit("cell", steps, &mut Adam::new(&net.params), Cosine::new(0.02, 0.0, steps), |_| {
        let [x, y] = minibatch(&mut draws, 64, [&halves.train.0, &halves.train.1])?;
        Ok(net.forward(&x, only).cross_entropy(&y))
    })?;
    Ok(metrics::accuracy(&net.forward(&halves.valid.0, only), &halves.valid.1)?)
}

/// By step, the shares of all edges' operations.
type Shares = Vec<(f64, Vec<f32>)>;

/// The cell that gradients choose in this run, and the shares on the way.
fn differentiable(lab: &Lab, halves: &Halves, run: u32) -> Result<(Cell, Shares)> {
    let params = Params::new(lab.device(), lab.seed() + 1000 * u64::from(run));
    let net = Net::new(params, &vec![(0..OPERATIONS.len()).collect(); EDGES]);
    let choices = lab.params();
    let alphas: Vec<Param> =
        (0..EDGES).map(|i| choices.param(&format!("edge{i}"), &[OPERATIONS.len()], Init::ZEROS)).collect();
    let shares = || alphas.iter().map(|a| a.value().softmax(0)).collect::<Vec<_>>();
    let loss = |x: &Tensor, y: &Tensor| {
        let shares = shares();
        let mix = |edge: usize, results: Vec<Tensor>| {
            let weighted = results.iter().zip(shares[edge].unbind(0)).map(|(result, share)| result * share);
            weighted.reduce(|a, b| a + b).expect("operations")
        };
        net.forward(x, mix).cross_entropy(y)
    };
    // Longer searches can collapse (Zela et al. 2020): after 800 steps, the best of three was 0.38 behind at two seeds of three.
    let (mut draws, steps) = (lab.draws(10 + run), 200);
    let (mut weights, mut structure) = (Adam::new(&net.params), Adam::new(&choices));
    let mut seen = Vec::new();
    for step in lab.steps("differentiable", steps) {
        let [x, y] = minibatch(&mut draws, 64, [&halves.train.0, &halves.train.1])?;
        weights.step(loss(&x, &y).backward(), 0.02)?;
        // The shares learn from other digits than the weights, to first order.
        let [x, y] = minibatch(&mut draws, 64, [&halves.valid.0, &halves.valid.1])?;
        structure.step(loss(&x, &y).backward(), 0.03)?;
        if step % 10 == 9 {
            seen.push((step as f64, cat(&shares().iter().collect::<Vec<_>>(), 0).to_vec::<f32>()?));
        }
    }
    let last = &seen[seen.len() - 1].1;
    let most = |edge: usize| {
        let of = &last[edge * OPERATIONS.len()..][..OPERATIONS.len()];
        (0..OPERATIONS.len()).max_by(|&a, &b| of[a].total_cmp(&of[b])).unwrap_or(0)
    };
    Ok((std::array::from_fn(most), seen))
}

/// Regularised evolution: the best of two of a population is changed in one place, and the oldest dies. Returns the best cell and how many different
/// cells were trained.
fn evolved(
    accuracy: &mut dyn FnMut(Cell) -> Result<f64>,
    draws: &mut Draws,
    children: usize,
) -> Result<Cell> {
    let any = OPERATIONS.len() as u32;
    let mut population: Vec<(Cell, f64)> = Vec::new();
    for _ in 0..3 {
        let cell = std::array::from_fn(|_| draws.below(any) as usize);
        population.push((cell, accuracy(cell)?));
    }
    let mut best = population[0];
    for _ in 0..children {
        let (a, b) = (*draws.pick(&population), *draws.pick(&population));
        let mut child = if a.1 > b.1 { a.0 } else { b.0 };
        child[draws.below(EDGES as u32) as usize] = draws.below(any) as usize;
        population.push((child, accuracy(child)?));
        population.remove(0);
        best = population.iter().copied().chain([best]).max_by(|a, b| a.1.total_cmp(&b.1)).unwrap_or(best);
    }
    Ok(best.0)
}

fn run(lab: &mut Lab) -> Result<()> {
    let digits = lab.real_digits()?;
    let halves = Halves::new(&digits);
    let known: RefCell<HashMap<Cell, f64>> = RefCell::default();
    let view: &Lab = lab;
    let mut accuracy = |cell: Cell| -> Result<f64> {
        if let Some(&found) = known.borrow().get(&cell) {
            return Ok(found);
        }
        let found = trained(view, &halves, cell)?;
        known.borrow_mut().insert(cell, found);
        Ok(found)
    };
    let evolved = evolved(&mut accuracy, &mut view.draws(3), 12)?;
    let tried = known.borrow().len();
    let mut all = Vec::new();
    for cell in (0..9).map(|i| [i / 3, i % 3]) {
        all.push((cell, accuracy(cell)?));
    }
    let best = all.iter().map(|a| a.1).fold(0.0, f64::max);
    let mean = all.iter().map(|a| a.1).sum::<f64>() / all.len() as f64;
    let of = |cell: Cell| all.iter().find(|a| a.0 == cell).map_or(0.0, |a| a.1);
    // A search can end in a bad cell: of several, the one whose cell is the best after training by itself (Liu et al. 2019, section 3.2).
    let searches = (0..3).map(|run| differentiable(lab, &halves, run)).collect::<Result<Vec<_>>>()?;
    let searches = searches.into_iter().max_by(|a, b| of(a.0).total_cmp(&of(b.0)));
    let (by_gradients, shares) = searches.context("a search")?;
    lab.expect("best cell: accuracy", best, 0.75..);
    lab.expect("mean of all 9 cells: accuracy behind the best", best - mean, 0.1..);
    lab.expect("by gradients: accuracy behind the best cell", best - of(by_gradients), 0.0..0.08);
    lab.expect("by evolution: accuracy behind the best cell", best - of(evolved), 0.0..0.05);
    lab.figure("by evolution: cells trained, of 9", tried as f64);
    let [first, second] = [0, 1].map(|edge: usize| {
        OPERATIONS.iter().enumerate().fold(
            plot::Panel::new(format!("Shares of edge {}", edge + 1), "step", "share").y_range(0.0, 1.0),
            |panel, (i, name)| {
                let line =
                    shares.iter().map(|(step, of)| (*step, f64::from(of[edge * OPERATIONS.len() + i])));
                panel.with(plot::Series::new(*name, line).exact())
            },
        )
    });
    let table = plot::Field::matrix(3, 3, all.iter().map(|a| a.1).collect()).cell_text(2);
    let table = plot::Panel::new("All cells, validation accuracy", "second edge", "first edge")
        .layer(table)
        .x_names(OPERATIONS)
        .y_names(OPERATIONS)
        .y_down();
    let figure = plot::Figure::new("Architecture search").columns(3).panel(first).panel(second).panel(table);
    lab.picture("architecture_search", |path| figure.save(path))
}
