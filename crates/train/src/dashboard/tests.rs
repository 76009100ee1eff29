//! The characters on the screen.

use std::time::Duration;

use plot::Series;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::{Dashboard, View, draw, format, keys};
use crate::Error;

fn screen(width: u16, height: u16, view: &View, stopping: bool) -> Vec<String> {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| draw::screen(frame, "resnet20", view, stopping)).unwrap();
    let buffer = terminal.backend().buffer();
    let row = |y| (0..width).map(|x| buffer[(x, y)].symbol()).collect::<String>();
    (0..height).map(row).collect()
}

fn view() -> View {
    let falling =
        |name: &str| Series::new(name, (0..500).map(|x| (f64::from(x), 2.5 - f64::from(x) / 250.0)));
    View {
        step: 250,
        steps: 1000,
        epoch: 2,
        epochs: 8,
        elapsed: Duration::from_secs(65),
        steps_per_s: 2.0,
        throughput: Some(("images".into(), 256.0)),
        lr: Some(0.1),
        device: "llvmpipe".into(),
        memory: Some(3 << 20),
        losses: vec![falling("train")],
        metrics: vec![Series::new("accuracy", [(100.0, 0.5), (200.0, 0.75)])],
        messages: (0..9).map(|i| format!("message {i}")).collect(),
    }
}

#[test]
fn everything_is_on_the_screen() {
    let rows = screen(100, 40, &view(), false);
    let text = rows.join("\n");
    for part in [
        "resnet20",
        "25 %",
        "step 250 / 1000",
        "epoch 2 / 8",
        "elapsed 1:05",
        "left 6:15",
        "steps/s 2.00",
        "images/s 256",
        "learning rate 0.1000",
        "device llvmpipe",
        "memory 3.0 MiB",
        "━━ train 0.50",
        "━━ accuracy 0.7500",
        "message 8",
        "q or Ctrl-C: stop",
    ] {
        assert!(text.contains(part), "{part:?} in\n{text}");
    }
    assert!(!text.contains("message 3"), "only the last messages");
    assert!(screen(100, 40, &view(), true).join("\n").contains("stopping after this step"));
}

#[test]
fn a_falling_line_falls() {
    let only = View { losses: view().losses, ..View::default() };
    let rows = screen(100, 30, &only, false);
    let dots = |row: &String, from: usize, to: usize| {
        row.chars().skip(from).take(to - from).any(|c| ('\u{2801}'..='\u{28ff}').contains(&c))
    };
    let first = |from, to| rows.iter().position(|row| dots(row, from, to)).unwrap();
    assert!(first(10, 30) + 5 < first(75, 99), "{}", rows.join("\n"));
    let labels = rows.join("\n");
    assert!(labels.contains("2.50") && labels.contains("0.50"), "ends of the axis\n{labels}");
}

#[test]
fn small_screens_and_odd_numbers_are_drawn() {
    let odd = [(0.0, f64::NAN), (f64::INFINITY, 1.0), (1.0, 1e300), (2.0, -1.0), (2.0, -1.0)];
    let odd = View {
        losses: vec![Series::new("long ".repeat(500), odd), Series::default()],
        steps: 3,
        step: 9,
        steps_per_s: f64::NAN,
        messages: vec!["\u{1b}[31mred\nlines".repeat(99)],
        ..view()
    };
    for view in [View::default(), view(), odd] {
        for (width, height) in [(1, 1), (3, 9), (20, 5), (40, 12), (80, 24), (300, 90)] {
            let rows = screen(width, height, &view, true);
            assert!(rows.iter().all(|row| !row.contains('\u{1b}')));
        }
    }
    assert!(screen(80, 24, &View::default(), false).join("\n").contains("nothing to show yet"));
}

#[test]
fn numbers_read_well() {
    let durations = [7, 754, 3723, 273_900].map(|s| format::duration(Duration::from_secs(s)));
    assert_eq!(durations, ["0:07", "12:34", "1:02:03", "3 d 04:05"]);
    assert_eq!(
        [512, 1536, 12 << 30, u64::MAX].map(format::bytes),
        ["512 B", "1.5 KiB", "12.0 GiB", "16777216.0 TiB"]
    );
    let numbers = [0.0, 0.1234, 12.34, 54321.0, 1.2e-5, 3e8, -0.5, f64::NAN].map(format::number);
    assert_eq!(numbers, ["0", "0.1234", "12.34", "54321", "1.2e-5", "3.00e8", "-0.5000", "NaN"]);
}

#[test]
fn three_keys_ask_to_stop() {
    let asks = |code, modifiers| keys::asks_to_stop(&KeyEvent::new(code, modifiers));
    assert!(asks(KeyCode::Char('q'), KeyModifiers::NONE) && asks(KeyCode::Esc, KeyModifiers::NONE));
    assert!(asks(KeyCode::Char('c'), KeyModifiers::CONTROL) && !asks(KeyCode::Char('c'), KeyModifiers::NONE));
    assert!(!asks(KeyCode::Char('x'), KeyModifiers::NONE));
}

#[test]
fn without_a_terminal_there_is_an_error() {
    use std::io::IsTerminal;
    if !(std::io::stdin().is_terminal() && std::io::stdout().is_terminal()) {
        let error = Dashboard::open("x").err().unwrap();
        assert!(matches!(error, Error::Terminal { .. }), "{error}");
    }
}
