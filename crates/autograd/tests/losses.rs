//! Losses with values that are not in PyTorch's fixtures.

use autograd::{CrossEntropy, DType::F32, Device, Reduction, Result, Tensor, gradient_penalty, style_loss};
use gpu_core::testing::devices;

fn cpu() -> Device {
    Device::named("cpu").unwrap()
}

fn ints(values: &[i32], shape: &[usize]) -> Tensor {
    Tensor::constant(&cpu(), values, shape)
}

fn floats(values: &[f32], shape: &[usize]) -> Tensor {
    Tensor::constant(&cpu(), values, shape)
}

const NONE: Reduction = Reduction::None;

fn near(got: f32, want: f32) {
    assert!((got - want).abs() <= 2e-6 * want.abs().max(1.0), "{got} for {want}");
}

/// Losses without fixtures, with their gradients, on every device.
#[test]
fn devices_agree() -> Result<()> {
    type Loss = fn(&Tensor, &Tensor) -> Tensor;
    const SUM: Reduction = Reduction::Sum;
    let losses: [(&str, Loss); 14] = [
        ("epsilon_insensitive_loss", |x, y| x.epsilon_insensitive_loss(y, 0.3, SUM)),
        ("quantile_loss", |x, y| x.quantile_loss(y, 0.8, SUM)),
        ("squared_hinge_loss", |x, y| x.squared_hinge_loss(&y.sign(), SUM)),
        ("sigmoid_focal_loss", |x, y| x.sigmoid_focal_loss(&y.sigmoid(), Some(0.25), 2.0, SUM)),
        ("dice_loss", |x, y| x.sigmoid().unsqueeze(1).dice_loss(&y.gt(0.0).to(F32).unsqueeze(1), 1.0, SUM)),
        ("iou_loss", |x, y| x.sigmoid().unsqueeze(1).iou_loss(&y.gt(0.0).to(F32).unsqueeze(1), 1.0, SUM)),
        ("contrastive_loss", |x, y| x.contrastive_loss(y, &y.select(1, 0).gt(0.0).to(F32), 2.0, SUM)),
        ("nt_xent_loss", |x, y| x.nt_xent_loss(y, 0.5, SUM)),
        ("info_nce_loss", |x, y| x.info_nce_loss(y, Some(&y.flip(&[0])), 0.5, SUM)),
        ("nce_loss", |x, y| x.select(1, 0).nce_loss(&y.select(1, 0), x, y, SUM)),
        ("gaussian_kl", |x, y| x.gaussian_kl(y, SUM)),
        ("sparsity_kl", |x, _| x.sigmoid().mean(&[0], false).sparsity_kl(0.05, SUM)),
        ("style_loss", |x, y| style_loss(&[x.unsqueeze(0)], &[y.unsqueeze(0)])),
        ("gradient_penalty", |x, y| {
            gradient_penalty(|p| p.matmul(&x.t()).tanh(), y, &y.flip(&[1]), &y.select(1, 0).sigmoid())
        }),
    ];
    let values = |phase: f32| (0..12).map(|i| (2.1 * i as f32 + phase).sin() * 1.5).collect::<Vec<_>>();
    let on = |device: &Device, loss: Loss| -> Result<Vec<f32>> {
        let [x, y] = [0.3, 1.9].map(|phase| Tensor::constant(device, &values(phase), &[4, 3]));
        let x = x.variable();
        let loss = loss(&x, &y);
        let slope = loss.backward().get(&x).expect("a gradient").clone();
        Ok([vec![loss.item()?], slope.to_vec()?].concat())
    };
    for device in devices() {
        for (name, loss) in losses {
            let pairs = on(&cpu(), loss)?.into_iter().zip(on(&device, loss)?);
            for (want, got) in pairs {
                let close = (want - got).abs() <= 1e-5 * want.abs().max(1.0);
                assert!(close && want.is_finite(), "{name}: {got} for {want}");
            }
        }
    }
    Ok(())
}

/// The examples of the book: targets, predictions, and three losses.
#[test]
fn regression_by_hand() -> Result<()> {
    let (target, x) = (floats(&[3.0, -0.5, 2.0, 7.0], &[4]), floats(&[2.5, 0.0, 2.0, 8.0], &[4]));
    assert_eq!(x.mse_loss(&target, Reduction::Mean).item()?, 0.375);
    assert_eq!(x.mse_loss(&target, Reduction::Sum).item()? / 2.0, 0.75);
    assert_eq!(x.l1_loss(&target, Reduction::Mean).item()?, 0.5);
    assert_eq!(x.huber_loss(&target, 1.0, Reduction::Mean).item()?, 0.1875);
    assert_eq!(x.smooth_l1_loss(&target, 0.0, Reduction::Mean).item()?, 0.5);
    Ok(())
}

