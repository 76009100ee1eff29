//! The translation of a recorded graph to ONNX nodes.

use autograd::{Graph, GraphNode, Meta, Operation};
use gpu_core::kernels::{AttentionWindow, Conv2dShape, Pool2dShape, ReduceOp};

use super::maps::{binary, unary};
use super::names::{Attribute, Dim, element, longs, node, tensor};
use super::recurrent;
use crate::proto::{NodeProto, TensorProto};
use crate::{Error, Result};
use Attribute::{Float, Int, Ints, Text};

/// The nodes and small constants made so far.
pub struct Emitter<'a> {
    pub graph: &'a Graph,
    /// The dimensions of every output of every node.
    pub dims: &'a [Vec<Vec<Dim>>],
    pub nodes: Vec<NodeProto>,
    pub constants: Vec<TensorProto>,
    /// The ONNX name of every output of every node; empty for outputs that ONNX cannot give.
    names: Vec<Vec<String>>,
    /// The first input with the batch as its first dimension.
    batch: Option<String>,
    count: usize,
}

impl<'a> Emitter<'a> {
    /// The translation of all nodes; `inputs` are the names of the graph's inputs.
    pub fn new(graph: &'a Graph, dims: &'a [Vec<Vec<Dim>>], inputs: &[String]) -> Result<Emitter<'a>> {
        let batched = |at: &Option<usize>| at.is_some_and(|i| dims[i][0].first() == Some(&Dim::Batch(1)));
        let batch = graph.inputs.iter().position(batched).map(|k| inputs[k].clone());
        let mut emitter =
            Emitter { graph, dims, nodes: vec![], constants: vec![], names: vec![], batch, count: 0 };
        for (i, node) in graph.nodes.iter().enumerate() {
            let names = match graph.inputs.iter().position(|&at| at == Some(i)) {
                Some(k) => vec![inputs[k].clone()],
                None => emitter.node(i, node)?,
            };
            emitter.names.push(names);
        }
        Ok(emitter)
    }

    /// The name of an output of a node.
    pub fn name(&self, (node, output): (usize, usize)) -> Result<String> {
        let found = self.names[node].get(output).filter(|name| !name.is_empty());
        let reason = || format!("ONNX has nothing for its output {output}");
        found.cloned().ok_or_else(|| failed(&self.graph.nodes[node], reason()))
    }

    /// Appends an ONNX node with one output, and returns the output's name.
    pub fn op(&mut self, op: &str, inputs: &[&str], attributes: Vec<(&str, Attribute)>) -> String {
        self.ops(op, inputs, 1, attributes).remove(0)
    }

    pub fn ops(
        &mut self,
        op: &str,
        inputs: &[&str],
        outputs: usize,
        attributes: Vec<(&str, Attribute)>,
    ) -> Vec<String> {
        let name = format!("{op}_{}", self.count);
        self.count += 1;
        let outputs: Vec<String> =
            (0..outputs).map(|o| if o == 0 { name.clone() } else { format!("{name}_{o}") }).collect();
        self.nodes.push(node(op, &name, inputs, outputs.clone(), attributes));
        outputs
    }

    fn constant(&mut self, of: impl FnOnce(&str) -> TensorProto) -> String {
        let name = format!("constant_{}", self.constants.len());
        self.constants.push(of(&name));
        name
    }

    pub fn longs(&mut self, values: &[i64]) -> String {
        self.constant(|name| longs(name, values))
    }

    pub fn number(&mut self, value: f32) -> String {
        let kind = element(autograd::DType::F32);
        self.constant(|name| tensor(name, &[], kind, value.to_le_bytes().to_vec()))
    }

    pub fn zeros(&mut self, count: usize) -> String {
        let kind = element(autograd::DType::F32);
        self.constant(|name| tensor(name, &[count], kind, vec![0; 4 * count]))
    }

    pub fn reshape(&mut self, x: &str, shape: &[i64]) -> String {
        let shape = self.longs(shape);
        self.op("Reshape", &[x, &shape], vec![])
    }

    /// A shape with multiples of the batch, as a tensor.
    fn shape(&mut self, dims: &[Dim]) -> String {
        if dims.iter().all(|d| matches!(d, Dim::Fixed(_))) {
            return self.longs(&fixed(dims));
        }
        let input = self.batch.clone().unwrap_or_default();
        let batch = self.op("Shape", &[&input], vec![("start", Int(0)), ("end", Int(1))]);
        let mut parts = vec![];
        for d in dims {
            parts.push(match d {
                Dim::Fixed(n) => self.longs(&[*n as i64]),
                Dim::Batch(1) => batch.clone(),
                Dim::Batch(k) => {
                    let k = self.longs(&[*k as i64]);
                    self.op("Mul", &[&batch, &k], vec![])
                }
            });
        }
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        self.op("Concat", &parts, vec![("axis", Int(0))])
    }

    fn leaf(&mut self, node: &GraphNode) -> Result<String> {
        if let Some(name) = &node.name {
            return Ok(name.to_string());
        }
        let bytes = bytes(node)?;
        let Meta { shape, dtype } = &node.outputs[0];
        Ok(self.constant(|name| tensor(name, shape, element(*dtype), bytes)))
    }

    /// The names of a node's outputs.
    fn node(&mut self, at: usize, node: &GraphNode) -> Result<Vec<String>> {
        let inputs = node.inputs.iter().map(|&i| self.name(i)).collect::<Result<Vec<_>>>()?;
        let all: Vec<&str> = inputs.iter().map(String::as_str).collect();
        let from = |i: usize| &self.dims[node.inputs[i].0][node.inputs[i].1];
        let to = &self.dims[at][0];
        let dtype = |i: usize| self.graph.nodes[node.inputs[i].0].outputs[node.inputs[i].1].dtype;
        let name = match &node.operation {
            Operation::Leaf => self.leaf(node)?,
            Operation::Alias => inputs[0].clone(),
            Operation::Reshape => {
                let batched = to.iter().filter(|d| matches!(d, Dim::Batch(_))).count();
                if batched == 1 && !to.contains(&Dim::Fixed(0)) {
                    self.reshape(all[0], &fixed(to))
                } else {
                    let shape = self.shape(to);
                    self.op("Reshape", &[all[0], &shape], vec![("allowzero", Int(1))])
                }
            }
            Operation::Permute(order) => self.op("Transpose", &all, vec![("perm", ints(order))]),
            Operation::Expand => {
                let (mut wanted, from) = (to.clone(), from(0));
                let front = to.len() - from.len();
                for (want, have) in wanted[front..].iter_mut().zip(from) {
                    if want == have {
                        *want = Dim::Fixed(1);
                    }
                }
                let shape = self.shape(&wanted);
                self.op("Expand", &[all[0], &shape], vec![])
            }
            &Operation::Slice { dim, start, len, step } => {
                let end = start as i64 + len as i64 * step as i64;
                let end = if end < 0 { i64::MIN + 1 } else { end };
                let numbers = [start as i64, end, dim as i64, step as i64].map(|n| self.longs(&[n]));
                let [start, end, dim, step] = &numbers;
                self.op("Slice", &[all[0], start, end, dim, step], vec![])
            }
            Operation::Unary(f) => unary(self, *f, all[0]).ok_or_else(|| failed(node, NOTHING))?,
            Operation::Binary(f) => {
                let dtype = dtype(0);
                binary(self, *f, [all[0], all[1]], dtype).ok_or_else(|| failed(node, NOTHING))?
            }
            Operation::Select => self.op("Where", &all, vec![]),
            Operation::Reduce(f, dims) => self.reduce(*f, dims, all[0], node)?,
            Operation::MatMul => self.op("MatMul", &all, vec![]),
            Operation::Conv2d(shape) => {
                let pads = [shape.padding, shape.padding].concat();
                let mut attributes = windows(shape);
                attributes.push(("pads", ints(&pads)));
                self.op("Conv", &all, attributes)
            }
            Operation::ConvTranspose2d(shape) => {
                let out = shape.output();
                let rest = [0, 1].map(|d| {
                    let reach =
                        (out[d] - 1) * shape.stride[d] + shape.dilation[d] * (shape.kernel[d] - 1) + 1;
                    shape.input[d] + 2 * shape.padding[d] - reach
                });
                let mut attributes = windows(shape);
                attributes.push(("pads", ints(&[shape.padding, shape.padding].concat())));
                attributes.push(("output_padding", ints(&rest)));
                self.op("ConvTranspose", &all, attributes)
            }
            Operation::MaxPool2d(shape) => {
                let mut attributes = pool(shape);
                attributes.push(("dilations", ints(&shape.dilation)));
                self.op("MaxPool", &all, attributes)
            }
            Operation::AvgPool2d { shape, count_include_pad, divisor } => {
                let mut attributes = pool(shape);
                attributes.push(("count_include_pad", Int((*count_include_pad || divisor.is_some()).into())));
                let mean = self.op("AveragePool", &all, attributes);
                match divisor {
                    None => mean,
                    Some(n) => {
                        let size = shape.kernel[0] * shape.kernel[1];
                        let factor = self.number(size as f32 / *n as f32);
                        self.op("Mul", &[&mean, &factor], vec![])
                    }
                }
            }
            &Operation::BatchNorm { eps } => self.batch_norm(eps, &all, to.len()),
            &Operation::LayerNorm { eps } => {
                self.op("LayerNormalization", &all, vec![("axis", Int(-1)), ("epsilon", Float(eps))])
            }
            Operation::Softmax { log } => {
                self.op(if *log { "LogSoftmax" } else { "Softmax" }, &all, vec![("axis", Int(-1))])
            }
            &Operation::Attention { window, scale } => {
                let (q, k) = (from(0).clone(), from(1).clone());
                let mask = (all.len() > 3).then(|| dtype(3));
                self.attention(&all, [&q, &k], window, scale, mask)
            }
            Operation::Gather => {
                let (index, out) = (from(1).clone(), to.clone());
                if index[0] == Dim::Fixed(1) && index[2] == Dim::Fixed(1) {
                    let flat = self.reshape(all[1], &[-1]);
                    self.op("Gather", &[all[0], &flat], vec![("axis", Int(1))])
                } else {
                    let shape = self.shape(&out);
                    let wide = self.op("Expand", &[all[1], &shape], vec![]);
                    self.op("GatherElements", &[all[0], &wide], vec![("axis", Int(1))])
                }
            }
            Operation::ScatterAdd => {
                let (source, out) = (from(0).clone(), to.clone());
                let (source, out) = (self.shape(&source), self.shape(&out));
                let index = self.op("Expand", &[all[1], &source], vec![]);
                let zero = self.number(0.0);
                let zeros = self.op("Expand", &[&zero, &out], vec![]);
                let sum = vec![("axis", Int(1)), ("reduction", Text("add"))];
                self.op("ScatterElements", &[&zeros, &index, all[0]], sum)
            }
            Operation::Concat { dim } => self.op("Concat", &all, vec![("axis", Int(*dim as i64))]),
            Operation::Embed(at) => {
                let (from, to) = (from(0).clone(), to.clone());
                self.embed(at, all[0], &from, &to).ok_or_else(|| failed(node, NOTHING))?
            }
            Operation::Cumsum { dim, reverse } => {
                let dim = self.longs(&[*dim as i64]);
                let dim = self.reshape(&dim, &[]);
                self.op("CumSum", &[all[0], &dim], vec![("reverse", Int((*reverse).into()))])
            }
            Operation::Rnn { relu } => {
                let activation =
                    vec![("activations", Attribute::Texts(vec![if *relu { "Relu" } else { "Tanh" }]))];
                recurrent::cell(self, "RNN", &all, &[0], hidden(from(2)), activation)
            }
            Operation::Gru => recurrent::cell(
                self,
                "GRU",
                &all,
                &[1, 0, 2],
                hidden(from(2)),
                vec![("linear_before_reset", Int(1))],
            ),
            Operation::Lstm => recurrent::cell(self, "LSTM", &all, &[0, 3, 1, 2], hidden(from(2)), vec![]),
            _ => return Err(failed(node, NOTHING)),
        };
        Ok(vec![name])
    }

    fn reduce(&mut self, f: ReduceOp, dims: &[usize], x: &str, node: &GraphNode) -> Result<String> {
        let keep = ("keepdims", Int(0));
        let op = match f {
            ReduceOp::Sum => "ReduceSum",
            ReduceOp::Prod => "ReduceProd",
            ReduceOp::Max => "ReduceMax",
            ReduceOp::Min => "ReduceMin",
            ReduceOp::ArgMax | ReduceOp::ArgMin => {
                let [dim] = dims else {
                    return Err(failed(node, "over several dimensions at once; reshape before".to_owned()));
                };
                let op = if f == ReduceOp::ArgMax { "ArgMax" } else { "ArgMin" };
                let at = self.op(op, &[x], vec![("axis", Int(*dim as i64)), keep]);
                return Ok(self.op("Cast", &[&at], vec![("to", Int(element(autograd::DType::I32).into()))]));
            }
        };
        let axes = self.longs(&dims.iter().map(|&d| d as i64).collect::<Vec<_>>());
        Ok(self.op(op, &[x, &axes], vec![keep, ("noop_with_empty_axes", Int(1))]))
    }

    /// Batch norm by the statistics of the batch itself.
    fn batch_norm(&mut self, eps: f32, inputs: &[&str], rank: usize) -> String {
        let axes = self.longs(&(0..rank as i64).filter(|&d| d != 1).collect::<Vec<_>>());
        let mean = self.op("ReduceMean", &[inputs[0], &axes], vec![]);
        let centred = self.op("Sub", &[inputs[0], &mean], vec![]);
        let square = self.op("Mul", &[&centred, &centred], vec![]);
        let var = self.op("ReduceMean", &[&square, &axes], vec![]);
        let eps = self.number(eps);
        let var = self.op("Add", &[&var, &eps], vec![]);
        let deviation = self.op("Sqrt", &[&var], vec![]);
        let y = self.op("Div", &[&centred, &deviation], vec![]);
        let shape = [vec![-1], vec![1; rank - 2]].concat();
        let [weight, bias] = [inputs[1], inputs[2]].map(|t| self.reshape(t, &shape));
        let y = self.op("Mul", &[&y, &weight], vec![]);
        self.op("Add", &[&y, &bias], vec![])
    }

    fn attention(
        &mut self,
        inputs: &[&str],
        [q, k]: [&[Dim]; 2],
        window: AttentionWindow,
        scale: f32,
        mask: Option<autograd::DType>,
    ) -> String {
        let rank = q.len();
        let mut swapped: Vec<usize> = (0..rank).collect();
        swapped.swap(rank - 2, rank - 1);
        let k_t = self.op("Transpose", &[inputs[1]], vec![("perm", ints(&swapped))]);
        let scores = self.op("MatMul", &[inputs[0], &k_t], vec![]);
        let scale = self.number(scale);
        let mut scores = self.op("Mul", &[&scores, &scale], vec![]);
        let mut seen: Option<String> = None;
        if let Some(dtype) = mask {
            let mut allowed = inputs[3].to_owned();
            if dtype.is_float() {
                let lowest = self.number(f32::MIN);
                allowed = self.op("GreaterOrEqual", &[inputs[3], &lowest], vec![]);
                let finite = self.op("Max", &[inputs[3], &lowest], vec![]);
                scores = self.op("Add", &[&scores, &finite], vec![]);
            }
            seen = Some(allowed);
        }
        let bounded = window != AttentionWindow::ALL;
        if let (true, [.., Dim::Fixed(rows), _], [.., Dim::Fixed(cols), _]) = (bounded, q, k) {
            let inside = |t: usize, s: usize| window.keys(t..t + 1, *cols).contains(&s);
            let inside: Vec<u8> = (0..rows * cols).map(|i| inside(i / cols, i % cols).into()).collect();
            let kind = element(autograd::DType::Bool);
            let inside = self.constant(|name| tensor(name, &[*rows, *cols], kind, inside));
            seen = Some(match seen {
                Some(seen) => self.op("And", &[&seen, &inside], vec![]),
                None => inside,
            });
        }
        let last = vec![("axis", Int(-1))];
        let weights = match seen {
            None => self.op("Softmax", &[&scores], last),
            Some(seen) => {
                // A query without any key gives 0.
                let lowest = self.number(-1e30);
                let scores = self.op("Where", &[&seen, &scores, &lowest], vec![]);
                let weights = self.op("Softmax", &[&scores], last);
                let seen = self.op("Cast", &[&seen], vec![("to", Int(element(autograd::DType::F32).into()))]);
                self.op("Mul", &[&weights, &seen], vec![])
            }
        };
        let y = self.op("MatMul", &[&weights, inputs[2]], vec![]);
        if rank < 4 {
            return y;
        }
        let mut order: Vec<usize> = (0..rank).collect();
        order.swap(rank - 3, rank - 2);
        self.op("Transpose", &[&y], vec![("perm", ints(&order))])
    }

    /// Zeros around a tensor; `None` for zeros between its elements.
    fn embed(&mut self, at: &[(usize, isize)], x: &str, from: &[Dim], to: &[Dim]) -> Option<String> {
        let (mut before, mut after) = (vec![], vec![]);
        for ((&(start, step), from), to) in at.iter().zip(from).zip(to) {
            let end = match (from, to) {
                _ if from == to && start == 0 => 0,
                (Dim::Fixed(n), Dim::Fixed(m)) if step == 1 || *n == 1 => m.checked_sub(start + n)?,
                _ => return None,
            };
            before.push(start as i64);
            after.push(end as i64);
        }
        let pads = self.longs(&[before, after].concat());
        Some(self.op("Pad", &[x, &pads], vec![]))
    }
}

