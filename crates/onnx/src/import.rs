//! Reading a network from an ONNX file.

mod context;
mod layers;
mod maps;
mod recurrent;
mod shapes;
mod value;

use std::collections::{HashMap, HashSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Component, Path};

use autograd::{DType, Device, Tensor};
use models::{Init, Mode, Module, Param, Params};
use prost::Message;

use context::Context;
use value::{Host, Outcome, Value};

use crate::proto::{GraphProto, ModelProto, NodeProto, TensorProto, tensor_proto};
use crate::{Error, Result};

/// The operator sets whose definitions of the supported operators are followed.
const OPSETS: std::ops::RangeInclusive<i64> = 11..=24;
/// Files larger than this are not protobuf messages.
const MOST_BYTES: u64 = 1 << 31;

/// A network from an ONNX file. Its floating-point weights are parameters under their names in the file, so it can be trained; the
/// statistics of batch norms are buffers. [`Module::forward`] is for models with one input and takes the first output.
pub struct OnnxModel {
    graph: GraphProto,
    opset: i64,
    params: Params,
    weights: HashMap<String, Param>,
    constants: HashMap<String, Host>,
    inputs: Vec<String>,
    outputs: Vec<String>,
}

/// Reads a network from an ONNX file, to run on `device`.
///
/// # Errors
/// A file that cannot be read or is no ONNX model; data in another file that is not in the model's folder; a node with an operator,
/// attribute or operator set that is not supported, by name; whatever goes wrong on the device.
///
/// ```
/// use models::{Linear, Mode, Module, Params};
/// let params = Params::new(&autograd::Device::named("cpu")?, 0);
/// let net = Linear::new(&params, 4, 2);
/// let path = tempfile::tempdir()?.keep().join("net.onnx");
/// let x = autograd::Tensor::ones(params.device(), &[3, 4]);
/// onnx::export(&net, &x, &path)?;
/// let model = onnx::load(params.device(), &path)?;
/// assert_eq!(model.params().names(), ["bias", "weight"]);
/// assert_eq!(model.forward(&x, Mode::Eval).to_vec::<f32>()?, net.forward(&x).to_vec::<f32>()?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn load(device: &Device, path: impl AsRef<Path>) -> Result<OnnxModel> {
    let path = path.as_ref();
    let failed = |source| Error::Io { doing: "read", path: path.to_owned(), source };
    let format = |reason: String| Error::Format { path: path.to_owned(), reason };
    if std::fs::metadata(path).map_err(failed)?.len() >= MOST_BYTES {
        return Err(format("it is larger than 2 GiB".into()));
    }
    let bytes = std::fs::read(path).map_err(failed)?;
    let message = ModelProto::decode(&bytes[..]).map_err(|e| format(e.to_string()))?;
    let opset = message.opset_import.iter().find(|o| o.domain().is_empty()).map_or(0, |o| o.version());
    let mut graph = message.graph.ok_or_else(|| format("it has no graph".into()))?;
    check(&graph, opset, &format)?;
    let params = Params::undrawn(device);
    let statistics: HashSet<String> = (graph.node.iter().filter(|n| n.op_type() == "BatchNormalization"))
        .flat_map(|n| n.input.iter().skip(3).cloned())
        .collect();
    let (mut weights, mut constants) = (HashMap::new(), HashMap::new());
    for tensor in std::mem::take(&mut graph.initializer) {
        let name = tensor.name().to_owned();
        let bytes = outside(&tensor, path).map_err(|reason| format(format!("\"{name}\": {reason}")))?;
        let host = Host::read(&tensor, bytes.as_deref());
        let host = host.map_err(|reason| format(format!("\"{name}\": {reason}")))?;
        if weights.contains_key(&name) || constants.contains_key(&name) || name.is_empty() {
            return Err(format(format!("two tensors are called \"{name}\", or one has no name")));
        }
        if host.dtype == DType::F32 && !host.shape.is_empty() {
            let make = if statistics.contains(&name) { Params::buffer } else { Params::param };
            let param = make(&params, &name, &host.shape, Init::ZEROS);
            let values: Vec<f32> = host.values.iter().map(|&v| v as f32).collect();
            param.set(&Tensor::from_slice(device, &values, &host.shape)?);
            weights.insert(name, param);
        } else {
            constants.insert(name, host);
        }
    }
    let given = |name: &str| weights.contains_key(name) || constants.contains_key(name);
    let inputs: Vec<String> = graph.input.iter().map(|i| i.name().to_owned()).filter(|n| !given(n)).collect();
    let outputs = graph.output.iter().map(|o| o.name().to_owned()).collect();
    let mut known: HashSet<&str> = inputs.iter().map(String::as_str).collect();
    for node in &graph.node {
        if let Some(missing) =
            node.input.iter().find(|i| !i.is_empty() && !given(i) && !known.contains(i.as_str()))
        {
            return Err(format(format!(
                "node \"{}\" reads \"{missing}\", which nothing before it computes",
                called(node)
            )));
        }
        known.extend(node.output.iter().map(String::as_str));
    }
    if let Some(missing) = graph.output.iter().find(|o| !known.contains(o.name()) && !given(o.name())) {
        return Err(format(format!("nothing computes the output \"{}\"", missing.name())));
    }
    Ok(OnnxModel { opset, params, weights, constants, inputs, outputs, graph })
}

