//! Histories on disk.

use std::path::Path;

use train::{Error, History, prepare_output};

fn written(directory: &Path) {
    let mut history = History::create(directory).unwrap();
    for step in 0..4u8 {
        history.stepped(step.into(), &[("lr", 0.1), ("loss", 3.0 - f32::from(step))]).unwrap();
        if step % 2 == 1 {
            let steps = usize::from(step) + 1;
            history
                .evaluated(steps, &[("test loss", f64::NAN), ("accuracy", f64::from(step) / 4.0)])
                .unwrap();
        }
    }
    history.detailed(4, "norms", vec![("w".into(), 0.5)]).unwrap();
}

fn read(directory: &Path) -> String {
    std::fs::read_to_string(directory.join("metrics.jsonl")).unwrap()
}

const ALL: [&str; 7] = [
    r#"{"step":0,"lr":0.1,"loss":3}"#,
    r#"{"step":1,"lr":0.1,"loss":2}"#,
    r#"{"after":2,"test loss":null,"accuracy":0.25}"#,
    r#"{"step":2,"lr":0.1,"loss":1}"#,
    r#"{"step":3,"lr":0.1,"loss":0}"#,
    r#"{"after":4,"test loss":null,"accuracy":0.75}"#,
    r#"{"after":4,"norms":{"w":0.5}}"#,
];

fn lines(lines: &[&str]) -> String {
    lines.iter().map(|line| format!("{line}\n")).collect()
}

#[test]
fn a_history_goes_on_where_it_is_told() {
    let directory = tempfile::tempdir().unwrap();
    written(directory.path());
    assert_eq!(read(directory.path()), lines(&ALL));
    let mut history = History::resume(directory.path(), 3).unwrap();
    assert_eq!((history.recent("loss", 2), history.last("accuracy")), (1.5, Some(0.25)));
    assert!(history.last("test loss").unwrap().is_nan());
    assert_eq!(history.steps("loss", "train", 10.0).points, [(0.0, 30.0), (1.0, 20.0), (2.0, 10.0)]);
    assert_eq!(history.evaluations("accuracy", "test", 100.0).points, [(2.0, 25.0)]);
    assert!(history.details().is_empty());
    history.stepped(3, &[("lr", 0.1), ("loss", 0.0)]).unwrap();
    assert_eq!(read(directory.path()), lines(&ALL[..5]));
    // `open` reads everything and changes nothing.
    written(directory.path());
    let mut opened = History::open(directory.path()).unwrap();
    assert_eq!((opened.len(), opened.details().len()), (4, 1));
    assert!(matches!(opened.evaluated(4, &[("accuracy", 1.0)]), Err(Error::Write { .. })));
    assert_eq!(read(directory.path()), lines(&ALL));
}

#[test]
fn damaged_logs_are_refused_with_their_line() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("metrics.jsonl");
    let fault = |text: &str, steps| {
        std::fs::write(&path, text).unwrap();
        match History::resume(directory.path(), steps) {
            Err(Error::Log { line, .. }) => line,
            Err(other) => panic!("{other}"),
            Ok(_) => panic!("{text:?} was read"),
        }
    };
    let first = ALL[0];
    assert_eq!(fault(&format!("{first}\n{{\"step\":1,\"lr\":0.1}}\n"), 2), 2);
    assert_eq!(fault("{\"step\":0,\"loss\":\"one\"}\n", 1), 1);
    assert_eq!(fault("{\"step\":0,\"loss\":1\n", 1), 1);
    assert_eq!(fault("{\"loss\":1}\n", 1), 1);
    assert_eq!(fault(&format!("{first}\n"), 2), 2);
    assert_eq!(fault("", 1), 1);
    // A run that was killed while writing: the truncated line is ignored.
    std::fs::write(&path, format!("{first}\n{{\"step\":1,\"lr\":0.")).unwrap();
    assert_eq!(History::resume(directory.path(), 1).unwrap().recent("loss", 9), 3.0);
}

#[test]
#[should_panic(expected = "no column accuracy")]
fn unknown_columns_are_mistakes() {
    let directory = tempfile::tempdir().unwrap();
    written(directory.path());
    let _ = History::open(directory.path()).unwrap().recent("accuracy", 1);
}

#[test]
fn outputs_are_tried_at_once() {
    let directory = tempfile::tempdir().unwrap();
    prepare_output(directory.path().join("a/b")).unwrap();
    std::fs::write(directory.path().join("file"), "").unwrap();
    let fault = prepare_output(directory.path().join("file/out")).unwrap_err();
    assert!(fault.to_string().contains("choose another directory"), "{fault}");
}
