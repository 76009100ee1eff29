//! Denoising diffusion of images (Ho et al. 2020): a U-Net learns the noise in digits, given the time and the class. One network samples as
//! DDPM, in few steps as DDIM (Song et al. 2021), guided towards a class without a classifier (Ho and Salimans 2022), and, as the noise
//! is the score, by annealed Langevin dynamics (Song and Ermon 2019): `cargo run --release -p wgrad-atlas -- digit_diffusion`.

use atlas::prelude::*;
use atlas::{TINY_IMAGES, TinyImages};
use methods::generative::{DenoisingUNet, NoiseSchedule, annealed_langevin, classifier_free_guidance};

pub const STUDY: Study = Study {
    name: "digit_diffusion",
    about: "A U-Net learns the noise in digits, and makes digits of the asked class from noise: DDPM, DDIM, Langevin dynamics.",
    on_gpu: false,
    data: Some(TINY_IMAGES),
    run,
};

const STEPS: usize = 100;
const BATCH: usize = 64;
/// The class of images without one.
const NONE: usize = 10;

/// The noise in `x` after step `t` for the given classes.
fn noise_at(net: &DenoisingUNet, x: &Tensor, t: usize, classes: &Tensor) -> Tensor {
    // A tensor's value, unlike a constant, needs no other plan.
    let t = Tensor::scalar(x.device(), t as f32).expand(&[x.size(0)]);
    net.forward(x, &t, classes)
}

/// The classes of `count` images without one.
fn no_class(device: &Device, count: usize) -> Tensor {
    Tensor::full(device, NONE as f32, &[count]).to(DType::I32)
}

/// Learns the noise in digits, a fifth of which are shown without their classes.
fn train(
    lab: &Lab,
    (net, params): (&DenoisingUNet, &Params),
    schedule: &NoiseSchedule,
    tiny: &TinyImages,
    draw: &Generator,
) -> Result<()> {
    let (device, mut draws, steps) = (lab.device(), lab.draws(1), lab.pick(5000, 1200));
    let none = no_class(device, BATCH);
    lab.fit("noise", steps, &mut Adam::new(params), Cosine::new(4e-3, 0.0, steps), |_| {
        let [x, classes] = minibatch(&mut draws, BATCH, [&tiny.images, &tiny.labels])?;
        let noise = draw.normal(device, x.shape());
        let t = (draw.uniform(device, &[BATCH]) * STEPS as f32).to(DType::I32);
        let known = draw.bernoulli(device, 0.8, &[BATCH]).to(DType::Bool);
        let found = net.forward(&schedule.q_sample(&x, &t, &noise), &t, &classes.where_(&known, &none));
        Ok(found.mse_loss(&noise, Reduction::Mean))
    })?;
    Ok(())
}

/// Samples from normal noise by annealed Langevin dynamics. In the variables of Song and Ermon, x plus noise of deviation sigma, all are
/// divided by the share of the signal.
fn by_langevin(
    net: &DenoisingUNet,
    schedule: &NoiseSchedule,
    start: &Tensor,
    draw: &Generator,
) -> Result<Tensor> {
    let (device, none) = (start.device(), no_class(start.device(), start.size(0)));
    let levels: Vec<usize> = (0..STEPS).rev().step_by(3).collect();
    let scales: Vec<f32> = levels.iter().map(|&t| schedule.alpha_bar(t).sqrt() as f32).collect();
    let sigmas: Vec<f32> = scales.iter().map(|scale| (1.0 - scale * scale).sqrt() / scale).collect();
    let score = |x: &Tensor, sigma: f32| {
        let level = sigmas.iter().position(|&s| s == sigma).expect("one of the levels");
        let [scale, factor] = [scales[level], -sigma.recip()].map(|value| Tensor::scalar(device, value));
        noise_at(net, &(x * scale), levels[level], &none) * factor
    };
    let least = sigmas[sigmas.len() - 1];
    Ok(annealed_langevin(score, start * sigmas[0], &sigmas, 0.5 * least.powi(2), 5, draw)?)
}

