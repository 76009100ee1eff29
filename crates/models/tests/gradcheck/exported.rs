//! The layers that the crate exports.

use std::collections::BTreeSet;

/// Exports of `layers/mod.rs` that are not layers: options, masks, and the targets of aliases such as `Conv2d`.
const NO_LAYER: [&str; 15] = [
    "Aggregation",
    "AttentionMask",
    "AttentionOptions",
    "BatchNorm",
    "Conv",
    "ConvBuilder",
    "ConvTranspose",
    "ConvTransposeBuilder",
    "Graph",
    "RnnOptions",
    "Sizes",
    "TransformerMasks",
    "TransformerOptions",
    "dilated",
    "strided_attention_mask",
];

/// Names of layers in the `pub use` statements of `layers/mod.rs`.
pub fn layers() -> BTreeSet<String> {
    let source = include_str!("../../src/layers/mod.rs");
    let mut found = BTreeSet::new();
    // Splits by statement, as long lists of names span several lines.
    for statement in source.split(';') {
        let Some((_, names)) = statement.split_once("pub use ").and_then(|s| s.1.split_once("::")) else {
            continue;
        };
        let names = names.trim_matches(['{', '}']).split(',').map(str::trim);
        found.extend(names.filter(|n| !n.is_empty()).map(str::to_owned));
    }
    for name in NO_LAYER {
        assert!(found.remove(name), "{name} is not exported any more");
    }
    found
}
