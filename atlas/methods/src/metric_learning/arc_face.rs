//! The additive angular margin.

use autograd::Tensor;
use models::{Init, Param, Params};

/// The cosine of no angle in f32, so that the gradient of the arc cosine stays finite.
const NEARLY_ONE: f32 = 1.0 - 1e-6;

/// A classifier's last layer that asks for a margin between angles (ArcFace, Deng et al. 2019): embeddings and classes'
/// weights are unit vectors, and the logits are `scale * cos(angle)`, with `margin` radians added to the angle to the own
/// class. What it is trained with is thrown away, and embeddings are compared by their cosines. Parameter `weight
/// [classes, features]`.
///
/// ```
/// use autograd::{Device, Tensor};
/// use methods::metric_learning::ArcFace;
/// use models::Params;
/// let device = Device::named("cpu")?;
/// let params = Params::new(&device, 42);
/// let head = ArcFace::new(2, 2, &params).scale(2.0).margin(0.5);
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
    pub fn new(features: usize, classes: usize, params: &Params) -> ArcFace {
        let init = Init::XavierNormal { gain: 1.0 };
        ArcFace { weight: params.param("weight", &[classes, features], init), scale: 64.0, margin: 0.5 }
    }

    /// What the cosines are multiplied by.
    pub fn scale(self, scale: f32) -> ArcFace {
        ArcFace { scale, ..self }
    }

    /// What is added to the angle, in radians.
    pub fn margin(self, margin: f32) -> ArcFace {
        ArcFace { margin, ..self }
    }

    /// Logits `[N, classes]` of embeddings `[N, features]` of these classes, i32 `[N]`, for a cross-entropy.
    ///
    /// Angles beyond `pi - margin` would become closer with the margin; as in the paper's code, the logit falls on in a
    /// straight line from there.
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
