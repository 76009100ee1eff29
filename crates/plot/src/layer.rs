//! What can lie under a panel's lines.

use crate::bars::Bars;
use crate::field::Field;
use crate::scatter::Points;

/// A layer of a panel.
#[derive(Clone, Debug, PartialEq)]
pub enum Layer {
    /// A number at every place, as a colour or as contour lines.
    Field(Field),
    /// Points on their own.
    Points(Points),
    /// Bars from zero, with error bars.
    Bars(Bars),
    /// A pale band around a line.
    Band(Band),
    /// A text at a place.
    Note(Note),
}

/// A band such as a standard deviation around a mean, in the colour of the line that has its name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Band {
    /// The line's name.
    pub of: String,
    /// `(x, low, high)` by rising x.
    pub points: Vec<(f64, f64, f64)>,
}

impl Band {
    /// A band around the line called `of`.
    pub fn new(of: impl Into<String>, points: impl IntoIterator<Item = (f64, f64, f64)>) -> Band {
        Band { of: of.into(), points: points.into_iter().collect() }
    }
}

/// A text centred on a point.
#[derive(Clone, Debug, PartialEq)]
pub struct Note {
    /// The text's centre, in the units of the axes.
    pub at: (f64, f64),
    /// What is written there.
    pub text: String,
}

impl Note {
    /// A text centred on `at`, in the units of the axes.
    pub fn new(at: (f64, f64), text: impl Into<String>) -> Note {
        Note { at, text: text.into() }
    }
}

impl Layer {
    /// The name in the legend, empty for none.
    pub(crate) fn name(&self) -> &str {
        match self {
            Layer::Field(_) | Layer::Note(_) => "",
            Layer::Points(points) => &points.name,
            Layer::Bars(bars) => &bars.name,
            Layer::Band(band) => &band.of,
        }
    }

    /// Points that the axes should have room for.
    pub(crate) fn points(&self) -> Vec<(f64, f64)> {
        match self {
            Layer::Field(field) => vec![(field.x.0, field.y.0), (field.x.1, field.y.1)],
            Layer::Points(points) => points.points.clone(),
            Layer::Bars(bars) => bars.corners(),
            Layer::Band(band) => {
                band.points.iter().flat_map(|&(x, low, high)| [(x, low), (x, high)]).collect()
            }
            Layer::Note(note) => vec![note.at],
        }
    }
}

impl From<Field> for Layer {
    fn from(field: Field) -> Layer {
        Layer::Field(field)
    }
}

impl From<Points> for Layer {
    fn from(points: Points) -> Layer {
        Layer::Points(points)
    }
}

impl From<Bars> for Layer {
    fn from(bars: Bars) -> Layer {
        Layer::Bars(bars)
    }
}

impl From<Band> for Layer {
    fn from(band: Band) -> Layer {
        Layer::Band(band)
    }
}

impl From<Note> for Layer {
    fn from(note: Note) -> Layer {
        Layer::Note(note)
    }
}
