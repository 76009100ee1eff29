//! Reverse-mode differentiation: gradients as new nodes of the same graph.

mod slope;

use std::sync::Arc;

use foldhash::{HashMap, HashSet};
use gpu_core::kernels::Unary;
use slope::Slope;

use crate::checkpoint::Recompute;
use crate::node::Node;
use crate::op::{MapOp, Op, View};
use crate::{State, Tensor, Transaction, autocast, ops};

/// Gradients of a scalar with respect to the variables it depends on.
#[doc(alias = "zero_grad")]
#[derive(Clone)]
pub struct Gradients {
    by_variable: HashMap<*const Node, Slope>,
    /// Keeps the pointers in the map from being reused.
    variables: Vec<Tensor>,
    root: Option<Tensor>,
    /// Tensors that the step computes, too.
    outputs: Vec<Tensor>,
    /// A scalar that all gradients are still to be multiplied by.
    factor: Option<Tensor>,
    /// The number of steps that changed nothing.
    skipped: Option<State>,
}

impl Gradients {
    /// Gradients computed elsewhere: pairs of a variable and its gradient.
    ///
    /// # Panics
    /// When shapes differ.
    #[track_caller]
    pub fn from_pairs(pairs: impl IntoIterator<Item = (Tensor, Tensor)>) -> Gradients {
        let (mut by_variable, mut variables) = (HashMap::default(), vec![]);
        for (variable, gradient) in pairs {
            let (want, got) = (variable.shape(), gradient.shape());
            assert!(want == got, "gradient of shape {got:?} for a variable of shape {want:?}");
            by_variable.insert(Arc::as_ptr(&variable.node), gradient.into());
            variables.push(variable);
        }
        Gradients { by_variable, variables, root: None, outputs: vec![], factor: None, skipped: None }
    }

    /// Gradients from pairs of a variable and an output of a captured pass's call.
    pub(crate) fn returned(pairs: impl IntoIterator<Item = (Tensor, Tensor)>) -> Gradients {
        let of = |(variable, output): (Tensor, Tensor)| {
            ((Arc::as_ptr(&variable.node), Slope::returned(output)), variable)
        };
        let (by_variable, variables) = pairs.into_iter().map(of).unzip();
        Gradients { by_variable, variables, root: None, outputs: vec![], factor: None, skipped: None }
    }

    /// The gradient for a variable; `None` if the scalar does not depend on it.
    pub fn get(&self, variable: &Tensor) -> Option<&Tensor> {
        self.slope(variable).map(|slope| slope.times(self.factor.as_ref()))
    }

    fn slope(&self, variable: &Tensor) -> Option<&Slope> {
        self.by_variable.get(&Arc::as_ptr(&variable.node))
    }

    /// The gradient for a variable before the common [factor](Gradients::factor).
    pub fn unscaled(&self, variable: &Tensor) -> Option<&Tensor> {
        self.slope(variable).map(Slope::operand)
    }

    /// The factor, a scalar, that [`scaled`](Gradients::scaled) and [`clip_norm`](Gradients::clip_norm) multiply all gradients by. An optimizer
    /// multiplies while it reads them.
    pub fn factor(&self) -> Option<&Tensor> {
        self.factor.as_ref()
    }

    /// The gradients times a scalar.
    pub fn scaled(mut self, factor: &Tensor) -> Gradients {
        self.by_variable.values_mut().for_each(Slope::rescale);
        let factor = self.factor.map_or_else(|| factor.clone(), |before| before * factor);
        Gradients { factor: Some(factor), ..self }
    }

    /// The gradients for variables (at least one) before the common [factor](Gradients::factor), flattened by
    /// [`flatten_all`](crate::flatten_all): `[elements]`.
    ///
    /// # Errors
    /// The index of the first variable without a gradient.
    #[track_caller]
    pub fn flattened(&self, variables: &[Tensor], align: usize) -> std::result::Result<Tensor, usize> {
        let of = |(i, variable): (usize, &Tensor)| self.unscaled(variable).ok_or(i);
        let all: Vec<&Tensor> =
            variables.iter().enumerate().map(of).collect::<std::result::Result<_, _>>()?;
        Ok(ops::flatten_all(&all, align))
    }