/// Refuses operators that are not supported.
fn check(graph: &GraphProto, opset: i64, format: &impl Fn(String) -> Error) -> Result<()> {
    if graph.output.is_empty() {
        return Err(format("its graph has no output".into()));
    }
    for node in &graph.node {
        let op = node.op_type();
        if !OPSETS.contains(&opset) {
            return Err(failed(
                node,
                opset,
                format!("operator sets {} to {} are supported", OPSETS.start(), OPSETS.end()),
            ));
        }
        let known = matches!(node.domain(), "" | "ai.onnx")
            && (maps::has(op)
                || shapes::NAMES.contains(&op)
                || recurrent::NAMES.contains(&op)
                || layers::has(op));
        if !known {
            return Err(failed(node, opset, "the operator is not supported".into()));
        }
    }
    Ok(())
}

fn called(node: &NodeProto) -> &str {
    if node.name().is_empty() { node.output.first().map_or("", String::as_str) } else { node.name() }
}

fn failed(node: &NodeProto, opset: i64, reason: String) -> Error {
    let domain = if node.domain().is_empty() { String::new() } else { format!("{}.", node.domain()) };
    // A damaged file may have names of any length.
    let short = |s: &str| s.chars().take(200).collect::<String>();
    let op = format!("{}{}", short(&domain), short(node.op_type()));
    Error::Node { node: short(called(node)), op, opset, reason }
}

/// The bytes of a tensor in another file, which must be in the model's folder.
fn outside(tensor: &TensorProto, model: &Path) -> Outcome<Option<Vec<u8>>> {
    use std::io::{Read, Seek, SeekFrom};
    if tensor.data_location() != tensor_proto::DataLocation::External {
        return Ok(None);
    }
    let entry = |key: &str| tensor.external_data.iter().find(|e| e.key() == key).map(|e| e.value());
    let location = Path::new(entry("location").ok_or("external data without a location")?);
    if !location.components().all(|c| matches!(c, Component::Normal(_))) {
        return Err(format!("external data in {}, outside of the model's folder", location.display()));
    }
    let path = model.parent().unwrap_or(Path::new("")).join(location);
    let cannot = |e: std::io::Error| format!("cannot read {}: {e}", path.display());
    let mut file = std::fs::File::open(&path).map_err(cannot)?;
    let size = file.metadata().map_err(cannot)?.len();
    let number = |key: &str, default: u64| entry(key).map_or(Some(default), |v| v.parse().ok());
    let offset = number("offset", 0).ok_or("an offset that is not a number")?;
    let length = number("length", size.saturating_sub(offset)).ok_or("a length that is not a number")?;
    if offset.checked_add(length).is_none_or(|end| end > size) {
        return Err(format!("external data beyond the end of {}", path.display()));
    }
    file.seek(SeekFrom::Start(offset)).map_err(cannot)?;
    let mut bytes = vec![0; length as usize];
    file.read_exact(&mut bytes).map_err(cannot)?;
    Ok(Some(bytes))
}

impl OnnxModel {
    /// The parameters and buffers, under their names in the file.
    pub fn params(&self) -> &Params {
        &self.params
    }

    /// The names of the inputs.
    pub fn inputs(&self) -> &[String] {
        &self.inputs
    }

    /// The names of the outputs.
    pub fn outputs(&self) -> &[String] {
        &self.outputs
    }

