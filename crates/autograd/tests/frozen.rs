//! Frozen functions: the same outputs, with constants computed once and factors of channels in the weights.

use std::sync::Arc;

use autograd::{Device, Error, Frozen, Generator, Role, State, Tensor, plans};
use gpu_core::testing;

fn noise(device: &Device, shape: &[usize], step: usize) -> Tensor {
    let value = |i: usize| ((i * step * 2_654_435_761) % 2048) as f32 / 1024.0 - 1.0;
    let values: Vec<f32> = (0..shape.iter().product()).map(value).collect();
    Tensor::from_slice(device, &values, shape).unwrap()
}

fn state(device: &Device, shape: &[usize], step: usize) -> State {
    State::new(&noise(device, shape, step), Role::Parameter)
}

#[track_caller]
fn close(a: &Tensor, b: &Tensor) {
    assert_eq!(a.shape(), b.shape());
    for (a, b) in a.to_vec::<f32>().unwrap().iter().zip(b.to_vec::<f32>().unwrap()) {
        assert!((a - b).abs() < 1e-5 * (1.0 + b.abs()), "{a} instead of {b}");
    }
}

/// A convolution, a batch norm in evaluation, a transposed product with a bias, and a branch that reads the convolution twice.
struct Net {
    conv: State,
    conv_bias: State,
    norm: [State; 4],
    fc: State,
    fc_bias: State,
}

impl Net {
    fn new(device: &Device) -> Net {
        let channels = |step| state(device, &[3], step);
        Net {
            conv: state(device, &[3, 2, 3, 3], 3),
            conv_bias: channels(5),
            norm: [
                channels(7),
                State::new(&noise(device, &[3], 9).square(), Role::State),
                channels(11),
                channels(13),
            ],
            fc: state(device, &[4, 3], 17),
            fc_bias: state(device, &[4], 19),
        }
    }

    fn forward(&self, x: &Tensor) -> Vec<Tensor> {
        let [mean, var, weight, bias] = &self.norm;
        let y = x.conv2d(&self.conv.value(), Some(&self.conv_bias.value()), [1; 2], [1; 2], [1; 2], 1);
        let normed =
            y.batch_norm_eval(&mean.value(), &var.value(), &weight.value(), &bias.value(), 1e-5).relu();
        let twice = x.conv2d(&self.conv.value(), None, [1; 2], [0; 2], [1; 2], 1);
        let pooled = normed.mean(&[2, 3], false);
        let logits = pooled.matmul(&self.fc.value().t()) * 2.0 + self.fc_bias.value();
        vec![logits, &twice * 3.0 + &twice]
    }
}

#[test]
fn outputs_are_those_of_the_function() {
    for device in testing::devices() {
        let net = Arc::new(Net::new(&device));
        let frozen = Frozen::new({
            let net = net.clone();
            move |x| net.forward(&x[0])
        });
        for batch in [1, 4, 1, 3] {
            let x = noise(&device, &[batch, 2, 6, 5], 23 + batch);
            let found = frozen.call(std::slice::from_ref(&x)).unwrap();
            for (found, wanted) in found.iter().zip(net.forward(&x)) {
                close(found, &wanted);
            }
        }
    }
}

#[test]
fn parameters_stay_as_they_were_for_all_shapes() {
    for device in testing::devices() {
        let weight = state(&device, &[2, 2], 3);
        let read = weight.clone();
        let frozen = Frozen::new(move |x| vec![x[0].matmul(&(read.value().t() * 0.5))]);
        let before = weight.value().detach();
        let of = |n| noise(&device, &[n, 2], 5);
        frozen.call(&[of(3)]).unwrap();
        weight.set(&Tensor::zeros(&device, &[2, 2]));
        for n in [3, 7] {
            close(&frozen.call(&[of(n)]).unwrap()[0], &of(n).matmul(&(before.t() * 0.5)));
        }
    }
}

#[test]
fn a_batch_norm_becomes_part_of_the_weight() {
    let device = Device::named("cpu").unwrap();
    let net = Arc::new(Net::new(&device));
    // The plan for pictures of a width that no other test has.
    let plan_of = |width: usize, f: &dyn Fn(Tensor) -> Tensor| {
        f(noise(&device, &[2, 2, 4, width], 3)).to_vec::<f32>().unwrap();
        let text = plans(&device).into_iter().map(|plan| plan.explain());
        text.rev().find(|text| text.contains(&width.to_string())).expect("a plan for the width")
    };
    assert!(plan_of(37, &|x| net.forward(&x).remove(0)).contains("rsqrt"));
    let frozen = Frozen::new({
        let net = net.clone();
        move |x| net.forward(&x[0])
    });
    assert!(!plan_of(41, &|x| frozen.call(&[x]).unwrap().remove(0)).contains("rsqrt"));
}

#[test]
fn threads_share_one() {
    let device = Device::named("cpu").unwrap();
    let net = Arc::new(Net::new(&device));
    let frozen = Frozen::new({
        let net = net.clone();
        move |x| net.forward(&x[0])
    });
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let (frozen, net, device) = (&frozen, &net, &device);
            scope.spawn(move || {
                for i in 0..6 {
                    let x = noise(device, &[1 + i % 3, 2, 5, 5], 1 + thread);
                    close(&frozen.call(std::slice::from_ref(&x)).unwrap()[0], &net.forward(&x)[0]);
                }
            });
        }
    });
}

#[test]
fn mistakes() {
    let device = Device::named("cpu").unwrap();
    let x = noise(&device, &[2, 3], 3);
    let index = Frozen::new(|x| vec![x[0].index_select(0, &x[1])]);
    let at = |i: i32| Tensor::from_slice(&device, &[i], &[1]).unwrap();
    assert_eq!(index.call(&[x.clone(), at(1)]).unwrap()[0].shape(), [1, 3]);
    assert!(matches!(index.call(&[x.clone(), at(2)]), Err(Error::IndexOutOfRange { .. })));

    let generator = Generator::new(0);
    let random = Frozen::new(move |x| vec![&x[0] + generator.uniform(x[0].device(), &[3])]);
    let panics = |frozen: &Frozen, inputs: &[Tensor]| {
        let call = || drop(frozen.call(inputs));
        let payload = std::panic::catch_unwind(std::panic::AssertUnwindSafe(call)).unwrap_err();
        payload
            .downcast_ref::<&str>()
            .map(|s| s.to_string())
            .or(payload.downcast_ref::<String>().cloned())
            .unwrap()
    };
    assert!(panics(&random, &[x]).contains("evaluation mode"));
    assert!(panics(&random, &[]).contains("no inputs"));
}
