//! A service may have no HOME; its user has one all the same.
#![allow(unsafe_code)]

use std::env;

/// Sets a HOME that is missing or empty to the user's, as the user database has it, if it has one. The AWS CLI finds `~/.aws`
/// there too.
pub(super) fn find() {
    if env::var_os("HOME").is_some_and(|home| !home.is_empty()) {
        return;
    }
    // SAFETY: there is one thread, so nobody reads the environment.
    unsafe { env::remove_var("HOME") };
    if let Some(home) = env::home_dir().filter(|home| home.is_absolute()) {
        // SAFETY: as above.
        unsafe { env::set_var("HOME", home) };
    }
}