#[test]
fn divergences_by_hand() -> Result<()> {
    let rates = floats(&[0.01, 0.05, 0.1, 0.2, 0.5], &[5]);
    let kl = rates.sparsity_kl(0.05, NONE).to_vec::<f32>()?;
    for (got, want) in kl.iter().zip([0.041_291_085, 0.0, 0.016_706_5, 0.093_943_03, 0.494_631_94]) {
        near(*got, want);
    }
    let kl = floats(&[1.0], &[1]).gaussian_kl(&floats(&[0.25f32.ln()], &[1]), Reduction::Sum);
    near(kl.item()?, 0.818_147_2);
    // The prior itself has no divergence.
    assert_eq!(floats(&[0.0], &[1]).gaussian_kl(&floats(&[0.0], &[1]), Reduction::Sum).item()?, 0.0);
    let p = floats(&[0.0, 1.0], &[2]);
    assert_eq!(p.ones_like().kl_div(&p, false, NONE).to_vec::<f32>()?, [0.0, -1.0]);
    Ok(())
}

/// As torch: logarithms are limited to -100, slopes to 1e12.
#[test]
fn binary_cross_entropy_of_certainties() -> Result<()> {
    let x = floats(&[0.0, 1.0, 0.0, 1.0], &[4]).variable();
    let target = floats(&[1.0, 0.0, 0.0, 1.0], &[4]);
    let loss = x.binary_cross_entropy(&target, None, NONE);
    let slope = loss.sum_all().backward().get(&x).unwrap().to_vec::<f32>()?;
    assert_eq!(loss.to_vec::<f32>()?, [100.0, 100.0, 0.0, 0.0]);
    assert_eq!(slope, [-1e12, 1e12, 0.0, 0.0]);
    Ok(())
}

#[test]
fn empty_masks_found_empty_cost_nothing() -> Result<()> {
    let zeros = Tensor::zeros(&cpu(), &[2, 1, 4]);
    assert_eq!(zeros.dice_loss(&zeros, 1.0, Reduction::Sum).item()?, 0.0);
    assert_eq!(zeros.iou_loss(&zeros, 1.0, Reduction::Sum).item()?, 0.0);
    Ok(())
}

/// Iterative soft thresholding on `(w - 1)^2 / 2 + (v - 0.1)^2 / 2 + 0.3 (|w| + |v|)`, whose minimum is at (0.7, 0).
#[test]
fn proximal_steps_find_sparse_weights() -> Result<()> {
    let target = floats(&[1.0, 0.1], &[2]);
    let mut w = floats(&[-2.0, 3.0], &[2]);
    for _ in 0..60 {
        w = (&w - (&w - &target) * 0.5).softshrink(0.5 * 0.3);
    }
    let w = w.to_vec::<f32>()?;
    near(w[0], 0.7);
    assert_eq!(w[1], 0.0);
    Ok(())
}

/// The probability that the labels of all steps collapse to `target`, summed over all sequences of labels.
fn collapsed(log_probs: &[f32], steps: usize, classes: usize, target: &[i32]) -> f64 {
    let sequence = |code: usize| (0..steps as u32).map(move |t| code / classes.pow(t) % classes);
    let matching = (0..classes.pow(steps as u32)).filter(|&code| {
        let mut labels: Vec<usize> = sequence(code).collect();
        labels.dedup();
        labels.retain(|&l| l != 0);
        labels.iter().map(|&l| l as i32).eq(target.iter().copied())
    });
    let score = |code| -> f64 {
        sequence(code).enumerate().map(|(t, l)| f64::from(log_probs[t * classes + l])).sum()
    };
    matching.map(|code| score(code).exp()).sum()
}

