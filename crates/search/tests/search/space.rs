//! Spaces: reading, checking, and where values lie.

use search::{Dimension, Space, Value};

fn read(text: &str) -> Result<Space, String> {
    toml::from_str(text).map_err(|e| e.to_string())
}

#[test]
fn wrong_spaces_are_refused_with_their_reason() {
    let cases = [
        (
            "lr.log_uniform = [0, 1]",
            "search space, lr: log_uniform needs finite bounds 0 < low < high, not [0, 1]",
        ),
        ("x.uniform = [1.0, 1.0]", "x: uniform needs finite bounds low < high, not [1, 1]"),
        ("x.uniform = [0.0, inf]", "x: uniform needs finite bounds"),
        ("x.uniform = [nan, 1.0]", "x: uniform needs finite bounds"),
        ("x.uniform = [-1.7e308, 1.7e308]", "x: uniform needs finite bounds"),
        ("n.integer = [3, 2]", "n: integer needs low < high within 2^53, not [3, 2]"),
        ("n.integer = [0, 9223372036854775807]", "n: integer needs"),
        ("n.log_integer = [0, 8]", "n: log_integer needs 0 < low < high within 2^53, not [0, 8]"),
        ("o.choice = []", "o: choice needs options"),
        ("o.choice = [1, 2, 1]", "o: choice has the option 1 twice"),
        ("o.choice = [1.0, inf]", "o: choice has the option inf"),
        ("x.loguniform = [1, 2]", "unknown variant `loguniform`, expected one of `uniform`, `log_uniform`"),
        ("x.uniform = [1]", "expected tuple with length 2"),
        ("\"a b\".uniform = [0, 1]", "a b: a name is of letters"),
        ("--x.uniform = [0, 1]", "--x: a name is of letters"),
        ("", "nothing to search"),
    ];
    for (text, want) in cases {
        let error = read(text).unwrap_err();
        assert!(error.contains(want), "{text}: {error}");
    }
    let twice = Space::new([("a", Dimension::Integer(0, 1)), ("a", Dimension::Integer(0, 1))]);
    assert!(twice.unwrap_err().to_string().contains("a: is given twice"));
}

#[test]
fn a_space_is_the_same_after_json() {
    let text = "a.uniform = [0, 0.1]\nb.log_integer = [1, 64]\nc.choice = [true, 1, 0.5, 'x']\n'd.e'.integer = [-3, 3]";
    let space = read(text).unwrap();
    let json = serde_json::to_string(&space).unwrap();
    assert_eq!(serde_json::from_str::<Space>(&json).unwrap(), space);
    assert_eq!(space.iter().map(|(name, _)| name).collect::<Vec<_>>(), ["a", "b", "c", "d.e"]);
}

#[test]
fn values_lie_where_they_come_from() {
    let options = ["a", "b", "c"].map(Value::from).to_vec();
    let dimensions = [
        Dimension::Uniform(-3.0, 7.0),
        Dimension::LogUniform(1e-5, 10.0),
        Dimension::Integer(-4, 12),
        Dimension::LogInteger(1, 1000),
        Dimension::Choice(options),
    ];
    for dimension in &dimensions {
        for i in 0..=1000 {
            let value = dimension.at(f64::from(i) / 1000.0);
            let position =
                dimension.position(&value).unwrap_or_else(|| panic!("{dimension:?}: {value} is outside"));
            let again = dimension.at(position);
            match (&value, &again) {
                (Value::Float(a), Value::Float(b)) => assert!((a - b).abs() <= 1e-12 * a.abs().max(1.0)),
                _ => assert_eq!(value, again, "{dimension:?}"),
            }
        }
    }
    let [uniform, log, integer, log_integer, choice] = &dimensions;
    assert_eq!((uniform.at(0.0), uniform.at(1.0)), (Value::Float(-3.0), Value::Float(7.0)));
    assert_eq!((log_integer.at(0.0), log_integer.at(1.0)), (Value::Integer(1), Value::Integer(1000)));
    assert_eq!((log.position(&Value::Float(11.0)), integer.position(&Value::Integer(13))), (None, None));
    assert_eq!((choice.position(&"d".into()), uniform.position(&"a".into())), (None, None));
    assert_eq!(choice.at(0.34), "b".into());
}

/// Every whole number of a range as often, and by logarithm as often as its share of the logarithm.
#[test]
fn whole_numbers_are_drawn_by_their_share() {
    let count = |dimension: &Dimension, n: i64| {
        let hits = |i: &i32| dimension.at((f64::from(*i) + 0.5) / 1e5) == Value::Integer(n);
        (0..100_000).filter(hits).count() as f64 / 1e5
    };
    for n in 2..=6 {
        assert!((count(&Dimension::Integer(2, 6), n) - 0.2).abs() < 1e-4);
        let share = ((n as f64 + 0.5) / (n as f64 - 0.5)).ln() / (6.5f64 / 1.5).ln();
        assert!((count(&Dimension::LogInteger(2, 6), n) - share).abs() < 1e-4);
    }
}
