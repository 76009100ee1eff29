//! The page: sections one after another between a fixed head and script.

use std::path::Path;

use super::html::{escape, png_address};
use crate::{Result, atomic};

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");

/// A picture as the bytes of a PNG file, with an optional second one for dark pages.
///
/// [`Figure::png`](plot::Figure::png) makes both.
#[derive(Clone, Copy, Debug)]
pub struct Png<'a> {
    /// For light pages, and for dark ones if there is no other.
    pub light: &'a [u8],
    /// For dark pages.
    pub dark: Option<&'a [u8]>,
}

/// A page under construction. All given text is escaped: none of it becomes markup.
#[derive(Clone, Debug)]
pub struct Report {
    title: String,
    body: String,
    /// Headings, for the list at the top; the index is part of their anchors.
    sections: Vec<String>,
}

impl Report {
    /// A page with a title.
    pub fn new(title: impl Into<String>) -> Report {
        Report { title: title.into(), body: String::new(), sections: vec![] }
    }

    /// Begins a section, which contains the parts that follow.
    pub fn section(mut self, heading: &str) -> Report {
        if !self.sections.is_empty() {
            self.body.push_str("</section>\n");
        }
        let index = self.sections.len();
        self.sections.push(heading.to_owned());
        self.body.push_str(&format!("<section id=\"s{index}\">\n<h2>{}</h2>\n", escape(heading)));
        self
    }

    /// Adds paragraphs, which are separated by empty lines.
    pub fn text(mut self, text: &str) -> Report {
        for paragraph in text.split("\n\n").filter(|paragraph| !paragraph.trim().is_empty()) {
            self.body.push_str(&format!("<p>{}</p>\n", escape(paragraph.trim())));
        }
        self
    }

    /// Adds a picture over its caption.
    pub fn picture(self, heading: &str, caption: &str, png: Png) -> Report {
        let dark = png.dark.map_or_else(String::new, |dark| {
            format!("<source media=\"(prefers-color-scheme: dark)\" srcset=\"{}\">", png_address(dark))
        });
        let (address, alt) = (png_address(png.light), escape(heading));
        let image =
            format!("<picture>{dark}<img src=\"{address}\" alt=\"{alt}\" loading=\"lazy\"></picture>");
        self.part(heading, &format!("<figure>{image}<figcaption>{}</figcaption></figure>\n", escape(caption)))
    }

    /// The whole page as HTML.
    pub fn html(&self) -> String {
        let link =
            |(index, heading): (usize, &String)| format!("<a href=\"#s{index}\">{}</a>", escape(heading));
        let links: String = self.sections.iter().enumerate().map(link).collect();
        let nav = if self.sections.len() > 1 { format!("<nav>{links}</nav>\n") } else { String::new() };
        let end = if self.sections.is_empty() { "" } else { "</section>\n" };
        let (title, body) = (escape(&self.title), &self.body);
        format!(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta name=\"color-scheme\" content=\"light dark\">\n\
             <title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<header>\n<h1>{title}</h1>\n{nav}</header>\n\
             <main>\n<noscript><p>Curves and heat maps need this page's script.</p></noscript>\n{body}{end}</main>\n\
             <script>\n{SCRIPT}</script>\n</body>\n</html>\n"
        )
    }

    /// Writes the page atomically.
    ///
    /// # Errors
    /// [`Error::Write`](crate::Error::Write)
    pub fn write(&self, path: impl AsRef<Path>) -> Result<()> {
        atomic::write(path.as_ref(), self.html().as_bytes())
    }

    /// Adds a part under a heading; an empty heading is left out.
    pub(super) fn part(mut self, heading: &str, html: &str) -> Report {
        if !heading.is_empty() {
            self.body.push_str(&format!("<h3>{}</h3>\n", escape(heading)));
        }
        self.body.push_str(html);
        self
    }
}
