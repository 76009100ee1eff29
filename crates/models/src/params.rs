//! The tree of a model's named tensors.

mod across;
mod copy;
mod param;
mod statistics;
pub mod wildcard;

use std::sync::{Arc, Mutex};

pub(crate) use across::{Across, Parts};
use autograd::{Device, Generator, Tensor};
pub use param::Param;
pub(crate) use param::{Counter, Entry, Place};
use param::{Inner, Kind};
use statistics::Untracked;

use crate::Init;
use crate::init;

/// A tree of named tensors. `path("layer1").path("conv1")` makes names like `"layer1.conv1.weight"`; all paths of a tree
/// share its tensors.
///
/// ```
/// use models::{Init, Params};
/// let params = Params::new(&autograd::Device::named("cpu")?, 42);
/// let w = params.path("fc").param("weight", &[10, 4], Init::torch_default());
/// assert_eq!(w.name(), "fc.weight");
/// assert_eq!(params.count(), 40);
/// # Ok::<(), autograd::Error>(())
/// ```
#[doc(alias("Module", "nn.Module", "Sequential", "ParameterDict"))]
#[derive(Clone)]
pub struct Params {
    shared: Arc<Shared>,
    prefix: String,
}

struct Shared {
    device: Device,
    seed: u64,
    /// Whether initial values are drawn.
    drawn: bool,
    entries: Mutex<Vec<Entry>>,
    untracked: Untracked,
    generator: Generator,
    across: Across,
}

impl Params {
    /// An empty tree; initial values are drawn from `seed` and each parameter's name.
    pub fn new(device: &Device, seed: u64) -> Params {
        Params::build(device, seed, true)
    }

    /// An empty tree whose parameters are 0 and take no memory until something is computed: to get names, shapes and parameter counts of
    /// large networks, as PyTorch's device `meta`, and for networks whose weights are loaded.
    ///
    /// ```
    /// use models::{Params, Vgg};
    /// let params = Params::undrawn(&autograd::Device::named("cpu")?);
    /// Vgg::imagenet(&params, 19, 1000);
    /// assert_eq!(params.count(), 143_678_248);
    /// # Ok::<(), autograd::Error>(())
    /// ```
    #[doc(alias = "skip_init")]
    pub fn undrawn(device: &Device) -> Params {
        Params::build(device, 0, false)
    }

    fn build(device: &Device, seed: u64, drawn: bool) -> Params {
        // A different key, so that a program's own generator with this seed draws different numbers.
        let generator = Generator::new(seed ^ init::stream("generator"));
        let (device, entries, untracked) = (device.clone(), Mutex::default(), Untracked::default());
        let across = Across::default();
        let shared = Shared { device, seed, drawn, entries, untracked, generator, across };
        Params { shared: Arc::new(shared), prefix: String::new() }
    }

    /// The sub-tree `name`.
    #[doc(alias("add_module", "register_module", "ModuleList"))]
    pub fn path(&self, name: impl std::fmt::Display) -> Params {
        Params { shared: self.shared.clone(), prefix: self.full(name) }
    }

    /// The whole tree.
    pub(crate) fn root(&self) -> Params {
        Params { shared: self.shared.clone(), prefix: String::new() }
    }

    fn full(&self, name: impl std::fmt::Display) -> String {
        if self.prefix.is_empty() { name.to_string() } else { format!("{}.{name}", self.prefix) }
    }

    /// The seed of initial values.
    pub(crate) fn seed(&self) -> u64 {
        self.shared.seed
    }

    /// The device of all parameters.
    pub fn device(&self) -> &Device {
        &self.shared.device
    }

    /// The generator of random numbers for layers of this tree, such as dropout. Its state belongs in a checkpoint.
    pub fn generator(&self) -> &Generator {
        &self.shared.generator
    }

    /// Batch norms of this tree, in training, take their statistics over a whole batch of which this process has a `share`: `mean` gives the
    /// mean over all processes, weighted by their shares, through which gradients flow. Its first argument says what the tensor is.
    #[doc(alias = "SyncBatchNorm")]
    pub fn set_batch_mean(&self, share: f32, mean: impl Fn(&str, &Tensor) -> Tensor + Send + Sync + 'static) {
        self.shared.across.set(Some(Parts { share, mean: Arc::new(mean) }));
    }

    /// Batch norms take their statistics over this process's own batches again.
    pub fn clear_batch_mean(&self) {
        self.shared.across.set(None);
    }

    pub(crate) fn across(&self) -> Across {
        self.shared.across.clone()
    }

    /// Adds a trainable parameter.
    ///
    /// # Panics
    /// When the name is taken.
    #[doc(alias = "register_parameter")]
    #[track_caller]
    pub fn param(&self, name: &str, shape: &[usize], init: Init) -> Param {
        self.add(name, shape, init, Kind::Parameter)
    }

    /// Adds a tensor that is saved with the model but not trained.
    ///
    /// # Panics
    /// When the name is taken.
    #[doc(alias = "register_buffer")]
    #[track_caller]
    pub fn buffer(&self, name: &str, shape: &[usize], init: Init) -> Param {
        self.add(name, shape, init, Kind::Buffer)
    }

    /// Adds a running statistic: a buffer that forward passes [track](Param::track).
    ///
    /// # Panics
    /// When the name is taken.
    #[doc(alias = "register_buffer")]
    #[track_caller]
    pub fn statistic(&self, name: &str, shape: &[usize], init: Init) -> Param {
        let param = self.add(name, shape, init, Kind::Statistic(self.shared.untracked.clone()));
        self.shared.untracked.add(&param);
        param
    }

