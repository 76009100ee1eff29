//! Functions of single elements.

use std::sync::Arc;

use autograd::{DType, HostCall, HostResult, Tensor};

use crate::check::{Case, any, between, check_all, signed};
use crate::ints;

/// Three times its input.
#[derive(Debug)]
struct Triple;

impl HostCall for Triple {
    fn describe(&self) -> String {
        "three times".into()
    }

    fn gradient(&self) -> Option<Arc<dyn HostCall>> {
        Some(Arc::new(Triple))
    }

    fn start(&self, input: &[f32]) -> HostResult {
        let values: Vec<f32> = input.iter().map(|v| 3.0 * v).collect();
        Box::new(move |out| {
            out.copy_from_slice(&values);
            Ok(())
        })
    }
}

fn one_element() -> Vec<Case> {
    let s = &[2, 3];
    vec![
        ("neg", vec![any(s)], |x| -&x[0]),
        ("abs", vec![signed(0.2, 1.0, s)], |x| x[0].abs()),
        ("sign", vec![signed(0.2, 1.0, s)], |x| x[0].sign() * &x[0]),
        ("reciprocal", vec![signed(0.7, 1.5, s)], |x| x[0].reciprocal()),
        ("sqrt", vec![between(0.7, 2.0, s)], |x| x[0].sqrt()),
        ("rsqrt", vec![between(0.7, 2.0, s)], |x| x[0].rsqrt()),
        ("exp", vec![any(s)], |x| x[0].exp()),
        ("exp2", vec![any(s)], |x| x[0].exp2()),
        ("expm1", vec![any(s)], |x| x[0].expm1()),
        ("log", vec![between(0.7, 2.0, s)], |x| x[0].log()),
        ("log2", vec![between(0.7, 2.0, s)], |x| x[0].log2()),
        ("log10", vec![between(0.7, 2.0, s)], |x| x[0].log10()),
        ("log1p", vec![between(-0.2, 1.0, s)], |x| x[0].log1p()),
        ("sin", vec![any(s)], |x| x[0].sin()),
        ("cos", vec![any(s)], |x| x[0].cos()),
        ("tan", vec![between(-0.7, 0.7, s)], |x| x[0].tan()),
        ("asin", vec![between(-0.6, 0.6, s)], |x| x[0].asin()),
        ("acos", vec![between(-0.6, 0.6, s)], |x| x[0].acos()),
        ("atan", vec![any(s)], |x| x[0].atan()),
        ("sinh", vec![any(s)], |x| x[0].sinh()),
        ("cosh", vec![any(s)], |x| x[0].cosh()),
        ("asinh", vec![any(s)], |x| x[0].asinh()),
        ("acosh", vec![between(1.6, 3.0, s)], |x| x[0].acosh()),
        ("atanh", vec![between(-0.6, 0.6, s)], |x| x[0].atanh()),
        ("tanh", vec![any(s)], |x| x[0].tanh()),
        ("erf", vec![any(s)], |x| x[0].erf()),
        ("erfc", vec![any(s)], |x| x[0].erfc()),
        ("lgamma", vec![between(0.5, 3.0, s)], |x| x[0].lgamma()),
        ("digamma", vec![between(0.7, 3.0, s)], |x| x[0].digamma()),
        ("xlogy", vec![any(s), between(0.7, 1.5, &[3])], |x| x[0].xlogy(&x[1])),
        ("sigmoid", vec![any(s)], |x| x[0].sigmoid()),
        ("relu", vec![signed(0.2, 1.0, s)], |x| x[0].relu()),
        ("floor", vec![between(0.1, 0.9, s)], |x| x[0].floor() * &x[0]),
        ("ceil", vec![between(0.1, 0.9, s)], |x| x[0].ceil() * &x[0]),
        ("round", vec![between(0.6, 0.9, s)], |x| x[0].round() * &x[0]),
        ("trunc", vec![between(1.1, 1.9, s)], |x| x[0].trunc() * &x[0]),
        ("frac", vec![between(1.1, 1.9, s)], |x| x[0].frac()),
        ("to", vec![any(s)], |x| x[0].to(DType::F32).square()),
        ("square", vec![any(s)], |x| x[0].square()),
        ("host_call", vec![any(s)], |x| x[0].square().host_call(Arc::new(Triple))),
        ("rpow", vec![any(s)], |x| x[0].rpow(2.5)),
    ]
}

