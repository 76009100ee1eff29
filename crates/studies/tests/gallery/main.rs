//! Every study of the gallery as a test: with its small budget on the CPU, and some on a GPU adapter too.

#[macro_use]
mod run;

mod energy;
mod generative;
mod graphs;
mod inference;
mod practice;
mod production;
mod reinforcement;
mod representation;
mod sequences;
mod supervised;
mod theory;
mod unsupervised;
mod vision;
