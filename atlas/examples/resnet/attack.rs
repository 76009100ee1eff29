//! Adversarial attacks and adversarial training.

use anyhow::Result;
use clap::Args;
use methods::adversarial::{Pgd, fgsm};
use serde_json::{Value, json};
use wgrad::data::ImageSet;
use wgrad::prelude::*;
use wgrad::train::plot::{Figure, Panel, Series, Tiles, image_grid};

use crate::subject::{Fit, Subject};

/// Images in a row of the picture.
const SHOWN: usize = 6;

#[derive(Debug, Args)]
pub struct Attack {
    /// The most that a pixel changes, of 255; the last is that of adversarial training
    #[arg(long, num_args = 1.., default_values_t = [1.0, 2.0, 4.0, 8.0])]
    epsilons: Vec<f32>,

    /// Steps of adversarial training
    #[arg(long, default_value_t = 300)]
    steps: usize,

    /// First learning rate of adversarial training
    #[arg(long, default_value_t = 0.02)]
    lr: f32,
}

/// The loss that an attack raises, of pixels `[N, 3, H, W]`.
type Loss<'a> = &'a dyn Fn(&Tensor) -> Tensor;

/// Accuracies under both attacks, by epsilon.
struct Found {
    clean: f64,
    fgsm: Vec<f64>,
    pgd: Vec<f64>,
}

/// Seven steps of a quarter of the largest change: for 8/255, those of Madry et al. 2018 for CIFAR-10.
fn pgd(of_255: f32) -> Pgd {
    let epsilon = of_255 / 255.0;
    Pgd { epsilon, step: epsilon / 4.0, steps: 7, range: [0.0, 1.0] }
}

impl Attack {
    pub fn run(&self, subject: &Subject) -> Result<Value> {
        let (net, generator) = (&subject.net, Generator::new(subject.seed));
        let largest = pgd(self.epsilons[self.epsilons.len() - 1]);
        let plain = self.measure(subject, &generator)?;
        draw_images(subject, &largest, &generator)?;
        let fit = Fit { what: "adversarial training", images: None, steps: self.steps, lr: self.lr };
        subject.fit(net, fit, |pixels, labels| {
            // Batch norms' statistics are updated by training steps, not by attacks.
            let loss = |x: &Tensor| net.forward(x, Mode::Eval).cross_entropy(labels);
            let found = largest.attack(pixels, &generator, loss)?;
            Ok(net.forward(&found, Mode::Train).cross_entropy(labels))
        })?;
        net.params.save(subject.out.join("robust.safetensors"))?;
        let robust = self.measure(subject, &generator)?;
        self.draw_curves(subject, [("plain", &plain), ("trained with PGD", &robust)])?;
        let figures = |found: &Found| json!({ "clean": found.clean, "fgsm": found.fgsm, "pgd": found.pgd });
        Ok(json!({
            "epsilons_of_255": self.epsilons, "images": subject.test_set.len(),
            "plain": figures(&plain), "robust": figures(&robust), "steps": self.steps,
        }))
    }

    fn measure(&self, subject: &Subject, generator: &Generator) -> Result<Found> {
        let under = |attack: &dyn Fn(&Tensor, Loss) -> Result<Tensor>| {
            let batches = subject.test.iter().map(|[pixels, labels]| {
                let loss = |x: &Tensor| subject.net.forward(x, Mode::Eval).cross_entropy(labels);
                let found = attack(pixels, &loss)?;
                wgrad::autograd::evaluate(&[&found])?;
                Ok([found, labels.clone()])
            });
            subject.net.accuracy(&batches.collect::<Result<Vec<_>>>()?)
        };
        let fast = |&epsilon| under(&|x, loss| Ok(fgsm(x, epsilon / 255.0, loss).clamp(0.0, 1.0)));
        let projected = |&epsilon| under(&|x, loss| Ok(pgd(epsilon).attack(x, generator, loss)?));
        Ok(Found {
            clean: subject.net.accuracy(&subject.test)?,
            fgsm: self.epsilons.iter().map(fast).collect::<Result<_>>()?,
            pgd: self.epsilons.iter().map(projected).collect::<Result<_>>()?,
        })
    }

    fn draw_curves(&self, subject: &Subject, found: [(&str, &Found); 2]) -> Result<()> {
        let panel = Panel::new("", "most that a pixel changes, of 255", "test accuracy").y_range(0.0, 1.0);
        let panel = found.into_iter().fold(panel, |panel, (name, found)| {
            let line = |attack: &str, accuracies: &[f64]| {
                let points = self.epsilons.iter().map(|&e| f64::from(e)).zip(accuracies.iter().copied());
                Series::new(format!("{name}, {attack}"), [(0.0, found.clean)].into_iter().chain(points))
            };
            panel.with(line("FGSM", &found.fgsm)).with(line("PGD", &found.pgd))
        });
        Ok(Figure::new("Accuracy under attack").panel(panel).save(subject.out.join("attack.png"))?)
    }
}

/// Images that the network names rightly, what PGD makes of them, and the difference, enlarged.
fn draw_images(subject: &Subject, pgd: &Pgd, generator: &Generator) -> Result<()> {
    let [pixels, labels] = &subject.test[0];
    let answers = |x: &Tensor| subject.net.forward(x, Mode::Eval).argmax(1, false).to_vec::<i32>();
    let loss = |x: &Tensor| subject.net.forward(x, Mode::Eval).cross_entropy(labels);
    let found = pgd.attack(pixels, generator, loss)?;
    let (before, after, truth) = (answers(pixels)?, answers(&found)?, labels.to_vec::<i32>()?);
    let off = (&found - pixels) / (2.0 * pgd.epsilon) + 0.5;
    let set: &ImageSet = &subject.test_set;
    let [_, height, width] = set.shape();
    let name = |class: i32| set.classes()[class as usize].clone();
    let shown: Vec<usize> = (0..truth.len()).filter(|&i| before[i] == truth[i]).take(SHOWN).collect();
    let bytes = |of: &Tensor, i: usize| -> Result<Vec<u8>> {
        Ok(of.select(0, i).to_vec::<f32>()?.iter().map(|p| (p * 255.0).round() as u8).collect())
    };
    let mut tiles = Tiles::new(height, width);
    for (of, said) in [(pixels, Some(&before)), (&found, Some(&after)), (&off, None)] {
        for &i in &shown {
            match said {
                Some(said) => tiles.add_judged(name(said[i]), bytes(of, i)?, said[i] == truth[i]),
                None => tiles.add("change", bytes(of, i)?),
            }
        }
    }
    let most = (255.0 * pgd.epsilon).round();
    let title = format!("Images, after changes by PGD of at most {most}/255, and the changes, enlarged");
    Ok(image_grid(subject.out.join("adversarial.png"), &title, &tiles.images(), SHOWN)?)
}
