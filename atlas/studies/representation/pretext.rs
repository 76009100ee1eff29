//! Pretext tasks: rotation (Gidaris et al. 2018), jigsaw (Noroozi and Favaro 2016), colourisation (Zhang et al. 2016), inpainting (Pathak
//! et al. 2016), masked patches (He et al. 2022). The features learned from each are evaluated by a linear classifier with fifty labels per
//! class: `cargo run --release -p wgrad-atlas -- pretext`.

use atlas::prelude::*;
use methods::representation::{jigsaw, linear_probe, permutations, random_mask, rot90};
use wgrad::models::Mlp;

pub const STUDY: Study = Study {
    name: "pretext",
    about: "Rotation, jigsaw, colourisation, inpainting and masked modelling teach an encoder without labels.",
    on_gpu: false,
    data: Some(PICTURES),
    run,
};

const SIDE: usize = 8;
const PIXELS: usize = SIDE * SIDE;
const BATCH: usize = 96;
const FEATURES: usize = 64;

/// Photographs vary more than digits: so many times as many are taken.
const PHOTOS: usize = 8;

/// The help text of `--data`.
const PICTURES: &str =
    "CIFAR-10 or other colour images of 32x32, whose own colours are then predicted; or MNIST's four files";

/// Grey images `[N, 1, 8, 8]`, coloured ones `[N, 3, 8, 8]` and labels.
struct Pictures {
    grey: Tensor,
    coloured: Tensor,
    labels: Tensor,
}

impl Pictures {
    /// Colours follow from the picture and never from its label: those of photographs are their own, and a stroke's follow its direction.
    fn new(device: &Device, set: &data::ImageSet) -> Result<Pictures> {
        let batch = set.to_device(device)?;
        let small = |images: &Tensor| images.avg_pool2d(Pool2d::new(4), false, None);
        let both = if set.shape()[0] == 3 {
            let grey = batch.images.mean(&[1], true);
            small(&cat(&[&grey, &batch.images], 1))
        } else {
            // Equal margins on all sides: otherwise they would reveal the rotation.
            let grey = batch.images.pad(&[(2, 2), (2, 2)], Padding::Constant(0.0));
            let both = cat(&[&small(&grey), &coloured_by_direction(&grey)], 1);
            // Shifted by at most one pixel, so that features of shape suffice.
            data::on_device::random_crop(&both, 1, &Generator::new(set.len() as u64))
        };
        let [grey, coloured] = [(0, 1), (1, 3)].map(|(from, count)| both.narrow(1, from, count).detach());
        Ok(Pictures { grey, coloured, labels: batch.labels })
    }
}

/// Grey strokes `[N, 1, 32, 32]` at a quarter of their side, coloured by their direction: `[N, 3, 8, 8]`. The hue is the angle of the structure
/// tensor, which turns twice as fast as the stroke.
fn coloured_by_direction(grey: &Tensor) -> Tensor {
    let small = |images: &Tensor| images.avg_pool2d(Pool2d::new(4), false, None);
    let ahead = |dim: isize| grey.roll(-1, dim) - grey.roll(1, dim);
    let (down, across) = (ahead(2), ahead(3));
    let [cos, sin] = [across.square() - down.square(), &across * &down * 2.0].map(|part| small(&part));
    let strength = (cos.square() + sin.square() + 1e-6).sqrt();
    let hues = [0.0f32, 1.0, 2.0].map(|third| {
        let (s, c) = (third * std::f32::consts::TAU / 3.0).sin_cos();
        (&cos * c + &sin * s) / &strength * 0.5 + 0.5
    });
    cat(&hues.each_ref(), 1) * small(grey)
}

/// Training and test pictures: digits, or a random part of `--data`.
fn pictures(lab: &Lab, train: usize, test: usize) -> Result<[Pictures; 2]> {
    let given = lab.data().map(data::load).transpose()?;
    let [train, test] = match given {
        Some(set) if set.train.shape() == [3, 32, 32] => {
            // Files are often sorted by class.
            let photographs = lab.sample(set, PHOTOS * train, PHOTOS * test)?;
            [photographs.train, photographs.test]
        }
        _ => {
            let digits = lab.digits(train, test)?;
            [digits.train, digits.test]
        }
    };
    Ok([Pictures::new(lab.device(), &train)?, Pictures::new(lab.device(), &test)?])
}

#[derive(Clone, Copy, PartialEq)]
enum Task {
    Rotation,
    Jigsaw,
    Colours,
    Inpainting,
    Masked,
}

impl Task {
    /// The number of outputs: logits or pixels.
    fn outputs(self) -> usize {
        match self {
            Task::Rotation => 4,
            Task::Jigsaw => 24,
            Task::Colours => 3 * PIXELS,
            Task::Inpainting | Task::Masked => PIXELS,
        }
    }

