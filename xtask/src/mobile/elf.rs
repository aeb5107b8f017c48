//! Is a shared library what Android loads?

use std::fs;
use std::path::Path;

use object::elf::{
    DT_NEEDED, DT_SONAME, DT_TEXTREL, FileHeader32, FileHeader64, PF_X, PT_GNU_STACK, PT_LOAD,
};
use object::read::elf::{Dyn, FileHeader, ProgramHeader, Sym};
use object::{Endianness, FileKind};

use super::abi::{Abi, PAGE, SONAME};
use super::bionic;

/// What a library is.
#[derive(Debug)]
pub(super) struct Library {
    pub(super) bytes: u64,
    /// The system libraries that it asks for.
    pub(super) needed: Vec<String>,
}

/// Looks at a library built for an ABI.
pub(super) fn look(file: &Path, abi: &Abi) -> Result<Library, String> {
    let name = file.display();
    let bytes = fs::read(file).map_err(|e| format!("can't read {name}: {e}"))?;
    let needed = match FileKind::parse(&*bytes) {
        Ok(FileKind::Elf32) => look_into::<FileHeader32<Endianness>>(&bytes, abi),
        Ok(FileKind::Elf64) => look_into::<FileHeader64<Endianness>>(&bytes, abi),
        _ => Err("is no ELF file".into()),
    };
    Ok(Library { bytes: bytes.len() as u64, needed: needed.map_err(|what| format!("{name} {what}"))? })
}

fn look_into<H: FileHeader<Endian = Endianness>>(bytes: &[u8], abi: &Abi) -> Result<Vec<String>, String> {
    let broken = |e: object::Error| format!("is broken: {e}");
    let header = H::parse(bytes).map_err(broken)?;
    let endian = header.endian().map_err(broken)?;
    if header.e_machine(endian) != abi.machine {
        return Err(format!("is for machine {}, not for {}", header.e_machine(endian).0, abi.name));
    }
    for segment in header.program_headers(endian, bytes).map_err(broken)? {
        let align: u64 = segment.p_align(endian).into();
        match segment.p_type(endian) {
            PT_LOAD if align < PAGE || !align.is_multiple_of(PAGE) => {
                return Err(format!("is aligned to pages of {align} bytes, not {PAGE}"));
            }
            PT_GNU_STACK if segment.p_flags(endian).0 & PF_X.0 != 0 => {
                return Err("asks for a stack that can be executed".into());
            }
            _ => {}
        }
    }
    let sections = header.sections(endian, bytes).map_err(broken)?;
    let (entries, link) = sections.dynamic(endian, bytes).map_err(broken)?.ok_or("is not dynamic")?;
    let strings = sections.strings(endian, bytes, link).map_err(broken)?;
    let text = |entry: &H::Dyn| {
        let bytes = entry.string(endian, strings).map_err(broken)?;
        Ok::<_, String>(String::from_utf8_lossy(bytes).into_owned())
    };
    let (mut needed, mut own) = (Vec::new(), None);
    for entry in entries {
        match entry.tag(endian) {
            DT_NEEDED => needed.push(text(entry)?),
            DT_SONAME => own = Some(text(entry)?),
            DT_TEXTREL => return Err("writes into its own code when it is loaded".into()),
            _ => {}
        }
    }
    if own.as_deref() != Some(SONAME) {
        return Err(format!("calls itself {own:?}, not {SONAME}"));
    }
    let systems = |name: &String| bionic::LIBRARIES.iter().any(|(l, _)| name.strip_suffix(".so") == Some(l));
    if let Some(strange) = needed.iter().find(|name| !systems(name)) {
        return Err(format!("needs {strange}, which is not Android's"));
    }
    let symbols = sections.symbols(endian, bytes, object::elf::SHT_DYNSYM).map_err(broken)?;
    let exported =
        symbols.iter().filter(|s| !s.is_undefined(endian) && s.st_bind() == object::elf::STB_GLOBAL);
    let names: Vec<&[u8]> = exported
        .map(|symbol| symbols.symbol_name(endian, symbol))
        .collect::<Result<_, _>>()
        .map_err(broken)?;
    check_exports(&names)?;
    Ok(needed)
}

/// The bridge, and nothing but the bridge.
fn check_exports(names: &[&[u8]]) -> Result<(), String> {
    const CALLED: &[u8] = b"uniffi_activity_worker";
    const OURS: [&[u8]; 3] = [b"ffi_activity_worker", b"uniffi_", b"UNIFFI_META_"];
    if let Some(other) = names.iter().find(|name| !OURS.iter().any(|ours| name.starts_with(ours))) {
        return Err(format!("exports {}, which is nobody's business", String::from_utf8_lossy(other)));
    }
    if !names.iter().any(|name| name.starts_with(CALLED)) {
        return Err("exports nothing that an app could call".into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::check_exports;

    #[test]
    fn a_library_exports_the_bridge_and_nothing_else() {
        let (call, future): (&[u8], &[u8]) = (
            b"uniffi_activity_worker_ffi_fn_method_activityworker_stop",
            b"ffi_activity_worker_ffi_rust_future",
        );
        assert_eq!(check_exports(&[call, future]), Ok(()));
        assert!(check_exports(&[]).is_err());
        assert!(check_exports(&[future]).is_err(), "no call of the worker's");
        assert!(check_exports(&[call, b"ring_core_0_17_14__x25519"]).is_err());
    }
}
