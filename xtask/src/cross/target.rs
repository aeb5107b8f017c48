//! The machines that the device binary is built for.

use object::elf::{EM_AARCH64, EM_ARM, EM_X86_64, Machine};

/// A kind of machine: static binaries against musl, so that they run on any Linux of it.
#[derive(Debug)]
pub(crate) struct Target {
    /// What people call it.
    pub(crate) name: &'static str,
    /// What Rust calls it.
    pub(crate) triple: &'static str,
    /// What the file is marked with: the machine and, on 32-bit ARM, how floats are passed.
    pub(crate) machine: Machine,
    /// What rustc is told for this machine alone.
    pub(crate) rustflags: &'static [&'static str],
    /// The most bytes that the device binary without the demo may have.
    pub(crate) budget: u64,
    /// How qemu calls the machine, and the least of its processors that the binary must run on; `None` where it runs natively.
    pub(crate) emulated: Option<(&'static str, &'static str)>,
}

pub(crate) static AARCH64: Target = Target {
    name: "aarch64",
    triple: "aarch64-unknown-linux-musl",
    machine: EM_AARCH64,
    rustflags: &[],
    budget: 2_000_000,
    emulated: Some(("aarch64", "cortex-a53")),
};

pub(crate) static ARMV7: Target = Target {
    name: "armv7",
    triple: "armv7-unknown-linux-musleabihf",
    machine: EM_ARM,
    // Thumb-2, which every ARMv7-A has: the same instructions, most of them in half the bytes.
    rustflags: &["-Ctarget-feature=+thumb-mode"],
    budget: 1_700_000,
    emulated: Some(("arm", "cortex-a7")),
};

pub(crate) static ARMV6: Target = Target {
    name: "armv6",
    triple: "arm-unknown-linux-musleabihf",
    machine: EM_ARM,
    // What several places do with the same instructions becomes one function: a twentieth of the file. Once: a second round of it
    // (`-machine-outliner-reruns`) made programs that crash.
    rustflags: &["-Cllvm-args=-enable-machine-outliner=always"],
    budget: 1_900_000,
    // The processor of the first Raspberry Pi and of the Zero. It has no instruction of ARMv7.
    emulated: Some(("arm", "arm1176")),
};

pub(crate) static X86_64: Target = Target {
    name: "x86_64",
    triple: "x86_64-unknown-linux-musl",
    machine: EM_X86_64,
    rustflags: &[],
    budget: 2_450_000,
    emulated: None,
};

/// All of them.
pub(crate) static TARGETS: [&Target; 4] = [&AARCH64, &ARMV7, &ARMV6, &X86_64];

/// The targets named, by name or triple, or all of them if none is. An unknown name comes back as the error.
pub(crate) fn choose(names: &[String]) -> Result<Vec<&'static Target>, String> {
    if names.is_empty() {
        return Ok(TARGETS.to_vec());
    }
    let find = |name: &String| {
        TARGETS.into_iter().find(|t| t.name == name || t.triple == name).ok_or_else(|| name.clone())
    };
    names.iter().map(find).collect()
}

/// The names of all targets, for a reader.
pub(crate) fn names() -> String {
    TARGETS.map(|target| target.name).join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_has_a_name_and_a_triple_and_none_means_all() {
        let triples = |names: &[&str]| {
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            choose(&names).map(|targets| targets.iter().map(|t| t.triple).collect::<Vec<_>>())
        };
        assert_eq!(triples(&[]).unwrap().len(), 4);
        assert_eq!(
            triples(&["armv6", "x86_64-unknown-linux-musl"]).unwrap(),
            ["arm-unknown-linux-musleabihf", "x86_64-unknown-linux-musl"]
        );
        assert_eq!(triples(&["armv5"]).unwrap_err(), "armv5");
    }
}
