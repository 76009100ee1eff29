//! An energy-based model of images: a convolutional energy `E(x)` with density `exp(-E(x)) / Z`, learned from images and from persistent chains
//! of Langevin dynamics (Xie et al. 2016; Du and Mordatch 2019; Nijkamp et al. 2019): `cargo run --release -p wgrad-atlas -- image_energy`.

use atlas::prelude::*;
use atlas::{TINY_IMAGES, TinyImages, separation};
use methods::generative::{contrastive_divergence_loss, langevin};

pub const STUDY: Study = Study {
    name: "image_energy",
    about: "Langevin dynamics on a learned energy makes images of noise, and restores noisy and covered ones.",
    on_gpu: false,
    data: Some(TINY_IMAGES),
    run,
};

const BATCH: usize = 64;
/// The deviation of the noise of a step of Langevin dynamics, and of the noise on images that are learnt: without, the density of pixels that are
/// exactly black would have no bounds.
const NOISE: f32 = 0.05;
/// The length of a step of Langevin dynamics.
const LENGTH: f32 = NOISE * NOISE / 2.0;
/// The energies' unit: with steps as short as the noise demands, the network's outputs stay near 1.
const SCALE: f32 = 200.0;
/// The share of chains that start anew at each step.
const RESTARTS: f32 = 0.05;

/// The energy of images `[N, C, 8, 8]`: `[N]`.
struct Energy {
    convs: [Conv2d; 3],
    hidden: Linear,
    out: Linear,
}

impl Energy {
    fn new(params: &Params, channels: usize, width: usize) -> Energy {
        let conv = |i: usize, from, to, stride| {
            Conv2d::new(&params.path(format!("conv{i}")), from, to, 3).padding(1).stride(stride).build()
        };
        Energy {
            convs: [
                conv(0, channels, width, 1),
                conv(1, width, 2 * width, 2),
                conv(2, 2 * width, 2 * width, 2),
            ],
            hidden: Linear::new(&params.path("hidden"), 4 * 2 * width, 64),
            out: Linear::new(&params.path("out"), 64, 1),
        }
    }

    fn net(&self, images: &Tensor) -> Tensor {
        let deep = self.convs.iter().fold(images.clone(), |x, conv| conv.forward(&x).silu());
        self.out.forward(&self.hidden.forward(&deep.flatten(1, -1)).silu()).squeeze(&[1])
    }

    fn forward(&self, images: &Tensor) -> Tensor {
        // The standard normal distribution that the network's energy modifies (Xie et al. 2016).
        self.net(images) * SCALE + images.square().sum(&[1, 2, 3], false) * 0.5
    }

    fn score(&self, x: &Tensor) -> Tensor {
        let x = x.detach().variable();
        -grad(&self.forward(&x).sum_all(), &[&x]).remove(0).expect("the energy depends on the image")
    }

    /// `count` steps of Langevin dynamics.
    fn chains(&self, x: &Tensor, count: usize, draw: &Generator) -> Result<Tensor> {
        Ok(langevin(|x| self.score(x), x.clone(), LENGTH, count, draw)?)
    }
}

/// Images of uniform noise.
fn noise(draw: &Generator, device: &Device, shape: &[usize]) -> Tensor {
    draw.uniform(device, shape) * 2.0 - 1.0
}

/// Learns the energy; returns the last of the chains.
fn train(
    lab: &Lab,
    (energy, params): (&Energy, &Params),
    tiny: &TinyImages,
    draw: &Generator,
) -> Result<Tensor> {
    let (device, mut draws) = (lab.device(), lab.draws(1));
    let (steps, length) = (lab.pick(1000, 200), lab.pick(15, 10));
    let start = || noise(draw, device, &[BATCH, tiny.channels(), 8, 8]);
    let mut chains = start();
    let mut opt = Adam::new(params).betas(0.5, 0.99);
    let rate = Cosine::new(1e-3, 0.0, steps);
    for step in lab.steps("energy", steps) {
        // Persistent chains (Tieleman 2008), as in the study `energy_model`.
        let anew = draw.bernoulli(device, RESTARTS, &[BATCH, 1, 1, 1]).to(DType::Bool);
        chains = energy.chains(&start().where_(&anew, &chains).detach(), length, draw)?;
        let [real] = minibatch(&mut draws, BATCH, [&tiny.images])?;
        let real = &real + draw.normal(device, real.shape()) * NOISE;
        let loss = contrastive_divergence_loss(&energy.net(&real), &energy.net(&chains), 0.1);
        opt.step(loss.backward(), rate.lr(step))?;
    }
    Ok(chains)
}

/// How well the energy separates other images from those not trained with.
fn separate(lab: &mut Lab, energy: &Energy, tiny: &TinyImages, draw: &Generator) -> Result<()> {
    let others = &tiny.others;
    let mut order: Vec<i32> = (0..64).collect();
    lab.draws(2).shuffle(&mut order);
    let scrambled = others.flatten(2, -1).index_select(2, &Tensor::from_slice(lab.device(), &order, &[64])?);
    let own = energy.forward(others).to_vec::<f32>()?;
    for (name, images, range) in [
        ("noise", noise(draw, lab.device(), others.shape()), 0.99..=1.0),
        ("scrambled images", scrambled.reshape(others.shape()), 0.9..=1.0),
        ("negatives", -others, 0.99..=1.0),
        ("images upside down", others.flip(&[2]), 0.6..=1.0),
    ] {
        let odd = energy.forward(&images).to_vec::<f32>()?;
        lab.expect(format!("ROC-AUC against {name}"), separation(&odd, &own), range);
    }
    Ok(())
}