    /// [`flattened`](Gradients::flattened) of all variables that have gradients. An optimizer of all of them, which flattens them in the same
    /// way, reads the same tensor.
    ///
    /// # Panics
    /// When there are no gradients.
    #[track_caller]
    pub fn joined(&self, align: usize) -> Tensor {
        self.flattened(&self.variables, align).expect("every variable has a gradient")
    }

    /// The scalar that was differentiated.
    pub fn root(&self) -> Option<&Tensor> {
        self.root.as_ref()
    }

    /// Replaces every gradient by `f` of it.
    pub fn map(mut self, f: impl Fn(&Tensor) -> Tensor) -> Gradients {
        // Not in the map's order, which differs from step to step: each order would need a plan of its own.
        for variable in &self.variables {
            if let Some(gradient) = self.by_variable.get_mut(&Arc::as_ptr(&variable.node)) {
                *gradient = f(gradient.times(self.factor.as_ref())).into();
            }
        }
        Gradients { factor: None, ..self }
    }

    /// The sums with the gradients and losses in `sum`, as values without a graph.
    #[track_caller]
    pub(crate) fn added_to(self, sum: Option<&Gradients>) -> Gradients {
        let plus = |before: Option<&Tensor>, new: &Tensor| {
            // A new result, which does not keep the gradient's graph alive.
            before.cloned().unwrap_or_else(|| new.zeros_like()) + new.detach()
        };
        let mut pairs: Vec<(Tensor, Tensor)> = vec![];
        for v in &self.variables {
            let before = sum.and_then(|s| s.get(v));
            pairs.push((v.clone(), plus(before, self.get(v).expect("a variable has a gradient"))));
        }
        if let Some(s) = sum {
            let others = s.variables.iter().filter(|v| self.get(v).is_none());
            pairs.extend(others.filter_map(|v| Some((v.clone(), s.get(v)?.clone()))));
        }
        let root = self.root.as_ref().map(|loss| plus(sum.and_then(|s| s.root()), loss));
        Gradients { root, outputs: self.outputs, skipped: self.skipped, ..Gradients::from_pairs(pairs) }
    }

    /// All gradients, the scalar, and the outputs.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Tensor> {
        let factor = self.factor.as_ref();
        let slopes = self.by_variable.values().map(move |slope| slope.times(factor));
        slopes.chain(&self.root).chain(&self.outputs)
    }

    /// Adds a tensor that a step computes together with the loss and the parameters, such as an accuracy: reading it later costs
    /// nothing more. Other tensors that depend on the same intermediate results can still be read, but are computed only then.
    ///
    /// ```
    /// # use autograd::{Device, Tensor};
    /// # let device = Device::named("cpu")?;
    /// let w = Tensor::ones(&device, &[2]).variable();
    /// let scores = &w * 2.0;
    /// let largest = scores.detach().amax(&[0], false);
    /// let gradients = scores.sum_all().backward().with_output(&largest); // for an optimizer's step
    /// assert_eq!(gradients.outputs()[0].item()?, 2.0);
    /// # Ok::<(), autograd::Error>(())
    /// ```
    pub fn with_output(mut self, tensor: &Tensor) -> Gradients {
        self.outputs.push(tensor.clone());
        self
    }

    /// The step that these gradients are for: it computes the loss and the outputs.
    pub fn transaction(&self) -> Transaction {
        let step = self.outputs.iter().fold(Transaction::default(), Transaction::output);
        self.root.iter().fold(step, Transaction::loss)
    }

    /// The tensors added by [`with_output`](Gradients::with_output).
    pub fn outputs(&self) -> &[Tensor] {
        &self.outputs
    }

    /// The same gradients with another scalar as the root, which decides over the step: an optimizer changes nothing if it is not
    /// finite.
    pub fn with_root(self, root: Tensor) -> Gradients {
        Gradients { root: Some(root), ..self }
    }

    /// The same gradients of a step before which `count` steps changed nothing: a scalar, which may be updated by the step itself. They do not
    /// count for the bias corrections of optimizers.
    pub fn with_skipped(self, count: &State) -> Gradients {
        Gradients { skipped: Some(count.clone()), ..self }
    }

    /// The number of earlier steps that changed nothing, if it is [counted](Gradients::with_skipped).
    pub fn skipped(&self) -> Option<Tensor> {
        self.skipped.as_ref().map(State::value)
    }

    pub(crate) fn skipped_state(&self) -> Option<&State> {
        self.skipped.as_ref()
    }

    /// The same gradients without [outputs](Gradients::outputs).
    pub fn without_outputs(self) -> Gradients {
        Gradients { outputs: vec![], ..self }
    }

    /// The variables that have gradients, in the order of their first use.
    pub fn variables(&self) -> &[Tensor] {
        &self.variables
    }
}

