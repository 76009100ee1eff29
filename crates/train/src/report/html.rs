//! Text, numbers and data escaped for a page.

/// A text escaped for use between tags and in quoted attributes.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            // HTML allows no other control characters.
            c if c.is_control() && !matches!(c, '\n' | '\t') => escaped.push('\u{fffd}'),
            c => escaped.push(c),
        }
    }
    escaped
}

/// A value as JSON escaped for use in a script element.
pub(super) fn json(value: &serde_json::Value) -> String {
    value.to_string().replace('<', "\\u003c")
}

/// A number for a chart, rounded to five significant digits, more than a screen resolves; `null` if it is not finite.
pub(super) fn coordinate(value: f64) -> serde_json::Value {
    if !value.is_finite() {
        return serde_json::Value::Null;
    }
    let short: f64 = format!("{value:.4e}").parse().unwrap_or(value);
    serde_json::json!(short)
}

/// A number as text: up to five digits.
pub(super) fn number(value: f64) -> String {
    match value.abs() {
        0.0 => "0".into(),
        size if !size.is_finite() => value.to_string(),
        size if !(1e-4..1e6).contains(&size) => format!("{value:.3e}"),
        size if size >= 1000.0 => trimmed(format!("{value:.1}")),
        size if size >= 1.0 => trimmed(format!("{value:.4}")),
        _ => trimmed(format!("{value:.5}")),
    }
}

fn trimmed(text: String) -> String {
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// The bytes of a PNG file as a data URL.
pub(super) fn png_address(png: &[u8]) -> String {
    use base64::prelude::{BASE64_STANDARD, Engine};
    format!("data:image/png;base64,{}", BASE64_STANDARD.encode(png))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_a_text_is_markup() {
        assert_eq!(escape(r#"<b a="x" c='y'>&"#), "&lt;b a=&quot;x&quot; c=&#39;y&#39;&gt;&amp;");
        assert_eq!(escape("a\u{0}\u{1b}b\n"), "a\u{fffd}\u{fffd}b\n");
        let script = json(&serde_json::json!("</script><!--"));
        assert!(!script.contains('<'));
        assert_eq!(serde_json::from_str::<String>(&script).unwrap(), "</script><!--");
    }

    #[test]
    fn numbers_are_short() {
        let numbers = [0.0, 0.25, 12.0, 1.23456789, 123456.78, 1e-7, 2e9, f64::NAN].map(number);
        assert_eq!(numbers, ["0", "0.25", "12", "1.2346", "123456.8", "1.000e-7", "2.000e9", "NaN"]);
        assert_eq!(coordinate(1.23456789).to_string(), "1.2346");
        assert_eq!(coordinate(f64::INFINITY), serde_json::Value::Null);
    }
}
