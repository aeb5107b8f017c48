//! What is measured, a file for each kind of figure.

pub(super) mod begin;
pub(super) mod calls;
pub(super) mod cpu;
pub(super) mod flash;
pub(super) mod held;
pub(super) mod idle;
pub(super) mod offline;
pub(super) mod pace;
