//! SRGAN (Ledig et al. 2017): four times the resolution. Mean squared error alone leaves grain and edges out; features and a discriminator
//! put them back, for fewer decibels: `cargo run --release -p wgrad-atlas -- srgan`.

use atlas::prelude::*;
use linalg::frechet_distance;
use methods::generative::{DcganDiscriminator, GanLoss, SrResNet};

pub const STUDY: Study = Study {
    name: "srgan",
    about: "Four times the resolution: mean squared error wins in decibels, SRGAN in grain and edges.",
    on_gpu: false,
    data: Some(DIGITS),
    run,
};

const SIDE: usize = 32;
const PATCH: usize = 4;
const BATCH: usize = 16;
/// The weight of the adversarial loss beside that of features.
const ADVERSARIAL: f32 = 0.1;
const BICUBIC: Interpolation = Interpolation::Cubic { align_corners: false };

/// A small convolutional classifier of digits, in place of the paper's VGG network.
struct Reader {
    convs: [Conv2d; 3],
    out: Linear,
}

impl Reader {
    const WIDTH: usize = 32;

    fn trained(lab: &Lab, images: &Tensor, labels: &Tensor) -> Result<Reader> {
        let params = lab.params();
        let conv = |name: &str, from, to| Conv2d::new(&params.path(name), from, to, 3).padding_same().build();
        let convs = [conv("conv1", 1, 12), conv("conv2", 12, 24), conv("conv3", 24, Reader::WIDTH)];
        let reader = Reader { convs, out: Linear::new(&params.path("out"), Reader::WIDTH, 10) };
        let (mut draws, steps) = (lab.draws(1), lab.pick(600, 150));
        lab.fit("reader", steps, &mut Adam::new(&params), OneCycle::new(0.01, steps), |_| {
            let [x, y] = minibatch(&mut draws, 32, [images, labels])?;
            Ok(reader.out.forward(&reader.features(&x).amax(&[2, 3], false)).cross_entropy(&y))
        })?;
        Ok(reader)
    }

    /// The last convolution's features `[N, WIDTH, 8, 8]`.
    fn features(&self, x: &Tensor) -> Tensor {
        let [first, second, third] = &self.convs;
        let x = first.forward(x).relu().avg_pool2d(Pool2d::new(2), true, None);
        third.forward(&second.forward(&x).relu().avg_pool2d(Pool2d::new(2), true, None)).relu()
    }
}

/// Digits `[N, 1, SIDE, SIDE]` from 0 to 1 with a margin and grain, as of charcoal.
fn grained(lab: &Lab, set: &data::ImageSet, draw: &Generator) -> Result<[Tensor; 2]> {
    let batch = set.to_device(lab.device())?;
    let images = batch.images.pad(&[(2, 2), (2, 2)], Padding::Constant(0.0));
    let grain = draw.uniform(lab.device(), images.shape()).lt(0.6).to(DType::F32) * 0.7 + 0.3;
    Ok([(images * grain).detach(), batch.labels])
}

fn quartered(x: &Tensor) -> Tensor {
    x.avg_pool2d(Pool2d::new(4), true, None)
}

/// Patches of 4 x 4 pixels, `[N * 64, 16]`.
fn patches(x: &Tensor) -> Result<Vec<f32>> {
    let (n, across) = (x.shape()[0], SIDE / PATCH);
    let patches = x.reshape(&[n, across, PATCH, across, PATCH]).permute(&[0, 1, 3, 2, 4]);
    Ok(patches.to_vec()?)
}

/// The mean squared difference of neighbours across.
fn sharpness(x: &Tensor) -> Result<f64> {
    Ok((x.narrow(3, 1, SIDE - 1) - x.narrow(3, 0, SIDE - 1)).square().mean_all().item()?.into())
}

