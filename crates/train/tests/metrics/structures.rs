//! Boxes and clusters.

use data::{Corners, Detection, Object, box_iou};
use serde_json::Value;
use train::metrics::{Detected, mean_average_precision, silhouette, silhouette_samples};

use crate::close::{all_close, close, panics};
use crate::fixtures::{case, classes, floats, list, number, numbers};

fn corners(value: &Value) -> Corners {
    floats(value).try_into().expect("four corners")
}

fn image(value: &Value) -> Detected {
    let class = |value: &Value| value.as_u64().expect("a class") as u32;
    let object = |o: &Value| Object { corners: corners(&o[0]), class: class(&o[1]) };
    let detection =
        |d: &Value| Detection { corners: corners(&d[0]), class: class(&d[1]), score: number(&d[2]) as f32 };
    Detected {
        objects: list(&value["objects"]).iter().map(object).collect(),
        detections: list(&value["detections"]).iter().map(detection).collect(),
    }
}

#[test]
fn detections_score_as_with_pycocotools() {
    let case = case("detection");
    let images: Vec<Detected> = list(&case["images"]).iter().map(image).collect();
    let found = mean_average_precision(&images);
    close("mAP", found.map, number(&case["map"]));
    close("at 0.5", found.map_50, number(&case["map_50"]));
    close("at 0.75", found.map_75, number(&case["map_75"]));
    let per_class = found.per_class.iter().flat_map(|&(class, ap)| [f64::from(class), ap]);
    let expected: Vec<f64> = list(&case["per_class"]).iter().flat_map(numbers).collect();
    all_close("per class", per_class, &expected);
}

#[test]
fn an_object_is_found_once_and_a_hundred_detections_count() {
    let square = [0.0, 0.0, 1.0, 1.0];
    let objects = vec![Object { corners: square, class: 3 }];
    let detection = |class, score| Detection { corners: square, class, score };
    let ap = |detections: Vec<Detection>| {
        mean_average_precision(&[Detected { detections, objects: objects.clone() }]).map
    };
    assert_eq!(ap(vec![detection(3, 0.5), detection(3, 0.4)]), 1.0, "the second comes after all recall");
    assert_eq!(ap(vec![detection(4, 0.5)]), 0.0);
    let far = Detection { corners: [5.0, 5.0, 6.0, 6.0], class: 3, score: 0.9 };
    close("the hundredth", ap([vec![far; 99], vec![detection(3, 0.5)]].concat()), 0.01);
    assert_eq!(ap([vec![far; 100], vec![detection(3, 0.5)]].concat()), 0.0);
    let nothing = mean_average_precision(&[]);
    assert!(nothing.map.is_nan() && nothing.map_50.is_nan() && nothing.per_class.is_empty());
    assert_eq!(box_iou([0.0; 4], [0.0; 4]), 0.0);
    assert_eq!(box_iou(square, [1.0, 0.0, 2.0, 1.0]), 0.0, "side by side");
}

#[test]
fn silhouettes_match_scikit_learn() {
    let case = case("clusters");
    let (points, labels) = (floats(&case["points"]), classes(&case["labels"]));
    all_close("samples", silhouette_samples(&points, 3, &labels), &numbers(&case["samples"]));
    close("mean", silhouette(&points, 3, &labels), number(&case["mean"]));
    assert_eq!(silhouette(&[1.0; 4], 1, &[0, 0, 1, 1]), 0.0, "all in one place");
    for labels in [[0, 0, 0], [0, 1, 2]] {
        assert!(panics(|| silhouette(&[0.0, 1.0, 2.0], 1, &labels)).contains("clusters of 3 points"));
    }
}
