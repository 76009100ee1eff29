//! Boltzmann machines (Ackley, Hinton and Sejnowski 1985) small enough to enumerate all states: without hidden units, one learns another
//! machine of its kind by exact gradients and by Gibbs sampling, but cannot learn a noisy exclusive or, whose units are pairwise
//! independent; with hidden units it can: `cargo run --release -p wgrad-atlas -- boltzmann`.

use atlas::prelude::*;
use methods::energy::BoltzmannMachine;

pub const STUDY: Study = Study {
    name: "boltzmann",
    about: "Boltzmann machines learn small distributions by exact gradients and by Gibbs sampling.",
    on_gpu: false,
    data: None,
    run,
};

fn run(lab: &mut Lab) -> Result<()> {
    let first = teacher(lab)?;
    let second = exclusive_or(lab)?;
    lab.picture("boltzmann", |path| {
        plot::Figure::new("Boltzmann machines").panel(first).panel(second).save(path)
    })
}

/// All states `[2^units, units]`.
fn states(lab: &Lab, units: usize) -> Result<Tensor> {
    let bits: Vec<f32> = (0..units << units).map(|i| ((i / units) >> (i % units) & 1) as f32).collect();
    Ok(Tensor::from_slice(lab.device(), &bits, &[1 << units, units])?)
}

/// A target distribution: all states, their probabilities, and rows of states in proportion to their probabilities.
struct Target {
    v: Tensor,
    p: Tensor,
    rows: Tensor,
}

impl Target {
    /// The divergence of a machine from the target.
    fn divergence(&self, machine: &BoltzmannMachine) -> Tensor {
        (self.p.xlogy(&self.p) - &self.p * machine.log_prob(&self.v)).sum_all()
    }
}

type Curve = Vec<(f64, f64)>;

/// Trains by the gradient of the exact divergence.
fn exactly(lab: &Lab, target: &Target, hidden: usize, steps: usize) -> Result<Curve> {
    let params = lab.params();
    let machine = BoltzmannMachine::new(&params, target.v.shape()[1], hidden);
    let coupling = params.get("coupling").context("couplings")?;
    // Hidden units that start almost equal would stay so.
    coupling.set(&(coupling.value() * 100.0));
    let mut opt = Adam::new(&params);
    let losses = lab
        .fit("exact", steps, &mut opt, Cosine::new(0.1, 0.001, steps), |_| Ok(target.divergence(&machine)))?;
    Ok(losses.into_iter().enumerate().map(|(i, loss)| (i as f64, loss)).collect())
}

/// Trains with Gibbs chains that continue from update to update.
fn by_sampling(lab: &Lab, target: &Target, steps: usize) -> Result<Curve> {
    let params = lab.params();
    let machine = BoltzmannMachine::new(&params, target.v.shape()[1], 0);
    let (generator, rate) = (params.generator(), Cosine::new(0.1, 0.001, steps));
    let mut opt = Adam::new(&params);
    let mut dreams = generator.bernoulli(lab.device(), 0.5, target.rows.shape());
    let mut curve = Vec::new();
    for step in lab.steps("Gibbs", steps) {
        dreams = machine.gibbs(&dreams, 0, 1, generator);
        opt.step(machine.contrastive_loss(&target.rows, &dreams).backward(), rate.lr(step))?;
        if step % (steps / 50) == 0 || step + 1 == steps {
            curve.push((step as f64, target.divergence(&machine).item()?.into()));
        }
    }
    Ok(curve)
}

