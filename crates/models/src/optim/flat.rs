//! Parameters of one group in one flat tensor, so that an update is a single launch.

use autograd::{Device, Gradients, Result, Tensor, flatten_all};

use crate::Param;

/// Each parameter starts at a multiple of this many elements, so that kernels can bind it by itself.
const ALIGN: usize = gpu_core::limits::BINDING_ALIGN / gpu_core::DType::BYTES;

/// Options that may differ between groups of parameters.
#[derive(Clone, Copy, Debug)]
pub(super) struct GroupOptions {
    pub weight_decay: f32,
    pub lr_scale: f32,
}

/// Which parameters have their own options: patterns, of which the first that matches counts.
#[derive(Clone, Debug, Default)]
pub(super) struct Groups(Vec<(String, GroupOptions)>);

impl Groups {
    /// Gives parameters whose names match their own options.
    pub fn add(&mut self, pattern: &str, options: GroupOptions) {
        self.0.push((pattern.to_owned(), options));
    }

    /// Parameters by group, those of no pattern first.
    pub fn collect(&self, params: Vec<Param>, default: GroupOptions) -> Vec<Group> {
        let mut groups: Vec<(GroupOptions, Vec<Param>)> = vec![(default, vec![])];
        groups.extend(self.0.iter().map(|(_, options)| (*options, vec![])));
        for param in params {
            let first = self.0.iter().position(|(p, _)| wildmatch::WildMatch::new(p).matches(param.name()));
            groups[first.map_or(0, |g| g + 1)].1.push(param);
        }
        let filled = groups.into_iter().filter(|(_, params)| !params.is_empty());
        filled.map(|(options, params)| Group::new(options, params)).collect()
    }
}

/// Parameters that share options and memory.
pub(super) struct Group {
    pub options: GroupOptions,
    pub params: Vec<Param>,
    pub shapes: Vec<Vec<usize>>,
    /// All values `[len]`, with zeros between the parameters.
    pub flat: Tensor,
    /// The parameters' values as this group last set or saw them.
    seen: Vec<Tensor>,
}

impl Group {
    fn new(options: GroupOptions, params: Vec<Param>) -> Group {
        let seen: Vec<Tensor> = params.iter().map(Param::value).collect();
        let shapes = seen.iter().map(|t| t.shape().to_vec()).collect();
        let flat = join(&detached(&seen));
        Group { options, params, shapes, flat, seen }
    }

    /// Takes over values that somebody else has set since the last step, such as loaded weights.
    pub fn refresh(&mut self) {
        if self.params.iter().zip(&self.seen).any(|(param, seen)| !param.value().same(seen)) {
            self.seen = self.params.iter().map(Param::value).collect();
            self.flat = join(&detached(&self.seen));
        }
    }

    /// The gradients in the order of the parameters.
    ///
    /// # Panics
    /// When a parameter has none.
    #[track_caller]
    pub fn gradient(&self, gradients: &Gradients) -> Tensor {
        let mut found = vec![];
        for param in &self.params {
            match gradients.get(&param.value()) {
                Some(gradient) => found.push(gradient.clone()),
                None => panic!(
                    "optimizer step: no gradient for {}; freeze it, or use it in the loss",
                    param.name()
                ),
            }
        }
        join(&found)
    }

    /// Takes new values for all parameters: each becomes a view on the flat tensor.
    pub fn set(&mut self, flat: Tensor) {
        self.flat = flat;
        self.seen.clear();
        for (param, value) in self.params.iter().zip(split(&self.flat, &self.shapes)) {
            param.set(&value);
            self.seen.push(param.value());
        }
    }
}

fn detached(tensors: &[Tensor]) -> Vec<Tensor> {
    tensors.iter().map(Tensor::detach).collect()
}

/// Tensors (at least one) flattened one after the other, each at a multiple of the alignment.
pub(super) fn join(tensors: &[Tensor]) -> Tensor {
    flatten_all(&tensors.iter().collect::<Vec<_>>(), ALIGN)
}

/// The tensors of given shapes that [`join`] put together.
pub(super) fn split(flat: &Tensor, shapes: &[Vec<usize>]) -> Vec<Tensor> {
    let mut start = 0;
    let part = |shape: &Vec<usize>| {
        let count: usize = shape.iter().product();
        let part = flat.narrow(0, start, count).reshape(shape);
        start += count.next_multiple_of(ALIGN);
        part
    };
    shapes.iter().map(part).collect()
}

/// Zeros in memory of their own for joined tensors of the given shapes.
pub(super) fn zeros(device: &Device, shapes: &[Vec<usize>]) -> Result<Tensor> {
    let len = shapes.iter().map(|s| s.iter().product::<usize>().next_multiple_of(ALIGN)).sum();
    Tensor::from_slice(device, &vec![0f32; len], &[len])
}