/// Noisy images, denoised ones, half covered and completed ones, by the dynamics of what is not known given the rest.
fn restore(lab: &mut Lab, energy: &Energy, tiny: &TinyImages, draw: &Generator) -> Result<[Tensor; 4]> {
    // Several chains for each image: their mean estimates that of the posterior, the estimate of least error.
    const CHAINS: usize = 6;
    let clean = tiny.others.narrow(0, 0, 20);
    let repeated = |x: &Tensor| cat(&[x; CHAINS], 0).detach();
    let mean = |x: &Tensor| x.reshape(&[&[CHAINS], clean.shape()].concat()).mean(&[0], false);
    // Noise of a known deviation is taken off by the dynamics of the posterior.
    const DEVIATION: f32 = 0.5;
    let noisy = (&clean + draw.normal(lab.device(), clean.shape()) * DEVIATION).detach();
    let begin = repeated(&noisy);
    let posterior = |x: &Tensor| energy.score(x) + (&begin - x) / (DEVIATION * DEVIATION);
    let denoised = mean(&langevin(posterior, begin.clone(), LENGTH, 120, draw)?);
    // The lower half follows the dynamics given the upper half.
    let seen = Tensor::arange(lab.device(), 8).to(DType::F32).lt(4.0).reshape(&[1, 1, 8, 1]);
    let known = repeated(&clean);
    let given = |x: &Tensor| known.where_(&seen, x);
    let begin = given(&noise(draw, lab.device(), known.shape())).detach();
    let completed = given(&langevin(|x| energy.score(&given(x)), begin.clone(), LENGTH, 250, draw)?);
    let mse = |x: &Tensor| x.mse_loss(&clean, Reduction::Mean).item();
    lab.expect("error left by denoising", mse(&denoised)? / mse(&noisy.clamp(-1.0, 1.0))?, ..0.8);
    // Without a range: the built-in digits are completed hardly better than by the mean image.
    let average = clean.where_(&seen, &tiny.images.mean(&[0], true).expand(clean.shape()));
    let completion = mse(&mean(&completed))? / mse(&average)?;
    lab.figure("error of completed halves, against the mean image's", completion);
    Ok([noisy, denoised, begin, completed])
}

fn run(lab: &mut Lab) -> Result<()> {
    let device = lab.device().clone();
    let draw = Generator::new(lab.seed());
    let tiny = TinyImages::new(lab, 2000)?;
    let params = lab.params();
    let energy = Energy::new(&params, tiny.channels(), lab.pick(24, 16));
    let chains = train(lab, (&energy, &params), &tiny, &draw)?;

    const COUNT: usize = 200;
    let start = |count: usize| noise(&draw, &device, &[count, tiny.channels(), 8, 8]);
    let made = energy.chains(&start(COUNT), lab.pick(400, 200), &draw)?;
    let (of_real, of_noise) = (tiny.judge(&tiny.images.narrow(0, 0, COUNT))?, tiny.judge(&start(COUNT))?);
    let judged = tiny.judge(&made)?;
    lab.figure("FID of real images", of_real.fid);
    lab.figure("FID of noise", of_noise.fid);
    // On a scale from noise (1) to real images (0).
    let share = |fid: f64| (fid - of_real.fid) / (of_noise.fid - of_real.fid);
    lab.expect("FID of the chains of training, against noise", share(tiny.judge(&chains)?.fid), ..0.25);
    lab.expect("FID of images made of noise, against noise", share(judged.fid), ..0.2);
    let of_class = |class: usize| judged.classes.iter().filter(|&&c| c == class).count();
    let classes = (0..10).filter(|&class| of_class(class) >= COUNT / 40).count();
    lab.expect("classes with a quarter of their share or more", classes as f64, 7.0..);
    let variety = |x: &Tensor| x.var(&[0], 1.0, false).mean_all().item();
    lab.expect("variance against real images'", variety(&made)? / variety(&tiny.others)?, 0.6..1.5);

    separate(lab, &energy, &tiny, &draw)?;
    let [noisy, denoised, begin, completed] = restore(lab, &energy, &tiny, &draw)?;
    let mut tiles = Tiles::new(TinyImages::SIDE, TinyImages::SIDE);
    for (name, images) in [
        ("real", tiny.others.narrow(0, 0, 10)),
        ("made of noise", made.narrow(0, 0, 20)),
        ("noisy", noisy.narrow(0, 0, 10)),
        ("denoised", denoised.narrow(0, 0, 10)),
        ("half covered", begin.narrow(0, 0, 10)),
        ("completed", completed.narrow(0, 0, 10)),
    ] {
        TinyImages::bytes(&images)?.into_iter().for_each(|pixels| tiles.add(name, pixels));
    }
    lab.picture("image_energy", |path| {
        plot::Figure::new("Real images, and what Langevin dynamics makes by a learned energy")
            .images(&tiles.images(), 10)
            .save(path)
    })
}