/// The relative error of the sampled gradient of a random machine.
fn gradient_error(lab: &Lab, target: &Target, hidden: usize) -> Result<f32> {
    let (params, visible) = (lab.params(), target.v.shape()[1]);
    let machine = BoltzmannMachine::new(&params, visible, hidden);
    let coupling = params.get("coupling").context("couplings")?;
    coupling.set(&(coupling.value() * 100.0));
    let generator = Generator::new(lab.seed());
    let start = generator.bernoulli(lab.device(), 0.5, &[20_000, visible + hidden]);
    let dreams = machine.gibbs(&start, 0, 20, &generator);
    let rows = target.rows.repeat(&[20, 1]);
    let seen = machine.gibbs(&machine.clamp(&rows, &generator), visible, 20, &generator);
    let weights = coupling.value();
    let slope = |loss: &Tensor| grad(loss, &[&weights]).remove(0).context("a gradient of the couplings");
    let exact = slope(&target.divergence(&machine))?;
    let sampled = slope(&machine.contrastive_loss(&seen, &dreams))?;
    Ok(((&sampled - &exact).square().sum_all() / exact.square().sum_all()).sqrt().item()?)
}

fn last(curve: &Curve) -> f64 {
    curve.last().map_or(f64::NAN, |point| point.1)
}

/// The distribution of a random machine of five units, learned by another machine.
fn teacher(lab: &mut Lab) -> Result<plot::Panel> {
    const UNITS: usize = 5;
    let params = Params::new(lab.device(), lab.seed() + 100);
    let teacher = BoltzmannMachine::new(&params, UNITS, 0);
    let coupling = params.get("coupling").context("couplings")?;
    coupling.set(&(coupling.value() * 100.0));
    let v = states(lab, UNITS)?;
    let p = teacher.log_prob(&v).exp().detach();
    // 2048 rows, in proportion to the probabilities up to rounding.
    let shares = p.to_vec::<f32>()?;
    let times: Vec<usize> = shares.iter().map(|p| (p * 2048.0).round() as usize).collect();
    let rows = v.repeat_interleave_each(&times, 0);
    let target = Target { v, p, rows };

    lab.expect(
        "another machine: gradient by sampling, relative error",
        gradient_error(lab, &target, 0)?,
        ..0.08,
    );
    let steps = lab.pick(1500, 300);
    let exact = exactly(lab, &target, 0, steps)?;
    let sampled = by_sampling(lab, &target, steps)?;
    lab.expect("another machine: divergence before", exact[0].1, 0.1..);
    lab.expect("another machine: by exact gradients", last(&exact), ..5e-3);
    lab.expect("another machine: by sampling", last(&sampled), ..0.02);
    let panel =
        plot::Panel::new("Five visible units learn another machine", "update", "divergence, nats").log_y();
    Ok(panel.with(plot::Series::new("exact", exact)).with(plot::Series::new("Gibbs sampling", sampled)))
}

/// Three units, mostly with an even number of them on.
fn exclusive_or(lab: &mut Lab) -> Result<plot::Panel> {
    let v = states(lab, 3)?;
    let even = |i: &u32| if i.count_ones().is_multiple_of(2) { 0.2 } else { 0.05 };
    let p = Tensor::from_slice(lab.device(), &(0..8u32).map(|i| even(&i)).collect::<Vec<f32>>(), &[8])?;
    let rows = v.repeat_interleave_each(
        &(0..8u32).map(|i| (1000.0 * even(&i)).round() as usize).collect::<Vec<_>>(),
        0,
    );
    let target = Target { v, p, rows };
    let steps = lab.pick(1500, 400);
    let visible = exactly(lab, &target, 0, steps)?;
    let hidden = exactly(lab, &target, 4, steps)?;
    // The best fit without hidden units is the uniform distribution over all eight states.
    let uniform = 0.8 * 1.6f64.ln() + 0.2 * 0.4f64.ln();
    lab.expect(
        "exclusive or: visible units alone, against a uniform guess",
        last(&visible) / uniform,
        0.999..1.01,
    );
    lab.expect("exclusive or: with 4 hidden units", last(&hidden), ..0.01);
    let off = gradient_error(lab, &target, 4)?;
    lab.expect("exclusive or: gradient by sampling, relative error", off, ..0.08);
    let panel =
        plot::Panel::new("Three visible units learn an exclusive or", "update", "divergence, nats").log_y();
    Ok(panel
        .with(plot::Series::new("no hidden units", visible))
        .with(plot::Series::new("4 hidden units", hidden)))
}
