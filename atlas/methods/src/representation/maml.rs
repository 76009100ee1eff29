//! Meta-learning: initial weights that adapt in a few steps.

use autograd::{Tensor, grad};

/// Whether the outer gradient includes the dependence of the inner gradient on the weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// No: first-order MAML.
    First,
    /// Yes: gradients of gradients.
    Second,
}

/// The inner loop of model-agnostic meta-learning (Finn, Abbeel and Levine 2017): `steps` steps of gradient descent on `loss` from
/// `weights`. The adapted weights depend differentiably on the initial ones, so that the loss on other examples of the same task can be
/// backpropagated through the steps.
///
/// With a task dimension in the weights and a loss summed over tasks, many tasks are adapted at once.
///
/// ```
/// use autograd::{Device, Tensor};
/// use methods::representation::{Order, adapt};
/// let device = Device::named("cpu")?;
/// let w = Tensor::scalar(&device, 3.0).variable();
/// let square = |w: &[Tensor]| w[0].square();
/// // A step of 0.25 along 2 w halves w; the outer loss is (w / 2)^2, of slope w / 2.
/// for (order, slope) in [(Order::Second, 1.5), (Order::First, 3.0)] {
///     let adapted = adapt(&[w.clone()], 1, 0.25, order, square);
///     assert_eq!(adapted[0].item()?, 1.5);
///     assert_eq!(square(&adapted).backward().get(&w).unwrap().item()?, slope);
/// }
/// # Ok::<(), autograd::Error>(())
/// ```
///
/// # Panics
/// When the loss is not a scalar, or does not depend on one of the weights.
#[track_caller]
pub fn adapt(
    weights: &[Tensor],
    steps: usize,
    lr: f32,
    order: Order,
    loss: impl Fn(&[Tensor]) -> Tensor,
) -> Vec<Tensor> {
    let mut weights = weights.to_vec();
    for _ in 0..steps {
        let slopes = grad(&loss(&weights), &weights.iter().collect::<Vec<_>>());
        let step = |(weight, slope): (&Tensor, Option<Tensor>)| {
            let slope = slope.expect("adapt: a loss of all weights");
            weight - if order == Order::First { slope.detach() } else { slope } * lr
        };
        weights = weights.iter().zip(slopes).map(step).collect();
    }
    weights
}

#[cfg(test)]
mod tests {
    use autograd::{Device, Tensor};

    use super::{Order, adapt};

    /// A network of one tanh unit, `w[1] tanh(w[0] x)`, and its squared errors.
    fn loss(w: &[Tensor], x: &Tensor, y: &Tensor) -> Tensor {
        ((&w[0] * x).tanh() * &w[1] - y).square().mean_all()
    }

    #[test]
    fn the_outer_gradient_is_that_of_all_inner_steps() -> autograd::Result<()> {
        let device = Device::named("cpu")?;
        let of = |values: &[f32]| Tensor::from_slice(&device, values, &[values.len()]);
        let (x, y) = (of(&[0.5, -1.0, 2.0])?, of(&[1.0, 0.3, -0.6])?);
        let (x2, y2) = (of(&[-0.4, 1.5])?, of(&[0.2, 0.9])?);
        let outer = |w: [f32; 2]| -> autograd::Result<(Tensor, [Tensor; 2])> {
            let w = w.map(|w| Tensor::scalar(&device, w).variable());
            let adapted = adapt(&w, 3, 0.2, Order::Second, |w| loss(w, &x, &y));
            Ok((loss(&adapted, &x2, &y2), w))
        };
        let at = [0.7f32, -0.5];
        let (value, w) = outer(at)?;
        let gradients = value.backward();
        for i in 0..2 {
            let moved = |by: f32| -> autograd::Result<f64> {
                let mut at = at;
                at[i] += by;
                Ok(outer(at)?.0.item()?.into())
            };
            let want = (moved(1e-2)? - moved(-1e-2)?) / 2e-2;
            let got = f64::from(gradients.get(&w[i]).expect("of the weights").item()?);
            assert!((got - want).abs() < 2e-3, "weight {i}: {got} for {want}");
        }
        Ok(())
    }
}
