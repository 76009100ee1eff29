//! The optimizers of the studies: the library's, whose learning rates can all be set to 0. A study that passes nevertheless asserts nothing
//! about training.

use std::sync::atomic::{AtomicBool, Ordering};

use wgrad::models;
use wgrad::prelude::Params;

static STOPPED: AtomicBool = AtomicBool::new(false);

/// Makes every optimizer that a study creates from now on leave the parameters as they are.
pub fn stop_training() {
    STOPPED.store(true, Ordering::Relaxed);
}

macro_rules! optimizers {
    ($($name:ident: $made:ident),* $(,)?) => { $(
        #[doc = concat!("[`models::", stringify!($name), "`], unless [training is stopped](stop_training).")]
        pub struct $name;

        impl $name {
            /// The library's optimizer with its defaults.
            #[allow(clippy::new_ret_no_self)] // a type of the library
            pub fn new(params: &Params) -> models::$made {
                let made = models::$name::new(params);
                if STOPPED.load(Ordering::Relaxed) { made.group("*", 0.0, 0.0) } else { made }
            }
        }
    )* };
}

optimizers!(Adagrad: Adagrad, Adam: Adam, AdamW: Adam, Lion: Lion, Muon: Muon, NAdam: NAdam, RmsProp: RmsProp, Sgd: Sgd);