    fn classifies(self) -> bool {
        matches!(self, Task::Rotation | Task::Jigsaw)
    }

    /// Inputs `[M, 64]`, targets (classes `[M]` or pixels `[M, P]`), and the mask of the pixels in the loss.
    fn pose(self, grey: &Tensor, coloured: &Tensor, generator: &Generator) -> (Tensor, Tensor, Tensor) {
        let (device, n) = (grey.device(), grey.size(0));
        let flat = |images: &Tensor| images.flatten(1, -1);
        let classes = |count: usize, ways: usize| Tensor::arange(device, ways).repeat_interleave(count, 0);
        let all = Tensor::ones(device, &[1, 1]);
        match self {
            Task::Rotation => {
                let turned: Vec<Tensor> = (0..4).map(|turns| flat(&rot90(grey, turns))).collect();
                (cat(&turned.iter().collect::<Vec<_>>(), 0), classes(n, 4), all)
            }
            Task::Jigsaw => {
                // A few images for each of the 24 permutations.
                let part = n / 24;
                let orders = permutations(4);
                let mixed: Vec<Tensor> = orders
                    .iter()
                    .enumerate()
                    .map(|(i, order)| flat(&jigsaw(&grey.narrow(0, i * part, part), 2, order)))
                    .collect();
                (cat(&mixed.iter().collect::<Vec<_>>(), 0), classes(part, 24), all)
            }
            // What a colour adds to the grey (the chroma of Zhang et al.).
            Task::Colours => (flat(grey), flat(&(coloured - grey)), all),
            Task::Inpainting => {
                let hole = Tensor::ones(device, &[1, 1, 4, 4]).pad(&[(2, 2), (2, 2)], Padding::Constant(0.0));
                (flat(&(grey * (1.0 - &hole))), flat(grey), flat(&hole))
            }
            Task::Masked => {
                let hidden = random_mask(grey, 2, 0.5, generator);
                (flat(&(grey * (1.0 - &hidden))), flat(grey), flat(&hidden))
            }
        }
    }

    /// The targets' best guess without any context: one colour for every pixel, or the mean image.
    fn guess(self, given: &Tensor, wanted: &Tensor) -> Tensor {
        if self != Task::Colours {
            return wanted.mean(&[0], true).expand(wanted.shape());
        }
        let grey = given.reshape(&[given.size(0), 1, PIXELS]);
        let wanted = wanted.reshape(&[given.size(0), 3, PIXELS]);
        let colour = (&wanted * &grey).sum(&[0, 2], true) / grey.square().sum_all();
        (grey * colour).flatten(1, -1)
    }

    fn guess_name(self) -> &'static str {
        if self == Task::Colours { "one colour" } else { "the mean image" }
    }

    fn loss(self, answers: &Tensor, wanted: &Tensor, counts: &Tensor) -> Tensor {
        if self.classifies() { answers.cross_entropy(wanted) } else { squared(answers, wanted, counts) }
    }
}

/// The mean squared error over the masked pixels.
fn squared(answers: &Tensor, wanted: &Tensor, counts: &Tensor) -> Tensor {
    let counts = counts.expand(wanted.shape());
    ((answers - wanted).square() * &counts).sum_all() / counts.sum_all()
}

