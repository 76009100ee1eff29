use atlas::Study;

mod contrastive;
mod digit_domains;
mod domain_adversarial;
mod few_shot;
mod invariant_risk;
mod maml;
mod module_networks;
mod photo_contrastive;
mod pretext;

pub const STUDIES: &[&Study] = &[
    &contrastive::STUDY,
    &photo_contrastive::STUDY,
    &pretext::STUDY,
    &few_shot::STUDY,
    &maml::STUDY,
    &domain_adversarial::STUDY,
    &digit_domains::STUDY,
    &invariant_risk::STUDY,
    &module_networks::STUDY,
];
