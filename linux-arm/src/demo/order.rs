//! What a task of the demo asks for, and what it brings.

use serde::{Deserialize, Serialize};

/// What one task asks for.
#[derive(Serialize, Deserialize)]
pub(super) struct Order {
    pub(super) guest: String,
    pub(super) milliseconds: u64,
}

/// What a task brings home.
#[derive(Serialize, Deserialize)]
pub(super) struct Greeting {
    pub(super) greeting: String,
}

/// The greeting that a guest is to get.
pub(super) fn greeting_for(guest: &str) -> String {
    format!("Good morning, {guest}")
}