fn run(lab: &mut Lab) -> Result<()> {
    let [train, test] = pictures(lab, lab.pick(4000, 2000), 1008)?;
    let (shown, labels) = (train.grey.narrow(0, 0, 500).flatten(1, -1), train.labels.narrow(0, 0, 500));
    let probe = |encoder: &Mlp| {
        let features = |images: &Tensor| encoder.forward(images).relu();
        linear_probe(
            (&features(&shown), &labels),
            (&features(&test.grey.flatten(1, -1)), &test.labels),
            10,
            1e-3,
        )
    };
    let encoder = |params: &Params| Mlp::new(&params.path("encoder"), &[PIXELS, 128, FEATURES]);
    let random = probe(&encoder(&lab.params()))?;
    lab.expect("untrained encoder: probe", random, 0.2..0.6);

    let steps = lab.pick(3000, 350);
    let mut bars = vec![("untrained", f64::from(random))];
    let mut shown_images = Vec::new();
    for (name, task, range, least) in [
        ("rotation", Task::Rotation, lab.pick(0.8, 0.6)..=1.0, Some(lab.pick(0.1, 0.04))),
        ("jigsaw", Task::Jigsaw, lab.pick(0.85, 0.7)..=1.0, Some(0.03)),
        ("colours", Task::Colours, 0.0..=lab.pick(0.6, 0.85), Some(lab.pick(0.1, 0.02))),
        // Neighbouring pixels are enough for these two, so they need not teach the digit's class.
        ("inpainting", Task::Inpainting, 0.0..=lab.pick(0.65, 0.8), None),
        ("masked", Task::Masked, 0.0..=lab.pick(0.7, 0.85), None),
    ] {
        let params = lab.params();
        let encoder = encoder(&params);
        let head = Linear::new(&params.path("head"), FEATURES, task.outputs());
        let answer = |x: &Tensor| head.forward(&encoder.forward(x).relu());
        let (generator, mut draws) = (Generator::new(lab.seed()), lab.draws(task as u32));
        let mut opt = Adam::new(&params);
        lab.fit(name, steps, &mut opt, Cosine::new(3e-3, 0.0, steps), |_| {
            let [grey, coloured] = minibatch(&mut draws, BATCH, [&train.grey, &train.coloured])?;
            let (x, wanted, counts) = task.pose(&grey, &coloured, &generator);
            Ok(task.loss(&answer(&x), &wanted, &counts))
        })?;
        let (x, wanted, counts) = task.pose(&test.grey, &test.coloured, &generator);
        let answers = answer(&x);
        if task.classifies() {
            let right = answers.argmax(1, false).eq(&wanted).to(DType::F32).mean_all().item()?;
            lab.expect(format!("{name}: share of right answers"), right, range);
        } else {
            let simple = task.guess(&x, &wanted);
            let error =
                squared(&answers, &wanted, &counts).item()? / squared(&simple, &wanted, &counts).item()?;
            lab.expect(format!("{name}: squared error over that of {}", task.guess_name()), error, range);
            shown_images.push((task, x, answers, counts));
        }
        let share = probe(&encoder)?;
        let gained = format!("{name}: probe over the untrained encoder");
        match least {
            Some(least) => lab.expect(gained, share - random, least..0.6),
            None => lab.figure(gained, share - random),
        }
        bars.push((name, share.into()));
    }
    let share =
        |task: &str| bars.iter().find(|(name, _)| *name == task).map_or(f64::NAN, |(_, share)| *share);
    let least = lab.pick(0.08, 0.02);
    for near in ["inpainting", "masked"] {
        lab.expect(format!("probe of colours over that of {near}"), share("colours") - share(near), least..);
    }
    picture(lab, &test, &bars, &shown_images)
}

/// Bars of the probes and, for the tasks that output pixels: inputs, outputs and targets.
fn picture(
    lab: &mut Lab,
    test: &Pictures,
    bars: &[(&str, f64)],
    tasks: &[(Task, Tensor, Tensor, Tensor)],
) -> Result<()> {
    const COUNT: usize = 10;
    let bytes = |values: &Tensor, channels: usize| -> Result<Vec<Vec<u8>>> {
        let values = values.narrow(0, 0, COUNT).to_vec::<f32>()?;
        let byte = |v: &f32| (v * 255.0).round().clamp(0.0, 255.0) as u8;
        Ok(values.chunks_exact(channels * PIXELS).map(|image| image.iter().map(byte).collect()).collect())
    };
    let mut rows = Vec::new();
    for (task, given, answers, counts) in tasks {
        let (channels, truth) = if *task == Task::Colours { (3, &test.coloured) } else { (1, &test.grey) };
        let truth = truth.flatten(1, -1);
        let whole = match task {
            Task::Colours => answers + given.repeat(&[1, 3]),
            _ => answers * counts + &truth * (1.0 - counts),
        };
        rows.push(("given", bytes(given, 1)?));
        rows.push(("answer", bytes(&whole, channels)?));
        rows.push(("truth", bytes(&truth, channels)?));
    }
    let of = |caption: &str, pixels: &'_ [u8]| (caption.to_string(), pixels.to_vec());
    let cells: Vec<(String, Vec<u8>)> =
        rows.iter().flat_map(|(caption, images)| images.iter().map(|image| of(caption, image))).collect();
    let images: Vec<plot::GridImage> = cells
        .iter()
        .map(|(caption, pixels)| plot::GridImage {
            pixels,
            height: SIDE,
            width: SIDE,
            label: caption.clone(),
            ok: None,
        })
        .collect();
    let panel = plot::Panel::new("A linear classifier of 500 labelled digits", "", "share of right answers")
        .layer(plot::Bars::new("", bars.iter().map(|(_, share)| *share)))
        .x_names(bars.iter().map(|(name, _)| *name))
        .y_range(0.0, 1.0);
    let tasks =
        plot::Figure::new("Colours, a hole, masked pieces: given, answered, true").images(&images, COUNT);
    lab.picture("pretext", |path| {
        plot::Figure::new("What encoders learn from tasks without labels").panel(panel).save(path)
    })?;
    lab.picture("answers", |path| tasks.save(path))
}
