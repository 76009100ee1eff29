//! Vanishing and exploding gradients: gradient norms over 20 layers, against mean-field theory (Schoenholz et al. 2017), and over a
//! recurrent network's 40 steps (Bengio et al. 1994): `cargo run --release -p wgrad-atlas -- vanishing_gradients`.

use atlas::prelude::*;

pub const STUDY: Study = Study {
    name: "vanishing_gradients",
    about: "Gradients shrink or grow by the factor a layer that theory gives; initialisation, norms and residuals keep their size.",
    on_gpu: true,
    data: None,
    run,
};

const DEPTH: usize = 20;
const WIDTH: usize = 96;
const NETS: usize = 4;
const STEPS: usize = 40;

/// An activation, its derivative, and the variance of the weights times the width.
struct Case {
    name: &'static str,
    f: fn(&Tensor) -> Tensor,
    exact: fn(f64) -> (f64, f64),
    variance: f64,
}

fn sigmoid(x: f64) -> (f64, f64) {
    let y = 1.0 / (1.0 + (-x).exp());
    (y, y * (1.0 - y))
}

fn tanh(x: f64) -> (f64, f64) {
    (x.tanh(), 1.0 - x.tanh().powi(2))
}

fn relu(x: f64) -> (f64, f64) {
    if x > 0.0 { (x, 1.0) } else { (0.0, 0.0) }
}

const CASES: [Case; 6] = [
    Case { name: "sigmoid, Xavier", f: Tensor::sigmoid, exact: sigmoid, variance: 1.0 },
    Case { name: "tanh, 1/3 of Xavier", f: Tensor::tanh, exact: tanh, variance: 1.0 / 3.0 },
    Case { name: "tanh, Xavier", f: Tensor::tanh, exact: tanh, variance: 1.0 },
    Case { name: "ReLU, Xavier", f: Tensor::relu, exact: relu, variance: 1.0 },
    Case { name: "ReLU, He", f: Tensor::relu, exact: relu, variance: 2.0 },
    Case { name: "ReLU, twice He", f: Tensor::relu, exact: relu, variance: 4.0 },
];

/// The mean of a function of a normal variable with this variance.
fn mean(variance: f64, f: impl Fn(f64) -> f64) -> f64 {
    let at = |i: i32| f64::from(i) / 100.0;
    let density = |z: f64| (-z * z / 2.0).exp() / std::f64::consts::TAU.sqrt();
    (-800..=800).map(|i| density(at(i)) * f(variance.sqrt() * at(i)) / 100.0).sum()
}

impl Case {
    /// The gradient's norm at each layer relative to that at the last, in the limit of infinite width.
    fn theory(&self) -> Vec<f64> {
        // Variances of the pre-activations, for inputs of variance 1.
        let next = |q: &f64| Some(self.variance * mean(*q, |x| (self.exact)(x).0.powi(2)));
        let sums = std::iter::successors(Some(self.variance), next).take(DEPTH);
        let factors: Vec<f64> =
            sums.map(|q| self.variance * mean(q, |x| (self.exact)(x).1.powi(2))).collect();
        (0..DEPTH).map(|layer| factors[layer..DEPTH - 1].iter().product::<f64>().sqrt()).collect()
    }
}

/// Gradient norms of each layer's pre-activations relative to the last layer's, over all networks.
fn norms(lab: &Lab, variance: f64, block: &dyn Fn(&Tensor, &Tensor) -> (Tensor, Tensor)) -> Result<Vec<f64>> {
    let generator = Generator::new(lab.seed());
    let normal = |shape: &[usize]| generator.normal(lab.device(), shape);
    let mut x = normal(&[NETS, 16, WIDTH]).variable();
    let scale = (variance / WIDTH as f64).sqrt() as f32;
    let mut sums = Vec::new();
    for _ in 0..DEPTH {
        let (sum, next) = block(&x, &(normal(&[NETS, WIDTH, WIDTH]) * scale));
        sums.push(sum);
        x = next;
    }
    let loss = (&x * normal(&[NETS, 16, WIDTH])).sum_all();
    let gradients = grad(&loss, &sums.iter().collect::<Vec<_>>());
    let norms: Vec<Tensor> = gradients.into_iter().flatten().map(|g| g.square().sum_all().sqrt()).collect();
    let norms = stack(&norms.iter().collect::<Vec<_>>(), 0).to_vec::<f32>()?;
    Ok(norms.iter().map(|&n| f64::from(n) / f64::from(norms[DEPTH - 1])).collect())
}

fn by_layer(norms: &[f64]) -> Vec<(f64, f64)> {
    norms.iter().enumerate().map(|(i, &norm)| (i as f64 + 1.0, norm)).collect()
}

