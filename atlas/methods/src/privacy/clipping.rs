//! What a private step makes of the gradients of single examples.

use autograd::{Generator, Gradients, Tensor};

/// The sums of [per-example gradients](crate::curvature::per_example_gradients) `[N, ..]` over the examples, each scaled down to at most `bound` in norm over all parameters and
/// multiplied by its entry of `counted [N]`; and the norms `[N]` before. One example more or less changes the sums by at most `bound`.
#[track_caller]
pub fn clipped_sums(gradients: &[Tensor], bound: f32, counted: &Tensor) -> (Vec<Tensor>, Tensor) {
    let square = |g: &Tensor| g.flatten(1, -1).square().sum(&[1], false);
    let squares = gradients.iter().map(|g| if g.rank() == 1 { g.square() } else { square(g) });
    let norms = squares.reduce(|a, b| a + b).expect("clipped_sums: a parameter").sqrt();
    let weights = (bound / norms.clamp_min(1e-12)).clamp_max(1.0) * counted;
    let sum = |g: &Tensor| {
        let weights = weights.reshape(&[&[g.shape()[0]], &vec![1; g.rank() - 1][..]].concat());
        (g * weights).sum(&[0], false)
    };
    (gradients.iter().map(sum).collect(), norms)
}

/// The gradients of a private step: [clipped sums](clipped_sums) of `variables` plus normal noise of `noise` times `bound`, over the number
/// of examples that are expected in a sample, `expected` (Abadi et al. 2016, algorithm 1).
#[track_caller]
pub fn privatized(
    variables: &[Tensor],
    sums: &[Tensor],
    (bound, noise, expected): (f32, f32, f32),
    generator: &Generator,
) -> Gradients {
    let noisy = |(variable, sum): (&Tensor, &Tensor)| {
        let noise = generator.normal(sum.device(), sum.shape()) * (noise * bound);
        (variable.clone(), (sum + noise) / expected)
    };
    Gradients::from_pairs(variables.iter().zip(sums).map(noisy))
}
