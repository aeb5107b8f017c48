//! The simulator is tested too: bugs that are planted in core, each of which must be found, by the name of the promise it breaks.

use std::io::{self, Write};

#[cfg(feature = "plants")]
use activity_worker::plants::{PLANTS, Plant, plant};

#[cfg(feature = "plants")]
use crate::{judge::finding::Finding, seeds};

/// What is asked for.
#[derive(Debug)]
pub enum Asked<'a> {
    /// The names of all.
    Names,
    /// In how many of so many worlds, at most, this one is found.
    Search(&'a str, u64),
    /// The world of a seed with this one in it, event by event.
    World(&'a str, u64),
}

/// A planted bug that survives so many worlds is not found.
pub const SEEDS: u64 = 40_000;

/// Those that take thousands of worlds to find, and the world in which each was found last: it is tried before all others. A change
/// of what a seed makes of a world makes another one of it; then the search tells the new one.
#[cfg(feature = "plants")]
const RARE: [(&str, u64); 1] = [("start-believes-what-was-not-synced", 11_551)];

/// Answers. The exit code: 1 if a planted bug is found, 0 if it survives, 2 if it is not known or breaks another promise than it
/// should.
#[cfg(feature = "plants")]
pub fn run(out: &mut impl Write, asked: &Asked<'_>) -> io::Result<u8> {
    let name = match asked {
        Asked::Names => return PLANTS.iter().try_for_each(|bug| writeln!(out, "{}", bug.name)).map(|()| 0),
        Asked::Search(name, _) | Asked::World(name, _) => name,
    };
    match (plant(name), asked) {
        (Some(bug), Asked::Search(_, count)) => search(out, bug, *count),
        (Some(_), Asked::World(_, seed)) => Ok(u8::from(!seeds::replay(out, *seed)?)),
        _ => {
            eprintln!("sim: no plant {name:?}; --plants lists them");
            Ok(2)
        }
    }
}

#[cfg(feature = "plants")]
fn search(out: &mut impl Write, bug: Plant, count: u64) -> io::Result<u8> {
    let name = bug.name;
    let known = RARE.iter().find(|(rare, _)| *rare == name).and_then(|(_, seed)| seeds::broken(*seed));
    let Some((seed, Finding { promise, text })) = known.or_else(|| seeds::first_broken(count)) else {
        writeln!(out, "{name}: survived {count} worlds")?;
        return Ok(0);
    };
    writeln!(out, "{name}: {promise} is broken, seed {seed}: {text}")?;
    if bug.breaks.contains(&promise) {
        return Ok(1);
    }
    writeln!(out, "{name}: should break one of {:?}", bug.breaks)?;
    Ok(2)
}

/// Says that there are none.
#[cfg(not(feature = "plants"))]
pub fn run(_: &mut impl Write, _: &Asked<'_>) -> io::Result<u8> {
    eprintln!("sim: built without planted bugs; cargo xtask sim builds with them");
    Ok(2)
}
