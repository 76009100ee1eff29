//! Pix2Pix (Isola et al. 2017): a U-Net paints a picture over a plan of it. What the plan leaves open, an L1 loss alone answers by a blur, and
//! a discriminator of patches by one of the possible pictures: `cargo run --release -p wgrad-atlas -- pix2pix`.

use atlas::prelude::*;
use linalg::frechet_distance;
use methods::generative::{GanLoss, PatchDiscriminator};
use wgrad::models::UNet;

pub const STUDY: Study = Study {
    name: "pix2pix",
    about: "Plans become pictures: sharp ones by a discriminator of patches, blurred ones by the L1 loss alone.",
    on_gpu: false,
    data: None,
    run,
};

const SIDE: usize = 16;
const BATCH: usize = 32;
/// Pictures to judge by.
const TEST: usize = 200;
/// The weight of the L1 loss beside that of the discriminator.
const L1: f32 = 10.0;

/// Plans `[count, 2, SIDE, SIDE]`, discs of one of two kinds, and pictures `[count, 1, SIDE, SIDE]`, where a disc of the first kind has
/// upright stripes and one of the second kind level ones. The plan does not tell where the stripes begin.
fn pairs(draw: &Generator, device: &Device, count: usize) -> [Tensor; 2] {
    let uniform = |low: f32, high: f32| draw.uniform(device, &[count, 1, 1, 1]) * (high - low) + low;
    let (x, y, radius) = (uniform(5.0, 10.0), uniform(5.0, 10.0), uniform(4.0, 6.0));
    let place = Tensor::arange(device, SIDE).to(DType::F32);
    let (across, down) = (place.reshape(&[1, 1, 1, SIDE]), place.reshape(&[1, 1, SIDE, 1]));
    let disc = ((&across - x).square() + (&down - y).square()).lt(radius.square()).to(DType::F32);
    let upright = uniform(0.0, 1.0).lt(0.5).to(DType::F32);
    let along = &upright * across + (&upright * -1.0 + 1.0) * down;
    let stripes = (along * (std::f32::consts::TAU / 4.0) + uniform(0.0, std::f32::consts::TAU)).sin() * 0.8;
    let plan = cat(&[&(&disc * &upright), &(&disc * (&upright * -1.0 + 1.0))], 1);
    let picture = &disc * stripes + (disc * -1.0 + 1.0) * -0.8;
    [plan.detach(), picture.detach()]
}

/// What a picture is judged by: inside of the disc, the mean squared differences of neighbours across and down, the mean, and the variance;
/// `[N, 4]`.
fn texture(plan: &Tensor, picture: &Tensor) -> Tensor {
    let inside = plan.sum(&[1], true);
    let mean = |x: &Tensor, of: &Tensor| (x * of).sum(&[1, 2, 3], false) / of.sum(&[1, 2, 3], false);
    let differences = |dim: isize| {
        let part = |x: &Tensor, start| x.narrow(dim, start, SIDE - 1);
        let both = part(&inside, 1) * part(&inside, 0);
        mean(&(part(picture, 1) - part(picture, 0)).square(), &both)
    };
    let level = mean(picture, &inside);
    let variance = mean(&picture.square(), &inside) - level.square();
    stack(&[&differences(3), &differences(2), &level, &variance], 1)
}

