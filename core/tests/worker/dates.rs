//! The date that lies in the state folder, which an earlier version wrote after one answer.

use std::path::Path;
use std::time::{Duration, SystemTime};

use activity_worker::clock::RELEASE_DATE;
use activity_worker::worker::Stop;
use sha2::{Digest, Sha256};

use crate::support::{Bench, echo};

/// As versions up to 0.1 wrote it.
fn keep(state: &Path, date: SystemTime) {
    let text = date.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs().to_string();
    let sum = u32::from_be_bytes(*Sha256::digest(&text).first_chunk().unwrap());
    std::fs::create_dir_all(state).unwrap();
    std::fs::write(state.join("date"), format!("{text} {sum}\n")).unwrap();
}

#[test]
fn field_10_a_start_with_a_far_date_in_the_folder_works_at_once() {
    const DAY: u64 = 86_400;
    let now = SystemTime::now();
    let far = [now + Duration::from_secs(37 * DAY), now + Duration::from_secs(5 * 365 * DAY)];
    let beyond = [4_070_908_800, 253_402_300_799, i64::MAX as u64, u64::MAX].map(Duration::from_secs);
    let beyond = beyond.into_iter().filter_map(|end| SystemTime::UNIX_EPOCH.checked_add(end));
    for date in far.into_iter().chain(beyond).chain([SystemTime::UNIX_EPOCH + RELEASE_DATE]) {
        let bench = Bench::new();
        keep(&bench.dir.path().join("state"), date);
        let worker = bench.worker().activity(bench.handled(echo)).start().unwrap();
        let execution = bench.start("1");
        assert_eq!(bench.succeeds(&execution), r#"{"got":1}"#, "{date:?}");
        assert!(worker.snapshot().unwrap().clock_skew.unwrap().unsigned_abs() < 60);
        worker.stop(Stop::Now);
    }
}
