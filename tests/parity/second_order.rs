//! Derivatives of derivatives.

use autograd::{Reduction, Tensor, grad, stack, vjp};

use super::call::{Answer, Call};

pub fn run(c: &Call) -> Option<Answer> {
    let (what, net) = c.op.split_once('/')?;
    let x = || c.named("x").clone();
    let y = |x: &Tensor| forward(net, x, c);
    Some(
        match what {
            "double_backward" => y(&x()).map(|y| double_backward(c, y)),
            "hvp" => y(&x()).map(|y| hessian_vector(c, y)),
            "jacobian" | "hessian" => {
                if c.attrs.text("wrt") != Some("x") {
                    return Some(Err(c.without("another variable than x")));
                }
                let x = x().variable();
                y(&x).map(|y| {
                    if what == "jacobian" { vec![y.clone(), jacobian(&y, &x)] } else { vec![hessian(&y, &x)] }
                })
            }
            _ => return None,
        }
        .ok_or_else(|| c.without("another network")),
    )
}

fn forward(net: &str, x: &Tensor, c: &Call) -> Option<Tensor> {
    let layer = |x: &Tensor, i: usize| x.linear(c.named(&format!("w{i}")), Some(c.named(&format!("b{i}"))));
    let conv = |x: &Tensor, i: usize, stride, padding| {
        let (w, b) = (c.named(&format!("w{i}")), c.named(&format!("b{i}")));
        x.conv2d(w, Some(b), [stride; 2], [padding; 2], [1; 2], 1)
    };
    Some(match net {
        "mlp_tanh" => layer(&layer(x, 1).tanh(), 2).tanh(),
        "mlp_sigmoid" => layer(&layer(x, 1).sigmoid(), 2),
        "sigmoid2" => layer(&layer(x, 1).sigmoid(), 2).sigmoid(),
        "conv2d_relu" => conv(&conv(x, 1, 1, 1).relu(), 2, 2, 0),
        "layer_norm" => x.layer_norm(c.named("weight"), c.named("bias"), 1e-5),
        "softmax" => x.softmax(-1),
        _ => return None,
    })
}

/// The inputs with respect to which a case differentiates.
fn wrt<'a>(c: &'a Call) -> Vec<(&'a str, &'a Tensor)> {
    let names = c.attrs.get("wrt").and_then(|v| v.as_array()).expect("wrt");
    let names = names.iter().map(|n| n.as_str().expect("names"));
    names
        .map(|n| c.inputs.iter().find(|(name, _)| *name == n).map(|(n, t)| (*n, t)).expect("an input"))
        .collect()
}

/// A first derivative; zeros if there is none.
fn derivative(g: Option<Tensor>, x: &Tensor) -> Tensor {
    g.unwrap_or_else(|| x.zeros_like())
}

fn double_backward(c: &Call, y: Tensor) -> Vec<Tensor> {
    let s = (&y * c.named("u")).sum_all();
    let by: Vec<&Tensor> = wrt(c).into_iter().map(|(_, t)| t).collect();
    let firsts: Vec<Tensor> = grad(&s, &by).into_iter().zip(&by).map(|(g, x)| derivative(g, x)).collect();
    let penalty = firsts.iter().map(|g| g.square().sum_all()).reduce(|a, b| a + b).expect("a variable");
    [y].into_iter().chain(firsts).chain([penalty]).collect()
}

fn hessian_vector(c: &Call, y: Tensor) -> Vec<Tensor> {
    let variables = wrt(c);
    let loss = y.mse_loss(c.named("target"), Reduction::Mean);
    let by: Vec<&Tensor> = variables.iter().map(|(_, t)| *t).collect();
    let firsts: Vec<Tensor> = grad(&loss, &by).into_iter().zip(&by).map(|(g, x)| derivative(g, x)).collect();
    // The Hessian is symmetric: its product with a vector is the gradient of <gradient, vector>.
    let pairs: Vec<(&Tensor, &Tensor)> =
        firsts.iter().zip(&variables).map(|(g, (name, _))| (g, c.named(&format!("v_{name}")))).collect();
    let products: Vec<Tensor> =
        vjp(&pairs, &by).into_iter().zip(&by).map(|(g, x)| derivative(g, x)).collect();
    [loss].into_iter().chain(firsts).chain(products).collect()
}

/// The Jacobian `[outputs, inputs]` of a vector with respect to a vector.
fn jacobian(y: &Tensor, x: &Tensor) -> Tensor {
    let unit = |i: usize| {
        let values: Vec<f32> = (0..y.numel()).map(|j| f32::from(u8::from(i == j))).collect();
        Tensor::constant(y.device(), &values, y.shape())
    };
    let row = |i: usize| derivative(vjp(&[(y, &unit(i))], &[x]).remove(0), x);
    let rows: Vec<Tensor> = (0..y.numel()).map(row).collect();
    stack(&rows.iter().collect::<Vec<_>>(), 0)
}

fn hessian(y: &Tensor, x: &Tensor) -> Tensor {
    let first = derivative(grad(&y.square().sum_all(), &[x]).remove(0), x);
    jacobian(&first, x)
}