/// Trains a U-Net with the L1 loss, and with a discriminator if `adversarial`; its pictures of the test plans.
fn paint(lab: &Lab, name: &str, adversarial: bool, train: &[Tensor; 2], plans: &Tensor) -> Result<Tensor> {
    let (params, of_discriminator) = (lab.params(), lab.params());
    let generator = UNet::new(&params, 3, 12, 1);
    // What the plan leaves open is chosen by noise, a third plane, where the paper has dropout.
    let noise = Generator::new(lab.seed() + 1);
    let generate = |plan: &Tensor| {
        let noise = noise.normal(plan.device(), &[plan.shape()[0], 1, SIDE, SIDE]);
        generator.forward(&cat(&[plan, &noise], 1), Mode::Train).tanh()
    };
    let discriminator = PatchDiscriminator::new(&of_discriminator, 3, 16, 1);
    let mut opt = Adam::new(&params).betas(0.5, 0.999);
    let mut opt_discriminator = Adam::new(&of_discriminator).betas(0.5, 0.999);
    let (mut draws, steps) = (lab.draws(1), lab.pick(2000, 300));
    let (rate, game) = (Cosine::new(2e-3, 2e-4, steps), GanLoss::Hinge);
    for step in lab.steps(name, steps) {
        let [plan, real] = minibatch(&mut draws, BATCH, [&train[0], &train[1]])?;
        let fake = generate(&plan);
        let mut loss = fake.l1_loss(&real, Reduction::Mean) * L1;
        if adversarial {
            let score = |x: &Tensor| discriminator.forward(&plan, x, Mode::Train);
            let judged = game.discriminator(&score(&real), &score(&fake.detach())) * 0.5;
            opt_discriminator.step(judged.backward(), rate.lr(step))?;
            loss = loss + game.generator(&score(&fake));
        }
        opt.step(loss.backward(), rate.lr(step))?;
    }
    // With the statistics of the batch, as in the paper.
    Ok(generate(plans).detach())
}

fn run(lab: &mut Lab) -> Result<()> {
    let device = lab.device().clone();
    let draw = Generator::new(lab.seed());
    let train = pairs(&draw, &device, 2000);
    let [plans, real] = pairs(&draw, &device, TEST);
    let [others, of_others] = pairs(&draw, &device, TEST);
    let textures = |plan: &Tensor, picture: &Tensor| texture(plan, picture).to_vec::<f32>();
    let reference = textures(&others, &of_others)?;
    let upright = plans.narrow(1, 0, 1).amax(&[1, 2, 3], false).to_vec::<f32>()?;
    let mut rows = vec![("real", real.clone())];
    let mut found = Vec::new();
    for (name, adversarial) in [("L1 alone", false), ("Pix2Pix", true)] {
        let made = paint(lab, name, adversarial, &train, &plans)?;
        let of_made = textures(&plans, &made)?;
        let sharpness = |rows: &[f32]| rows.chunks(4).map(|r| f64::from(r[0] + r[1])).sum::<f64>();
        let right = of_made.chunks(4).zip(&upright).filter(|(r, u)| (r[0] > r[1]) == (**u > 0.5)).count();
        found.push((
            f64::from(made.l1_loss(&real, Reduction::Mean).item()?),
            sharpness(&of_made) / sharpness(&textures(&plans, &real)?),
            frechet_distance(&of_made, &reference, 4),
            right as f64 / TEST as f64,
        ));
        rows.push((name, made));
    }
    let (blurred, painted) = (found[0], found[1]);
    lab.figure("L1 loss, L1 alone", blurred.0);
    lab.figure("L1 loss, Pix2Pix", painted.0);
    lab.expect("L1 loss of L1 alone against Pix2Pix's", blurred.0 / painted.0, ..1.0);
    lab.expect("squared differences of neighbours against real ones, L1 alone", blurred.1, ..0.3);
    lab.expect("the same, Pix2Pix", painted.1, 0.5..1.7);
    lab.figure(
        "Fréchet distance of textures, real pictures",
        frechet_distance(&textures(&plans, &real)?, &reference, 4),
    );
    lab.expect("Fréchet distance, Pix2Pix against L1 alone", painted.2 / blurred.2, ..0.4);
    lab.expect("stripes as planned, Pix2Pix", painted.3, 0.85..);

    let mut tiles = Tiles::new(SIDE, SIDE);
    let plan = (plans.narrow(1, 0, 1) - plans.narrow(1, 1, 1)).narrow(0, 0, 8).to_vec::<f32>()?;
    tiles = tiles.diverging(&plan, 1.0, |_| "plan".into());
    for (name, pictures) in &rows {
        tiles = tiles.grey(&((pictures.narrow(0, 0, 8) + 1.0) * 0.5).to_vec::<f32>()?, |_| (*name).into());
    }
    let images = tiles.images();
    lab.picture("pix2pix", |path| {
        plot::Figure::new("Plans (red: upright stripes), and pictures painted over them")
            .images(&images, 8)
            .save(path)
    })
}
