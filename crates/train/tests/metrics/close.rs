//! Comparing with recorded numbers.

/// The allowed error: relative for numbers above 1, else absolute.
const TOLERANCE: f64 = 1e-6;

#[track_caller]
pub fn close(what: &str, found: f64, expected: f64) {
    let near = (found - expected).abs() <= TOLERANCE * expected.abs().max(1.0);
    assert!(near || (found.is_nan() && expected.is_nan()), "{what}: {found} instead of {expected}");
}

#[track_caller]
pub fn all_close(what: &str, found: impl IntoIterator<Item = f64>, expected: &[f64]) {
    let found: Vec<f64> = found.into_iter().collect();
    assert_eq!(found.len(), expected.len(), "{what}: {found:?}");
    for (i, (&found, &expected)) in found.iter().zip(expected).enumerate() {
        close(&format!("{what}[{i}]"), found, expected);
    }
}

/// The message with which `f` panics.
pub fn panics<T>(f: impl FnOnce() -> T) -> String {
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(f)).err().expect("a panic");
    let text = caught.downcast_ref::<String>().map(String::as_str);
    text.or(caught.downcast_ref::<&str>().copied()).expect("a message").to_owned()
}
