//! Training steps with the kernels and fusions chosen for adapters of other vendors, on the available adapter: software adapters do not
//! use them otherwise. The test starts itself with `WGRAD_FAMILY`, so that other devices of the process are not affected.

use std::process::Command;

use autograd::{Device, Tensor, plans};
use gpu_core::testing;
use models::{
    Adam, BatchNorm2d, CharRnn, CharRnnOptions, Conv2d, Gpt, GptOptions, Linear, Mode, Params, ResNet, Sgd,
};

const STEPS: usize = 3;

fn floats(device: &Device, shape: &[usize]) -> Tensor {
    let count = shape.iter().product();
    let values: Vec<f32> = (0..count).map(|i: usize| ((i * 7919) % 1009) as f32 / 500.0 - 1.0).collect();
    Tensor::from_slice(device, &values, shape).unwrap()
}

fn classes(device: &Device, shape: &[usize], of: usize) -> Tensor {
    let values: Vec<i32> = (0..shape.iter().product()).map(|i: usize| (i * 37 % 101 % of) as i32).collect();
    Tensor::from_slice(device, &values, shape).unwrap()
}

/// Losses of some steps, followed by the norm of all parameters.
fn trained(params: &Params, loss: impl Fn() -> Tensor, mut step: impl FnMut(&Tensor)) -> Vec<f32> {
    let mut figures: Vec<f32> = (0..STEPS)
        .map(|_| {
            let loss = loss();
            step(&loss);
            loss.item().unwrap()
        })
        .collect();
    for param in params.all() {
        let values = param.value().to_vec::<f32>().unwrap();
        figures.push(values.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>().sqrt() as f32);
    }
    figures
}

fn resnet(device: &Device) -> Vec<f32> {
    let params = Params::new(device, 0);
    let net = ResNet::cifar(&params, 8, 10);
    let mut opt = Sgd::new(&params).momentum(0.9).weight_decay(1e-4);
    let (x, y) = (floats(device, &[4, 3, 20, 20]), classes(device, &[4], 10));
    let loss = || net.forward(&x, Mode::Train).cross_entropy(&y);
    trained(&params, loss, |loss| opt.step(loss.backward(), 0.01).unwrap())
}

/// A network with enough channels for workgroup tiles.
fn wide(device: &Device) -> Vec<f32> {
    let params = Params::new(device, 0);
    let path = |name: &str, i: usize| params.path(format!("{name}{i}"));
    let convs = [
        Conv2d::new(&path("conv", 0), 5, 128, 3).padding(1).build(),
        Conv2d::new(&path("conv", 1), 128, 128, 1).build(),
        Conv2d::new(&path("conv", 2), 128, 136, 3).stride(2).build(),
    ];
    let norms: Vec<_> =
        [128, 128, 136].into_iter().enumerate().map(|(i, c)| BatchNorm2d::new(&path("norm", i), c)).collect();
    let head = Linear::new(&params.path("head"), 136, 5);
    let mut opt = Sgd::new(&params).momentum(0.9);
    let (x, y) = (floats(device, &[3, 5, 9, 11]), classes(device, &[3], 5));
    let loss = || {
        let layer = |x: Tensor, i: usize| norms[i].forward(&convs[i].forward(&x), Mode::Train).relu();
        let features = (0..3).fold(x.clone(), layer);
        head.forward(&features.mean(&[2, 3], false)).cross_entropy(&y)
    };
    trained(&params, loss, |loss| opt.step(loss.backward(), 0.01).unwrap())
}

fn gpt(device: &Device) -> Vec<f32> {
    let params = Params::new(device, 0);
    let options = GptOptions { vocab: 31, context: 40, width: 64, heads: 2, depth: 2, dropout: 0.0 };
    let net = Gpt::new(&params, options);
    let mut opt = Adam::new(&params);
    let (x, y) = (classes(device, &[8, 40], 31), classes(device, &[320], 29));
    let loss = || net.forward(&x, Mode::Train).reshape(&[320, 31]).cross_entropy(&y);
    trained(&params, loss, |loss| opt.step(loss.backward(), 1e-3).unwrap())
}

fn lstm(device: &Device) -> Vec<f32> {
    let params = Params::new(device, 0);
    let net = CharRnn::lstm(&params, CharRnnOptions { vocab: 11, embed: 16, hidden: 40, layers: 2 });
    let mut opt = Adam::new(&params);
    let (x, y) = (classes(device, &[5, 9], 11), classes(device, &[45], 7));
    let loss = || net.forward(&x, None).0.reshape(&[45, 11]).cross_entropy(&y);
    trained(&params, loss, |loss| opt.step(loss.backward(), 1e-3).unwrap())
}

type Training = fn(&Device) -> Vec<f32>;

const TRAININGS: [(&str, Training); 4] = [("resnet", resnet), ("wide", wide), ("gpt", gpt), ("lstm", lstm)];

/// The names and shapes of the kernels launched by the plans.
fn launches(device: &Device) -> Vec<String> {
    let name = |l: &gpu_core::Launch| format!("{} {}", l.kernel().name(), l.kernel().shape());
    plans(device).iter().flat_map(|plan| plan.launches().iter().map(name).collect::<Vec<_>>()).collect()
}

#[test]
fn plans_of_other_makers_train_as_the_cpu() {
    let Some(gpu) = testing::gpu() else { return };
    if std::env::var_os("WGRAD_FAMILY").is_none() {
        let status = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "plans_of_other_makers_train_as_the_cpu", "--nocapture"])
            .env("WGRAD_FAMILY", "amd")
            .env("WGRAD_TUNE", "off")
            .status();
        assert!(status.unwrap().success());
        return;
    }
    let cpu = Device::named("cpu").unwrap();
    for (name, train) in TRAININGS {
        let (got, want) = (train(&gpu), train(&cpu));
        println!("{name}: losses {:?}, {:?} on the CPU", &got[..STEPS], &want[..STEPS]);
        for (i, (got, want)) in got.iter().zip(&want).enumerate() {
            assert!(
                (got - want).abs() <= 2e-4 * want.abs().max(1e-2),
                "{name}, figure {i}: {got}, not {want}"
            );
        }
    }
    let launches = launches(&gpu);
    for wanted in
        ["and moments of channels", "and sums of channels", "combined_map", "sum_partials", "in parts"]
    {
        assert!(launches.iter().any(|launch| launch.contains(wanted)), "no launch {wanted}: {launches:#?}");
    }
}
