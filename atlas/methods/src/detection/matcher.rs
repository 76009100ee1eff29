//! Matching of anchors to objects.

use data::{Corners, box_iou};

/// The training target of an anchor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Match {
    /// The object with this index.
    Object(usize),
    /// No object.
    Background,
    /// Excluded from the loss: it overlaps an object, but not enough.
    Ignored,
}

/// Matches every anchor to the object that it overlaps most (Girshick 2015, like torchvision's `Matcher`).
///
/// ```
/// use methods::detection::{Match, Matcher};
/// let anchors = [[0.0, 0.0, 4.0, 4.0], [0.0, 0.0, 4.0, 2.0], [8.0, 8.0, 12.0, 12.0]];
/// let matches = Matcher { foreground: 0.6, background: 0.4, every_object: true }.matches(&anchors, &[[0.0, 0.0, 4.0, 4.0]]);
/// assert_eq!(matches, [Match::Object(0), Match::Ignored, Match::Background]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Matcher {
    /// Least intersection over union at which an anchor is matched to the object.
    pub foreground: f64,
    /// Intersection over union below which an anchor is background.
    pub background: f64,
    /// Whether an anchor that overlaps some object more than any other anchor does is matched even below `foreground`, if the overlap is
    /// not 0.
    pub every_object: bool,
}

impl Matcher {
    /// The match of each anchor; on ties, the first object.
    pub fn matches(&self, anchors: &[Corners], objects: &[Corners]) -> Vec<Match> {
        let of_anchor = |&anchor: &Corners| -> Vec<f64> {
            objects.iter().map(|&object| box_iou(anchor, object)).collect()
        };
        let overlaps: Vec<Vec<f64>> = anchors.iter().map(of_anchor).collect();
        let most = |object: usize| overlaps.iter().map(|row| row[object]).fold(0.0, f64::max);
        let most: Vec<f64> = (0..objects.len()).map(most).collect();
        let choose = |row: &Vec<f64>| {
            let best = (0..row.len()).rev().max_by(|&a, &b| row[a].total_cmp(&row[b]));
            let kept = |i: usize| {
                self.every_object && row.iter().zip(&most).any(|(&iou, &most)| iou > 0.0 && iou == most)
                    || row[i] >= self.foreground
            };
            match best {
                Some(i) if kept(i) => Match::Object(i),
                Some(i) if row[i] >= self.background => Match::Ignored,
                _ => Match::Background,
            }
        };
        overlaps.iter().map(choose).collect()
    }
}
