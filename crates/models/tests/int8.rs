//! Networks in int8: accuracy, size, files, devices, errors.

use autograd::{Device, Generator, Pool2d, Tensor};
use gpu_core::testing;
use models::compress::Int8Network;
use models::{Adam, Conv2d, Error, Gpt, GptOptions, Linear, Mlp, Mode, Params, ResNet};

/// A convolutional network for images `[N, 1, 8, 8]` of 4 classes.
struct Net {
    convs: [Conv2d; 2],
    fc: Linear,
}

impl Net {
    fn new(params: &Params) -> Net {
        let conv = |name: &str, from, to| Conv2d::new(&params.path(name), from, to, 3).padding(1).build();
        Net { convs: [conv("a", 1, 16), conv("b", 16, 32)], fc: Linear::new(&params.path("fc"), 512, 4) }
    }

    fn forward(&self, x: &Tensor) -> Tensor {
        let x = self.convs[1].forward(&self.convs[0].forward(x).relu()).relu();
        self.fc.forward(&x.max_pool2d(Pool2d::new(2)).0.flatten(1, 3))
    }
}

fn function(params: &Params) -> impl Fn(&[Tensor]) -> Vec<Tensor> + Send + Sync + 'static {
    let net = Net::new(params);
    move |x| vec![net.forward(&x[0])]
}

/// Images of four patterns with noise, and their classes.
fn examples(device: &Device, count: usize, seed: u64) -> (Tensor, Vec<i32>) {
    let draws = Generator::new(seed).normal(device, &[count, 64]).to_vec::<f32>().unwrap();
    let classes: Vec<i32> = (0..count as i32).map(|i| i % 4).collect();
    let pattern = |class: i32, i: usize| ((i as i32 / 8 * (class + 1) + i as i32 * class) % 5) as f32 / 4.0;
    let values: Vec<f32> =
        draws.iter().enumerate().map(|(i, draw)| pattern(classes[i / 64], i % 64) + 0.9 * draw).collect();
    (Tensor::from_slice(device, &values, &[count, 1, 8, 8]).unwrap(), classes)
}

fn accuracy(logits: &Tensor, classes: &[i32]) -> f64 {
    let found = logits.argmax(1, false).to_vec::<i32>().unwrap();
    let right = found.iter().zip(classes).filter(|(a, b)| a == b).count();
    right as f64 / classes.len() as f64
}

#[test]
fn accuracy_size_and_bits() {
    let device = Device::named("cpu").unwrap();
    let params = Params::new(&device, 1);
    let net = Net::new(&params);
    let (x, classes) = examples(&device, 128, 1);
    let target = Tensor::from_slice(&device, &classes, &[128]).unwrap();
    let mut optimizer = Adam::new(&params);
    for _ in 0..40 {
        optimizer.step(net.forward(&x).cross_entropy(&target).backward(), 3e-3).unwrap();
    }
    let (test, classes) = examples(&device, 600, 2);
    let exact = accuracy(&net.forward(&test), &classes);
    let int8 = Int8Network::new(&params, move |x| vec![net.forward(&x[0])], &[vec![x]]).unwrap();
    assert_eq!(int8.layers().len(), 3);
    let found = int8.call(std::slice::from_ref(&test)).unwrap().remove(0);
    assert!(exact > 0.8 && accuracy(&found, &classes) > exact - 0.01, "{exact}");

    let directory = tempfile::tempdir().unwrap();
    let [full, small] = ["f32", "int8"].map(|name| directory.path().join(name));
    params.save(&full).unwrap();
    int8.save(&small).unwrap();
    let bytes = |path| std::fs::metadata(path).unwrap().len() as f64;
    assert!(bytes(&small) < 0.3 * bytes(&full), "{} of {}", bytes(&small), bytes(&full));

    // The same bits from the file, with other parameters, on all devices.
    let want = found.to_vec::<f32>().unwrap();
    for device in testing::devices() {
        let params = Params::new(&device, 2);
        let (test, _) = examples(&device, 600, 2);
        let example = [test.narrow(0, 0, 1).detach()];
        let loaded = Int8Network::load(&small, &params, function(&params), &example).unwrap();
        assert!(loaded.call(&[test]).unwrap()[0].to_vec::<f32>().unwrap() == want, "{device:?}");
    }
}

