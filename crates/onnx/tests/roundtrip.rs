//! Networks are exported and imported again: the same outputs, and an imported network trains.

use autograd::{Device, Reduction, Tensor};
use models::*;
use onnx::{Error, Export, export, load};

fn device() -> Device {
    Device::named("cpu").unwrap()
}

fn noise(shape: &[usize]) -> Tensor {
    let value = |i: usize| ((i * 2_654_435_761) % 2048) as f32 / 1024.0 - 1.0;
    let values: Vec<f32> = (0..shape.iter().product()).map(value).collect();
    Tensor::from_slice(&device(), &values, shape).unwrap()
}

#[track_caller]
fn close(a: &Tensor, b: &Tensor) {
    assert_eq!(a.shape(), b.shape());
    let (a, b) = (a.to_vec::<f32>().unwrap(), b.to_vec::<f32>().unwrap());
    let largest = b.iter().fold(0.0, |m: f32, v| m.max(v.abs()));
    let error = a.iter().zip(&b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(largest > 0.0 && error <= 1e-5 * largest, "{error} of {largest}");
}

/// Exports a network in every way, and compares on the example and on a larger batch.
fn check(net: &dyn Module, x: &Tensor) {
    let folder = tempfile::tempdir().unwrap();
    let larger = autograd::cat(&[x, x], 0);
    for (i, options) in
        [Export::default(), Export::default().fold_batch_norm(true), Export::default().external_data(true)]
            .into_iter()
            .enumerate()
    {
        let path = folder.path().join(format!("{i}.onnx"));
        let exported = options.module(net, x, &path).unwrap();
        assert!(exported.dynamic_batch && exported.nodes > 0);
        assert_eq!(path.with_extension("onnx.data").exists(), i == 2);
        let model = load(&device(), &path).unwrap();
        assert_eq!(
            (model.inputs(), model.outputs()),
            (&["input".to_owned()][..], &["output".to_owned()][..])
        );
        for x in [x, &larger] {
            close(&model.forward(x, Mode::Eval), &net.forward(x, Mode::Eval));
        }
    }
}

#[test]
fn networks() {
    let params = || Params::new(&device(), 0);
    check(&Mlp::new(&params(), &[6, 5, 3]), &noise(&[3, 6]));
    check(&LeNet::new(&params(), 1, 10), &noise(&[2, 1, 28, 28]));
    check(&ResNet::cifar(&params(), 8, 10), &noise(&[2, 3, 16, 16]));
    let vit = VitOptions { width: 16, heads: 2, depth: 1, ..VitOptions::new([16, 16], 8, 4) };
    check(&Vit::new(&params(), vit), &noise(&[2, 3, 16, 16]));
    let gpt = Gpt::new(
        &params(),
        GptOptions { vocab: 11, context: 8, width: 16, heads: 2, depth: 1, dropout: 0.1 },
    );
    let tokens: Vec<i32> = (0..12).map(|i| i * 5 % 11).collect();
    let tokens = Tensor::from_slice(&device(), &tokens, &[2, 6]).unwrap();
    check(&gpt, &tokens);
    let sizes = CharRnnOptions { vocab: 11, embed: 4, hidden: 6, layers: 2 };
    for net in [CharRnn::rnn, CharRnn::gru, CharRnn::lstm] {
        let net = net(&params(), sizes);
        check(&|x: &Tensor| net.forward(x, None).0, &tokens);
    }
    check(&ConvAutoencoder::new(&params(), &[1, 4, 8]), &noise(&[2, 1, 8, 8]));
}

#[test]
fn a_network_of_a_graph() {
    let params = Params::new(&device(), 0);
    let graph = Graph::undirected(&device(), 4, &[(0, 1), (1, 2), (2, 3)]);
    let (net, x) = (Gcn::new(&params, 3, 5, 2, 0.5), noise(&[4, 3]));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gcn.onnx");
    let forward = |x: &[Tensor]| vec![net.forward(&x[0], &graph, Mode::Eval)];
    let fixed = Export::default().fixed_shapes(true);
    assert!(!fixed.function(forward, &[("x", &x)], &["y"], &path).unwrap().dynamic_batch);
    close(
        &load(&device(), &path).unwrap().run(&[("x", &x)]).unwrap()[0],
        &net.forward(&x, &graph, Mode::Eval),
    );
}

#[test]
fn folded_batch_norms_are_gone() {
    let params = Params::new(&device(), 0);
    let (net, x) = (ResNet::cifar(&params, 8, 10), noise(&[2, 3, 16, 16]));
    // Statistics and weights that are not those of the initialisation.
    for param in params.matching("*bn*") {
        let value = param.value().detach();
        param.set(&(noise(value.shape()) * 0.3 + 1.0));
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("net.onnx");
    Export::default().fold_batch_norm(true).module(&net, &x, &path).unwrap();
    let model = load(&device(), &path).unwrap();
    assert!(model.params().names().iter().all(|name| !name.contains("running")));
    assert!(model.params().get("conv1.bias").is_some());
    close(&model.forward(&x, Mode::Eval), &net.forward(&x, Mode::Eval));
}

#[test]
fn an_imported_network_trains() {
    let params = Params::new(&device(), 0);
    let net = Mlp::new(&params, &[4, 8, 2]);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("net.onnx");
    let (x, y) = (noise(&[16, 4]), noise(&[16, 2]));
    export(&net, &x, &path).unwrap();
    let model = load(&device(), &path).unwrap();
    assert_eq!(model.params().trainable().len(), 4);
    let mut optimizer = Adam::new(model.params());
    let mut losses = vec![];
    for _ in 0..60 {
        let loss = model.forward(&x, Mode::Train).mse_loss(&y, Reduction::Mean);
        optimizer.step(loss.backward(), 0.02).unwrap();
        losses.push(loss.item().unwrap());
    }
    assert!(losses[59] < 0.5 * losses[0], "{losses:?}");
}

#[test]
fn mistakes_are_errors() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("net.onnx");
    let x = noise(&[2, 3]);
    let sorted = |x: &[Tensor]| vec![x[0].argsort(1, false)];
    let error = Export::default().function(sorted, &[("x", &x)], &["y"], &path).unwrap_err();
    assert!(
        matches!(&error, Error::Export { op, location, .. } if op == "argsort" && location.contains("roundtrip.rs"))
    );
    assert!(!path.exists());
    let error = Export::default().function(|x| x.to_vec(), &[("x", &x)], &["y", "z"], &path).unwrap_err();
    assert!(error.to_string().contains("1 outputs, 2 names"), "{error}");

    std::fs::write(&path, b"not a model").unwrap();
    assert!(matches!(load(&device(), &path), Err(Error::Format { .. })));
    Export::default().function(|x| vec![x[0].asinh()], &[("x", &x)], &["y"], &path).unwrap();
    let error = load(&device(), &path).err().unwrap();
    assert!(matches!(&error, Error::Node { op, opset: 20, .. } if op == "Asinh"), "{error}");

    let params = Params::new(&device(), 0);
    export(&Linear::new(&params, 3, 2), &x, &path).unwrap();
    let model = load(&device(), &path).unwrap();
    let error = model.run(&[("input", &noise(&[2, 4]))]).err().unwrap();
    assert!(error.to_string().contains("[2, 4], the file declares [any, 3]"), "{error}");
    let error = model.run(&[("image", &x)]).err().unwrap();
    assert_eq!(error.to_string(), "inputs of the model: \"input\" is missing");

    // Every prefix of a valid file is refused or is another valid file, without a panic.
    let bytes = std::fs::read(&path).unwrap();
    for end in (0..bytes.len()).step_by(3) {
        std::fs::write(&path, &bytes[..end]).unwrap();
        let _ = load(&device(), &path);
    }
}

#[test]
fn external_data_stays_in_the_folder() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("net.onnx");
    let params = Params::new(&device(), 0);
    Export::default()
        .external_data(true)
        .module(&Linear::new(&params, 3, 2), &noise(&[2, 3]), &path)
        .unwrap();
    let bytes = std::fs::read(&path).unwrap();
    let name = b"net.onnx.data";
    let replaced = |with: &[u8]| {
        let mut changed = bytes.clone();
        for at in 0..changed.len() - name.len() {
            if changed[at..].starts_with(name) {
                changed[at..at + name.len()].copy_from_slice(with);
            }
        }
        std::fs::write(&path, &changed).unwrap();
        load(&device(), &path).err().unwrap().to_string()
    };
    for outside in [b"../.onnx.data", b"/et.onnx.data"] {
        let error = replaced(outside);
        assert!(error.contains("outside of the model's folder"), "{error}");
    }
    assert!(replaced(b"not.onnx.data").contains("cannot read"));
}
