//! Properties of whole graphs (Gilmer et al. 2017; Xu et al. 2019): the nodes of a molecule exchange messages, and the sum over all of them
//! gives a number for the molecule. The property follows from which atoms are bound to which, so that counting atoms is not enough. What no
//! such network can see, two rings of three and one of six, it gives the same number: `cargo run --release -p wgrad-atlas -- molecules`.

use atlas::prelude::*;
use wgrad::models::{GinConv, Graph, Mlp};

pub const STUDY: Study = Study {
    name: "molecules",
    about: "A graph isomorphism network predicts a property of molecules that the counts of atoms do not give.",
    on_gpu: false,
    data: None,
    run,
};

/// Kinds of atoms, and how many bonds they have at most: C, N, O.
const VALENCES: [usize; 3] = [4, 3, 2];
const KINDS: usize = VALENCES.len();
const WIDTH: usize = 24;
const LAYERS: usize = 2;

/// Atoms by kind, and bonds.
struct Molecule {
    atoms: Vec<usize>,
    bonds: Vec<(usize, usize)>,
}

impl Molecule {
    /// A tree of 6 to 12 atoms that grows where bonds are free, and perhaps a ring.
    fn drawn(draws: &mut Draws) -> Molecule {
        let count = 6 + draws.below(7) as usize;
        let (mut atoms, mut bonds) = (vec![0], vec![]);
        let free = |atoms: &[usize], bonds: &[(usize, usize)], atom: usize| {
            bonds.iter().filter(|(a, b)| *a == atom || *b == atom).count() < VALENCES[atoms[atom]]
        };
        while atoms.len() < count {
            let open: Vec<usize> = (0..atoms.len()).filter(|&atom| free(&atoms, &bonds, atom)).collect();
            if open.is_empty() {
                return Molecule::drawn(draws);
            }
            bonds.push((*draws.pick(&open), atoms.len()));
            atoms.push(draws.weighted(&[0.5, 0.25, 0.25]));
        }
        let open: Vec<usize> = (0..count).filter(|&atom| free(&atoms, &bonds, atom)).collect();
        let (a, b) = if open.is_empty() { (0, 0) } else { (*draws.pick(&open), *draws.pick(&open)) };
        if a != b && !bonds.contains(&(a.min(b), a.max(b))) {
            bonds.push((a.min(b), a.max(b)));
        }
        Molecule { atoms, bonds }
    }

    /// Bonds of N with O count 1, oxygen between two carbons counts -1, and carbon with three bonds or more 0.5.
    fn property(&self) -> f32 {
        let neighbours = |atom: usize| {
            let other =
                move |&(a, b): &(usize, usize)| if a == atom { Some(b) } else { (b == atom).then_some(a) };
            self.bonds.iter().filter_map(other)
        };
        let pair = |&(a, b): &(usize, usize)| {
            f32::from(u8::from(matches!([self.atoms[a], self.atoms[b]], [1, 2] | [2, 1])))
        };
        let own = |atom: usize| match self.atoms[atom] {
            2 if neighbours(atom).filter(|&other| self.atoms[other] == 0).count() == 2 => -1.0,
            0 if neighbours(atom).count() >= 3 => 0.5,
            _ => 0.0,
        };
        self.bonds.iter().map(pair).sum::<f32>() + (0..self.atoms.len()).map(own).sum::<f32>()
    }
}

/// Molecules as one graph: kinds `[nodes, KINDS]`, the molecule of each node, and their number.
struct Batch {
    graph: Graph,
    atoms: Tensor,
    molecule: Tensor,
    count: usize,
}

impl Batch {
    fn new(device: &Device, molecules: &[Molecule]) -> Result<Batch> {
        let (mut atoms, mut molecule, mut bonds) = (vec![], vec![], vec![]);
        for (i, of) in molecules.iter().enumerate() {
            let before = atoms.len();
            bonds.extend(of.bonds.iter().map(|&(a, b)| (before + a, before + b)));
            atoms.extend(of.atoms.iter().map(|&kind| kind as i32));
            molecule.extend(of.atoms.iter().map(|_| i as i32));
        }
        let nodes = atoms.len();
        Ok(Batch {
            graph: Graph::undirected(device, nodes, &bonds),
            atoms: Tensor::from_slice(device, &atoms, &[nodes])?.one_hot(KINDS).detach(),
            molecule: Tensor::from_slice(device, &molecule, &[nodes])?,
            count: molecules.len(),
        })
    }

    /// The sums over the nodes of each molecule.
    fn summed(&self, x: &Tensor) -> Tensor {
        x.segment_sum(&self.molecule, self.count)
    }
}

