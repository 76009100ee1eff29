//! Running the cases on the devices, several at a time.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use autograd::{Device, DeviceKind, Tensor, evaluate, vjp};

use super::attrs::Attrs;
use super::call::{Answer, Call, Unsupported};
use super::compare::{Check, compare};
use super::fixtures::{Case, Fixtures};
use super::report::{Entry, Outcome};
use super::{
    attention, batch_layer_norm, binary, init, losses, matrix, movement, norm, optim, reduction, resize,
    schedule, second_order, sequence, train, unary, window,
};

thread_local! {
    /// Message and location of the last panic of this thread.
    static PANIC: RefCell<String> = RefCell::default();
}

/// Functions that run ops; each returns `None` for ops that it does not have.
const FAMILIES: [fn(&Call) -> Option<Answer>; 15] = [
    unary::run,
    binary::run,
    reduction::run,
    movement::run,
    matrix::run,
    attention::run,
    window::run,
    resize::run,
    norm::run,
    batch_layer_norm::run,
    losses::run,
    sequence::run,
    second_order::run,
    optim::run,
    schedule::run,
];

/// Whether a case computes nothing on a device.
fn on_host(case: &Case) -> bool {
    case.op.starts_with("lr/") || case.op.starts_with("init/")
}

pub fn run_all(fixtures: &Fixtures, devices: &[Device]) -> Vec<Entry> {
    let mut jobs: Vec<(&Case, &Device)> = vec![];
    for (d, device) in devices.iter().enumerate() {
        jobs.extend(fixtures.cases.iter().filter(|c| d == 0 || !on_host(c)).map(|c| (c, device)));
    }
    // Longest cases first.
    jobs.sort_by_key(|(case, _)| case.file.is_none());
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|info| PANIC.set(info.to_string().replace('\n', " "))));
    let (next, done) = (AtomicUsize::new(0), Mutex::new(vec![]));
    let workers = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                while let Some((case, device)) = jobs.get(next.fetch_add(1, Relaxed)) {
                    let outcome = catch_unwind(AssertUnwindSafe(|| run(fixtures, case, device)));
                    let panicked =
                        |_| Outcome::Checked(vec![Check::new("call", f64::INFINITY, PANIC.take())]);
                    let outcome = outcome.unwrap_or_else(panicked);
                    let device = if on_host(case) { "host" } else { label(device) };
                    let (family, op) = (case.family.clone(), case.op.clone());
                    let entry = Entry { family, op, case: case.name.clone(), device: device.into(), outcome };
                    done.lock().expect("no panic here").push(entry);
                }
            });
        }
    });
    std::panic::set_hook(hook);
    let mut entries = done.into_inner().expect("no panic here");
    entries.sort_by(|a, b| (&a.device, &a.family, &a.case).cmp(&(&b.device, &b.family, &b.case)));
    entries
}

fn label(device: &Device) -> &'static str {
    if device.info().kind == DeviceKind::Cpu { "cpu" } else { "gpu" }
}

fn run(fixtures: &Fixtures, case: &Case, device: &Device) -> Outcome {
    let checks = if case.op.starts_with("train/") {
        train::run(fixtures, case, device)
    } else if case.op.starts_with("init/") {
        init::run(case)
    } else {
        call(fixtures, case, device)
    };
    match checks {
        Ok(checks) => Outcome::Checked(checks),
        Err(Unsupported(what)) => Outcome::Unsupported(what),
    }
}

fn call(fixtures: &Fixtures, case: &Case, device: &Device) -> Result<Vec<Check>, Unsupported> {
    let input = |name| {
        let tensor = fixtures.array(case, name).tensor(device);
        let wanted = case.grads.iter().any(|g| g.strip_prefix('d') == Some(name));
        (name, if wanted { tensor.variable() } else { tensor })
    };
    let call = Call {
        op: &case.op,
        attrs: Attrs::new(case.attrs.clone()),
        device,
        inputs: case.inputs.iter().map(String::as_str).map(input).collect(),
        outputs: &case.outputs,
        params: RefCell::default(),
    };
    let answer = FAMILIES.iter().find_map(|family| family(&call));
    let outputs = answer.unwrap_or_else(|| Err(Unsupported(case.op.clone())))?;
    if let Some(unread) = call.attrs.unread() {
        return Err(call.without(unread));
    }
    assert_eq!(outputs.len(), case.outputs.len(), "outputs {:?}", case.outputs);
    let mut results: Vec<(String, Tensor)> =
        case.outputs.iter().cloned().zip(outputs.iter().cloned()).collect();
    results.extend(gradients(fixtures, case, &call, &outputs));
    // Evaluates everything in one plan.
    evaluate(&results.iter().map(|(_, t)| t).collect::<Vec<_>>()).expect("evaluation");
    let check =
        |(name, got): &(String, Tensor)| compare(name, got, fixtures.array(case, name), case.rtol, case.atol);
    Ok(results.iter().map(check).collect())
}

/// The gradients of the sum over outputs of `<output, upstream>`.
fn gradients(fixtures: &Fixtures, case: &Case, call: &Call, outputs: &[Tensor]) -> Vec<(String, Tensor)> {
    let upstream = |name: &String| case.upstream.iter().find(|u| u.strip_prefix('d') == Some(name));
    let fed: Vec<(&Tensor, Tensor)> = outputs
        .iter()
        .zip(&case.outputs)
        .filter_map(|(y, name)| Some((y, fixtures.array(case, upstream(name)?).tensor(call.device))))
        .collect();
    assert_eq!(fed.len(), case.upstream.len(), "upstream {:?} of outputs {:?}", case.upstream, case.outputs);
    let pairs: Vec<(&Tensor, &Tensor)> = fed.iter().map(|(y, u)| (*y, u)).collect();
    let wrt: Vec<Tensor> = case.grads.iter().map(|g| call.variable(&g[1..])).collect();
    let of = |((name, x), g): ((&String, &Tensor), Option<Tensor>)| {
        (name.clone(), g.unwrap_or_else(|| x.zeros_like()))
    };
    let found = vjp(&pairs, &wrt.iter().collect::<Vec<_>>());
    case.grads.iter().zip(&wrt).zip(found).map(of).collect()
}
