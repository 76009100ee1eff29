//! Writing a network as an ONNX file.

mod emitter;
mod fold;
mod maps;
mod names;
mod recurrent;

use std::collections::BTreeMap;
use std::path::Path;

use autograd::{Graph, Tensor, cat};
use gpu_core::write_atomically;
use models::{Mode, Module};
use prost::Message;

use emitter::{Emitter, bytes};
use names::{Dim, element, tensor, value};

use crate::proto::{
    GraphProto, ModelProto, OperatorSetIdProto, StringStringEntryProto, TensorProto, tensor_proto,
};
use crate::{Error, Result};

/// The version of the format, and of the operator set.
const VERSIONS: (i64, i64) = (10, 20);
/// Protobuf messages are smaller than 2 GiB; the rest is room for the nodes.
const MOST_INSIDE: usize = (1 << 31) - (1 << 24);
/// Where a tensor in an external file begins is a multiple of this.
const ALIGN: usize = 4096;

/// Writes a network to an ONNX file (opset 20): its operations in evaluation, recorded on an example, and its parameters under their
/// names. The input is called `input`, the output `output`. Returns what was written; [`Export`] has options.
///
/// # Errors
/// An operation that ONNX has no operators for, with the line that recorded it; a file that cannot be written; whatever goes wrong on
/// the device.
///
/// ```
/// use models::{Linear, Params};
/// let params = Params::new(&autograd::Device::named("cpu")?, 0);
/// let net = Linear::new(&params, 4, 2);
/// let directory = tempfile::tempdir()?;
/// let example = autograd::Tensor::ones(params.device(), &[3, 4]);
/// let exported = onnx::export(&net, &example, directory.path().join("net.onnx"))?;
/// assert_eq!((exported.parameters, exported.dynamic_batch), (2, true));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn export(net: &dyn Module, example: &Tensor, path: impl AsRef<Path>) -> Result<Exported> {
    Export::default().module(net, example, path)
}

/// Options of an export.
///
/// ```
/// use autograd::{Device, Tensor};
/// use onnx::Export;
/// let x = Tensor::ones(&Device::named("cpu")?, &[2, 3]);
/// let directory = tempfile::tempdir()?;
/// let product = |x: &[Tensor]| vec![&x[0] * &x[1]];
/// let path = directory.path().join("product.onnx");
/// let exported = Export::default().function(product, &[("a", &x), ("b", &x)], &["c"], path)?;
/// assert_eq!(exported.nodes, 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Export {
    fold: bool,
    external: bool,
    fixed: bool,
}

/// What was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exported {
    /// Number of ONNX nodes.
    pub nodes: usize,
    /// Number of named parameters and buffers.
    pub parameters: usize,
    /// Whether the first dimension of inputs is the symbolic size `batch`; otherwise the network computes with a number that depends on
    /// it in a way that has no formula, and the file is for the example's size.
    pub dynamic_batch: bool,
}

impl Export {
    /// Multiplies the normalisation of a batch norm into the weights of the convolution before it. Everything that depends on parameters
    /// alone becomes a constant.
    pub fn fold_batch_norm(self, fold: bool) -> Export {
        Export { fold, ..self }
    }

    /// Stores parameters in a file of their own beside the ONNX file, with `.data` appended to its name. Parameters of 2 GiB and more
    /// always are.
    pub fn external_data(self, external: bool) -> Export {
        Export { external, ..self }
    }

    /// Writes the example's sizes, without looking for a batch: for networks whose first dimension is none, such as those of graphs.
    pub fn fixed_shapes(self, fixed: bool) -> Export {
        Export { fixed, ..self }
    }

    /// As [`export`].
    ///
    /// # Errors
    /// As [`export`].
    pub fn module(self, net: &dyn Module, example: &Tensor, path: impl AsRef<Path>) -> Result<Exported> {
        let forward = |x: &[Tensor]| vec![net.forward(&x[0], Mode::Eval)];
        self.function(forward, &[("input", example)], &["output"], path)
    }

