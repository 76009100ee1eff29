//! Element-wise functions as ONNX operators.

use autograd::DType;
use gpu_core::Half;
use gpu_core::kernels::{Binary, Unary};

use super::emitter::{Emitter, tanh};
use super::names::{Attribute::Int, element};
use crate::proto::tensor_proto::DataType;

/// Appends a function of one tensor; `None` if ONNX has nothing for it.
pub fn unary(e: &mut Emitter, f: Unary, x: &str) -> Option<String> {
    let cast = |e: &mut Emitter, x: &str, to: i32| e.op("Cast", &[x], vec![("to", Int(to.into()))]);
    let op = match f {
        Unary::Neg => "Neg",
        Unary::Abs => "Abs",
        Unary::Sign => "Sign",
        Unary::Recip => "Reciprocal",
        Unary::Sqrt => "Sqrt",
        Unary::Exp => "Exp",
        Unary::Log => "Log",
        Unary::Sin => "Sin",
        Unary::Cos => "Cos",
        Unary::Tan => "Tan",
        Unary::Asin => "Asin",
        Unary::Acos => "Acos",
        Unary::Atan => "Atan",
        Unary::Sinh => "Sinh",
        Unary::Cosh => "Cosh",
        Unary::Asinh => "Asinh",
        Unary::Acosh => "Acosh",
        Unary::Atanh => "Atanh",
        Unary::Tanh => "Tanh",
        Unary::Erf => "Erf",
        Unary::Sigmoid => "Sigmoid",
        Unary::Relu => "Relu",
        Unary::Floor => "Floor",
        Unary::Ceil => "Ceil",
        Unary::Round => "Round",
        Unary::IsNan => "IsNaN",
        Unary::IsInf => "IsInf",
        Unary::Not => "Not",
        Unary::GeluTanh => return Some(e.op("Gelu", &[x], tanh())),
        Unary::Cast(dtype) => return Some(cast(e, x, element(dtype))),
        Unary::AsHalf(half) => {
            let to = if half == Half::F16 { DataType::Float16 } else { DataType::Bfloat16 };
            let rounded = cast(e, x, to.into());
            return Some(cast(e, &rounded, element(DType::F32)));
        }
        Unary::Rsqrt => {
            let root = e.op("Sqrt", &[x], vec![]);
            return Some(e.op("Reciprocal", &[&root], vec![]));
        }
        Unary::Expm1 | Unary::Log1p | Unary::Erfc => {
            let one = e.number(1.0);
            return Some(match f {
                Unary::Expm1 => {
                    let y = e.op("Exp", &[x], vec![]);
                    e.op("Sub", &[&y, &one], vec![])
                }
                Unary::Log1p => {
                    let y = e.op("Add", &[x, &one], vec![]);
                    e.op("Log", &[&y], vec![])
                }
                _ => {
                    let y = e.op("Erf", &[x], vec![]);
                    e.op("Sub", &[&one, &y], vec![])
                }
            });
        }
        Unary::Trunc => {
            let (sign, size) = (e.op("Sign", &[x], vec![]), e.op("Abs", &[x], vec![]));
            let whole = e.op("Floor", &[&size], vec![]);
            return Some(e.op("Mul", &[&sign, &whole], vec![]));
        }
        _ => return None,
    };
    Some(e.op(op, &[x], vec![]))
}

/// Appends a function of two tensors of type `dtype`; `None` if ONNX has nothing for it.
pub fn binary(e: &mut Emitter, f: Binary, inputs: [&str; 2], dtype: DType) -> Option<String> {
    let bits = dtype != DType::Bool;
    let op = match f {
        Binary::Add => "Add",
        Binary::Sub => "Sub",
        Binary::Mul => "Mul",
        Binary::Div => "Div",
        Binary::Pow => "Pow",
        Binary::Max if bits => "Max",
        Binary::Min if bits => "Min",
        Binary::Max => "Or",
        Binary::Min => "And",
        Binary::Eq => "Equal",
        Binary::Lt => "Less",
        Binary::Le => "LessOrEqual",
        Binary::Gt => "Greater",
        Binary::Ge => "GreaterOrEqual",
        Binary::And => ["And", "BitwiseAnd"][usize::from(bits)],
        Binary::Or => ["Or", "BitwiseOr"][usize::from(bits)],
        Binary::Xor => ["Xor", "BitwiseXor"][usize::from(bits)],
        Binary::Fmod => return Some(e.op("Mod", &inputs, vec![("fmod", Int(1))])),
        Binary::Ne => {
            let equal = e.op("Equal", &inputs, vec![]);
            return Some(e.op("Not", &[&equal], vec![]));
        }
        Binary::Atan2 => return None,
    };
    Some(e.op(op, &inputs, vec![]))
}
