//! Parts of ONNX messages.

use autograd::DType;

use crate::proto::{
    AttributeProto, NodeProto, TensorProto, TensorShapeProto, TypeProto, ValueInfoProto, attribute_proto,
    tensor_proto, tensor_shape_proto, type_proto,
};

/// A dimension: a number, or a multiple of the batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dim {
    Fixed(usize),
    Batch(usize),
}

/// The value of an attribute.
pub enum Attribute<'a> {
    Int(i64),
    Ints(Vec<i64>),
    Float(f32),
    Text(&'a str),
    Texts(Vec<&'a str>),
}

pub fn node(
    op: &str,
    name: &str,
    inputs: &[&str],
    outputs: Vec<String>,
    attributes: Vec<(&str, Attribute)>,
) -> NodeProto {
    use attribute_proto::AttributeType;
    let attribute = |(name, value): (&str, Attribute)| {
        let mut a = AttributeProto { name: Some(name.into()), ..Default::default() };
        let kind = match value {
            Attribute::Int(i) => {
                a.i = Some(i);
                AttributeType::Int
            }
            Attribute::Ints(ints) => {
                a.ints = ints;
                AttributeType::Ints
            }
            Attribute::Float(f) => {
                a.f = Some(f);
                AttributeType::Float
            }
            Attribute::Text(s) => {
                a.s = Some(s.as_bytes().to_vec().into());
                AttributeType::String
            }
            Attribute::Texts(all) => {
                a.strings = all.iter().map(|s| s.as_bytes().to_vec().into()).collect();
                AttributeType::Strings
            }
        };
        a.r#type = Some(kind.into());
        a
    };
    NodeProto {
        input: inputs.iter().map(|s| s.to_string()).collect(),
        output: outputs,
        name: Some(name.into()),
        op_type: Some(op.into()),
        attribute: attributes.into_iter().map(attribute).collect(),
        ..Default::default()
    }
}

/// The ONNX type of elements.
pub fn element(dtype: DType) -> i32 {
    use tensor_proto::DataType;
    match dtype {
        DType::F32 => DataType::Float.into(),
        DType::I32 => DataType::Int32.into(),
        DType::U32 => DataType::Uint32.into(),
        DType::Bool => DataType::Bool.into(),
    }
}

pub fn tensor(name: &str, dims: &[usize], data_type: i32, bytes: Vec<u8>) -> TensorProto {
    TensorProto {
        name: Some(name.into()),
        dims: dims.iter().map(|&n| n as i64).collect(),
        data_type: Some(data_type),
        raw_data: Some(bytes.into()),
        ..Default::default()
    }
}

/// A 64-bit tensor of one dimension.
pub fn longs(name: &str, values: &[i64]) -> TensorProto {
    let bytes = values.iter().flat_map(|v| v.to_le_bytes()).collect();
    tensor(name, &[values.len()], tensor_proto::DataType::Int64.into(), bytes)
}

/// Name, type and shape of an input or output. A multiple of the batch other than 1 has a name of its own.
pub fn value(name: &str, dtype: DType, dims: &[Dim]) -> ValueInfoProto {
    use tensor_shape_proto::dimension::Value;
    let dim = |d: &Dim| tensor_shape_proto::Dimension {
        value: Some(match d {
            Dim::Fixed(n) => Value::DimValue(*n as i64),
            Dim::Batch(1) => Value::DimParam("batch".into()),
            Dim::Batch(k) => Value::DimParam(format!("batch_{k}")),
        }),
        ..Default::default()
    };
    let shape = TensorShapeProto { dim: dims.iter().map(dim).collect() };
    let tensor = type_proto::Tensor { elem_type: Some(element(dtype)), shape: Some(shape) };
    let r#type = TypeProto { value: Some(type_proto::Value::TensorType(tensor)), ..Default::default() };
    ValueInfoProto { name: Some(name.into()), r#type: Some(r#type), ..Default::default() }
}
