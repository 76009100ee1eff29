//! Lines of text in the bundled font: their widths and outlines, and texts cut or wrapped to a width.

use std::sync::LazyLock;

use ab_glyph::{Font, FontRef, OutlinedGlyph, PxScaleFont, ScaleFont, point};

static FONT: LazyLock<FontRef<'static>> = LazyLock::new(|| {
    FontRef::try_from_slice(epaint_default_fonts::UBUNTU_LIGHT).expect("the bundled font is a font")
});

/// A line of text laid out from left to right, its baseline at zero.
pub(crate) struct Line {
    font: PxScaleFont<&'static FontRef<'static>>,
    glyphs: Vec<OutlinedGlyph>,
    width: f32,
}

impl Line {
    /// Lays out a text whose font is `size` pixels high from the lowest to the highest letter.
    pub fn new(text: &str, size: f64) -> Self {
        let font = FONT.as_scaled(size as f32);
        let (mut glyphs, mut width, mut previous) = (Vec::new(), 0.0, None);
        for letter in text.chars() {
            let id = font.glyph_id(letter);
            width += previous.map_or(0.0, |previous| font.kern(previous, id));
            glyphs.extend(font.outline_glyph(id.with_scale_and_position(font.scale(), point(width, 0.0))));
            width += font.h_advance(id);
            previous = Some(id);
        }
        Self { font, glyphs, width }
    }

    /// Its width in pixels.
    pub fn width(&self) -> f64 {
        self.width.into()
    }

    /// The height of a capital letter in pixels.
    pub fn capitals(&self) -> f64 {
        let letter = FONT.outline(FONT.glyph_id('H'));
        letter.map_or(0.0, |letter| (letter.bounds.height().abs() * self.font.v_scale_factor()).into())
    }

    /// Calls `ink` with each pixel that a letter covers, as steps right and down from the start of the
    /// baseline, and with the share that is covered.
    pub fn draw(&self, mut ink: impl FnMut(i32, i32, f32)) {
        for glyph in &self.glyphs {
            let corner = glyph.px_bounds().min;
            glyph.draw(|x, y, coverage| {
                if coverage > 0.0 {
                    ink(corner.x as i32 + x as i32, corner.y as i32 + y as i32, coverage.min(1.0));
                }
            });
        }
    }
}

/// The width of a text in pixels.
pub(crate) fn text_width(text: &str, size: f64) -> f64 {
    Line::new(text, size).width()
}

/// The text on one line of at most `width` pixels: cut with an ellipsis where it is longer.
pub(crate) fn fit(text: &str, size: f64, width: f64) -> String {
    // No letter worth reading is under half a pixel wide, so a huge text costs no more than a long one.
    let letters = text.chars().take((2.0 * width) as usize + 1);
    let letters: Vec<char> = letters.map(|letter| if letter.is_control() { ' ' } else { letter }).collect();
    let whole: String = letters.iter().collect();
    if text_width(&whole, size) <= width {
        return whole;
    }
    let cut = |count: usize| {
        let kept: String = letters[..count].iter().collect();
        format!("{}…", kept.trim_end())
    };
    let counts: Vec<usize> = (1..letters.len()).collect();
    cut(counts.partition_point(|&count| text_width(&cut(count), size) <= width))
}

/// The text broken between words into at most `lines` lines of at most `width` pixels.
pub(crate) fn wrap(text: &str, size: f64, width: f64, lines: usize) -> Vec<String> {
    let mut wrapped = Vec::new();
    let mut line = String::new();
    for word in text.split_whitespace() {
        let longer = if line.is_empty() { word.to_owned() } else { format!("{line} {word}") };
        let full = !line.is_empty() && wrapped.len() + 1 < lines && text_width(&longer, size) > width;
        line = if full {
            wrapped.push(fit(&line, size, width));
            word.to_owned()
        } else {
            longer
        };
    }
    wrapped.push(fit(&line, size, width));
    wrapped
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: f64 = 13.0;

    #[test]
    fn words_keep_their_distance() {
        let space = text_width("H H", SIZE) - 2.0 * text_width("H", SIZE);
        assert!(space > 0.15 * SIZE);
        let ink_gap = |line: &str| {
            let line = Line::new(line, 100.0);
            let bounds: Vec<_> = line.glyphs.iter().map(OutlinedGlyph::px_bounds).collect();
            bounds[1].min.x - bounds[0].max.x
        };
        assert!(ink_gap("A H") > 20.0, "{}", ink_gap("A H"));
    }

    #[test]
    fn what_fits_stays_and_the_rest_is_cut() {
        assert_eq!(fit("loss", SIZE, 100.0), "loss");
        assert_eq!(fit("", SIZE, 100.0), "");
        assert_eq!(fit("a\nb", SIZE, 100.0), "a b");
        let cut = fit("a long name that goes on and on", SIZE, 100.0);
        assert!(cut.starts_with("a long") && cut.ends_with('…'), "{cut}");
        assert!((80.0..=100.0).contains(&text_width(&cut, SIZE)));
        assert_eq!(fit("loss", SIZE, 0.0), "…");
    }

    #[test]
    fn captions_break_between_words() {
        let of = |text: &str| wrap(text, SIZE, 102.0, 2);
        assert_eq!(of("cat -> dog"), ["cat -> dog"]);
        assert_eq!(of("automobile -> automobile"), ["automobile ->", "automobile"]);
        assert_eq!(of(""), [""]);
        let long = of("one two three four five six seven eight nine ten eleven twelve");
        assert!(long.len() == 2 && long[1].ends_with('…'), "{long:?}");
    }
}
