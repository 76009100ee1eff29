// The programs are modules here; their `main` is not called.
#![allow(dead_code)]

use studies::Study;

#[path = "../../../../../examples/energy/boltzmann.rs"]
mod boltzmann;
#[path = "../../../../../examples/energy/deep_belief.rs"]
mod deep_belief;
#[path = "../../../../../examples/energy/hopfield.rs"]
mod hopfield;
#[path = "../../../../../examples/energy/ising.rs"]
mod ising;
#[path = "../../../../../examples/energy/rbm.rs"]
mod rbm;

pub const STUDIES: &[&Study] =
    &[&boltzmann::STUDY, &deep_belief::STUDY, &hopfield::STUDY, &ising::STUDY, &rbm::STUDY];