#[test]
fn ctc_counts_all_alignments() -> Result<()> {
    let (steps, classes) = (5, 3);
    for device in devices() {
        let logits: Vec<f32> = (0..steps * 3 * classes).map(|i| (i * 29 % 17) as f32 / 6.0).collect();
        let logits = Tensor::from_slice(&device, &logits, &[steps, 3, classes])?;
        let log_probs = logits.log_softmax(-1);
        let int = |v: &[i32], shape: &[usize]| Tensor::constant(&device, v, shape);
        let (inputs, lengths) = (int(&[5, 4, 3], &[3]), int(&[2, 1, 0], &[3]));
        let padded = int(&[1, 1, 2, -1, -1, 7], &[3, 2]);
        let loss = log_probs.ctc_loss(&padded, &inputs, &lengths, 0, false, NONE).to_vec::<f32>()?;
        let joined = log_probs.ctc_loss(&int(&[1, 1, 2], &[3]), &inputs, &lengths, 0, false, NONE);
        let mean = log_probs.ctc_loss(&padded, &inputs, &lengths, 0, false, Reduction::Mean).item()?;
        near(mean, (loss[0] / 2.0 + loss[1] + loss[2]) / 3.0);
        let targets: [(usize, &[i32]); 3] = [(5, &[1, 1]), (4, &[2]), (3, &[])];
        for (i, (steps, target)) in targets.into_iter().enumerate() {
            let item = log_probs.select(1, i);
            let want = -collapsed(&item.to_vec::<f32>()?, steps, classes, target).ln() as f32;
            near(loss[i], want);
            near(joined.to_vec::<f32>()?[i], want);
            if !target.is_empty() {
                let (input, length) = (int(&[steps as i32], &[]), int(&[target.len() as i32], &[]));
                let target = int(target, &[target.len()]);
                let single = item.ctc_loss(&target, &input, &length, 0, false, NONE);
                assert!(single.shape().is_empty());
                near(single.item()?, want);
            }
        }
    }
    Ok(())
}

/// The probability of all alignments of a target from frame `t` and after `u` of its labels, by recursion.
fn transduced(
    logs: &[f32],
    [frames, states, classes]: [usize; 3],
    target: &[i32],
    t: usize,
    u: usize,
) -> f64 {
    let p = |class: i32| f64::from(logs[(t * states + u) * classes + class as usize]).exp();
    let rest = |t, u| transduced(logs, [frames, states, classes], target, t, u);
    let on = match (t + 1 < frames, u == target.len()) {
        (true, _) => p(0) * rest(t + 1, u),
        (false, done) => p(0) * f64::from(u8::from(done)),
    };
    on + target.get(u).map_or(0.0, |&label| p(label) * rest(t, u + 1))
}

#[test]
fn transducers_count_all_alignments() -> Result<()> {
    for device in devices() {
        let logits: Vec<f32> = (0..3 * 4 * 3 * 3).map(|i| (i * 29 % 17) as f32 / 6.0).collect();
        let logits = Tensor::from_slice(&device, &logits, &[3, 4, 3, 3])?;
        let int = |v: &[i32], shape: &[usize]| Tensor::constant(&device, v, shape);
        let (targets, frames) = (int(&[1, 1, 2, -1, 9, 9], &[3, 2]), int(&[4, 3, 1], &[3]));
        let loss = |reduction| logits.rnnt_loss(&targets, &frames, &int(&[2, 1, 0], &[3]), 0, reduction);
        let losses = loss(NONE).to_vec::<f32>()?;
        let logs = logits.log_softmax(-1);
        let known: [(usize, &[i32]); 3] = [(4, &[1, 1]), (3, &[2]), (1, &[])];
        for (i, (frames, target)) in known.into_iter().enumerate() {
            let logs = logs.select(0, i).to_vec::<f32>()?;
            near(losses[i], -transduced(&logs, [frames, 3, 3], target, 0, 0).ln() as f32);
        }
        near(loss(Reduction::Mean).item()?, losses.iter().sum::<f32>() / 3.0);
    }
    Ok(())
}

#[test]
fn ctc_of_too_short_inputs() -> Result<()> {
    for device in devices() {
        let logits = Tensor::zeros(&device, &[2, 3, 3]).variable();
        let int = |v: &[i32], shape: &[usize]| Tensor::constant(&device, v, shape);
        // Two equal labels need three steps; no labels need none.
        let (targets, lengths) = (int(&[1, 1, 1, 2, 1, 1], &[3, 2]), int(&[2, 2, 0], &[3]));
        let inputs = int(&[2, 0, 0], &[3]);
        let log_probs = logits.log_softmax(-1);
        let loss = |zero_infinity| log_probs.ctc_loss(&targets, &inputs, &lengths, 0, zero_infinity, NONE);
        assert_eq!(loss(false).to_vec::<f32>()?, [f32::INFINITY, f32::INFINITY, 0.0]);
        assert_eq!(loss(true).to_vec::<f32>()?, [0.0; 3]);
        let slope = |loss: Tensor| loss.sum_all().backward().get(&logits).unwrap().to_vec::<f32>();
        assert_eq!(slope(loss(true))?, [0.0; 18]);
        let slope = slope(loss(false))?;
        // Both steps of the first item have gradients of NaN; the second item has no steps, and the third one is possible.
        let (first, third) = ([&slope[..3], &slope[9..12]].concat(), [&slope[6..9], &slope[15..]].concat());
        assert!(first.iter().all(|s| s.is_nan()), "{slope:?} on {}", device.info());
        assert_eq!(third, [0.0; 6], "{}", device.info());
    }
    Ok(())
}