fn run(lab: &mut Lab) -> Result<()> {
    let labels = ("layer", "gradient over the last layer's");
    let mut panel = plot::Panel::new("20 layers (dots: theory)", labels.0, labels.1).log_y();
    for case in CASES {
        let plain = |x: &Tensor, w: &Tensor| {
            let sum = x.bmm(w);
            (sum.clone(), (case.f)(&sum))
        };
        let (found, theory) = (norms(lab, case.variance, &plain)?, case.theory());
        let slope = |norms: &[f64]| (norms[0]).ln() / (DEPTH - 1) as f64;
        lab.figure(format!("{}: factor a layer", case.name), (-slope(&found)).exp());
        lab.expect(
            format!("{}: log of it, less theory's", case.name),
            slope(&theory) - slope(&found),
            -0.05..0.05,
        );
        panel = panel.layer(plot::Points::new(case.name, by_layer(&theory)));
        panel = panel.with(plot::Series::new(case.name, by_layer(&found)).exact());
    }

    // Remedies for too small weights: residual connections, and normalisation before each activation.
    let weak = 1.0 / 3.0;
    let residual = |x: &Tensor, w: &Tensor| {
        let sum = x.bmm(w);
        (sum.clone(), x + sum.relu())
    };
    let normed = |x: &Tensor, w: &Tensor| {
        let ones = Tensor::ones(x.device(), &[WIDTH]);
        let sum = x.bmm(w);
        (sum.clone(), sum.layer_norm(&ones, &ones.zeros_like(), 1e-5).relu())
    };
    let plain = |x: &Tensor, w: &Tensor| {
        let sum = x.bmm(w);
        (sum.clone(), sum.relu())
    };
    let mut cures =
        plot::Panel::new("ReLU with weights of a sixth of He's variance", labels.0, labels.1).log_y();
    for (name, block, range) in [
        ("plain", &plain as &dyn Fn(&Tensor, &Tensor) -> _, 1e-9..1e-5),
        ("residual", &residual, 0.2..30.0),
        ("layer norm", &normed, 0.05..20.0),
    ] {
        let found = norms(lab, weak, block)?;
        lab.expect(format!("first layer's gradient, {name}"), found[0], range);
        cures = cures.with(plot::Series::new(name, by_layer(&found)).exact());
    }

    let recurrent = recurrent(lab)?;
    let figure =
        plot::Figure::new("The size of gradients").columns(3).panel(panel).panel(cures).panel(recurrent);
    lab.picture("vanishing_gradients", |path| figure.save(path))
}

/// The gradient of the last state with respect to each earlier one: a product of Jacobians. For a linear network with weights `g` times an
/// orthogonal matrix it is `g` to the power of the number of steps.
fn recurrent(lab: &mut Lab) -> Result<plot::Panel> {
    let title = "A recurrent net's 40 steps";
    let mut panel = plot::Panel::new(title, "steps back", "gradient over the last state's").log_y();
    for (gain, activate) in [(0.9, false), (1.0, false), (1.1, false), (1.1, true)] {
        let weight = lab.params().param("weight", &[WIDTH, WIDTH], Init::Orthogonal { gain }).value();
        let generator = Generator::new(lab.seed());
        let mut states = vec![generator.normal(lab.device(), &[16, WIDTH]).variable()];
        for t in 0..STEPS {
            let sum = states[t].linear(&weight, None) + generator.normal(lab.device(), &[16, WIDTH]) * 0.5;
            states.push(if activate { sum.tanh() } else { sum });
        }
        let loss = (&states[STEPS] * generator.normal(lab.device(), &[16, WIDTH])).sum_all();
        let gradients = grad(&loss, &states.iter().collect::<Vec<_>>());
        let norms: Vec<Tensor> =
            gradients.into_iter().flatten().map(|g| g.square().sum_all().sqrt()).collect();
        let norms = stack(&norms.iter().collect::<Vec<_>>(), 0).to_vec::<f32>()?;
        let back = |t: usize| f64::from(norms[STEPS - t]) / f64::from(norms[STEPS]);
        let factor = back(STEPS).powf(1.0 / STEPS as f64);
        let name = format!("{} with g = {gain}", if activate { "tanh" } else { "linear" });
        let gain = f64::from(gain);
        match activate {
            false => {
                lab.expect_same(format!("{name}: factor a step, over g"), factor / gain, 0.9999..1.0001, 1e-4)
            }
            // The derivative of tanh makes every Jacobian smaller.
            true => lab.expect(format!("{name}: factor a step"), factor, 0.5..0.95),
        }
        panel = panel.with(plot::Series::new(name, (0..=STEPS).map(|t| (t as f64, back(t)))).exact());
    }
    Ok(panel)
}
