//! Parameters of one group in one flat tensor, so that an update is a single launch.

use autograd::{DType, Device, FLAT_ALIGN, Gradients, Result, Role, State, Tensor};

use crate::Param;
use crate::flat::{join, padded, starts};
use crate::params::{Place, wildcard};

/// Options that may differ between groups of parameters.
#[derive(Clone, Copy, Debug)]
pub(super) struct GroupOptions {
    pub weight_decay: f32,
    pub lr_scale: f32,
}

/// Parameter groups with their own options, each with its patterns. The first group with a match applies.
#[derive(Clone, Debug, Default)]
pub(super) struct Groups(Vec<(Vec<String>, GroupOptions)>);

impl Groups {
    /// Sets the options of parameters whose names match any of the patterns.
    pub fn add(&mut self, patterns: &[&str], options: GroupOptions) {
        self.0.push((patterns.iter().map(|&pattern| pattern.to_owned()).collect(), options));
    }

    /// Parameters by group, unmatched ones first. A group too large for one binding is split.
    pub fn collect(&self, params: Vec<Param>, default: GroupOptions) -> Vec<Group> {
        let most = params.first().map_or(0, |p| p.value().device().info().max_binding_bytes) / DType::BYTES;
        let mut groups: Vec<(GroupOptions, Vec<Param>)> = vec![(default, vec![])];
        groups.extend(self.0.iter().map(|(_, options)| (*options, vec![])));
        for param in params {
            let fits = |pattern: &String| wildcard::matches(pattern, param.name());
            let first = self.0.iter().position(|(patterns, _)| patterns.iter().any(fits));
            groups[first.map_or(0, |g| g + 1)].1.push(param);
        }
        let pieces = groups.into_iter().flat_map(|(options, params)| {
            within(most, params).into_iter().map(move |params| Group::new(options, params))
        });
        pieces.collect()
    }
}

/// Splits parameters into pieces of at most `most` elements; a larger parameter is a piece by itself.
fn within(most: usize, params: Vec<Param>) -> Vec<Vec<Param>> {
    let (mut pieces, mut len): (Vec<Vec<Param>>, usize) = (vec![], 0);
    for param in params {
        let own = padded(param.value().shape());
        match pieces.last_mut().filter(|_| len + own <= most) {
            Some(piece) => {
                len += own;
                piece.push(param);
            }
            None => {
                len = own;
                pieces.push(vec![param]);
            }
        }
    }
    pieces
}

/// Parameters that share options and memory.
pub(super) struct Group {
    pub options: GroupOptions,
    pub params: Vec<Param>,
    pub shapes: Vec<Vec<usize>>,
    /// All values `[len]`, with zeros between the parameters.
    pub flat: State,
    /// The place of each parameter in `flat`.
    places: Vec<Place>,
}

impl Group {
    fn new(options: GroupOptions, params: Vec<Param>) -> Group {
        let values: Vec<Tensor> = params.iter().map(Param::value).collect();
        let shapes: Vec<Vec<usize>> = values.iter().map(|t| t.shape().to_vec()).collect();
        let flat = State::new(&join(&detached(&values)), Role::Parameter);
        let places = starts(&shapes).map(|(start, shape)| Place::part(&flat, start, shape)).collect();
        Group { options, params, shapes, flat, places }
    }

    /// Makes every parameter a part of the flat tensor, with its current value: the first time, and after a value has been replaced from
    /// outside, for example by loaded weights.
    pub fn gather(&self) {
        if self.params.iter().zip(&self.places).any(|(param, place)| !param.is_at(place)) {
            let values: Vec<Tensor> = self.params.iter().map(Param::value).collect();
            self.flat.set(&join(&detached(&values)));
            self.params.iter().zip(&self.places).for_each(|(param, place)| _ = param.put(place.clone()));
        }
    }

    /// The gradients before their common [factor](Gradients::factor), flat, in the order of the parameters, with zeros for those that have none;
    /// and which have one.
    #[track_caller]
    pub fn gradient(&self, gradients: &Gradients) -> (Tensor, Vec<bool>) {
        let values: Vec<Tensor> = self.params.iter().map(Param::value).collect();
        if let Ok(all) = gradients.flattened(&values, FLAT_ALIGN) {
            return (all, vec![true; values.len()]);
        }
        let found: Vec<Option<&Tensor>> = values.iter().map(|value| gradients.unscaled(value)).collect();
        let zeros = |value: &Tensor| Tensor::zeros(value.device(), value.shape());
        let parts =
            found.iter().zip(&values).map(|(found, value)| found.cloned().unwrap_or_else(|| zeros(value)));
        (join(&parts.collect::<Vec<_>>()), found.iter().map(Option::is_some).collect())
    }
}

/// `new` where the flag of a part is set, else `old`; both are flat tensors with parts of these shapes.
#[track_caller]
pub(super) fn where_set(flags: &[bool], shapes: &[Vec<usize>], new: &Tensor, old: &Tensor) -> Tensor {
    let part = |(&set, shape): (&bool, &Vec<usize>)| {
        if set { Tensor::ones(new.device(), shape) } else { Tensor::zeros(new.device(), shape) }
    };
    let mask = join(&flags.iter().zip(shapes).map(part).collect::<Vec<_>>());
    new.where_(&mask.to(DType::Bool), old)
}

fn detached(tensors: &[Tensor]) -> Vec<Tensor> {
    tensors.iter().map(Tensor::detach).collect()
}

/// A flat state of zeros for tensors of the given shapes.
pub(super) fn zeros(device: &Device, shapes: &[Vec<usize>]) -> Result<State> {
    let len = shapes.iter().map(|shape| padded(shape)).sum();
    Ok(State::new(&Tensor::from_slice(device, &vec![0f32; len], &[len])?, Role::State))
}

#[cfg(test)]
mod tests {
    use super::within;
    use crate::{Init, Params};
    use autograd::Device;

    #[test]
    fn pieces_fit_one_binding() {
        let params = Params::new(&Device::named("cpu").unwrap(), 0);
        let sizes = [100, 30, 64, 300, 1];
        let all = sizes.map(|n| params.param(&n.to_string(), &[n], Init::ZEROS));
        let names = |most: usize| -> Vec<Vec<String>> {
            let pieces = within(most, all.to_vec());
            pieces.iter().map(|piece| piece.iter().map(|p| p.name().to_owned()).collect()).collect()
        };
        // 128, 128, 128, 384 and 128 elements with padding.
        assert_eq!(names(384), [vec!["100", "30", "64"], vec!["300"], vec!["1"]]);
        assert_eq!(names(usize::MAX).len(), 1);
        assert_eq!(names(0).len(), 5);
        assert!(within(10, vec![]).is_empty());
    }
}
