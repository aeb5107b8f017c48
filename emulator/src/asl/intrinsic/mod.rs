//! Intrinsic functions: `States.Format('Hello, {}', $.name)`.

mod apply;
mod arguments;
pub(super) mod base64;
mod call;
mod java;
mod json;
mod list;
mod md5;
mod number;
mod read;
#[cfg(test)]
mod tests;
mod words;

pub(crate) use self::call::{Call, Failed};
pub(super) use self::words::hash_of;
