//! Losses: gradients against differences, and numbers that PyTorch's fixtures do not hold.

#[allow(dead_code)] // a part of it is enough here
mod check;

use autograd::{
    Arcs, DType::F32, Device, Paths, Reduction, Result, Tensor, TripletMargin, gradient_penalty,
    jacobian_penalty, lattice, style_loss,
};
use check::Order::Second;
use check::{Input, any, between, check, distinct, signed};
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

type Case = (&'static str, Vec<Input>, fn(&[Tensor]) -> Tensor);

fn check_all(cases: Vec<Case>) {
    cases.iter().for_each(|(name, inputs, f)| check(name, Second, inputs, f));
}

const NONE: Reduction = Reduction::None;

/// Targets -1 and 1.
fn signs() -> Tensor {
    floats(&[1.0, -1.0, 1.0, -1.0], &[4])
}

fn near(got: f32, want: f32) {
    assert!((got - want).abs() <= 2e-6 * want.abs().max(1.0), "{got} for {want}");
}

#[test]
fn gradients_of_losses_between_numbers() {
    let s = &[2, 3];
    // Within 0.2 and beyond 0.5: seams lie between.
    let pair = || vec![signed(0.2, 0.4, s), between(0.0, 0.01, s)];
    check_all(vec![
        ("l1_loss", pair(), |x| x[0].square().l1_loss(&x[1].square(), NONE)),
        ("smooth_l1_loss", vec![any(s), between(1.8, 2.0, s)], |x| x[0].smooth_l1_loss(&x[1], 0.5, NONE)),
        ("smooth_l1_loss near", pair(), |x| x[0].smooth_l1_loss(&x[1], 0.7, NONE)),
        ("huber_loss", vec![any(s), between(1.8, 2.0, s)], |x| x[0].square().huber_loss(&x[1], 0.5, NONE)),
        ("huber_loss near", pair(), |x| x[0].huber_loss(&x[1], 0.7, Reduction::BatchMean)),
        ("epsilon_insensitive_loss", pair(), |x| {
            x[0].square().epsilon_insensitive_loss(&(&x[1] + 2.0), 0.5, NONE)
        }),
        ("quantile_loss", pair(), |x| x[0].quantile_loss(&x[1], 0.8, NONE).square()),
        ("kl_div", vec![any(s), between(0.2, 1.0, s)], |x| x[0].square().kl_div(&x[1], false, NONE)),
        ("kl_div of logarithms", vec![any(s), any(s)], |x| x[0].kl_div(&x[1], true, NONE)),
        ("poisson_nll_loss", vec![between(0.5, 2.0, s), between(0.1, 0.7, s)], |x| {
            x[0].poisson_nll_loss(&x[1], false, false, 1e-8, NONE)
        }),
        ("full poisson_nll_loss", vec![any(s), between(1.2, 3.0, s)], |x| {
            x[0].poisson_nll_loss(&x[1], true, true, 1e-8, NONE)
        }),
        ("gaussian_nll_loss", vec![any(s), any(s), between(0.7, 2.0, &[2])], |x| {
            x[0].gaussian_nll_loss(&x[1], &x[2], true, 1e-6, NONE)
        }),
        ("gaussian_kl", vec![any(s), any(s)], |x| x[0].gaussian_kl(&x[1], Reduction::BatchMean)),
        ("sparsity_kl", vec![between(0.2, 0.8, s)], |x| x[0].sparsity_kl(0.1, NONE)),
    ]);
}

#[test]
fn gradients_of_losses_of_classes() {
    let s = &[2, 3];
    let soft = || vec![any(s), between(0.1, 0.9, s)];
    check_all(vec![
        ("binary_cross_entropy", vec![between(0.2, 0.8, s), between(0.1, 0.9, s), any(&[3])], |x| {
            x[0].binary_cross_entropy(&x[1], Some(&x[2]), Reduction::Sum)
        }),
        (
            "binary_cross_entropy_with_logits",
            vec![signed(0.2, 1.0, s), between(0.1, 0.9, s), any(&[3])],
            |x| x[0].binary_cross_entropy_with_logits(&x[1], None, Some(&x[2]), NONE),
        ),
        ("sigmoid_focal_loss", vec![signed(0.2, 1.0, s), between(0.1, 0.9, s)], |x| {
            x[0].sigmoid_focal_loss(&x[1], Some(0.3), 1.5, NONE)
        }),
        ("multilabel_soft_margin_loss", vec![signed(0.2, 1.0, s), between(0.1, 0.9, s)], |x| {
            x[0].multilabel_soft_margin_loss(&x[1], None, NONE)
        }),
        ("dice_loss", soft(), |x| x[0].sigmoid().unsqueeze(0).dice_loss(&x[1].unsqueeze(0), 0.1, NONE)),
        ("iou_loss", soft(), |x| x[0].sigmoid().unsqueeze(0).iou_loss(&x[1].unsqueeze(0), 0.1, NONE)),
    ]);
}

#[test]
fn gradients_of_margin_losses() {
    let s = &[4];
    let vectors = |count| (0..count).map(|_| signed(0.3, 1.0, &[4, 3])).collect::<Vec<_>>();
    check_all(vec![
        ("hinge_loss", vec![between(-0.8, 0.8, s)], |x| x[0].hinge_loss(&signs(), NONE).square()),
        ("squared_hinge_loss", vec![between(-0.8, 0.8, s)], |x| x[0].squared_hinge_loss(&signs(), NONE)),
        ("soft_margin_loss", vec![signed(0.2, 1.0, s)], |x| x[0].soft_margin_loss(&signs(), NONE)),
        ("hinge_embedding_loss", vec![between(0.1, 0.9, s)], |x| {
            x[0].square().hinge_embedding_loss(&signs(), 1.0, NONE)
        }),
        ("margin_ranking_loss", vec![between(-0.4, 0.4, s), between(-0.4, 0.4, s)], |x| {
            x[0].square().margin_ranking_loss(&x[1], &signs(), 1.0, NONE)
        }),
        ("multi_margin_loss", vec![distinct(&[2, 4]), between(0.5, 1.0, &[4])], |x| {
            x[0].multi_margin_loss(&ints(&[1, 3], &[2]), 2, 0.1, Some(&x[1]), NONE)
        }),
        ("triplet_margin_loss", vectors(3), |x| {
            let options = TripletMargin { margin: 5.0, p: 3.0, ..Default::default() };
            x[0].triplet_margin_loss(&x[1], &x[2], options, NONE)
        }),
        ("cosine_embedding_loss", vectors(2), |x| x[0].cosine_embedding_loss(&x[1], &signs(), -1.5, NONE)),
        ("cosine_similarity", vec![signed(0.3, 1.0, &[4, 3]), signed(0.3, 1.0, &[3])], |x| {
            x[0].cosine_similarity(&x[1].unsqueeze(0), 1, 1e-8)
        }),
        ("contrastive_loss", vec![signed(0.3, 1.0, &[4, 3]), any(&[4, 3]), between(0.2, 0.8, s)], |x| {
            x[0].contrastive_loss(&(&x[1] + 3.0), &x[2], 20.0, NONE)
        }),
        ("nt_xent_loss", vec![signed(0.4, 1.0, &[3, 2]), signed(0.4, 1.0, &[3, 2])], |x| {
            x[0].nt_xent_loss(&x[1], 0.9, NONE)
        }),
        ("info_nce_loss", vec![signed(0.4, 1.0, &[3, 2]), signed(0.4, 1.0, &[3, 2])], |x| {
            x[0].info_nce_loss(&x[1], None, 0.9, NONE)
        }),
        (
            "info_nce_loss with negatives",
            vec![signed(0.4, 1.0, &[3, 2]), signed(0.4, 1.0, &[3, 2]), signed(0.4, 1.0, &[4, 2])],
            |x| x[0].info_nce_loss(&x[1], Some(&x[2]), 0.9, NONE),
        ),
        ("nce_loss", vec![signed(0.2, 1.0, &[2]), any(&[2]), signed(0.2, 1.0, &[2, 3]), any(&[2, 3])], |x| {
            x[0].nce_loss(&(&x[1] + 3.0), &x[2], &(&x[3] + 3.0), NONE)
        }),
        ("style_loss", vec![any(&[1, 2, 3]), any(&[1, 2, 4])], |x| style_loss(&x[..1], &x[1..])),
    ]);
}

#[test]
fn gradients_of_a_gradient_penalty() {
    let inputs = [any(&[3, 2]), any(&[4, 2]), any(&[1, 4])];
    check("gradient_penalty", Second, &inputs, &|x| {
        let (fake, mix) = (floats(&[0.3; 6], &[3, 2]), floats(&[0.1, 0.5, 0.9], &[3]));
        let critic = |points: &Tensor| points.linear(&x[1], None).tanh().linear(&x[2], None);
        gradient_penalty(critic, &floats(&[1.0, -1.0, 0.5, 0.2, -0.7, 0.9], &[3, 2]), &fake, &mix)
            + x[0].square().sum_all() * 0.01
    });
}

#[test]
fn gradients_of_a_jacobian_penalty() {
    check("jacobian_penalty", Second, &[any(&[3, 2]), any(&[4, 2])], &|x| {
        jacobian_penalty(&x[0].linear(&x[1], None).tanh(), &x[0]) + x[0].square().sum_all() * 0.01
    });
}

#[test]
fn gradients_of_paths() {
    let lengths = || ints(&[4, 2], &[2]);
    let all = |x: &[Tensor]| lattice(&x[0], Arcs::All(&x[1]), &ints(&[4, 2], &[2]), Paths::Sum);
    check("lattice", Second, &[any(&[2, 4, 3]), any(&[1, 3, 3])], &all);
    check("lattice with weights of each", Second, &[any(&[2, 4, 3]), any(&[2, 3, 3])], &all);
    check("lattice of a band", Second, &[any(&[2, 4, 3]), any(&[2, 2, 3])], &|x| {
        lattice(&x[0], Arcs::Band(&x[1]), &lengths(), Paths::Sum)
    });
    check("best path", Second, &[distinct(&[2, 4, 3]), between(0.0, 0.01, &[1, 3, 3])], &|x| {
        lattice(&x[0], Arcs::All(&x[1]), &lengths(), Paths::Best).square()
    });
    check("one step", Second, &[any(&[1, 1, 2]), any(&[1, 2, 2])], &|x| {
        lattice(&x[0].square(), Arcs::All(&x[1]), &ints(&[1], &[1]), Paths::Sum)
    });
    check("ctc_loss", Second, &[any(&[5, 2, 4])], &|x| {
        let (targets, lengths) = (ints(&[1, 1, 2, 3, 0, 0], &[2, 3]), ints(&[3, 1], &[2]));
        x[0].log_softmax(-1).ctc_loss(&targets, &ints(&[5, 4], &[2]), &lengths, 0, false, NONE)
    });
}

/// Losses that no fixture holds, with their gradients, on every device.
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

/// The numbers of the book: targets, predictions, and three losses of them.
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
    // The prior itself.
    assert_eq!(floats(&[0.0], &[1]).gaussian_kl(&floats(&[0.0], &[1]), Reduction::Sum).item()?, 0.0);
    let p = floats(&[0.0, 1.0], &[2]);
    assert_eq!(p.ones_like().kl_div(&p, false, NONE).to_vec::<f32>()?, [0.0, -1.0]);
    Ok(())
}

