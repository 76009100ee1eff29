//! Checks gradients against differences of the function itself.

mod numbers;

use autograd::{Device, Tensor, grad};

use numbers::{Numbers, Values};

pub struct Input {
    shape: Vec<usize>,
    values: Values,
}

pub fn between(low: f32, high: f32, shape: &[usize]) -> Input {
    Input { shape: shape.to_vec(), values: Values::Between(low, high) }
}

pub fn any(shape: &[usize]) -> Input {
    between(-1.0, 1.0, shape)
}

pub fn signed(low: f32, high: f32, shape: &[usize]) -> Input {
    Input { shape: shape.to_vec(), values: Values::Signed(low, high) }
}

pub fn distinct(shape: &[usize]) -> Input {
    Input { shape: shape.to_vec(), values: Values::Distinct }
}

/// The step of the differences. With four points the error is of its fourth power, and rounding errors stay small.
const STEP: f32 = 0.02;
/// Of the largest gradient, or of 1.
const TOLERANCE: f64 = 5e-4;

/// How often a function is differentiated.
#[derive(Clone, Copy, PartialEq)]
pub enum Order {
    First,
    Second,
}

/// Compares the gradients of a random projection of `f`, and those of a random projection of these gradients, with
/// differences.
///
/// # Panics
/// When they differ.
pub fn check(name: &str, order: Order, inputs: &[Input], f: &dyn Fn(&[Tensor]) -> Tensor) {
    let device = Device::named("cpu").unwrap();
    let mut numbers = Numbers::new(name.bytes().fold(7, |h, b| h.wrapping_mul(31) + u64::from(b)));
    let at: Vec<Vec<f32>> = inputs.iter().map(|i| numbers.draw(i.values, i.shape.iter().product())).collect();
    let tensors = |at: &[Vec<f32>]| -> Vec<Tensor> {
        let tensor =
            |(v, i): (&Vec<f32>, &Input)| Tensor::from_slice(&device, v, &i.shape).unwrap().variable();
        at.iter().zip(inputs).map(tensor).collect()
    };
    let y = f(&tensors(&at));
    assert!(y.requires_grad(), "{name}: the result does not require gradients");
    let weights = numbers.draw(Values::Signed(0.3, 1.0), y.numel());
    let projected = |x: &[Tensor]| {
        let y = f(x);
        (&y * Tensor::from_slice(&device, &weights, y.shape()).unwrap()).sum_all()
    };
    let value = |at: &[Vec<f32>]| dot(&f(&tensors(at)).to_vec::<f32>().unwrap(), &weights);
    let x = tensors(&at);
    let first = gradients(&projected(&x), &x);
    compare(&format!("{name}, first order"), &at, &first, &value);
    // Gradients are of any tensor, not only of variables.
    let plain: Vec<Tensor> = x.iter().map(Tensor::detach).collect();
    let of_plain = grad(&projected(&plain), &plain.iter().collect::<Vec<_>>());
    for ((wanted, got), x) in first.iter().zip(of_plain).zip(&x) {
        let got = got.unwrap_or_else(|| x.zeros_like()).to_vec::<f32>().unwrap();
        assert_eq!(&got, wanted, "{name}: the gradient of a tensor that is no variable");
    }
    if order == Order::First {
        return;
    }
    let directions: Vec<Vec<f32>> =
        at.iter().map(|v| numbers.draw(Values::Signed(0.3, 1.0), v.len())).collect();
    let slope = |at: &[Vec<f32>]| {
        let x = tensors(at);
        let of = gradients(&projected(&x), &x);
        of.iter().zip(&directions).map(|(g, d)| dot(g, d)).sum()
    };
    let y = projected(&x);
    let slopes = grad(&y, &x.iter().collect::<Vec<_>>());
    let slopes = slopes.iter().zip(&directions).zip(&x).filter_map(|((g, d), x)| {
        Some((g.as_ref()? * Tensor::from_slice(&device, d, x.shape()).unwrap()).sum_all())
    });
    let sum = slopes.reduce(|a, b| a + b).expect("a gradient");
    compare(&format!("{name}, second order"), &at, &gradients(&sum, &x), &slope);
}

/// Gradients of all tensors, zeros where there is none.
fn gradients(y: &Tensor, wrt: &[Tensor]) -> Vec<Vec<f32>> {
    let found = y.backward();
    wrt.iter().map(|x| found.get(x).map_or_else(|| vec![0.0; x.numel()], |g| g.to_vec().unwrap())).collect()
}

fn dot(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum()
}

fn compare(name: &str, at: &[Vec<f32>], gradients: &[Vec<f32>], value: &dyn Fn(&[Vec<f32>]) -> f64) {
    let largest = gradients.iter().flatten().fold(1f64, |m, g| m.max(f64::from(g.abs())));
    let mut moved = at.to_vec();
    for (i, gradient) in gradients.iter().enumerate() {
        for (j, &got) in gradient.iter().enumerate() {
            let mut shifted = |steps: f32| {
                moved[i][j] = at[i][j] + steps * STEP;
                let value = value(&moved);
                moved[i][j] = at[i][j];
                value
            };
            let near = shifted(1.0) - shifted(-1.0);
            let far = shifted(2.0) - shifted(-2.0);
            let wanted = (8.0 * near - far) / (12.0 * f64::from(STEP));
            let close = (wanted - f64::from(got)).abs() <= TOLERANCE * largest;
            assert!(
                close,
                "{name}: input {i}, element {j} at {}: {got} by rule, {wanted} by differences",
                at[i][j]
            );
        }
    }
}
