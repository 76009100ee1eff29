//! Products by tiles of a workgroup.

use super::MatMul;
use super::side::{Load, Side, part};
use super::variant::chunk;
use crate::Shader;
use crate::kernels::workgroup_tile::{BlockLoad, DEPTH, TileProduct};

/// The dispatch that computes all tiles of a product that is not empty; `tiles` makes it.
pub(super) fn shader(p: &MatMul, tiles: impl Fn(&TileProduct) -> Shader) -> Shader {
    let (a, b) = (Side::a(p, p.variant.rows), Side::b(p, p.variant.cols));
    let sum = |row: &str, sum: &str| match p.splits() {
        1 => format!("row_sums[{row}] = {sum};"),
        // After the partial products of the split.
        _ if p.width() == 4 => format!("let at = first + M * N + {row}; y[at / 4u][at % 4u] = {sum};"),
        _ => format!("y[first + M * N + {row}] = {sum};"),
    };
    let mut results = p.results(p.width());
    if p.row_sums && p.splits() == 1 {
        results += "\n@group(0) @binding(3) var<storage, read_write> row_sums: array<f32>;\n";
    }
    let shader = tiles(&TileProduct {
        size: [p.batches(), p.m, p.n, p.k],
        chunk: chunk(p.k, p.splits()),
        accessors: p.accessors(&a, &b),
        results,
        a: block(&a, p.k),
        b: block(&b, p.k),
        store: &|row, col, value| p.store_vector(row, col, value),
        store_sum: p.row_sums.then_some(&sum),
    });
    p.tiles(shader, p.width())
}

fn block(side: &Side, k: usize) -> BlockLoad {
    let (name, deep, step) = (side.name, side.operand.deep, side.operand.step);
    let start = if name == 'a' { "row" } else { "col" };
    let at = |j: usize, span: usize| side.inside(&format!("{start} + quad * 4u + {j}u"), span);
    let mut lines = vec!["let at_k = k + deep * 4u;".to_owned()];
    let vector = side.vector_type();
    // Vector q of the block, if it is before the end of K.
    let valid = |q: usize, v: String| match k.is_multiple_of(DEPTH) {
        true => format!("let v{q} = {v};"),
        false => format!("let v{q} = select({vector}(), {v}, at_k + {q}u < end);"),
    };
    match side.load {
        Load::Deep => {
            for j in 0..4 {
                let position = format!("{name}_base + i32({}) * ({step}) + i32(min(at_k, K - 4u))", at(j, 1));
                lines.push(format!("let u{j} = {};", side.read(&format!("u32({position}) / 4u"))));
            }
            for q in 0..4 {
                let elements: Vec<String> = (0..4).map(|j| format!("u{j}.{}", part(q))).collect();
                lines.push(valid(q, format!("{vector}({})", elements.join(", "))));
            }
        }
        Load::Across => {
            for q in 0..4 {
                let k = format!("i32(min(at_k + {q}u, K - 1u)) * ({deep})");
                let position = format!("{name}_base + i32({}) + {k}", at(0, 4));
                lines.push(valid(q, side.read(&format!("u32({position}) / 4u"))));
            }
        }
        Load::Scalar => {
            for j in 0..4 {
                lines.push(format!("let p{j} = {name}_base + i32({}) * ({step});", at(j, 1)));
            }
            for q in 0..4 {
                let k = format!("i32(min(at_k + {q}u, K - 1u)) * ({deep})");
                let elements: Vec<String> = (0..4).map(|j| side.read(&format!("u32(p{j} + {k})"))).collect();
                lines.push(valid(q, format!("{vector}({})", elements.join(", "))));
            }
        }
    }
    // Neighbouring invocations read contiguous elements.
    let along_k = side.load == Load::Deep || (side.load == Load::Scalar && deep == 1);
    BlockLoad {
        along_k,
        before: String::new(),
        text: lines.iter().map(|line| format!("            {line}\n")).collect(),
    }
}
