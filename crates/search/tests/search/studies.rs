//! Studies of small shell programs: journals, failures, time-outs and interruptions. The study that is killed runs in this test
//! program, started again.

#![cfg(unix)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use search::{Error, Outcome, Results, Study, Trial};
use train::Interrupt;

fn study(text: &str) -> Study {
    toml::from_str(text).unwrap_or_else(|e| panic!("{text}\n{e}"))
}

/// A study of a shell script.
fn of(script: &str, rest: &str) -> Study {
    study(&format!("command = ['sh', '-c', '''{script}''']\nobjective = 'loss'\n{rest}"))
}

fn run(study: &Study, directory: &Path) -> search::Result<Results> {
    study.run(directory, &Interrupt::default(), |_| {})
}

fn failure(trial: &Trial) -> &str {
    match &trial.outcome {
        Some(Outcome::Failed { error, .. }) => error,
        other => panic!("{other:?}"),
    }
}

/// `(x - 0.3)^2`, where `x` is what follows `--x`.
const PARABOLA: &str =
    r#"echo starting; awk -v x={x} "BEGIN { printf \"{\\\"loss\\\": %.17g}\\n\", (x - 0.3)^2 }""#;

const X: &str = "search.x.uniform = [0, 1]";

#[test]
fn a_study_finds_the_best_and_records_it() {
    let folder = tempfile::tempdir().unwrap();
    let study = of(PARABOLA, &format!("strategy.grid.points = 11\nparallel = 3\n{X}"));
    let mut seen = 0;
    let results = study.run(folder.path(), &Interrupt::default(), |_| seen += 1).unwrap();
    assert!(results.complete && seen == 11);
    let best = results.best().unwrap();
    assert_eq!(best.values["x"].to_string(), "0.3");
    assert!(best.objective().unwrap() < 1e-12);
    let table = results.table();
    assert!(table.starts_with("trial") && table.lines().count() == 12, "{table}");
    assert!(table.lines().nth(1).unwrap().trim_start().starts_with("3 "), "{table}");
    // What is on the disk says the same.
    assert_eq!(Study::recorded(folder.path()).unwrap(), results);
    let json: serde_json::Value =
        serde_json::from_slice(&std::fs::read(folder.path().join("results.json")).unwrap()).unwrap();
    assert_eq!((&json["best"], json["trials"].as_array().unwrap().len()), (&3.into(), 11));
    let output = std::fs::read_to_string(folder.path().join("trials/0003/stdout.txt")).unwrap();
    assert!(output.starts_with("starting\n{\"loss\": "), "{output}");
    // There is nothing left to do.
    assert_eq!(study.run(folder.path(), &Interrupt::default(), |_| panic!("a trial")).unwrap(), results);
}

#[test]
fn failing_and_hanging_trials_are_recorded() {
    let folder = tempfile::tempdir().unwrap();
    let script = r#"case {kind} in
        good) echo "{\"loss\": 0.5}";;
        bad) echo out of luck >&2; exit 3;;
        silent) ;;
        nan) echo "{\"loss\": null}"; echo but why >&2;;
        killed) kill -9 $$;;
        hanging) echo going to sleep >&2; sleep 60 & sleep 60;;
        stubborn) trap "" TERM; sleep 60 & sleep 60; sleep 60;;
    esac"#;
    let kinds = "search.kind.choice = ['good', 'bad', 'silent', 'nan', 'killed', 'hanging', 'stubborn']";
    let study = of(script, &format!("strategy.grid.points = 1\nparallel = 2\ntimeout_s = 1.5\n{kinds}"));
    let start = Instant::now();
    let results = run(&study, folder.path()).unwrap();
    assert!(start.elapsed() < Duration::from_secs(30), "{:?}", start.elapsed());
    assert!(results.complete);
    assert_eq!(results.best().unwrap().objective(), Some(0.5));
    let errors: Vec<&str> = results.trials[1..].iter().map(failure).collect();
    let want = [
        "it ended with exit status: 3; its standard error ends with\nout of luck",
        "it printed no JSON object on a line of its own",
        "loss is null, not a number; its standard error ends with\nbut why",
        "it ended with signal: 9 (SIGKILL)",
        "it took more than 1.5 s; its standard error ends with\ngoing to sleep",
        "it took more than 1.5 s",
    ];
    assert_eq!(errors, want);
    assert!(results.table().lines().last().unwrap().contains("failed"));
    // Failures are not tried again.
    assert_eq!(study.run(folder.path(), &Interrupt::default(), |_| panic!("a trial")).unwrap(), results);
}

