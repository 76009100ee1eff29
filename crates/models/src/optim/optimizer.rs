//! The common part of all optimizers: parameter groups, steps, and processing after an update.

use std::collections::{BTreeSet, HashMap};

use autograd::{DType, Device, Gradients, Result, State, Tensor, Transaction};

use super::constraint::Constraint;
use super::flat::{Group, GroupOptions, Groups, where_set, zeros};
use super::optimize::Optimize;
use super::rule::{Rule, Update};
use crate::flat::{join, split};
use crate::params::wildcard;
use crate::{Error, Param, Params};

/// Selects the parameters to update.
type Filter = Box<dyn Fn(&Param) -> bool + Send>;

/// An optimizer: a [`Rule`] for the trainable parameters of a model.
///
/// A step whose loss is not finite, or that a [`LossScaler`](super::LossScaler) skips, changes nothing but the number of
/// [`steps`](Optimizer::steps). A parameter without a gradient, because the loss does not depend on
/// it, is left as it is with its state, as in PyTorch; the first time, a line on stderr names it.
pub struct Optimizer<R> {
    params: Params,
    filter: Option<Filter>,
    pub(super) rule: R,
    weight_decay: f32,
    maximize: bool,
    constraints: Vec<(String, Constraint)>,
    groups: Groups,
    /// Groups and their state tensors, created at the first step.
    open: Option<Vec<(Group, Vec<State>)>>,
    steps: usize,
    /// Names of the parameters that have been reported as having no gradient.
    reported: BTreeSet<String>,
}

impl<R: Rule> Optimizer<R> {
    /// Updates the trainable parameters under `params` (those that are trainable at the first step) by a rule.
    pub fn with_rule(params: &Params, rule: R) -> Optimizer<R> {
        Optimizer {
            params: params.clone(),
            filter: None,
            rule,
            weight_decay: 0.0,
            maximize: false,
            constraints: vec![],
            groups: Groups::default(),
            open: None,
            steps: 0,
            reported: BTreeSet::new(),
        }
    }

    /// Weight decay of parameters without other options.
    pub fn weight_decay(self, weight_decay: f32) -> Optimizer<R> {
        Optimizer { weight_decay, ..self }
    }

    /// Maximises the loss instead of minimising it.
    pub fn maximize(self, maximize: bool) -> Optimizer<R> {
        Optimizer { maximize, ..self }
    }

    /// Separate options for parameters whose names match a pattern (`*` matches anything): their weight decay, and a factor on the
    /// learning rate. The first matching pattern applies.
    #[doc(alias("param_groups", "add_param_group"))]
    pub fn group(self, pattern: &str, weight_decay: f32, lr_scale: f32) -> Optimizer<R> {
        self.group_any(&[pattern], weight_decay, lr_scale)
    }

    /// As [`group`](Optimizer::group) for parameters that match any of several patterns. They are updated together, which takes fewer launches
    /// than a group each.
    ///
    /// ```
    /// use models::{Linear, Params, Sgd};
    /// let params = Params::new(&autograd::Device::named("cpu")?, 0);
    /// let (first, second) = (Linear::new(&params.path("fc1"), 1, 1), Linear::new(&params.path("fc2"), 1, 1));
    /// let before = params.get("fc1.bias").unwrap().value().item()?;
    /// let mut opt = Sgd::new(&params).group_any(&["fc1.*", "*.bias"], 0.0, 0.5);
    /// let x = autograd::Tensor::ones(params.device(), &[1, 1]);
    /// let loss = first.forward(&x).sum_all() + second.forward(&x).sum_all(); // the gradients of the biases are 1
    /// opt.step(loss.backward(), 0.1)?;
    /// assert!((params.get("fc1.bias").unwrap().value().item()? - (before - 0.05)).abs() < 1e-6);
    /// # Ok::<(), autograd::Error>(())
    /// ```
    pub fn group_any(mut self, patterns: &[&str], weight_decay: f32, lr_scale: f32) -> Optimizer<R> {
        self.groups.add(patterns, GroupOptions { weight_decay, lr_scale });
        self
    }

    /// Updates only parameters for which `filter` returns true; the others are left to other optimizers.
    pub fn only(self, filter: impl Fn(&Param) -> bool + Send + 'static) -> Optimizer<R> {
        Optimizer { filter: Some(Box::new(filter)), ..self }
    }

    /// Constrains parameters whose names match a pattern: the [`Constraint`] is applied after every update.
    pub fn constrain(mut self, pattern: &str, constraint: Constraint) -> Optimizer<R> {
        self.constraints.push((pattern.to_owned(), constraint));
        self
    }

    /// Steps taken so far.
    pub fn steps(&self) -> usize {
        self.steps
    }

