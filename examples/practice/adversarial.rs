//! Adversarial examples (Goodfellow et al. 2015) and training on them (Madry et al. 2018), on small digits:
//! `cargo run --release --example adversarial`.

use studies::prelude::*;
use wgrad::models::Mlp;
use wgrad::models::adversarial::{fgsm, pgd};

pub const STUDY: Study = Study {
    name: "adversarial",
    about: "A change of a twentieth of the brightness ruins a classifier of digits, and much less one that trained on such changes.",
    on_gpu: false,
    data: None,
    run,
};

fn main() -> ExitCode {
    studies::main(&STUDY)
}

/// The most that a pixel, between 0 and 1, may change.
const EPSILON: f32 = 0.05;

fn run(lab: &mut Lab) -> Result<()> {
    let set = data::synthetic::small_digits(2000, 500, lab.seed());
    let (train, test) = (set.train.to_device(lab.device())?, set.test.to_device(lab.device())?);
    let (x, test_x) = (train.images.flatten(1, -1), test.images.flatten(1, -1));
    let steps = lab.pick(2500, 500);
    let attack = |net: &Mlp, x: &Tensor, y: &Tensor, steps| {
        pgd(x, x, EPSILON, 2.5 * EPSILON / steps as f32, steps, |x| net.forward(x).cross_entropy(y))
    };
    let mut pictures = vec![];
    let mut robust = vec![];
    for hardened in [false, true] {
        let params = lab.params();
        let net = Mlp::new(&[49, 128, 128, 10], &params);
        let mut draws = lab.draws(0);
        let name = if hardened { "adversarial training" } else { "plain training" };
        lab.fit(name, steps, &mut Adam::new(&params), Cosine::new(3e-3, 0.0, steps), |_| {
            let [x, y] = minibatch(&mut draws, 64, [&x, &train.labels])?;
            let x = if hardened { attack(&net, &x, &y, 4) } else { x };
            Ok(net.forward(&x).cross_entropy(&y))
        })?;
        let quick = fgsm(&test_x, EPSILON, |x| net.forward(x).cross_entropy(&test.labels));
        let strong = attack(&net, &test_x, &test.labels, 10);
        let noise = (Generator::new(lab.seed()).uniform(lab.device(), test_x.shape()) - 0.5).sign() * EPSILON;
        let accuracy = |x: &Tensor| metrics::accuracy(&net.forward(x), &test.labels);
        let (clean, fgsm, pgd) = (accuracy(&test_x)?, accuracy(&quick)?, accuracy(&strong)?);
        lab.expect(format!("{name}: accuracy"), clean, 0.86..);
        lab.expect(format!("{name}: accuracy under noise"), accuracy(&(&test_x + noise))?, 0.84..);
        lab.figure(format!("{name}: accuracy under FGSM"), fgsm);
        // Ten steps find what one step misses.
        lab.expect(format!("{name}: FGSM over PGD"), fgsm - pgd, -0.01..);
        robust.push(pgd);
        pictures.push(strong.clamp(0.0, 1.0));
    }
    lab.expect("plain training: accuracy under PGD", robust[0], ..0.3);
    lab.expect("adversarial training: accuracy under PGD", robust[1], 0.55..);
    draw(lab, &test_x, &pictures)
}

/// Some digits, and what misleads each network about them.
fn draw(lab: &mut Lab, clean: &Tensor, attacked: &[Tensor]) -> Result<()> {
    let mut tiles = Tiles::new(7, 7);
    for (name, x) in [("clean", clean), ("against plain", &attacked[0]), ("against hardened", &attacked[1])] {
        tiles = tiles.grey(&x.narrow(0, 0, 10).to_vec::<f32>()?, |_| name.into());
    }
    lab.picture("adversarial", |path| {
        plot::Figure::new("What misleads a classifier of digits").images(&tiles.images(), 10).save(path)
    })
}
