//! Functions outside of the device in the middle of a graph, such as an exchange with other processes.
//!
//! A call is two launches: [`HostStart`] hands the values over, and [`HostFinish`] takes the result. What lies between them does not wait.

use std::any::Any;
use std::fmt::Debug;
use std::sync::{Arc, Mutex, PoisonError};

use crate::{Access, Args, Cost, Kernel, Shader};

/// A function of a vector that is computed outside of the device, asynchronously.
pub trait HostCall: Any + Debug + Send + Sync {
    /// What the function does, as in `all-reduce of bucket 2`: calls of the same function, and no others, have the same description.
    fn describe(&self) -> String;

    /// The function of a gradient of the result that gives the gradient of the input; `None` if there is none.
    fn gradient(&self) -> Option<Arc<dyn HostCall>> {
        None
    }

    /// Begins with the function of `input`, which is valid only during this call. Called once a run, in the order of the graph's launches.
    fn start(&self, input: &[f32]) -> HostResult;
}

/// What is left of a call: waits for the result, and writes it to a vector of the input's length. An error is a message that says what
/// failed, and what to do.
pub type HostResult = Box<dyn FnOnce(&mut [f32]) -> Result<(), String> + Send>;

/// One place in a graph where a function is called; its two launches share it.
#[derive(Clone, Debug)]
pub struct HostPlace {
    call: Arc<dyn HostCall>,
    /// The call under way.
    under_way: Arc<Mutex<Option<UnderWay>>>,
}

struct UnderWay(HostResult);

impl Debug for UnderWay {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.write_str("UnderWay")
    }
}

/// The payload with which a CPU twin unwinds when a function has failed.
pub(crate) struct HostFailure(pub String);

impl HostPlace {
    /// A place where `call` is called.
    pub fn new(call: Arc<dyn HostCall>) -> HostPlace {
        HostPlace { call, under_way: Arc::default() }
    }

    /// The kernel that begins with `elements` elements.
    pub fn start(&self, elements: usize) -> HostStart {
        HostStart { place: self.clone(), elements }
    }

    /// The kernel that waits for the result.
    pub fn finish(&self, elements: usize) -> HostFinish {
        HostFinish { place: self.clone(), elements }
    }

    pub(crate) fn begin(&self, input: &[f32]) {
        let result = UnderWay(self.call.start(input));
        *self.under_way.lock().unwrap_or_else(PoisonError::into_inner) = Some(result);
    }

    pub(crate) fn end(&self, out: &mut [f32]) -> Result<(), String> {
        let under_way = self.under_way.lock().unwrap_or_else(PoisonError::into_inner).take();
        let UnderWay(result) = under_way.ok_or("its result was taken before it was begun")?;
        result(out)
    }
}

/// The launch that begins with a [`HostCall`].
///
/// Arguments: the input; written: a word, which [`HostFinish`] reads, so that it comes later.
#[derive(Clone, Debug)]
pub struct HostStart {
    place: HostPlace,
    elements: usize,
}

/// The launch that waits for the result of a [`HostCall`].
///
/// Arguments: the word of [`HostStart`]; written: the result.
#[derive(Clone, Debug)]
pub struct HostFinish {
    place: HostPlace,
    elements: usize,
}

/// What a GPU's host does in place of a launch.
pub(crate) enum HostPart<'a> {
    /// Reads the first argument, and begins.
    Start(&'a HostPlace),
    /// Writes the result to the second argument.
    Finish(&'a HostPlace),
}

/// What the host does in place of a launch of `kernel`, if it is part of a [`HostCall`].
pub(crate) fn host_part(kernel: &dyn Kernel) -> Option<HostPart<'_>> {
    let kernel: &dyn Any = kernel;
    let start = kernel.downcast_ref().map(|start: &HostStart| HostPart::Start(&start.place));
    start.or_else(|| kernel.downcast_ref().map(|finish: &HostFinish| HostPart::Finish(&finish.place)))
}

impl Kernel for HostStart {
    fn name(&self) -> &'static str {
        "host_start"
    }

    fn shape(&self) -> String {
        format!("{}, {} elements", self.place.call.describe(), self.elements)
    }

    fn access(&self) -> Vec<Access> {
        vec![Access::Read, Access::Write]
    }

    fn shaders(&self) -> Vec<Shader> {
        vec![]
    }

    fn run(&self, args: &Args) {
        self.place.begin(args.read(0));
    }

    fn cost(&self) -> Cost {
        Cost { flops: 0, bytes: 4 * self.elements as u64 }
    }
}

impl Kernel for HostFinish {
    fn name(&self) -> &'static str {
        "host_finish"
    }

    fn shape(&self) -> String {
        format!("{}, {} elements", self.place.call.describe(), self.elements)
    }

    fn access(&self) -> Vec<Access> {
        vec![Access::Read, Access::Write]
    }

    fn shaders(&self) -> Vec<Shader> {
        vec![]
    }

    fn run(&self, args: &Args) {
        if let Err(reason) = self.place.end(args.write(1)) {
            // Caught by the device; not a panic, whose message would be printed.
            std::panic::resume_unwind(Box::new(HostFailure(reason)));
        }
    }

    fn cost(&self) -> Cost {
        Cost { flops: 0, bytes: 4 * self.elements as u64 }
    }
}
