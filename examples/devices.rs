//! Lists the GPU adapters of this machine and says which device wgrad would take: `cargo run --release --example devices`.

use wgrad::prelude::*;

fn main() -> wgrad::Result<()> {
    let adapters = Device::list();
    if adapters.is_empty() {
        println!("no GPU adapters");
    }
    for adapter in adapters {
        println!("{}: {}", adapter.selector, adapter.info);
        println!("   driver: {} {}", adapter.driver, adapter.driver_version);
        for limit in adapter.limits {
            println!("   {}: {} ({} needed)", limit.name, limit.value, limit.needed);
        }
        let has: Vec<&str> = adapter.features.iter().filter(|f| f.present).map(|f| f.name).collect();
        println!("   features: {}", if has.is_empty() { "none".into() } else { has.join(", ") });
    }
    println!("taken by default: {}", Device::best()?.info());
    Ok(())
}