fn run(lab: &mut Lab) -> Result<()> {
    let device = lab.device().clone();
    let draw = Generator::new(lab.seed());
    let tiny = TinyImages::new(lab, 2000)?;
    let schedule = NoiseSchedule::linear(&device, STEPS);
    let params = lab.params();
    let net = DenoisingUNet::new(&params, tiny.channels(), lab.pick(&[32, 64], &[16, 32]), NONE + 1);
    let count = lab.pick(1000, 200);
    let asked: Vec<i32> = (0..count as i32).map(|i| i % 10).collect();
    let asked = Tensor::from_slice(&device, &asked, &[count])?;
    let none = no_class(&device, count);
    let start = || draw.normal(&device, &[count, tiny.channels(), 8, 8]);

    train(lab, (&net, &params), &schedule, &tiny, &draw)?;
    let real = tiny.judge(&tiny.images.narrow(0, 0, count))?;
    let noise = tiny.judge(&start().clamp(-1.0, 1.0))?;
    lab.figure("accuracy of the classifier on other real images", tiny.accuracy()?);
    lab.figure("FID of real images", real.fid);
    lab.figure("FID of noise", noise.fid);
    // On a scale from noise (1) to real images (0).
    let share = |fid: f64| (fid - real.fid) / (noise.fid - real.fid);
    let mut shown = Tiles::new(TinyImages::SIDE, TinyImages::SIDE);
    let mut row = |images: &Tensor, label: &dyn Fn(usize) -> (String, Option<bool>)| -> Result<()> {
        for (i, pixels) in TinyImages::bytes(&images.narrow(0, 0, 10))?.into_iter().enumerate() {
            match label(i) {
                (label, Some(right)) => shown.add_judged(label, pixels, right),
                (label, None) => shown.add(label, pixels),
            }
        }
        Ok(())
    };

    let name_of = |class: usize| match tiny.channels() {
        1 => format!("a {class}"),
        _ => tiny.classes[class].clone(),
    };
    let mut ddpm = None;
    for (name, taken, eta, weight, most, range) in [
        ("DDPM", STEPS, 1.0, 1.0, 0.3, 0.6..=1.0),
        ("DDIM of 20 steps", 20, 0.0, 1.0, 0.3, 0.6..=1.0),
        // Guidance costs variety.
        ("DDIM guided by 3", 20, 0.0, 3.0, 0.5, 0.9..=1.0),
        ("DDIM guided by 0", 20, 0.0, 0.0, 0.3, 0.03..=0.2),
    ] {
        let images = schedule.sample(start(), taken, eta, &draw, |x, t| {
            let with = noise_at(&net, x, t, &asked);
            if weight == 1.0 {
                with
            } else {
                classifier_free_guidance(&with, &noise_at(&net, x, t, &none), weight)
            }
        })?;
        let made = tiny.judge(&images)?;
        let right = |i: usize| made.classes[i] == i % 10;
        let share_right = (0..count).filter(|&i| right(i)).count() as f64 / count as f64;
        lab.expect(format!("{name}: FID against noise"), share(made.fid), ..most);
        lab.expect(format!("{name}: of the asked class"), share_right, range);
        row(&images, &|i| match weight {
            0.0 => (format!("no class: {}?", name_of(made.classes[i])), None),
            _ => (name.into(), Some(right(i))),
        })?;
        ddpm.get_or_insert(images);
    }

    let images = by_langevin(&net, &schedule, &start(), &draw)?;
    let made = tiny.judge(&images)?;
    lab.expect("Langevin dynamics: FID against noise", share(made.fid), ..0.2);
    row(&images, &|i| (format!("Langevin: {}?", name_of(made.classes[i])), None))?;

    // Digits are made, not remembered: the nearest training digit is about as far as from real digits that were not trained with.
    let made = ddpm.context("a sample of DDPM")?;
    let nearest = |x: &Tensor| -> Result<f64> {
        let apart = x.flatten(1, -1).cdist(&tiny.images.flatten(1, -1), 2.0);
        Ok(apart.amin(&[1], false).mean_all().item()?.into())
    };
    lab.expect(
        "distance to the nearest training digit, against others'",
        nearest(&made)? / nearest(&tiny.others)?,
        0.6..1.4,
    );
    lab.picture("digit_diffusion", |path| {
        plot::Figure::new("Images made of noise, of the classes in turn: whether a classifier agrees")
            .images(&shown.images(), 10)
            .save(path)
    })
}
