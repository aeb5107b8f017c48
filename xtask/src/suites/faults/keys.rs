//! The key that the emulator knows.

pub(super) const ACCESS_KEY_ID: &str = "AKIDEXAMPLE";
pub(super) const SECRET_ACCESS_KEY: &str = "emulator-test-secret-access-key";
