studies! {
    segmentation,
    yolo,
    ssd,
    faster_rcnn,
    mask_rcnn,
    metric_learning,
    style_transfer: gpu,
    super_resolution,
    attribution,
    loss_landscape: gpu,
}
