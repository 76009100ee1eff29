//! Goes on natively from weights that the page gave for its digits: `cargo run -p wgrad-web --example weights -- IN OUT`. Prints the accuracies
//! of the file that was read and of the file that is written, as JSON. `web/test` exchanges weights with the page by it.

use autograd::Device;
use pollster::block_on;
use serde_json::json;
use wgrad_web::{Session, Settings, Task};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (Some(from), Some(to)) = (std::env::args().nth(1), std::env::args().nth(2)) else {
        return Err("two files are needed: one to read, one to write".into());
    };
    let mut session = Session::new(&Device::named("cpu")?, Task::Digits, Settings { seed: 1, batch: 32 })?;
    session.set_weights(&std::fs::read(from)?)?;
    let read = block_on(session.evaluate())?;
    block_on(session.train(20, 0.001))?;
    std::fs::write(to, block_on(session.weights())?)?;
    println!("{}", json!({ "read": read, "written": block_on(session.evaluate())? }));
    Ok(())
}
