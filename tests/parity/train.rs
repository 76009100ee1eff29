//! Whole trained models: the first forward and backward, and the losses of some steps.

use autograd::{Device, Tensor};
use models::{Init, Linear, Lstm, Mode, Params, ResNet, RnnOptions};

use super::attrs::Attrs;
use super::call::Unsupported;
use super::compare::{Check, worst};
use super::fixtures::{Case, File, Fixtures};
use super::optim::optimizer;

type Forward = Box<dyn Fn(&Tensor) -> Tensor>;

pub fn run(fixtures: &Fixtures, case: &Case, device: &Device) -> Result<Vec<Check>, Unsupported> {
    let a = Attrs::new(case.attrs.clone());
    let params = Params::new(device, 0);
    let forward = model(case, &a.inner("config").expect("config"), &params)?;
    let options = a.inner("optimizer").expect("optimizer");
    let (name, lr) = (options.text("name").expect("name"), options.float("lr").expect("lr"));
    let mut step = optimizer(name, &options, &params)?;
    if let Some(key) = options.unread() {
        return Err(Unsupported(format!("{} with optimizer option {key}", case.op)));
    }
    let file =
        fixtures.file(case.file.as_ref().expect("a trained model has a file")).expect("the file is read");
    load(&params, &file);
    let prefix = case.inputs[0].strip_suffix("batch/x").expect("the first input is batch/x");
    let tensor = |name: &str| file.array(&format!("{prefix}{name}")).tensor(device);
    let (x, target) = (tensor("batch/x"), tensor("batch/target"));
    let tolerances = Tolerances::new(&a.inner("tolerances").expect("tolerances"));
    let mut losses = vec![];
    let mut checks = vec![];
    for k in 0..a.size("steps").expect("steps") {
        let logits = forward(&x);
        let classes = logits.size(-1);
        let rows = logits.reshape(&[logits.numel() / classes, classes]);
        let loss = rows.cross_entropy(&target.reshape(&[target.numel()]));
        let gradients = loss.backward();
        if k == 0 {
            let want = file.array(&format!("{prefix}ref/logits")).floats();
            let [rtol, atol] = tolerances.logits;
            checks.push(worst("logits", &logits.to_vec::<f32>().expect("read"), want, rtol, atol));
            let got: Vec<(String, Vec<f32>)> = params
                .trainable()
                .iter()
                .map(|p| {
                    let gradient = gradients.get(&p.value()).expect("every parameter has a gradient");
                    (p.name().to_owned(), gradient.to_vec().expect("read"))
                })
                .collect();
            checks.extend(check_gradients(&got, &file, prefix, &a, tolerances.gradient));
        }
        losses.push(loss.item().expect("read"));
        drop((logits, rows, loss));
        step(gradients, lr).expect("a step");
    }
    let want = file.array(&format!("{prefix}ref/losses")).floats();
    for (k, ((&got, &want), &rtol)) in losses.iter().zip(want).zip(&tolerances.losses).enumerate() {
        checks.push(worst(&format!("loss of step {k}"), &[got], &[want], rtol, 0.0));
    }
    checks.extend(check_rms(&params, &a, tolerances.rms));
    Ok(checks)
}

struct Tolerances {
    /// Relative and absolute.
    logits: [f32; 2],
    gradient: f64,
    losses: Vec<f32>,
    rms: f64,
}

impl Tolerances {
    fn new(a: &Attrs) -> Tolerances {
        let logits = a.floats("logits").expect("logits");
        Tolerances {
            logits: [logits[0], logits[1]],
            gradient: a.double("grad_rel_l2").expect("grad_rel_l2"),
            losses: a.floats("losses_rtol").expect("losses_rtol"),
            rms: a.double("rms_after_rel").expect("rms_after_rel"),
        }
    }
}