    /// Writes a function of named inputs with named outputs. All inputs whose first dimension is that of the first input are batches, and
    /// the function is called with a larger batch, too.
    ///
    /// # Errors
    /// As [`export`].
    pub fn function(
        self,
        f: impl Fn(&[Tensor]) -> Vec<Tensor>,
        inputs: &[(&str, &Tensor)],
        outputs: &[&str],
        path: impl AsRef<Path>,
    ) -> Result<Exported> {
        let examples: Vec<Tensor> = inputs.iter().map(|(_, t)| (*t).clone()).collect();
        let names: Vec<String> = inputs.iter().map(|(name, _)| name.to_string()).collect();
        let graph = record(&f, &examples, outputs)?;
        let batch = examples.first().and_then(|t| t.shape().first().copied());
        let larger = batch
            .filter(|&n| n > 0 && !self.fixed)
            .map(|n| (n, examples.iter().map(|t| extended(t, n)).collect()));
        let dynamic = larger.and_then(|(n, larger): (usize, Vec<Tensor>)| {
            let second = record(&f, &larger, outputs).ok()?;
            let dims = dims(&graph, &second, n)?;
            let all = [&graph, &second]
                .map(|g| Emitter::new(g, &dims, &names).ok().map(|e| (e.nodes, e.constants)));
            let [Some(first), Some(second)] = all else { return None };
            (first == second).then_some(dims)
        });
        let (dynamic_batch, dims) = match dynamic {
            Some(dims) => (true, dims),
            None => (false, dims_fixed(&graph)),
        };
        let emitter = Emitter::new(&graph, &dims, &names)?;
        let mut message = message(&graph, &dims, &emitter, &names, outputs)?;
        let mut parameters = parameters(&graph)?;
        if self.fold {
            let inner = message.graph.as_mut().expect("made above");
            fold::constants(inner, &graph, &emitter, &mut parameters)?;
            fold::batch_norms(inner, &mut parameters);
        }
        let count = parameters.len();
        let nodes = message.graph.as_ref().map_or(0, |g| g.node.len());
        write(path.as_ref(), message, parameters, self.external)?;
        Ok(Exported { nodes, parameters: count, dynamic_batch })
    }
}

/// The graph of a function; the outputs must be as many as their names.
fn record(f: &impl Fn(&[Tensor]) -> Vec<Tensor>, examples: &[Tensor], outputs: &[&str]) -> Result<Graph> {
    // Aliases: an example may be a parameter, or given twice.
    let inputs: Vec<Tensor> = examples.iter().map(Tensor::detach).collect();
    let results = f(&inputs);
    if results.len() != outputs.len() {
        let reason = format!("the function has {} outputs, {} names are given", results.len(), outputs.len());
        return Err(Error::Input { reason });
    }
    Ok(Graph::of(&results.iter().collect::<Vec<_>>(), &inputs.iter().collect::<Vec<_>>()))
}

/// The example with one more item, if its first dimension is `batch`.
fn extended(example: &Tensor, batch: usize) -> Tensor {
    if example.shape().first() != Some(&batch) {
        return example.clone();
    }
    cat(&[example, &example.narrow(0, 0, 1)], 0)
}

/// The dimensions of a graph recorded with batches of `n` and `n + 1`; `None` if some depend on the batch in another way than as a
/// multiple.
fn dims(graph: &Graph, larger: &Graph, n: usize) -> Option<Vec<Vec<Vec<Dim>>>> {
    let dim = |(&a, &b): (&usize, &usize)| match (a, b) {
        _ if a == b => Some(Dim::Fixed(a)),
        _ if b > a && b - a > 0 && a == (b - a) * n => Some(Dim::Batch(b - a)),
        _ => None,
    };
    let same = graph.nodes.len() == larger.nodes.len();
    let nodes = graph.nodes.iter().zip(&larger.nodes).filter(|_| same);
    let dims = nodes.map(|(a, b)| {
        let outputs = a.outputs.iter().zip(&b.outputs);
        outputs.map(|(a, b)| a.shape.iter().zip(&b.shape).map(dim).collect()).collect::<Option<Vec<_>>>()
    });
    dims.collect::<Option<Vec<_>>>().filter(|_| same)
}

