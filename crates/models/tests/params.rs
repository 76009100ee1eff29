//! The tree of parameters: patterns, freezing, and optimizers' groups.

use autograd::{Device, Tensor};
use models::{Adam, Init, Params, ResNet, Sgd};

fn tree() -> Params {
    let params = Params::new(&Device::named("cpu").unwrap(), 0);
    for layer in ["layer1", "layer10", "head"] {
        let path = params.path(layer);
        path.param("weight", &[2], Init::ONES);
        path.param("bias", &[2], Init::ONES);
        path.buffer("running", &[2], Init::ZEROS);
    }
    params
}

fn names(params: &[models::Param]) -> Vec<&str> {
    params.iter().map(|p| p.name()).collect()
}

fn value(params: &Params, name: &str) -> Vec<f32> {
    params.get(name).unwrap().value().to_vec().unwrap()
}

/// The sum of all trainable parameters: every gradient is 1.
fn loss(params: &Params) -> Tensor {
    params.trainable().iter().map(|p| p.value().sum_all()).reduce(|a, b| a + b).unwrap()
}

#[test]
fn paths_and_patterns() {
    let params = tree();
    assert_eq!(names(&params.matching("layer1.*")), ["layer1.weight", "layer1.bias", "layer1.running"]);
    assert_eq!(names(&params.matching("*.weight")), ["layer1.weight", "layer10.weight", "head.weight"]);
    assert_eq!(names(&params.matching("head.bias")), ["head.bias"]);
    assert_eq!(names(&params.matching("bias")), [] as [&str; 0]);
    assert_eq!(params.matching("*").len(), 9);
    let layer = params.path("layer1");
    assert_eq!(names(&layer.all()), ["layer1.weight", "layer1.bias", "layer1.running"], "layer10 is another");
    assert_eq!((params.count(), layer.count()), (12, 4), "buffers do not count");
    assert!(params.get("layer1.weight").is_some() && params.get("layer1").is_none());
    assert!(layer.get("layer10.weight").is_none());
}

#[test]
fn freezing() {
    let params = tree();
    assert_eq!(params.freeze("layer*"), 4, "buffers are not trained anyway");
    assert_eq!(names(&params.trainable()), ["head.weight", "head.bias"]);
    assert_eq!(params.count(), 12);
    assert!(!params.get("layer1.bias").unwrap().value().requires_grad());
    let frozen = params.get("layer1.bias").unwrap().value();
    let gradients = (loss(&params) + frozen.sum_all()).backward();
    assert!(gradients.get(&frozen).is_none());
    Sgd::new(&params).step(gradients, 0.5).unwrap();
    assert_eq!(value(&params, "head.bias"), [0.5; 2]);
    assert_eq!(value(&params, "layer1.bias"), [1.0; 2]);
    assert_eq!(params.unfreeze("layer1.*"), 2);
    assert_eq!(names(&params.trainable()), ["layer1.weight", "layer1.bias", "head.weight", "head.bias"]);
    assert_eq!(params.unfreeze("*.running"), 0, "a buffer stays a buffer");
    assert_eq!(value(&params, "layer1.bias"), [1.0; 2], "with the value it had");
    Sgd::new(&params).step(loss(&params).backward(), 0.5).unwrap();
    assert_eq!((value(&params, "layer1.bias"), value(&params, "layer10.bias")), (vec![0.5; 2], vec![1.0; 2]));
}

/// Fine-tuning: all parameters but the head's are frozen.
#[test]
fn freezing_a_network_and_training_its_head() {
    let device = Device::named("cpu").unwrap();
    let params = Params::new(&device, 0);
    let net = ResNet::cifar(&params, 8, 10);
    params.freeze("*");
    params.unfreeze("linear.*");
    let before: Vec<Vec<f32>> = params.all().iter().map(|p| p.value().to_vec().unwrap()).collect();
    let mut opt = Adam::new(&params);
    let classes = Tensor::from_slice(&device, &[1i32, 2], &[2]).unwrap();
    for _ in 0..3 {
        let images = Tensor::ones(&device, &[2, 3, 8, 8]);
        opt.step(net.forward(&images, models::Mode::Eval).cross_entropy(&classes).backward(), 0.1).unwrap();
    }
    for (param, before) in params.all().iter().zip(before) {
        let changed = param.value().to_vec::<f32>().unwrap() != before;
        assert_eq!(changed, param.name().starts_with("linear."), "{}", param.name());
    }
}

