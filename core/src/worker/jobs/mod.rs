//! Who carries out: one call to the service or to a handler, one batch of changes on disk. They know nothing of the driver that orders
//! them, and start no loops: threads do, or a simulator.

pub(crate) mod calls;
pub(crate) mod disk;
pub(crate) mod spawn;
