//! Simplifications of the translated graph.

use std::collections::{BTreeMap, HashMap, HashSet};

use autograd::{DType, Graph};

use super::emitter::{Emitter, values};
use super::names::{element, tensor};
use crate::Result;
use crate::proto::{GraphProto, NodeProto, TensorProto};

/// Lets the node that computes an output have its name, if nothing else reads it.
pub fn identities(graph: &mut GraphProto) {
    let mut reads: HashMap<String, usize> = HashMap::new();
    for input in graph.node.iter().flat_map(|n| &n.input) {
        *reads.entry(input.clone()).or_default() += 1;
    }
    let outputs: HashSet<String> = graph.output.iter().filter_map(|o| o.name.clone()).collect();
    let mut renamed: HashMap<String, String> = HashMap::new();
    let made: HashSet<String> = graph.node.iter().flat_map(|n| n.output.clone()).collect();
    graph.node.retain(|n| {
        let direct = n.op_type() == "Identity"
            && outputs.contains(&n.output[0])
            && reads[&n.input[0]] == 1
            && made.contains(&n.input[0]);
        if direct {
            renamed.insert(n.input[0].clone(), n.output[0].clone());
        }
        !direct
    });
    for output in graph.node.iter_mut().flat_map(|n| &mut n.output) {
        if let Some(name) = renamed.get(output) {
            output.clone_from(name);
        }
    }
}

/// Replaces everything that depends on parameters alone by its values.
pub fn constants(
    graph: &mut GraphProto,
    recorded: &Graph,
    emitter: &Emitter,
    parameters: &mut BTreeMap<String, TensorProto>,
) -> Result<()> {
    let mut known: HashSet<String> =
        parameters.keys().cloned().chain(graph.initializer.iter().filter_map(|t| t.name.clone())).collect();
    let mut computed = HashSet::new();
    for node in &graph.node {
        if node.input.iter().all(|i| known.contains(i)) && node.output.len() == 1 {
            known.insert(node.output[0].clone());
            computed.insert(node.output[0].clone());
        }
    }
    let wanted: HashSet<String> = (graph.node.iter().filter(|n| !computed.contains(&n.output[0])))
        .flat_map(|n| n.input.iter().filter(|i| computed.contains(*i)).cloned())
        .collect();
    let mut found: HashMap<String, TensorProto> = HashMap::new();
    for (i, node) in recorded.nodes.iter().enumerate() {
        let Ok(name) = emitter.name((i, 0)) else { continue };
        if wanted.contains(&name) && node.outputs[0].dtype == DType::F32 && !found.contains_key(&name) {
            let (shape, values) = (&node.outputs[0].shape, values(node)?);
            found.insert(name.clone(), floats(&name, shape, &values));
        }
    }
    // What has no counterpart in the recorded graph stays computed.
    graph.node.retain(|n| !found.contains_key(&n.output[0]));
    parameters.extend(found);
    remove_unread(graph, parameters);
    Ok(())
}

/// Multiplies factors of channels after a convolution into its weights, and adds terms of channels to its bias.
pub fn batch_norms(graph: &mut GraphProto, parameters: &mut BTreeMap<String, TensorProto>) {
    let mut at = 0;
    while at < graph.node.len() {
        if graph.node[at].op_type() == "Conv" {
            while fold_next(graph, at, parameters) {}
        }
        at += 1;
    }
    remove_unread(graph, parameters);
}

/// Folds the only reader of the convolution `at` into it, if that is a factor or term of channels.
fn fold_next(graph: &mut GraphProto, at: usize, parameters: &mut BTreeMap<String, TensorProto>) -> bool {
    let conv = graph.node[at].clone();
    let result = &conv.output[0];
    let readers: Vec<usize> =
        (0..graph.node.len()).filter(|&n| graph.node[n].input.contains(result)).collect();
    let &[reader] = &readers[..] else { return false };
    let next = graph.node[reader].clone();
    let factor = match next.op_type() {
        "Mul" => true,
        "Add" => false,
        _ => return false,
    };
    let Some(other) = next.input.iter().find(|i| *i != result) else { return false };
    let weights = graph.node.iter().filter(|n| n.input.contains(&conv.input[1])).count();
    let (Some(weight), Some(term)) = (parameters.get(&conv.input[1]), parameters.get(other)) else {
        return false;
    };
    let channels = weight.dims[0];
    let per_channel = match &term.dims[..] {
        [c, rest @ ..] => {
            *c == channels && rest.len() + 2 == weight.dims.len() && rest.iter().all(|&n| n == 1)
        }
        [] => false,
    };
    if !per_channel || weights != 1 || result == next.output[0].as_str() {
        return false;
    }
    let (shape, term) = (weight.dims.clone(), read(term));
    let mut weight = read(weight);
    let old = conv.input.get(2).and_then(|b| parameters.get(b)).map(read);
    let mut bias = old.unwrap_or_else(|| vec![0.0; channels as usize]);
    let each = weight.len() / bias.len().max(1);
    if factor {
        weight.iter_mut().enumerate().for_each(|(i, w)| *w *= term[i / each]);
        bias.iter_mut().zip(&term).for_each(|(b, t)| *b *= t);
    } else {
        bias.iter_mut().zip(&term).for_each(|(b, t)| *b += t);
    }
    let name = conv.input[1].clone();
    let bias_name = match name.strip_suffix("weight") {
        Some(stem) => format!("{stem}bias"),
        None => format!("{name}.bias"),
    };
    let dims: Vec<usize> = shape.iter().map(|&n| n as usize).collect();
    parameters.insert(name.clone(), floats(&name, &dims, &weight));
    parameters.insert(bias_name.clone(), floats(&bias_name, &[bias.len()], &bias));
    let merged: &mut NodeProto = &mut graph.node[at];
    merged.input = vec![conv.input[0].clone(), name, bias_name];
    merged.output.clone_from(&next.output);
    graph.node.remove(reader);
    true
}

/// Removes nodes and constants that nothing reads.
fn remove_unread(graph: &mut GraphProto, parameters: &mut BTreeMap<String, TensorProto>) {
    let mut read: HashSet<String> = graph.output.iter().filter_map(|o| o.name.clone()).collect();
    let mut kept = vec![];
    for node in std::mem::take(&mut graph.node).into_iter().rev() {
        if node.output.iter().any(|o| read.contains(o)) {
            read.extend(node.input.iter().cloned());
            kept.push(node);
        }
    }
    kept.reverse();
    graph.node = kept;
    graph.initializer.retain(|t| read.contains(t.name()));
    parameters.retain(|name, _| read.contains(name));
}

fn floats(name: &str, shape: &[usize], values: &[f32]) -> TensorProto {
    tensor(name, shape, element(DType::F32), bytemuck::cast_slice(values).to_vec())
}

/// The values of a tensor that [`floats`] or a parameter has made.
fn read(tensor: &TensorProto) -> Vec<f32> {
    let bytes = tensor.raw_data.as_deref().unwrap_or_default();
    bytes.as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect()
}
