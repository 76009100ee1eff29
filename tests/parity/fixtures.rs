//! Reading the cases and their tensors.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use autograd::{DType, Device, Tensor};
use safetensors::tensor::{Dtype, SafeTensors};
use serde_json::{Map, Value};

/// A tensor of a file.
#[derive(Clone, Debug)]
pub struct Array {
    pub shape: Vec<usize>,
    pub data: Data,
}

#[derive(Clone, Debug)]
pub enum Data {
    Float(Vec<f32>),
    Int(Vec<i32>),
    Bool(Vec<u32>),
}

impl Array {
    pub fn tensor(&self, device: &Device) -> Tensor {
        let tensor = match &self.data {
            Data::Float(v) => Tensor::from_slice(device, v, &self.shape),
            Data::Int(v) => Tensor::from_slice(device, v, &self.shape),
            Data::Bool(v) => Tensor::from_slice(device, v, &self.shape).map(|t| t.to(DType::Bool)),
        };
        tensor.expect("upload")
    }

    pub fn floats(&self) -> &[f32] {
        match &self.data {
            Data::Float(v) => v,
            other => panic!("floats expected, not {other:?}"),
        }
    }
}

/// The tensors of one safetensors file.
pub struct File(HashMap<String, Array>);

impl File {
    fn load(path: &Path) -> Result<File> {
        let bytes = std::fs::read(path).with_context(|| format!("can't read {}", path.display()))?;
        let file = SafeTensors::deserialize(&bytes).with_context(|| path.display().to_string())?;
        let mut arrays = HashMap::new();
        for (name, view) in file.iter() {
            let bytes = view.data();
            let words = || bytes.chunks_exact(4).map(|w| [w[0], w[1], w[2], w[3]]);
            let data = match view.dtype() {
                Dtype::F32 => Data::Float(words().map(f32::from_le_bytes).collect()),
                Dtype::I32 => Data::Int(words().map(i32::from_le_bytes).collect()),
                Dtype::U8 => Data::Bool(bytes.iter().map(|&b| u32::from(b)).collect()),
                other => bail!("{}: {name} is of type {other:?}", path.display()),
            };
            arrays.insert(name.to_owned(), Array { shape: view.shape().to_vec(), data });
        }
        Ok(File(arrays))
    }

    pub fn get(&self, name: &str) -> Option<&Array> {
        self.0.get(name)
    }

    /// The tensor called `name`.
    ///
    /// # Panics
    /// When the file has no such tensor.
    pub fn array(&self, name: &str) -> &Array {
        self.get(name).unwrap_or_else(|| panic!("no tensor \"{name}\" in the fixture"))
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

pub struct Case {
    pub name: String,
    pub family: String,
    pub op: String,
    pub attrs: Map<String, Value>,
    pub inputs: Vec<String>,
    pub outputs: Vec<String>,
    /// Names of the upstream gradients, `d<output>`.
    pub upstream: Vec<String>,
    /// Names of the gradients to check, `d<input>`.
    pub grads: Vec<String>,
    pub rtol: f32,
    pub atol: f32,
    /// A separate file of this case.
    pub file: Option<String>,
}

pub struct Fixtures {
    directory: PathBuf,
    pub cases: Vec<Case>,
    tensors: File,
}

impl Fixtures {
    pub fn load(directory: &Path) -> Result<Fixtures> {
        let path = directory.join("cases.json");
        let text = std::fs::read(&path).with_context(|| format!("can't read {}", path.display()))?;
        let index: Value = serde_json::from_slice(&text)?;
        let cases = index["cases"].as_array().context("cases.json has no list \"cases\"")?;
        let cases = cases.iter().map(case).collect::<Result<_>>()?;
        let tensors = File::load(&directory.join("tensors.safetensors"))?;
        Ok(Fixtures { directory: directory.into(), cases, tensors })
    }

    /// A tensor of a case.
    pub fn array(&self, case: &Case, name: &str) -> &Array {
        self.tensors.array(&format!("{}/{name}", case.name))
    }

    /// The file of a trained model.
    pub fn file(&self, name: &str) -> Result<File> {
        File::load(&self.directory.join(name))
    }
}

fn case(v: &Value) -> Result<Case> {
    let text = |key: &str| {
        v[key].as_str().map(str::to_owned).with_context(|| format!("a case has no \"{key}\": {v}"))
    };
    let texts = |key: &str| -> Vec<String> {
        v[key].as_array().into_iter().flatten().filter_map(|s| s.as_str().map(str::to_owned)).collect()
    };
    let number = |key: &str| {
        v[key].as_f64().map(|x| x as f32).with_context(|| format!("a case has no \"{key}\": {v}"))
    };
    Ok(Case {
        name: text("name")?,
        family: text("family")?,
        op: text("op")?,
        attrs: v["attrs"].as_object().cloned().unwrap_or_default(),
        inputs: texts("inputs"),
        outputs: texts("outputs"),
        upstream: texts("upstream"),
        grads: texts("grads"),
        rtol: number("rtol")?,
        atol: number("atol")?,
        file: v["file"].as_str().map(str::to_owned),
    })
}