    /// Refuses an input of another type or shape than the file says.
    fn fits(&self, name: &str, tensor: &Tensor) -> Result<()> {
        use crate::proto::{tensor_shape_proto::dimension::Value::DimValue, type_proto::Value::TensorType};
        let declared = self.graph.input.iter().find(|i| i.name() == name).and_then(|i| i.r#type.as_ref());
        let Some(TensorType(declared)) = declared.and_then(|t| t.value.as_ref()) else { return Ok(()) };
        let wrong = |reason: String| Error::Input { reason: format!("\"{name}\" {reason}") };
        let dtype = value::dtype(declared.elem_type()).map_err(|reason| wrong(format!("has {reason}")))?;
        if dtype != tensor.dtype() {
            return Err(wrong(format!("is of type {}, the file declares {dtype}", tensor.dtype())));
        }
        let Some(shape) = &declared.shape else { return Ok(()) };
        let same = |(d, n): (&crate::proto::tensor_shape_proto::Dimension, &usize)| match d.value {
            Some(DimValue(want)) => want == *n as i64,
            _ => true,
        };
        let fits = shape.dim.len() == tensor.rank() && shape.dim.iter().zip(tensor.shape()).all(same);
        let wanted = || {
            shape.dim.iter().map(|d| match &d.value {
                Some(DimValue(n)) => n.to_string(),
                _ => "any".to_owned(),
            })
        };
        if fits {
            Ok(())
        } else {
            Err(wrong(format!(
                "has shape {:?}, the file declares [{}]",
                tensor.shape(),
                wanted().collect::<Vec<_>>().join(", ")
            )))
        }
    }

    /// The outputs for named inputs. Integers must be `i32`.
    ///
    /// # Errors
    /// Inputs of other names; a node with an attribute that is not supported, or whose inputs do not fit, by name.
    pub fn run(&self, inputs: &[(&str, &Tensor)]) -> Result<Vec<Tensor>> {
        let mut values: HashMap<&str, Value> = HashMap::new();
        for name in &self.inputs {
            let found = inputs.iter().find(|(given, _)| given == name);
            let (_, tensor) =
                found.ok_or_else(|| Error::Input { reason: format!("\"{name}\" is missing") })?;
            self.fits(name, tensor)?;
            values.insert(name, Value::Device((*tensor).clone()));
        }
        if let Some((name, _)) = inputs.iter().find(|(name, _)| !self.inputs.iter().any(|i| i == name)) {
            let reason = format!("there is none called \"{name}\", but {:?}", self.inputs);
            return Err(Error::Input { reason });
        }
        values.extend(self.constants.iter().map(|(name, host)| (name.as_str(), Value::Host(host.clone()))));
        values.extend(self.weights.iter().map(|(name, param)| (name.as_str(), Value::Device(param.value()))));
        let mut room = value::MOST_OF_ALL;
        for node in &self.graph.node {
            let inputs = node.input.iter().map(|name| values.get(name.as_str()).cloned()).collect();
            let context = Context { node, inputs, device: self.params.device(), opset: self.opset };
            let found = guarded(&context).and_then(|found| {
                let on_host = found.iter().map(|value| value.on_host()).sum();
                room = room.checked_sub(on_host).ok_or("the graph's constants are too large")?;
                Ok(found)
            });
            let found = found.map_err(|reason| failed(node, self.opset, reason))?;
            values.extend(node.output.iter().map(String::as_str).zip(found));
        }
        let missing =
            |name: &str| Error::Input { reason: format!("the output \"{name}\" is an optional one") };
        let output = |name: &String| match values.get(name.as_str()) {
            Some(Value::Device(tensor)) => Ok(tensor.clone()),
            Some(Value::Host(host)) => Ok(host.tensor(self.params.device())),
            None => Err(missing(name)),
        };
        self.outputs.iter().map(output).collect()
    }
}

/// [`compute`], with an error for a panic: operations panic when their operands do not fit, and a damaged file may get past the checks
/// before them.
fn guarded(c: &Context) -> Outcome<Vec<Value>> {
    catch_unwind(AssertUnwindSafe(|| compute(c))).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("its inputs do not fit");
        Err(text.chars().take(300).collect())
    })
}

fn compute(c: &Context) -> Outcome<Vec<Value>> {
    let op = c.node.op_type();
    if shapes::NAMES.contains(&op) {
        shapes::run(op, c)
    } else if recurrent::NAMES.contains(&op) {
        recurrent::run(op, c)
    } else if layers::has(op) {
        Ok(vec![layers::run(op, c)?])
    } else {
        Ok(vec![maps::run(op, c)?])
    }
}

impl Module for OnnxModel {
    /// # Panics
    /// When [`run`](OnnxModel::run) fails, with its message. The mode makes no difference: files are of networks in evaluation.
    #[track_caller]
    fn forward(&self, x: &Tensor, _: Mode) -> Tensor {
        let [input] = &self.inputs[..] else {
            panic!("onnx: {} inputs {:?}", self.inputs.len(), self.inputs)
        };
        match self.run(&[(input, x)]) {
            Ok(mut outputs) => outputs.remove(0),
            Err(error) => panic!("onnx: {error}"),
        }
    }
}
