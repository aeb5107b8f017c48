#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| activity_worker::fuzzing::shared_files(data));
