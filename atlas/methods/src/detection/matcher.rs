//! Which anchor stands for which object.

use data::{Corners, box_iou};

/// What an anchor is to learn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Match {
    /// The object of this index.
    Object(usize),
    /// That there is nothing.
    Background,
    /// Nothing: it overlaps an object, but not enough.
    Ignored,
}

/// Gives every anchor the object that it overlaps most (Girshick 2015, as torchvision's `Matcher`).
///
/// ```
/// use methods::detection::{Match, Matcher};
/// let anchors = [[0.0, 0.0, 4.0, 4.0], [0.0, 0.0, 4.0, 2.0], [8.0, 8.0, 12.0, 12.0]];
/// let matches = Matcher { foreground: 0.6, background: 0.4, every_object: true }.matches(&anchors, &[[0.0, 0.0, 4.0, 4.0]]);
/// assert_eq!(matches, [Match::Object(0), Match::Ignored, Match::Background]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Matcher {
    /// Intersection over union from which an anchor stands for the object.
    pub foreground: f64,
    /// Intersection over union below which it stands for nothing.
    pub background: f64,
    /// Whether the anchors that overlap an object most stand for it however little that is, if it is anything.
    pub every_object: bool,
}

impl Matcher {
    /// The match of each anchor; of equal overlaps the first object is taken.
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
