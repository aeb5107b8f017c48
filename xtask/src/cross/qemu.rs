//! Runs programs of other machines under qemu's user mode, their children included.
//!
//! A program that starts itself again needs the kernel's help: binfmt_misc hands its file to qemu. That is registered in a
//! user namespace of the run's own (Linux 6.7 and later), so that nothing on the machine changes, and no root is needed.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::target::Target;
use crate::process;
use crate::workspace::Workspace;

/// qemu, and what the kernel needs to know to call it.
#[derive(Debug)]
pub(crate) struct Qemu {
    /// The folder with `qemu-arm-static` and `qemu-aarch64-static`.
    folder: PathBuf,
}

/// Mounts, registers, and becomes the program. Arguments: the line to register, then the program and its own.
const NAMESPACE: &str = "set -e
mount -t binfmt_misc binfmt_misc /proc/sys/fs/binfmt_misc
printf %s \"$1\" > /proc/sys/fs/binfmt_misc/register
shift
exec \"$@\"";

impl Qemu {
    /// The machine's own qemu, else Debian's package, unpacked into target/tools. The error says why there is none.
    pub(crate) fn install(workspace: &Workspace) -> Result<Self, String> {
        if !cfg!(target_os = "linux") {
            return Err("qemu's user mode needs Linux".into());
        }
        let folder = match installed() {
            Some(folder) => folder,
            None => unpacked(workspace)?,
        };
        let probe = process::read(Command::new("unshare").args(NEW_NAMESPACE).args([
            "sh",
            "-c",
            "mount -t binfmt_misc binfmt_misc /proc/sys/fs/binfmt_misc",
        ]));
        probe.map_err(|e| format!("no binfmt_misc in a user namespace (needs Linux 6.7): {e}"))?;
        Ok(Qemu { folder })
    }

    /// A command that runs `program`, built for `target`, on the processor that it must at least run on.
    pub(crate) fn command(&self, target: &Target, program: &Path) -> Result<Command, String> {
        let (architecture, cpu) = target.emulated.ok_or_else(|| format!("{} runs natively", target.name))?;
        self.command_on(architecture, cpu, program)
    }

    /// The same on another processor.
    pub(crate) fn command_on(
        &self,
        architecture: &str,
        cpu: &str,
        program: &Path,
    ) -> Result<Command, String> {
        let qemu = self.folder.join(format!("qemu-{architecture}-static"));
        let header = fs::read(program).map_err(|e| format!("can't read {}: {e}", program.display()))?;
        let header = header.get(..20).ok_or_else(|| format!("{} is empty", program.display()))?;
        let mut command = Command::new("unshare");
        command.args(NEW_NAMESPACE).args(["sh", "-c", NAMESPACE, "sh"]);
        command.arg(registration(header, &qemu)).arg(program).env("QEMU_CPU", cpu);
        Ok(command)
    }
}

/// The caller keeps its rights over its own files; the kernel lets it mount, in here.
const NEW_NAMESPACE: [&str; 3] = ["--user", "--map-root-user", "--mount"];

/// What binfmt_misc is told: files that begin as this one does go to qemu. Of the sixteen bytes that name the kind of file, the
/// system's (7 and 8) don't count; then comes the type, a program (2) or one that can lie anywhere (3), and the machine.
/// `F` opens qemu now, so that it is there wherever the program goes.
fn registration(header: &[u8], qemu: &Path) -> String {
    let (mut magic, mut mask) = (String::new(), String::new());
    for (at, byte) in header.iter().enumerate() {
        let bits = match at {
            7 | 8 => 0x00,
            16 => 0xfe,
            _ => 0xff,
        };
        let _ = write!(magic, "\\x{:02x}", byte & bits);
        let _ = write!(mask, "\\x{bits:02x}");
    }
    format!(":xtask:M::{magic}:{mask}:{}:F", qemu.display())
}

const PROGRAMS: [&str; 2] = ["qemu-arm-static", "qemu-aarch64-static"];

/// Takes the programs named out of the package. The lists of a fresh machine are empty; root may fetch them.
const UNPACK: &str = "{ apt-get -q download qemu-user-static || { apt-get -q update; apt-get -q download qemu-user-static; }; } >&2
dpkg-deb --fsys-tarfile qemu-user-static_*.deb | tar -x \"$@\"
rm qemu-user-static_*.deb";

fn installed() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).find(|folder| PROGRAMS.iter().all(|program| folder.join(program).exists()))
}

fn unpacked(workspace: &Workspace) -> Result<PathBuf, String> {
    let folder = workspace.tools()?.join("qemu-user-static");
    let bin = folder.join("usr/bin");
    if PROGRAMS.iter().all(|program| bin.join(program).exists()) {
        return Ok(bin);
    }
    println!("fetching qemu-user-static with apt into {} (once)", folder.display());
    let failed = |e: String| format!("no qemu-arm-static (Debian: apt install qemu-user-static): {e}");
    fs::create_dir_all(&folder).map_err(|e| failed(e.to_string()))?;
    let mut unpack = Command::new("sh");
    unpack.args(["-ec", UNPACK, "sh"]).args(PROGRAMS.map(|program| format!("./usr/bin/{program}")));
    unpack.current_dir(&folder);
    process::read(&mut unpack).map_err(failed)?;
    Ok(bin)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_is_told_of_the_machine_and_not_of_the_kind_of_program() {
        let header = b"\x7fELF\x01\x01\x01\x03\x00\0\0\0\0\0\0\0\x03\0\x28\0";
        let line = registration(header, Path::new("/opt/qemu-arm-static"));
        assert!(line.starts_with(r":xtask:M::\x7f\x45\x4c\x46\x01\x01\x01\x00\x00"), "{line}");
        assert!(line.contains(r"\x02\x00\x28\x00:\xff\xff"), "{line}");
        assert!(line.ends_with(r"\xfe\xff\xff\xff:/opt/qemu-arm-static:F"), "{line}");
    }
}
