//! A world with virtual time around the real worker. See docs/simulator.md.

mod app;
mod chaos;
mod clock;
mod device;
mod edges;
mod ending;
mod folder;
mod judge;
mod letters;
mod network;
mod operator;
mod orders;
pub mod plants;
mod scenario;
pub mod seeds;
mod service;
mod starts;
mod state_dir;
mod steps;
mod wire;
mod world;
