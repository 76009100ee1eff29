//! Image sets check their parts.

use data::{Error, ImageSet};

fn set(pixels: usize, labels: &[u32], shape: [usize; 3]) -> Result<ImageSet, Error> {
    ImageSet::new(vec![1; pixels], labels.to_vec(), ["a".into(), "b".into()].into(), shape)
}

#[test]
fn parts_that_do_not_fit_are_refused() {
    assert!(set(12, &[0, 1], [1, 2, 3]).is_ok());
    for (pixels, labels, shape) in [
        (11, &[0, 1][..], [1, 2, 3]),
        (12, &[0, 2], [1, 2, 3]),
        (0, &[0, 1], [1, 0, 3]),
        (12, &[0, 1], [usize::MAX, 2, 3]),
    ] {
        assert!(
            matches!(set(pixels, labels, shape), Err(Error::ImageSet(_))),
            "{pixels} {labels:?} {shape:?}"
        );
    }
}

#[test]
fn subsets_pick_ranges_and_lists() {
    let set = data::synthetic::shapes(10, 0, 0).train;
    assert_eq!(set.subset(2..4).unwrap().labels(), [2, 3]);
    let picked = set.subset([9, 0, 9]).unwrap();
    assert_eq!((picked.image(0), picked.image(1)), (set.image(9), set.image(0)));
    assert!(matches!(set.subset([10]), Err(Error::ImageSet(_))));
    assert!(set.subset([]).unwrap().is_empty());
}

#[test]
fn mean_and_deviation_are_of_each_channel() {
    let classes: std::sync::Arc<[String]> = ["a".into()].into();
    let set = ImageSet::new(vec![0, 255, 51, 51, 255, 0, 51, 51], vec![0, 0], classes, [2, 1, 2]).unwrap();
    let normalize = set.mean_std();
    assert_eq!((normalize.mean, normalize.std), (vec![0.5, 0.2], vec![0.5, 1.0]));
    let empty = set.subset([]).unwrap().mean_std();
    assert_eq!((empty.mean, empty.std), (vec![0.0; 2], vec![1.0; 2]));
}
