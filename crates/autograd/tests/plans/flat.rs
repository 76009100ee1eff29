//! Gradients and concatenations whose parts are computed in the memory of the whole.

use autograd::{DType, Device, PlanView, Role, SgdStep, State, Tensor, Transaction, cat, flatten_all};
use gpu_core::testing;

use crate::{alone, names, plans_with};

/// Trains an MLP of linear layers `[width, width]` with three steps of SGD, and returns the weights. With `keep`, the step also outputs
/// the gradients.
fn train_mlp(device: &Device, [layers, width, batch]: [usize; 3], keep: bool) -> Vec<f32> {
    let count = width * width;
    let wave = |n: usize, f: f32| (Tensor::arange(device, n).to(DType::F32) * f).sin();
    let flat = State::new(&(wave(layers * count, 0.37) * (2.0 / width as f32).sqrt()), Role::Parameter);
    let velocity = State::new(&Tensor::zeros(device, &[layers * count]), Role::State);
    let x = wave(batch * width, 0.11).reshape(&[batch, width]);
    autograd::evaluate(&[&x, &flat.value(), &velocity.value()]).unwrap();
    let sgd = SgdStep { momentum: true, nesterov: false, maximize: false };
    for step in 0..3 {
        let old = flat.value();
        let weight = |l: usize| old.narrow(0, l * count, count).reshape(&[width, width]).variable();
        let weights: Vec<Tensor> = (0..layers).map(weight).collect();
        let loss = weights.iter().fold(x.clone(), |x, w| x.linear(w, None).relu()).square().mean_all();
        let gradients = loss.backward();
        let grads: Vec<Tensor> = weights.iter().map(|w| gradients.get(w).unwrap().clone()).collect();
        let grad = flatten_all(&grads.iter().collect::<Vec<_>>(), 64);
        let hyper = Tensor::scalars(device, &[0.1f32, 0.9, 0.0, 0.0, f32::from(u8::from(step == 0)), 1.0]);
        let ok = Tensor::scalars(device, &[1u32]);
        let new = sgd.apply(&hyper, &ok, &grad, &[old, velocity.value()]);
        let [weight, speed] = <[Tensor; 2]>::try_from(new).unwrap();
        let mut step = Transaction::default().loss(&loss).write(&flat, weight).write(&velocity, speed);
        if keep {
            step = grads.iter().fold(step, Transaction::output);
        }
        drop((grad, grads, gradients, weights));
        step.run().unwrap();
    }
    flat.value().to_vec().unwrap()
}

/// The transposes between the weight of a linear layer and the product that is its gradient cancel.
#[test]
fn gradients_of_linear_layers_are_produced_in_flat_memory() {
    let _alone = alone();
    let sizes @ [layers, width, batch] = [3, 64, 4];
    for device in testing::devices() {
        let mut weights = vec![];
        let made = plans_with(&device, "sgd_step", || weights = train_mlp(&device, sizes, false));
        let step = made.iter().min_by_key(|p| p.launches().len()).expect("the plan of a step");
        let gradients = 4 * layers * width * width;
        let activations = 4 * (layers + 3) * batch * width;
        assert!(step.temp_bytes() < gradients + activations, "{}", step.explain());
        assert!(!step.to_string().contains("copy"), "{}", step.explain());
        assert_eq!(weights, train_mlp(&device, sizes, true), "gradients in flat memory and by themselves");
    }
}

#[test]
fn transposed_products_are_concatenated_without_a_copy() {
    let _alone = alone();
    for device in testing::devices() {
        let x = Tensor::arange(&device, 2 * 8 * 5).to(DType::F32).reshape(&[2, 8, 5]);
        let w = (Tensor::arange(&device, 2 * 5 * 16).to(DType::F32) * 0.25).reshape(&[2, 5, 16]);
        let number = |b: usize, i: usize, j: usize| -> f32 {
            (0..5).map(|k| ((b * 8 + i) * 5 + k) as f32 * (0.25 * ((b * 5 + k) * 16 + j) as f32)).sum()
        };
        let one = |b: usize| (0..16).flat_map(move |j| (0..8).map(move |i| number(b, i, j)));
        let wanted: Vec<f32> = [0, 1, 1].into_iter().flat_map(one).collect();
        autograd::evaluate(&[&x, &w]).unwrap();
        let made = plans_with(&device, "matmul", || {
            let both = x.matmul(&w).permute(&[0, 2, 1]);
            let second = x.select(0, 1).matmul(&w.select(0, 1)).t().reshape(&[1, 16, 8]);
            let all = cat(&[&both, &second], 0);
            drop((both, second));
            assert_eq!(all.to_vec::<f32>().unwrap(), wanted);
        });
        assert_eq!(
            made.iter().map(names).collect::<Vec<_>>(),
            [["matmul", "matmul"]],
            "{}",
            made[0].explain()
        );
    }
}

/// A result with memory of its own is written in the order of the concatenation, whatever views are between.
#[test]
fn element_wise_results_are_concatenated_in_any_order() {
    let _alone = alone();
    for device in testing::devices() {
        for fusion in [true, false] {
            autograd::set_fusion(fusion);
            let x = Tensor::arange(&device, 4 * 6 * 16).to(DType::F32).reshape(&[4, 6, 16]);
            let y = &x * 2.0;
            let turned = y.permute(&[2, 0, 1]);
            let flat = flatten_all(&[&turned, &y.permute(&[1, 0, 2]).permute(&[1, 0, 2])], 64);
            drop(turned);
            let wanted = |i: usize| match i.checked_sub(384) {
                None => 2 * ((i / 6 % 4) * 96 + (i % 6) * 16 + i / 24),
                Some(i) => 2 * i,
            };
            let wanted: Vec<f32> = (0..768).map(|i| wanted(i) as f32).collect();
            drop(y);
            assert_eq!(flat.to_vec::<f32>().unwrap(), wanted, "{} {fusion}", device.info());
        }
        autograd::set_fusion(true);
    }
}

/// Reused memory holds other numbers between the parts.
#[test]
fn only_the_padding_of_flat_memory_is_zeroed() {
    let _alone = alone();
    for device in testing::devices() {
        let sizes = [3, 70, 64, 1];
        let parts = || sizes.map(|n| Tensor::arange(&device, n).to(DType::F32) + 1.0);
        let junk = Tensor::full(&device, f32::NAN, &[320]) * Tensor::ones(&device, &[320]);
        assert!(junk.to_vec::<f32>().unwrap().iter().all(|x| x.is_nan()));
        drop(junk);
        let mut wanted = vec![];
        for n in sizes {
            wanted.extend((0..n).map(|i| i as f32 + 1.0));
            wanted.resize(wanted.len().next_multiple_of(64), 0.0);
        }
        let made = plans_with(&device, "zero_ranges", || {
            let flat = flatten_all(&parts().iter().collect::<Vec<_>>(), 64);
            assert_eq!(flat.to_vec::<f32>().unwrap(), wanted);
        });
        let zeroed = |p: &PlanView| -> u64 {
            let zeros = p.launches().iter().filter(|l| l.kernel().name() == "zero_ranges");
            zeros.map(|l| l.kernel().cost().bytes).sum()
        };
        assert_eq!(made.iter().map(zeroed).collect::<Vec<_>>(), [4 * (320 - 138)]);
    }
}