/// Graph convolutions, and a linear layer on the sums after each of them (Xu et al. 2019, equation 4.2).
struct Net {
    layers: Vec<GinConv>,
    out: Linear,
}

impl Net {
    fn new(params: &Params) -> Net {
        let layer = |i: usize| {
            let under = params.path(format!("layer{i}"));
            let mlp = Mlp::new(&under.path("nn"), &[if i == 0 { KINDS } else { WIDTH }, WIDTH, WIDTH]);
            GinConv::train_eps(&under, move |x| mlp.forward(x))
        };
        let out = Linear::new(&params.path("out"), KINDS + LAYERS * WIDTH, 1);
        Net { layers: (0..LAYERS).map(layer).collect(), out }
    }

    /// `[molecules]`
    fn forward(&self, batch: &Batch) -> Tensor {
        let mut x = batch.atoms.clone();
        let mut sums = vec![batch.summed(&x)];
        for layer in &self.layers {
            x = layer.forward(&x, &batch.graph).relu();
            sums.push(batch.summed(&x) * 0.1);
        }
        self.out.forward(&cat(&sums.iter().collect::<Vec<_>>(), 1)).squeeze(&[1])
    }
}

/// The share of the variance that is explained.
fn explained(found: &[f32], truth: &[f32]) -> f64 {
    let mean = truth.iter().sum::<f32>() / truth.len() as f32;
    let sum = |of: &dyn Fn(usize) -> f32| (0..truth.len()).map(|i| f64::from(of(i)).powi(2)).sum::<f64>();
    1.0 - sum(&|i| found[i] - truth[i]) / sum(&|i| truth[i] - mean)
}

fn run(lab: &mut Lab) -> Result<()> {
    let mut draws = lab.draws(1);
    let mut molecules =
        |count: usize| -> Vec<Molecule> { (0..count).map(|_| Molecule::drawn(&mut draws)).collect() };
    let (train, test) = (molecules(lab.pick(2000, 400)), molecules(400));
    let property = |of: &[Molecule]| of.iter().map(Molecule::property).collect::<Vec<_>>();
    let truth = property(&test);
    let wanted = targets(&Tensor::from_slice(lab.device(), &property(&train), &[train.len()])?)?;
    let (train, test) = (Batch::new(lab.device(), &train)?, Batch::new(lab.device(), &test)?);

    let counts = lab.params();
    let linear = Linear::new(&counts, KINDS, 1);
    let by_counts = |batch: &Batch| linear.forward(&batch.summed(&batch.atoms)).squeeze(&[1]);
    lab.fit("counts of atoms", 300, &mut Adam::new(&counts), 0.05, |_| {
        Ok(by_counts(&train).mse_loss(&wanted, Reduction::Mean))
    })?;
    let params = lab.params();
    let net = Net::new(&params);
    let steps = lab.pick(1000, 300);
    lab.fit("messages", steps, &mut Adam::new(&params), Cosine::new(0.01, 0.0, steps), |_| {
        Ok(net.forward(&train).mse_loss(&wanted, Reduction::Mean))
    })?;
    let [of_counts, of_net] = [by_counts(&test), net.forward(&test)].map(|found| found.to_vec::<f32>());
    let (of_counts, of_net) = (of_counts?, of_net?);
    lab.expect("variance explained by counts of atoms", explained(&of_counts, &truth), 0.0..0.6);
    lab.expect("variance explained by messages", explained(&of_net, &truth), lab.pick(0.93, 0.9)..=1.0);

    let ring = |from: usize, size: usize| (0..size).map(move |i| (from + i, from + (i + 1) % size));
    let carbon = |bonds: Vec<(usize, usize)>| Molecule { atoms: vec![0; 6], bonds };
    let rings = [carbon(ring(0, 6).collect()), carbon(ring(0, 3).chain(ring(3, 3)).collect())];
    let alike = net.forward(&Batch::new(lab.device(), &rings)?).to_vec::<f32>()?;
    lab.expect("between a ring of six and two of three", (alike[0] - alike[1]).abs(), ..1e-4);

    let scatter = |title: &str, found: &[f32]| {
        let points = truth.iter().zip(found).map(|(&a, &b)| (f64::from(a), f64::from(b)));
        plot::Panel::new(title, "property", "prediction")
            .layer(plot::Points::new("a new molecule", points).radius(2.5))
            .with(plot::Series::new("equal", [(-3.0, -3.0), (5.0, 5.0)]).exact())
    };
    let figure = plot::Figure::new("A property of molecules").panel(scatter("Counts of atoms", &of_counts));
    lab.picture("molecules", |path| figure.panel(scatter("Messages along bonds", &of_net)).save(path))
}
