//! Attention.

use super::call::{Answer, Call};

pub fn run(c: &Call) -> Option<Answer> {
    if c.op != "scaled_dot_product_attention" {
        return None;
    }
    let (q, k, v) = (c.named("query"), c.named("key"), c.named("value"));
    let grouped = c.attrs.flag("enable_gqa");
    assert!(grouped || k.size(-3) == q.size(-3), "heads that are not shared");
    let (causal, scale) = (c.attrs.flag("is_causal"), c.attrs.float("scale"));
    Some(Ok(vec![q.scaled_dot_product_attention(k, v, c.find("attn_mask"), causal, scale)]))
}
