//! Domain-adversarial training (Ganin et al. 2016): labels are known for two clouds of points, and predicted for clouds shifted down.
//! Features from which a domain classifier behind a gradient reversal cannot tell the domains apart work for both:
//! `cargo run --release -p wgrad-atlas -- domain_adversarial`.

use atlas::prelude::*;
use methods::representation::{reversal_strength, reverse_gradient};
use wgrad::models::Mlp;

pub const STUDY: Study = Study {
    name: "domain_adversarial",
    about: "Gradient reversal carries a classifier over to moved data without labels.",
    on_gpu: false,
    data: None,
    run,
};

const COUNT: usize = 200;
/// The shift of the target domain below the source domain.
const SHIFT: f64 = 3.0;

/// Two clouds of points, separated in both coordinates, shifted down: `[COUNT, 2]`, and labels.
fn clouds(device: &Device, down: f64, seed: u64) -> Result<[Tensor; 2]> {
    let centres = [[-1.0, -1.0 - down], [1.0, 1.0 - down]];
    Ok(synthetic::blobs(COUNT, &centres, 0.4, seed).to_device(device)?)
}

fn run(lab: &mut Lab) -> Result<()> {
    let device = lab.device().clone();
    let [source, labels] = clouds(&device, 0.0, lab.seed())?;
    let [target, hidden] = clouds(&device, SHIFT, lab.seed() + 100)?;
    let domains: Vec<f32> = (0..2 * COUNT).map(|i| f32::from(u8::from(i >= COUNT))).collect();
    let domains = Tensor::from_slice(&device, &domains, &[2 * COUNT])?;
    let steps = lab.pick(4000, 1500);

    let mut shares = Vec::new();
    let mut panels = Vec::new();
    for (name, strength) in [("source only", 0.0), ("domain-adversarial", 1.0)] {
        let params = lab.params();
        let features = Linear::new(&params.path("features"), 2, 4);
        let classes = Linear::new(&params.path("classes"), 4, 2);
        let domain = Mlp::new(&params.path("domain"), &[4, 32, 1]);
        let seen = |x: &Tensor| features.forward(x).tanh();
        // Weight decay damps the adversarial game, which otherwise oscillates.
        let mut opt = Adam::new(&params).weight_decay(0.03);
        lab.fit(name, steps, &mut opt, Cosine::new(3e-3, 1e-3, steps), |step| {
            // The domain classifier learns from the start; the weight of its reversed gradient grows slowly.
            let lambda = strength * reversal_strength(step as f32 / steps as f32);
            let both = seen(&cat(&[&source, &target], 0));
            let told = domain.forward(&reverse_gradient(&both, lambda)).squeeze(&[1]);
            let known = classes.forward(&both.narrow(0, 0, COUNT)).cross_entropy(&labels);
            Ok(known + told.binary_cross_entropy_with_logits(&domains, None, None, Reduction::Mean))
        })?;
        let answers = |x: &Tensor| classes.forward(&seen(x)).argmax(1, false);
        let share = |x: &Tensor, labels: &Tensor| answers(x).eq(labels).to(DType::F32).mean_all().item();
        let told = domain.forward(&seen(&cat(&[&source, &target], 0))).squeeze(&[1]).gt(0.0).to(DType::F32);
        let told = told.eq(&domains).to(DType::F32).mean_all().item()?;
        lab.expect(format!("{name}: right on the source"), share(&source, &labels)?, 0.97..=1.0);
        lab.figure(format!("{name}: domains told apart"), told);
        shares.push(share(&target, &hidden)?);
        panels.push(panel(&device, name, &answers, [&source, &target], [&labels, &hidden])?);
    }
    lab.expect("source only: right on the target", shares[0], 0.4..0.7);
    lab.expect("domain-adversarial: right on the target", shares[1], 0.93..=1.0);
    let title = "Labels above, questions below";
    lab.picture("domain_adversarial", |path| {
        panels.into_iter().fold(plot::Figure::new(title), plot::Figure::panel).save(path)
    })
}

/// The decision regions, with the points of both domains.
fn panel(
    device: &Device,
    name: &str,
    answers: &dyn Fn(&Tensor) -> Tensor,
    points: [&Tensor; 2],
    labels: [&Tensor; 2],
) -> Result<plot::Panel> {
    const SIDE: usize = 120;
    let place = |i: usize| i as f32 / (SIDE - 1) as f32 * 8.0 - 5.5;
    let grid: Vec<f32> = (0..SIDE * SIDE).flat_map(|i| [place(i % SIDE) + 1.5, place(i / SIDE)]).collect();
    let found = answers(&Tensor::from_slice(device, &grid, &[SIDE * SIDE, 2])?).to_vec::<i32>()?;
    let regions: Vec<f64> = found.into_iter().map(f64::from).collect();
    let field = plot::Field::matrix(SIDE, SIDE, regions).over((-4.0, 4.0), (-5.5, 2.5)).range(-1.0, 2.0);
    let mut panel = plot::Panel::new(name, "", "").layer(field).x_range(-4.0, 4.0).y_range(-5.5, 2.5).equal();
    let names = [["source, 0", "source, 1"], ["target, 0", "target, 1"]];
    for domain in 0..2 {
        let (xs, ys) = (points[domain].to_vec::<f32>()?, labels[domain].to_vec::<i32>()?);
        for (class, name) in (0..).zip(names[domain]) {
            let of = xs.chunks_exact(2).zip(&ys).filter(|(_, y)| **y == class);
            let pairs = of.map(|(x, _)| (f64::from(x[0]), f64::from(x[1])));
            panel = panel.layer(plot::Points::new(name, pairs).radius(2.0));
        }
    }
    Ok(panel)
}
