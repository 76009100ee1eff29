//! Gradients at points where differences cannot be taken.

use autograd::{Tensor, flatten_all, grad};

use crate::{cpu, ints};

/// Points where a rule divides by zero or shares a gradient.
#[test]
fn gradients_at_special_points() {
    let of = |values: &[f32], f: &dyn Fn(&Tensor) -> Tensor| {
        let x = Tensor::from_slice(&cpu(), values, &[values.len()]).unwrap().variable();
        f(&x).sum_all().backward().get(&x).unwrap().to_vec::<f32>().unwrap()
    };
    assert_eq!(of(&[0.0, 2.0, 3.0], &|x| x.prod(&[0], false)), [6.0, 0.0, 0.0]);
    assert_eq!(of(&[0.0, 0.0, 3.0], &|x| x.prod(&[0], false)), [0.0; 3]);
    assert_eq!(of(&[2.0, 2.0, 1.0], &|x| x.amax(&[0], false)), [0.5, 0.5, 0.0]);
    assert_eq!(of(&[2.0, 1.0], &|x| x.maximum(2.0)), [0.5, 0.0]);
    assert_eq!(of(&[0.0, 0.0], &|x| x.norm(2.0, &[0], false)), [0.0; 2]);
    assert_eq!(of(&[0.0], &|x| x.relu()), [0.0]);
    let mask = ints(&[1, 0, 1], &[3]).eq(1.0);
    assert_eq!(of(&[1.0, 2.0, 3.0], &|x| x.square().masked_select(&mask).unwrap()), [2.0, 0.0, 6.0]);
    assert_eq!(of(&[0.0], &|x| x.pow(2.0)), [0.0]);
    assert_eq!(of(&[0.0], &|x| x.pow(0.0)), [0.0]);
    assert_eq!(of(&[100.0, -200.0], &|x| x.softplus(1.0, 20.0)), [1.0, 0.0]);
    assert_eq!(of(&[100.0], &|x| x.elu(1.0)), [1.0]);
}

#[test]
fn positions_have_no_gradients() {
    let x = Tensor::from_slice(&cpu(), &[3.0f32, 1.0, 2.0], &[3]).unwrap().variable();
    for y in [x.argsort(0, false), x.argmax(0, false), x.argmin(0, false)] {
        assert!(!y.requires_grad());
    }
    assert!(!flatten_all(&[&x], 4).requires_grad());
}

/// A padding row counts as constant, whichever index reads it.
#[test]
fn padded_rows_of_a_table_get_no_gradient() {
    let table = Tensor::ones(&cpu(), &[3, 2]).variable();
    let y = table.embedding_padded(&ints(&[1, 2, 1], &[3]), 1).sum_all();
    assert_eq!(
        grad(&y, &[&table])[0].as_ref().unwrap().to_vec::<f32>().unwrap(),
        [0.0, 0.0, 0.0, 0.0, 1.0, 1.0]
    );
}
