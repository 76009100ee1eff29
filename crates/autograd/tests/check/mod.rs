//! Checks gradients against finite differences of the function.

pub mod numbers;

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

/// A name, which begins with the name of the function under test, the inputs, and the function.
pub type Case = (&'static str, Vec<Input>, fn(&[Tensor]) -> Tensor);

/// The name of the function under test, which a case's name begins with.
pub fn subject(name: &str) -> &str {
    name.split([' ', ',']).next().unwrap_or(name)
}

/// The step of the differences. With four points their error is proportional to its fourth power, and rounding errors stay small.
const STEP: f32 = 0.02;
/// Relative to the largest gradient, or to 1.
const TOLERANCE: f64 = 5e-4;

/// Builds, from the inputs' values, the tensors to differentiate with respect to, and the function's result.
pub type Build<'a> = dyn Fn(&[Tensor]) -> (Vec<Tensor>, Tensor) + 'a;

/// A function at a point drawn at random, with a random projection of its result.
pub struct Check<'a> {
    name: &'a str,
    inputs: &'a [Input],
    build: &'a Build<'a>,
    at: Vec<Vec<f32>>,
    weights: Vec<f32>,
    directions: Vec<Vec<f32>>,
}

impl<'a> Check<'a> {
    pub fn new(name: &'a str, inputs: &'a [Input], build: &'a Build<'a>) -> Check<'a> {
        let mut numbers = Numbers::new(name.bytes().fold(7, |h, b| h.wrapping_mul(31) + u64::from(b)));
        let at: Vec<Vec<f32>> =
            inputs.iter().map(|i| numbers.draw(i.values, i.shape.iter().product())).collect();
        let mut check = Check { name, inputs, build, at, weights: vec![], directions: vec![] };
        let (x, y) = check.tensors(&check.at);
        assert!(y.requires_grad(), "{name}: the result does not require gradients");
        check.weights = numbers.draw(Values::Signed(0.3, 1.0), y.numel());
        check.directions = x.iter().map(|x| numbers.draw(Values::Signed(0.3, 1.0), x.numel())).collect();
        check
    }

    /// Compares the gradients of the projection with its differences.
    ///
    /// # Panics
    /// When they differ.
    pub fn first_order(&self) {
        let value = |at: &[Vec<f32>]| dot(&self.tensors(at).1.to_vec::<f32>().unwrap(), &self.weights);
        self.compare("first order", &self.gradients(&self.at), &value);
    }

    /// Compares the gradients of a random projection of the gradients with its differences.
    ///
    /// # Panics
    /// When they differ.
    pub fn second_order(&self) {
        let slope = |at: &[Vec<f32>]| -> f64 {
            self.gradients(at).iter().zip(&self.directions).map(|(g, d)| dot(g, d)).sum()
        };
        let (x, y) = self.tensors(&self.at);
        let slopes = grad(&self.projected(&y), &x.iter().collect::<Vec<_>>());
        let slopes = slopes.iter().zip(&self.directions).zip(&x);
        let slopes = slopes.filter_map(|((g, d), x)| Some((g.as_ref()? * like(d, x)).sum_all()));
        let sum = slopes.reduce(|a, b| a + b).expect("a gradient");
        self.compare("second order", &gradients(&sum, &x), &slope);
    }

    /// Gradients exist for any tensor, not only for variables.
    ///
    /// # Panics
    /// When the gradients of tensors that are not variables differ.
    fn of_plain_tensors(&self) {
        let plain: Vec<Tensor> = self.tensors(&self.at).0.iter().map(Tensor::detach).collect();
        let (x, y) = (self.build)(&plain);
        let found = grad(&self.projected(&y), &x.iter().collect::<Vec<_>>());
        for ((wanted, got), x) in self.gradients(&self.at).iter().zip(found).zip(&x) {
            let got = got.unwrap_or_else(|| x.zeros_like()).to_vec::<f32>().unwrap();
            assert_eq!(&got, wanted, "{}: the gradient of a tensor that is no variable", self.name);
        }
    }

    fn tensors(&self, at: &[Vec<f32>]) -> (Vec<Tensor>, Tensor) {
        let device = Device::named("cpu").unwrap();
        let tensor =
            |(v, i): (&Vec<f32>, &Input)| Tensor::from_slice(&device, v, &i.shape).unwrap().variable();
        (self.build)(&at.iter().zip(self.inputs).map(tensor).collect::<Vec<_>>())
    }

    fn projected(&self, y: &Tensor) -> Tensor {
        (y * like(&self.weights, y)).sum_all()
    }

    fn gradients(&self, at: &[Vec<f32>]) -> Vec<Vec<f32>> {
        let (x, y) = self.tensors(at);
        gradients(&self.projected(&y), &x)
    }

    fn compare(&self, order: &str, gradients: &[Vec<f32>], value: &dyn Fn(&[Vec<f32>]) -> f64) {
        let largest = gradients.iter().flatten().fold(1f64, |m, g| m.max(f64::from(g.abs())));
        let mut moved = self.at.clone();
        for (i, gradient) in gradients.iter().enumerate() {
            for (j, &got) in gradient.iter().enumerate() {
                let at = self.at[i][j];
                let mut shifted = |steps: f32| {
                    moved[i][j] = at + steps * STEP;
                    value(&moved)
                };
                let near = shifted(1.0) - shifted(-1.0);
                let far = shifted(2.0) - shifted(-2.0);
                moved[i][j] = at;
                let wanted = (8.0 * near - far) / (12.0 * f64::from(STEP));
                let close = (wanted - f64::from(got)).abs() <= TOLERANCE * largest;
                let place = format!("{}, {order}: input {i}, element {j} at {at}", self.name);
                assert!(close, "{place}: {got} by rule, {wanted} by differences");
            }
        }
    }
}

/// Checks `f` to first and second order.
pub fn check(name: &str, inputs: &[Input], f: &dyn Fn(&[Tensor]) -> Tensor) {
    let build = |x: &[Tensor]| (x.to_vec(), f(x));
    let check = Check::new(name, inputs, &build);
    check.first_order();
    check.of_plain_tensors();
    check.second_order();
}

pub fn check_all(cases: Vec<Case>) {
    cases.iter().for_each(|(name, inputs, f)| check(name, inputs, f));
}

/// Gradients of all tensors, zeros for those without one.
fn gradients(y: &Tensor, wrt: &[Tensor]) -> Vec<Vec<f32>> {
    let found = y.backward();
    wrt.iter().map(|x| found.get(x).map_or_else(|| vec![0.0; x.numel()], |g| g.to_vec().unwrap())).collect()
}

fn like(values: &[f32], x: &Tensor) -> Tensor {
    Tensor::from_slice(x.device(), values, x.shape()).unwrap()
}

fn dot(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum()
}
