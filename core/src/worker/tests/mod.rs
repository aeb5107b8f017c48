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
