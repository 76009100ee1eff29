//! Files written by `torch.save`: state dictionaries, checkpoints with dictionaries inside of dictionaries, and whole modules.

mod pickle;

use std::collections::{BTreeMap, HashMap};
use std::io::{Cursor, Read};
use std::rc::Rc;

use safetensors::tensor::{Dtype, TensorView};
use zip::{CompressionMethod, ZipArchive};

use pickle::{Pickle, Strided, Value};

type Outcome<T> = Result<T, String>;

/// The most bytes of a pickle without its tensors.
const MOST_PICKLE: u64 = 16 << 20;
/// The deepest dictionary, and the most values that are looked at.
const DEEPEST: usize = 64;
const MOST_VALUES: usize = 1 << 20;
/// The longest name of a tensor, and the most bytes of all names.
const NAME: usize = 4096;
const MOST_NAMES: usize = 64 << 20;
/// Views may share memory: all tensors together have at most this many times the file's bytes, and the rest.
const SHARED: usize = 4;
const REST: usize = 64 << 20;

/// The beginning of files of PyTorch before 1.6: a pickle of the number 0x1950a86a20f9469cfc6c.
const OLD: &[u8] = &[0x80, 2, 0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, b'.'];

/// Elements in memory that tensors are views of.
#[derive(Debug)]
pub struct Storage {
    pub key: Rc<str>,
    pub dtype: Dtype,
    pub count: usize,
}

/// Type, shape and bytes of a tensor.
type Dense = (Dtype, Vec<usize>, Vec<u8>);

/// The type of a storage's elements, by its class; `None` for types that safetensors or this library lack.
fn dtype(class: &str) -> Option<Dtype> {
    Some(match class.strip_prefix("torch.")?.strip_suffix("Storage")? {
        "Float" => Dtype::F32,
        "Half" => Dtype::F16,
        "BFloat16" => Dtype::BF16,
        "Double" => Dtype::F64,
        "Long" => Dtype::I64,
        "Int" => Dtype::I32,
        "Short" => Dtype::I16,
        "Char" => Dtype::I8,
        "Byte" => Dtype::U8,
        "Bool" => Dtype::BOOL,
        _ => return None,
    })
}

fn width(dtype: Dtype) -> usize {
    dtype.bitsize() / 8
}

/// Whether a file begins like one of `torch.save`.
pub fn is_torch(bytes: &[u8]) -> bool {
    bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(OLD)
}

/// The tensors of a file as a safetensors file. Names are the keys on the way to a tensor, joined by dots; attributes of modules have the
/// names of the module's `state_dict`.
pub fn to_safetensors(bytes: &[u8]) -> Outcome<Vec<u8>> {
    serialize(&tensors(bytes)?)
}

/// As [`to_safetensors`], of the part of the file that holds the tensors called `names`: without the keys that lead to it, and without
/// everything else.
pub fn part_to_safetensors<'a>(bytes: &[u8], names: impl Iterator<Item = &'a str>) -> Outcome<Vec<u8>> {
    let all = tensors(bytes)?;
    let names: Vec<&str> = names.collect();
    let Some(prefix) = prefix(&all, &names) else { return serialize(&all) };
    let under = |(name, tensor): (String, Dense)| Some((name.strip_prefix(&prefix)?.to_owned(), tensor));
    serialize(&all.into_iter().filter_map(under).collect())
}

/// What the names of the file have before most of `names`; `None` if nothing, or if none is there.
fn prefix(all: &BTreeMap<String, Dense>, names: &[&str]) -> Option<String> {
    let first = names.iter().find(|name| all.keys().any(|key| key.ends_with(*name)))?;
    let before = all.keys().filter_map(|key| key.strip_suffix(first));
    let candidates = before.filter(|p| p.is_empty() || p.ends_with('.'));
    let count = |p: &str| names.iter().filter(|name| all.contains_key(&format!("{p}{name}"))).count();
    // Of equally good ones the shortest.
    let best = candidates.max_by_key(|p| (count(p), std::cmp::Reverse(p.len())))?;
    (!best.is_empty()).then(|| best.to_owned())
}