    #[track_caller]
    fn add(&self, name: &str, shape: &[usize], init: Init, kind: Kind) -> Param {
        let name = self.full(name);
        let param = Param::new(name.clone(), &self.initial(&name, shape, init), kind);
        self.push(Entry::Tensor(param.clone()));
        param
    }

    /// Saves a buffer's number of updates under `name`.
    #[track_caller]
    pub(crate) fn count_updates(&self, name: &str, of: &Param) {
        self.push(Entry::Counter(self.full(name), Counter(of.clone())));
    }

    /// Discards the values that forward passes have [recorded](Param::update) since the last successful step. For custom training loops
    /// that continue after a failure; [`Generator::resume`] restores the random numbers.
    pub fn discard_updates(&self) {
        self.all().iter().for_each(|param| param.place().state.discard_update());
    }

    #[track_caller]
    fn push(&self, entry: Entry) {
        let mut entries = self.shared.entries.lock().unwrap_or_else(|e| e.into_inner());
        assert!(
            entries.iter().all(|e| e.name() != entry.name()),
            "a parameter \"{}\" exists already",
            entry.name()
        );
        entries.push(entry);
    }

    /// Removes parameters from the tree.
    pub(crate) fn remove(&self, names: &[&str]) {
        let mut entries = self.shared.entries.lock().unwrap_or_else(|e| e.into_inner());
        entries.retain(|entry| !names.contains(&entry.name()));
    }

    /// All entries under this path, in the order of creation.
    pub(crate) fn entries(&self) -> Vec<Entry> {
        let entries = self.shared.entries.lock().unwrap_or_else(|e| e.into_inner());
        let inside = |name: &str| {
            self.prefix.is_empty()
                || name.strip_prefix(&self.prefix).is_some_and(|rest| rest.starts_with('.'))
        };
        entries.iter().filter(|e| inside(e.name())).cloned().collect()
    }

    /// The names of everything that [`save`](Params::save) writes, in the order of creation: parameters, buffers, and counters such as
    /// `bn1.num_batches_tracked`.
    #[doc(alias = "state_dict")]
    pub fn names(&self) -> Vec<String> {
        self.entries().iter().map(|entry| entry.name().to_owned()).collect()
    }

    /// Parameters and buffers under this path, in the order of creation.
    #[doc(alias("parameters", "named_parameters"))]
    pub fn all(&self) -> Vec<Param> {
        let tensors = self.entries().into_iter().filter_map(|e| match e {
            Entry::Tensor(param) => Some(param),
            Entry::Counter(..) => None,
        });
        tensors.collect()
    }

    /// The trainable parameters under this path.
    pub fn trainable(&self) -> Vec<Param> {
        self.all().into_iter().filter(Param::is_trainable).collect()
    }

    /// Parameters and buffers whose full names match a pattern, where `*` matches anything, as in `"layer1.*.weight"`.
    pub fn matching(&self, pattern: &str) -> Vec<Param> {
        self.all().into_iter().filter(|p| wildcard::matches(pattern, p.name())).collect()
    }

    /// The parameter or buffer with this full name.
    #[doc(alias("get_parameter", "get_buffer"))]
    pub fn get(&self, name: &str) -> Option<Param> {
        self.all().into_iter().find(|p| p.name() == name)
    }

    /// Number of values in all parameters (buffers are not counted).
    pub fn count(&self) -> usize {
        self.all().iter().filter(|p| p.is_parameter()).map(|p| p.value().numel()).sum()
    }

    /// Freezes parameters whose names match a pattern; optimizers made later ignore them. Returns their number.
    #[doc(alias = "requires_grad_")]
    pub fn freeze(&self, pattern: &str) -> usize {
        self.train_matching(pattern, false)
    }

    /// Undoes [`freeze`](Params::freeze).
    #[doc(alias = "requires_grad_")]
    pub fn unfreeze(&self, pattern: &str) -> usize {
        self.train_matching(pattern, true)
    }

    /// Draws new initial values for parameters and buffers whose names match a pattern. Returns their number.
    ///
    /// ```
    /// use models::{Init, Linear, Params};
    /// let params = Params::new(&autograd::Device::named("cpu")?, 42);
    /// let fc = Linear::new(&params.path("fc"), 4, 10);
    /// assert_eq!(params.redraw("*.bias", Init::ZEROS), 1);
    /// assert_eq!(params.get("fc.bias").unwrap().value().to_vec::<f32>()?, [0.0; 10]);
    /// # Ok::<(), autograd::Error>(())
    /// ```
    #[doc(alias = "reset_parameters")]
    pub fn redraw(&self, pattern: &str, init: Init) -> usize {
        let found = self.matching(pattern);
        found.iter().for_each(|param| self.draw(param, init));
        found.len()
    }

    pub(crate) fn draw(&self, param: &Param, init: Init) {
        let value = self.initial(param.name(), param.value().shape(), init);
        param.set(&value);
    }

    #[track_caller]
    fn initial(&self, name: &str, shape: &[usize], init: Init) -> Tensor {
        if !self.shared.drawn {
            return Tensor::zeros(self.device(), shape);
        }
        Tensor::constant(self.device(), &init.draw(shape, self.shared.seed, name), shape)
    }

    fn train_matching(&self, pattern: &str, trainable: bool) -> usize {
        let found: Vec<Param> = self.matching(pattern).into_iter().filter(Param::is_parameter).collect();
        found.iter().for_each(|p| p.set_trainable(trainable));
        found.len()
    }
}

impl std::fmt::Debug for Params {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        for param in self.all() {
            let kind = if param.is_trainable() { "" } else { ", not trained" };
            writeln!(f, "{}: {:?}{kind}", param.name(), param.value().shape())?;
        }
        Ok(())
    }
}
