//! The losses of the first steps of the page's tasks, as JSON: `cargo run -p wgrad-web --example losses -- [DEVICE] [STEPS]`. `web/test`
//! compares them with the browser's.

use autograd::Device;
use serde_json::{Map, json};
use wgrad_web::{Session, Settings, Task};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let device = Device::named(&arguments.next().unwrap_or_else(|| "cpu".into()))?;
    let steps = arguments.next().map_or(Ok(20), |count| count.parse())?;
    let mut all = Map::new();
    for (name, task, batch, lr) in [
        ("digits", Task::Digits, 32, 0.001),
        ("shapes", Task::Shapes, 8, 0.0002),
        ("text", Task::Text(include_str!("../page/verses.txt").into()), 8, 0.002),
    ] {
        let mut session = Session::new(&device, task, Settings { seed: 1, batch })?;
        let losses: Vec<f32> =
            pollster::block_on(session.train(steps, lr))?.iter().map(|progress| progress.loss).collect();
        all.insert(name.into(), json!({ "losses": losses, "batch": batch, "lr": lr }));
    }
    println!("{}", json!(all));
    Ok(())
}
