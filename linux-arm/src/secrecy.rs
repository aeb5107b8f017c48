//! Keys and tokens lie in this process' memory.

use rustix::process::{DumpableBehavior, set_dumpable_behavior};

/// From now on the kernel writes no core of this process, and shows its memory to no other program of the same user (ptrace,
/// `/proc/PID/mem`, `environ`). Programs that it starts are as any other: exec sets this back. The limit on cores would have done
/// half of it, and handlers would inherit that.
pub(crate) fn keep_memory() {
    if let Err(e) = set_dumpable_behavior(DumpableBehavior::NotDumpable) {
        log::debug!("this process' memory can be read by other programs of its user: {e}");
    }
}
