//! Matrix products.

use autograd::{Tensor, einsum};

use super::call::{Answer, Call};

pub fn run(c: &Call) -> Option<Answer> {
    let a = &c.attrs;
    let turned = |t: &Tensor, key: &str| if a.flag(key) { t.transpose(-1, -2) } else { t.clone() };
    let y = match c.op {
        "matmul" => turned(c.at(0), "transpose_x").matmul(&turned(c.at(1), "transpose_other")),
        "bmm" => c.at(0).bmm(c.at(1)),
        "dot" => c.at(0).dot(c.at(1)),
        "outer" => c.at(0).outer(c.at(1)),
        "addmm" => {
            let (beta, alpha) = (a.float("beta").unwrap_or(1.0), a.float("alpha").unwrap_or(1.0));
            c.at(0).addmm(c.at(1), c.at(2), beta, alpha)
        }
        "einsum" => einsum(a.text("equation").expect("equation"), &c.tensors()),
        "linear" => c.at(0).linear(c.named("weight"), c.find("bias")),
        _ => return None,
    };
    Some(Ok(vec![y]))
}
