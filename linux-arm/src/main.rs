//! x
mod exec;
fn main() {}
