//! Every study of the atlas as a test: with its small budget on the CPU, some on a GPU adapter too.

#[macro_use]
mod run;

mod claims;
mod systems;
mod table;

mod energy;
mod generative;
mod graphs;
mod inference;
mod multimodal;
mod numerics;
mod practice;
mod production;
mod reinforcement;
mod representation;
mod sequences;
mod supervised;
mod theory;
mod unsupervised;
mod vision;

/// The studies listed by the atlas are those in the tables of this test.
#[test]
fn every_study_is_tested() {
    let output = std::process::Command::new(run::ATLAS).arg("--list").output().expect("it is built");
    let list = String::from_utf8(output.stdout).expect("text");
    let tests = concat!(
        include_str!("energy.rs"),
        include_str!("generative.rs"),
        include_str!("graphs.rs"),
        include_str!("inference.rs"),
        include_str!("numerics.rs"),
        include_str!("multimodal.rs"),
        include_str!("practice.rs"),
        include_str!("production.rs"),
        include_str!("reinforcement.rs"),
        include_str!("representation.rs"),
        include_str!("sequences.rs"),
        include_str!("supervised.rs"),
        include_str!("theory.rs"),
        include_str!("unsupervised.rs"),
        include_str!("vision.rs"),
    );
    let tests: Vec<&str> = tests.split(|c: char| !c.is_alphanumeric() && c != '_').collect();
    let studies: Vec<&str> = list.lines().filter_map(|line| line.split_whitespace().nth(1)).collect();
    assert!(studies.len() > 100, "{list}");
    let untested: Vec<&&str> = studies.iter().filter(|study| !tests.contains(study)).collect();
    assert!(untested.is_empty(), "studies without a test: {untested:?}");
}
