//! Normalisation of groups, by neighbours, and of weights.

use super::call::{Answer, Call};

pub fn run(c: &Call) -> Option<Answer> {
    let a = &c.attrs;
    let (weight, bias) = (c.find("weight"), c.find("bias"));
    let eps = || a.float("eps").unwrap_or(1e-5);
    Some(match c.op {
        "group_norm" => {
            let groups = a.size("num_groups").expect("num_groups");
            Ok(vec![c.at(0).group_norm(groups, weight, bias, eps())])
        }
        "instance_norm" if a.get("use_input_stats").is_some_and(|v| v == false) => {
            Err(c.without("running statistics"))
        }
        "instance_norm" => Ok(vec![c.at(0).instance_norm(weight, bias, eps())]),
        "rms_norm" => {
            let shape = a.sizes("normalized_shape").expect("normalized_shape");
            Ok(vec![c.at(0).rms_norm(&shape, weight, a.float("eps").unwrap_or(f32::EPSILON))])
        }
        "local_response_norm" => {
            let (size, alpha) = (a.size("size").expect("size"), a.float("alpha").unwrap_or(1e-4));
            let (beta, k) = (a.float("beta").unwrap_or(0.75), a.float("k").unwrap_or(1.0));
            Ok(vec![c.at(0).local_response_norm(size, alpha, beta, k)])
        }
        "weight_norm" => Ok(vec![c.named("v").weight_norm(c.named("g"), a.int("dim"))]),
        "spectral_norm" => {
            let (steps, dim) = (a.size("n_power_iterations").unwrap_or(1), a.int("dim").unwrap_or(0));
            let weight = c.named("weight");
            let (u, v) = weight.singular_vectors(c.named("u"), dim, steps, a.float("eps").unwrap_or(1e-12));
            Ok(vec![weight.spectral_norm(&u, &v, dim), u])
        }
        _ => return None,
    })
}
