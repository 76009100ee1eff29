use atlas::Study;

mod boltzmann;
mod deep_belief;
mod hopfield;
mod ising;
mod rbm;

pub const STUDIES: &[&Study] =
    &[&boltzmann::STUDY, &deep_belief::STUDY, &hopfield::STUDY, &ising::STUDY, &rbm::STUDY];
