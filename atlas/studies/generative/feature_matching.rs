//! The Inception Score, and feature matching (Salimans et al. 2016): the generator matches the mean features of real digits in the
//! discriminator, which is kept ahead, instead of deceiving it: `cargo run --release -p wgrad-atlas -- feature_matching`.

use atlas::prelude::*;
use atlas::{TINY_IMAGES, TinyImages};
use methods::generative::{DcganDiscriminator, DcganGenerator, GanLoss, feature_matching_loss};

pub const STUDY: Study = Study {
    name: "feature_matching",
    about: "The Inception Score from one to the number of classes, and a generator that matches mean features.",
    on_gpu: false,
    data: Some(TINY_IMAGES),
    run,
};

const LATENT: usize = 24;
const BATCH: usize = 64;
/// Few: the plain generator catches up later (after 2500 steps, its FID was 2.9 against 3.8).
const STEPS: usize = 300;
/// The discriminator's learning rate against the generator's: one that is ahead tells a plain generator little.
const AHEAD: f32 = 4.0;

/// Trains a generator against a discriminator; its images.
fn train(lab: &Lab, name: &str, matching: bool, seed: u64, tiny: &TinyImages) -> Result<Tensor> {
    let draw = Generator::new(seed);
    let (of_generator, of_discriminator) = (Params::new(lab.device(), seed), Params::new(lab.device(), seed));
    let generator = DcganGenerator::new(&of_generator, LATENT, tiny.channels(), 8, 24);
    let discriminator = DcganDiscriminator::new(&of_discriminator, tiny.channels(), 8, 24);
    let noise = |count| draw.normal(lab.device(), &[count, LATENT]);
    let mut opt_generator = Adam::new(&of_generator).betas(0.5, 0.999);
    let mut opt_discriminator = Adam::new(&of_discriminator).betas(0.5, 0.999);
    let (rate, game) = (Cosine::new(2e-3, 2e-4, STEPS), GanLoss::NonSaturating);
    let mut draws = lab.draws(1);
    for step in lab.steps(name, STEPS) {
        let [real] = minibatch(&mut draws, BATCH, [&tiny.images])?;
        let fake = generator.forward(&noise(BATCH), Mode::Train).detach();
        let [of_real, of_fake] = [&real, &fake].map(|x| discriminator.forward(x, Mode::Train));
        opt_discriminator.step(game.discriminator(&of_real, &of_fake).backward(), AHEAD * rate.lr(step))?;
        let features = |x: &Tensor| discriminator.features(x, Mode::Train);
        let of_fake = features(&generator.forward(&noise(BATCH), Mode::Train));
        let loss = match matching {
            true => feature_matching_loss(&features(&real), &of_fake),
            false => game.generator(&discriminator.score(&of_fake)),
        };
        opt_generator.step(loss.backward(), rate.lr(step))?;
    }
    Ok(generator.forward(&noise(1000), Mode::Train).detach())
}

fn run(lab: &mut Lab) -> Result<()> {
    let tiny = TinyImages::new(lab, 2000)?;
    let score = |images: &Tensor| tiny.judge(images);
    let inception = |probabilities: &[f32]| metrics::inception_score(probabilities, 10);
    // The bounds: answers that are all the same, and certain answers of all classes.
    let certain: Vec<f32> = (0..1000).map(|i| f32::from(u8::from(i / 10 % 10 == i % 10))).collect();
    lab.expect("score of certain answers of ten classes", inception(&certain), 10.0 - 1e-9..=10.0 + 1e-9);
    let real = score(&tiny.images.narrow(0, 0, 1000))?;
    let of_real = inception(&real.probabilities);
    lab.expect("score of real digits", of_real, 7.0..10.0);
    // A generator that has collapsed to one digit, or to one class.
    let one = score(&tiny.images.narrow(0, 0, 1).expand(&[1000, tiny.channels(), 8, 8]))?;
    lab.expect("score of one digit a thousand times", inception(&one.probabilities), 1.0 - 1e-6..1.0 + 1e-6);
    let labels = tiny.labels.to_vec::<i32>()?;
    let rows: Vec<i32> = (0..).zip(&labels).filter(|(_, label)| **label == 3).map(|(i, _)| i).collect();
    let rows = Tensor::from_slice(lab.device(), &rows, &[rows.len()])?;
    let threes = score(&tiny.images.index_select(0, &rows))?;
    lab.expect("score of one class", inception(&threes.probabilities), 1.0..2.0);

    let (mut pictures, mut fids) = (Vec::new(), Vec::new());
    for (name, matching) in [("plain", false), ("feature matching", true)] {
        let mut runs = vec![];
        for run in 0..lab.pick(5, 1) {
            let images = train(lab, name, matching, lab.seed() + 1000 * run, &tiny)?;
            runs.push((score(&images)?, images));
        }
        fids.push(runs.iter().map(|(made, _)| made.fid).sum::<f64>() / runs.len() as f64);
        let (made, images) = &runs[0];
        let classes = (0..10).filter(|c| made.classes.iter().filter(|k| *k == c).count() >= 25).count();
        lab.figure(format!("classes with a quarter of their share or more, {name}"), classes as f64);
        lab.expect(format!("score, {name}"), inception(&made.probabilities), 3.0..10.0);
        lab.figure(format!("mean FID, {name}"), fids[fids.len() - 1]);
        pictures.push((name, TinyImages::bytes(&images.narrow(0, 0, 20))?));
    }
    lab.expect("mean FID of feature matching against plain", fids[1] / fids[0], ..0.65);
    let side = TinyImages::SIDE;
    let mut tiles = Tiles::new(side, side);
    for (name, images) in pictures {
        images.into_iter().for_each(|pixels| tiles.add(name, pixels));
    }
    let images = tiles.images();
    lab.picture("feature_matching", |path| {
        plot::Figure::new("Digits by a plain adversarial loss, and by feature matching")
            .images(&images, 10)
            .save(path)
    })
}
