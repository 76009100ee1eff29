//! The screen: progress and figures on top, charts below, messages at the bottom.

use std::time::Duration;

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Gauge, Paragraph};

use super::format::{bytes, duration, number};
use super::{View, chart};

/// Messages shown at once.
const MESSAGES: usize = 5;

pub(super) fn screen(frame: &mut Frame, title: &str, view: &View, stopping: bool) {
    let shown = view.messages.len().min(MESSAGES) as u16;
    let messages = if shown > 0 { shown + 2 } else { 0 };
    let rows = [
        Constraint::Length(1),
        Constraint::Length(1),
        Constraint::Length(3),
        Constraint::Min(6),
        Constraint::Length(messages),
        Constraint::Length(1),
    ];
    let [head, progress, figures, charts, log, foot] = Layout::vertical(rows).areas(frame.area());
    let bold = Style::default().add_modifier(Modifier::BOLD);
    frame.render_widget(Line::styled(title, bold).centered(), head);
    gauge(frame, progress, view);
    frame.render_widget(Paragraph::new(facts(view)), figures);
    match (view.losses.is_empty(), view.metrics.is_empty()) {
        (_, true) => chart::draw(frame, charts, "loss", &view.losses),
        (true, false) => chart::draw(frame, charts, "metrics", &view.metrics),
        (false, false) => {
            // Side by side if the area is wide, or too low to stack the charts.
            let wide = charts.width >= 110 || charts.height < 18;
            let split = if wide { Layout::horizontal } else { Layout::vertical };
            let [loss, metrics] = split([Constraint::Fill(1), Constraint::Fill(1)]).areas(charts);
            chart::draw(frame, loss, "loss", &view.losses);
            chart::draw(frame, metrics, "metrics", &view.metrics);
        }
    }
    if shown > 0 {
        let last = view.messages.iter().skip(view.messages.len() - usize::from(shown));
        let lines: Vec<Line> = last.map(|message| Line::raw(message.as_str())).collect();
        frame.render_widget(Paragraph::new(lines).block(Block::bordered().title(" messages ")), log);
    }
    frame.render_widget(footer(stopping), foot);
}

/// A bar with the fraction of the steps that is done.
fn gauge(frame: &mut Frame, area: Rect, view: &View) {
    if view.steps == 0 {
        return;
    }
    let share = (view.step as f64 / view.steps as f64).clamp(0.0, 1.0);
    // Rounded down: 100 % only at the end.
    let label = format!("{:.0} %", (100.0 * share).floor());
    frame.render_widget(Gauge::default().ratio(share).label(label).gauge_style(Color::Blue), area);
}

fn facts(view: &View) -> Vec<Line<'static>> {
    let of = |done: usize, all: usize| if all > 0 { format!("{done} / {all}") } else { done.to_string() };
    let mut facts = vec![("step", of(view.step, view.steps))];
    if view.epoch > 0 {
        facts.push(("epoch", of(view.epoch, view.epochs)));
    }
    facts.push(("elapsed", duration(view.elapsed)));
    facts.extend(left(view).map(|left| ("left", duration(left))));
    let mut speed = vec![("steps/s", number(view.steps_per_s))];
    let counted = view.throughput.iter().map(|(what, count)| Fact::new(format!("{what}/s"), number(*count)));
    let counted: Vec<Fact> = counted.collect();
    speed.extend(view.lr.map(|lr| ("learning rate", number(lr))));
    let mut place = vec![];
    if !view.device.is_empty() {
        place.push(("device", view.device.clone()));
    }
    place.extend(view.memory.map(|memory| ("memory", bytes(memory))));
    let fact = |(name, value): (&str, String)| Fact::new(name.into(), value);
    let speed = speed.into_iter().map(fact).chain(counted);
    vec![line(facts.into_iter().map(fact)), line(speed), line(place.into_iter().map(fact))]
}

struct Fact {
    name: String,
    value: String,
}

impl Fact {
    fn new(name: String, value: String) -> Fact {
        Fact { name, value }
    }
}

fn line(facts: impl Iterator<Item = Fact>) -> Line<'static> {
    let spans = facts.flat_map(|fact| {
        let name = Span::styled(format!("{} ", fact.name), Modifier::DIM);
        [name, Span::styled(fact.value, Modifier::BOLD), Span::raw("    ")]
    });
    Line::from(spans.collect::<Vec<_>>())
}

/// The time that the remaining steps will take.
fn left(view: &View) -> Option<Duration> {
    let steps = view.steps.checked_sub(view.step).filter(|_| view.steps > 0)?;
    Duration::try_from_secs_f64(steps as f64 / view.steps_per_s).ok()
}

fn footer(stopping: bool) -> Line<'static> {
    match stopping {
        true => Line::styled("stopping after this step ...", Style::default().fg(Color::Red)),
        false => Line::styled("q or Ctrl-C: stop after this step", Modifier::DIM),
    }
}
