//! The policy of [`autocast`](crate::autocast()): which operations are in half precision.

/// What [`autocast`](crate::autocast()) does with an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cast {
    /// These inputs are rounded to halves, parameters and data, too, and so is the first output.
    Half(&'static [usize]),
    /// The first output is rounded if these inputs, or all if none is listed, are halves: the type is that of the widest.
    Widest(&'static [usize]),
    /// Inputs are taken as they are, and the outputs are f32.
    Float,
}

/// The policy, by the name of the operation in plans and profiles. What is not listed is [`Cast::Float`]: reductions, softmax, losses,
/// layer norms, differences, products and quotients of elements, exponentials, logarithms, powers, scans. Views, `relu`, `neg` and `abs` of
/// halves are halves without rounding.
///
/// The table is that of `torch.autocast` with these differences:
/// - `mul`, `div` and `sub` are f32: a product of halves has twice their range of exponents. A chain of element-wise operations, such as a
///   GELU, is therefore rounded once, where a product reads it. Dropout is rounded as its input.
/// - `embedding` is rounded. It starts the sums of a residual network, which would all be f32 otherwise.
/// - An operand that is smaller than the result, such as a bias or a scale per channel, does not widen it.
/// - Gradients of parameters are not rounded.
pub const AUTOCAST_POLICY: &[(&str, Cast)] = &[
    ("matmul", Cast::Half(&[0, 1])),
    ("conv2d", Cast::Half(&[0, 1])),
    // The transposed convolution.
    ("conv2d_input_grad", Cast::Half(&[0, 1])),
    // Queries, keys and values, not the mask.
    ("attention", Cast::Half(&[0, 1, 2])),
    // The sequence, both weights and the initial hidden state; not the bias and the cell.
    ("rnn", Cast::Half(&[0, 1, 2, 4])),
    ("gru", Cast::Half(&[0, 1, 2, 4])),
    ("lstm", Cast::Half(&[0, 1, 2, 4])),
    // The rows that are read, not the table.
    ("embedding", Cast::Half(&[])),
    ("batch_norm", Cast::Widest(&[0])),
    ("max_pool2d", Cast::Widest(&[0])),
    ("avg_pool2d", Cast::Widest(&[0])),
    ("concat", Cast::Widest(&[])),
    // Padding.
    ("embed", Cast::Widest(&[0])),
    ("dropout", Cast::Widest(&[0])),
    ("add", Cast::Widest(&[])),
    ("max", Cast::Widest(&[])),
    ("min", Cast::Widest(&[])),
    ("where", Cast::Widest(&[])),
];

/// The rule of an operation.
pub(super) fn cast(name: &str) -> Cast {
    AUTOCAST_POLICY.iter().find(|(listed, _)| *listed == name).map_or(Cast::Float, |(_, cast)| *cast)
}
