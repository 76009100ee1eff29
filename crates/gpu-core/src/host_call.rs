//! Functions outside of the device in the middle of a graph, such as an exchange with other processes.
//!
//! A call is two launches: [`HostPlace::start`] begins with the values, and [`HostPlace::finish`] waits for the result. What lies between
//! them does not wait.

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
    ///
    /// Arguments: the input; written: a word, which [`finish`](HostPlace::finish) reads, so that it comes later.
    pub fn start(&self, elements: usize) -> HostLaunch {
        HostLaunch { place: self.clone(), elements, part: HostPart::Start }
    }

    /// The kernel that waits for the result.
    ///
    /// Arguments: the word of [`start`](HostPlace::start); written: the result.
    pub fn finish(&self, elements: usize) -> HostLaunch {
        HostLaunch { place: self.clone(), elements, part: HostPart::Finish }
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

/// One of the two launches of a [`HostCall`].
#[derive(Clone, Debug)]
pub struct HostLaunch {
    place: HostPlace,
    elements: usize,
    part: HostPart,
}

/// What the host does in place of a launch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum HostPart {
    /// Reads the first argument, and begins.
    Start,
    /// Waits, and writes the result to the second argument.
    Finish,
}

/// The place and the part that the host does in place of a launch of `kernel`, if it is part of a [`HostCall`].
pub(crate) fn host_part(kernel: &dyn Kernel) -> Option<(&HostPlace, HostPart)> {
    let kernel: &dyn Any = kernel;
    kernel.downcast_ref().map(|launch: &HostLaunch| (&launch.place, launch.part))
}

impl Kernel for HostLaunch {
    fn name(&self) -> &'static str {
        match self.part {
            HostPart::Start => "host_start",
            HostPart::Finish => "host_finish",
        }
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
        match self.part {
            HostPart::Start => self.place.begin(args.read(0)),
            HostPart::Finish => {
                if let Err(reason) = self.place.end(args.write(1)) {
                    // Caught by the device; not a panic, whose message would be printed.
                    std::panic::resume_unwind(Box::new(HostFailure(reason)));
                }
            }
        }
    }

    fn cost(&self) -> Cost {
        Cost { flops: 0, bytes: 4 * self.elements as u64 }
    }
}
