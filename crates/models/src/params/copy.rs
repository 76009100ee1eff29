//! Values from another tree.

use std::mem::discriminant;

use super::{Entry, Params, wildcard};

impl Params {
    /// Sets everything that [`save`](Params::save) writes to another tree's values of the same names, except for what matches a pattern of `skip`
    /// (`*` matches anything): a pre-trained network's features under a new last layer. Returns the number of values set. Gradients do not flow
    /// into the other tree.
    ///
    /// ```
    /// use models::{Linear, Params};
    /// let device = autograd::Device::named("cpu")?;
    /// let network = |seed, classes| {
    ///     let params = Params::new(&device, seed);
    ///     Linear::new(&params.path("fc1"), 4, 8);
    ///     Linear::new(&params.path("fc2"), 8, classes);
    ///     params
    /// };
    /// let (pretrained, tuned) = (network(0, 10), network(1, 3));
    /// assert_eq!(tuned.copy_from(&pretrained, &["fc2.*"]), 2);
    /// let weight = |params: &Params| params.get("fc1.weight").unwrap().value().to_vec::<f32>();
    /// assert_eq!(weight(&tuned)?, weight(&pretrained)?);
    /// # Ok::<(), autograd::Error>(())
    /// ```
    ///
    /// # Panics
    /// When the other tree lacks a tensor, has it in another shape, or is on another device; nothing is changed then.
    #[doc(alias("load_state_dict", "state_dict", "copy_"))]
    #[track_caller]
    pub fn copy_from(&self, other: &Params, skip: &[&str]) -> usize {
        let [own, its] = [self.device().info(), other.device().info()];
        assert!(self.device() == other.device(), "values on {its} for parameters on {own}");
        let theirs = other.entries();
        let wanted = |entry: &Entry| !skip.iter().any(|pattern| wildcard::matches(pattern, entry.name()));
        let pairs: Vec<(Entry, &Entry)> = self
            .entries()
            .into_iter()
            .filter(wanted)
            .map(|own| {
                let name = own.name();
                let found = theirs.iter().find(|entry| entry.name() == name);
                let found = found.unwrap_or_else(|| panic!("the other tree has no \"{name}\""));
                assert!(discriminant(&own) == discriminant(found), "{name}: a tensor beside a counter");
                let [shape, wanted] = [found.shape(), own.shape()];
                assert!(shape == wanted, "{name}: {shape:?} set to a parameter of {wanted:?}");
                (own, found)
            })
            .collect();
        for (own, theirs) in &pairs {
            match (own, theirs) {
                (Entry::Tensor(own), Entry::Tensor(theirs)) => own.set(&theirs.value()),
                (Entry::Counter(_, own), Entry::Counter(_, theirs)) => own.set(theirs.get()),
                _ => unreachable!("pairs are of one kind"),
            }
        }
        pairs.len()
    }
}
