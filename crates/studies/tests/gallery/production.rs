studies! {
    calibration,
    distillation,
    drift,
    pruning,
    quantization,
    rollback,
    serving: gpu,
}