fn model(case: &Case, config: &Attrs, params: &Params) -> Result<Forward, Unsupported> {
    let without = || Unsupported(format!("{} of another configuration", case.op));
    match case.op.as_str() {
        "train/resnet20" => {
            let blocks = config.size("blocks").expect("blocks");
            if config.sizes("widths").as_deref() != Some(&[16, 32, 64]) {
                return Err(without());
            }
            let net = ResNet::cifar(6 * blocks + 2, config.size("classes").expect("classes"), params);
            Ok(Box::new(move |x| net.forward(x, Mode::Train)))
        }
        "train/mlp" => {
            let sizes = config.sizes("sizes").expect("sizes");
            let layer =
                |(i, s): (usize, &[usize])| Linear::new(&params.path(format!("fc{}", i + 1)), s[0], s[1]);
            let layers: Vec<Linear> = sizes.windows(2).enumerate().map(layer).collect();
            Ok(Box::new(move |x| {
                let (last, first) = layers.split_last().expect("a layer");
                last.forward(&first.iter().fold(x.clone(), |x, layer| layer.forward(&x).relu()))
            }))
        }
        "train/lstm_charlm" => {
            let [vocab, embed, hidden] =
                ["vocab", "embed", "hidden"].map(|key| config.size(key).expect("sizes of the model"));
            let table = params.path("embedding").param("weight", &[vocab, embed], Init::ZEROS);
            let options = RnnOptions { batch_first: true, ..RnnOptions::default() };
            let lstm = Lstm::new(&params.path("lstm"), embed, hidden, options);
            let fc = Linear::new(&params.path("fc"), hidden, vocab);
            Ok(Box::new(move |x| fc.forward(&lstm.forward(&table.value().embedding(x), None).0)))
        }
        _ => Err(Unsupported(case.op.clone())),
    }
}

/// Sets all parameters to the file's state.
fn load(params: &Params, file: &File) {
    for param in params.all() {
        param.set(&file.array(param.name()).tensor(params.device()));
    }
    // Names with a slash are batches and references.
    let state = file.names().filter(|n| !n.contains('/') && !n.ends_with("num_batches_tracked"));
    let unknown: Vec<&str> = state.filter(|n| params.get(n).is_none()).collect();
    assert!(unknown.is_empty(), "the model has no {unknown:?}");
}

fn norm(values: impl IntoIterator<Item = f64>) -> f64 {
    values.into_iter().map(|v| v * v).sum::<f64>().sqrt()
}

/// Every gradient, or its first rows, by its distance, and the norms of all.
fn check_gradients(
    got: &[(String, Vec<f32>)],
    file: &File,
    prefix: &str,
    a: &Attrs,
    tolerance: f64,
) -> Vec<Check> {
    let norms = a.inner("grad_l2").expect("grad_l2");
    let all = norm(norms.keys().map(|k| norms.double(k).expect("a norm")));
    let mut checks = vec![];
    for (name, got) in got {
        let mut check = |what: String, error: f64, reference: f64| {
            let ratio = error / (tolerance * reference.max(1e-3 * all));
            checks.push(Check::new(&what, ratio, format!("distance {error:e} of {reference:e}")));
        };
        let own = norms.double(name).unwrap_or_else(|| panic!("no norm of the gradient of {name}"));
        let length = norm(got.iter().map(|&v| f64::from(v)));
        check(format!("norm of the gradient of {name}"), (length - own).abs(), own);
        let kinds = ["grad", "grad_head"].map(|kind| format!("{prefix}{kind}/{name}"));
        for (kind, want) in kinds.iter().filter_map(|k| Some((k, file.get(k)?.floats()))) {
            let distance = norm(got.iter().zip(want).map(|(&g, &w)| f64::from(g) - f64::from(w)));
            check(kind.clone(), distance, norm(want.iter().map(|&w| f64::from(w))));
        }
    }
    checks
}

/// Root mean squares of the whole state after the last step.
fn check_rms(params: &Params, a: &Attrs, tolerance: f64) -> Vec<Check> {
    let want = a.inner("rms_after").expect("rms_after");
    let mut checks = vec![];
    for name in want.keys() {
        let reference = want.double(name).expect("a number");
        let param = params.get(name).unwrap_or_else(|| panic!("the model has no {name}"));
        let values: Vec<f32> = param.value().to_vec().expect("read");
        let rms = norm(values.iter().map(|&v| f64::from(v))) / (values.len() as f64).sqrt();
        let ratio = (rms - reference).abs() / (tolerance * reference.max(0.01));
        checks.push(Check::new(name, ratio, format!("root mean square {rms:e} for {reference:e}")));
    }
    checks
}
