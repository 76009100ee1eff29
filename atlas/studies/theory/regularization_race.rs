//! A comparison of regularisers on a hundred digits, a fifth of which are mislabelled:
//! `cargo run --release -p wgrad-atlas -- regularization_race`.

use atlas::prelude::*;
use wgrad::data::on_device::Mixup;

pub const STUDY: Study = Study {
    name: "regularization_race",
    about: "With a hundred labels, some of them wrong, regularisers help a network that would else learn them by heart.",
    on_gpu: false,
    data: Some(DIGITS),
    run,
};

const EXAMPLES: usize = 100;
const EVERY: usize = 25;

struct Net {
    hidden: Linear,
    out: Linear,
    dropout: Dropout,
}

impl Net {
    fn new(params: &Params, dropout: f32) -> Net {
        let hidden = Linear::new(&params.path("hidden"), 49, 128);
        let out = Linear::new(&params.path("out"), 128, 10);
        Net { hidden, out, dropout: Dropout::new(params, dropout) }
    }

    fn forward(&self, x: &Tensor, mode: Mode) -> Tensor {
        self.out.forward(&self.dropout.forward(&self.hidden.forward(x).relu(), mode))
    }
}

const RACERS: [&str; 9] =
    ["none", "L2", "L1", "AdamW", "dropout", "early stopping", "noise", "mixup", "label smoothing"];

fn run(lab: &mut Lab) -> Result<()> {
    let half = lab.pick(2000, 500);
    let set = lab.small_digits(EXAMPLES, 2 * half)?;
    let half = half.min(set.test.labels().len() / 2);
    let (train, test) = (set.train.to_device(lab.device())?, set.test.to_device(lab.device())?);
    let (seen, others) = (train.images.flatten(1, -1), test.images.flatten(1, -1));
    // One half is for early stopping, the other half for testing.
    let part = |from: usize| (others.narrow(0, from, half), test.labels.narrow(0, from, half));
    let ((valid, valid_labels), (unseen, labels)) = (part(0), part(half));
    let mut draws = lab.draws(0);
    let label = |&label: &u32| if draws.happens(0.2) { draws.below(10) as i32 } else { label as i32 };
    let given: Vec<i32> = set.train.labels().iter().map(label).collect();
    let given = Tensor::from_slice(lab.device(), &given, &[EXAMPLES])?;
    let steps = lab.pick(600, 250);
    let (mut panel, mut losses, mut accuracies) =
        (plot::Panel::new("", "step", "test loss").log_y(), vec![], vec![]);
    for racer in RACERS {
        let params = lab.params();
        let net = Net::new(&params, if racer == "dropout" { 0.6 } else { 0.0 });
        let generator = Generator::new(lab.seed());
        let weights = || params.matching("*.weight").iter().map(Param::value).collect::<Vec<_>>();
        let mut opt = AdamW::new(&params).weight_decay(if racer == "AdamW" { 3.0 } else { 0.0 });
        let (mut found, mut right, mut watched) = (vec![], vec![], vec![]);
        lab.fit(racer, steps, &mut opt, 3e-3, |step| {
            if step % EVERY == 0 {
                let answers = net.forward(&unseen, Mode::Eval);
                found.push(answers.cross_entropy(&labels));
                right.push(answers.argmax(1, false).eq(&labels).to(DType::F32).mean_all());
                watched.push(net.forward(&valid, Mode::Eval).cross_entropy(&valid_labels));
            }
            let answers = net.forward(&seen, Mode::Train);
            let loss = || answers.cross_entropy(&given);
            Ok(match racer {
                "L2" => loss() + l2_penalty(&weights(), 1e-2),
                "L1" => loss() + l1_penalty(&weights(), 1e-3),
                "noise" => {
                    let noise = generator.normal(lab.device(), &[EXAMPLES, 49]) * 0.2;
                    net.forward(&(&seen + noise), Mode::Train).cross_entropy(&given)
                }
                "mixup" => {
                    let mixup = Mixup::draw(lab.device(), 1.0, &generator);
                    // Each example is mixed with a random other one.
                    let [x, y] = minibatch(&mut draws, EXAMPLES, [&seen, &given])?;
                    let targets = mixup.targets(&y, 10);
                    let answers = net.forward(&mixup.mix(&x), Mode::Train);
                    answers.cross_entropy(&targets)
                }
                "label smoothing" => answers.cross_entropy_with(
                    &given,
                    CrossEntropy { label_smoothing: 0.2, ..CrossEntropy::default() },
                ),
                _ => loss(),
            })
        })?;
        let read = |tensors: &[Tensor]| stack(&tensors.iter().collect::<Vec<_>>(), 0).to_vec::<f32>();
        let (found, right, watched) = (read(&found)?, read(&right)?, read(&watched)?);
        let best = (0..watched.len()).fold(0, |best, i| if watched[i] < watched[best] { i } else { best });
        let end = if racer == "early stopping" { best } else { found.len() - 1 };
        losses.push(f64::from(found[end]));
        accuracies.push(f64::from(right[end]));
        let points = found[..=end].iter().enumerate().map(|(i, &loss)| ((i * EVERY) as f64, loss.into()));
        panel = panel.with(plot::Series::new(racer, points.collect::<Vec<(f64, f64)>>()).exact());
    }
    for (i, racer) in RACERS.iter().enumerate() {
        lab.figure(format!("{racer}: test accuracy"), accuracies[i]);
        match i {
            0 => lab.figure("none: test loss", losses[0]),
            // These also lower the network's confidence, which can raise the test loss.
            6 | 7 => lab.expect(format!("{racer}: accuracy gained"), accuracies[i] - accuracies[0], 0.005..),
            // It gains 0 to 0.04 by seed, too little to be expected.
            8.. => lab.figure(format!("{racer}: accuracy gained"), accuracies[i] - accuracies[0]),
            _ => {
                lab.expect(format!("{racer}: test loss over that of none"), losses[i] / losses[0], 0.3..0.97)
            }
        }
    }
    let best = accuracies[1..].iter().copied().fold(0.0, f64::max);
    lab.expect("accuracy gained by the best", best - accuracies[0], 0.04..);
    let bars =
        plot::Panel::new("", "", "test accuracy").layer(plot::Bars::new("", accuracies)).x_names(RACERS);
    lab.picture("regularization_race", |path| {
        plot::Figure::new("Regularisers on a hundred digits")
            .panel(panel)
            .panel(bars.y_range(0.5, 1.0))
            .save(path)
    })
}
