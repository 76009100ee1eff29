//! Gradients, optimizers and parameters.

use wgrad::prelude::*;

use super::{Mistake, cpu, labels, ones, params};

pub const MISTAKES: &[Mistake] = &[
    ("`backward` of something that is no scalar", "scalar", |_| {
        let x = params().param("x", &[3], Init::ONES);
        x.value().square().backward();
        Ok(())
    }),
    ("`backward` a second time after the step", "twice", |_| {
        let params = params();
        let loss = params.param("x", &[], Init::ONES).value().square();
        Sgd::new(&params).step(loss.backward(), 0.1)?;
        loss.backward();
        Ok(())
    }),
    ("A loss that depends on no parameter of the optimizer", "other_params", |_| {
        let (mine, other) = (params(), params());
        let _unused = Linear::new(&mine, 2, 2);
        let loss = Linear::new(&other, 2, 1).forward(&ones(&[1, 2])).sum_all();
        Ok(Sgd::new(&mine).step(loss.backward(), 0.1)?)
    }),
    ("A gradient of integers", "integer_gradient", |_| {
        labels(&[1, 2]).variable();
        Ok(())
    }),
    ("A training step with a constant instead of the network's output", "no_gradient", |_| {
        let params = params();
        Linear::new(&params, 2, 1);
        Ok(Sgd::new(&params).step(ones(&[2]).square().sum_all().backward(), 0.1)?)
    }),
    ("Two layers under one name", "name", |_| {
        let params = params();
        Linear::new(&params, 2, 2);
        Linear::new(&params, 2, 2);
        Ok(())
    }),
    ("Setting a parameter to another shape", "set", |_| {
        Linear::new(&params(), 2, 3);
        let p = params().param("weight", &[3, 2], Init::ZEROS);
        p.set(&ones(&[2, 3]));
        Ok(())
    }),
    ("Tensors of two devices", "devices", |_| {
        let other = Device::named("dry:amd")?;
        drop(Tensor::ones(&cpu(), &[2]) + Tensor::ones(&other, &[2]));
        Ok(())
    }),
    ("A dropout probability of 5", "dropout", |_| {
        Dropout::new(&params(), 5.0);
        Ok(())
    }),
];
