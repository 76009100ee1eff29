//! Weight gradients as matrix products by tiles of a workgroup: rows are output channels, columns weights of one, and the inner dimension all
//! output pixels.
//!
//! With enough input channels, the columns of a tile are channels at one tap, so that whether a pixel is inside is computed once for all of
//! them. Otherwise every column has its own tap.

use super::cooperative;
use super::shared::{BATCHES, math};
use crate::Shader;
use crate::kernels::conv2d::Conv2dShape;
use crate::kernels::epilogue::plain_result;
use crate::kernels::prologue::Prologue;
use crate::kernels::tile::Tile;
use crate::kernels::workgroup_tile::{BlockLoad, DEPTH, TileProduct};

/// Subgroups that fill a large GPU, and the fewest pixels worth a workgroup, by whether it has cooperative matrices.
const SUBGROUPS: usize = 512;
const FEWEST: [usize; 2] = [256, 384];

/// The weight gradient.
pub(in crate::kernels) struct WeightGradProduct<'a> {
    shape: &'a Conv2dShape,
    x: &'a Prologue,
    dy: &'a Prologue,
    tile: Tile,
}

impl<'a> WeightGradProduct<'a> {
    pub fn new(
        shape: &'a Conv2dShape,
        x: &'a Prologue,
        dy: &'a Prologue,
        tile: Tile,
    ) -> WeightGradProduct<'a> {
        WeightGradProduct { shape, x, dy, tile }
    }

    /// Channels per group of the input and of the output.
    fn channels(&self) -> [usize; 2] {
        [self.shape.in_channels / self.shape.groups, self.shape.out_channels / self.shape.groups]
    }

    fn taps(&self) -> usize {
        self.shape.kernel[0] * self.shape.kernel[1]
    }

    /// Columns of one tap, if those of a tile have the same: as many as fill whole tiles.
    fn columns_of_tap(&self) -> Option<usize> {
        let [inner, _] = self.channels();
        let columns = inner.next_multiple_of(self.tile.cols());
        (self.taps() == 1 || 4 * columns <= 5 * inner).then_some(columns)
    }

    /// Groups, rows, columns and pixels.
    fn size(&self) -> [usize; 4] {
        let [inner, outer] = self.channels();
        let [oh, ow] = self.shape.output();
        let columns = self.taps() * self.columns_of_tap().unwrap_or(inner);
        [self.shape.groups, outer, columns, self.shape.batch * oh * ow]
    }

    /// Pixels of a chunk: by the first tile that is offered, so that all tiles add up the same chunks.
    fn chunk(&self) -> usize {
        let first = match self.tile {
            Tile::Shared(_) => Tile::Shared(super::workgroup_tiles(self.channels()[1])[0]),
            Tile::Cooperative(tile, packed) => {
                Tile::Cooperative(cooperative::weight_tiles(self.shape, tile.matrices)[0], packed)
            }
        };
        let [groups, m, n, k] = WeightGradProduct { tile: first, ..*self }.size();
        let tiles = groups * m.div_ceil(first.rows()) * n.div_ceil(first.cols());
        let [workgroups, fewest] = match first {
            Tile::Shared(_) => [SUBGROUPS, FEWEST[0]],
            Tile::Cooperative(tile, _) => [SUBGROUPS / tile.parts.iter().product::<usize>(), FEWEST[1]],
        };
        let chunks = (workgroups / tiles).min(k / fewest).max(1);
        k.div_ceil(chunks).next_multiple_of(DEPTH)
    }

    /// Parts that the pixels are cut into.
    pub fn chunks(&self) -> usize {
        self.size()[3].div_ceil(self.chunk())
    }

    /// Whether four pixels of both operands are neighbours, from a multiple of four on.
    fn quads(&self) -> [bool; 2] {
        let s = self.shape;
        let [oh, ow] = s.output();
        let whole = (oh * ow).is_multiple_of(4);
        let same = s.kernel == [1, 1] && s.stride == [1, 1] && s.padding == [0, 0];
        [whole, whole && same]
    }

    /// The dispatch that sums each chunk into the binding `out`, `[chunks, O, C / groups, KH, KW]`.
    pub fn shader(&self, out: usize) -> Shader {
        let width = self.quads().map(|quads| if quads { 4 } else { 1 });
        let accessors = format!(
            "{}{}{BATCHES}{}",
            self.tile.operand(0, self.x, "x", 0, width[1]),
            self.tile.operand(1, self.dy, "dy", self.x.arity(), width[0]),
            math(&[self.x, self.dy]),
        );
        let ([inner, _], taps) = (self.channels(), self.taps());
        let put = |row: &str, col: &str, value: &str| {
            let one = |(c, part): (usize, &str)| {
                let (channel, at) = match self.columns_of_tap() {
                    Some(columns) => {
                        let channel = format!("({col}) % {columns}u + {c}u");
                        (channel.clone(), format!("({channel}) * {taps}u + ({col}) / {columns}u"))
                    }
                    None => (format!("({col} + {c}u) / {taps}u"), format!("{col} + {c}u")),
                };
                format!(
                    "    if ({row} < M && {channel} < {inner}u) {{ \
                     emit(((split * BATCHES + batch) * M + {row}) * {}u + {at}, {value}.{part}); }}\n",
                    inner * taps
                )
            };
            ["x", "y", "z", "w"].into_iter().enumerate().map(one).collect()
        };
        self.tile.shader(&TileProduct {
            size: self.size(),
            chunk: self.chunk(),
            accessors,
            results: plain_result(out, "f32", 1),
            a: self.gradients(),
            b: self.pixels(),
            store: &put,
            store_sum: None,
        })
    }

    /// WGSL of the images `image{q}`, rows `row{q}` and columns `col{q}` of an invocation's four pixels. Those behind the last pixel are
    /// moved inside.
    fn decode(&self) -> String {
        let [oh, ow] = self.shape.output();
        let mut text = format!(
            "            let pixel = min(k + deep * 4u, K - 1u);\n            \
             let image0 = pixel / {area}u;\n            let in_plane0 = pixel - image0 * {area}u;\n            \
             let row0 = in_plane0 / {ow}u;\n            let col0 = in_plane0 - row0 * {ow}u;\n",
            area = oh * ow
        );
        for q in 1..4 {
            let p = q - 1;
            // Fours do not cross the ends of rows or planes that consist of fours.
            text += &match ow.is_multiple_of(4) {
                true => format!("            let col{q} = col0 + {q}u;\n            let next{q} = row{p};\n"),
                false => format!(
                    "            let ends{q} = col{p} + 1u == {ow}u;\n            \
                     let col{q} = select(col{p} + 1u, 0u, ends{q});\n            \
                     let next{q} = row{p} + u32(ends{q});\n"
                ),
            };
            text += &match self.quads()[0] {
                true => format!("            let row{q} = next{q};\n            let image{q} = image0;\n"),
                false => format!(
                    "            let last{q} = next{q} == {oh}u;\n            \
                     let row{q} = select(next{q}, 0u, last{q});\n            \
                     let image{q} = min(image{p} + u32(last{q}), {}u);\n",
                    self.shape.batch - 1
                ),
            };
        }
        text
    }

    /// The type of four elements that are loaded.
    fn vector_type(&self) -> String {
        format!("vec4<{}>", self.tile.element())
    }

    /// The line for vector `q`: `value`, or zeros behind the last pixel.
    fn vector(&self, q: usize, value: &str) -> String {
        match self.size()[3].is_multiple_of(DEPTH) {
            true => format!("            let v{q} = {value};\n"),
            false => {
                let t = self.vector_type();
                format!("            let v{q} = select({t}(), {value}, k + deep * 4u + {q}u < end);\n")
            }
        }
    }

    /// The lines for all vectors from the vectors `u0` to `u3` along the pixels.
    fn transposed(&self) -> String {
        let t = self.vector_type();
        let vector = |(q, part)| self.vector(q, &format!("{t}(u0.{part}, u1.{part}, u2.{part}, u3.{part})"));
        ["x", "y", "z", "w"].into_iter().enumerate().map(vector).collect()
    }

    /// Loads of output gradients. Rows behind the last repeat the last, and are not stored.
    fn gradients(&self) -> BlockLoad {
        let ([_, outer], [oh, ow]) = (self.channels(), self.shape.output());
        let (area, images) = (oh * ow, self.shape.out_channels * oh * ow);
        let before = format!(
            "    let a_rows = min(vec4<u32>(row + a_quad * 4u) + vec4<u32>(0u, 1u, 2u, 3u), vec4<u32>({}u));\n    \
             let a_from = batch * {}u + a_rows * {area}u;\n",
            if outer.is_multiple_of(self.tile.rows()) { u32::MAX as usize } else { outer - 1 },
            outer * area,
        );
        let mut text = self.decode();
        if self.quads()[0] {
            text += &format!("            let at = (a_from + image0 * {images}u + in_plane0) / 4u;\n");
            for (j, part) in ["x", "y", "z", "w"].into_iter().enumerate() {
                text += &format!("            let u{j} = load_dy(at.{part});\n");
            }
            return BlockLoad { along_k: true, before, text: text + &self.transposed() };
        }
        for q in 0..4 {
            text += &format!(
                "            let at{q} = a_from + (image{q} * {images}u + row{q} * {ow}u + col{q});\n"
            );
            let all = ["x", "y", "z", "w"].map(|j| format!("load_dy(at{q}.{j})"));
            text += &self.vector(q, &format!("{}({})", self.vector_type(), all.join(", ")));
        }
        BlockLoad { along_k: true, before, text }
    }

    /// Where the pixels of four columns lie: from `b_from` on, those of the tap `b_high` and `b_wide` rows and columns further, which is `b_step`
    /// elements.
    fn columns(&self) -> String {
        let ([inner, _], [h, w]) = (self.channels(), self.shape.input);
        let ([_, kw], [down, along]) = (self.shape.kernel, self.shape.dilation);
        let (plane, taps) = (h * w, self.taps());
        let place = match self.columns_of_tap() {
            Some(columns) => format!(
                "    let b_tap = col / {columns}u;\n    \
                 let b_channel = min(vec4<u32>(col % {columns}u + b_quad * 4u) + vec4<u32>(0u, 1u, 2u, 3u), vec4<u32>({}u));\n",
                inner - 1
            ),
            None => format!(
                "    let b_column = min(vec4<u32>(col + b_quad * 4u) + vec4<u32>(0u, 1u, 2u, 3u), vec4<u32>(N - 1u));\n    \
                 let b_tap = b_column % {taps}u;\n    let b_channel = b_column / {taps}u;\n",
            ),
        };
        let kind = if self.columns_of_tap().is_some() { "i32" } else { "vec4<i32>" };
        format!(
            "{place}    let b_high = {kind}(b_tap / {kw}u) * {down};\n    let b_wide = {kind}(b_tap % {kw}u) * {along};\n    \
             let b_from = batch * {}u + b_channel * {plane}u;\n    let b_step = b_high * {w} + b_wide;\n",
            inner * plane,
        )
    }

    /// Loads of input pixels. Columns behind the last repeat the last, and are not stored.
    fn pixels(&self) -> BlockLoad {
        let (s, [h, w]) = (self.shape, self.shape.input);
        let image = s.in_channels * h * w;
        let (before, mut text) = (self.columns(), self.decode());
        if self.quads()[1] {
            text += &format!("            let at = (b_from + (image0 * {image}u + in_plane0)) / 4u;\n");
            for (j, part) in ["x", "y", "z", "w"].into_iter().enumerate() {
                text += &format!("            let u{j} = load_x(at.{part});\n");
            }
            return BlockLoad { along_k: true, before, text: text + &self.transposed() };
        }
        let [live, kind, step] = match self.columns_of_tap() {
            Some(_) => ["bool", "u32", "i32"],
            None => ["vec4<bool>", "vec4<u32>", "vec4<i32>"],
        };
        let inside = |d: usize, at: String| {
            let last = (s.output()[d] - 1) * s.stride[d] + (s.kernel[d] - 1) * s.dilation[d];
            match s.padding[d] == 0 && last < s.input[d] {
                true => format!("{live}(true)"),
                false => format!("({kind}({at}) < {kind}({}u))", s.input[d]),
            }
        };
        for q in 0..4 {
            let [down, along] = [inside(0, format!("y{q} + b_high")), inside(1, format!("x{q} + b_wide"))];
            text += &format!(
                "            let y{q} = i32(row{q}) * {} - {};\n            let x{q} = i32(col{q}) * {} - {};\n            \
                 let live{q} = {down} & {along};\n            \
                 let step{q} = b_step + (i32(image{q} * {image}u) + y{q} * {w} + x{q});\n            \
                 let at{q} = b_from + vec4<u32>({kind}(select({step}(), step{q}, live{q})));\n",
                s.stride[0], s.padding[0], s.stride[1], s.padding[1],
            );
            let (t, all) = (self.vector_type(), ["x", "y", "z", "w"].map(|j| format!("load_x(at{q}.{j})")));
            text += &self.vector(q, &format!("select({t}(), {t}({}), live{q})", all.join(", ")));
        }
        BlockLoad { along_k: true, before, text }
    }
}
