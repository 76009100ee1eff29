// The programs are modules here; their `main` is not called.
#![allow(dead_code)]

use studies::Study;

#[path = "../../../../../examples/representation/contrastive.rs"]
mod contrastive;
#[path = "../../../../../examples/representation/domain_adversarial.rs"]
mod domain_adversarial;
#[path = "../../../../../examples/representation/few_shot.rs"]
mod few_shot;
#[path = "../../../../../examples/representation/maml.rs"]
mod maml;
#[path = "../../../../../examples/representation/pretext.rs"]
mod pretext;

pub const STUDIES: &[&Study] =
    &[&contrastive::STUDY, &pretext::STUDY, &few_shot::STUDY, &maml::STUDY, &domain_adversarial::STUDY];
