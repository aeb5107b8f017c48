//! What bytes from outside must never do to us, one function for each kind of bytes; a broken rule is a panic.
//!
//! The fuzzers in `proof/fuzz/` call these with whatever they invent, the tests below with the seeds and with everything that was
//! ever found. Inputs are text as far as it goes, so that seeds can be written by hand and a find can be read.
// These are checks: they are there to panic.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod credentials;
mod dns;
mod providers;
mod responses;
mod shared_files;
mod spool;

pub use credentials::credentials;
pub use dns::dns;
pub use providers::providers;
pub use responses::responses;
pub use shared_files::shared_files;
pub use spool::spool;

/// In place of this, inputs get a secret that must not be seen again.
const PLACE: &str = "$SECRET";
/// As the service's own are: long, of mixed characters.
const SECRET: &str = "AQCEAAAAKgAAAAMAAAAAAAAAAe6c9Zx0DqQhPm1yT5oWnLrU3sVbK8fXjG2iAoE7dNwRtYzCuHpMlJkSv4B/+aQ==\
    5fXjG2iAoE7dNwRtYzCuHpMlJkSv4BqWe9RtYuIoPaSdFgHjKlZxCvBnM0123456789";

/// What is told of an input: one line that a log can take, and no secret.
fn assert_fit_for_a_log(text: &str) {
    assert!(!text.contains(SECRET), "a secret is told");
    assert!(!text.chars().any(crate::printable::steers), "not one line: {text:?}");
    assert!(text.len() < 4096, "{} bytes are told", text.len());
}

/// Whether a text that serde_json refuses is JSON by the grammar all the same. What a program makes of a number without an end, of half
/// a character, or of a key that serde_json keeps for itself ("invalid type": only there) is its own affair.
pub fn is_beyond_grammar(error: &serde_json::Error) -> bool {
    const WHY: [&str; 5] =
        ["number out of range", "unicode code point", "surrogate", "recursion limit", "invalid type"];
    WHY.iter().any(|why| error.to_string().contains(why))
}

/// Hands each file of `proof/fuzz/seeds/TARGET` and `proof/fuzz/regressions/TARGET` to its check: what was found once is looked at
/// in every test run.
///
/// # Panics
/// If the check does, or there are next to no files.
#[allow(clippy::unwrap_used)] // for tests alone
pub fn replay(target: &str, check: fn(&[u8])) {
    let mut count = 0;
    for kind in ["seeds", "regressions"] {
        let folder = format!("{}/../proof/fuzz/{kind}/{target}", env!("CARGO_MANIFEST_DIR"));
        for file in std::fs::read_dir(folder).into_iter().flatten() {
            let path = file.unwrap().path();
            println!("{}", path.display());
            check(&std::fs::read(path).unwrap());
            count += 1;
        }
    }
    assert!(count >= 5, "{target}: only {count} inputs");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p1_no_answer_that_is_not_the_services_settles_anything() {
        replay("responses", responses);
    }

    #[test]
    fn p1_no_file_makes_the_spool_lose_or_invent_a_task() {
        replay("spool", spool);
    }

    #[test]
    fn p7_no_shared_file_makes_a_setting_tell_a_secret() {
        replay("shared_files", shared_files);
    }

    #[test]
    fn p7_no_source_of_credentials_is_quoted_or_believed_without_a_key() {
        replay("providers", providers);
    }

    #[test]
    fn field_12_no_answer_of_a_name_server_is_believed_that_answers_something_else() {
        replay("dns", dns);
    }

    #[test]
    fn p7_nothing_that_a_program_prints_for_credentials_is_told() {
        replay("credentials", credentials);
    }
}
