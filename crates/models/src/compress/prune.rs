//! Removing weights.

use autograd::{Generator, Result, Tensor};

use crate::{Param, Params};

/// Masks over a model's weights: 1 for weights that stay, 0 for weights that are pruned (`torch.nn.utils.prune`).
///
/// ```
/// use autograd::{Device, Tensor};
/// use models::{Init, Params, compress::Masks};
/// let device = Device::named("cpu")?;
/// let params = Params::new(&device, 0);
/// let weight = params.param("weight", &[4], Init::ZEROS);
/// weight.set(&Tensor::from_slice(&device, &[0.1f32, -3.0, 0.2, 1.0], &[4])?);
/// let masks = Masks::magnitude(&params.matching("*weight"), 0.5)?;
/// masks.apply();
/// assert_eq!(weight.value().to_vec::<f32>()?, [0.0, -3.0, 0.0, 1.0]);
/// # Ok::<(), autograd::Error>(())
/// ```
pub struct Masks {
    masks: Vec<(Param, Tensor)>,
    sparsity: f64,
}

impl Masks {
    /// Prunes the fraction `sparsity` of all weights together with the smallest magnitudes (Han et al. 2015; `global_unstructured` with
    /// `L1Unstructured`). Among equal magnitudes the last are pruned first.
    ///
    /// # Errors
    /// Whatever goes wrong on the device; likewise for the other constructors.
    ///
    /// # Panics
    /// When `sparsity` is not in 0..=1; likewise for the other constructors.
    #[doc(alias("global_unstructured", "L1Unstructured"))]
    #[track_caller]
    pub fn magnitude(weights: &[Param], sparsity: f64) -> Result<Masks> {
        let scores = weights.iter().map(|weight| weight.value().abs().to_vec::<f32>());
        Masks::highest(weights, scores.collect::<Result<_>>()?, sparsity)
    }

    /// Prunes the fraction `sparsity` of all weights at random: the baseline for other criteria.
    ///
    /// # Errors
    /// Whatever goes wrong on the device.
    #[doc(alias = "RandomUnstructured")]
    #[track_caller]
    pub fn random(weights: &[Param], sparsity: f64, generator: &Generator) -> Result<Masks> {
        let score = |weight: &Param| {
            let value = weight.value();
            generator.uniform(value.device(), value.shape()).to_vec::<f32>()
        };
        Masks::highest(weights, weights.iter().map(score).collect::<Result<_>>()?, sparsity)
    }

    /// Prunes the fraction `sparsity` of each layer's output channels (rows of `{layer}.weight [out, ..]`, and their elements of
    /// `{layer}.bias`), those whose weights have the smallest L2 norm (Li et al. 2017, "Pruning filters for efficient ConvNets"). The
    /// remaining channels can be copied to a smaller layer.
    ///
    /// # Errors
    /// Whatever goes wrong on the device.
    ///
    /// # Panics
    /// When there is no such layer.
    #[doc(alias = "ln_structured")]
    #[track_caller]
    pub fn channels(params: &Params, layers: &[&str], sparsity: f64) -> Result<Masks> {
        let (mut masks, mut removed, mut all) = (vec![], 0, 0);
        for layer in layers {
            let weight = params.get(&format!("{layer}.weight"));
            let weight = weight.unwrap_or_else(|| panic!("Masks: no layer {layer} with a weight"));
            let value = weight.value();
            let norms = value.flatten(1, -1).square().sum(&[1], false).to_vec::<f32>()?;
            let kept = &kept(&[norms], sparsity)[0];
            let rows = Tensor::from_slice(value.device(), kept, &[kept.len()])?;
            let mut shape = vec![1; value.rank()];
            shape[0] = kept.len();
            let gone = kept.iter().filter(|&&k| k == 0.0).count();
            removed += gone * (value.numel() / kept.len());
            all += value.numel();
            masks.push((weight, rows.reshape(&shape).expand(value.shape())));
            masks.extend(params.get(&format!("{layer}.bias")).map(|bias| (bias, rows)));
        }
        Ok(Masks { masks, sparsity: removed as f64 / f64::from(all as u32) })
    }

    fn highest(weights: &[Param], scores: Vec<Vec<f32>>, sparsity: f64) -> Result<Masks> {
        let kept = kept(&scores, sparsity);
        let mask = |(weight, kept): (&Param, &Vec<f32>)| {
            let value = weight.value();
            Ok((weight.clone(), Tensor::from_slice(value.device(), kept, value.shape())?))
        };
        let removed = kept.iter().flatten().filter(|&&k| k == 0.0).count();
        let all = kept.iter().map(Vec::len).sum::<usize>().max(1);
        let masks = weights.iter().zip(&kept).map(mask).collect::<Result<_>>()?;
        Ok(Masks { masks, sparsity: removed as f64 / all as f64 })
    }

