//! A world with virtual time around the real worker: engine, spool, client and driver are core's own, the rest is made up from a
//! seed. See docs/simulator.md.

mod app;
mod chaos;
mod clock;
mod device;
mod judge;
mod network;
mod orders;
mod scenario;
mod service;
mod steps;
mod wire;
mod world;

use world::World;

fn main() {
    let mut found = 0;
    let start = std::time::Instant::now();
    let (from, to) = {
        let mut args = std::env::args().skip(1).map(|a| a.parse::<u64>().unwrap_or(0));
        (args.next().unwrap_or(0), args.next().unwrap_or(100))
    };
    for seed in from..to {
        let mut world = World::new(seed, to - from == 1);
        let t = std::time::Instant::now();
        let end = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| world.run()));
        let took = t.elapsed();
        if to - from == 1 {
            for line in world.trace.iter().flatten() {
                println!("{line}");
            }
        }
        if took.as_millis() > 300 {
            println!("{seed}: slow {took:?} {:?} {:?}", world.scenario.kind, world.now);
        }
        match end {
            Ok(Ok(())) => {}
            Ok(Err(finding)) => {
                found += 1;
                println!("{seed}: at {:.3} {finding:?}", world.now.as_secs_f64());
            }
            Err(_) => {
                found += 1;
                println!("{seed}: panic");
            }
        }
    }
    println!("{found} of {} in {:?}", to - from, start.elapsed());
}
