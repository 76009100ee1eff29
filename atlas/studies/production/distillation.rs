//! Knowledge distillation (Hinton, Vinyals and Dean 2015): a student learns from its teacher's soft labels on unlabelled images:
//! `cargo run --release -p wgrad-atlas -- distillation`.

use atlas::prelude::*;
use wgrad::models::Mlp;
use wgrad::models::compress::distillation_loss;

pub const STUDY: Study = Study {
    name: "distillation",
    about: "A student of a fiftieth of its teacher's size learns more from the teacher's answers than from fifty labels.",
    on_gpu: false,
    data: Some(DIGITS),
    run,
};

const LABELS: usize = 50;
const TEMPERATURES: [f32; 4] = [1.0, 2.0, 4.0, 8.0];

fn run(lab: &mut Lab) -> Result<()> {
    let set = lab.small_digits(lab.pick(8000, 2000), lab.pick(2000, 1000))?;
    let (train, test) = (set.train.to_device(lab.device())?, set.test.to_device(lab.device())?);
    let (x, seen) = (test.images.flatten(1, -1), train.images.flatten(1, -1));
    let mut draws = lab.draws(0);
    let steps = lab.pick(2500, 400);

    let large = lab.params();
    let teacher = Mlp::new(&large, &[49, 256, 128, 10]);
    lab.fit("teacher", lab.pick(1500, 400), &mut Adam::new(&large), 1e-3, |_| {
        let [x, y] = minibatch(&mut draws, 64, [&seen, &train.labels])?;
        Ok(teacher.forward(&x).cross_entropy(&y))
    })?;
    let answers = teacher.forward(&seen).detach();
    let mut learn =
        |what: &str, loss: &dyn Fn(&mut Draws, &Mlp) -> Result<Tensor>| -> Result<(f64, Params)> {
            let params = lab.params();
            let student = Mlp::new(&params, &[49, 16, 10]);
            lab.fit(what, steps, &mut Adam::new(&params), Cosine::new(1e-2, 0.0, steps), |_| {
                loss(&mut draws, &student)
            })?;
            Ok((metrics::accuracy(&student.forward(&x), &test.labels)?, params))
        };
    let (few, labels) = (seen.narrow(0, 0, LABELS), train.labels.narrow(0, 0, LABELS));
    let (alone, small) = learn("alone", &|draws, student| {
        let [x, y] = minibatch(draws, 64, [&few, &labels])?;
        Ok(student.forward(&x).cross_entropy(&y))
    })?;
    let mut distilled = Vec::new();
    for temperature in TEMPERATURES {
        let (accuracy, _) = learn(&format!("temperature {temperature}"), &|draws, student| {
            let [x, taught] = minibatch(draws, 64, [&seen, &answers])?;
            Ok(distillation_loss(&student.forward(&x), &taught, temperature))
        })?;
        distilled.push(accuracy);
    }

    let taught = metrics::accuracy(&teacher.forward(&x), &test.labels)?;
    lab.expect("teacher", taught, 0.93..);
    lab.expect("student of 50 labels", alone, 0.4..0.9);
    lab.expect("student of the teacher, T = 4", distilled[2], 0.87..);
    lab.expect("gain of a teacher", distilled[2] - alone, 0.05..);
    lab.expect("lost against the teacher", taught - distilled[2], ..0.08);
    lab.expect("student's size", small.count() as f64 / large.count() as f64, 0.015..0.025);
    let heights = [taught, alone].into_iter().chain(distilled);
    let names = ["teacher", "50 labels"].map(String::from).into_iter();
    let names = names.chain(TEMPERATURES.map(|t| format!("T = {t}")));
    let panel = plot::Panel::new("", "", "test accuracy").layer(plot::Bars::new("", heights)).x_names(names);
    let panel = panel.y_range(0.5, 1.0);
    lab.picture("distillation", |path| {
        plot::Figure::new("A teacher, and students of 970 parameters").panel(panel).save(path)
    })
}
