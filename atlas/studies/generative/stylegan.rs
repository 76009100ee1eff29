//! StyleGAN (Karras et al. 2019): a mapping network, styles for every layer, noise inputs, style mixing and truncation, on pictures whose
//! factors are known: `cargo run --release -p wgrad-atlas -- stylegan`.

use atlas::prelude::*;
use linalg::frechet_distance;
use methods::generative::{GanLoss, MappingNetwork, StyleGenerator, r1_penalty};

pub const STUDY: Study = Study {
    name: "stylegan",
    about: "Styles of coarse layers place a disc, those of fine layers colour it, and noise makes its grain.",
    on_gpu: false,
    data: None,
    run,
};

const SIDE: usize = 16;
const LATENT: usize = 16;
const BATCH: usize = 32;
/// Pictures to judge by.
const TEST: usize = 500;
/// The layers of 4 x 4 and 8 x 8 pixels; two more have 16 x 16.
const COARSE: usize = 4;

/// Pictures `[count, 3, SIDE, SIDE]` from -1 to 1 of discs on black: place, radius, a colour from blue to red, and grain.
fn discs(draw: &Generator, device: &Device, count: usize) -> Tensor {
    let uniform = |low: f32, high: f32| draw.uniform(device, &[count, 1, 1, 1]) * (high - low) + low;
    let (x, y, radius, red) = (uniform(5.0, 10.0), uniform(5.0, 10.0), uniform(3.0, 5.0), uniform(0.0, 1.0));
    let place = Tensor::arange(device, SIDE).to(DType::F32);
    let (across, down) = (place.reshape(&[1, 1, 1, SIDE]), place.reshape(&[1, 1, SIDE, 1]));
    let away = ((across - x).square() + (down - y).square()).sqrt();
    let grain = draw.uniform(device, &[count, 1, SIDE, SIDE]).lt(0.5).to(DType::F32) * 0.4 + 0.6;
    let disc = (radius - away + 0.5).clamp(0.0, 1.0) * grain;
    (cat(&[&(&disc * &red), &(&disc * 0.4), &(&disc * (1.0 - &red))], 1) * 2.0 - 1.0).detach()
}

/// The columns of [`factors`].
const FACTORS: [&str; 4] = ["across", "down", "light", "red"];

/// The centre of the light, its mean, and the balance of red and blue, `[N, 4]`.
fn factors(pictures: &Tensor) -> Tensor {
    let light = (pictures + 1.0) * 0.5;
    let mean = |x: &Tensor| x.mean(&[1, 2, 3], false);
    let whole = mean(&light) + 1e-3;
    let place = Tensor::arange(pictures.device(), SIDE).to(DType::F32);
    let across = mean(&(&light * place.reshape(&[1, 1, 1, SIDE]))) / &whole;
    let down = mean(&(&light * place.reshape(&[1, 1, SIDE, 1]))) / &whole;
    let [red, blue] = [0, 2].map(|c| mean(&light.narrow(1, c, 1)));
    stack(&[&across, &down, &whole, &((&red - &blue) / (&red + &blue + 1e-3))], 1).detach()
}

/// The correlations of the columns `[N, 4]`.
fn correlations(a: &Tensor, b: &Tensor) -> Result<Vec<f32>> {
    let [a, b] = [a, b].map(|x| x - x.mean(&[0], true));
    let product = |a: &Tensor, b: &Tensor| (a * b).sum(&[0], false);
    Ok((product(&a, &b) / (product(&a, &a) * product(&b, &b)).sqrt()).to_vec()?)
}

/// Scores pictures. One plane tells how much the batch varies (Karras et al. 2018, section 3), so that pictures that are all alike are
/// found out.
struct Critic {
    convs: [Conv2d; 3],
    out: Linear,
}

impl Critic {
    fn new(params: &Params, width: usize) -> Critic {
        let halves =
            |name: &str, from, to| Conv2d::new(&params.path(name), from, to, 4).stride(2).padding(1).build();
        let last = Conv2d::new(&params.path("last"), 2 * width + 1, 2 * width, 3).padding_same().build();
        let convs = [halves("first", 3, width), halves("second", width, 2 * width), last];
        Critic { convs, out: Linear::new(&params.path("out"), 2 * width * 4 * 4, 1) }
    }

    fn score(&self, pictures: &Tensor) -> Tensor {
        let [first, second, last] = &self.convs;
        let step = |x: &Tensor, conv: &Conv2d| conv.forward(x).leaky_relu(0.2);
        let x = step(&step(pictures, first), second);
        let variety = (x.var(&[0], 0.0, false) + 1e-8).sqrt().mean_all();
        let plane = variety.reshape(&[1; 4]).expand(&[x.shape()[0], 1, 4, 4]);
        self.out.forward(&step(&cat(&[&x, &plane], 1), last).flatten(1, -1))
    }
}

