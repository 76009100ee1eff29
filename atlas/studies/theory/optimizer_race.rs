//! A race of nine optimizers, each at seven learning rates: `cargo run --release -p wgrad-atlas -- optimizer_race`.

use std::collections::HashMap;

use atlas::prelude::*;
use wgrad::models::{Mlp, Optimize};

pub const STUDY: Study = Study {
    name: "optimizer_race",
    about: "Nine optimizers on two moons: momentum beats plain descent, and Adam learns at more rates than either.",
    on_gpu: false,
    data: None,
    run,
};

type Make = fn(&Params) -> Box<dyn Optimize>;

const OPTIMIZERS: [(&str, Make); 9] = [
    ("SGD", |p| Box::new(Sgd::new(p))),
    ("momentum", |p| Box::new(Sgd::new(p).momentum(0.9))),
    ("Nesterov", |p| Box::new(Sgd::new(p).momentum(0.9).nesterov(true))),
    ("AdaGrad", |p| Box::new(Adagrad::new(p))),
    ("RMSProp", |p| Box::new(RmsProp::new(p))),
    ("Adam", |p| Box::new(Adam::new(p))),
    ("AdamW", |p| Box::new(AdamW::new(p))),
    ("Lion", |p| Box::new(Lion::new(p))),
    // Muon is for matrices; biases use Adam.
    ("Muon", |p| {
        let is_matrix = |p: &Param| p.value().rank() == 2;
        let matrices = Muon::new(p).only(is_matrix);
        Box::new(
            models::Several::default()
                .with(matrices, 1.0)
                .with(Adam::new(p).only(move |p| !is_matrix(p)), 0.1),
        )
    }),
];

/// Two rates per decade.
const RATES: [f32; 7] = [1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 3e-1, 1.0];

fn run(lab: &mut Lab) -> Result<()> {
    let points = synthetic::moons(200, 0.1, lab.seed());
    let [x, y] = points.to_device(lab.device())?;
    let steps = lab.pick(300, 100);
    let mut race = plot::Panel::new("Each at its best rate", "step", "loss").log_y().y_range(1e-6, 2.0);
    let mut sweep =
        plot::Panel::new("Loss in the end", "learning rate", "loss").log_x().log_y().y_range(1e-6, 2.0);
    let mut good = HashMap::new();
    for (name, make) in OPTIMIZERS {
        let mut runs: Vec<(f32, Vec<f64>)> = Vec::new();
        for rate in RATES {
            let params = lab.params();
            let net = Mlp::new(&params, &[2, 16, 16, 2]);
            let found =
                lab.fit(name, steps, &mut make(&params), rate, |_| Ok(net.forward(&x).cross_entropy(&y)));
            // A loss that is not finite ends a run: the rate is too high.
            runs.push((rate, found.unwrap_or_else(|_| vec![f64::NAN; steps])));
        }
        let end = |losses: &[f64]| losses[steps - 10..].iter().sum::<f64>() / 10.0;
        let ends: Vec<f64> = runs.iter().map(|(_, losses)| end(losses)).collect();
        let best = (0..RATES.len())
            .fold(0, |best, i| if ends[i] < ends[best] || ends[best].is_nan() { i } else { best });
        // A loss that is NaN or worse than guessing counts as guessing.
        let mean = ends.iter().map(|loss| loss.min(2f64.ln())).sum::<f64>() / RATES.len() as f64;
        lab.figure(format!("{name}: best rate"), RATES[best]);
        lab.figure(format!("{name}: mean over rates"), mean);
        good.insert(name, (ends[best], mean));
        let points = |values: Vec<(f64, f64)>| plot::Series::new(name, values).exact();
        race = race.with(points(runs[best].1.iter().enumerate().map(|(i, &l)| (i as f64, l)).collect()));
        sweep = sweep.with(points(RATES.iter().zip(&ends).map(|(&r, &l)| (r.into(), l)).collect()));
    }
    let of = |name: &str| good.get(name).copied().context("one of them");
    for (name, _) in OPTIMIZERS {
        lab.expect(format!("{name}: loss at its best rate"), of(name)?.0, ..0.1);
    }
    lab.expect("momentum's loss over SGD's", of("momentum")?.0 / of("SGD")?.0, ..0.4);
    lab.expect("mean over rates, momentum over SGD", of("momentum")?.1 / of("SGD")?.1, ..0.9);
    lab.expect("mean over rates, Adam over SGD", of("Adam")?.1 / of("SGD")?.1, ..0.8);
    lab.picture("optimizer_race", |path| {
        plot::Figure::new("A race of optimizers").panel(race).panel(sweep).save(path)
    })
}