    /// Sets pruned weights to 0. In fine-tuning, call it before every step and after the last one.
    pub fn apply(&self) {
        self.masks.iter().for_each(|(weight, mask)| weight.set(&(weight.value() * mask)));
    }

    /// The fraction of the weights that is pruned; biases are not counted.
    pub fn sparsity(&self) -> f64 {
        self.sparsity
    }

    /// The mask of a parameter, of the parameter's shape; `None` if nothing of it is pruned.
    pub fn of(&self, name: &str) -> Option<&Tensor> {
        self.masks.iter().find(|(param, _)| param.name() == name).map(|(_, mask)| mask)
    }
}

/// Masks: 0 for the fraction `share` with the lowest scores, 1 for the others.
#[track_caller]
fn kept(scores: &[Vec<f32>], share: f64) -> Vec<Vec<f32>> {
    assert!((0.0..=1.0).contains(&share), "Masks: a sparsity of {share}");
    let mut places: Vec<(usize, usize)> =
        scores.iter().enumerate().flat_map(|(i, s)| (0..s.len()).map(move |j| (i, j))).collect();
    let removed = (share * places.len() as f64).round() as usize;
    places.sort_by(|a, b| scores[a.0][a.1].total_cmp(&scores[b.0][b.1]).then(b.cmp(a)));
    let mut kept: Vec<Vec<f32>> = scores.iter().map(|s| vec![1.0; s.len()]).collect();
    places[..removed].iter().for_each(|&(i, j)| kept[i][j] = 0.0);
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Init, Linear, Sgd};
    use autograd::Device;

    fn layers() -> (Params, Tensor) {
        let device = Device::named("cpu").unwrap();
        let params = Params::new(&device, 5);
        for name in ["a", "b"] {
            Linear::new(&params.path(name), 6, 10);
        }
        let x = Generator::new(1).normal(&device, &[3, 6]);
        (params, x)
    }

    fn zeros(param: &Param) -> usize {
        param.value().to_vec::<f32>().unwrap().iter().filter(|&&v| v == 0.0).count()
    }

    #[test]
    fn the_smallest_of_all_layers_go() {
        let (params, _) = layers();
        let big = params.get("b.weight").unwrap();
        big.set(&(big.value().sign() * 9.0));
        let masks = Masks::magnitude(&params.matching("*.weight"), 0.45).unwrap();
        masks.apply();
        assert_eq!((masks.sparsity(), zeros(&params.get("a.weight").unwrap()), zeros(&big)), (0.45, 54, 0));
        let masks = Masks::random(&params.matching("*.weight"), 0.3, &Generator::new(2)).unwrap();
        masks.apply();
        assert!(zeros(&big) > 5 && masks.sparsity() == 0.3);
    }

    #[test]
    fn channels_go_with_their_biases() {
        let (params, x) = layers();
        let weight = params.get("a.weight").unwrap();
        let scale: Vec<f32> = (0..10).map(|i| if i < 4 { 0.01 } else { 1.0 }).collect();
        weight.set(&(weight.value() * Tensor::constant(params.device(), &scale, &[10, 1])));
        let masks = Masks::channels(&params, &["a"], 0.4).unwrap();
        masks.apply();
        let (w, b) = (weight.value(), params.get("a.bias").unwrap().value());
        let y = x.linear(&w, Some(&b)).to_vec::<f32>().unwrap();
        assert!(y.iter().enumerate().all(|(i, y)| (i % 10 < 4) == (*y == 0.0)));
        assert_eq!((masks.sparsity(), masks.of("b.weight").is_none()), (0.4, true));
    }

    #[test]
    fn fine_tuning_leaves_zeros() {
        let (params, x) = layers();
        let weight = params.get("a.weight").unwrap();
        params.freeze("b.*");
        let masks = Masks::magnitude(std::slice::from_ref(&weight), 0.5).unwrap();
        let before = params.get("a.bias").unwrap().value().to_vec::<f32>().unwrap();
        let mut opt = Sgd::new(&params).momentum(0.9);
        for _ in 0..3 {
            masks.apply();
            let loss =
                x.linear(&weight.value(), Some(&params.get("a.bias").unwrap().value())).square().sum_all();
            opt.step(loss.backward(), 0.01).unwrap();
        }
        masks.apply();
        assert_eq!(zeros(&weight), 30);
        assert_ne!(before, params.get("a.bias").unwrap().value().to_vec::<f32>().unwrap());
        params.redraw("a.weight", Init::ONES);
        masks.apply();
        assert_eq!(zeros(&weight), 30);
    }
}