#[test]
fn groups_by_pattern() {
    let params = tree();
    params.freeze("layer10.bias");
    // Gradients are 1, values 1: a step moves by lr * scale * (1 + decay).
    let mut opt = Sgd::new(&params).weight_decay(0.5).group("head.*", 0.0, 10.0).group("*.bias", 0.0, 1.0);
    opt.step(loss(&params).backward(), 0.01).unwrap();
    let close = |name: &str, wanted: f32| {
        let got = value(&params, name);
        assert!(got.iter().all(|v| (v - wanted).abs() < 1e-6), "{name}: {got:?}, not {wanted}");
    };
    close("layer1.weight", 1.0 - 0.01 * 1.5);
    close("layer10.weight", 1.0 - 0.01 * 1.5);
    close("layer1.bias", 1.0 - 0.01);
    close("layer10.bias", 1.0);
    close("head.weight", 1.0 - 0.1);
    close("head.bias", 1.0 - 0.1);
    close("head.running", 0.0);
    // The same with Adam, whose first step has size lr.
    let params = tree();
    let mut opt = Adam::new(&params).group("*.bias", 0.0, 0.0);
    opt.step(loss(&params).backward(), 0.01).unwrap();
    assert_eq!(value(&params, "head.bias"), [1.0; 2]);
    assert!(value(&params, "head.weight").iter().all(|v| (v - 0.99).abs() < 1e-5));
}

#[test]
fn initial_values_depend_on_the_seed_and_the_name_alone() {
    let draw = |seed, names: &[&str]| {
        let params = Params::new(&Device::named("cpu").unwrap(), seed);
        names.iter().for_each(|n| _ = params.param(n, &[8], Init::torch_default()));
        value(&params, "a")
    };
    assert_eq!(draw(1, &["a"]), draw(1, &["b", "a", "c"]));
    assert_ne!(draw(1, &["a"]), draw(2, &["a"]));
    let params = Params::new(&Device::named("cpu").unwrap(), 1);
    params.param("a", &[8], Init::torch_default());
    params.param("b", &[8], Init::torch_default());
    assert_ne!(value(&params, "a"), value(&params, "b"));
}

#[test]
fn copies_another_tree() {
    let device = Device::named("cpu").unwrap();
    let network = |seed, classes| {
        let params = Params::new(&device, seed);
        let net = ResNet::cifar(&params, 8, classes);
        (params, net)
    };
    let (params, net) = network(1, 5);
    net.forward(&Tensor::ones(&device, &[2, 3, 8, 8]), models::Mode::Train);
    Sgd::new(&params).step(loss(&params).backward(), 0.5).unwrap();
    let (other, _) = network(2, 3);
    let head = value(&other, "linear.weight");
    assert_eq!(other.copy_from(&params, &["linear.*"]), params.names().len() - 2);
    for param in other.all().iter().filter(|param| !param.name().starts_with("linear.")) {
        assert_eq!(param.value().to_vec::<f32>().unwrap(), value(&params, param.name()), "{}", param.name());
    }
    assert_eq!(value(&other, "linear.weight"), head);
    // Running statistics count their batches.
    let saved = |params: &Params| params.path("bn1").to_safetensors().unwrap();
    assert_eq!(saved(&other), saved(&params));

    let before = value(&other, "conv1.weight");
    for (message, from, skip) in [
        ("linear.weight: [5, 64] set to a parameter of [3, 64]", &params, &[][..]),
        ("no \"conv1.weight\"", &tree(), &["linear.*"]),
    ] {
        let copy = || other.copy_from(from, skip);
        let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(copy)).unwrap_err();
        assert!(panic.downcast_ref::<String>().unwrap().contains(message), "{panic:?}");
    }
    assert_eq!(value(&other, "conv1.weight"), before, "nothing is changed");
}
