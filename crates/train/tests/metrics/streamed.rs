//! Metrics that are summed on the device.

use autograd::{Device, Tensor};
use gpu_core::testing::devices;
use serde_json::Value;
use train::Error;
use train::metrics::{Accuracy, Average, Confusion, ConfusionMatrix, Perplexity, Regression};

use crate::close::{all_close, close, panics};
use crate::fixtures::{case, cases, classes, flat, floats, integers, number, numbers};

fn ints(device: &Device, values: &[i32]) -> Tensor {
    Tensor::from_slice(device, values, &[values.len()]).unwrap()
}

/// Rows `range` of recorded logits and labels.
fn batch(device: &Device, case: &Value, range: std::ops::Range<usize>) -> (Tensor, Tensor) {
    let (labels, logits) = (integers(&case["labels"]), flat(&case["logits"]));
    let width = logits.len() / labels.len();
    let part = &logits[range.start * width..range.end * width];
    let logits = Tensor::from_slice(device, part, &[range.len(), width]).unwrap();
    (logits, ints(device, &labels[range]))
}

#[test]
fn accuracies_of_batches_are_those_of_the_set() {
    let case = case("classification");
    for device in devices() {
        for (k, key) in [(1, "accuracy"), (2, "top_2"), (3, "top_3")] {
            let mut accuracy = Accuracy::top_k(&device, k).unwrap();
            assert!(accuracy.compute().unwrap().is_nan());
            for _ in 0..2 {
                for range in [0..25, 25..50, 50..60] {
                    let (logits, labels) = batch(&device, &case, range);
                    accuracy.update(&logits, &labels);
                }
                close(key, accuracy.compute().unwrap(), number(&case[key]));
                accuracy.reset().unwrap();
            }
        }
    }
}

#[test]
fn accuracy_of_ties_missing_classes_and_ignored_labels() {
    for device in devices() {
        let logits = Tensor::from_slice(&device, &[1.0f32, 1.0, 1.0].repeat(5), &[5, 3]).unwrap();
        let labels = ints(&device, &[0, 1, 2, 3, -1]);
        for k in 1..=3 {
            let mut accuracy = Accuracy::top_k(&device, k).unwrap();
            accuracy.update(&logits, &labels);
            assert_eq!(accuracy.compute().unwrap(), k as f64 / 5.0, "top {k} of equal logits");
            let mut accuracy = Accuracy::top_k(&device, k).unwrap().ignoring(-1);
            accuracy.update(&logits, &labels);
            assert_eq!(accuracy.compute().unwrap(), k as f64 / 4.0, "top {k} without the last label");
        }
        let nan = Tensor::from_slice(&device, &[f32::NAN, 1.0, 2.0].repeat(3), &[3, 3]).unwrap();
        for (k, right) in [(1, 0.0), (2, 1.0), (4, 2.0)] {
            let mut accuracy = Accuracy::top_k(&device, k).unwrap();
            accuracy.update(&nan, &ints(&device, &[0, 1, 2]));
            assert_eq!(accuracy.compute().unwrap(), right / 3.0, "NaN before all, and never right, top {k}");
        }
    }
}

#[test]
fn planes_are_counted_by_pixel() {
    for device in devices() {
        // Two images of three classes and 1x2 pixels: the answers are 2, 0 and 1, 1.
        let logits = [0.0f32, 3.0, 1.0, 2.0, 5.0, 1.0, 0.0, 0.0, 4.0, 4.0, 1.0, 2.0];
        let logits = Tensor::from_slice(&device, &logits, &[2, 3, 1, 2]).unwrap();
        let labels = Tensor::from_slice(&device, &[2i32, 1, 1, 255], &[2, 1, 2]).unwrap();
        let mut matrix = ConfusionMatrix::new(&device, 3).unwrap().ignoring(255);
        matrix.update(&logits, &labels);
        let found = matrix.compute().unwrap();
        assert_eq!(found.counts(), [0, 0, 0, 1, 1, 0, 0, 0, 1]);
        all_close("iou", found.class_scores().iter().map(|c| c.iou), &[0.0, 0.5, 1.0]);
        assert_eq!((found.iou(Average::Macro), found.dice(Average::Micro)), (0.5, 2.0 / 3.0));
        let mut top = Accuracy::top_k(&device, 2).unwrap().ignoring(255);
        top.update(&logits, &labels);
        assert_eq!(top.compute().unwrap(), 1.0);
    }
}

#[test]
fn confusion_matrices_match_scikit_learn() {
    let case = case("classification");
    let scores = |found: &Confusion, name: &str| {
        let (of, average) = name.split_once('_').unwrap();
        let average = match average {
            "macro" => Average::Macro,
            "micro" => Average::Micro,
            _ => Average::Weighted,
        };
        match of {
            "precision" => found.precision(average),
            "recall" => found.recall(average),
            "f1" => found.f1(average),
            _ => found.iou(average),
        }
    };
    for device in devices() {
        let mut matrix = ConfusionMatrix::new(&device, 5).unwrap();
        for range in [0..25, 25..50, 50..60] {
            let (logits, labels) = batch(&device, &case, range);
            matrix.update(&logits, &labels);
        }
        let found = matrix.compute().unwrap();
        assert_eq!(found.counts().iter().map(|&c| c as f64).collect::<Vec<_>>(), numbers(&case["confusion"]));
        close("accuracy", found.accuracy(), number(&case["accuracy"]));
        let each = found.class_scores();
        all_close("precision", each.iter().map(|c| c.precision), &numbers(&case["precision"]));
        all_close("recall", each.iter().map(|c| c.recall), &numbers(&case["recall"]));
        all_close("f1", each.iter().map(|c| c.f1), &numbers(&case["f1"]));
        all_close("iou", each.iter().map(|c| c.iou), &numbers(&case["iou"]));
        all_close("support", each.iter().map(|c| c.support as f64), &numbers(&case["support"]));
        let averages = case["scores"].as_object().unwrap();
        assert_eq!(averages.len(), 12);
        averages.iter().for_each(|(name, expected)| close(name, scores(&found, name), number(expected)));
        let (logits, _) = batch(&device, &case, 0..60);
        let answers = logits.argmax(1, false).to_vec::<i32>().unwrap();
        let answers: Vec<u32> = answers.into_iter().map(|a| a as u32).collect();
        assert_eq!(Confusion::of(&classes(&case["labels"]), &answers, 5), found);
    }
}