    /// One update with learning rate `lr`: computes the loss and the further outputs of the [gradients](Gradients::with_output), and
    /// frees the loss's graph.
    ///
    /// # Errors
    /// Whatever goes wrong on the device. Parameters and state are unchanged then.
    ///
    /// # Panics
    /// When no trainable parameter has a gradient.
    #[track_caller]
    pub fn step(&mut self, gradients: Gradients, lr: f32) -> Result<()> {
        Optimize::step(self, gradients, lr)
    }

    /// Records the update of a group; the new values are set by `step`. Returns the names of the parameters without a gradient.
    #[track_caller]
    fn record_group(
        &self,
        at: usize,
        gradients: &Gradients,
        lr: f32,
        ok: &Tensor,
        step: &mut Transaction,
    ) -> Vec<String> {
        let (group, state) = &self.open.as_ref().expect("opened before")[at];
        // Before `gather`: gradients are looked up by the values that the loss was computed from.
        let (unscaled, has) = group.gradient(gradients);
        let grad = gradients.factor().map_or_else(|| unscaled.clone(), |factor| &unscaled * factor);
        let skipped = gradients.skipped();
        let without = group.params.iter().zip(&has).filter(|(_, has)| !**has);
        let without: Vec<String> = without.map(|(param, _)| param.name().to_owned()).collect();
        if without.len() == has.len() {
            return without;
        }
        group.gather();
        let param = group.flat.value();
        let values: Vec<Tensor> = state.iter().map(State::value).collect();
        let update = Update {
            step: self.steps + 1,
            skipped: skipped.as_ref(),
            lr: lr * group.options.lr_scale,
            weight_decay: group.options.weight_decay,
            maximize: self.maximize,
            ok,
            param: &param,
            grad: &grad,
            unscaled: (&unscaled, gradients.factor()),
            state: &values,
            names: group.params.iter().map(Param::name).collect(),
            shapes: &group.shapes,
        };
        let mut after = self.rule.update(&update);
        let checked = self.rule.checks_loss();
        if let Some(within) = constrained(&self.constraints, &update, &after[0]) {
            after[0] = if checked { within.where_(&ok.to(DType::Bool), &after[0]) } else { within };
        }
        if !checked {
            let before = std::iter::once(update.param).chain(update.state);
            let keep = |(new, old): (&Tensor, &Tensor)| new.where_(&ok.to(DType::Bool), old);
            after = after.iter().zip(before).map(keep).collect();
        }
        if !without.is_empty() {
            after[0] = where_set(&has, &group.shapes, &after[0], &param);
            for (i, (new, old)) in after[1..].iter_mut().zip(&values).enumerate() {
                *new = where_set(&has, &shapes_of(&self.rule, group, i), new, old);
            }
        }
        std::iter::once(&group.flat).chain(state).zip(after).for_each(|(state, new)| step.set(state, new));
        without
    }

    /// Reports parameters without a gradient, each once.
    fn report(&mut self, without: Vec<String>) {
        let new: Vec<String> =
            without.into_iter().filter(|name| self.reported.insert(name.clone())).collect();
        if !new.is_empty() {
            eprintln!(
                "warning: no gradient for {}: the loss does not depend on it, and it is not updated. Use it in the loss, or \
                 freeze it with Params::freeze",
                new.join(", ")
            );
        }
    }

    /// The parameter groups; none before the first step.
    pub(super) fn groups(&self) -> impl Iterator<Item = &Group> {
        self.open.iter().flatten().map(|(group, _)| group)
    }

    /// The parameters that a first step would update at this point.
    pub(super) fn updated(&self) -> Vec<Param> {
        let wanted = |p: &Param| self.filter.as_ref().is_none_or(|f| f(p));
        self.params.trainable().into_iter().filter(wanted).collect()
    }

    /// Creates the groups and their state, unless they exist.
    pub(super) fn open(&mut self) -> Result<()> {
        if self.open.is_none() {
            let default = GroupOptions { weight_decay: self.weight_decay, lr_scale: 1.0 };
            let groups = self.groups.collect(self.updated(), default).into_iter();
            let with_state = groups.map(|g| Ok((state_of(&self.rule, &g)?, g)));
            self.open = Some(with_state.map(|made| made.map(|(s, g)| (g, s))).collect::<Result<_>>()?);
        }
        Ok(())
    }

    /// The state tensors by parameter name and index, as in `"fc.weight.0"`; with [`steps`](Optimizer::steps), all that is needed to
    /// resume.
    #[doc(alias = "state_dict")]
    pub fn state(&self) -> Vec<(String, Tensor)> {
        let mut found = vec![];
        // If the first step failed, there is no state yet.
        for (group, state) in self.open.iter().flatten().filter(|_| self.steps > 0) {
            for (i, flat) in state.iter().enumerate() {
                let parts = split(&flat.value(), &shapes_of(&self.rule, group, i));
                let names = group.params.iter().map(|p| format!("{}.{i}", p.name()));
                found.extend(names.zip(parts));
            }
        }
        found
    }

