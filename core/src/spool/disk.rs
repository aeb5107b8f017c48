//! Placeholder
pub trait Disk: Send {}
#[derive(Default)]
pub struct RealDisk;
impl Disk for RealDisk {}