/// Batch norms, padded shortcuts and pooling in f32; and a transformer, whose embeddings, norms and attention are f32.
#[test]
fn networks_of_the_zoo() {
    let device = Device::named("cpu").unwrap();
    let close = |exact: &Tensor, found: &Tensor, bound: f32| {
        let [exact, found] = [exact, found].map(|t| t.to_vec::<f32>().unwrap());
        let norm = |v: &mut dyn Iterator<Item = f32>| v.map(|x| x * x).sum::<f32>().sqrt();
        let off = norm(&mut exact.iter().zip(&found).map(|(a, b)| a - b)) / norm(&mut exact.iter().copied());
        assert!(off > 0.0 && off < bound, "{off}");
    };
    let params = Params::new(&device, 3);
    let net = ResNet::cifar(&params, 8, 10);
    let x = Generator::new(4).normal(&device, &[6, 3, 16, 16]);
    let exact = net.forward(&x, Mode::Eval);
    let int8 =
        Int8Network::new(&params, move |x| vec![net.forward(&x[0], Mode::Eval)], &[vec![x.clone()]]).unwrap();
    assert_eq!(int8.layers().len(), 8);
    let residuals = int8.layers().iter().filter(|layer| layer.residual.is_some()).count();
    assert_eq!(residuals, 1, "the first block's; the others change the shape");
    close(&exact, &int8.call(&[x]).unwrap()[0], 0.05);

    let params = Params::new(&device, 5);
    let sizes = GptOptions { vocab: 11, context: 12, width: 32, depth: 2, heads: 2, dropout: 0.0 };
    let net = Gpt::new(&params, sizes);
    let values: Vec<i32> = (0..36).map(|i| i * 7 % 11).collect();
    let tokens = Tensor::from_slice(&device, &values, &[3, 12]).unwrap();
    let exact = net.forward(&tokens, Mode::Eval);
    let int8 =
        Int8Network::new(&params, move |x| vec![net.forward(&x[0], Mode::Eval)], &[vec![tokens.clone()]]);
    let int8 = int8.unwrap();
    let found = int8.call(std::slice::from_ref(&tokens)).unwrap().remove(0);
    close(&exact, &found, 0.05);
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("gpt");
    int8.save(&path).unwrap();
    let params = Params::new(&device, 6);
    let net = Gpt::new(&params, sizes);
    let function = move |x: &[Tensor]| vec![net.forward(&x[0], Mode::Eval)];
    let loaded = Int8Network::load(&path, &params, function, std::slice::from_ref(&tokens)).unwrap();
    assert_eq!(loaded.call(&[tokens]).unwrap()[0].to_vec::<f32>().unwrap(), found.to_vec::<f32>().unwrap());
}

#[test]
fn mistakes_are_typed_errors() {
    let device = Device::named("cpu").unwrap();
    let params = Params::new(&device, 1);
    let mlp = |params: &Params, sizes: &[usize]| {
        let net = Mlp::new(params, sizes);
        move |x: &[Tensor]| vec![net.forward(&x[0])]
    };
    let x = Generator::new(2).normal(&device, &[20, 6]);
    let batches = [vec![x.clone()]];
    let int8 = Int8Network::new(&params, mlp(&params, &[6, 8, 3]), &batches).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("int8");
    int8.save(&path).unwrap();

    let load = |sizes: &[usize]| {
        let params = Params::new(&device, 2);
        Int8Network::load(&path, &params, mlp(&params, sizes), &batches[0]).err()
    };
    assert!(load(&[6, 8, 3]).is_none());
    assert!(matches!(load(&[6, 9, 3]), Some(Error::Mismatch { .. })));
    assert!(matches!(load(&[6, 8, 3, 2]), Some(Error::Missing { .. })));
    assert!(matches!(load(&[6, 8]), Some(Error::Unexpected { .. })));
    params.save(&path).unwrap();
    assert!(matches!(load(&[6, 8, 3]), Some(Error::Missing { .. })));

    let (params, infinite) = (Params::new(&device, 1), vec![&x * f32::INFINITY]);
    let found = Int8Network::new(&params, mlp(&params, &[6, 8, 3]), &[infinite]).err();
    assert!(matches!(found, Some(Error::Calibration { layer: 0 })), "{found:?}");
}
