//! Colours on white and on near-black paper.

/// Red, green and blue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Color(pub u8, pub u8, pub u8);

/// What a picture is drawn on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Theme {
    /// Dark ink on white, for paper.
    #[default]
    Light,
    /// Light ink on near-black.
    Dark,
}

/// A theme's colours.
pub(crate) struct Colors {
    pub background: Color,
    /// Titles and whatever must be read first.
    pub ink: Color,
    /// Tick labels and other small print.
    pub soft_ink: Color,
    pub axis: Color,
    pub grid: Color,
    pub fine_grid: Color,
    /// Lines and classes, in order.
    pub series: [Color; 7],
    /// Frames of right, wrong and other images.
    pub right: Color,
    pub wrong: Color,
    pub neutral: Color,
}

/// Lines in Okabe and Ito's colours, which colour-blind readers can tell apart, without the yellow, which is hard to see on white.
const LIGHT: Colors = Colors {
    background: Color(255, 255, 255),
    ink: Color(34, 34, 34),
    soft_ink: Color(68, 68, 68),
    axis: Color(120, 120, 120),
    grid: Color(226, 226, 226),
    fine_grid: Color(243, 243, 243),
    series: [
        Color(0, 114, 178),
        Color(213, 94, 0),
        Color(0, 158, 115),
        Color(204, 121, 167),
        Color(230, 159, 0),
        Color(86, 180, 233),
        Color(60, 60, 60),
    ],
    right: Color(0, 140, 90),
    wrong: Color(204, 60, 0),
    neutral: Color(205, 205, 205),
};

/// The same hues, lighter; with the yellow instead of the blue, which is hard to see on black.
const DARK: Colors = Colors {
    background: Color(22, 24, 28),
    ink: Color(238, 238, 238),
    soft_ink: Color(196, 198, 202),
    axis: Color(140, 142, 148),
    grid: Color(58, 61, 68),
    fine_grid: Color(38, 40, 46),
    series: [
        Color(86, 180, 233),
        Color(240, 130, 60),
        Color(30, 190, 145),
        Color(222, 145, 190),
        Color(240, 228, 66),
        Color(120, 140, 250),
        Color(200, 200, 200),
    ],
    right: Color(30, 180, 120),
    wrong: Color(240, 110, 60),
    neutral: Color(96, 100, 108),
};

impl Theme {
    pub(crate) fn colors(self) -> &'static Colors {
        match self {
            Theme::Light => &LIGHT,
            Theme::Dark => &DARK,
        }
    }
}

impl Colors {
    /// The colour of the `place`-th line or class.
    pub fn series(&self, place: usize) -> Color {
        self.series[place % self.series.len()]
    }

    /// A colour with `tenths` of its strength on this background.
    pub fn pale(&self, color: Color, tenths: i16) -> Color {
        let (Color(r, g, b), Color(br, bg, bb)) = (color, self.background);
        let fade = |ink: u8, ground: u8| {
            (i16::from(ground) + (i16::from(ink) - i16::from(ground)) * tenths / 10) as u8
        };
        Color(fade(r, br), fade(g, bg), fade(b, bb))
    }
}
