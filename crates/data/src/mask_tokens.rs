//! Masked language modelling.

use crate::draws::Draws;

/// The label of a token that is not predicted; a cross-entropy ignores it by default.
const IGNORE: i32 = -100;

/// Hides tokens for a network to predict (Devlin et al. 2019, "BERT"): of those chosen, 80 % become the mask, 10 % a random token, and
/// 10 % stay as they are.
///
/// ```
/// use data::{Draws, MaskTokens};
/// let mask = MaskTokens { mask: 103, vocabulary: 1000, special: vec![101, 102], p: 0.15 };
/// let tokens: Vec<i32> = [101].into_iter().chain(200..300).chain([102]).collect();
/// let (inputs, labels) = mask.apply(&tokens, &mut Draws::new(42, 0, 7));
/// assert_eq!((inputs[0], labels[0]), (101, -100));
/// let hidden = labels.iter().zip(&tokens).filter(|(label, token)| label == token).count();
/// assert!((5..30).contains(&hidden));
/// ```
#[doc(alias = "DataCollatorForLanguageModeling")]
#[derive(Debug, Clone, PartialEq)]
pub struct MaskTokens {
    /// The token that hides others.
    pub mask: i32,
    /// Random tokens are below this.
    pub vocabulary: u32,
    /// Tokens that are never chosen, such as padding and separators.
    pub special: Vec<i32>,
    /// The probability of every other token to be chosen: 0.15 in the paper.
    pub p: f32,
}

impl MaskTokens {
    /// A network's inputs, and its labels: the tokens that were chosen, and -100 elsewhere.
    pub fn apply(&self, tokens: &[i32], draws: &mut Draws) -> (Vec<i32>, Vec<i32>) {
        let one = |&token: &i32| {
            if self.special.contains(&token) || !draws.happens(self.p) {
                return (token, IGNORE);
            }
            let input = match draws.below(10) {
                0..8 => self.mask,
                8 => draws.below(self.vocabulary) as i32,
                _ => token,
            };
            (input, token)
        };
        tokens.iter().map(one).unzip()
    }
}
