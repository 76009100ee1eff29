//! Evaluation of features by a linear classifier.

use autograd::{Reduction, Result, Tensor};
use models::{Adam, Cosine, Linear, Params, Schedule};

/// Features `[N, D]` with their classes `[N]` (i32).
pub type Labelled<'a> = (&'a Tensor, &'a Tensor);

/// The accuracy on `test` of a softmax regression over `classes` classes trained on `train`, a measure of how linearly separable the frozen
/// features make the classes. Features are standardised by `train`; `decay` times the sum of the weights' squares is added to the loss. 200
/// full-batch steps.
///
/// ```
/// use autograd::{Device, Tensor};
/// let device = Device::named("cpu")?;
/// let features = Tensor::from_slice(&device, &[0.0f32, 0.1, 5.0, 5.1], &[4, 1])?;
/// let labels = Tensor::from_slice(&device, &[0i32, 0, 1, 1], &[4])?;
/// let share = methods::representation::linear_probe((&features, &labels), (&features, &labels), 2, 1e-3)?;
/// assert_eq!(share, 1.0);
/// # Ok::<(), autograd::Error>(())
/// ```
///
/// # Errors
/// Whatever goes wrong on the device.
///
/// # Panics
/// When shapes do not fit.
#[track_caller]
pub fn linear_probe(train: Labelled, test: Labelled, classes: usize, decay: f32) -> Result<f32> {
    const STEPS: usize = 200;
    let [x, y] = [train.0.detach(), train.1.clone()];
    let (mean, scale) = (x.mean(&[0], true), x.std(&[0], 0.0, true) + 1e-5);
    let standard = |features: &Tensor| (features.detach() - &mean) / &scale;
    let x = standard(&x);
    let params = Params::new(x.device(), 0);
    let layer = Linear::new(&params, x.size(1), classes);
    let rates = Cosine::new(0.05, 0.0, STEPS);
    let mut opt = Adam::new(&params);
    for step in 0..STEPS {
        let weight = params.get("weight").expect("of the layer").value();
        let loss = layer.forward(&x).cross_entropy(&y) + weight.square().sum_all() * decay;
        opt.step(loss.backward(), rates.lr(step))?;
    }
    let answers = layer.forward(&standard(test.0)).argmax(1, false);
    let wrong = answers.ne(test.1).to(autograd::DType::F32);
    Ok(1.0 - Reduction::Mean.apply(&wrong).item()?)
}
