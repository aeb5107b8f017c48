//! JSONPath, as the service reads it: the dialect of the Jayway library, not RFC 9535.

mod filter;
mod find;
mod model;
mod put;
mod read;
#[cfg(test)]
mod tests;

pub(crate) use self::find::NotFound;
pub(crate) use self::model::{Path, Root};
