//! The additive angular margin.

use autograd::Tensor;
use models::{Init, Param, Params};

/// Bound of the cosines, just below 1, so that the gradient of the arc cosine stays finite.
const NEARLY_ONE: f32 = 1.0 - 1e-6;

/// A classifier's last layer with an additive angular margin (ArcFace, Deng et al. 2019): embeddings and class weights are normalised, and
/// the logits are `scale * cos(angle)`, with `margin` radians added to the angle to the true class. After training the layer is discarded,
/// and embeddings are compared by their cosines. Parameter `weight [classes, features]`.
///
/// ```
/// use autograd::{Device, Tensor};
/// use methods::metric_learning::ArcFace;
/// use models::Params;
/// let device = Device::named("cpu")?;
/// let params = Params::new(&device, 42);
/// let head = ArcFace::new(&params, 2, 2).scale(2.0).margin(0.5);
/// let [x, weight] = [[3.0f32, 0.0, 0.0, 1.0], [1.0, 0.0, 0.0, 5.0]].map(|v| Tensor::constant(&device, &v, &[2, 2]));
/// params.get("weight").unwrap().set(&weight);
/// let logits = head.forward(&x, &Tensor::constant(&device, &[0i32, 0], &[2])).to_vec::<f32>()?;
/// // Angles of 0 and 90 degrees to class 0, and a margin of half a radian.
/// let want = [2.0 * 0.5f32.cos(), 0.0, 2.0 * (std::f32::consts::FRAC_PI_2 + 0.5).cos(), 2.0];
/// assert!(logits.iter().zip(want).all(|(found, want)| (found - want).abs() < 5e-3), "{logits:?}");
/// # Ok::<(), autograd::Error>(())
/// ```
pub struct ArcFace {
    weight: Param,
    scale: f32,
    margin: f32,
}

impl ArcFace {
    /// The paper's scale of 64 and margin of 0.5.
    pub fn new(params: &Params, features: usize, classes: usize) -> ArcFace {
        let init = Init::XavierNormal { gain: 1.0 };
        ArcFace { weight: params.param("weight", &[classes, features], init), scale: 64.0, margin: 0.5 }
    }

    /// Sets the factor of the cosines.
    pub fn scale(self, scale: f32) -> ArcFace {
        ArcFace { scale, ..self }
    }

    /// Sets the margin that is added to the angle, in radians.
    pub fn margin(self, margin: f32) -> ArcFace {
        ArcFace { margin, ..self }
    }

    /// Logits `[N, classes]` of embeddings `[N, features]` with their true classes, i32 `[N]`, for a cross-entropy.
    ///
    /// For angles beyond `pi - margin`, `cos(angle + margin)` would rise again; as in the paper's code, the logit falls linearly from there
    /// on.
    #[track_caller]
    pub fn forward(&self, embeddings: &Tensor, classes: &Tensor) -> Tensor {
        let weight = self.weight.value();
        let unit = |x: &Tensor| x.normalize(2.0, 1, 1e-12);
        let cosine = unit(embeddings).linear(&unit(&weight), None).clamp(-NEARLY_ONE, NEARLY_ONE);
        let further = (cosine.acos() + self.margin).cos();
        let straight = &cosine - self.margin * self.margin.sin();
        let further = further.where_(&cosine.gt((std::f32::consts::PI - self.margin).cos()), &straight);
        let own = classes.one_hot(weight.shape()[0]).gt(0.0);
        further.where_(&own, &cosine) * self.scale
    }
}