impl Tensor {
    /// Gradients of this scalar with respect to every [`variable`](Tensor::variable) it depends on. They are ordinary
    /// lazy tensors and can be differentiated again.
    ///
    /// # Panics
    /// When this is not a scalar, or an optimizer step has freed its graph.
    #[doc(alias("create_graph", "retain_graph"))]
    #[track_caller]
    pub fn backward(&self) -> Gradients {
        let (ends, nodes): (Vec<Arc<Node>>, Vec<Arc<Node>>) =
            history(std::slice::from_ref(self)).into_iter().partition(|node| node.variable);
        // In the order of their first use in the forward pass, independent of when the variables were made.
        let mut first: HashMap<*const Node, (u64, usize)> = HashMap::default();
        for node in &nodes {
            for (i, input) in node.inputs().iter().enumerate().filter(|(_, t)| t.node.variable) {
                let at = first.entry(Arc::as_ptr(&input.node)).or_insert((node.id, i));
                *at = (node.id, i).min(*at);
            }
        }
        let mut variables: Vec<Tensor> = ends.into_iter().map(|node| Tensor { node, output: 0 }).collect();
        variables.sort_by_key(|t| first.get(&Arc::as_ptr(&t.node)).copied().unwrap_or((t.node.id, 0)));
        let gradients = grad(self, &variables.iter().collect::<Vec<_>>());
        let pairs = variables.into_iter().zip(gradients).filter_map(|(v, g)| Some((v, g?)));
        Gradients { root: Some(self.clone()), ..Gradients::from_pairs(pairs) }
    }
}

/// Gradients of the scalar `y` with respect to the tensors `wrt` (any tensors of its graph, not only variables); `None` where `y` does
/// not depend on one. A tensor that depends on no variable loses its inputs once it is evaluated: if values are read before
/// differentiating, make the tensors in `wrt` [variables](Tensor::variable).
///
/// # Panics
/// When `y` is not a scalar, or an optimizer step has freed its graph.
#[track_caller]
pub fn grad(y: &Tensor, wrt: &[&Tensor]) -> Vec<Option<Tensor>> {
    assert!(y.numel() == 1, "backward: needs a scalar, not shape {:?}; use vjp", y.shape());
    vjp(&[(y, &Tensor::ones(y.device(), y.shape()))], wrt)
}

/// Vector-Jacobian product: gradients of `sum over (y, u) of <y, u>` with respect to `wrt`.
///
/// # Panics
/// When shapes differ, or an optimizer step has freed a graph.
#[doc(alias = "grad_outputs")]
#[track_caller]
pub fn vjp(outputs: &[(&Tensor, &Tensor)], wrt: &[&Tensor]) -> Vec<Option<Tensor>> {
    let roots: Vec<Tensor> = outputs.iter().map(|(y, _)| (*y).clone()).collect();
    // The float nodes that the outputs depend on, whether or not they lead to variables.
    let nodes = walk(&roots, |t| t.dtype().is_float(), |n| n.variable || n.detached);
    pull(nodes, outputs, wrt)
}

