//! How shaders load an operand of a product.

use super::variant::Form;
use super::{Factor, MatMul};

/// Which elements of an operand are contiguous, so that four can be loaded at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Load {
    /// Those along K.
    Deep,
    /// Those along M or N.
    Across,
    Scalar,
}

/// One operand as a tile reads it: `tile` elements along M or N.
pub(super) struct Side<'a> {
    /// `a` or `b`, the name of its buffer.
    pub name: char,
    pub operand: &'a Factor,
    pub load: Load,
    pub tile: usize,
    /// M or N.
    pub size: usize,
    /// Types of its elements in the buffer, and where they are multiplied.
    pub stored: &'static str,
    pub element: &'static str,
}

impl<'a> Side<'a> {
    pub fn a(p: &'a MatMul, tile: usize) -> Side<'a> {
        Side::new('a', &p.a, tile, p.m, p)
    }

    pub fn b(p: &'a MatMul, tile: usize) -> Side<'a> {
        Side::new('b', &p.b, tile, p.n, p)
    }

    fn new(name: char, operand: &'a Factor, tile: usize, size: usize, p: &MatMul) -> Side<'a> {
        let whole = |x: isize| x % 4 == 0;
        let (batch, k) = (&operand.batch, p.k);
        let empty = size == 0 || k == 0 || batch.numel() == 0;
        let aligned = !empty && batch.offset().is_multiple_of(4) && batch.strides().iter().all(|&s| whole(s));
        let deep = operand.deep == 1 && k.is_multiple_of(4) && (whole(operand.step) || size == 1);
        let across = operand.step == 1
            && size.is_multiple_of(4)
            && tile.is_multiple_of(4)
            && (whole(operand.deep) || k == 1);
        let load = match () {
            () if aligned && deep => Load::Deep,
            () if aligned && across => Load::Across,
            () => Load::Scalar,
        };
        let cooperative = matches!(p.variant.form, Form::Cooperative(_));
        let element = if cooperative { "f16" } else { "f32" };
        let packed = p.halves.is_some_and(|packed| packed[usize::from(name == 'b')]);
        let stored = if cooperative && packed { "f16" } else { "f32" };
        Side { name, operand, load, tile, size, stored, element }
    }

    /// Type of what the buffer consists of.
    pub fn wgsl_type(&self) -> String {
        if self.load == Load::Scalar { self.stored.into() } else { format!("vec4<{}>", self.stored) }
    }

    /// WGSL that reads what is at a place of the buffer. Conversions change no value.
    pub fn read(&self, at: &str) -> String {
        let read = format!("{}[{at}]", self.name);
        match self.load {
            _ if self.stored == self.element => read,
            Load::Scalar => format!("{}({read})", self.element),
            Load::Deep | Load::Across => format!("{}({read})", self.vector_type()),
        }
    }

    /// The type of four elements.
    pub fn vector_type(&self) -> String {
        format!("vec4<{}>", self.element)
    }

    /// WGSL for position `at` along M or N, moved inside of the matrix where the tile may reach beyond; `span` elements
    /// are read there.
    pub fn inside(&self, at: &str, span: usize) -> String {
        match self.size.is_multiple_of(self.tile) {
            true => at.to_owned(), // of 0, too
            false => format!("min({at}, {}u)", self.size - span),
        }
    }
}

/// Component `i` of a vector.
pub(super) fn part(i: usize) -> &'static str {
    ["x", "y", "z", "w"][i % 4]
}
