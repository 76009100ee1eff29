//! Sparse coding: a dictionary is learned from signals that are sums of three of its atoms (Olshausen and Field 1996), with FISTA for the
//! codes (Beck and Teboulle 2009) and block coordinate descent for the atoms (Mairal et al. 2009).
//! `cargo run --release -p wgrad-atlas -- sparse_coding`.

use atlas::prelude::*;
use methods::unsupervised::{dictionary_step, fista, ista, lasso_objective};

pub const STUDY: Study = Study {
    name: "sparse_coding",
    about: "Dictionary learning recovers the atoms that signals were made of; FISTA overtakes ISTA.",
    on_gpu: false,
    data: None,
    run,
};

const D: usize = 16;
const ATOMS: usize = 24;
const ACTIVE: usize = 3;
const LAMBDA: f32 = 0.1;

fn run(lab: &mut Lab) -> Result<()> {
    let count = lab.pick(3000, 1000);
    let generator = Generator::new(lab.seed());
    let truth = generator.normal(lab.device(), &[ATOMS, D]).normalize(2.0, 1, 1e-8);
    // Three atoms per signal, with weights of 0.7 to 1.5 and random signs.
    let chosen = generator.uniform(lab.device(), &[count, ATOMS]).topk(ACTIVE, 1, true).1;
    let weights = generator.uniform(lab.device(), &[count, ACTIVE]) * 0.8 + 0.7;
    let signs = generator.bernoulli(lab.device(), 0.5, &[count, ACTIVE]) * 2.0 - 1.0;
    let codes = Tensor::zeros(lab.device(), &[count, ATOMS]).scatter_add(1, &chosen, &(weights * signs));
    let x = codes.matmul(&truth) + generator.normal(lab.device(), &[count, D]) * 0.01;

    let mut atoms = x.narrow(0, 0, ATOMS).normalize(2.0, 1, 1e-8);
    let likeness = |atoms: &Tensor| truth.matmul(&atoms.t()).abs().amax(&[1], false).mean_all().item();
    let first = likeness(&atoms)?;
    let rounds = lab.pick(200, 60);
    let (mut path, mut codes) = (Vec::new(), codes.zeros_like());
    for round in lab.steps("dictionary", rounds) {
        codes = fista(&x, &atoms, Some(&codes), LAMBDA, 12);
        atoms = dictionary_step(&x, &atoms, &codes)?;
        path.push((round as f64 + 1.0, f64::from(likeness(&atoms)?)));
    }
    lab.expect("mean cosine of atoms at the start", first, ..0.85);
    lab.expect("mean cosine of atoms and learned ones", path[rounds - 1].1, 0.95..);
    let lengths = atoms.norm(2.0, &[1], false).to_vec::<f32>()?;
    let off = lengths.iter().map(|l| (l - 1.0).abs()).fold(0.0, f32::max);
    lab.expect("atoms have length 1, within", off, ..1e-5);

    // The conditions of Karush, Kuhn and Tucker on the negative gradient of the squared error: lambda times the sign of nonzero codes, and
    // at most lambda in magnitude elsewhere.
    let codes = fista(&x, &atoms, Some(&codes), LAMBDA, 300);
    let gradient = (&x - codes.matmul(&atoms)).matmul(&atoms.t());
    let inside = (gradient.abs() - LAMBDA).relu().amax(&[0, 1], false).item()?;
    let active = codes.ne(0.0).to(DType::F32);
    let on = ((&gradient - codes.sign() * LAMBDA) * &active).abs().amax(&[0, 1], false).item()?;
    lab.expect("largest violation of optimality", inside.max(on) / LAMBDA, ..0.01);
    lab.expect("active atoms of a signal", active.sum(&[1], false).mean_all().item()?, 3.0..7.0);

    let objective = |codes: &Tensor| lasso_objective(&x, &atoms, codes, LAMBDA).mean_all().item();
    let least = f64::from(objective(&codes)?);
    let above = |codes: &Tensor| Ok::<f64, anyhow::Error>((f64::from(objective(codes)?) - least).max(1e-8));
    let (mut slow, mut fast) = (Vec::new(), Vec::new());
    for steps in [1, 2, 4, 8, 16, 32, 64, 128] {
        slow.push((steps as f64, above(&ista(&x, &atoms, None, LAMBDA, steps))?));
        fast.push((steps as f64, above(&fista(&x, &atoms, None, LAMBDA, steps))?));
    }
    let rises = slow.windows(2).map(|pair| pair[1].1 - pair[0].1).fold(f64::NEG_INFINITY, f64::max);
    lab.expect("largest rise of ISTA's objective", rises, ..1e-7);
    lab.expect("FISTA's excess over ISTA's after 64 steps", fast[6].1 / slow[6].1, ..0.3);

    let learned = plot::Panel::new("Dictionary learning", "round", "mean cosine to the true atoms")
        .with(plot::Series::new("learned atoms", path).exact())
        .y_range(0.5, 1.0);
    let race = plot::Panel::new("Codes of one dictionary", "steps", "objective above the least")
        .with(plot::Series::new("ISTA", slow))
        .with(plot::Series::new("FISTA", fast))
        .log_x()
        .log_y();
    // Learned atoms matched to the true ones: the diagonal shows the recovered ones.
    let order = truth.matmul(&atoms.t()).abs().argmax(1, false);
    let cosines = truth.matmul(&atoms.index_select(0, &order).t()).abs().to_vec::<f32>()?;
    let field =
        plot::Field::matrix(ATOMS, ATOMS, cosines.into_iter().map(f64::from).collect()).range(0.0, 1.0);
    let matrix = plot::Panel::new("Cosines", "learned atom", "true atom")
        .layer(field.bar("|cosine|"))
        .y_down()
        .equal();
    let figure = plot::Figure::new("Sparse coding").panel(learned).panel(race).panel(matrix);
    lab.picture("sparse_coding", |path| figure.save(path))
}
