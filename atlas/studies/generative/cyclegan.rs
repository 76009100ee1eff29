//! Unpaired translation between two domains (Zhu et al. 2017): among the maps that turn one cloud of points into the other, the cycle and
//! identity losses select the intended one: `cargo run --release -p wgrad-atlas -- cyclegan`.

use atlas::pairs;
use atlas::prelude::*;
use methods::generative::{GanLoss, cycle_loss, identity_loss};
use wgrad::models::Mlp;

pub const STUDY: Study = Study {
    name: "cyclegan",
    about: "Two translators find a known map from unpaired points, with a cycle to come back by and not without.",
    on_gpu: false,
    data: None,
    run,
};

const CENTRES: [[f64; 2]; 5] = [[-2.0, -1.0], [-1.0, 1.5], [1.0, 2.0], [2.0, -0.5], [0.0, -2.0]];
const BATCH: usize = 64;

/// The map to be found: a rotation by a quarter radian, a slight enlargement, and a shift.
fn known(x: &Tensor) -> Tensor {
    let (sin, cos) = 0.25f32.sin_cos();
    let turn = Tensor::constant(x.device(), &[cos, -sin, sin, cos].map(|v| 1.2 * v), &[2, 2]);
    x.linear(&turn, None) + 0.3
}

/// Points of the first domain.
fn cloud(draw: &Generator, device: &Device, count: usize) -> Result<Tensor> {
    let set = synthetic::blobs(count, &CENTRES, 0.3, 1);
    let rows = (draw.uniform(device, &[count]) * count as f32).to(DType::I32);
    Ok(set.x.to_device(device)?.index_select(0, &rows))
}

struct Networks {
    there: Mlp,
    back: Mlp,
}

/// Trains on unpaired points of both domains; `cycle` and `identity` are the weights of these losses.
fn learn(lab: &Lab, name: &str, domains: [&Tensor; 2], cycle: f32, identity: f32) -> Result<Networks> {
    let (params, of_critics) = (lab.params(), lab.params());
    let net = |params: &Params, path: &str, outputs| Mlp::new(&params.path(path), &[2, 64, 64, outputs]);
    let (there, back) = (net(&params, "there", 2), net(&params, "back", 2));
    let (of_x, of_y) = (net(&of_critics, "x", 1), net(&of_critics, "y", 1));
    let mut opt = Adam::new(&params).betas(0.5, 0.999);
    let mut opt_critics = Adam::new(&of_critics).betas(0.5, 0.999);
    let (mut draws, mut others) = (lab.draws(1), lab.draws(2));
    let steps = lab.pick(2000, 500);
    let (rate, game) = (Cosine::new(2e-3, 0.0, steps), GanLoss::LeastSquares);
    for step in lab.steps(name, steps) {
        let ([x], [y]) =
            (minibatch(&mut draws, BATCH, [domains[0]])?, minibatch(&mut others, BATCH, [domains[1]])?);
        let (to_y, to_x) = (there.forward(&x), back.forward(&y));
        let judged = |critic: &Mlp, real: &Tensor, fake: &Tensor| {
            game.discriminator(&critic.forward(real), &critic.forward(&fake.detach()))
        };
        opt_critics.step((judged(&of_x, &x, &to_x) + judged(&of_y, &y, &to_y)).backward(), rate.lr(step))?;
        let (there, back) = (|x: &Tensor| there.forward(x), |y: &Tensor| back.forward(y));
        let mut loss = game.generator(&of_y.forward(&to_y)) + game.generator(&of_x.forward(&to_x));
        if cycle > 0.0 {
            loss = loss + cycle_loss(there, back, &x, &y) * cycle;
        }
        if identity > 0.0 {
            // The identity loss fades out, because the intended map is near the identity but not equal to it.
            let share = 1.0 - step as f32 / steps as f32;
            loss = loss + identity_loss(there, back, &x, &y) * (identity * share * share);
        }
        opt.step(loss.backward(), rate.lr(step))?;
    }
    Ok(Networks { there, back })
}

fn run(lab: &mut Lab) -> Result<()> {
    let device = lab.device().clone();
    let draw = Generator::new(lab.seed());
    let domains = [cloud(&draw, &device, 4000)?, known(&cloud(&draw, &device, 4000)?).detach()];
    let x = cloud(&draw, &device, 400)?.detach();
    let mut panels = Vec::new();
    let mut found = Vec::new();
    for (name, cycle, identity) in [("without a cycle", 0.0, 0.0), ("with cycle and identity", 1.0, 1.0)] {
        let nets = learn(lab, name, [&domains[0], &domains[1]], cycle, identity)?;
        let y = nets.there.forward(&x);
        let distance =
            |a: &Tensor, b: &Tensor| (a - b).norm(2.0, &[1], false).mean_all().item().map(f64::from);
        let off = distance(&y, &known(&x))?;
        let round = distance(&nets.back.forward(&y), &x)?;
        lab.figure(format!("distance from the known map, {name}"), off);
        lab.figure(format!("distance after there and back, {name}"), round);
        let target = domains[1].narrow(0, 0, 400).to_vec::<f32>()?;
        let mmd = metrics::mmd_squared(&y.to_vec::<f32>()?, &target, 2, &[0.5]);
        lab.figure(format!("MMD^2 to the second domain, {name}"), mmd);
        found.push((off, round, mmd));
        panels.push((name, pairs(&y)?));
    }
    lab.expect("distance from the known map, with", found[1].0, ..0.4);
    // Without a cycle, the known map may be found by chance, but the way back is free.
    lab.expect("distance after there and back, with", found[1].1, ..0.3);
    lab.expect("the same against without", found[1].1 / found[0].1, ..0.1);
    lab.expect("MMD^2, with", found[1].2, ..0.05);

    let (start, truth) = (pairs(&x)?, pairs(&known(&x))?);
    let nearest = |p: &(f64, f64)| {
        let distance = |c: &[f64; 2]| (p.0 - c[0]).hypot(p.1 - c[1]);
        (0..5).min_by(|&a, &b| distance(&CENTRES[a]).total_cmp(&distance(&CENTRES[b]))).unwrap_or(0)
    };
    let group: Vec<usize> = start.iter().map(nearest).collect();
    lab.picture("cyclegan", |path| {
        let panel = |title: &str, points: &[(f64, f64)]| {
            let panel = plot::Panel::new(title, "", "").equal().x_range(-4.5, 4.5).y_range(-4.5, 4.5);
            (0..5).fold(panel, |panel, k| {
                let of = points.iter().zip(&group).filter(|(_, g)| **g == k).map(|(p, _)| *p);
                panel.layer(plot::Points::new(format!("cloud {}", k + 1), of).radius(2.0))
            })
        };
        let figure = plot::Figure::new("Unpaired translation").columns(2);
        let figure =
            figure.panel(panel("First domain", &start)).panel(panel("Known map to the second", &truth));
        panels
            .iter()
            .fold(figure, |figure, (name, y)| figure.panel(panel(&format!("Learned {name}"), y)))
            .save(path)
    })
}