const NOTHING: &str = "no ONNX operators for it";

fn failed(node: &GraphNode, reason: impl Into<String>) -> Error {
    let op = match &node.operation {
        Operation::Other(name) => name.clone(),
        operation => format!("{operation:?}"),
    };
    Error::Export { op, location: node.location.to_string(), reason: reason.into() }
}

/// The values of a leaf, as ONNX stores them.
pub fn bytes(node: &GraphNode) -> Result<Vec<u8>> {
    use autograd::DType;
    let tensor = node.tensor().detach();
    Ok(match node.outputs[0].dtype {
        DType::F32 => bytemuck::cast_slice(&tensor.to_vec::<f32>()?).to_vec(),
        DType::I32 => bytemuck::cast_slice(&tensor.to_vec::<i32>()?).to_vec(),
        DType::U32 => bytemuck::cast_slice(&tensor.to_vec::<u32>()?).to_vec(),
        DType::Bool => tensor.to(DType::I32).to_vec::<i32>()?.iter().map(|&b| (b != 0).into()).collect(),
    })
}

/// The size of a state, from the weight `[G H, H]`.
fn hidden(weight: &[Dim]) -> usize {
    match weight.last() {
        Some(Dim::Fixed(n)) => *n,
        _ => 0,
    }
}

fn ints(values: &[usize]) -> Attribute<'static> {
    Ints(values.iter().map(|&n| n as i64).collect())
}

