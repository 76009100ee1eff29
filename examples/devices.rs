//! Lists the GPU adapters of this machine and says which device wgrad would take: `cargo run --release --example devices`.

use wgrad::prelude::*;

fn main() -> wgrad::Result<()> {
    let adapters = Device::list();
    if adapters.is_empty() {
        println!("no GPU adapters");
    }
    for adapter in adapters {
        println!("{}: {}", adapter.index, adapter.info);
        println!("   driver: {}", adapter.driver);
        for (limit, value) in adapter.limits {
            println!("   {limit}: {value}");
        }
        let has: Vec<&str> = adapter.features.iter().filter(|(_, has)| *has).map(|(name, _)| *name).collect();
        println!("   features: {}", if has.is_empty() { "none".into() } else { has.join(", ") });
    }
    println!("taken by default: {}", Device::best()?.info());
    Ok(())
}
