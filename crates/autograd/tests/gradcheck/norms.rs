//! Normalisations and dropout.

use autograd::{Generator, batch_norm_train};

use crate::check::{Case, any, between, check_all, distinct, signed};

fn whole() -> Vec<Case> {
    vec![
        ("batch_norm_train", vec![distinct(&[2, 3, 2, 2]), any(&[3]), any(&[3])], |x| {
            batch_norm_train(&x[0], &x[1], &x[2], 1e-2).y
        }),
        ("batch_norm_train, of rows", vec![distinct(&[4, 2]), any(&[2]), any(&[2])], |x| {
            batch_norm_train(&x[0], &x[1], &x[2], 1e-2).y
        }),
        (
            "batch_norm_eval",
            vec![any(&[2, 3, 2]), any(&[3]), between(0.7, 1.5, &[3]), any(&[3]), any(&[3])],
            |x| x[0].batch_norm_eval(&x[1], &x[2], &x[3], &x[4], 1e-3),
        ),
        ("layer_norm", vec![distinct(&[2, 3, 2]), any(&[3, 2]), any(&[3, 2])], |x| {
            x[0].layer_norm(&x[1], &x[2], 1e-2)
        }),
    ]
}

fn parts() -> Vec<Case> {
    vec![
        ("group_norm", vec![distinct(&[2, 4, 3]), any(&[4]), any(&[4])], |x| {
            x[0].group_norm(2, Some(&x[1]), Some(&x[2]), 1e-2)
        }),
        ("group_norm, without weights", vec![distinct(&[2, 4])], |x| x[0].group_norm(2, None, None, 1e-2)),
        ("instance_norm", vec![distinct(&[2, 2, 3])], |x| x[0].instance_norm(None, None, 1e-2)),
        ("rms_norm", vec![distinct(&[2, 2, 3]), any(&[2, 3])], |x| x[0].rms_norm(&[2, 3], Some(&x[1]), 1e-2)),
        ("local_response_norm", vec![any(&[1, 5, 2])], |x| x[0].local_response_norm(3, 0.5, 0.75, 1.0)),
        ("weight_norm", vec![signed(0.5, 1.0, &[3, 2, 2]), any(&[1, 2, 1])], |x| {
            x[0].weight_norm(&x[1], Some(1))
        }),
        ("weight_norm, of all", vec![signed(0.5, 1.0, &[3, 2]), any(&[])], |x| x[0].weight_norm(&x[1], None)),
        ("lengths", vec![signed(0.5, 1.0, &[3, 2])], |x| x[0].lengths(Some(0))),
        ("spectral_norm", vec![between(0.5, 1.0, &[2, 3, 2]), any(&[3]), any(&[4])], |x| {
            x[0].spectral_norm(&(&x[1] + 2.0), &(&x[2] + 2.0), 1)
        }),
    ]
}

fn random() -> Vec<Case> {
    vec![
        ("dropout", vec![any(&[3, 4])], |x| x[0].square().dropout(0.4, &Generator::new(1))),
        ("dropout_along", vec![any(&[3, 4])], |x| x[0].square().dropout_along(0.4, &[0], &Generator::new(1))),
        ("alpha_dropout", vec![any(&[3, 4])], |x| x[0].square().alpha_dropout(0.4, &Generator::new(1))),
    ]
}

pub fn cases() -> Vec<Case> {
    [whole(), parts(), random()].into_iter().flatten().collect()
}

#[test]
fn gradients() {
    check_all(cases());
}
