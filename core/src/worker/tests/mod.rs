//! The worker as a whole: with its threads, over a service and a disk in memory, and stepped by hand.

#[cfg(feature = "testing")]
mod adopt;
#[cfg(feature = "testing")]
mod dates;
#[cfg(feature = "testing")]
mod footing;
#[cfg(feature = "testing")]
mod foreign;
mod interleavings;
#[cfg(feature = "testing")]
mod letters;
mod starts;
mod unusable;
mod whole;

use crate::spool::{Found, MemoryDisk, Spool, SpoolConfig};

/// The state folder of a worker that is over.
fn open(disk: &MemoryDisk) -> (Spool, Found) {
    let config = SpoolConfig {
        dir: "/state".into(),
        inbox: None,
        max_tasks: 4,
        max_bytes: 64 << 20,
        machine_id: Some("one".into()),
        allow_unsafe_storage: false,
    };
    Spool::open(Box::new(disk.clone()), config).unwrap()
}
