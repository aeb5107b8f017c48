//! Walls: the rooms of `core` know only what they may, and no files of a crate know each other in a circle. Whoever looks for the
//! place of a thing can then go down, and never comes back to where they were.
//!
//! What is read is text: each `use`, and each path in the code. An arrow goes to the file that defines what is named, wherever else
//! it is shown. What methods are called on is not seen, and tests are not counted.

#![allow(clippy::unwrap_used, reason = "a test")]

mod arrows;
mod circles;
mod rooms;
mod source;
mod tokens;

use std::path::Path;

use self::arrows::Crate;
use self::circles::Permitted;
use self::rooms::Exception;

/// What knows a room of `core`, and is not the worker.
const EXCEPTIONS: &[Exception] = &[
    Exception { from: "adoption.rs", room: "aws", why: "an origin is checked where it is handed over" },
    Exception { from: "fuzzing/", room: "aws", why: "it tries what reads answers, files and print-outs" },
    Exception { from: "fuzzing/", room: "spool", why: "it tries what reads the state folder" },
];

/// The crates, and the circles in them that may be.
const CRATES: [(&str, &[Permitted]); 6] =
    [("core", &[]), ("linux-arm", &[]), ("ffi", &[]), ("emulator", &[]), ("proof/sim", &[]), ("xtask", &[])];

#[test]
fn the_rooms_of_core_know_only_what_they_may() {
    let wrong = rooms::wrong(&read("core").arrows(), EXCEPTIONS);
    assert!(wrong.is_empty(), "CONTRIBUTING.md, \"Rooms\":\n{}", wrong.join("\n"));
}

#[test]
fn no_files_of_a_crate_know_each_other_in_a_circle() {
    let of = |(name, permitted): &(&str, &[Permitted])| {
        let wrong = circles::wrong(&read(name).arrows(), permitted);
        wrong.into_iter().map(|what| format!("{name}: {what}")).collect::<Vec<_>>()
    };
    let wrong: Vec<_> = CRATES.iter().flat_map(of).collect();
    assert!(wrong.is_empty(), "let what both need lie below them:\n{}", wrong.join("\n"));
}

fn read(name: &str) -> Crate {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    Crate::read(&root.join(name).join("src")).unwrap()
}
