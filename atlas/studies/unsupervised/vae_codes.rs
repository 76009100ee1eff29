//! The information in a variational autoencoder's code: beta-VAE (Higgins et al. 2017) trades it against reconstruction, free bits (Kingma
//! et al. 2016) keep every dimension in use, and annealing (Bowman et al. 2016) starts without the divergence term.
//! `cargo run --release -p wgrad-atlas -- vae_codes`.

use atlas::prelude::*;
use methods::unsupervised::free_bits;
use models::{LinearLr, Vae};

pub const STUDY: Study = Study {
    name: "vae_codes",
    about: "beta-VAE, free bits and KL annealing: how many nats the code of a digit has.",
    on_gpu: false,
    data: Some(DIGITS),
    run,
};

const PIXELS: usize = 14 * 14;
const LATENT: usize = 20;
const BATCH: usize = 100;
const FLOOR: f32 = 0.5;
const BETAS: [f32; 3] = [0.25, 1.0, 4.0];

/// The weight of the divergence, or how it is counted.
#[derive(Clone, Copy)]
enum Cost {
    Beta(f32),
    FreeBits,
    /// Weight 0 to 1 over the first quarter of the steps.
    Annealed,
}

struct Trained {
    /// The mean divergence per image in each dimension.
    kl: Vec<f32>,
    reconstruction: f32,
    /// The divergence at each step, summed over dimensions.
    path: Vec<f64>,
}

impl Trained {
    fn total(&self) -> f32 {
        self.kl.iter().sum()
    }

    /// The number of dimensions that carry information.
    fn active(&self) -> usize {
        self.kl.iter().filter(|&&kl| kl > FLOOR / 2.0).count()
    }
}

fn run(lab: &mut Lab) -> Result<()> {
    let digits = lab.digits(lab.pick(4000, 1000), 500)?;
    // Binary pixels, for which a Bernoulli likelihood is exact.
    let binary = |set: &data::ImageSet| -> Result<Tensor> {
        let half = set.to_device(lab.device())?.images.avg_pool2d(Pool2d::new(2), false, None);
        Ok(half.flatten(1, -1).gt(0.35).to(DType::F32).detach())
    };
    let (train, test) = (binary(&digits.train)?, binary(&digits.test)?);
    let by_beta: Vec<Trained> =
        BETAS.iter().map(|&beta| learn(lab, Cost::Beta(beta), &train, &test)).collect::<Result<_>>()?;
    let free = learn(lab, Cost::FreeBits, &train, &test)?;
    let annealed = learn(lab, Cost::Annealed, &train, &test)?;
    let plain = &by_beta[1];

    for (beta, found) in BETAS.iter().zip(&by_beta) {
        lab.figure(format!("beta {beta}: KL, nats"), found.total());
        lab.figure(format!("beta {beta}: reconstruction, nats"), found.reconstruction);
    }
    let ratio = |of: fn(&Trained) -> f32| {
        by_beta.windows(2).map(|pair| f64::from(of(&pair[1]) / of(&pair[0]))).fold(0.0, f64::max)
    };
    lab.expect("largest ratio of KL to that of the next smaller beta", ratio(Trained::total), ..0.5);
    let worse = by_beta.windows(2).map(|pair| pair[1].reconstruction - pair[0].reconstruction);
    lab.expect(
        "least rise of the reconstruction error with beta, nats",
        worse.fold(f32::MAX, f32::min),
        3.0..,
    );
    lab.expect("plain: dimensions in use, of 20", plain.active() as f64, 3.0..=14.0);
    lab.expect("free bits: dimensions in use", free.active() as f64, LATENT as f64..);
    let least = |found: &Trained| found.kl.iter().copied().fold(f32::MAX, f32::min);
    lab.expect("plain: least KL of a dimension", least(plain), ..0.2);
    lab.expect("free bits: least KL of a dimension", least(&free), f64::from(FLOOR) * 0.8..);
    let early = annealed.path.len() / 8;
    lab.expect(
        "annealed: KL after an eighth over the plain one's",
        annealed.path[early] / plain.path[early],
        1.4..,
    );
    // A weight that grows changes how the bound is reached, and hardly where it ends.
    let bound = |found: &Trained| found.total() + found.reconstruction;
    let most = lab.pick(1.0, 0.7);
    lab.expect("annealed: ELBO above the plain one's", bound(plain) - bound(&annealed), -most..most);

    let series = |name: &str, path: &[f64]| {
        let smooth = path.chunks(10).map(|c| c.iter().sum::<f64>() / c.len() as f64);
        plot::Series::new(name, smooth.enumerate().map(|(i, kl)| (10.0 * i as f64 + 5.0, kl))).exact()
    };
    let paths = plot::Panel::new("Training", "step", "KL of the code, nats")
        .with(series("plain", &plain.path))
        .with(series("annealed", &annealed.path))
        .with(series("free bits", &free.path));
    let trade = plot::Panel::new("beta 0.25, 1 and 4", "KL of the code, nats", "reconstruction error, nats")
        .with(plot::Series::new(
            "beta-VAE",
            by_beta.iter().map(|f| (f.total().into(), f.reconstruction.into())),
        ));
    let sorted = |found: &Trained| {
        let mut kl: Vec<f64> = found.kl.iter().map(|&v| v.into()).collect();
        kl.sort_by(|a, b| b.total_cmp(a));
        kl
    };
    let bars = plot::Panel::new("Dimensions of the code", "dimension, by its KL", "KL, nats")
        .layer(plot::Bars::new("plain", sorted(plain)).group(0, 2))
        .layer(plot::Bars::new("free bits", sorted(&free)).group(1, 2));
    let figure = plot::Figure::new("What a code says").panel(trade).panel(bars).panel(paths);
    lab.picture("vae_codes", |path| figure.save(path))
}

fn learn(lab: &Lab, cost: Cost, train: &Tensor, test: &Tensor) -> Result<Trained> {
    let params = lab.params();
    let net = Vae::new(&params, PIXELS, 64, LATENT);
    let (generator, mut draws, steps) = (Generator::new(lab.seed()), lab.draws(0), lab.pick(4000, 400));
    let forward = |x: &Tensor| {
        let out = net.forward(x, &generator.normal(x.device(), &[x.shape()[0], LATENT]));
        let error =
            out.logits.binary_cross_entropy_with_logits(x, None, None, Reduction::Sum) / x.shape()[0] as f32;
        (out.mu.gaussian_kl(&out.logvar, Reduction::None), error)
    };
    // The weight of the divergence follows a learning-rate schedule.
    let (up, rate) = (LinearLr::new(1.0, 0.0, 1.0, steps / 4), Cosine::new(4e-3, 0.0, steps));
    let (mut opt, mut path) = (Adam::new(&params), Vec::new());
    for step in lab.steps("VAE", steps) {
        let [x] = minibatch(&mut draws, BATCH, [train])?;
        let (kl, error) = forward(&x);
        let total = kl.mean(&[0], false).sum_all();
        let loss = error
            + match cost {
                Cost::Beta(beta) => &total * beta,
                Cost::FreeBits => free_bits(&kl, FLOOR),
                Cost::Annealed => &total * Tensor::scalar(lab.device(), up.lr(step)),
            };
        opt.step(loss.backward(), rate.lr(step))?;
        path.push(f64::from(total.item()?));
    }
    let (kl, error) = forward(test);
    Ok(Trained { kl: kl.mean(&[0], false).to_vec()?, reconstruction: error.item()?, path })
}