/// As torch: logarithms end at -100, slopes at 1e12.
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

/// Iterative soft thresholding on `(w - 1)^2 / 2 + (v - 0.1)^2 / 2 + 0.3 (|w| + |v|)`, whose least point is (0.7, 0).
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

/// The probability that labels per step collapse to `target`, over all sequences of them.
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

#[test]
fn ctc_of_too_short_inputs() -> Result<()> {
    let logits = Tensor::zeros(&cpu(), &[2, 3, 3]).variable();
    // Two equal labels need three steps; no labels need none.
    let (targets, lengths) = (ints(&[1, 1, 1, 2, 1, 1], &[3, 2]), ints(&[2, 2, 0], &[3]));
    let inputs = ints(&[2, 0, 0], &[3]);
    let loss =
        |zero_infinity| logits.log_softmax(-1).ctc_loss(&targets, &inputs, &lengths, 0, zero_infinity, NONE);
    assert_eq!(loss(false).to_vec::<f32>()?, [f32::INFINITY, f32::INFINITY, 0.0]);
    assert_eq!(loss(true).to_vec::<f32>()?, [0.0; 3]);
    let slope = |loss: Tensor| loss.sum_all().backward().get(&logits).unwrap().to_vec::<f32>();
    assert_eq!(slope(loss(true))?, [0.0; 18]);
    let slope = slope(loss(false))?;
    assert!(slope[..3].iter().all(|s| !s.is_finite()) && slope[6..9] == [0.0; 3], "{slope:?}");
    Ok(())
}

/// Of a long sequence, probabilities underflow and logarithms do not.
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