    /// Continues after `steps` steps from the [`state`](Optimizer::state) saved at that point.
    ///
    /// # Errors
    /// [`Error::OptimizerState`](crate::Error::OptimizerState) when a state tensor is missing or has another shape, and whatever
    /// goes wrong on the device.
    #[doc(alias = "load_state_dict")]
    pub fn resume(&mut self, steps: usize, saved: &[(String, Tensor)]) -> crate::Result<()> {
        if steps == 0 {
            return Ok(()); // there is no state yet
        }
        self.open()?;
        let saved: HashMap<&str, &Tensor> = saved.iter().map(|(name, t)| (name.as_str(), t)).collect();
        let mut read = vec![];
        for (group, state) in self.open.iter().flatten() {
            for (i, flat) in state.iter().enumerate() {
                let shapes = shapes_of(&self.rule, group, i);
                let parts = group
                    .params
                    .iter()
                    .zip(&shapes)
                    .map(|(param, shape)| saved_state(&saved, &format!("{}.{i}", param.name()), shape));
                read.push((flat, join(&parts.collect::<crate::Result<Vec<_>>>()?)));
            }
        }
        // The layout after a step: another layout would give another plan, whose results may differ in the last bit.
        self.groups().for_each(Group::gather);
        let all = self.groups().map(|group| (&group.flat, group.flat.value())).chain(read);
        all.fold(Transaction::default(), |step, (state, value)| step.write(state, value)).run()?;
        self.steps = steps;
        Ok(())
    }
}

impl<R: Rule> Optimize for Optimizer<R> {
    fn record(&mut self, gradients: &Gradients, lr: f32, step: &mut Transaction) -> Result<()> {
        self.open()?;
        self.rule.begin(self.steps + 1);
        let ok = finite(self.params.device(), gradients);
        let count: usize = self.groups().map(|group| group.params.len()).sum();
        let mut without = vec![];
        // A loop: a closure would hide the caller's line.
        for at in 0..self.groups().count() {
            without.extend(self.record_group(at, gradients, lr, &ok, step));
        }
        assert!(
            count == 0 || without.len() < count,
            "optimizer step: the loss depends on none of the {count} trainable parameters. Compute it from Param::value of this \
             optimizer's parameters"
        );
        self.report(without);
        Ok(())
    }

    fn succeeded(&mut self) {
        self.steps += 1;
    }

    fn steps(&self) -> usize {
        Optimizer::steps(self)
    }

    fn state(&self) -> Vec<(String, Tensor)> {
        Optimizer::state(self)
    }

    fn resume(&mut self, steps: usize, state: &[(String, Tensor)]) -> crate::Result<()> {
        Optimizer::resume(self, steps, state)
    }
}

/// The saved tensor of this name, if it has this shape.
pub(super) fn saved_state(
    saved: &HashMap<&str, &Tensor>,
    name: &str,
    shape: &[usize],
) -> crate::Result<Tensor> {
    let found = saved.get(name).filter(|tensor| tensor.shape() == shape);
    let missing = || Error::OptimizerState { name: name.to_owned(), shape: shape.to_vec() };
    found.map(|tensor| tensor.detach()).ok_or_else(missing)
}

/// Shapes of the `i`th state tensor of every parameter.
fn shapes_of(rule: &impl Rule, group: &Group, i: usize) -> Vec<Vec<usize>> {
    group.shapes.iter().map(|shape| rule.state(shape).swap_remove(i)).collect()
}

fn state_of(rule: &impl Rule, group: &Group) -> Result<Vec<State>> {
    let count = group.shapes.first().map_or(0, |shape| rule.state(shape).len());
    (0..count).map(|i| zeros(group.flat.device(), &shapes_of(rule, group, i))).collect()
}

/// The new parameters with constraints applied; `None` if there are no constraints.
fn constrained(constraints: &[(String, Constraint)], update: &Update, flat: &Tensor) -> Option<Tensor> {
    let of = |name: &str| -> Vec<&Constraint> {
        let matching = constraints.iter().filter(|(p, _)| wildcard::matches(p, name));
        matching.map(|(_, constraint)| constraint).collect()
    };
    if update.names.iter().all(|name| of(name).is_empty()) {
        return None;
    }
    let parts = split(flat, update.shapes).into_iter().zip(&update.names);
    let within = parts.map(|(part, name)| of(name).iter().fold(part, |x, c| c.apply(&x, update.lr)));
    Some(join(&within.collect::<Vec<_>>()))
}

/// Whether to apply the update: the loss is finite, or unknown.
fn finite(device: &Device, gradients: &Gradients) -> Tensor {
    match gradients.root() {
        Some(loss) => loss.detach().isfinite().reshape(&[1]),
        None => Tensor::scalars(device, &[1u32]),
    }
}
