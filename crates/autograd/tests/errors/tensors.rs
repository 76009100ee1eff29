//! Tensors, gradients and steps of optimizers.

use autograd::{AdamStep, Gradients, SgdStep, Tensor, Transaction, grad, vjp};

use crate::panics::{Mistake, check};
use crate::{cpu, f32s, i32s};

pub const MISTAKES: &[Mistake] = &[
    ("from_slice", &["from_slice", "2", "[3]"], || drop(Tensor::from_slice(&cpu(), &[1f32, 2.0], &[3]))),
    ("constant", &["constant", "2", "[3]"], || drop(Tensor::constant(&cpu(), &[1f32, 2.0], &[3]))),
    ("scalars", &["scalars", "65"], || drop(Tensor::scalars(&cpu(), &[0f32; 65]))),
    ("absurd shape", &["[4294967296, 4294967296, 4]"], || {
        drop(Tensor::zeros(&cpu(), &[1 << 32, 1 << 32, 4]))
    }),
    ("item", &["item", "[2]"], || drop(f32s(&[2]).item())),
    ("item of an integer", &["i32"], || drop(i32s(&[]).item())),
    ("to_vec", &["f32", "i32"], || drop(f32s(&[2]).to_vec::<i32>())),
    ("fetch", &["f32", "i32"], || drop(f32s(&[2]).fetch().unwrap().to_vec::<i32>())),
    ("variable", &["variable", "i32"], || drop(i32s(&[2]).variable())),
    ("backward", &["backward", "[2]"], || drop(f32s(&[2]).variable().backward())),
    ("grad", &["backward", "[2]"], || drop(grad(&f32s(&[2]), &[]))),
    ("vjp", &["vjp", "[2]", "[3]"], || drop(vjp(&[(&f32s(&[2]), &f32s(&[3]))], &[]))),
    ("from_pairs", &["[2]", "[3]"], || drop(Gradients::from_pairs([(f32s(&[2]), f32s(&[3]))]))),
    ("backward of a freed graph", &["backward", "freed", "tensors.rs"], || {
        let x = f32s(&[2]).variable();
        let loss = x.square().sum_all();
        Transaction::default().loss(&loss).run().unwrap();
        drop(loss.backward());
    }),
    ("SgdStep", &["sgd_step", "[3]"], || {
        let step = SgdStep { momentum: false, nesterov: false, maximize: false };
        let (hyper, ok) = (f32s(&[6]), f32s(&[1]).gt(0.0));
        drop(step.apply(&hyper, &ok, &f32s(&[3]), &[f32s(&[4])]))
    }),
    ("AdamStep", &["AdamStep"], || {
        let step = AdamStep { amsgrad: false, decoupled: false, maximize: false };
        drop(step.apply(&f32s(&[7]), &f32s(&[1]).gt(0.0), &f32s(&[3]), &[f32s(&[3])]))
    }),
    ("clip_norm", &["clip_norm", "no gradients"], || drop(Gradients::from_pairs([]).clip_norm(1.0, 2.0))),
];

#[test]
fn mistakes() {
    check(MISTAKES);
}
