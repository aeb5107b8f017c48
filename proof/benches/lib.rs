//! What both benches share: how many tasks are held, and their names.

use activity_worker::TaskToken;

/// How many tasks are held while one goes through.
pub const HELD: [usize; 3] = [100, 1_000, 9_000];

/// The token of the task with this number, as long as the service's are.
///
/// # Panics
///
/// Never: such a token is one.
pub fn token(number: usize) -> TaskToken {
    TaskToken::new(format!("{number:016}{}", "b".repeat(512))).expect("a token")
}
