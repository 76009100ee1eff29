//! Parameters of one group in one flat tensor, so that an update is a single launch.

use autograd::{Device, Gradients, Result, Tensor, flatten_all};

use crate::{Param, Params};

/// Each parameter starts at a multiple of this many elements, so that kernels can bind it by itself.
const ALIGN: usize = gpu_core::limits::BINDING_ALIGN / gpu_core::DType::BYTES;

/// Options that may differ between groups of parameters.
#[derive(Clone, Copy, Debug)]
pub(crate) struct GroupOptions {
    pub weight_decay: f32,
    pub lr_scale: f32,
}

/// Which parameters have their own options: patterns, of which the first that matches counts.
#[derive(Clone, Debug, Default)]
struct Groups(Vec<(String, GroupOptions)>);

impl Groups {
    /// Trainable parameters by group, those of no pattern first.
    fn collect(&self, params: &Params, default: GroupOptions) -> Vec<Group> {
        let mut groups: Vec<(GroupOptions, Vec<Param>)> = vec![(default, vec![])];
        groups.extend(self.0.iter().map(|(_, options)| (*options, vec![])));
        for param in params.trainable() {
            let first = self.0.iter().position(|(p, _)| wildmatch::WildMatch::new(p).matches(param.name()));
            groups[first.map_or(0, |g| g + 1)].1.push(param);
        }
        let filled = groups.into_iter().filter(|(_, params)| !params.is_empty());
        filled.map(|(options, params)| Group::new(options, params)).collect()
    }
}

/// Parameters that share options and memory.
struct Group {
    options: GroupOptions,
    params: Vec<Param>,
    /// First element of each parameter.
    offsets: Vec<usize>,
    len: usize,
    /// All values `[len]`, with zeros between the parameters.
    flat: Tensor,
}

impl Group {
    fn new(options: GroupOptions, params: Vec<Param>) -> Group {
        let (mut offsets, mut len) = (vec![], 0);
        for param in &params {
            offsets.push(len);
            len += param.value().numel().next_multiple_of(ALIGN);
        }
        let flat = join(&params.iter().map(|p| p.value().detach()).collect::<Vec<_>>());
        Group { options, params, offsets, len, flat }
    }

    fn device(&self) -> &Device {
        self.flat.device()
    }

    /// A tensor of zeros beside the parameters, for optimizer state.
    fn zeros(&self) -> Result<Tensor> {
        Tensor::from_slice(self.device(), &vec![0f32; self.len], &[self.len])
    }

    /// The gradients in the order of the parameters.
    ///
    /// # Panics
    /// When a parameter has none.
    #[track_caller]
    fn gradient(&self, gradients: &Gradients) -> Tensor {
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
    fn set(&mut self, flat: Tensor) {
        self.flat = flat;
        for (param, &start) in self.params.iter().zip(&self.offsets) {
            let old = param.value();
            param.set(&self.flat.narrow(0, start, old.numel()).reshape(old.shape()));
        }
    }
}

/// Tensors (at least one) flattened one after the other, each at a multiple of the alignment.
fn join(tensors: &[Tensor]) -> Tensor {
    flatten_all(&tensors.iter().collect::<Vec<_>>(), ALIGN)
}

/// Whether the update may happen: the loss, if known, is finite.
fn finite(device: &Device, gradients: &Gradients) -> Tensor {
    match gradients.root() {
        Some(loss) => loss.detach().isfinite().reshape(&[1]),
        None => Tensor::scalars(device, &[1u32]),
    }
}

/// An optimizer's groups and their state tensors, made at the first step.
#[derive(Default)]
pub(crate) struct Flat {
    groups: Groups,
    state: Option<Vec<(Group, Vec<Tensor>)>>,
}

impl Flat {
    /// Gives parameters whose names match their own options.
    pub fn add_group(&mut self, pattern: &str, options: GroupOptions) {
        self.groups.0.push((pattern.to_owned(), options));
    }

    /// One step: every group's parameters and `states` state tensors become what `update` makes of its options, whether to
    /// update at all, the gradient, and the tensors before. Evaluates everything that is pending.
    #[track_caller]
    pub fn step(
        &mut self,
        params: &Params,
        weight_decay: f32,
        states: usize,
        gradients: Gradients,
        update: impl Fn(GroupOptions, &Tensor, &Tensor, &[Tensor]) -> Vec<Tensor>,
    ) -> Result<()> {
        self.open(params, weight_decay, states)?;
        let ok = finite(params.device(), &gradients);
        for (group, state) in self.state.as_mut().expect("set above") {
            let before = [vec![group.flat.clone()], std::mem::take(state)].concat();
            let mut after = update(group.options, &ok, &group.gradient(&gradients), &before).into_iter();
            drop(before);
            group.set(after.next().expect("new parameters"));
            *state = after.collect();
        }
        let loss = gradients.root().cloned();
        // The gradients must not look as if somebody wanted to keep them.
        drop(gradients);
        autograd::step(params.device(), loss.as_ref())
    }

    /// Collects the groups and makes their state, if that has not happened yet.
    fn open(&mut self, params: &Params, weight_decay: f32, states: usize) -> Result<()> {
        if self.state.is_none() {
            let default = GroupOptions { weight_decay, lr_scale: 1.0 };
            let groups = self.groups.collect(params, default).into_iter();
            let with_state =
                groups.map(|g| Ok(((0..states).map(|_| g.zeros()).collect::<Result<Vec<_>>>()?, g)));
            self.state =
                Some(with_state.map(|made| made.map(|(state, g)| (g, state))).collect::<Result<_>>()?);
        }
        Ok(())
    }

    /// State tensors by the names of their parameters and their number, as in `"fc.weight.0"`.
    pub fn state(&self) -> Vec<(String, Tensor)> {
        let mut found = vec![];
        for (group, state) in self.state.iter().flatten() {
            for (i, flat) in state.iter().enumerate() {
                for (param, &start) in group.params.iter().zip(&group.offsets) {
                    let value = param.value();
                    let part = flat.narrow(0, start, value.numel()).reshape(value.shape());
                    found.push((format!("{}.{i}", param.name()), part));
                }
            }
        }
        found
    }

    /// Puts back what [`state`](Flat::state) gave, whatever has happened to the parameters since.
    #[track_caller]
    pub fn resume(
        &mut self,
        params: &Params,
        weight_decay: f32,
        states: usize,
        saved: &[(String, Tensor)],
    ) -> Result<()> {
        self.state = None;
        self.open(params, weight_decay, states)?;
        for (group, state) in self.state.iter_mut().flatten() {
            for (i, flat) in state.iter_mut().enumerate() {
                let mut parts = vec![];
                for param in &group.params {
                    let (name, value) = (format!("{}.{i}", param.name()), param.value());
                    let found = saved.iter().find(|(n, t)| *n == name && t.shape() == value.shape());
                    let Some((_, part)) = found else {
                        panic!("resume: no optimizer state {name} of shape {:?}", value.shape())
                    };
                    parts.push(part.detach());
                }
                *flat = join(&parts);
            }
        }
        autograd::evaluate(params.device())
    }
}
