studies! {
    contrastive,
    photo_contrastive,
    pretext,
    few_shot: gpu,
    maml,
    domain_adversarial,
    digit_domains,
    invariant_risk,
    module_networks,
}