/// The vector-Jacobian product through the given nodes.
#[track_caller]
fn pull(mut nodes: Vec<Arc<Node>>, outputs: &[(&Tensor, &Tensor)], wrt: &[&Tensor]) -> Vec<Option<Tensor>> {
    nodes.sort_by_key(|n| n.id);
    // Inputs of a node come before the node: one pass decides which nodes lead to a target.
    let mut leads: HashSet<*const Node> = wrt.iter().map(|t| Arc::as_ptr(&t.node)).collect();
    for node in &nodes {
        // The inputs of a freed node are unknown.
        assert!(
            leads.contains(&Arc::as_ptr(node)) || !node.state().released,
            "backward: the graph of {} recorded at {} was freed by an optimizer step",
            node.op.name(),
            node.location
        );
    }
    for node in &nodes {
        if !node.variable && node.state().inputs.iter().any(|t| leads.contains(&Arc::as_ptr(&t.node))) {
            leads.insert(Arc::as_ptr(node));
        }
    }
    let mut sums = Sums::default();
    for (y, u) in outputs {
        assert!(
            y.shape() == u.shape(),
            "vjp: the vector's shape {:?} is not the output's {:?}",
            u.shape(),
            y.shape()
        );
        sums.add(y, (*u).clone());
    }
    let _paused = autocast::pause();
    let (mut recompute, rounded) = (Recompute::default(), rounded(&nodes));
    for node in nodes.iter().rev().filter(|n| leads.contains(&Arc::as_ptr(n))) {
        propagate(node, &mut sums, &leads, &mut recompute, &rounded);
    }
    wrt.iter().map(|t| sums.of(t)).collect()
}

/// Adds a node's contribution to the gradients of its inputs, given the gradients of its outputs.
#[track_caller]
fn propagate(
    node: &Arc<Node>,
    sums: &mut Sums,
    leads: &HashSet<*const Node>,
    recompute: &mut Recompute,
    rounded: &HashMap<Output, Tensor>,
) {
    if node.variable || node.detached {
        return;
    }
    let grads: Vec<Option<Tensor>> = outputs(node).iter().map(|t| sums.of(t)).collect();
    if grads.iter().all(Option::is_none) {
        return;
    }
    let targets = node.state().inputs.clone();
    let node = recompute.of(node);
    // Rules read the halves, so that the values before rounding need not be kept.
    let half_of = |t: Tensor| rounded.get(&output(&t)).cloned().unwrap_or(t);
    let (inputs, outputs) = (node.state().inputs.clone(), outputs(&node));
    let outputs: Vec<Tensor> = outputs.into_iter().map(half_of).collect();
    let of_inputs = match &node.op {
        Op::Data | Op::Constant(_) | Op::Literal(_) | Op::Scalars(_) | Op::Call(_) | Op::Returned(_) => {
            return;
        }
        &Op::View(View::Slice { dim, start, step: 1, .. }) => {
            let gradient = grads[0].clone().expect("views have one output");
            if leads.contains(&Arc::as_ptr(&targets[0].node)) {
                sums.add_slice(&targets[0], Slice { dim, start, gradient });
            }
            return;
        }
        Op::View(view) => {
            ops::view_gradient(view, &inputs[0], grads[0].as_ref().expect("views have one output"))
        }
        Op::Map(op) => {
            ops::map_gradient(*op, &inputs, &outputs[0], grads[0].as_ref().expect("maps have one output"))
        }
        Op::Reduce(op, dims) => {
            let grad = grads[0].as_ref().expect("reductions have one output");
            ops::reduce_gradient(*op, dims, &inputs[0], &outputs[0], grad)
        }
        Op::Kernel(op) => op.gradient(&inputs, &outputs, &grads),
    };
    for (target, gradient) in targets.iter().zip(of_inputs) {
        if let (Some(gradient), true) = (gradient, leads.contains(&Arc::as_ptr(&target.node))) {
            assert_eq!(gradient.shape(), target.shape(), "gradient rule of {}: shape", node.op.name());
            sums.add(target, gradient);
        }
    }
}

fn outputs(node: &Arc<Node>) -> Vec<Tensor> {
    (0..node.outputs.len()).map(|output| Tensor { node: node.clone(), output }).collect()
}

/// For every result that was rounded to halves, the halves.
fn rounded(nodes: &[Arc<Node>]) -> HashMap<Output, Tensor> {
    let mut rounded = HashMap::default();
    for node in nodes.iter().filter(|n| n.half.is_some()) {
        if let (Op::Map(MapOp::Unary(Unary::AsHalf(_))), [input]) = (&node.op, &node.state().inputs[..]) {
            rounded.insert(output(input), Tensor { node: node.clone(), output: 0 });
        }
    }
    rounded
}

/// One output of a node.
type Output = (*const Node, usize);

fn output(tensor: &Tensor) -> Output {
    (Arc::as_ptr(&tensor.node), tensor.output)
}

