//! Tensors stored one after another in a flat tensor.

use autograd::{FLAT_ALIGN, Tensor, flatten_all};

/// Joins tensors (at least one), flattened one after another, each at a multiple of the alignment.
pub(crate) fn join(tensors: &[Tensor]) -> Tensor {
    flatten_all(&tensors.iter().collect::<Vec<_>>(), FLAT_ALIGN)
}

/// The tensors of the given shapes in `flat`, a result of [`join`].
pub(crate) fn split(flat: &Tensor, shapes: &[Vec<usize>]) -> Vec<Tensor> {
    let part =
        |(start, shape): (usize, &Vec<usize>)| flat.narrow(0, start, shape.iter().product()).reshape(shape);
    starts(shapes).map(part).collect()
}

/// The offset of each part, with its shape.
pub(crate) fn starts(shapes: &[Vec<usize>]) -> impl Iterator<Item = (usize, &Vec<usize>)> {
    shapes.iter().scan(0, |next, shape| {
        let start = *next;
        *next += padded(shape);
        Some((start, shape))
    })
}

/// Elements from the start of a part to the start of the next.
pub(crate) fn padded(shape: &[usize]) -> usize {
    shape.iter().product::<usize>().next_multiple_of(FLAT_ALIGN)
}