struct StyleGan {
    map: MappingNetwork,
    net: StyleGenerator,
    draw: Generator,
}

impl StyleGan {
    fn latents(&self, device: &Device, count: usize) -> Tensor {
        self.draw.normal(device, &[count, LATENT])
    }

    /// The picture of each `w`.
    fn pictures(&self, w: &Tensor) -> Tensor {
        self.net.forward(&self.net.same(w), &self.draw).detach()
    }

    fn train(&self, lab: &Lab, params: &Params, real: &Tensor) -> Result<()> {
        let of_critic = lab.params();
        let critic = Critic::new(&of_critic, 24);
        let score = |x: &Tensor| critic.score(x);
        let (mut opt, mut opt_critic) =
            (Adam::new(params).betas(0.0, 0.99), Adam::new(&of_critic).betas(0.0, 0.99));
        let (mut draws, steps) = (lab.draws(1), lab.pick(1500, 400));
        let (rate, game) = (Cosine::new(3e-3, 2e-4, steps), GanLoss::NonSaturating);
        // Mixing regularisation: in three of four batches the styles change after some of the six layers.
        let generate = |step: usize| {
            let [a, b] = [(); 2].map(|()| self.map.forward(&self.latents(lab.device(), BATCH)));
            self.net.forward(&self.net.mixed(&a, &b, [6, 2, 3, 4][step % 4]), &self.draw)
        };
        for step in lab.steps("adversarial", steps) {
            let [real] = minibatch(&mut draws, BATCH, [real])?;
            let judged = game.discriminator(&score(&real), &score(&generate(step).detach()));
            opt_critic.step((judged + r1_penalty(score, &real)).backward(), rate.lr(step))?;
            opt.step(game.generator(&score(&generate(step))).backward(), rate.lr(step))?;
        }
        Ok(())
    }

    /// Perceptual path lengths (section 4.1) between pairs of latents, in z along great circles and in w along lines, with factors for
    /// perception.
    fn path_lengths(&self, z: [&Tensor; 2], judge: &Judge) -> Result<[f64; 2]> {
        const STEP: f32 = 1e-2;
        let [a, b] = z.map(|z| z / z.square().sum(&[1], true).sqrt());
        let angle = (&a * &b).sum(&[1], true).acos();
        let circle = |t: &Tensor| (&a * ((1.0 - t) * &angle).sin() + &b * (t * &angle).sin()) / angle.sin();
        let [from, to] = z.map(|z| self.map.forward(z));
        let t = self.draw.uniform(a.device(), &[a.shape()[0], 1]);
        let length = |at: &dyn Fn(&Tensor) -> Tensor| -> Result<f64> {
            // The noise is the same at both ends.
            let at =
                |t: &Tensor| judge.factors(&self.net.forward(&self.net.same(&at(t)), &Generator::new(1)));
            let apart = (at(&(&t + STEP)) - at(&t)).square().sum(&[1], false).mean_all();
            Ok(f64::from(apart.item()?) / f64::from(STEP * STEP))
        };
        Ok([length(&|t| self.map.forward(&circle(t)))?, length(&|t| from.lerp(&to, t))?])
    }
}

/// Measures by real pictures.
struct Judge {
    real: Tensor,
    mean: Tensor,
    deviation: Tensor,
}

impl Judge {
    fn new(real: &Tensor) -> Judge {
        let factors = factors(real);
        Judge { real: real.clone(), mean: factors.mean(&[0], true), deviation: factors.std(&[0], 1.0, true) }
    }

    /// In deviations of real pictures.
    fn factors(&self, pictures: &Tensor) -> Tensor {
        (factors(pictures) - &self.mean) / &self.deviation
    }

    fn frechet(&self, pictures: &Tensor) -> Result<f64> {
        let [found, real] = [pictures, &self.real].map(|x| self.factors(x).to_vec::<f32>());
        Ok(frechet_distance(&found?, &real?, FACTORS.len()))
    }

    fn variety(&self, pictures: &Tensor) -> Result<f64> {
        Ok(self.factors(pictures).var(&[0], 1.0, false).mean_all().item()?.into())
    }

    /// The mean squared distance from the nearest real picture.
    fn astray(&self, pictures: &Tensor) -> Result<f64> {
        let apart = pictures.flatten(1, -1).cdist(&self.real.flatten(1, -1), 2.0);
        Ok(apart.amin(&[1], false).square().mean_all().item()?.into())
    }
}

