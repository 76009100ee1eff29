studies! {
    calibration,
    distillation,
    drift: gpu,
    pruning,
    quantization,
    rollback,
    serving,
}
