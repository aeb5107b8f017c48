//! Secrets that must not be seen again. They look as real ones do: long, of mixed characters.

use std::fmt::{Debug, Display};
use std::sync::Once;

use activity_worker::aws::{Credentials, CredentialsError};

/// What every planted secret holds; `cargo xtask test` looks for it in all that a suite prints.
const MARK: &str = "sEcReT";

/// A secret access key of a source.
pub(crate) const SECRET: &str = "sEcReTkey/K7MDENG+bPxRfiCYEXAMPLEKEY0";
/// A session token, a login token, an authorization token.
pub(crate) const TOKEN: &str = "sEcReTtoken0aBcDeFgHiJkLmNoPqRsTuVwXyZ1234567890==";

struct Watch;

impl log::Log for Watch {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        look(&record.args().to_string());
    }

    fn flush(&self) {}
}

/// From now on a secret in the log is a panic.
pub(crate) fn watch_log() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        log::set_logger(&Watch).unwrap();
        log::set_max_level(log::LevelFilter::Debug);
    });
}

fn look(text: &str) {
    assert!(!text.contains(MARK), "a secret is told: {}", text.replace(MARK, "..."));
}

/// An error's text, fit for a log: one line, not too long, without a secret.
#[track_caller]
pub(crate) fn told(answer: Result<Credentials, CredentialsError>) -> String {
    let error = match answer {
        Ok(found) => panic!("credentials where there are none: {found:?}"),
        Err(error) => error,
    };
    shown(&error)
}

#[track_caller]
pub(crate) fn shown<T: Debug + Display>(error: &T) -> String {
    let text = error.to_string();
    look(&format!("{text} {error:?}"));
    assert!(!text.chars().any(char::is_control), "not one line: {text:?}");
    assert!(text.len() < 1200, "{} bytes are told", text.len());
    text
}

#[test]
fn p7_a_leak_is_caught() {
    watch_log();
    std::panic::catch_unwind(|| log::info!("{SECRET}")).unwrap_err();
    std::panic::catch_unwind(|| told(Err(CredentialsError::Busy(TOKEN.to_owned())))).unwrap_err();
    assert!(look_is_quiet("nothing to see"));
}

fn look_is_quiet(text: &str) -> bool {
    std::panic::catch_unwind(|| look(text)).is_ok()
}
