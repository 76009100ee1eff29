studies! {
    segmentation,
    yolo,
    ssd,
    faster_rcnn,
    metric_learning: gpu,
    style_transfer,
    super_resolution,
    attribution: gpu,
    loss_landscape,
}
