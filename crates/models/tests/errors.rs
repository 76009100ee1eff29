//! Mistakes with layers and parameters panic at the caller's own line.

use std::any::Any;
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;

use autograd::{Device, Tensor};
use models::distributions::{Beta, Categorical, Distribution, Independent, Normal, kl_divergence};
use models::{
    AttentionMask, BatchNorm2d, Conv2d, GatConv, GcnConv, Graph, Init, Linear, Mode, Params, ResNet, Sgd,
    TransformerEncoderLayer, TransformerOptions,
};

thread_local! {
    static LAST: RefCell<Option<(String, String)>> = const { RefCell::new(None) };
}

fn said(payload: &dyn Any) -> String {
    let text = payload.downcast_ref::<&str>().map(|s| (*s).to_owned());
    text.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_default()
}

/// The message of the panic in `f`, which has to happen in this file.
fn panic_of(f: impl FnOnce()) -> String {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let file = info.location().map_or(String::new(), |l| l.to_string());
            LAST.set(Some((said(info.payload()), file)));
            before(info);
        }));
    });
    catch_unwind(AssertUnwindSafe(f)).expect_err("no panic");
    let (message, file) = LAST.take().expect("the hook has run");
    assert!(file.contains("errors.rs"), "panicked at {file}: {message}");
    message
}

fn params() -> Params {
    Params::new(&Device::named("cpu").unwrap(), 0)
}

fn ones(shape: &[usize]) -> Tensor {
    Tensor::ones(&Device::named("cpu").unwrap(), shape)
}

#[track_caller]
fn says(message: &str, words: &[&str]) {
    words.iter().for_each(|w| assert!(message.contains(w), "no \"{w}\" in \"{message}\""));
}

#[test]
fn layers() {
    let p = params();
    let conv = Conv2d::new(3, 4, 3).build(&p.path("conv"));
    says(&panic_of(|| drop(conv.forward(&ones(&[1, 2, 5, 5])))), &["conv2d", "[1, 2, 5, 5]", "[4, 3, 3, 3]"]);
    says(&panic_of(|| drop(conv.forward(&ones(&[1, 3, 2, 2])))), &["conv2d", "covers 3"]);
    says(&panic_of(|| drop(Conv2d::new(3, 4, 3).groups(2).build(&p.path("g")))), &["Conv2d", "2 groups"]);
    let bn = BatchNorm2d::new(&p.path("bn"), 4);
    for mode in [Mode::Train, Mode::Eval] {
        says(
            &panic_of(|| drop(bn.forward(&ones(&[2, 3, 2, 2]), mode))),
            &["batch_norm", "[4]", "[2, 3, 2, 2]"],
        );
    }
    says(
        &panic_of(|| drop(bn.forward(&ones(&[1, 4, 1, 1]), Mode::Train))),
        &["one value a channel", "[1, 4, 1, 1]"],
    );
    let linear = Linear::new(&p.path("fc"), 3, 2);
    says(&panic_of(|| drop(linear.forward(&ones(&[5, 4])))), &["matmul", "[5, 4]"]);
}

#[test]
fn networks() {
    says(&panic_of(|| drop(ResNet::cifar(21, 10, &params()))), &["depth 21", "6n + 2"]);
    says(&panic_of(|| drop(ResNet::imagenet(19, 10, &params()))), &["depth 19"]);
    let net = ResNet::cifar(8, 10, &params());
    says(&panic_of(|| drop(net.forward(&ones(&[1, 1, 8, 8]), Mode::Eval))), &["conv2d", "[1, 1, 8, 8]"]);
    says(&panic_of(|| drop(net.forward(&ones(&[8, 8]), Mode::Eval))), &["conv2d", "[8, 8]"]);
}

#[test]
fn graphs_and_transformers() {
    let p = params();
    let graph = Graph::new(p.device(), 3, &[(0, 1)]);
    let gcn = GcnConv::new(&p.path("gcn"), 4, 2);
    says(&panic_of(|| drop(gcn.forward(&ones(&[2, 4]), &graph))), &["GcnConv", "[2, 4]", "3 nodes"]);
    let gat = GatConv::new(&p.path("gat"), 4, 2, 2);
    says(&panic_of(|| drop(gat.forward(&ones(&[3, 5]), &graph))), &["matmul", "[3, 5]"]);
    let options = TransformerOptions { dropout: 2.0, ..TransformerOptions::default() };
    let build = || drop(TransformerEncoderLayer::new(&p.path("a"), 4, 2, options));
    says(&panic_of(build), &["Dropout", "probability 2"]);
    let layer = TransformerEncoderLayer::new(&p.path("b"), 4, 2, TransformerOptions::default());
    let forward = || drop(layer.forward(&ones(&[3, 4]), AttentionMask::default(), Mode::Train));
    says(&panic_of(forward), &["attention", "[3, 4]"]);
}

#[test]
fn distributions() {
    let [two, three] = [2, 3].map(|n| ones(&[n]));
    says(&panic_of(|| drop(Normal::new(&two, &three))), &["[2]", "[3]"]);
    let p = Normal::new(&two, &two);
    says(&panic_of(|| drop(p.log_prob(&three))), &["[2]", "[3]"]);
    says(&panic_of(|| drop(kl_divergence(&p, &Normal::new(&three, &three)))), &["[2]", "[3]"]);
    says(&panic_of(|| drop(Beta::new(&two, &two).log_prob(&three))), &["[2]", "[3]"]);
    says(&panic_of(|| drop(Independent::new(p, 2))), &["Independent", "2 dimensions", "[2]"]);
    says(&panic_of(|| drop(Categorical::new(&ones(&[])))), &["Categorical", "[]"]);
}

#[test]
fn parameters() {
    let p = params();
    let w = p.path("a").param("w", &[2, 3], Init::ONES);
    says(&panic_of(|| drop(p.path("a").buffer("w", &[1], Init::ZEROS))), &["a.w"]);
    says(&panic_of(|| drop(p.param("a.w", &[1], Init::ZEROS))), &["a.w"]);
    says(&panic_of(|| w.set(&ones(&[3, 2]))), &["a.w", "[3, 2]", "[2, 3]"]);
    says(&panic_of(|| w.set(&ones(&[2, 3]).gt(0.0))), &["a.w"]);
    // Both are as before.
    assert_eq!(p.count(), 6);
    assert_eq!(w.value().to_vec::<f32>().unwrap(), [1.0; 6]);
}

#[test]
fn optimizers() {
    let p = params();
    let (used, _unused) = (p.param("used", &[2], Init::ONES), p.param("unused", &[2], Init::ONES));
    let mut opt = Sgd::new(&p);
    says(
        &panic_of(|| opt.step(used.value().sum_all().backward(), 0.1).unwrap()),
        &["no gradient for unused"],
    );
    let loss = used.value().sum_all();
    p.freeze("unused");
    let mut opt = Sgd::new(&p);
    opt.step(loss.backward(), 0.1).unwrap();
    says(&panic_of(|| drop(loss.backward())), &["backward", "freed"]);
}