#[test]
fn a_program_that_does_not_exist() {
    let folder = tempfile::tempdir().unwrap();
    let study = study(&format!(
        "command = ['/no/such/program']\nobjective = 'loss'\nstrategy.random.trials = 2\n{X}"
    ));
    let results = run(&study, folder.path()).unwrap();
    assert_eq!((results.best, results.trials.len()), (None, 2));
    assert!(failure(&results.trials[1]).starts_with("cannot run \"/no/such/program\": "));
}

/// The budget is an argument, and a promoted trial finds what the one before it left.
#[test]
fn halving_passes_budgets_and_directories() {
    let folder = tempfile::tempdir().unwrap();
    let script =
        r#"echo "{x} $1 $2" >> {dir}/log; n=$(wc -l < {dir}/log); echo "{\"loss\": {x}, \"runs\": $n}""#;
    let text = format!(
        "command = ['sh', '-c', '''{script}''', 'name']\nobjective = 'loss'\nparallel = 2\n{X}\n
         [strategy.successive_halving]\ntrials = 4\nbudget = {{ name = 'epochs', min = 2, max = 8, factor = 2 }}"
    );
    let results = run(&study(&text), folder.path()).unwrap();
    assert_eq!(results.trials.len(), 4 + 2 + 1);
    let best = results.best().unwrap();
    assert_eq!((best.number, best.budget), (6, Some(8)));
    let first = results.trials[best.promoted_from.unwrap()].promoted_from.unwrap();
    let log = std::fs::read_to_string(folder.path().join(format!("trials/{first:04}/work/log"))).unwrap();
    let x = &best.values["x"];
    let want = [2, 4, 8].map(|epochs| format!("{x} --epochs {epochs}\n")).concat();
    assert_eq!(log, want);
    let table = results.table();
    assert!(table.lines().next().unwrap().contains("budget"), "{table}");
}

#[test]
fn values_go_into_configuration_files() {
    let folder = tempfile::tempdir().unwrap();
    let base = folder.path().join("base.toml");
    std::fs::write(&base, "epochs = 3\n[optimizer]\nname = 'sgd'\nlr = 1.0\n").unwrap();
    let text = format!(
        "command = ['sh', '-c', 'grep -q epochs {{config}} && echo \"{{\\\"loss\\\": $(sed -n \"s/^lr = //p\" {{config}})}}\"']
         config = '{}'\nobjective = 'loss'\nstrategy.random.trials = 3\nsearch.'optimizer.lr'.log_uniform = [0.1, 1]",
        base.display()
    );
    let results = run(&study(&text), &folder.path().join("study")).unwrap();
    for trial in &results.trials {
        assert_eq!(
            trial.objective().map(|x| format!("{x:?}")),
            Some(trial.values["optimizer.lr"].to_string())
        );
    }
    std::fs::write(&base, "epochs = \n").unwrap();
    let error = run(&study(&text), &folder.path().join("other")).unwrap_err().to_string();
    assert!(error.contains("base.toml"), "{error}");
}

#[test]
fn another_study_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let with = |rest: &str| of(PARABOLA, rest);
    let study = with(&format!("strategy.random.trials = 2\n{X}"));
    run(&study, folder.path()).unwrap();
    let refused = [
        (
            "strategy.random.trials = 2\nsearch.x.uniform = [0, 2]",
            "of another search space, {\"x\":{\"uniform\":[0.0,1.0]}} and not",
        ),
        ("strategy.random.trials = 2\nseed = 1\nsearch.x.uniform = [0, 1]", "of another seed, 0 and not 1"),
        ("strategy.grid.points = 2\nsearch.x.uniform = [0, 1]", "of another strategy"),
        ("goal = 'max'\nstrategy.random.trials = 2\nsearch.x.uniform = [0, 1]", "of another goal"),
    ];
    for (rest, want) in refused {
        let error = run(&with(rest), folder.path()).unwrap_err();
        assert!(matches!(error, Error::Journal { line: 1, .. }), "{error:?}");
        let error = error.to_string();
        assert!(error.contains(want) && error.contains("use another directory"), "{error}");
    }
    // More trials are no other study.
    let more = run(&with(&format!("strategy.random.trials = 4\n{X}")), folder.path()).unwrap();
    assert_eq!(more.trials.len(), 4);
}