/// The values of lengths are unknown while a graph is recorded, so that out-of-range lengths are not errors, but have a defined result.
#[test]
fn ctc_with_lengths_beyond_the_ends() -> Result<()> {
    for device in devices() {
        let logits: Vec<f32> = (0..24).map(|i| (i * 29 % 17) as f32 / 6.0).collect();
        let log_probs = Tensor::constant(&device, &logits, &[4, 2, 3]).log_softmax(-1);
        let int = |v: &[i32], shape: &[usize]| Tensor::constant(&device, v, shape);
        let targets = int(&[1, 2, 2, 1], &[2, 2]);
        let loss = |inputs: [i32; 2], lengths: [i32; 2]| {
            let (inputs, lengths) = (int(&inputs, &[2]), int(&lengths, &[2]));
            log_probs.ctc_loss(&targets, &inputs, &lengths, 0, false, NONE).to_vec::<f32>()
        };
        let whole = loss([4, 4], [2, 2])?;
        assert_eq!(loss([9, 4], [2, 2])?, whole);
        assert_eq!(loss([4, 4], [3, 2])?, [f32::INFINITY, whole[1]]);
    }
    Ok(())
}

/// As with the fused loss, for all options, if the classes are computed.
#[test]
fn classes_that_are_none_give_nan() -> Result<()> {
    for device in devices() {
        let logs = Tensor::zeros(&device, &[3, 2]).log_softmax(-1);
        let weight = Tensor::ones(&device, &[2]);
        let classes = -Tensor::constant(&device, &[-1i32, -2, 1], &[3]);
        let losses = [
            logs.nll_loss(&classes, None, -100, NONE),
            logs.nll_loss(&classes, Some(&weight), -100, NONE),
            logs.cross_entropy_with(&classes, CrossEntropy { reduction: NONE, ..CrossEntropy::default() }),
            logs.cross_entropy_with(
                &classes,
                CrossEntropy {
                    weight: Some(&weight),
                    label_smoothing: 0.1,
                    reduction: NONE,
                    ..CrossEntropy::default()
                },
            ),
        ];
        for loss in losses {
            let loss = loss.to_vec::<f32>()?;
            near(loss[0], 2f32.ln());
            assert!(loss[1].is_nan() && loss[2].is_nan(), "{loss:?}");
        }
    }
    Ok(())
}

/// Impossible classes that are not the target do not count.
#[test]
fn infinite_log_probabilities_of_other_classes() -> Result<()> {
    let logs = floats(&[0.0, f32::NEG_INFINITY], &[1, 2]);
    assert_eq!(logs.nll_loss(&ints(&[0], &[1]), None, -100, Reduction::Mean).item()?, 0.0);
    Ok(())
}

/// The probabilities of a long sequence underflow, their logarithms do not.
#[test]
fn ctc_of_a_long_sequence() -> Result<()> {
    let (steps, labels) = (400, 50);
    for device in devices() {
        let logits = Tensor::zeros(&device, &[steps, 1, 11]).variable();
        let targets: Vec<i32> = (0..labels).map(|i| 1 + i % 10).collect();
        let targets = Tensor::constant(&device, &targets, &[1, labels as usize]);
        let int = |v: i32| Tensor::constant(&device, &[v], &[1]);
        let log_probs = logits.log_softmax(-1);
        let loss = log_probs.ctc_loss(&targets, &int(steps as i32), &int(labels), 0, false, Reduction::Sum);
        // All labels differ from their neighbours: choose(steps + labels, 2 labels) alignments, all equally probable.
        let choices =
            (1..=2 * labels).map(|i| f64::from(steps as i32 + labels + 1 - i).ln() - f64::from(i).ln());
        let want = steps as f64 * 11f64.ln() - choices.sum::<f64>();
        let got = f64::from(loss.item()?);
        assert!((got - want).abs() < 1e-5 * want, "{got} for {want}");
        let slopes = loss.backward().get(&logits).unwrap().to_vec::<f32>()?;
        let worst = slopes.chunks(11).map(|s| s.iter().sum::<f32>().abs()).fold(0.0, f32::max);
        assert!(worst < 1e-5, "gradients of a step add up to {worst}");
    }
    Ok(())
}
