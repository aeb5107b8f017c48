//! A world with virtual time around the real worker. See docs/simulator.md.

mod app;
mod chaos;
mod clock;
mod debt;
mod device;
mod ending;
mod judge;
mod letters;
mod network;
mod orders;
mod pace;
pub mod plants;
mod says;
mod scenario;
pub mod seeds;
mod service;
mod steps;
mod weather;
mod wire;
mod world;