fn serialize(tensors: &BTreeMap<String, Dense>) -> Outcome<Vec<u8>> {
    let mut views = vec![];
    for (name, (dtype, shape, bytes)) in tensors {
        views.push((name, TensorView::new(*dtype, shape.clone(), bytes).map_err(|e| e.to_string())?));
    }
    safetensors::serialize(views, None).map_err(|e| e.to_string())
}

fn tensors(bytes: &[u8]) -> Outcome<BTreeMap<String, Dense>> {
    let (pickle, root, storages) =
        if bytes.starts_with(OLD) { old(&bytes[OLD.len()..])? } else { zipped(bytes)? };
    let mut found = Found { pickle: &pickle, seen: 0, names: 0, tensors: vec![] };
    found.add(&root, "", 0)?;
    let mut room = SHARED.saturating_mul(bytes.len()).saturating_add(REST);
    let mut all = BTreeMap::new();
    for (name, tensor) in found.tensors {
        let storage = &tensor.storage;
        let data =
            storages.get(&storage.key).ok_or_else(|| format!("storage {:?} is missing", storage.key))?;
        let dense = dense(&tensor, data, &mut room).map_err(|reason| format!("\"{name}\": {reason}"))?;
        all.insert(name, (storage.dtype, tensor.shape.clone(), dense));
    }
    if all.is_empty() {
        return Err("it has no tensors".into());
    }
    Ok(all)
}

type Contents = (Pickle, Value, HashMap<Rc<str>, Vec<u8>>);

/// A zip archive with a pickle `data.pkl` and one file a storage; nothing is compressed.
fn zipped(bytes: &[u8]) -> Outcome<Contents> {
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(|e| e.to_string())?;
    let names = archive.file_names().map(|name| name.map(String::from).map_err(|e| e.to_string()));
    let names = names.collect::<Outcome<Vec<String>>>()?;
    let pickles: Vec<&str> = names.iter().filter_map(|n| n.strip_suffix("/data.pkl")).collect();
    let [folder] = pickles[..] else { return Err("a zip archive that torch.save has not written".into()) };
    if names.iter().any(|name| name.starts_with(&format!("{folder}/code/"))) {
        return Err("it is a TorchScript program; save its state_dict() with torch.save".into());
    }
    let mut left = bytes.len() as u64;
    let mut file = |name: &str, most: u64| -> Outcome<Vec<u8>> {
        let entry = archive.by_name(&format!("{folder}/{name}")).map_err(|e| format!("{name}: {e}"))?;
        let size = entry.size();
        if entry.compression() != CompressionMethod::Stored || size > most.min(left) {
            return Err(format!("{name} is compressed or of {size} bytes, unlike those of torch.save"));
        }
        left -= size;
        let mut content = vec![];
        entry.take(size).read_to_end(&mut content).map_err(|e| format!("{name}: {e}"))?;
        Ok(content)
    };
    let content = file("data.pkl", MOST_PICKLE)?;
    let big = names.contains(&format!("{folder}/byteorder")) && file("byteorder", 64)? == b"big";
    let (pickle, root, _) = pickle::read(&content)?;
    let mut storages = HashMap::new();
    for name in &names {
        if let Some(key) = name.strip_prefix(&format!("{folder}/data/")) {
            storages.insert(key.into(), file(&format!("data/{key}"), u64::MAX)?);
        }
    }
    if big {
        return Err("it was written by a big-endian machine; save it again on a little-endian one".into());
    }
    Ok((pickle, root, storages))
}

/// Before PyTorch 1.6: pickles of a version, of a description of the machine, of the value and of the storages' keys, and then each
/// storage, with the number of its elements before it.
fn old(bytes: &[u8]) -> Outcome<Contents> {
    let (_, _, rest) = pickle::read(bytes)?;
    let (_, _, rest) = pickle::read(rest)?;
    let (pickle, root, rest) = pickle::read(rest)?;
    let (keys, order, mut rest) = pickle::read(rest)?;
    let Value::List(order) = order else { return Err("the list of storages is missing".into()) };
    let widths: HashMap<&str, usize> = pickle.storages.iter().map(|s| (&*s.key, width(s.dtype))).collect();
    let mut storages = HashMap::new();
    for key in &keys.lists[order] {
        let Value::Text(key) = key else { return Err("a storage without a key".into()) };
        // Elements of a type that is not supported have a width that is not known; nothing can be read after them.
        let Some(width) = widths.get(&**key) else {
            return Err(format!("storage {key:?} is of an unknown type"));
        };
        let (count, after) = rest.split_first_chunk::<8>().ok_or("the file ends early")?;
        let size = usize::try_from(u64::from_le_bytes(*count)).ok().and_then(|n| n.checked_mul(*width));
        let (data, after) =
            size.and_then(|size| after.split_at_checked(size)).ok_or("the file ends early")?;
        storages.insert(key.clone(), data.to_vec());
        rest = after;
    }
    Ok((pickle, root, storages))
}

