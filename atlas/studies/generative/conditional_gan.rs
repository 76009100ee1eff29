//! A conditional adversarial network (Mirza and Osindero 2014): both networks are given the class, and the generator has to make a digit of
//! that class: `cargo run --release -p wgrad-atlas -- conditional_gan`.

use atlas::prelude::*;
use atlas::{TINY_IMAGES, TinyImages};
use methods::generative::{DcganDiscriminator, DcganGenerator, GanLoss, with_classes};

pub const STUDY: Study = Study {
    name: "conditional_gan",
    about: "A generator makes the digit it is asked for, as a classifier of real digits finds.",
    on_gpu: false,
    data: Some(TINY_IMAGES),
    run,
};

const LATENT: usize = 8;
const BATCH: usize = 64;

fn run(lab: &mut Lab) -> Result<()> {
    let device = lab.device().clone();
    let draw = Generator::new(lab.seed());
    let tiny = TinyImages::new(lab, 2000)?;
    let (of_generator, of_discriminator) = (lab.params(), lab.params());
    let generator = DcganGenerator::new(&of_generator, LATENT + 10, tiny.channels(), 8, 32);
    let discriminator = DcganDiscriminator::new(&of_discriminator, tiny.channels() + 10, 8, 32);
    let make = |labels: &Tensor| {
        let noise = draw.normal(&device, &[labels.shape()[0], LATENT]);
        generator.forward(&with_classes(&noise, labels, 10), Mode::Train)
    };
    let score =
        |x: &Tensor, labels: &Tensor| discriminator.forward(&with_classes(x, labels, 10), Mode::Train);
    // The same number of each class.
    let asked: Vec<i32> = (0..1000).map(|i| i % 10).collect();
    let asked_for = Tensor::from_slice(&device, &asked, &[1000])?;
    let untrained = tiny.judge(&make(&asked_for))?;

    let steps = lab.pick(2000, 350);
    let mut opt_generator = Adam::new(&of_generator).betas(0.5, 0.999);
    let mut opt_discriminator = Adam::new(&of_discriminator).betas(0.5, 0.999);
    let rate = Cosine::new(4e-3, 2e-4, steps);
    let mut draws = lab.draws(1);
    for step in lab.steps("adversarial", steps) {
        let [real, labels] = minibatch(&mut draws, BATCH, [&tiny.images, &tiny.labels])?;
        let (of_real, of_fake) = (score(&real, &labels), score(&make(&labels).detach(), &labels));
        opt_discriminator
            .step(GanLoss::NonSaturating.discriminator(&of_real, &of_fake).backward(), rate.lr(step))?;
        let loss = GanLoss::NonSaturating.generator(&score(&make(&labels), &labels));
        opt_generator.step(loss.backward(), rate.lr(step))?;
    }

    let images = make(&asked_for);
    let made = tiny.judge(&images)?;
    let pictures = real_images(&tiny)?;
    let real = tiny.judge(&pictures)?;
    let right = |classes: &[usize]| {
        classes.iter().zip(&asked).filter(|&(&c, &a)| c == a as usize).count() as f64 / 1000.0
    };
    lab.figure("accuracy of the classifier on real images", right(&real.classes));
    lab.expect("of the asked class", right(&made.classes), 0.5..);
    lab.expect("of the asked class, untrained", right(&untrained.classes), ..0.2);
    lab.expect(
        "FID against the untrained network's",
        (made.fid - real.fid) / (untrained.fid - real.fid),
        ..0.2,
    );
    // Images of one class differ too: the noise is not ignored.
    let of_class =
        |x: &Tensor| x.reshape(&[100, 10, 64 * tiny.channels()]).var(&[0], 1.0, false).mean_all().item();
    let variety = of_class(&images)? / of_class(&pictures)?;
    lab.expect("variance within classes against real images'", variety, 0.3..1.6);

    let shown = TinyImages::bytes(&images.narrow(0, 0, 60))?;
    lab.picture("conditional_gan", |path| {
        let cell = |i: usize| {
            let class = asked[i] as usize;
            let (label, ok) = (format!("asked for {}", tiny.classes[class]), Some(made.classes[i] == class));
            plot::GridImage {
                pixels: &shown[i],
                height: TinyImages::SIDE,
                width: TinyImages::SIDE,
                label,
                ok,
            }
        };
        let cells: Vec<_> = (0..60).map(cell).collect();
        plot::Figure::new("Images asked for, and whether a classifier agrees").images(&cells, 10).save(path)
    })
}

/// 1000 real images with the labels 0 to 9 in turn.
fn real_images(tiny: &TinyImages) -> Result<Tensor> {
    let mut of_class: [Vec<i32>; 10] = Default::default();
    for (i, label) in tiny.labels.to_vec::<i32>()?.into_iter().enumerate() {
        of_class[label as usize].push(i as i32);
    }
    let least = of_class.iter().map(Vec::len).min().unwrap_or(0);
    ensure!(least >= 100, "a class has {least} images: 100 of each are compared");
    let rows: Vec<i32> = (0..100).flat_map(|k| of_class.each_ref().map(|rows| rows[k])).collect();
    Ok(tiny.images.index_select(0, &Tensor::from_slice(tiny.images.device(), &rows, &[1000])?))
}
