//! Points at which a device's work can fail, so that tests can make each of them fail.

/// A place where real work can fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Point {
    /// A buffer is requested.
    Allocation,
    /// A pipeline is requested, by a graph's first run on a GPU.
    Pipeline,
    /// A launch begins on the CPU. It fails by a panic.
    Launch,
    /// A graph is submitted to a GPU.
    Submit,
    /// Values are copied to the host.
    Readback,
    /// The results of a test of the device are compared. It fails as if they were wrong.
    Test,
}

/// The faults that a test injects into a device.
#[derive(Default)]
pub(crate) struct Faults {
    #[cfg(feature = "testing")]
    watch: std::sync::Mutex<Option<Watch>>,
}

/// What to do at a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Strike {
    /// The operation fails.
    Fail,
    /// The device is lost; no effect on the CPU.
    Lose,
}

/// The points passed, and the one to strike at.
#[cfg(feature = "testing")]
#[derive(Default)]
pub(crate) struct Watch {
    pub passed: Vec<Point>,
    pub strike: Option<(usize, Strike)>,
}

impl Faults {
    /// Records that the work passes `point`; returns the fault to inject there.
    #[cfg(feature = "testing")]
    pub fn pass(&self, point: Point) -> Option<Strike> {
        let mut watch = self.lock();
        let watch = watch.as_mut()?;
        watch.passed.push(point);
        watch.strike.and_then(|(number, strike)| (number + 1 == watch.passed.len()).then_some(strike))
    }

    #[cfg(not(feature = "testing"))]
    #[inline(always)]
    pub fn pass(&self, _: Point) -> Option<Strike> {
        None
    }

    /// Starts or stops watching; returns the previous watch.
    #[cfg(feature = "testing")]
    pub fn watch(&self, watch: Option<Watch>) -> Option<Watch> {
        std::mem::replace(&mut *self.lock(), watch)
    }

    #[cfg(feature = "testing")]
    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Watch>> {
        self.watch.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}
