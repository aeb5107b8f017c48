//! What the library tells is there in the bridge too. Enums the bridge matches whole, so the compiler says when one grows; of structs
//! nobody would say it.

#![allow(clippy::unwrap_used)] // a test may panic

use std::fs;
use std::path::Path;

/// Of handlers, which the bridge has none of.
const HANDLERS: [&str; 2] = ["running", "abandoned_handlers"];

/// Where the library has it, its name, and where the bridge has it.
const STRUCTS: [(&str, &str, &str); 10] = [
    ("worker/reports.rs", "StopReport", "reports.rs"),
    ("worker/reports.rs", "DrainReport", "reports.rs"),
    ("worker/reports.rs", "Snapshot", "reports.rs"),
    ("worker/status.rs", "Status", "status.rs"),
    ("worker/status.rs", "Trouble", "status.rs"),
    ("worker/status.rs", "Refusal", "status.rs"),
    ("worker/status.rs", "RefusedPolls", "status.rs"),
    ("worker/status.rs", "LeftFor", "status.rs"),
    ("worker/foreign.rs", "ForeignTask", "foreign.rs"),
    ("worker/answers.rs", "DeferredTask", "tasks.rs"),
];

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

/// The names that stand in `begin`'s block, each on a line of its own behind four blanks and `before`.
fn names(source: &str, begin: &str, before: &str) -> Vec<String> {
    let source = read(source);
    let (_, block) = source.split_once(&format!("{begin} {{\n")).unwrap();
    let lines = block.lines().take_while(|line| *line != "}");
    let names = lines.filter_map(|line| line.strip_prefix("    ")?.strip_prefix(before));
    let name = |line: &str| line.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    names.map(name).filter(|name| !name.is_empty()).collect()
}

/// Whether the source has the name, and not as the beginning of a longer one.
fn is_named(source: &str, name: &str) -> bool {
    source.split(name).skip(1).any(|rest| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_'))
}

#[test]
fn field_01_what_the_library_tells_reaches_apps() {
    let mut missing = Vec::new();
    for (source, name, bridge) in STRUCTS {
        let fields = names(&format!("../core/src/{source}"), &format!("pub struct {name}"), "pub ");
        assert!(fields.len() > 1, "{name}: {fields:?}");
        let bridge = read(&format!("src/{bridge}"));
        let is_there = |field: &str| is_named(&bridge, &format!(".{field}"));
        let left_out = |field: &String| HANDLERS.contains(&field.as_str());
        missing.extend(fields.iter().filter(|f| !is_there(f) && !left_out(f)).map(|f| format!("{name}.{f}")));
    }
    assert!(missing.is_empty(), "not in the bridge: {missing:?}");
}
