//! A thread of the worker's own.

use std::thread::{Builder, JoinHandle};

/// Enough for a TLS handshake; frames of unoptimised code are several times as large.
const STACK: usize = if cfg!(debug_assertions) { 2 << 20 } else { 256 << 10 };

/// Starts one. Handlers, which are not ours, get the platform's usual stack instead.
pub(in crate::worker) fn spawn(
    name: &str,
    work: impl FnOnce() + Send + 'static,
) -> std::io::Result<JoinHandle<()>> {
    Builder::new().name(name.to_owned()).stack_size(STACK).spawn(work)
}
