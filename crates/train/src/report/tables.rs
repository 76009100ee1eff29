//! Parts that are plain markup: tables, confusion matrices, bars, images with captions.

use plot::GridImage;

use super::Report;
use super::html::{escape, number, png_address};
use crate::Result;
use crate::metrics::Confusion;

impl Report {
    /// Adds a table of names and values.
    pub fn table(self, heading: &str, rows: &[(String, String)]) -> Report {
        let row = |(name, value): &(String, String)| {
            format!("<tr><th scope=\"row\">{}</th><td>{}</td></tr>\n", escape(name), escape(value))
        };
        let rows: String = rows.iter().map(row).collect();
        self.part(heading, &format!("<div class=\"scroll\"><table class=\"pairs\">\n{rows}</table></div>\n"))
    }

    /// Adds a table with named columns. Columns of numbers are right-aligned.
    pub fn columns(self, heading: &str, names: &[&str], rows: &[Vec<String>]) -> Report {
        let numeric = |column: usize| {
            let cells = || rows.iter().filter_map(|row| row.get(column));
            cells().next().is_some() && cells().all(|cell| cell.parse::<f64>().is_ok())
        };
        let class = |column: usize| if numeric(column) { " class=\"n\"" } else { "" };
        let classes: Vec<&str> = (0..names.len()).map(class).collect();
        let class = |column: usize| classes.get(column).copied().unwrap_or("");
        let name = |(column, name): (usize, &&str)| {
            format!("<th scope=\"col\"{}>{}</th>", class(column), escape(name))
        };
        let names: String = names.iter().enumerate().map(name).collect();
        let row = |row: &Vec<String>| {
            let cell =
                |(column, cell): (usize, &String)| format!("<td{}>{}</td>", class(column), escape(cell));
            let cells: String = row.iter().enumerate().map(cell).collect();
            format!("<tr>{cells}</tr>\n")
        };
        let rows: String = rows.iter().map(row).collect();
        let table = format!(
            "<table class=\"columns\">\n<thead><tr>{names}</tr></thead>\n<tbody>\n{rows}</tbody></table>"
        );
        self.part(heading, &format!("<div class=\"scroll\">{table}</div>\n"))
    }

    /// Adds a confusion matrix with a row for each label; colours show the shares within the row. Classes without a name show their
    /// number.
    pub fn matrix(self, heading: &str, names: &[String], confusion: &Confusion) -> Report {
        let classes = confusion.classes();
        let name = |class: usize| names.get(class).map_or_else(|| class.to_string(), |name| escape(name));
        // Names of up to three letters are horizontal, longer ones vertical.
        let short = names.iter().all(|name| name.chars().count() <= 3);
        let column = |class: usize| match short {
            true => format!("<th scope=\"col\">{}</th>", name(class)),
            false => format!("<th scope=\"col\"><span>{}</span></th>", name(class)),
        };
        let columns: String = (0..classes).map(column).collect();
        let row = |label: usize| {
            let counts = &confusion.counts()[label * classes..(label + 1) * classes];
            let all = counts.iter().sum::<u64>().max(1) as f64;
            let cell = |(predicted, &count): (usize, &u64)| {
                let share = count as f64 / all;
                let (label, predicted) = (name(label), name(predicted));
                format!(
                    "<td style=\"--v:{share:.3}\"{} title=\"{label} taken for {predicted}: {count} ({:.1} %)\">{count}</td>",
                    if share > 0.5 { " class=\"much\"" } else { "" },
                    100.0 * share
                )
            };
            let cells: String = counts.iter().enumerate().map(cell).collect();
            format!("<tr><th scope=\"row\">{}</th>{cells}</tr>\n", name(label))
        };
        let rows: String = (0..classes).map(row).collect();
        let caption = "<caption>rows: labels, columns: answers</caption>";
        let table = format!(
            "<table class=\"matrix\">{caption}<thead><tr><td></td>{columns}</tr></thead>\n<tbody>\n{rows}</tbody></table>"
        );
        self.part(heading, &format!("<div class=\"scroll\">{table}</div>\n"))
    }

    /// Adds a list of bars from zero, such as the share of time of each kernel. Values that are negative or not finite have no bar,
    /// only their number.
    pub fn bars(self, heading: &str, bars: &[(String, f64)]) -> Report {
        let longest = bars.iter().map(|bar| bar.1).filter(|value| value.is_finite()).fold(0.0, f64::max);
        let bar = |(name, value): &(String, f64)| {
            let share = if longest > 0.0 && value.is_finite() { (value / longest).max(0.0) } else { 0.0 };
            format!(
                "<li><span>{}</span><i style=\"--v:{share:.4}\"></i><b>{}</b></li>\n",
                escape(name),
                number(*value)
            )
        };
        let bars: String = bars.iter().map(bar).collect();
        self.part(heading, &format!("<ul class=\"bars\">\n{bars}</ul>\n"))
    }

    /// Adds a grid of images over their captions.
    ///
    /// # Errors
    /// [`plot::Error::ImageSize`] for an image whose bytes do not fit its size.
    pub fn images(self, heading: &str, images: &[GridImage]) -> Result<Report> {
        let mut figures = String::new();
        for (index, image) in images.iter().enumerate() {
            let png = image.png(index)?;
            let (class, mark) = match image.ok {
                Some(true) => (" class=\"right\"", "\u{2713} "),
                Some(false) => (" class=\"wrong\"", "\u{2717} "),
                None => ("", ""),
            };
            let (address, label) = (png_address(&png), escape(&image.label));
            figures.push_str(&format!(
                "<figure{class}><img src=\"{address}\" alt=\"\" loading=\"lazy\"><figcaption>{mark}{label}</figcaption></figure>\n"
            ));
        }
        Ok(self.part(heading, &format!("<div class=\"images\">\n{figures}</div>\n")))
    }
}