/// The sizes, with -1 for a multiple of the batch.
fn fixed(dims: &[Dim]) -> Vec<i64> {
    let size = |d: &Dim| match d {
        Dim::Fixed(n) => *n as i64,
        Dim::Batch(_) => -1,
    };
    dims.iter().map(size).collect()
}

fn windows(shape: &Conv2dShape) -> Vec<(&'static str, Attribute<'static>)> {
    vec![
        ("kernel_shape", ints(&shape.kernel)),
        ("strides", ints(&shape.stride)),
        ("dilations", ints(&shape.dilation)),
        ("group", Int(shape.groups as i64)),
    ]
}

fn pool(shape: &Pool2dShape) -> Vec<(&'static str, Attribute<'static>)> {
    let reach = |d: usize| shape.dilation[d] * (shape.kernel[d] - 1) + 1;
    let floor = |d: usize| (shape.input[d] + 2 * shape.padding[d] - reach(d)) / shape.stride[d] + 1;
    let ceil = (0..2).any(|d| shape.output[d] > floor(d));
    vec![
        ("kernel_shape", ints(&shape.kernel)),
        ("strides", ints(&shape.stride)),
        ("pads", ints(&[shape.padding, shape.padding].concat())),
        ("ceil_mode", Int(ceil.into())),
    ]
}

/// The attribute of GELU's approximation.
pub fn tanh() -> Vec<(&'static str, Attribute<'static>)> {
    vec![("approximate", Text("tanh"))]
}

/// The f32 values of a node.
pub fn values(node: &GraphNode) -> Result<Vec<f32>> {
    Ok(node.tensor().detach().to_vec::<f32>()?)
}
