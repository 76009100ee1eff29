//! Labels and indices that are outside of what they count: an error on every device, if the values were uploaded.

use autograd::{Captured, CrossEntropy, Device, Error, Reduction, Tensor};
use gpu_core::testing;

fn labels(device: &Device, values: &[i32]) -> Tensor {
    Tensor::from_slice(device, values, &[values.len()]).unwrap()
}

/// The index and the count of the error.
#[track_caller]
fn outside(op: &str, y: &Tensor) -> (i64, usize) {
    match y.to_vec::<f32>() {
        Err(Error::IndexOutOfRange { op: found, index, count, location }) => {
            assert_eq!(found, op);
            assert!(location.starts_with(file!()), "{location}");
            (index, count)
        }
        other => panic!("{op}: {other:?}"),
    }
}

#[test]
fn an_uploaded_index_out_of_range_is_an_error() {
    for device in testing::devices() {
        let x = Tensor::ones(&device, &[3, 4]).variable();
        let far = labels(&device, &[0, 4, 1]);
        assert_eq!(outside("cross_entropy", &x.cross_entropy(&far)), (4, 4));
        assert_eq!(
            outside(
                "cross_entropy",
                &x.cross_entropy_with(&far, CrossEntropy { label_smoothing: 0.1, ..CrossEntropy::default() })
            ),
            (4, 4)
        );
        let weight = Tensor::ones(&device, &[4]);
        let loss = x.cross_entropy_with(
            &far,
            CrossEntropy {
                weight: Some(&weight),
                ignore_index: 7,
                reduction: Reduction::None,
                ..CrossEntropy::default()
            },
        );
        assert_eq!(outside("cross_entropy", &loss), (4, 4));
        assert_eq!(outside("nll_loss", &x.nll_loss(&far, None, -100, Reduction::Sum)), (4, 4));
        assert_eq!(outside("embedding", &x.embedding(&labels(&device, &[1, -1]))), (-1, 3));
        assert_eq!(outside("index_select", &x.index_select(0, &far)), (4, 3));
        assert_eq!(outside("gather", &x.gather(1, &far.reshape(&[3, 1]))), (4, 4));
        assert_eq!(outside("one_hot", &far.one_hot(3)), (4, 3));
        assert_eq!(outside("one_hot", &Tensor::constant(&device, &[9u32], &[1]).one_hot(3)), (9, 3));

        // The class that stands for none, and the largest one.
        assert!(x.cross_entropy(&labels(&device, &[-100, 3, 0])).item().unwrap().is_finite());
        // The gradient alone depends on the labels, too.
        assert!(x.cross_entropy(&far).backward().root().unwrap().item().is_err());
    }
}

/// The labels of later calls are those of other batches.
#[test]
fn every_call_of_a_captured_pass_is_checked() {
    for device in testing::devices() {
        let x = Tensor::ones(&device, &[2, 3]).variable();
        let mut pass = Captured::new(|inputs: &[Tensor]| x.cross_entropy(&inputs[0]).backward());
        let mut call =
            |values: &[i32]| pass.call(&[labels(&device, values)]).and_then(|g| g.root().unwrap().item());
        for values in [[0, 2], [1, 1], [2, 0]] {
            assert!(call(&values).unwrap().is_finite());
        }
        assert!(matches!(call(&[0, 3]), Err(Error::IndexOutOfRange { index: 3, count: 3, .. })));
        assert!(call(&[0, 1]).unwrap().is_finite());
        assert_eq!(pass.impure(), None);
    }
}

#[test]
fn integers_of_any_width_are_labels() {
    for device in testing::devices() {
        let x = Tensor::ones(&device, &[2, 3]);
        let loss = |labels: Tensor| x.cross_entropy(&labels).item().unwrap();
        let want = loss(labels(&device, &[2, 0]));
        assert_eq!(loss(Tensor::from_slice(&device, &[2i64, 0], &[2]).unwrap()), want);
        assert_eq!(loss(Tensor::from_slice(&device, &[2u8, 0], &[2]).unwrap()), want);
        assert_eq!(loss(Tensor::from_slice(&device, &[2usize, 0], &[2]).unwrap()), want);
        let far = Tensor::from_slice(&device, &[1i64 << 40], &[1]);
        assert!(matches!(far, Err(Error::TooLargeInteger { value }) if value == "1099511627776"));
    }
}