fn two_elements() -> Vec<Case> {
    let (s, row, scalar) = (&[2, 3], &[3], &[]);
    vec![
        ("add", vec![any(s), any(row)], |x| &x[0] + &x[1]),
        ("sub", vec![any(s), any(scalar)], |x| &x[0] - &x[1]),
        ("mul", vec![any(&[2, 1]), any(row)], |x| &x[0] * &x[1]),
        ("mul, with itself", vec![any(s)], |x| &x[0] * &x[0]),
        ("div", vec![any(s), signed(0.8, 1.5, row)], |x| &x[0] / &x[1]),
        ("div, numbers", vec![between(0.7, 1.0, s)], |x| 2.0 / (3.0 - &x[0] * 0.5)),
        ("pow", vec![between(0.7, 1.5, s), any(row)], |x| x[0].pow(&x[1])),
        ("pow, of a number", vec![signed(0.6, 1.5, s)], |x| x[0].pow(3.0)),
        ("atan2", vec![signed(0.6, 1.0, s), signed(0.6, 1.0, s)], |x| x[0].atan2(&x[1])),
        ("fmod", vec![between(2.2, 2.6, s), between(0.9, 1.0, s)], |x| x[0].fmod(&x[1])),
        ("floor_divide", vec![between(2.2, 2.6, s), between(0.9, 1.0, s)], |x| {
            x[0].floor_divide(&x[1]) * &x[0]
        }),
        ("remainder", vec![between(-2.6, -2.2, s), between(0.9, 1.0, s)], |x| x[0].remainder(&x[1])),
        ("maximum", vec![between(0.0, 0.4, s), signed(0.6, 1.0, s)], |x| x[0].maximum(&x[1])),
        ("minimum", vec![between(0.0, 0.4, s), signed(0.6, 1.0, s)], |x| x[0].minimum(&x[1])),
        ("where_", vec![any(s), any(row)], |x| {
            (&x[0] * &x[0]).where_(&ints(&[1, 0, 1], &[3]).eq(1.0), &x[1])
        }),
        ("masked_fill", vec![any(s)], |x| x[0].square().masked_fill(&ints(&[1, 0, 1], &[3]).eq(1.0), 2.0)),
        ("lerp", vec![any(s), any(s), any(row)], |x| x[0].lerp(&x[1], &x[2])),
        ("clamp, inside", vec![any(s)], |x| x[0].clamp(-1.1, 1.1).square()),
        ("clamp, outside", vec![signed(0.6, 0.9, s)], |x| x[0].clamp(-0.5, 0.5).square() * &x[0]),
        ("clamp_min", vec![any(s), between(-3.0, -2.0, row)], |x| x[0].square().clamp_min(&x[1])),
        ("clamp_min, below", vec![any(s), between(2.0, 3.0, row)], |x| x[0].clamp_min(x[1].square())),
        ("clamp_max", vec![any(s), between(2.0, 3.0, row)], |x| x[0].square().clamp_max(&x[1])),
        ("clamp_max, above", vec![any(s), between(-3.0, -2.0, row)], |x| x[0].clamp_max(x[1].square())),
        ("heaviside", vec![any(row)], |x| {
            let steps = Tensor::constant(x[0].device(), &[-1.0f32, 0.0, 1.0], &[3]);
            steps.heaviside(x[0].square())
        }),
        ("clamp, by tensors", vec![any(s), between(-3.0, -2.0, row), between(-1.5, -1.2, row)], |x| {
            x[0].clamp(&x[1], &x[2]).square()
        }),
    ]
}

fn activations() -> Vec<Case> {
    let s = &[2, 4];
    vec![
        ("threshold", vec![signed(0.2, 1.0, s)], |x| x[0].threshold(0.0, 3.0).square()),
        ("hardtanh", vec![signed(0.2, 0.9, s)], |x| (x[0].hardtanh(-1.0, 1.0)).square()),
        ("relu6", vec![signed(0.2, 1.0, s)], |x| x[0].relu6().square()),
        ("leaky_relu", vec![signed(0.2, 1.0, s)], |x| x[0].leaky_relu(0.1).square()),
        ("prelu", vec![signed(0.2, 1.0, s), any(&[4])], |x| x[0].prelu(&x[1])),
        ("elu", vec![signed(0.2, 1.0, s)], |x| x[0].elu(1.3)),
        ("celu", vec![signed(0.2, 1.0, s)], |x| x[0].celu(1.3)),
        ("selu", vec![signed(0.2, 1.0, s)], |x| x[0].selu()),
        ("softplus", vec![any(s)], |x| x[0].softplus(1.5, 20.0)),
        ("softsign", vec![signed(0.2, 1.0, s)], |x| x[0].softsign()),
        ("tanhshrink", vec![any(s)], |x| x[0].tanhshrink()),
        ("hardshrink", vec![signed(0.2, 0.4, s)], |x| x[0].hardshrink(0.1).square()),
        ("softshrink", vec![signed(0.2, 0.4, s)], |x| x[0].softshrink(0.1).square()),
        ("silu", vec![any(s)], |x| x[0].silu()),
        ("mish", vec![any(s)], |x| x[0].mish()),
        ("hardsigmoid", vec![any(s)], |x| x[0].hardsigmoid().square()),
        ("hardswish", vec![any(s)], |x| x[0].hardswish()),
        ("gelu", vec![any(s)], |x| x[0].gelu()),
        ("gelu_tanh", vec![any(s)], |x| x[0].gelu_tanh()),
        ("logsigmoid", vec![signed(0.2, 1.0, s)], |x| x[0].logsigmoid()),
        ("glu", vec![any(s)], |x| x[0].glu(1)),
    ]
}

pub fn cases() -> Vec<Case> {
    [one_element(), two_elements(), activations()].into_iter().flatten().collect()
}

#[test]
fn gradients() {
    check_all(cases());
}
