//! The multilayer perceptrons of introductory texts: 2-4-1 for XOR with manual backpropagation, which must give the gradients of automatic
//! differentiation; 10-128-64-32-2 for tabular data; 784-256-128-10 for digits; and equal initial weights, with which the units stay equal:
//! `cargo run --release -p wgrad-atlas -- mlp`.

use atlas::prelude::*;
use wgrad::models::Mlp;
use wgrad::train::metrics::Confusion;

pub const STUDY: Study = Study {
    name: "mlp",
    about: "Networks of 2-4-1, 10-128-64-32-2 and 784-256-128-10 units; equal initial weights stay equal.",
    on_gpu: false,
    data: Some(DIGITS),
    run,
};

/// XOR's inputs and targets.
const XOR: [([f64; 2], f64); 4] =
    [([0.0, 0.0], 0.0), ([0.0, 1.0], 1.0), ([1.0, 0.0], 1.0), ([1.0, 1.0], 0.0)];
const HIDDEN: usize = 4;

/// Squared error of sigmoid units and its gradients, computed by hand: `w1 [4][2]`, `b1 [4]`, `w2 [4]` and `b2`, concatenated.
fn by_hand(w: &[f64]) -> (f64, Vec<f64>) {
    let sigmoid = |z: f64| 1.0 / (1.0 + (-z).exp());
    let (mut loss, mut gradient) = (0.0, vec![0.0; w.len()]);
    for (x, t) in XOR {
        let hidden: [f64; HIDDEN] =
            std::array::from_fn(|j| sigmoid(w[2 * j] * x[0] + w[2 * j + 1] * x[1] + w[2 * HIDDEN + j]));
        let out = sigmoid((0..HIDDEN).map(|j| w[3 * HIDDEN + j] * hidden[j]).sum::<f64>() + w[4 * HIDDEN]);
        loss += (out - t).powi(2) / 4.0;
        let delta = 2.0 * (out - t) / 4.0 * out * (1.0 - out);
        gradient[4 * HIDDEN] += delta;
        for (j, h) in hidden.into_iter().enumerate() {
            gradient[3 * HIDDEN + j] += delta * h;
            let delta = delta * w[3 * HIDDEN + j] * h * (1.0 - h);
            gradient[2 * HIDDEN + j] += delta;
            (0..2).for_each(|i| gradient[2 * j + i] += delta * x[i]);
        }
    }
    (loss, gradient)
}

/// Gradient descent by hand; the first gradients are compared with automatic ones.
fn xor(lab: &mut Lab) -> Result<()> {
    let params = lab.params();
    let normal = Init::Normal { mean: 0.0, std: 2.0 };
    let shapes: [(&str, &[usize]); 4] =
        [("w1", &[HIDDEN, 2]), ("b1", &[HIDDEN]), ("w2", &[1, HIDDEN]), ("b2", &[1])];
    let [w1, b1, w2, b2] = shapes.map(|(name, shape)| params.param(name, shape, normal).value());
    let inputs: Vec<f32> = XOR.iter().flat_map(|(x, _)| x.map(|x| x as f32)).collect();
    let x = Tensor::from_slice(lab.device(), &inputs, &[4, 2])?;
    let t = Tensor::from_slice(lab.device(), &XOR.map(|(_, t)| t as f32), &[4, 1])?;
    let out = x.linear(&w1, Some(&b1)).sigmoid().linear(&w2, Some(&b2)).sigmoid();
    let gradients = out.mse_loss(&t, Reduction::Mean).backward();
    let (mut w, mut automatic) = (Vec::new(), Vec::new());
    for value in [&w1, &b1, &w2, &b2] {
        w.extend(value.to_vec::<f32>()?.into_iter().map(f64::from));
        automatic.extend(gradients.get(value).context("a gradient of each")?.to_vec::<f32>()?);
    }
    let apart =
        by_hand(&w).1.iter().zip(&automatic).map(|(a, &b)| (a - f64::from(b)).abs()).fold(0.0, f64::max);
    lab.expect_same("2-4-1: gradients by hand against automatic ones", apart, ..1e-6, 1e-6);
    for _ in 0..lab.pick(20_000, 5000) {
        let (_, gradient) = by_hand(&w);
        w.iter_mut().zip(gradient).for_each(|(w, g)| *w -= 4.0 * g);
    }
    lab.expect("2-4-1: squared error of XOR", by_hand(&w).0, ..0.02);
    Ok(())
}

/// Rows of ten numbers; the class tells on which side of a curved surface a row lies.
fn table(lab: &Lab, rows: usize, stream: u32) -> Result<[Tensor; 2]> {
    let mut draws = lab.draws(stream);
    let x: Vec<f32> = (0..rows * 10).map(|_| draws.normal() as f32).collect();
    let class = |x: &[f32]| i32::from(x[0] * x[1] + x[2].sin() * x[3] > 0.0);
    let labels: Vec<i32> = x.chunks(10).map(class).collect();
    let x = Tensor::from_slice(lab.device(), &x, &[rows, 10])?;
    Ok([x, Tensor::from_slice(lab.device(), &labels, &[rows])?])
}

