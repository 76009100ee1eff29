//! The WGSL with which workgroups reduce the values that they have stored.

use std::collections::HashMap;

use super::{ChannelReduction, WithParts};
use crate::wgsl::call_reads;

impl WithParts {
    /// WGSL of the functions `part_of` and `merge` for a shader. `None` if the shader binds an argument with another type.
    pub(super) fn text(&self, shader: &str) -> Option<String> {
        let mut bound = bound(shader);
        let mut text = format!(
            "@group(0) @binding({}) var<storage, read_write> parts: array<vec4<f32>>;\n",
            self.kernel_arguments() + self.others()
        );
        // The load with an argument bound before in place of `name`, or with a new binding of that name.
        let mut named = |place: usize, name: &str, t: &str, load: String| {
            let Some((known, of)) = bound.get(&place) else {
                text += &format!("@group(0) @binding({place}) var<storage, read> {name}: array<{t}>;\n");
                bound.insert(place, (name.to_owned(), t.to_owned()));
                return Some(load);
            };
            if of == t {
                return Some(load.replace(&format!("{name}["), &format!("{known}[")));
            }
            // Bound as vectors.
            let width = [2, 4].into_iter().find(|width| *of == format!("vec{width}<{t}>"))?;
            let function = format!("{name}_of_vector");
            text += &format!(
                "fn {function}(i: u32) -> {t} {{\n    return {known}[i / {width}u][i % {width}u];\n}}\n"
            );
            Some(call_reads(&load, name, &function))
        };
        let mut functions = String::new();
        for ((operand, first), name) in self.reduction.operands().into_iter().zip(["x", "dy"]) {
            let name = format!("part_{name}");
            let mut load = operand.wgsl_given(&name, |a| self.places[first + a].is_none());
            for a in 0..operand.arity() {
                let Some(place) = self.places[first + a] else { continue };
                load = named(place, &format!("{name}{a}"), operand.code().argument_type(a).wgsl(), load)?;
            }
            functions += &load;
        }
        match &self.reduction {
            ChannelReduction::Moments(_) => functions += &[MERGE_MOMENTS, MOMENTS].concat(),
            ChannelReduction::Sums(_) => {
                let mean = self.places.last().copied().flatten()?;
                functions += &named(mean, "part_mean", "f32", SUMS.into())?;
            }
        }
        Some(text + &functions)
    }

    /// WGSL that reduces the stored values of `rows` channels, four channels at a time, and writes the parts.
    pub(super) fn reduce_block(&self, rows: usize) -> String {
        let mut text = String::new();
        for first in (0..rows).step_by(4) {
            text += "    workgroupBarrier();\n";
            for r in 0..4 {
                let row = first + r;
                let part = match row < rows {
                    true => {
                        let at = format!("to + {row}u * area");
                        let at =
                            format!("select(vec4<u32>(0xffffffffu), {at}, live & vec4<bool>({row}u < rows))");
                        let channel = format!("group * OUTER + min(block * BLOCK + {row}u, OUTER - 1u)");
                        format!("part_of({at}, stored{row}, {channel})")
                    }
                    false => "vec4<f32>()".into(),
                };
                text += &format!("    staged[{}u + local] = {part};\n", 64 * r);
            }
            text += &format!(
                "    workgroupBarrier();\n    \
                 {{\n        \
                 let first = local / 16u * 64u + local % 16u;\n        \
                 let low = merge(staged[first], staged[first + 16u]);\n        \
                 let both = merge(low, merge(staged[first + 32u], staged[first + 48u]));\n        \
                 workgroupBarrier();\n        \
                 staged[local] = both;\n    }}\n    \
                 workgroupBarrier();\n    \
                 if (local < 4u && {first}u + local < rows) {{\n        \
                 var all = staged[local * 16u];\n        \
                 for (var k = 1u; k < 16u; k++) {{\n            \
                 all = merge(all, staged[local * 16u + k]);\n        }}\n        \
                 let channel = group * OUTER + block * BLOCK + {first}u + local;\n        \
                 parts[channel * {}u + g % (TILES * PHASES_H * PHASES_W)] = rounded(all);\n    }}\n",
                self.parts.count()
            );
        }
        text
    }
}

/// WGSL that merges two parts of moments: count, mean as the sum of two floats, and squared deviations (Chan et al. 1979).
pub(super) const MERGE_MOMENTS: &str = "
fn merge(a: vec4<f32>, b: vec4<f32>) -> vec4<f32> {
    if (b.x == 0.0) {
        return a;
    }
    if (a.x == 0.0) {
        return b;
    }
    let share = b.x / (a.x + b.x);
    let d = (b.y - a.y) + (b.z - a.z);
    return vec4<f32>(a.x + b.x, a.y, a.z + d * share, a.w + b.w + d * d * a.x * share);
}
";

/// WGSL of the part of four pixels, where those at position 0xffffffff are outside. `rounded` moves the mean into the first of its two
/// floats.
const MOMENTS: &str = "
fn rounded(a: vec4<f32>) -> vec4<f32> {
    let mean = a.y + a.z;
    return vec4<f32>(a.x, mean, (a.y - mean) + a.z, a.w);
}

fn part_of(at: vec4<u32>, stored: vec4<f32>, channel: u32) -> vec4<f32> {
    let live = at != vec4<u32>(0xffffffffu);
    let count = dot(vec4<f32>(live), vec4<f32>(1.0));
    if (count == 0.0) {
        return vec4<f32>();
    }
    // Deviations from one of the values: nothing cancels.
    let near = select(select(select(stored.w, stored.z, live.z), stored.y, live.y), stored.x, live.x);
    let d = select(vec4<f32>(), stored - near, live);
    let offset = dot(d, vec4<f32>(1.0)) / count;
    let e = select(vec4<f32>(), d - offset, live);
    return vec4<f32>(count, near, offset, dot(e, e));
}
";

const SUMS: &str = "
fn merge(a: vec4<f32>, b: vec4<f32>) -> vec4<f32> {
    return a + b;
}

fn rounded(a: vec4<f32>) -> vec4<f32> {
    return a;
}

fn part_of(at: vec4<u32>, stored: vec4<f32>, channel: u32) -> vec4<f32> {
    let mean = part_mean[channel];
    var sums = vec4<f32>();
    for (var i = 0u; i < 4u; i++) {
        if (at[i] != 0xffffffffu) {
            let dy = load_part_dy(at[i], stored[i]);
            sums.x += dy;
            sums.y += dy * (load_part_x(at[i], stored[i]) - mean);
        }
    }
    return sums;
}
";

/// The names and element types of a shader's bindings, by number.
fn bound(shader: &str) -> HashMap<usize, (String, String)> {
    let binding = |line: &str| {
        let (number, rest) = line.strip_prefix("@group(0) @binding(")?.split_once(')')?;
        let (name, t) = rest.split_once("> ")?.1.split_once(": array<")?;
        Some((number.parse().ok()?, (name.to_owned(), t.strip_suffix(">;")?.to_owned())))
    };
    shader.lines().filter_map(binding).collect()
}
