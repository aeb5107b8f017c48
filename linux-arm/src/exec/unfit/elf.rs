//! What an ELF file says of the machine it is for, and of the loader that it needs. Only the beginning of the file is looked at.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::reason::{Unfit, certain};

/// `e_machine`, and what `uname -m` calls it. Source: `linux/elf-em.h`.
const MACHINES: [(u16, &str); 10] = [
    (3, "i386"),
    (8, "mips"),
    (20, "ppc"),
    (21, "ppc64"),
    (22, "s390x"),
    (40, "arm"),
    (62, "x86_64"),
    (183, "aarch64"),
    (243, "riscv"),
    (258, "loongarch64"),
];
/// `PT_INTERP` of `linux/elf.h`.
const INTERPRETER: u64 = 3;

/// Judges a file by its `head`.
pub(super) fn examine(head: &[u8]) -> Result<(), Unfit> {
    let file = Elf { head, wide: head.get(4) == Some(&2), big: head.get(5) == Some(&2) };
    let Some(machine) = file.number(18, 2).and_then(|machine| u16::try_from(machine).ok()) else {
        return certain("is cut off: copy it again");
    };
    let here = rustix::system::uname();
    let here = here.machine().to_string_lossy();
    if !native(&here).is_none_or(|native| native.contains(&machine)) {
        let name = MACHINES.iter().find(|(number, _)| *number == machine).map_or("another machine", |m| m.1);
        return Err(Unfit::Likely(format!("is built for {name}, and this machine is {here}")));
    }
    match file.loader() {
        Some(loader) if !Path::new(loader).exists() => {
            let loader = Path::new(loader).display();
            certain(format!(
                "needs the loader {loader}, which does not exist: it is built for another C library, or for 32 bits, or not static"
            ))
        }
        _ => Ok(()),
    }
}

/// What a kernel runs by itself, if its machine is one of those that are known here. One of 64 bits runs 32 too, most of them,
/// and may call itself by the name of those.
fn native(machine: &str) -> Option<&'static [u16]> {
    match machine {
        "x86_64" | "i686" | "i586" | "i486" | "i386" => Some(&[62, 3]),
        "aarch64" | "armv8l" => Some(&[183, 40]),
        _ if machine.starts_with("arm") => Some(&[40]),
        _ => None,
    }
}

struct Elf<'a> {
    head: &'a [u8],
    /// 64 bits.
    wide: bool,
    big: bool,
}

impl<'a> Elf<'a> {
    /// The program that loads this one. `None`: it is static, or does not say so at its beginning.
    fn loader(&self) -> Option<&'a OsStr> {
        // Where they stand in the head, and in an entry of the table, each with its bytes.
        let (table, each, entries, at, length) = match self.wide {
            true => ((32, 8), (54, 2), (56, 2), (8, 8), (32, 8)),
            false => ((28, 4), (42, 2), (44, 2), (4, 4), (16, 4)),
        };
        let head = |(at, bytes)| self.number(at, bytes);
        let (table, each, entries) = (head(table)?, head(each)?, head(entries)?);
        for entry in 0..entries {
            let entry = table.checked_add(entry.checked_mul(each)?)?;
            let field = |(at, bytes): (u64, usize)| self.number(entry.checked_add(at)?, bytes);
            if field((0, 4))? == INTERPRETER {
                let (from, length) =
                    (usize::try_from(field(at)?).ok()?, usize::try_from(field(length)?).ok()?);
                let path = self.head.get(from..from.checked_add(length)?)?;
                return Some(OsStr::from_bytes(path.strip_suffix(&[0]).unwrap_or(path)));
            }
        }
        None
    }

    fn number(&self, at: u64, bytes: usize) -> Option<u64> {
        let at = usize::try_from(at).ok()?;
        let bytes = self.head.get(at..at.checked_add(bytes)?)?;
        let add = |sum, byte: &u8| sum << 8 | u64::from(*byte);
        Some(if self.big { bytes.iter().fold(0, add) } else { bytes.iter().rev().fold(0, add) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head_of(program: &str) -> Vec<u8> {
        let mut head = std::fs::read(program).unwrap();
        head.truncate(4096);
        head
    }

    #[test]
    fn field_21_a_program_for_another_machine_or_another_c_library_is_named() {
        let own = head_of("/bin/sh");
        assert_eq!(examine(&own), Ok(()));
        let mut other = own.clone();
        other[18..20].copy_from_slice(&if cfg!(target_arch = "x86_64") { [183, 0] } else { [62, 0] });
        let Err(Unfit::Likely(text)) = examine(&other) else { panic!("not ours") };
        assert!(text.starts_with("is built for ") && text.contains("this machine is "), "{text}");

        let at = own.windows(5).position(|bytes| bytes == b"ld-li").expect("its loader");
        let mut other = own.clone();
        other[at..at + 5].copy_from_slice(b"ld-no");
        let Err(Unfit::Certain(text)) = examine(&other) else { panic!("no such loader") };
        assert!(text.contains("ld-no") && text.contains("does not exist"), "{text}");
        assert!(matches!(examine(&own[..18]), Err(Unfit::Certain(_))), "cut off");
    }

    #[test]
    fn field_21_no_head_is_too_odd_to_be_looked_at() {
        let own = head_of("/bin/sh");
        for length in 0..own.len().min(1200) {
            let _ = examine(&own[..length]);
        }
        for at in 0..200 {
            for value in [0, 1, 2, 0x7F, 0x80, 0xFF] {
                let mut odd = own.clone();
                odd[at] = value;
                let _ = examine(&odd);
                odd[at..at + 8].fill(value);
                let _ = examine(&odd);
            }
        }
    }
}