fn accuracy(logits: &Tensor, labels: &Tensor) -> Result<f64> {
    Ok(logits.argmax(-1, false).eq(labels).to(DType::F32).mean_all().item()?.into())
}

fn tables(lab: &mut Lab) -> Result<()> {
    let ([x, y], [test_x, test_y]) = (table(lab, lab.pick(8000, 3000), 0)?, table(lab, 1000, 1)?);
    let steps = lab.pick(1500, 250);
    // The network, a linear one, and the network with all weights and biases initially equal.
    let nets: [(&str, &[usize], bool); 3] = [
        ("10-128-64-32-2", &[10, 128, 64, 32, 2], false),
        ("10-2", &[10, 2], false),
        ("equal", &[10, 128, 64, 32, 2], true),
    ];
    let mut accuracies = Vec::new();
    for (name, sizes, equal) in nets {
        let params = lab.params();
        let net = Mlp::new(&params, sizes);
        if equal {
            params.redraw("*", Init::Constant(0.05));
        }
        let mut draws = lab.draws(2);
        lab.fit(name, steps, &mut AdamW::new(&params), Cosine::new(0.005, 0.0, steps), |_| {
            let [x, y] = minibatch(&mut draws, 128, [&x, &y])?;
            Ok(net.forward(&x).cross_entropy(&y))
        })?;
        accuracies.push(accuracy(&net.forward(&test_x), &test_y)?);
        if equal {
            let w = params.get("fc1.weight").context("a first layer")?.value();
            let spread = (w.amax(&[0], false) - w.amin(&[0], false)).abs().amax(&[0], false).item()?;
            lab.expect_same(
                "equal weights: largest difference of two units after training",
                spread,
                ..1e-6,
                1e-6,
            );
            let moved = (w - 0.05).abs().amax(&[0, 1], false).item()?;
            lab.expect("equal weights: how far they have moved", moved, 1e-3..);
        } else if sizes.len() > 2 {
            lab.expect_same("10-128-64-32-2: parameters", params.count() as f64, 11_810.0..=11_810.0, 0.0);
        }
    }
    lab.expect("10-128-64-32-2: accuracy", accuracies[0], 0.85..);
    lab.expect("10-2: accuracy", accuracies[1], 0.4..0.6);
    lab.expect("equal weights: accuracy", accuracies[2], 0.4..0.65);
    Ok(())
}

fn run(lab: &mut Lab) -> Result<()> {
    xor(lab)?;
    tables(lab)?;
    let set = lab.digits(lab.pick(6000, 1500), 500)?;
    let (train, test) = (set.train.to_device(lab.device())?, set.test.to_device(lab.device())?);
    let params = lab.params();
    let net = Mlp::new(&params, &[784, 256, 128, 10]);
    let steps = lab.pick(800, 120);
    let mut draws = lab.draws(3);
    let losses =
        lab.fit("784-256-128-10", steps, &mut Adam::new(&params), Cosine::new(0.002, 0.0, steps), |_| {
            let [x, y] = minibatch(&mut draws, 64, [&train.images, &train.labels])?;
            Ok(net.forward(&x.flatten(1, 3)).cross_entropy(&y))
        })?;
    lab.expect_same("784-256-128-10: parameters", params.count() as f64, 235_146.0..=235_146.0, 0.0);
    let logits = net.forward(&test.images.flatten(1, 3));
    lab.expect("784-256-128-10: accuracy on digits", accuracy(&logits, &test.labels)?, 0.9..);

    let answers: Vec<u32> = logits.argmax(-1, false).to_vec::<i32>()?.into_iter().map(|a| a as u32).collect();
    let confusion = Confusion::of(set.test.labels(), &answers, 10);
    let counts = confusion.counts().iter().map(|&count| count as f64).collect();
    let names = (0..10).map(|digit| digit.to_string()).collect::<Vec<_>>();
    let loss = plot::Panel::new("Cross entropy", "step", "of a batch of 64").log_y();
    let loss =
        loss.with(plot::Series::new("training", losses.iter().enumerate().map(|(i, &l)| (i as f64, l))));
    let matrix = plot::Panel::new("Test digits", "answer", "label")
        .layer(plot::Field::matrix(10, 10, counts).cell_text(0).bar("images"))
        .x_names(names.clone())
        .y_names(names)
        .y_down()
        .equal();
    lab.picture("mlp", |path| {
        plot::Figure::new("784-256-128-10 units learn digits").panel(loss).panel(matrix).save(path)
    })
}
