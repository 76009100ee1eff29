//! AugMix.

use super::Image;
use super::policy::{ALL, Kind, Strengths};
use crate::draws::Draws;

/// The number of strengths.
const BINS: u32 = 10;

/// Blends an image with a mixture of chains of random operations (Hendrycks et al. 2020, "AugMix"), as torchvision's:
/// `m x + (1 - m) sum_i w_i chain_i(x)`, with `w` drawn from the Dirichlet distribution of `alpha` and `m` from Beta(`alpha`,
/// `alpha`).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AugMix {
    /// How strong operations are: 1 to 10.
    pub severity: u32,
    /// Number of chains.
    pub width: usize,
    /// Operations in a chain; random from 1 to 3 if not given.
    pub depth: Option<usize>,
    /// Concentration of the weights, above 0.
    pub alpha: f32,
    /// Whether brightness, colour, contrast and sharpness are among the operations. The paper leaves them out to be fair to
    /// benchmarks that test for them.
    pub all_ops: bool,
}

impl Default for AugMix {
    /// Three chains of severity 3, alpha 1, all operations.
    fn default() -> AugMix {
        AugMix { severity: 3, width: 3, depth: None, alpha: 1.0, all_ops: true }
    }
}

impl AugMix {
    pub(super) fn apply(&self, image: &mut Image, draws: &mut Draws) {
        let kept = draws.dirichlet(f64::from(self.alpha), 2)[0];
        let weights = draws.dirichlet(f64::from(self.alpha), self.width);
        let mut mixed: Vec<f64> = image.pixels().iter().map(|&p| kept * f64::from(p)).collect();
        for weight in weights {
            let mut chain = image.clone();
            for _ in 0..self.depth.unwrap_or_else(|| 1 + draws.below(3) as usize) {
                self.operate(&mut chain, draws);
            }
            for (sum, &p) in mixed.iter_mut().zip(chain.pixels()) {
                *sum += (1.0 - kept) * weight * f64::from(p);
            }
        }
        image.replace(mixed.iter().map(|sum| sum.round() as u8).collect());
    }

    fn operate(&self, image: &mut Image, draws: &mut Draws) {
        let [_, height, width] = image.shape();
        let most = Strengths {
            shear: 0.3,
            translate: [width, height].map(|extent| extent as f32 / 3.0),
            rotate: 30.0,
            enhance: 0.9,
            bits: [4.0, 4.0],
        };
        let enhances =
            |kind| matches!(kind, Kind::Brightness | Kind::Color | Kind::Contrast | Kind::Sharpness);
        let kinds: Vec<Kind> = ALL
            .into_iter()
            .filter(|&kind| kind != Kind::Identity && (self.all_ops || !enhances(kind)))
            .collect();
        let kind = kinds[draws.below(kinds.len() as u32) as usize];
        let share = draws.below(self.severity) as f32 / (BINS - 1) as f32;
        let op = kind.op(share, &most, draws);
        image.apply(&op);
    }

    pub(super) fn problem(&self) -> Option<String> {
        (!(1..=BINS).contains(&self.severity)
            || self.width == 0
            || !(self.alpha > 0.0 && self.alpha.is_finite()))
        .then(|| {
            format!("{self:?} needs a severity from 1 to {BINS}, a width of at least 1 and an alpha above 0")
        })
    }
}