/// Trains the same generator by mean squared error, and then on as SRGAN if there is a `reader`; the test images enlarged.
fn enlarge(lab: &Lab, name: &str, large: &Tensor, test: &Tensor, reader: Option<&Reader>) -> Result<Tensor> {
    let (params, of_discriminator) = (lab.params(), lab.params());
    let net = SrResNet::new(&params, 1, 16, lab.pick(4, 2), 2);
    let small = quartered(large);
    let (mut draws, steps) = (lab.draws(2), lab.pick(1000, 250));
    // The paper trains SRResNet first, and SRGAN from its weights.
    lab.fit("SRResNet", steps, &mut Adam::new(&params), OneCycle::new(4e-3, steps), |_| {
        let [small, large] = minibatch(&mut draws, BATCH, [&small, large])?;
        Ok(net.forward(&small, Mode::Train).mse_loss(&large, Reduction::Mean))
    })?;
    let discriminator = DcganDiscriminator::new(&of_discriminator, 1, SIDE, 16);
    let mut opt = Adam::new(&params).betas(0.5, 0.999);
    let mut opt_discriminator = Adam::new(&of_discriminator).betas(0.5, 0.999);
    let (game, steps) = (GanLoss::NonSaturating, lab.pick(1000, 300));
    let rate = Cosine::new(1e-3, 1e-4, steps);
    for step in lab.steps(name, steps) {
        let [small, real] = minibatch(&mut draws, BATCH, [&small, large])?;
        let fake = net.forward(&small, Mode::Train);
        let loss = match reader {
            None => fake.mse_loss(&real, Reduction::Mean),
            Some(reader) => {
                let score = |x: &Tensor| discriminator.forward(x, Mode::Train);
                let judged = game.discriminator(&score(&real), &score(&fake.detach()));
                opt_discriminator.step(judged.backward(), rate.lr(step))?;
                let features = reader.features(&fake).mse_loss(&reader.features(&real), Reduction::Mean);
                features + game.generator(&score(&fake)) * ADVERSARIAL
            }
        };
        opt.step(loss.backward(), rate.lr(step))?;
    }
    Ok(net.forward(&quartered(test), Mode::Eval).clamp(0.0, 1.0).detach())
}

fn run(lab: &mut Lab) -> Result<()> {
    let digits = lab.digits(lab.pick(4000, 1500), 800)?;
    let draw = Generator::new(lab.seed());
    let ([large, labels], [test, _]) =
        (grained(lab, &digits.train, &draw)?, grained(lab, &digits.test, &draw)?);
    let reader = Reader::trained(lab, &large, &labels)?;
    let half = test.shape()[0] / 2;
    let (test, others) = (test.narrow(0, 0, half), patches(&test.narrow(0, half, half))?);

    let small = quartered(&test);
    let bicubic = small.interpolate(Resize::By(&[4.0]), BICUBIC).clamp(0.0, 1.0);
    let by_error = enlarge(lab, "mean squared error", &large, &test, None)?;
    let by_game = enlarge(lab, "SRGAN", &large, &test, Some(&reader))?;
    let rows = [("bicubic", bicubic), ("SRResNet", by_error), ("SRGAN", by_game), ("real", test.clone())];
    let target = test.to_vec::<f32>()?;
    let (mut decibels, mut distances, mut edges) = (vec![], vec![], vec![]);
    for (name, images) in &rows {
        distances.push(frechet_distance(&patches(images)?, &others, PATCH * PATCH));
        edges.push(sharpness(images)? / sharpness(&test)?);
        decibels.push(metrics::psnr(&images.to_vec::<f32>()?, &target, 1.0));
        lab.figure(format!("Fréchet distance, {name}"), distances[distances.len() - 1]);
        if *name != "real" {
            lab.figure(format!("PSNR, {name}"), decibels[decibels.len() - 1]);
        }
    }
    lab.expect("SRResNet over bicubic, dB", decibels[1] - decibels[0], 1.0..);
    lab.expect("SRResNet over SRGAN, dB", decibels[1] - decibels[2], 1.0..);
    lab.expect("Fréchet distance, SRGAN against SRResNet", distances[2] / distances[1], ..lab.pick(0.5, 0.9));
    lab.expect("squared differences of neighbours against real ones, SRResNet", edges[1], ..0.4);
    lab.expect("the same, SRGAN", edges[2], 0.45..1.3);
    // What SRGAN adds averages out in the small image.
    let again = metrics::psnr(&quartered(&rows[2].1).to_vec::<f32>()?, &small.to_vec::<f32>()?, 1.0);
    lab.expect("PSNR of SRGAN's images made small again", again, 26.0..);

    let mut tiles = Tiles::new(SIDE, SIDE);
    let coarse = small.interpolate(Resize::By(&[4.0]), Interpolation::Nearest);
    for (name, images) in std::iter::once(&("8 x 8", coarse)).chain(&rows) {
        tiles = tiles.grey(&images.narrow(0, 0, 8).to_vec::<f32>()?, |_| (*name).into());
    }
    lab.picture("srgan", |path| {
        plot::Figure::new("Four times the resolution of digits with grain")
            .images(&tiles.images(), 8)
            .save(path)
    })
}