#[test]
fn studies_that_make_no_sense_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let cases = [
        ("command = []\nstrategy.random.trials = 1", "the command is empty"),
        ("command = ['a', '{y}']\nstrategy.random.trials = 1", "{y} in the command is neither searched"),
        ("command = ['a']\ntimeout_s = -1\nstrategy.random.trials = 1", "timeout_s"),
        ("command = ['a']\ntimeout_s = 1e300\nstrategy.random.trials = 1", "timeout_s"),
        ("command = ['a']\nstrategy.random.trials = 0", "trials is 0"),
        (
            "command = ['a', '{config}']\nconfig = '/no/such.toml'\nstrategy.random.trials = 1",
            "/no/such.toml",
        ),
    ];
    for (text, want) in cases {
        let text = format!("objective = 'loss'\n{text}\n{X}");
        let error = run(&study(&text), folder.path()).unwrap_err().to_string();
        assert!(error.contains(want), "{text}: {error}");
    }
    assert_eq!(
        std::fs::read_dir(folder.path()).unwrap().count(),
        0,
        "nothing is written before all is checked"
    );
    let text = "comand = ['a']";
    let error = toml::from_str::<Study>(text).unwrap_err().to_string();
    assert!(error.contains("unknown field `comand`, expected one of `command`"), "{error}");
}

/// A directory below a file can't be made.
#[test]
fn a_directory_that_cannot_be_made() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let error =
        run(&of(PARABOLA, &format!("strategy.random.trials = 1\n{X}")), &file.path().join("a")).unwrap_err();
    assert!(matches!(error, Error::Write { .. }), "{error:?}");
}

#[test]
fn a_cut_journal_is_gone_on_with_and_a_damaged_one_refused() {
    let folder = tempfile::tempdir().unwrap();
    let study = of(PARABOLA, &format!("strategy.bayesian.trials = 7\n{X}"));
    let straight = values(&run(&study, folder.path()).unwrap());
    let path = folder.path().join("journal.jsonl");
    let whole = std::fs::read(&path).unwrap();
    let lines: Vec<&[u8]> = whole.split_inclusive(|&b| b == b'\n').collect();
    assert_eq!(lines.len(), 1 + 2 * 7);
    // Cut anywhere: in the first line, after any event, and in the middle of any.
    for cut in (0..whole.len()).step_by(97) {
        std::fs::write(&path, &whole[..cut]).unwrap();
        assert_eq!(values(&run(&study, folder.path()).unwrap()), straight, "cut at {cut}");
    }
    let damage: [(&str, Vec<u8>); 5] = [
        ("line 2", [lines[0], &b"{\"event\": \"started\"\n"[..], lines[2]].concat()),
        ("line 1", [lines[1], lines[2]].concat()),
        ("line 2", [lines[0], lines[2]].concat()),
        ("line 3", [lines[0], lines[1], lines[1]].concat()),
        ("line 4", [lines[0], lines[1], lines[2], lines[2]].concat()),
    ];
    for (want, bytes) in damage {
        std::fs::write(&path, &bytes).unwrap();
        let error = run(&study, folder.path()).unwrap_err().to_string();
        assert!(error.contains(want), "{error}");
        assert_eq!(std::fs::read(&path).unwrap(), bytes, "it is left as it was");
    }
    std::fs::write(&path, [0xff, 0xfe, b'\n']).unwrap();
    assert!(matches!(run(&study, folder.path()), Err(Error::Journal { .. })));
}

/// What was tried and what came of it, without times.
fn values(results: &Results) -> Vec<(String, Option<f64>)> {
    let of = |t: &Trial| (format!("{:?} {:?} {:?}", t.values, t.budget, t.promoted_from), t.objective());
    results.trials.iter().map(of).collect()
}