/// The gradient of a part of a tensor.
struct Slice {
    dim: usize,
    start: usize,
    gradient: Tensor,
}

impl Slice {
    fn end(&self) -> usize {
        self.start + self.gradient.shape()[self.dim]
    }
}

/// Sums of gradients by tensor. Slices are kept apart until they are needed: if they cover a whole tensor, such as the parts of a fused
/// projection, they are concatenated, instead of padded and added.
#[derive(Default)]
struct Sums {
    whole: HashMap<Output, Tensor>,
    slices: HashMap<Output, Vec<Slice>>,
}

impl Sums {
    #[track_caller]
    fn add(&mut self, tensor: &Tensor, gradient: Tensor) {
        let sum = match self.whole.remove(&output(tensor)) {
            Some(before) => before + gradient,
            None => gradient,
        };
        self.whole.insert(output(tensor), sum);
    }

    fn add_slice(&mut self, tensor: &Tensor, slice: Slice) {
        self.slices.entry(output(tensor)).or_default().push(slice);
    }

    /// The whole gradient of a tensor.
    #[track_caller]
    fn of(&mut self, tensor: &Tensor) -> Option<Tensor> {
        let mut slices = self.slices.remove(&output(tensor)).unwrap_or_default();
        slices.sort_by_key(|s| s.start);
        let (dim, shape) = (slices.first().map_or(0, |s| s.dim), tensor.shape());
        let adjoin = slices.windows(2).all(|s| s[0].end() == s[1].start && s[1].dim == dim);
        let ends = slices.first().zip(slices.last());
        if adjoin && ends.is_some_and(|(first, last)| first.start == 0 && last.end() == shape[dim]) {
            let parts: Vec<&Tensor> = slices.iter().map(|s| &s.gradient).collect();
            self.add(tensor, ops::cat(&parts, dim as isize));
        } else {
            for s in slices {
                let view = View::Slice { dim: s.dim, start: s.start, len: s.end() - s.start, step: 1 };
                let padded = ops::view_gradient(&view, tensor, &s.gradient).remove(0);
                self.add(tensor, padded.expect("of a slice"));
            }
        }
        self.whole.get(&output(tensor)).cloned()
    }
}

/// The nodes through which gradients can flow from `roots`.
fn history(roots: &[Tensor]) -> Vec<Arc<Node>> {
    walk(roots, |t| t.node.requires_grad, |n| n.variable)
}

fn walk(roots: &[Tensor], enter: impl Fn(&Tensor) -> bool, stop: impl Fn(&Node) -> bool) -> Vec<Arc<Node>> {
    let mut seen: HashSet<*const Node> = HashSet::default();
    let mut found = vec![];
    let mut left: Vec<Arc<Node>> = roots.iter().map(|t| t.node.clone()).collect();
    while let Some(node) = left.pop() {
        if !seen.insert(Arc::as_ptr(&node)) {
            continue;
        }
        if !stop(&node) {
            left.extend(node.state().inputs.iter().filter(|t| enter(t)).map(|t| t.node.clone()));
        }
        found.push(node);
    }
    found
}

/// Gradients of an op's inputs by differentiating its decomposition into other ops: `outputs = compose(inputs)`.
#[track_caller]
pub(crate) fn decomposed(
    inputs: &[Tensor],
    grads: &[Option<Tensor>],
    compose: impl FnOnce(&[Tensor]) -> Vec<Tensor>,
) -> Vec<Option<Tensor>> {
    // Aliases, because one input may depend on another.
    let inputs: Vec<Tensor> = inputs.iter().map(|t| t.alias(|_| ())).collect();
    let outputs = compose(&inputs);
    let pairs: Vec<(&Tensor, &Tensor)> =
        outputs.iter().zip(grads).filter_map(|(y, g)| Some((y, g.as_ref()?))).collect();
    // Stops at the aliases: the inputs' own history can be the whole model.
    let ends: HashSet<*const Node> = inputs.iter().map(|t| Arc::as_ptr(&t.node)).collect();
    let nodes =
        walk(&outputs, |t| t.dtype().is_float(), |n| n.detached || ends.contains(&std::ptr::from_ref(n)));
    pull(nodes, &pairs, &inputs.iter().collect::<Vec<_>>())
}
