//! Batch sizes: gradient noise falls as 1 / B, and learning rates grow with B (Goyal et al. 2017):
//! `cargo run --release -p wgrad-atlas -- batch_size`.

use atlas::prelude::*;
use wgrad::models::Mlp;

pub const STUDY: Study = Study {
    name: "batch_size",
    about: "The variance of a minibatch's gradient is that of one example over B; four times the batch wants four times the rate.",
    on_gpu: false,
    data: Some(DIGITS),
    run,
};

const SIZES: [usize; 5] = [1, 4, 16, 64, 256];

fn run(lab: &mut Lab) -> Result<()> {
    let set = lab.small_digits(1024, 0)?.train.to_device(lab.device())?;
    let x = set.images.flatten(1, -1);
    let noise = noise(lab, &x, &set.labels)?;

    // The same number of examples in small batches, in large ones at the same rate, and in large ones at four times the rate.
    let examples = lab.pick(64_000, 16_000);
    let (mut ends, mut panel) =
        (Vec::new(), plot::Panel::new("Linear scaling", "examples seen", "training loss"));
    for (name, size, rate) in
        [("B = 16", 16, 0.05), ("B = 64", 64, 0.05), ("B = 64, four times the rate", 64, 0.2)]
    {
        let (params, mut draws, mut losses) = (lab.params(), lab.draws(1), Vec::new());
        let net = Mlp::new(&params, &[49, 32, 10]);
        let whole = || net.forward(&x).cross_entropy(&set.labels);
        lab.fit(name, examples / size, &mut Sgd::new(&params), rate, |step| {
            if (step * size).is_multiple_of(640) {
                losses.push(((step * size) as f64, whole()));
            }
            let [x, y] = minibatch(&mut draws, size, [&x, &set.labels])?;
            Ok(net.forward(&x).cross_entropy(&y))
        })?;
        let points: Vec<(f64, f64)> =
            losses.iter().map(|(seen, loss)| Ok((*seen, loss.item()?.into()))).collect::<Result<_>>()?;
        panel = panel.with(plot::Series::new(name, points).exact());
        ends.push(f64::from(whole().item()?));
    }
    lab.figure("loss of B = 16", ends[0]);
    lab.expect("loss of B = 64 over that", ends[1] / ends[0], 1.3..);
    lab.expect("loss of B = 64, four times the rate, over that", ends[2] / ends[0], 0.75..1.25);
    lab.picture("batch_size", |path| plot::Figure::new("Batch sizes").panel(noise).panel(panel).save(path))
}

/// The gradient of every example, and the variance of means over B of them around the full-batch gradient.
fn noise(lab: &mut Lab, x: &Tensor, labels: &Tensor) -> Result<plot::Panel> {
    let (count, draws) = (256, lab.pick(400, 200));
    let params = lab.params();
    let (x, labels) = (x.narrow(0, 0, count).unsqueeze(1), labels.narrow(0, 0, count));
    // One copy of the weights per example, so that one backward pass gives per-example gradients.
    let copies = |name: &str, shape: [usize; 2]| {
        let weight =
            params.param(name, &shape, Init::KaimingNormal { gain: 1.0, fan: models::init::Fan::Out });
        weight.value().detach().unsqueeze(0).expand(&[count, shape[0], shape[1]]).variable()
    };
    let (first, second) = (copies("first", [49, 16]), copies("second", [16, 10]));
    let loss = x.bmm(&first).relu().bmm(&second).squeeze(&[1]).cross_entropy(&labels) * count as f32;
    let gradients: Vec<Tensor> = grad(&loss, &[&first, &second]).into_iter().flatten().collect();
    let gradients: Vec<Tensor> = gradients.iter().map(|g| g.flatten(1, -1)).collect();
    let gradients = cat(&gradients.iter().collect::<Vec<_>>(), 1);
    let spread = &gradients - gradients.mean(&[0], true);
    let one = f64::from(spread.square().sum(&[1], false).mean_all().item()?);
    let mut points = Vec::new();
    let mut random = lab.draws(0);
    for size in SIZES {
        // Each row picks B examples, with replacement.
        let mut picks = vec![0.0f32; draws * count];
        for row in picks.chunks_mut(count) {
            (0..size).for_each(|_| row[random.below(count as u32) as usize] += 1.0 / size as f32);
        }
        let means = Tensor::from_slice(lab.device(), &picks, &[draws, count])?.matmul(&spread);
        let variance = f64::from(means.square().sum(&[1], false).mean_all().item()?);
        lab.expect(
            format!("variance with B = {size}, times B, over that of one"),
            variance * size as f64 / one,
            0.75..1.25,
        );
        points.push((size as f64, variance));
    }
    let theory = SIZES.map(|size| (size as f64, one / size as f64));
    let panel = plot::Panel::new("Noise of a gradient", "batch size B", "variance").log_x().log_y();
    Ok(panel.with(plot::Series::new("1 / B", theory).exact()).layer(plot::Points::new("measured", points)))
}
