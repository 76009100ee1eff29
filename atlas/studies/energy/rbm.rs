//! Restricted Boltzmann machines learn bars and stripes of 3 x 3 pixels by contrastive divergence (Hinton 2002) with one and with ten
//! steps, and by persistent chains (Tieleman 2008). The machine is small enough to enumerate all states, so that the divergence from the
//! data is exact, and so is the reference for annealed importance sampling: `cargo run --release -p wgrad-atlas -- rbm`.

use atlas::prelude::*;
use methods::energy::Rbm;

pub const STUDY: Study = Study {
    name: "rbm",
    about: "Restricted Boltzmann machines learn bars and stripes by CD-1, CD-10 and persistent CD.",
    on_gpu: false,
    data: None,
    run,
};

const SIDE: usize = 3;
const HIDDEN: usize = 12;

fn run(lab: &mut Lab) -> Result<()> {
    let images = data::synthetic::bars_and_stripes(SIDE);
    let (count, pixels) = (images.rows(), images.columns());
    let data = images.to_device(lab.device())?;
    // Each image equally often, as many rows as chains.
    let batch = data.repeat(&[8, 1]);
    let steps = lab.pick(6000, 1500);
    let divergence = |rbm: &Rbm| -> Result<f64> {
        Ok(-(count as f64).ln() - f64::from(rbm.log_prob(&data).mean_all().item()?))
    };

    let mut panel = plot::Panel::new("Divergence from the data", "update", "nats").log_y();
    let mut persistent = None;
    for (name, gibbs) in [("CD-1", 1), ("CD-10", 10), ("persistent CD", 0)] {
        let params = lab.params();
        let rbm = Rbm::new(&params, pixels, HIDDEN);
        let generator = params.generator();
        let mut opt = Sgd::new(&params).momentum(0.5);
        let mut chains = batch.clone();
        // Persistent chains cannot follow large updates for long.
        let rate = Cosine::new(lab.pick(0.1, 0.3), 0.0, steps);
        let mut curve = vec![(0.0, divergence(&rbm)?)];
        for step in lab.steps(name, steps) {
            let model = match gibbs {
                0 => rbm.gibbs(&chains, 1, generator),
                steps => rbm.gibbs(&batch, steps, generator),
            };
            opt.step(rbm.contrastive_loss(&batch, &model).backward(), rate.lr(step))?;
            chains = model;
            if (step + 1) % (steps / 30) == 0 {
                curve.push(((step + 1) as f64, divergence(&rbm)?));
            }
        }
        let found = divergence(&rbm)?;
        lab.expect(format!("{name}: divergence"), found, 0.0..0.6);
        panel = panel.with(plot::Series::new(name, curve));
        persistent = Some((rbm, found));
    }
    let (rbm, found) = persistent.context("three machines")?;
    // An untrained machine has a divergence of ln(2^9 / 14) = 3.6 nats.
    lab.expect("persistent CD against nothing learned", found / (512.0f64 / 14.0).ln(), ..0.12);

    let generator = Generator::new(lab.seed());
    let (estimate, weights) = rbm.annealed_log_partition(200, lab.pick(2000, 400), &generator)?;
    let exact = f64::from(rbm.log_partition().item()?);
    lab.expect("log Z by annealing, error", (estimate - exact).abs(), ..0.25);
    lab.figure("log Z", exact);
    lab.expect("annealed samples worth", weights.effective_size(), 20.0..);

    let start = generator.bernoulli(lab.device(), 0.5, &[256, pixels]);
    let samples = rbm.gibbs(&start, 500, &generator).to_vec::<f32>()?;
    let known = |x: &[f32]| (0..count).any(|i| images.row(i) == x);
    let share = samples.chunks(pixels).filter(|x| known(x)).count() as f64 / 256.0;
    lab.expect("samples that are bars or stripes", share, 0.7..);
    lab.picture("rbm", |path| plot::Figure::new("Restricted Boltzmann machines").panel(panel).save(path))?;
    filters(lab, &rbm, &samples)
}

fn filters(lab: &mut Lab, rbm: &Rbm, samples: &[f32]) -> Result<()> {
    let weight = rbm.weight().value().to_vec::<f32>()?;
    let pixels = SIDE * SIDE;
    let most = weight.iter().fold(0f32, |most, w| most.max(w.abs()));
    let shown = &samples[..12 * pixels];
    let tiles = Tiles::new(SIDE, SIDE)
        .diverging(&weight, most, |i| format!("weights of hidden {i}"))
        .grey(shown, |i| format!("sample {i}"));
    let title = "What the hidden units look for, and what the machine draws";
    lab.picture("rbm-filters", |path| plot::image_grid(path, title, &tiles.images(), 6))
}
