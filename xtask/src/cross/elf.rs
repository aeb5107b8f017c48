//! Is a file what its target says: for that machine, and in need of nothing else?

use std::fs;
use std::path::Path;

use object::elf::{
    DT_NEEDED, EF_ARM_ABI_FLOAT_HARD, EM_ARM, ET_DYN, FileHeader32, FileHeader64, PF_X, PT_DYNAMIC,
    PT_GNU_STACK, PT_INTERP,
};
use object::read::elf::{Dyn, FileHeader, ProgramHeader};
use object::{Endianness, FileKind};

use super::target::Target;

/// Looks at a program built for `target`. `folders` are of the machine that built it: no name of theirs may be in the file.
pub(crate) fn inspect(file: &Path, target: &Target, folders: &[&Path]) -> Result<(), String> {
    let name = file.display();
    let bytes = fs::read(file).map_err(|e| format!("can't read {name}: {e}"))?;
    look(&bytes, target).map_err(|what| format!("{name} {what}"))?;
    for folder in folders {
        if let Some(folder) = folder.to_str().filter(|folder| contains(&bytes, folder.as_bytes())) {
            return Err(format!("{name} tells of {folder}, a folder of the machine that built it"));
        }
    }
    Ok(())
}

fn look(bytes: &[u8], target: &Target) -> Result<(), String> {
    match FileKind::parse(bytes) {
        Ok(FileKind::Elf32) => look_into::<FileHeader32<Endianness>>(bytes, target),
        Ok(FileKind::Elf64) => look_into::<FileHeader64<Endianness>>(bytes, target),
        _ => Err("is no ELF file".into()),
    }
}

fn look_into<H: FileHeader<Endian = Endianness>>(bytes: &[u8], target: &Target) -> Result<(), String> {
    let broken = |e: object::Error| format!("is broken: {e}");
    let header = H::parse(bytes).map_err(broken)?;
    let endian = header.endian().map_err(broken)?;
    let machine = header.e_machine(endian);
    if machine != target.machine {
        return Err(format!("is for machine {}, not {} ({})", machine.0, target.machine.0, target.name));
    }
    if machine == EM_ARM && header.e_flags(endian).0 & EF_ARM_ABI_FLOAT_HARD == 0 {
        return Err("passes floats in integer registers (soft float)".into());
    }
    if header.e_type(endian) != ET_DYN {
        return Err("is loaded at a fixed address".into());
    }
    for segment in header.program_headers(endian, bytes).map_err(broken)? {
        match segment.p_type(endian) {
            PT_INTERP => return Err("is not static: it asks for a dynamic linker".into()),
            PT_GNU_STACK if segment.p_flags(endian).0 & PF_X.0 != 0 => {
                return Err("asks for a stack that can be executed".into());
            }
            PT_DYNAMIC => {
                let entries = segment.dynamic(endian, bytes).map_err(broken)?.unwrap_or_default();
                if entries.iter().any(|entry| entry.tag(endian) == DT_NEEDED) {
                    return Err("is not static: it needs shared libraries".into());
                }
            }
            _ => {}
        }
    }
    Ok(())
}

fn contains(bytes: &[u8], word: &[u8]) -> bool {
    !word.is_empty() && bytes.windows(word.len()).any(|window| window == word)
}

#[cfg(test)]
mod tests {
    use super::super::target::{AARCH64, X86_64};
    use super::*;

    /// xtask itself is a dynamic program of the machine that tests it.
    #[test]
    #[cfg(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu"))]
    fn a_dynamic_program_and_one_for_another_machine_are_refused() {
        let own = std::env::current_exe().unwrap();
        assert!(inspect(&own, &X86_64, &[]).unwrap_err().contains("is not static"));
        assert!(inspect(&own, &AARCH64, &[]).unwrap_err().contains("is for machine 62, not 183"));
        assert!(look(b"#!/bin/sh\n", &X86_64).unwrap_err().contains("no ELF"));
    }

    #[test]
    fn a_word_is_found_wherever_it_stands() {
        assert!(contains(b"\0/home/me/src\0", b"/home/me"));
        assert!(!contains(b"/home/m", b"/home/me"));
    }
}
