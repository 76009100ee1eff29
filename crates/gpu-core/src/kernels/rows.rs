//! Shaders that reduce over rows: some invocations of a workgroup share a row.

use crate::Shader;
use crate::wgsl::{Source, wgsl};

/// Fewest items per invocation, if several share a row.
const ITEMS: usize = 4;
/// Invocations of a workgroup, which share the longest rows.
const MOST: usize = 64;

/// The dispatch of `source` over rows of `items` items. `source` declares the constants that `rows.wgsl` needs.
pub(super) fn row_shader(source: Source, rows: usize, items: usize) -> Shader {
    let lanes = items.div_ceil(ITEMS).next_power_of_two().min(MOST);
    let mut library = Source::new(wgsl!("rows"));
    if lanes == 1 {
        let alone = |name| format!("fn {name}(row: Row, x: f32) -> f32 {{\n    return x;\n}}\n");
        library = library.block("lanes", &(alone("all_max") + &alone("all_sum")));
    }
    let source = source
        .set("ROWS", rows)
        .set("LAST", rows.saturating_sub(1))
        .set("COLS", items.max(1))
        .set("LANES", lanes)
        .with(&library.finish())
        .with(wgsl!("math"));
    Shader::linear(source.finish(), rows * lanes, 64)
}
