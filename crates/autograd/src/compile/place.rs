//! Where values are in memory while a plan runs.

use gpu_core::kernels::Stored;
use gpu_core::{Arg, DType, Half, Layout, Role, limits};

use super::expr::Expr;
use crate::op::Meta;

/// Elements between two offsets at which a buffer can be bound.
pub(crate) const ALIGN: usize = limits::BINDING_ALIGN / DType::BYTES;

/// A part of a slot.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Place {
    pub slot: usize,
    pub layout: Layout,
    /// The half type that f32 values are packed as; it is the same in the whole slot.
    pub half: Option<Half>,
}

/// A tensor's values while a plan is made.
#[derive(Clone, Debug)]
pub(super) enum Value {
    Memory(Place),
    /// Computed inside of every launch that reads the tensor.
    Computed(Expr),
}

/// The kind of a slot before memory is planned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SlotKind {
    /// A buffer with leaves of the wiring.
    Leaf(usize),
    /// The step-varying numbers.
    Scalars,
    /// A kept output, newly allocated at each run.
    Output,
    Temp,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct VirtualSlot {
    pub kind: SlotKind,
    pub bytes: usize,
    pub role: Role,
}

/// Bytes of one element.
fn width(half: Option<Half>) -> usize {
    if half.is_some() { Half::BYTES } else { DType::BYTES }
}

/// Most elements of a tensor that is not packed on a GPU.
const SMALL: usize = 16 * 1024;

/// Whether a tensor of halves is packed on GPUs, whose launches pack vectors of four elements. Rows of other lengths would take a launch more,
/// which does not pay for small tensors either: they are stored as f32.
pub(crate) fn packs_on_gpus(meta: &Meta) -> bool {
    meta.shape.last().copied().unwrap_or(1).is_multiple_of(4) && meta.numel() > SMALL
}

/// Bytes that `numel` elements take, in whole words.
pub(super) fn bytes(numel: usize, half: Option<Half>) -> usize {
    (numel * width(half)).next_multiple_of(DType::BYTES)
}

impl Place {
    /// Unpacked values.
    pub fn new(slot: usize, layout: Layout) -> Place {
        Place { slot, layout, half: None }
    }

    /// The dimensions in memory order: those with the largest strides first.
    pub fn memory_order(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.layout.rank()).collect();
        order.sort_by_key(|&d| -self.layout.strides()[d].abs());
        order
    }

    /// First and one past the last element of the slot that the layout reaches.
    fn range(&self) -> (usize, usize) {
        let layout = &self.layout;
        if layout.numel() == 0 {
            return (0, 0);
        }
        let reach = layout.shape().iter().zip(layout.strides()).map(|(&n, &s)| (n - 1) as isize * s);
        let (mut low, mut high) = (layout.offset() as isize, layout.offset() as isize);
        for step in reach {
            if step < 0 { low += step } else { high += step }
        }
        (low as usize, high as usize + 1)
    }

    /// The smallest bindable range that covers the place, and the place's layout there.
    pub fn bind(&self) -> (Arg, Stored) {
        let (arg, mut stored) = bind_together(&[self]);
        (arg, stored.remove(0))
    }

    /// The range of the place itself, if it is dense in row-major order, and can be bound.
    pub fn dense(&self) -> Option<Arg> {
        let offset = self.layout.offset() * width(self.half);
        let dense = self.layout.numel() > 0 && self.layout.is_contiguous();
        let bytes = bytes(self.layout.numel(), self.half);
        (dense && offset.is_multiple_of(limits::BINDING_ALIGN)).then_some(Arg {
            slot: self.slot,
            offset,
            bytes,
        })
    }
}

/// The smallest bindable range that covers places of one slot, and their layouts there.
pub(super) fn bind_together(places: &[&Place]) -> (Arg, Vec<Stored>) {
    let (slot, half) = (places[0].slot, places[0].half);
    let align = limits::BINDING_ALIGN / width(half);
    let ranges = || places.iter().map(|p| p.range()).filter(|(low, high)| low < high);
    let low = ranges().map(|r| r.0).min().unwrap_or(0) / align * align;
    let high = ranges().map(|r| r.1).max().unwrap_or(0);
    let moved = |place: &&Place| {
        let layout = &place.layout;
        // The offset of an empty layout may be the end of the memory.
        let offset = if layout.numel() == 0 { 0 } else { layout.offset() - low };
        Stored { layout: layout.at(offset), half: place.half }
    };
    let arg = Arg { slot, offset: low * width(half), bytes: bytes(high - low, half) };
    (arg, places.iter().map(moved).collect())
}
