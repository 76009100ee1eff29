//! Training of whole models: the first forward and backward pass, and the losses of some steps.

use autograd::{DType, Device, Tensor};
use models::{
    AdamW, CharRnn, CharRnnOptions, Gpt, GptOptions, Mlp, Mode, Params, ResNet, UNet, Vae, Vit, VitOptions,
};
use serde_json::Value;

use super::attrs::Attrs;
use super::call::Unsupported;
use super::compare::{Check, worst};
use super::fixtures::{Case, File, Fixtures};
use super::optim::{Step, optimizer};

/// The network's output and loss on the case's batch.
type Forward = Box<dyn Fn() -> (Tensor, Tensor)>;

pub fn run(fixtures: &Fixtures, case: &Case, device: &Device) -> Result<Vec<Check>, Unsupported> {
    let a = Attrs::new(case.attrs.clone());
    let params = Params::new(device, 0);
    let file =
        fixtures.file(case.file.as_ref().expect("a trained model has a file")).expect("the file is read");
    let prefix = case.inputs[0].strip_suffix("batch/x").expect("the first input is batch/x");
    let batch = |name: &str| file.array(&format!("{prefix}batch/{name}")).tensor(device);
    let forward = model(case, &a.inner("config").expect("config"), &params, &batch)?;
    let options = a.inner("optimizer").expect("optimizer");
    let (name, lr) = (options.text("name").expect("name"), options.float("lr").expect("lr"));
    let mut step = match a.get("weight_decay_on").and_then(|on| on.as_array()) {
        Some(on) if name == "AdamW" => decaying(on, &options, &params),
        _ => optimizer(name, &options, &params)?,
    };
    if let Some(key) = options.unread() {
        return Err(Unsupported(format!("{} with optimizer option {key}", case.op)));
    }
    load(&params, &file);
    let tolerances = Tolerances::new(&a.inner("tolerances").expect("tolerances"));
    let mut losses = vec![];
    let mut checks = vec![];
    for k in 0..a.size("steps").expect("steps") {
        let (logits, loss) = forward();
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
        drop((logits, loss));
        step(gradients, lr).expect("a step");
    }
    let want = file.array(&format!("{prefix}ref/losses")).floats();
    for (k, ((&got, &want), &rtol)) in losses.iter().zip(want).zip(&tolerances.losses).enumerate() {
        checks.push(worst(&format!("loss of step {k}"), &[got], &[want], rtol, 0.0));
    }
    checks.extend(check_rms(&params, &a, tolerances.rms));
    Ok(checks)
}

/// AdamW that decays only the listed parameters.
fn decaying(on: &[Value], a: &Attrs, params: &Params) -> Step {
    let betas = a.floats("betas").unwrap_or_else(|| vec![0.9, 0.999]);
    let decay = a.float("weight_decay").expect("weight_decay");
    let opt = AdamW::new(params).betas(betas[0], betas[1]).eps(a.float("eps").unwrap_or(1e-8));
    let names = on.iter().map(|name| name.as_str().expect("a parameter's name"));
    let mut opt = names.fold(opt.weight_decay(0.0), |opt, name| opt.group(name, decay, 1.0));
    Box::new(move |gradients, lr| opt.step(gradients, lr))
}

struct Tolerances {
    /// Relative and absolute tolerance of the logits.
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

fn model(
    case: &Case,
    config: &Attrs,
    params: &Params,
    batch: &dyn Fn(&str) -> Tensor,
) -> Result<Forward, Unsupported> {
    let size = |key: &str| config.size(key).unwrap_or_else(|| panic!("no size {key} of the model"));
    match case.op.as_str() {
        "train/vae" => {
            let (x, noise) = (batch("x"), batch("noise"));
            let net = Vae::new(params, size("inputs"), size("hidden"), size("latent"));
            return Ok(Box::new(move || {
                let out = net.forward(&x, &noise);
                (out.logits.clone(), out.loss(&x))
            }));
        }
        "train/unet_small" => {
            let (x, target) = (batch("x"), batch("target").to(DType::F32));
            let net = UNet::new(params, size("cin"), size("base"), size("classes"));
            return Ok(Box::new(move || {
                let logits = net.forward(&x, Mode::Train);
                let loss = ((1.0 - &target) * &logits - logits.logsigmoid()).mean_all();
                (logits, loss)
            }));
        }
        _ => {}
    }
    let (net, x, target) = (classifier(case, config, params)?, batch("x"), batch("target"));
    Ok(Box::new(move || {
        let logits = net(&x);
        let rows = logits.reshape(&[target.numel(), logits.size(-1)]);
        let loss = rows.cross_entropy(&target.reshape(&[target.numel()]));
        (logits, loss)
    }))
}

/// Maps a batch's input to logits.
type Classifier = Box<dyn Fn(&Tensor) -> Tensor>;

/// A network whose loss is cross-entropy.
fn classifier(case: &Case, config: &Attrs, params: &Params) -> Result<Classifier, Unsupported> {
    let size = |key: &str| config.size(key).unwrap_or_else(|| panic!("no size {key} of the model"));
    Ok(match case.op.as_str() {
        "train/resnet20" => {
            if config.sizes("widths").as_deref() != Some(&[16, 32, 64]) {
                return Err(Unsupported(format!("{} of another configuration", case.op)));
            }
            let net = ResNet::cifar(params, 6 * size("blocks") + 2, size("classes"));
            Box::new(move |x| net.forward(x, Mode::Train))
        }
        "train/mlp" => {
            let net = Mlp::new(params, &config.sizes("sizes").expect("sizes"));
            Box::new(move |x| net.forward(x))
        }
        "train/lstm_charlm" => {
            let (vocab, embed, hidden) = (size("vocab"), size("embed"), size("hidden"));
            let net = CharRnn::lstm(params, CharRnnOptions { vocab, embed, hidden, layers: 1 });
            Box::new(move |x| net.forward(x, None).0)
        }
        "train/gpt_mini" => {
            let (vocab, context, width) = (size("vocab"), size("context"), size("dim"));
            let (heads, depth) = (size("heads"), size("depth"));
            let options = GptOptions { vocab, context, width, heads, depth, dropout: 0.0 };
            let net = Gpt::new(params, options);
            Box::new(move |x| net.forward(x, Mode::Train))
        }
        "train/vit_tiny" => {
            let image = config.each("image").expect("image");
            let options = VitOptions {
                width: size("dim"),
                heads: size("heads"),
                depth: size("depth"),
                mlp_ratio: size("mlp_ratio"),
                ..VitOptions::new(image, size("patch"), size("classes"))
            };
            let net = Vit::new(params, options);
            Box::new(move |x| net.forward(x, Mode::Train))
        }
        _ => return Err(Unsupported(case.op.clone())),
    })
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

/// Checks the distance of each gradient, or of its first rows, and the norms of all gradients.
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

/// Checks the root mean squares of the whole state after the last step.
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