#[test]
fn labels_outside_of_the_classes_are_reported() {
    for device in devices() {
        let mut matrix = ConfusionMatrix::new(&device, 2).unwrap();
        matrix.update(&ints(&device, &[0, 1, 2, -1]), &ints(&device, &[1, -1, 0, 2]));
        let found = matrix.compute();
        assert!(matches!(found, Err(Error::NoClass { outside: 3, classes: 2 })), "{found:?}");
        matrix.reset().unwrap();
        assert_eq!(matrix.compute().unwrap().counts(), [0; 4]);
    }
    assert!(panics(|| Confusion::of(&[2], &[0], 2)).contains("label 2 and prediction 0 of 2 classes"));
}

#[test]
fn counts_stay_exact_where_f32_does_not() {
    let many = 1 << 24;
    for device in devices() {
        let large = Tensor::from_slice(&device, &vec![0i32; many], &[many]).unwrap();
        let small = ints(&device, &[0, 0, 0]);
        let mut matrix = ConfusionMatrix::new(&device, 1).unwrap();
        for labels in [&large, &small] {
            matrix.update(labels, labels);
        }
        assert_eq!(matrix.compute().unwrap().counts(), [many as u64 + 3], "{}", device.info());
        let more = Tensor::zeros(&device, &[many + 1]).to(autograd::DType::I32);
        assert!(panics(|| matrix.update(&more, &more)).contains("16777217 labels in one update"));
    }
}

#[test]
fn regression_matches_scikit_learn() {
    for device in devices() {
        for (i, case) in cases("regression").iter().enumerate() {
            let (targets, predictions) = (floats(&case["targets"]), floats(&case["predictions"]));
            let mut errors = Regression::new(&device).unwrap();
            assert!(errors.compute().unwrap().mse.is_nan());
            for (t, p) in targets.chunks(20).zip(predictions.chunks(20)) {
                let [p, t] = [p, t].map(|x| Tensor::from_slice(&device, x, &[x.len(), 1]).unwrap());
                errors.update(&p, &t);
            }
            let found = errors.compute().unwrap();
            close(&format!("{i}: mse"), found.mse, number(&case["mse"]));
            close(&format!("{i}: rmse"), found.rmse, number(&case["rmse"]));
            close(&format!("{i}: mae"), found.mae, number(&case["mae"]));
            close(&format!("{i}: r2"), found.r2, number(&case["r2"]));
            let explained = number(&case["explained_variance"]);
            close(&format!("{i}: explained variance"), found.explained_variance, explained);
            errors.reset().unwrap();
            errors.update(&ints(&device, &[1]).to(autograd::DType::F32), &Tensor::zeros(&device, &[1]));
            assert_eq!(errors.compute().unwrap().mse, 1.0, "nothing is left of earlier numbers");
        }
    }
}

#[test]
fn perplexity_matches_its_definition() {
    let case = case("perplexity");
    for device in devices() {
        let (logits, tokens) = (flat(&case["logits"]), integers(&case["tokens"]));
        let mut perplexity = Perplexity::new(&device).unwrap();
        for (logits, tokens) in logits.chunks(7 * 5).zip(tokens.chunks(5)) {
            let logits = Tensor::from_slice(&device, logits, &[tokens.len(), 7]).unwrap();
            perplexity.update(&logits, &ints(&device, tokens));
        }
        close("perplexity", perplexity.compute().unwrap(), number(&case["perplexity"]));
        perplexity.reset().unwrap();
        assert!(perplexity.compute().unwrap().is_nan());
        let mut padded = Perplexity::new(&device).unwrap().ignoring(0);
        padded.update(&Tensor::zeros(&device, &[3, 7]), &ints(&device, &[0, 0, 4]));
        close("padded", padded.compute().unwrap(), 7.0);
        padded.update(&Tensor::zeros(&device, &[1, 7]), &ints(&device, &[7]));
        assert!(padded.compute().is_err(), "a token outside of the vocabulary");
    }
}

#[test]
fn shapes_that_do_not_fit_are_refused() {
    let device = Device::named("cpu").unwrap();
    let mut accuracy = Accuracy::top_k(&device, 2).unwrap();
    let labels = ints(&device, &[0, 1]);
    let complaint = panics(|| accuracy.update(&Tensor::zeros(&device, &[3, 4]), &labels));
    assert!(complaint.contains("Accuracy: logits [3, 4] for labels [2]"), "{complaint}");
    let complaint = panics(|| accuracy.update(&labels, &labels));
    assert!(complaint.contains("the top 2 of predicted classes"), "{complaint}");
    let mut errors = Regression::new(&device).unwrap();
    let complaint = panics(|| errors.update(&Tensor::zeros(&device, &[2, 1]), &Tensor::zeros(&device, &[2])));
    assert!(complaint.contains("Regression: predictions [2, 1], targets [2]"), "{complaint}");
}
