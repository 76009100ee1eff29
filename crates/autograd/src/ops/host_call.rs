//! Functions outside of the device as operations.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use gpu_core::{DType, HostCall, HostPlace};

use crate::Tensor;
use crate::compile::Lower;
use crate::op::KernelOp;

/// A call of a function outside of the device.
#[derive(Debug)]
struct Call(Arc<dyn HostCall>);

impl Hash for Call {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.describe().hash(state);
    }
}

impl Tensor {
    /// The elements that `call` computes from this tensor's outside of the device, in its shape. A plan begins with the call as soon as the
    /// values are known, and waits for the result when it is needed: launches that do not depend on it run meanwhile.
    ///
    /// The gradient is the call's own [gradient](HostCall::gradient); without one, the result has none.
    ///
    /// # Panics
    /// When the elements are not f32.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use autograd::{Device, HostCall, HostResult, Tensor};
    ///
    /// #[derive(Debug)]
    /// struct Sorted;
    ///
    /// impl HostCall for Sorted {
    ///     fn describe(&self) -> String {
    ///         "sorting".into()
    ///     }
    ///
    ///     fn start(&self, input: &[f32]) -> HostResult {
    ///         let mut values = input.to_vec();
    ///         let thread = std::thread::spawn(move || {
    ///             values.sort_by(f32::total_cmp);
    ///             values
    ///         });
    ///         Box::new(move |out| {
    ///             out.copy_from_slice(&thread.join().map_err(|_| "the thread panicked")?);
    ///             Ok(())
    ///         })
    ///     }
    /// }
    ///
    /// let x = Tensor::from_slice(&Device::named("cpu")?, &[3.0f32, 1.0, 2.0], &[3])?;
    /// assert_eq!((&x * 2.0).host_call(Arc::new(Sorted)).to_vec::<f32>()?, [2.0, 4.0, 6.0]);
    /// # Ok::<(), autograd::Error>(())
    /// ```
    #[doc(alias("pure_callback", "io_callback", "numpy_function"))]
    #[track_caller]
    pub fn host_call(&self, call: Arc<dyn HostCall>) -> Tensor {
        assert!(self.dtype() == DType::F32, "host_call: {} of {}", call.describe(), self.dtype());
        if self.numel() == 0 {
            return self.clone();
        }
        Tensor::record(Call(call), &[self], vec![self.meta().clone()]).remove(0)
    }
}

impl KernelOp for Call {
    fn name(&self) -> &'static str {
        "host_call"
    }

    fn lower(&self, cx: &mut Lower) {
        let (input, elements) = (cx.dense(0), cx.output_meta(0).numel());
        let (word, place) = (cx.temp(1), HostPlace::new(self.0.clone()));
        cx.launch(place.start(elements), &[input, word]);
        let out = cx.output(0);
        cx.launch(place.finish(elements), &[word, out]);
    }

    fn gradient(&self, _: &[Tensor], _: &[Tensor], grads: &[Option<Tensor>]) -> Vec<Option<Tensor>> {
        let of = |call| grads[0].as_ref().expect("one output").host_call(call);
        vec![self.0.gradient().map(of)]
    }

    fn differentiable(&self) -> bool {
        self.0.gradient().is_some()
    }
}
