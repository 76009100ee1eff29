//! Steps scaled to the parameters' norms.

use autograd::Tensor;

use super::rule::Update;

/// The flat `step`, scaled for every parameter by `coefficient |p| / |step|`; unscaled if either norm is 0.
pub(super) fn trust(u: &Update, step: &Tensor, coefficient: f32) -> Tensor {
    let scaled = u.split(u.param).into_iter().zip(u.split(step)).map(|(p, step)| {
        let norm = |t: &Tensor| t.norm(2.0, &(0..t.rank() as isize).collect::<Vec<_>>(), false);
        let (of_param, of_step) = (norm(&p), norm(&step));
        let ratio = &of_param / &of_step * coefficient;
        let known = of_param.gt(0.0).logical_and(of_step.gt(0.0));
        step * ratio.where_(&known, &ratio.ones_like())
    });
    u.join(&scaled.collect::<Vec<_>>())
}
