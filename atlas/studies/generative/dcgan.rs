//! A deep convolutional adversarial network (Radford et al. 2016) on digits of 8 x 8 pixels, rated by a classifier trained on real ones:
//! `cargo run --release -p wgrad-atlas -- dcgan`.

use atlas::prelude::*;
use atlas::{TINY_IMAGES, TinyImages};
use methods::generative::{DcganDiscriminator, DcganGenerator, GanLoss};

pub const STUDY: Study = Study {
    name: "dcgan",
    about: "Transposed convolutions make digits of noise, of all ten classes and close to real ones.",
    on_gpu: false,
    data: Some(TINY_IMAGES),
    run,
};

const LATENT: usize = 24;
const BATCH: usize = 64;

fn run(lab: &mut Lab) -> Result<()> {
    let device = lab.device().clone();
    let draw = Generator::new(lab.seed());
    let tiny = TinyImages::new(lab, 2000)?;
    let (of_generator, of_discriminator) = (lab.params(), lab.params());
    let generator = DcganGenerator::new(&of_generator, LATENT, tiny.channels(), 8, 24);
    let discriminator = DcganDiscriminator::new(&of_discriminator, tiny.channels(), 8, 24);
    let noise = |count| draw.normal(&device, &[count, LATENT]);
    let untrained = tiny.judge(&generator.forward(&noise(1000), Mode::Train))?;

    let steps = lab.pick(2500, 350);
    let mut opt_generator = Adam::new(&of_generator).betas(0.5, 0.999);
    let mut opt_discriminator = Adam::new(&of_discriminator).betas(0.5, 0.999);
    let rate = Cosine::new(2e-3, 2e-4, steps);
    let mut draws = lab.draws(1);
    for step in lab.steps("adversarial", steps) {
        let [real] = minibatch(&mut draws, BATCH, [&tiny.images])?;
        let fake = generator.forward(&noise(BATCH), Mode::Train).detach();
        let [of_real, of_fake] = [real, fake].map(|x| discriminator.forward(&x, Mode::Train));
        opt_discriminator
            .step(GanLoss::NonSaturating.discriminator(&of_real, &of_fake).backward(), rate.lr(step))?;
        let scores = discriminator.forward(&generator.forward(&noise(BATCH), Mode::Train), Mode::Train);
        opt_generator.step(GanLoss::NonSaturating.generator(&scores).backward(), rate.lr(step))?;
    }

    let images = generator.forward(&noise(1000), Mode::Train);
    let made = tiny.judge(&images)?;
    let real = tiny.judge(&tiny.images.narrow(0, 0, 1000))?;
    let of_class = |class: usize| made.classes.iter().filter(|&&c| c == class).count();
    lab.figure("FID of real images", real.fid);
    lab.figure("FID", made.fid);
    // The FID on a scale from the untrained network (1) to real images (0).
    let share = (made.fid - real.fid) / (untrained.fid - real.fid);
    lab.expect("FID against the untrained network's", share, ..0.15);
    let classes = (0..10).filter(|&class| of_class(class) >= 25).count();
    lab.expect("classes with a quarter of their share or more", classes as f64, 8.0..);
    // Generated images vary as much between each other as real ones.
    let variety = |x: &Tensor| x.var(&[0], 1.0, false).mean_all().item();
    lab.expect("variance against real images'", variety(&images)? / variety(&tiny.images)?, 0.4..1.4);

    let shown = TinyImages::bytes(&images.narrow(0, 0, 40))?;
    let others = TinyImages::bytes(&tiny.images.narrow(0, 0, 20))?;
    lab.picture("dcgan", |path| {
        let cell = |pixels, label| plot::GridImage {
            pixels,
            height: TinyImages::SIDE,
            width: TinyImages::SIDE,
            label,
            ok: None,
        };
        let made = shown.iter().zip(&made.classes).map(|(pixels, class)| cell(pixels, format!("a {class}?")));
        let real = others.iter().map(|pixels| cell(pixels, "real".into()));
        let cells: Vec<_> = real.chain(made).collect();
        plot::Figure::new("Real digits, and those of a generator with a classifier's guesses")
            .images(&cells, 10)
            .save(path)
    })
}
