//! What the page trains: drawn digits, pictures, a text. The same code runs natively (`cargo test -p wgrad-web`) and in a browser.

#[cfg(target_arch = "wasm32")]
mod page;
mod pictures;
mod session;
mod text;

pub use session::{Error, Progress, Result, Session, Settings, Task};