#[test]
fn a_stop_ends_programs_and_the_study_goes_on_later() {
    let folder = tempfile::tempdir().unwrap();
    let marker = folder.path().join("slow");
    // Slow only as long as the marker is there.
    let script = format!("[ -e {} ] && echo $$ >> {0}.pids && sleep 60; {PARABOLA}", marker.display());
    let study = of(&script, &format!("strategy.random.trials = 4\nparallel = 2\n{X}"));
    std::fs::write(&marker, "").unwrap();
    let pids = marker.with_extension("pids");
    let stop = Interrupt::default();
    let directory = folder.path().join("study");
    let start = Instant::now();
    let results = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !std::fs::read_to_string(&pids).is_ok_and(|p| p.lines().count() == 2) {
                std::thread::sleep(Duration::from_millis(10));
            }
            stop.request();
        });
        study.run(&directory, &stop, |_| {}).unwrap()
    });
    assert!(start.elapsed() < Duration::from_secs(20));
    assert!(!results.complete && results.trials.len() == 2 && !results.trials[0].ended());
    for pid in std::fs::read_to_string(&pids).unwrap().lines() {
        assert!(!Path::new("/proc").join(pid).exists(), "{pid} still runs");
    }
    std::fs::remove_file(&marker).unwrap();
    let resumed = run(&study, &directory).unwrap();
    assert!(resumed.complete);
    assert_eq!(resumed.trials[0].values, results.trials[0].values);
    let straight = run(&study, &folder.path().join("straight")).unwrap();
    assert_eq!(values(&resumed), values(&straight));
}

/// The directory of the child's study; set in the child process only.
const CHILD: &str = "WGRAD_TEST_STUDY_IN";

/// Two trials at once, each a tenth of a second long, which also record every run.
fn slow_study(directory: &Path) -> Study {
    let script = format!("echo {{trial}} >> {}/ran; sleep 0.1; {PARABOLA}", directory.display());
    of(&script, &format!("strategy.bayesian.trials = 14\nparallel = 2\n{X}"))
}

#[test]
fn studies_until_it_is_killed() {
    let Some(directory) = std::env::var_os(CHILD).map(PathBuf::from) else { return };
    run(&slow_study(&directory), &directory.join("study")).unwrap();
}

#[test]
fn a_killed_study_goes_on_as_if_it_had_not_been() {
    if std::env::var_os(CHILD).is_some() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let straight = folder.path().join("straight");
    std::fs::create_dir(&straight).unwrap();
    let want = run(&slow_study(&straight), &straight.join("study")).unwrap();

    let killed = folder.path().join("killed");
    std::fs::create_dir(&killed).unwrap();
    let study = slow_study(&killed);
    let mut kills = 0;
    for round in 0..4 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "studies::studies_until_it_is_killed", "--test-threads", "1"])
            .env(CHILD, &killed)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // Waits until a few more trials ended, and then for a moment that differs by round.
        let target = 2 * (round + 1);
        let done = || {
            Study::recorded(&killed.join("study"))
                .map_or(0, |r| r.trials.iter().filter(|t| t.ended()).count())
        };
        while done() < target {
            std::thread::sleep(Duration::from_millis(5));
        }
        std::thread::sleep(Duration::from_millis(37 * round as u64));
        assert!(
            matches!(run(&study, &killed.join("study")), Err(Error::Journal { .. })),
            "it is the other's for now"
        );
        child.kill().unwrap();
        child.wait().unwrap();
        let recorded = Study::recorded(&killed.join("study")).unwrap();
        kills += usize::from(!recorded.complete);
    }
    assert!(kills >= 3, "{kills} kills while it ran");
    let ended: BTreeSet<usize> = Study::recorded(&killed.join("study"))
        .unwrap()
        .trials
        .iter()
        .filter(|t| t.ended())
        .map(|t| t.number)
        .collect();
    let traces = || std::fs::read_to_string(killed.join("ran")).unwrap();
    let before = traces().len();
    let got = run(&study, &killed.join("study")).unwrap();
    assert!(got.complete);
    assert_eq!(values(&got), values(&want));
    for number in traces()[before..].lines().map(|line| line.parse().unwrap()) {
        assert!(!ended.contains(&number), "trial {number} had ended and ran again");
    }
}
