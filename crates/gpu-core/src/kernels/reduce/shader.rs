//! The WGSL of a reduction's stages.

use super::ReduceOp;
use crate::kernels::epilogue::plain_result;
use crate::kernels::prologue::{Prologue, Split};
use crate::wgsl::{Source, wgsl};
use crate::{DType, Layout, Shader};

/// One dispatch of a reduction: `kept` outputs with `splits` items each.
pub(in crate::kernels) struct Stage {
    pub op: ReduceOp,
    pub dtype: DType,
    /// Layout of the outputs, in elements of the input or in items of the scratch memory.
    pub kept: Layout,
    pub reduced: Layout,
    /// The input, bound from 0 on; `None` when the items of an earlier stage are read. Elements of a computed input are addressed by the
    /// numbers of output and item, those of other inputs by position.
    pub input: Option<(Prologue, Option<Split>)>,
    /// Start of the items to read in the scratch memory; the items to write follow them.
    pub first: usize,
    pub splits: usize,
    /// Binding of the output; the scratch memory's is the next.
    pub output: usize,
    pub kept_fast: bool,
}

impl Stage {
    pub fn shader(&self) -> Shader {
        let (kept, reduced) = (self.kept.numel(), self.reduced.numel());
        let source = Source::new(wgsl!("reduce"))
            .set("COUNT", kept * self.splits)
            .set("KEPT", kept.max(1))
            .set("SPLITS", self.splits)
            .set("REDUCED", reduced)
            .set("KEPT_FAST", self.kept_fast)
            .block("accessors", &self.accessors());
        let last = self.splits == 1;
        let to = self.op.dtype(self.dtype).wgsl();
        let source = if last {
            source.block("results", &plain_result(self.output, to, 1))
        } else {
            source.block("results", "")
        };
        let shader = Shader::linear(source.with(wgsl!("math")).finish(), kept * self.splits, 64);
        if last { shader.emitting(1) } else { shader }
    }

    fn accessors(&self) -> String {
        let (t, arg) = (self.dtype.wgsl(), self.op.is_arg());
        let mut text = String::new();
        let mut kept = &self.kept;
        let number = Layout::contiguous(&[kept.numel()]);
        match &self.input {
            Some((input, Some(split))) => {
                text += &input.wgsl_split("x", 0, *split);
                kept = &number;
            }
            Some((input, None)) => text += &input.wgsl("x", 0, 1),
            None => {}
        }
        let last = self.splits == 1;
        if self.input.is_none() || !last {
            let binding = self.output + 1;
            text += &format!("@group(0) @binding({binding}) var<storage, read_write> scratch: array<u32>;\n");
        }
        text += &position_fn("kept_at", kept);
        text += &position_fn("reduced_at", &self.reduced);
        text += &match (self.op.is_arg(), self.op) {
            (true, _) => format!("struct Item {{ value: {t}, index: u32 }}\n"),
            _ => format!("alias Item = {t};\n"),
        };
        text += &self.load();
        text += &self.combine();
        let (next, words) = (self.written(), if arg { 2 } else { 1 });
        let body = match (last, arg) {
            (true, true) => "emit(i, i32(item.index));".to_owned(),
            (true, false) => "emit(i, item);".to_owned(),
            (false, true) => format!(
                "let p = ({next}u + i) * {words}u;\n    scratch[p] = bitcast<u32>(item.value);\n    \
                 scratch[p + 1u] = item.index;"
            ),
            (false, false) => format!("scratch[{next}u + i] = bitcast<u32>(item);"),
        };
        text + &format!("fn store(i: u32, item: Item) {{\n    {body}\n}}")
    }

    /// Where the items written begin in the scratch memory.
    fn written(&self) -> usize {
        self.first + if self.input.is_some() { 0 } else { self.kept.numel() * self.reduced.numel() }
    }

    fn load(&self) -> String {
        let (t, first) = (self.dtype.wgsl(), self.first);
        let element = match &self.input {
            Some((_, Some(_))) => Some("load_x(u32(base), r)"),
            Some((_, None)) => Some("load_x(u32(base + reduced_at(r)))"),
            None => None,
        };
        let body = match (element, self.op.is_arg()) {
            (Some(element), true) => format!("Item({element}, r)"),
            (Some(element), false) => element.to_owned(),
            (None, true) => {
                let p = format!("({first}u + u32(base + reduced_at(r))) * 2u");
                format!("Item(bitcast<{t}>(scratch[{p}]), scratch[{p} + 1u])")
            }
            (None, false) => format!("bitcast<{t}>(scratch[{first}u + u32(base + reduced_at(r))])"),
        };
        format!("fn load(base: i32, r: u32) -> Item {{\n    return {body};\n}}\n")
    }

    /// WGSL of `start` and `combine`. Extremes may combine an element twice, and so start from an element.
    fn combine(&self) -> String {
        use ReduceOp::*;
        let (t, float) = (self.dtype.wgsl(), self.dtype.is_float());
        let body = match self.op {
            Sum => "return a + b;".to_owned(),
            Prod => "return a * b;".to_owned(),
            Max if float => "return max_nan(a, b);".to_owned(),
            Min if float => "return min_nan(a, b);".to_owned(),
            Max => "return max(a, b);".to_owned(),
            Min => "return min(a, b);".to_owned(),
            ArgMax | ArgMin => {
                let better = if self.op == ArgMax { ">" } else { "<" };
                let nan = if float { ("is_nan(a.value)", "is_nan(b.value)") } else { ("false", "false") };
                format!(
                    "let same = (a.value == b.value && !{0} && !{1}) || ({0} && {1});\n    \
                     if (same) {{\n        if (b.index < a.index) {{ return b; }}\n        return a;\n    }}\n    \
                     if (!{0} && ({1} || b.value {better} a.value)) {{ return b; }}\n    return a;",
                    nan.0, nan.1
                )
            }
        };
        let start = match self.op {
            Sum => format!("{t}(0)"),
            Prod => format!("{t}(1)"),
            _ => "load(base, r)".to_owned(),
        };
        format!(
            "fn start(base: i32, r: u32) -> Item {{\n    return {start};\n}}\n\
             fn combine(a: Item, b: Item) -> Item {{\n    {body}\n}}\n"
        )
    }
}

/// A WGSL function from the row-major number of an element to its position.
pub(in crate::kernels) fn position_fn(name: &str, layout: &Layout) -> String {
    let mut text = format!("fn {name}(i: u32) -> i32 {{\n    var rest = i;\n");
    let mut sum = layout.offset().to_string();
    for (d, (&size, &stride)) in layout.shape().iter().zip(layout.strides()).enumerate().rev() {
        if d == 0 {
            sum += &format!(" + i32(rest) * ({stride})");
        } else {
            let size = size.max(1);
            text += &format!("    let i{d} = i32(rest % {size}u);\n    rest = rest / {size}u;\n");
            sum += &format!(" + i{d} * ({stride})");
        }
    }
    text + &format!("    return {sum};\n}}\n")
}
