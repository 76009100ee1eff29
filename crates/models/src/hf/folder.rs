//! Weights in folders of Hugging Face.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Component, Path, PathBuf};

use autograd::Tensor;
use safetensors::tensor::{Dtype, SafeTensors};

use super::config::read_json;
use super::names::Names;
use crate::params::Entry;
use crate::snapshot::{Stored, write_with};
use crate::weights::{floats, read_limited, short};
use crate::{Error, Params, Result};

/// Shape and values.
pub type Part = (Vec<usize>, Vec<f32>);

/// Reads the weights of all parameters and buffers of a new tree.
pub fn read(folder: &Path, params: &Params, names: &Names) -> Result<()> {
    let entries = params.entries();
    let mut wanted = Wanted::new(&entries, names);
    let files = files(folder)?;
    for path in &files {
        let bytes = bytes(path, &entries)?;
        let fault = |reason: String| Error::Format { path: path.clone(), reason: short(&reason) };
        let file = SafeTensors::deserialize(&bytes).map_err(|e| fault(e.to_string()))?;
        let mut found = file.names();
        // In order, so that the same file gives the same error.
        found.sort_unstable();
        for name in found {
            wanted.take(path, name, &file, names)?;
        }
        wanted.put_complete(path, params, &entries)?;
    }
    let last = files.last().map_or(folder, PathBuf::as_path);
    match wanted.missing(&entries) {
        Some((name, shape)) => Err(Error::Missing { path: last.into(), name, shape }),
        None => Ok(()),
    }
}

/// The files of weights.
fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let index = folder.join("model.safetensors.index.json");
    if index.is_file() {
        let fault = |reason: String| Error::Config { path: index.clone(), reason };
        let json = read_json(&index)?;
        let map = json["weight_map"].as_object().ok_or_else(|| fault("it has no \"weight_map\"".into()))?;
        let files: BTreeSet<&str> = map.values().filter_map(|file| file.as_str()).collect();
        let inside = |file: &&str| {
            matches!(Path::new(file).components().collect::<Vec<_>>()[..], [Component::Normal(_)])
        };
        if let Some(outside) = files.iter().find(|file| !inside(file)) {
            return Err(fault(format!("{:?} is not a file of this folder", short(outside))));
        }
        return Ok(files.into_iter().map(|file| folder.join(file)).collect());
    }
    let pickle = folder.join("pytorch_model.bin");
    let safe = folder.join("model.safetensors");
    Ok(vec![if !safe.is_file() && pickle.is_file() { pickle } else { safe }])
}

/// A file as safetensors.
fn bytes(path: &Path, entries: &[Entry]) -> Result<Vec<u8>> {
    let bytes = read_limited(path, entries)?;
    #[cfg(feature = "torch")]
    if let Some(bytes) = crate::torch_to_safetensors(path, &bytes)? {
        return Ok(bytes);
    }
    Ok(bytes)
}

/// The tensors of a tree that are still to be found.
struct Wanted {
    /// By name in a file: the entry, and which of its parts.
    places: HashMap<String, (usize, usize)>,
    /// By entry: its parts, whether they are transposed, and what the parts are called.
    parts: Vec<(Vec<Option<Part>>, bool, Vec<String>)>,
    done: Vec<bool>,
    counts: BTreeMap<usize, u64>,
}

impl Wanted {
    fn new(entries: &[Entry], names: &Names) -> Wanted {
        let (mut places, mut parts) = (HashMap::new(), vec![]);
        for (e, entry) in entries.iter().enumerate() {
            let place = names.find(entry.name()).expect("each weight of a family has a name");
            for (p, name) in place.parts.iter().enumerate() {
                places.extend(names.spellings(name).into_iter().map(|spelling| (spelling, (e, p))));
            }
            parts.push((vec![None; place.parts.len()], place.turned, place.parts));
        }
        Wanted { places, done: vec![false; parts.len()], parts, counts: BTreeMap::new() }
    }

    fn take(&mut self, path: &Path, name: &str, file: &SafeTensors, names: &Names) -> Result<()> {
        let unexpected = || Error::Unexpected { path: path.into(), name: short(name) };
        let Some(&(entry, part)) = self.places.get(name) else {
            return if names.ignores(name) { Ok(()) } else { Err(unexpected()) };
        };
        let view = file.tensor(name).expect("a name of the file");
        let (parts, turned, _) = &mut self.parts[entry];
        if self.done[entry] || parts[part].is_some() {
            return Err(unexpected());
        }
        if let (Dtype::I64, [], Ok(count)) = (view.dtype(), view.shape(), view.data().try_into()) {
            self.counts.insert(entry, u64::try_from(i64::from_le_bytes(count)).unwrap_or(0));
            parts[part] = Some((vec![], vec![]));
            return Ok(());
        }
        let (shape, values) = (view.shape().to_vec(), floats(path, name, &view)?);
        parts[part] = Some(match (*turned, &shape[..]) {
            (true, &[rows, columns]) => (vec![columns, rows], transposed(&values, rows, columns)),
            _ => (shape, values),
        });
        Ok(())
    }

