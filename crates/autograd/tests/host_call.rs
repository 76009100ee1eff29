//! Functions outside of the device: values, failures, and what runs while they are under way.

use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};

use autograd::{Error, HostCall, HostResult, PlanView, Role, State, Tensor, Transaction, plans};
use gpu_core::testing;

/// Adds a number to every element, on a thread of its own.
#[derive(Debug)]
struct Plus(f32);

impl HostCall for Plus {
    fn describe(&self) -> String {
        format!("plus {}", self.0)
    }

    fn gradient(&self) -> Option<Arc<dyn HostCall>> {
        Some(Arc::new(Plus(0.0)))
    }

    fn start(&self, input: &[f32]) -> HostResult {
        let (number, values) = (self.0, input.to_vec());
        let thread = std::thread::spawn(move || values.iter().map(|v| v + number).collect::<Vec<f32>>());
        Box::new(move |out| {
            out.copy_from_slice(&thread.join().map_err(|_| "the thread panicked")?);
            Ok(())
        })
    }
}

/// Fails after everything else that could run has run.
#[derive(Debug)]
struct Broken;

impl HostCall for Broken {
    fn describe(&self) -> String {
        "a broken function".into()
    }

    fn start(&self, _: &[f32]) -> HostResult {
        Box::new(|_| Err("the cable is loose".into()))
    }
}

#[test]
fn values_and_gradients() {
    for device in testing::devices() {
        let x = Tensor::from_slice(&device, &[1.0f32, 2.0, 3.0], &[3]).unwrap().variable();
        let y = (&x * 2.0).host_call(Arc::new(Plus(1.0)));
        let loss = y.square().sum_all();
        let gradient = loss.backward().get(&x).unwrap().clone();
        assert_eq!(y.to_vec::<f32>().unwrap(), [3.0, 5.0, 7.0]);
        assert_eq!(gradient.to_vec::<f32>().unwrap(), [12.0, 20.0, 28.0]);
        let none = Tensor::zeros(&device, &[0, 2]).host_call(Arc::new(Broken));
        assert!(none.to_vec::<f32>().unwrap().is_empty());
    }
}

/// The same plan is used again, with new values; functions of other descriptions are other plans.
#[test]
fn plans_are_used_again() {
    for device in testing::devices() {
        let function = |value: f32| {
            let x = Tensor::from_slice(&device, &[value; 5], &[5]).unwrap();
            ((x * 3.0).host_call(Arc::new(Plus(7.0))) - 1.0).to_vec::<f32>().unwrap()
        };
        assert_eq!(function(1.0), [9.0; 5]);
        assert_eq!(function(2.0), [12.0; 5]);
        let calls =
            |plan: &&PlanView| plan.launches().iter().any(|l| l.kernel().shape().starts_with("plus 7"));
        assert_eq!(plans(&device).iter().filter(calls).count(), 1);
        let x = Tensor::from_slice(&device, &[1.0f32], &[1]).unwrap();
        let both = [1.0, 2.0].map(|n| x.host_call(Arc::new(Plus(n))).to_vec::<f32>().unwrap());
        assert_eq!(both, [[2.0], [3.0]]);
    }
}

/// A step fails as a whole: the state keeps its value, and the next step works.
#[test]
fn a_failure_changes_nothing() {
    for device in testing::devices() {
        let state = State::new(&Tensor::ones(&device, &[3]), Role::Parameter);
        let step = |call: Arc<dyn HostCall>| {
            let new = state.value() + (state.value() * 2.0).host_call(call);
            Transaction::default().write(&state, new).run()
        };
        let error = step(Arc::new(Broken)).unwrap_err();
        assert!(matches!(error, Error::HostCall { .. }), "{error:?}");
        let text = error.to_string();
        assert!(text.contains("a broken function") && text.contains("the cable is loose"), "{text}");
        assert_eq!(state.value().to_vec::<f32>().unwrap(), [1.0; 3]);
        step(Arc::new(Plus(0.5))).unwrap();
        assert_eq!(state.value().to_vec::<f32>().unwrap(), [3.5; 3]);
    }
}

/// A call begins as soon as its input is known, although it was recorded last; its result is awaited last.
#[test]
fn launches_run_while_a_call_is_under_way() {
    for device in testing::devices() {
        let x = Tensor::from_slice(&device, &[0.5f32; 48 * 48], &[48, 48]).unwrap();
        let first = x.matmul(&x);
        let last = (0..4).fold(first.clone(), |y, _| y.matmul(&x).tanh());
        let called = first.host_call(Arc::new(Plus(1.0)));
        Transaction::default().output(&last).output(&called).run().unwrap();
        // Other tests use the device at the same time.
        let names = |plan: &PlanView| -> Vec<&str> {
            plan.launches().iter().map(|launch| launch.kernel().name()).collect()
        };
        let plans = plans(&device);
        let of_step = |names: &Vec<&str>| names.iter().filter(|name| **name == "matmul").count() == 5;
        let names = plans.iter().map(names).find(of_step).expect("the step's plan");
        let place = |name: &str| names.iter().position(|n| *n == name).unwrap();
        assert!(place("host_start") <= 2, "{names:?}");
        assert!(place("host_finish") >= 5, "{names:?}");
        assert_eq!(called.to_vec::<f32>().unwrap()[0], 13.0);
    }
}

/// Waits for a word from a call that begins later: both are under way at once.
#[derive(Debug)]
struct Meeting {
    name: &'static str,
    sends: Option<Sender<()>>,
    receives: Option<Arc<std::sync::Mutex<std::sync::mpsc::Receiver<()>>>>,
}

impl HostCall for Meeting {
    fn describe(&self) -> String {
        self.name.into()
    }

    fn start(&self, input: &[f32]) -> HostResult {
        let (values, receives) = (input.to_vec(), self.receives.clone());
        if let Some(sends) = &self.sends {
            sends.send(()).unwrap();
        }
        Box::new(move |out| {
            if let Some(receives) = receives {
                receives.lock().unwrap().recv().map_err(|e| e.to_string())?;
            }
            out.copy_from_slice(&values);
            Ok(())
        })
    }
}

#[test]
fn several_calls_are_under_way_at_once() {
    for device in testing::devices() {
        let (sends, receives) = channel();
        let receives = Some(Arc::new(std::sync::Mutex::new(receives)));
        let waits = Arc::new(Meeting { name: "waits", sends: None, receives });
        let comes = Arc::new(Meeting { name: "comes", sends: Some(sends), receives: None });
        let x = Tensor::from_slice(&device, &[1.0f32, 2.0], &[2]).unwrap();
        let (a, b) = ((&x * 2.0).host_call(waits), (&x * 3.0).host_call(comes));
        assert_eq!((a + b).to_vec::<f32>().unwrap(), [5.0, 10.0]);
    }
}
