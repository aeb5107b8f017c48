//! The simulator is tested too: bugs that are planted in core, each of which must be found, by the name of the promise it breaks.

#[cfg(feature = "plants")]
use crate::seeds;

/// A planted bug that survives so many worlds is not found.
pub const SEEDS: u64 = 5000;

#[cfg(feature = "plants")]
use activity_worker::plants::{PLANTS, plant};

/// Prints the names.
#[cfg(feature = "plants")]
pub fn list() {
    PLANTS.iter().for_each(|plant| println!("{}", plant.name));
}

/// Turns one on, and looks for it: 1 if it is found, 0 if it survives, 2 if it is not known or breaks another promise than it should.
#[cfg(feature = "plants")]
pub fn try_one(name: &str, count: u64) -> u8 {
    let Some(bug) = plant(name) else {
        eprintln!("sim: no plant {name:?}; --plants lists them");
        return 2;
    };
    match seeds::first_broken(count) {
        None => {
            println!("{name}: survived {count} worlds");
            0
        }
        Some((seed, finding)) => {
            println!(
                "{name}: {} is broken after {} worlds, seed {seed}: {}",
                finding.promise,
                seed + 1,
                finding.text
            );
            if bug.breaks.contains(&finding.promise) {
                return 1;
            }
            println!("{name}: should break one of {:?}", bug.breaks);
            2
        }
    }
}

#[cfg(not(feature = "plants"))]
const WITHOUT: &str = "sim: built without planted bugs; cargo xtask sim builds with them";

/// Says that there are none.
#[cfg(not(feature = "plants"))]
pub fn list() {
    eprintln!("{WITHOUT}");
}

/// Says that there are none.
#[cfg(not(feature = "plants"))]
pub fn try_one(_: &str, _: u64) -> u8 {
    eprintln!("{WITHOUT}");
    2
}
