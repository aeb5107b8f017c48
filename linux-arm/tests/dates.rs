//! The binary's start on a state folder whose date is far off.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod bench;

use activity_emulator::Status;
use bench::Service;

/// The first day of 2099 and the last of 9999, as earlier versions wrote what one answer said, with its checksum.
const FAR: [&str; 2] = ["4070908800 413697504\n", "253402300799 2802676451\n"];

#[test]
fn field_10_a_far_date_in_the_folder_is_told_and_the_binary_works() {
    for date in FAR {
        let (service, folder) = (Service::start(), tempfile::tempdir().unwrap());
        let state = folder.path().join("state");
        std::fs::create_dir(&state).unwrap();
        std::fs::write(state.join("date"), date).unwrap();
        let execution = service.ask("{}");
        let mut worker = service.worker(&folder, &[], "cat");
        worker.until("lies too far ahead to be believed");
        assert_eq!(service.end_of(&execution).status, Status::Succeeded, "{date:?}");
    }
}