/// The mean square of what a picture has beyond the means of 3 x 3 pixels.
fn detail(x: &Tensor) -> Result<f64> {
    let window = Pool2d { stride: [1; 2], padding: [1; 2], ..Pool2d::new(3) };
    Ok((x - x.avg_pool2d(window, false, None)).square().mean_all().item()?.into())
}

fn run(lab: &mut Lab) -> Result<()> {
    let device = lab.device().clone();
    let draw = Generator::new(lab.seed());
    let (real, others) = (discs(&draw, &device, 4000), discs(&draw, &device, TEST));
    let (judge, params) = (Judge::new(&real), lab.params());
    let gan = StyleGan {
        map: MappingNetwork::new(&params.path("map"), LATENT, 4),
        net: StyleGenerator::new(&params.path("net"), LATENT, 3, SIDE, 16),
        draw,
    };
    gan.train(lab, &params, &real)?;
    let z = [(); 2].map(|()| gan.latents(&device, TEST));
    let [a, b] = [&z[0], &z[1]].map(|z| gan.map.forward(z).detach());
    let (of_a, of_b) = (gan.pictures(&a), gan.pictures(&b));
    lab.figure("Fréchet distance of factors, real pictures", judge.frechet(&others)?);
    // Pictures that are all the same have at least 4, the sum of the factors' variances.
    lab.expect("Fréchet distance of factors", judge.frechet(&of_a)?, ..lab.pick(0.7, 1.6));

    let mixed = gan.net.forward(&gan.net.mixed(&a, &b, COARSE), &gan.draw).detach();
    let with = |x: &Tensor| correlations(&judge.factors(&mixed), &judge.factors(x));
    let (coarse, fine) = (with(&of_a)?, with(&of_b)?);
    for (i, name) in FACTORS.iter().enumerate() {
        let [by_coarse, by_fine] =
            ["coarse", "fine"].map(|s| format!("mixed: {name}, correlation with the source of {s} styles"));
        match *name {
            "across" | "down" => {
                lab.expect(by_coarse, coarse[i], 0.8..);
                lab.expect(by_fine, fine[i], -0.4..0.4);
            }
            "red" => {
                lab.expect(by_coarse, coarse[i], -0.5..0.5);
                lab.expect(by_fine, fine[i], 0.8..);
            }
            // Both the size and the brightness.
            _ => {
                lab.figure(by_coarse, coarse[i]);
                lab.figure(by_fine, fine[i]);
            }
        }
    }

    let again = gan.pictures(&a);
    let same = correlations(&judge.factors(&again), &judge.factors(&of_a))?;
    lab.expect("other noise: least correlation of a factor", same.into_iter().fold(1.0, f32::min), 0.9..);
    lab.figure("fine detail against real pictures'", detail(&of_a)? / detail(&real)?);
    let by_noise = detail(&(&again - &of_a))? / (2.0 * detail(&of_a)?);
    lab.expect("other noise: share of fine detail that changes", by_noise, 0.25..);

    let mean = gan.map.forward(&gan.latents(&device, 4000)).mean(&[0], true).detach();
    let truncated = gan.pictures(&mean.lerp(&a, 0.5));
    lab.figure("distance from real pictures, real", judge.astray(&others)?);
    lab.figure("distance from real pictures", judge.astray(&of_a)?);
    let (less, nearer) = (
        judge.variety(&truncated)? / judge.variety(&of_a)?,
        judge.astray(&truncated)? / judge.astray(&of_a)?,
    );
    lab.expect("truncated by half: variance of factors against all", less, ..0.85);
    lab.expect("truncated by half: distance from real pictures against all", nearer, ..1.0);

    let [in_z, in_w] = gan.path_lengths([&z[0], &z[1]], &judge)?;
    lab.figure("path length in z", in_z);
    lab.expect("path length in w against z", in_w / in_z, ..0.9);

    let rows = [
        ("real", &others),
        ("source of coarse styles", &of_a),
        ("source of fine styles", &of_b),
        ("mixed", &mixed),
        ("coarse source, other noise", &again),
        ("coarse source, truncated", &truncated),
    ];
    let mut tiles = Tiles::new(SIDE, SIDE);
    for (name, pictures) in rows {
        let pixels = ((pictures.narrow(0, 0, 8) + 1.0) * 127.5).round().to_vec::<f32>()?;
        for picture in pixels.chunks(3 * SIDE * SIDE) {
            tiles.add(name, picture.iter().map(|&p| p as u8).collect());
        }
    }
    let images = tiles.images();
    lab.picture("stylegan", |path| {
        plot::Figure::new("Styles of one picture for coarse layers, of another for fine ones")
            .images(&images, 8)
            .save(path)
    })
}