fn dims_fixed(graph: &Graph) -> Vec<Vec<Vec<Dim>>> {
    let outputs = |node: &autograd::GraphNode| {
        node.outputs.iter().map(|o| o.shape.iter().map(|&n| Dim::Fixed(n)).collect()).collect()
    };
    graph.nodes.iter().map(outputs).collect()
}

/// The values of all named tensors.
fn parameters(graph: &Graph) -> Result<BTreeMap<String, TensorProto>> {
    let mut found = BTreeMap::new();
    for node in &graph.nodes {
        if let Some(name) = &node.name
            && !found.contains_key(&**name)
        {
            let meta = &node.outputs[0];
            found.insert(name.to_string(), tensor(name, &meta.shape, element(meta.dtype), bytes(node)?));
        }
    }
    Ok(found)
}

fn message(
    graph: &Graph,
    dims: &[Vec<Vec<Dim>>],
    emitter: &Emitter,
    inputs: &[String],
    outputs: &[&str],
) -> Result<ModelProto> {
    let mut inner = GraphProto { name: Some("wgrad".into()), ..Default::default() };
    inner.node = emitter.nodes.clone();
    inner.initializer = emitter.constants.clone();
    for (name, at) in inputs.iter().zip(&graph.inputs) {
        // An input that nothing depends on is not an input of the file.
        if let Some(at) = *at {
            inner.input.push(value(name, graph.nodes[at].outputs[0].dtype, &dims[at][0]));
        }
    }
    for (name, &(node, output)) in outputs.iter().zip(&graph.outputs) {
        let from = emitter.name((node, output))?;
        inner.node.push(names::node(
            "Identity",
            &format!("output_{name}"),
            &[&from],
            vec![name.to_string()],
            vec![],
        ));
        inner.output.push(value(name, graph.nodes[node].outputs[output].dtype, &dims[node][output]));
    }
    fold::identities(&mut inner);
    Ok(ModelProto {
        ir_version: Some(VERSIONS.0),
        opset_import: vec![OperatorSetIdProto { domain: Some(String::new()), version: Some(VERSIONS.1) }],
        producer_name: Some("wgrad".into()),
        producer_version: Some(env!("CARGO_PKG_VERSION").into()),
        graph: Some(inner),
        ..Default::default()
    })
}

fn write(
    path: &Path,
    mut message: ModelProto,
    parameters: BTreeMap<String, TensorProto>,
    external: bool,
) -> Result<()> {
    let failed = |source| Error::Io { doing: "write", path: path.to_owned(), source };
    let size: usize = parameters.values().map(|t| t.raw_data.as_ref().map_or(0, |d| d.len())).sum();
    let graph = message.graph.as_mut().expect("made by the export");
    let mut outside = vec![];
    for (_, mut tensor) in parameters {
        if external || size > MOST_INSIDE {
            let bytes = tensor.raw_data.take().unwrap_or_default();
            outside.resize(outside.len().next_multiple_of(ALIGN), 0u8);
            let file = path.file_name().unwrap_or_default().to_string_lossy();
            let facts = [
                ("location", format!("{file}.data")),
                ("offset", outside.len().to_string()),
                ("length", bytes.len().to_string()),
            ];
            let entry = |(key, value): (&str, String)| StringStringEntryProto {
                key: Some(key.into()),
                value: Some(value),
            };
            tensor.external_data = facts.into_iter().map(entry).collect();
            tensor.data_location = Some(tensor_proto::DataLocation::External.into());
            outside.extend_from_slice(&bytes);
        }
        graph.initializer.push(tensor);
    }
    if !outside.is_empty() {
        let mut name = path.as_os_str().to_owned();
        name.push(".data");
        write_atomically(Path::new(&name), &outside).map_err(failed)?;
    }
    write_atomically(path, &message.encode_to_vec()).map_err(failed)
}
