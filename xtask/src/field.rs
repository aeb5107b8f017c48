//! Each kind of fault that came from the field has a number in docs/reliability.md, and tests that carry it: `field_01_...`. Neither
//! a number without a test nor one without a line in that page may be left.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The numbers.
const NUMBERS: std::ops::RangeInclusive<u32> = 1..=28;
/// Where tests lie.
const ROOMS: [&str; 8] = ["core", "linux-arm", "ffi", "android", "ios", "emulator", "proof", "xtask"];
/// What begins a test: Rust, Kotlin, Swift. Scenarios of the suite `faults` are functions too.
const BEGINNINGS: [&str; 3] = ["fn field_", "fun field_", "func field_"];

#[test]
fn every_number_from_the_field_has_a_test_and_a_line_in_the_docs() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut tests: BTreeMap<u32, usize> = BTreeMap::new();
    for room in ROOMS {
        for file in sources(&root.join(room)) {
            for number in numbers(&fs::read_to_string(&file).unwrap()) {
                *tests.entry(number).or_default() += 1;
            }
        }
    }
    let page = fs::read_to_string(root.join("docs/reliability.md")).unwrap();
    let without_test: Vec<_> = NUMBERS.filter(|n| !tests.contains_key(n)).collect();
    let without_line: Vec<_> = NUMBERS.filter(|n| !page.contains(&format!("\n| {n:02} |"))).collect();
    let unknown: Vec<_> = tests.keys().filter(|n| !NUMBERS.contains(n)).collect();
    assert!(
        without_test.is_empty() && without_line.is_empty() && unknown.is_empty(),
        "numbers without a test: {without_test:?}; without a line in docs/reliability.md: {without_line:?}; tests of no known number: {unknown:?}"
    );
}

#[test]
fn the_numbers_are_read_from_each_language() {
    let text =
        "fn field_01_a() {}\n  fun field_27_b() = x\n  @Test func field_02_c() async {}\nlet field_09_ = 1;";
    assert_eq!(numbers(text), [1, 27, 2]);
}

/// The numbers of the tests in a source file.
fn numbers(text: &str) -> Vec<u32> {
    let of = |line: &str| {
        let at = BEGINNINGS.iter().find_map(|begin| Some(line.find(begin)? + begin.len()))?;
        line.get(at..at + 2)?.parse().ok()
    };
    text.lines().filter_map(of).collect()
}

fn sources(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        // What is built, downloaded or generated is not ours.
        if path.is_dir() && !["target", ".build", "Generated"].contains(&name) {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|e| e == "rs" || e == "kt" || e == "swift")
            && !path.ends_with(file!())
        {
            found.push(path);
        }
    }
    found
}
