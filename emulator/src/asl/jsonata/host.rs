//! The world as an expression sees it.

use std::time::SystemTime;

/// What an expression asks of the world.
pub(crate) trait Host {
    /// Anywhere from 0 to 1.
    fn chance(&self) -> f64;
    /// A new UUID.
    fn uuid(&self) -> String;
    /// The date.
    fn now(&self) -> SystemTime;
}
