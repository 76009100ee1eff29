//! Histories on disk.

use std::path::Path;

use train::{Error, History, prepare_output};

const COLUMNS: [&str; 2] = ["lr", "loss"];

fn written(directory: &Path) {
    let mut history = History::create(directory, &COLUMNS).unwrap();
    for step in 0..4u8 {
        history.stepped(step.into(), &[0.1, 3.0 - f32::from(step)]).unwrap();
        if step % 2 == 1 {
            history.evaluated(usize::from(step) + 1, "accuracy", f64::from(step) / 4.0).unwrap();
        }
    }
}

fn read(directory: &Path, name: &str) -> String {
    std::fs::read_to_string(directory.join(name)).unwrap()
}

#[test]
fn a_history_goes_on_where_it_is_told() {
    let directory = tempfile::tempdir().unwrap();
    written(directory.path());
    let all = read(directory.path(), "steps.csv");
    assert_eq!(all, "step,lr,loss\n0,0.1,3\n1,0.1,2\n2,0.1,1\n3,0.1,0\n");
    let mut history = History::resume(directory.path(), &COLUMNS, 3).unwrap();
    assert_eq!((history.recent("loss", 2), history.last("accuracy")), (1.5, Some(0.25)));
    assert_eq!(history.steps("loss", "train", 10.0).points, [(0.0, 30.0), (1.0, 20.0), (2.0, 10.0)]);
    assert_eq!(history.evaluations("accuracy", "test", 100.0).points, [(2.0, 25.0)]);
    history.stepped(3, &[0.1, 0.0]).unwrap();
    assert_eq!(read(directory.path(), "steps.csv"), all);
    assert_eq!(read(directory.path(), "evaluations.csv"), "steps,what,value\n2,accuracy,0.25\n");
}

#[test]
fn damaged_logs_are_refused_with_their_line() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("steps.csv");
    let fault = |text: &str, steps| {
        written(directory.path());
        std::fs::write(&path, text).unwrap();
        match History::resume(directory.path(), &COLUMNS, steps) {
            Err(Error::Log { line, .. }) => line,
            Err(other) => panic!("{other}"),
            Ok(_) => panic!("{text:?} was read"),
        }
    };
    assert_eq!(fault("step,lr\n0,0.1\n", 1), 1);
    assert_eq!(fault("step,lr,loss\n0,0.1,1\n1,0.1\n", 2), 3);
    assert_eq!(fault("step,lr,loss\n0,0.1,one\n", 1), 2);
    assert_eq!(fault("step,lr,loss\n0,0.1,1\n", 2), 2);
    assert_eq!(fault("", 0), 1);
    // A run that was killed while it wrote: the line that was cut off does not count.
    written(directory.path());
    std::fs::write(&path, "step,lr,loss\n0,0.1,1\n1,0.").unwrap();
    assert_eq!(History::resume(directory.path(), &COLUMNS, 1).unwrap().recent("loss", 9), 1.0);
}

#[test]
#[should_panic(expected = "no column accuracy")]
fn unknown_columns_are_mistakes() {
    let directory = tempfile::tempdir().unwrap();
    let _ = History::create(directory.path(), &COLUMNS).unwrap().recent("accuracy", 1);
}

#[test]
fn outputs_are_tried_at_once() {
    let directory = tempfile::tempdir().unwrap();
    prepare_output(directory.path().join("a/b")).unwrap();
    std::fs::write(directory.path().join("file"), "").unwrap();
    let fault = prepare_output(directory.path().join("file/out")).unwrap_err();
    assert!(fault.to_string().contains("choose another directory"), "{fault}");
}