/// The tensors of a value, with their names.
struct Found<'a> {
    pickle: &'a Pickle,
    seen: usize,
    names: usize,
    tensors: Vec<(String, Rc<Strided>)>,
}

impl Found<'_> {
    fn add(&mut self, value: &Value, name: &str, depth: usize) -> Outcome<()> {
        self.seen += 1;
        if depth > DEEPEST || self.seen > MOST_VALUES {
            return Err("its dictionaries are nested too deeply, or refer to themselves".into());
        }
        if name.len() > NAME || self.names > MOST_NAMES {
            return Err("its tensors have very long names".into());
        }
        let inside = |key: &str| if name.is_empty() { key.to_owned() } else { format!("{name}.{key}") };
        match value {
            Value::Tensor(tensor) => {
                self.names += name.len();
                self.tensors
                    .push((if name.is_empty() { "tensor".into() } else { name.to_owned() }, tensor.clone()))
            }
            Value::List(at) => {
                for (i, value) in self.pickle.lists[*at].iter().enumerate() {
                    self.add(value, &inside(&i.to_string()), depth + 1)?;
                }
            }
            Value::Dict(at) => {
                for (key, value) in &self.pickle.dicts[*at] {
                    match key {
                        Value::Text(key) => self.add(value, &inside(key), depth + 1)?,
                        Value::Int(key) => self.add(value, &inside(&key.to_string()), depth + 1)?,
                        _ => {}
                    }
                }
            }
            // A module, whose attributes are those of `torch.nn.Module`.
            Value::Object(at) => {
                for (key, value) in &self.pickle.dicts[*at] {
                    if let Value::Text(key) = key
                        && matches!(&**key, "_parameters" | "_buffers" | "_modules")
                    {
                        self.add(value, name, depth + 1)?;
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }
}

/// The elements of a view in row-major order; `room` are the bytes that all tensors may still have.
fn dense(tensor: &Strided, data: &[u8], room: &mut usize) -> Outcome<Vec<u8>> {
    let Strided { storage, offset, shape, strides } = tensor;
    let width = width(storage.dtype);
    if shape.len() != strides.len() {
        return Err(format!("sizes {shape:?} and strides {strides:?}"));
    }
    let beyond = || {
        format!(
            "sizes {shape:?} and strides {strides:?} from {offset} are beyond its {} elements",
            storage.count
        )
    };
    if storage.count.checked_mul(width).is_none_or(|size| size > data.len()) {
        return Err(format!("its storage has {} bytes for {} elements", data.len(), storage.count));
    }
    let count = shape.iter().try_fold(1usize, |n, &d| n.checked_mul(d)).ok_or_else(beyond)?;
    let size = count.checked_mul(width).ok_or_else(beyond)?;
    *room = room.checked_sub(size).ok_or("the tensors have many times the file's bytes")?;
    if count == 0 {
        return Ok(vec![]);
    }
    let reach = |last: usize, (&n, &stride): (&usize, &usize)| last.checked_add((n - 1).checked_mul(stride)?);
    let last = shape.iter().zip(strides).try_fold(*offset, reach);
    if last.is_none_or(|last| last >= storage.count) {
        return Err(beyond());
    }
    let (mut at, mut out) = (vec![0; shape.len()], Vec::with_capacity(size));
    let mut place = *offset;
    for _ in 0..count {
        out.extend_from_slice(&data[place * width..(place + 1) * width]);
        for d in (0..shape.len()).rev() {
            at[d] += 1;
            place += strides[d];
            if at[d] < shape[d] {
                break;
            }
            place -= at[d] * strides[d];
            at[d] = 0;
        }
    }
    Ok(out)
}
