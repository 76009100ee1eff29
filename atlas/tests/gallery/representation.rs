studies! {
    contrastive,
    pretext,
    few_shot: gpu,
    maml,
    domain_adversarial,
    invariant_risk,
    module_networks,
}
