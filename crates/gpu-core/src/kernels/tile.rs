//! Tiles of a workgroup by what multiplies their operands.

use std::fmt;

use super::cooperative_tile::CooperativeTile;
use super::prologue::Prologue;
use super::workgroup_tile::{TileProduct, WorkgroupTile};
use crate::Shader;

/// The outputs of a workgroup, and how it computes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Tile {
    /// By fused multiply-adds of f32.
    Shared(WorkgroupTile),
    /// By cooperative matrices, from two operands whose values are f16; which of them are stored so.
    Cooperative(CooperativeTile, [bool; 2]),
}

impl Tile {
    pub fn rows(&self) -> usize {
        match self {
            Tile::Shared(tile) => tile.rows,
            Tile::Cooperative(tile, _) => tile.rows,
        }
    }

    pub fn cols(&self) -> usize {
        match self {
            Tile::Shared(tile) => tile.cols,
            Tile::Cooperative(tile, _) => tile.cols,
        }
    }

    /// The type that operands are loaded as.
    pub fn element(&self) -> &'static str {
        match self {
            Tile::Shared(_) => "f32",
            Tile::Cooperative(..) => "f16",
        }
    }

    /// WGSL that binds operand `number` from binding `first` on, and loads it; see [`Prologue::wgsl`].
    pub fn operand(&self, number: usize, of: &Prologue, name: &str, first: usize, width: usize) -> String {
        match self {
            Tile::Shared(_) => of.wgsl(name, first, width),
            Tile::Cooperative(_, packed) => {
                of.wgsl_f16(if packed[number] { "f16" } else { "f32" }, name, first, width)
            }
        }
    }

    /// The dispatch that computes all tiles of a product that is not empty.
    pub fn shader(&self, product: &TileProduct) -> Shader {
        match self {
            Tile::Shared(tile) => tile.shader(product),
            Tile::Cooperative(tile, _) => tile.shader(product),
        }
    }

    /// Columns of a row that [`reduce_rows`](Tile::reduce_rows) reduces to one part.
    pub fn reduced(&self) -> usize {
        match self {
            Tile::Shared(tile) => tile.cols,
            Tile::Cooperative(tile, _) => tile.part()[1],
        }
    }

    /// Fills the blocks of the stores with the reduction of the stored rows, which are channels: it writes their parts, `count` per channel,
    /// with the functions of [`WithParts`](super::channel_parts::WithParts).
    pub fn reduce_rows(&self, shader: &mut Shader, count: usize) {
        match self {
            Tile::Shared(tile) => tile.reduce_rows(shader, count),
            Tile::Cooperative(tile, _) => tile.reduce_rows(shader, count),
        }
    }
}

impl fmt::Display for Tile {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Tile::Shared(tile) => tile.fmt(f),
            Tile::Cooperative(tile, _) => tile.fmt(f),
        }
    }
}
