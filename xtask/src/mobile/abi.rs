//! The machines that Android runs on, and what a library must be there.

use object::elf::{EM_AARCH64, EM_ARM, EM_X86_64, Machine};

/// The least Android that the library is for: 7.0.
pub(super) const API: u32 = 24;
/// What Android 15's devices may ask for.
pub(super) const PAGE: u64 = 16 << 10;
pub(super) const SONAME: &str = "libactivity_worker_ffi.so";

/// What Android calls a kind of machine.
#[derive(Debug)]
pub(super) struct Abi {
    pub(super) name: &'static str,
    pub(super) triple: &'static str,
    /// What clang calls it.
    pub(super) clang: &'static str,
    pub(super) machine: Machine,
}

pub(super) static ABIS: [Abi; 3] = [
    Abi {
        name: "arm64-v8a",
        triple: "aarch64-linux-android",
        clang: "aarch64-linux-android",
        machine: EM_AARCH64,
    },
    Abi {
        name: "armeabi-v7a",
        triple: "armv7-linux-androideabi",
        clang: "armv7a-linux-androideabi",
        machine: EM_ARM,
    },
    Abi { name: "x86_64", triple: "x86_64-linux-android", clang: "x86_64-linux-android", machine: EM_X86_64 },
];