    /// Sets what all parts have been found of.
    fn put_complete(&mut self, path: &Path, params: &Params, entries: &[Entry]) -> Result<()> {
        for (e, entry) in entries.iter().enumerate() {
            let (parts, _, called) = &mut self.parts[e];
            if self.done[e] || parts.iter().any(Option::is_none) {
                continue;
            }
            let (shape, values) = joined(parts.iter_mut().filter_map(Option::take).collect());
            let counted = self.counts.get(&e);
            if shape != entry.shape() || matches!(entry, Entry::Counter(..)) != counted.is_some() {
                let (got, want) = (format!("{shape:?}"), format!("{:?}", entry.shape()));
                return Err(Error::Mismatch { path: path.into(), name: called[0].clone(), got, want });
            }
            match entry {
                Entry::Tensor(param) => param.set(&Tensor::from_slice(params.device(), &values, &shape)?),
                Entry::Counter(_, counter) => counter.set(counted.copied().unwrap_or(0)),
            }
            self.done[e] = true;
        }
        Ok(())
    }

    /// The first tensor that was not found.
    fn missing(&self, entries: &[Entry]) -> Option<(String, Vec<usize>)> {
        let e = self.done.iter().position(|done| !done)?;
        let (parts, _, called) = &self.parts[e];
        let p = parts.iter().position(Option::is_none).unwrap_or(0);
        Some((called[p].clone(), entries[e].shape()))
    }
}

/// `[rows, columns]` as `[columns, rows]`.
fn transposed(values: &[f32], rows: usize, columns: usize) -> Vec<f32> {
    (0..columns).flat_map(|column| (0..rows).map(move |row| values[row * columns + column])).collect()
}

/// Parts one after the other along the first dimension; the last part's shape if they do not fit.
fn joined(mut parts: Vec<Part>) -> Part {
    let (mut shape, mut values) = parts.remove(0);
    for (more, others) in parts {
        match (&mut shape[..], &more[..]) {
            ([rows, rest @ ..], [count, others @ ..]) if rest == others => *rows += count,
            _ => return (more, others),
        }
        values.extend(others);
    }
    (shape, values)
}

/// Writes all parameters and buffers under the names of a family.
pub fn write(path: &Path, params: &Params, names: &Names) -> Result<()> {
    let fault = |name: &str| {
        let reason = format!("\"{name}\" has no name in it; merge or remove adapters before saving");
        Error::Config { path: path.into(), reason }
    };
    let mut tensors: Vec<Stored> = vec![];
    for entry in params.entries() {
        let place = names.find(entry.name()).ok_or_else(|| fault(entry.name()))?;
        let param = match &entry {
            Entry::Counter(_, counter) => {
                tensors.push((
                    place.parts[0].clone(),
                    vec![],
                    Dtype::I64,
                    counter.get().to_le_bytes().into(),
                ));
                continue;
            }
            Entry::Tensor(param) => param,
        };
        if param.adapters().is_some_and(|adapters| !adapters.is_empty()) {
            return Err(fault(entry.name()));
        }
        let (mut shape, values) = (entry.shape(), param.value().to_vec::<f32>()?);
        let size = values.len() / place.parts.len();
        if place.parts.len() > 1 {
            shape[0] /= place.parts.len();
        }
        for (p, name) in place.parts.into_iter().enumerate() {
            let part = &values[p * size..][..size];
            let (shape, bytes) = match (place.turned, &shape[..]) {
                (true, &[rows, columns]) => {
                    let turned = transposed(part, rows, columns);
                    (vec![columns, rows], bytemuck::cast_slice(&turned).to_vec())
                }
                _ => (shape.clone(), bytemuck::cast_slice(part).to_vec()),
            };
            tensors.push((name, shape, Dtype::F32, bytes));
        }
    }
    write_with(path, &tensors, pytorch())
}

/// Metadata without which other libraries refuse a file.
pub fn pytorch() -> [(String, String); 1] {
    [("format".to_owned(), "pt".to_owned())]
}
