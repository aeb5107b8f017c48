//! The samples in the guide for apps are those that the tests of each language run.

#![allow(clippy::unwrap_used)] // a test may panic

use std::fs;
use std::path::Path;

#[test]
fn the_guide_shows_the_samples_that_are_tested() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let guide = fs::read_to_string(root.join("docs/apps.md")).unwrap();
    let samples = [
        ("kotlin", "android/activity-worker/src/test/kotlin/dev/activityworker/samples/FirstAnswer.kt"),
        ("swift", "ios/Samples/FirstAnswer.swift"),
    ];
    for (language, file) in samples {
        let sample = fs::read_to_string(root.join(file)).unwrap();
        assert!(guide.contains(&format!("```{language}\n{sample}```")), "{file} and docs/apps.md differ");
    }
}
