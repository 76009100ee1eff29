//! Which keys a query sees, by their distance.

use std::ops::Range;

/// Query `t` sees keys `t - before ..= t + after`. With both bounded it is a sliding window (Beltagy et al. 2020, "Longformer"), whose keys
/// alone are read and multiplied.
///
/// ```
/// use gpu_core::kernels::AttentionWindow;
/// let window = AttentionWindow { before: 2, after: 1 };
/// assert_eq!(window.keys(5..6, 100), 3..7);
/// assert_eq!(AttentionWindow::from(true), AttentionWindow::CAUSAL);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AttentionWindow {
    /// How many earlier positions are seen.
    pub before: usize,
    /// How many later positions are seen.
    pub after: usize,
}

impl AttentionWindow {
    /// Every key.
    pub const ALL: AttentionWindow = AttentionWindow { before: usize::MAX, after: usize::MAX };
    /// The query's own position and all earlier ones.
    pub const CAUSAL: AttentionWindow = AttentionWindow { before: usize::MAX, after: 0 };

    /// The keys, of `count`, that at least one of some queries sees.
    pub fn keys(self, queries: Range<usize>, count: usize) -> Range<usize> {
        let start = queries.start.saturating_sub(self.before).min(count);
        start..queries.end.saturating_add(self.after).min(count)
    }

    /// The window of a key: which queries see it.
    pub fn of_keys(self) -> AttentionWindow {
        AttentionWindow { before: self.after, after: self.before }
    }

    /// The keys that both windows see.
    pub fn and(self, other: AttentionWindow) -> AttentionWindow {
        AttentionWindow { before: self.before.min(other.before), after: self.after.min(other.after) }
    }
}

/// Causal, or all keys.
impl From<bool> for AttentionWindow {
    fn from(causal: bool) -> AttentionWindow {
        if causal { AttentionWindow::CAUSAL } else { AttentionWindow::ALL }
    }
}

/// The numbers of earlier and later positions.
impl From<[usize; 2]> for AttentionWindow {
    fn from([before, after]: [usize; 2]) -> AttentionWindow {
        AttentionWindow { before, after }
    }
}
