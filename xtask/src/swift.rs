//! A Swift toolchain: the machine's own, or Debian's, unpacked into a folder and run in there.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use crate::workspace::Workspace;
use crate::{apt, process};

/// The first Debian that has Swift, and what of it is needed. The numbered name changes with these lines.
const SUITE: &str = "trixie";
const FOLDER: &str = "swift-trixie-1";
const PACKAGES: &str = "swiftlang,libc6-dev,libstdc++-14-dev,bash,coreutils";
/// A third of the bytes, and no test needs them.
const WITHOUT: &[&str] = &[
    "/usr/share/doc/*",
    "/usr/share/man/*",
    "/usr/libexec/swift/bin/lldb*",
    "/usr/libexec/swift/bin/clangd",
    "/usr/libexec/swift/bin/sourcekit-lsp",
    "/usr/libexec/swift/lib/swift_static/*",
];

/// What a command in the folder sees: itself as the root, the processes it starts, and the checkout where it always is. All of it
/// ends with the command. `$0` is the root, `$1` the folder to work in, `$2` and `$3` what to show; the rest is the command.
const ENTER: &str = r#"
root=$0 here=$1
for folder in "$2" "$3"; do
    mkdir -p "$root$folder" && mount --bind "$folder" "$root$folder" || exit
done
shift 3
exec chroot "$root" /bin/bash -c 'cd "$0" && exec "$@"' "$here" "$@"
"#;

/// A toolchain that works.
#[derive(Debug)]
pub(crate) enum Swift {
    /// The one that is on the path.
    OnPath,
    /// Debian's, in this folder.
    Folder(PathBuf),
}

impl Swift {
    /// Finds a toolchain; unpacks Debian's where there is none. The error says why none can be had.
    pub(crate) fn find(workspace: &Workspace) -> Result<Self, String> {
        // OpenStack has a program of this name too.
        let version = process::read(Command::new("swift").arg("--version")).unwrap_or_default();
        if version.contains("Swift version 6") {
            return Ok(Swift::OnPath);
        }
        let root = workspace.tools()?.join(FOLDER);
        if !root.exists() {
            unpack(&root)?;
        }
        Ok(Swift::Folder(root))
    }

    /// A command of the toolchain, `swift` for instance, that works in a folder of the checkout with this environment.
    pub(crate) fn command(
        &self,
        workspace: &Workspace,
        folder: &Path,
        environment: &[(&str, &Path)],
    ) -> Command {
        let mut command = match self {
            Swift::OnPath => {
                let mut command = Command::new("env");
                command.current_dir(folder);
                command
            }
            Swift::Folder(root) => {
                let mut command = Command::new("unshare");
                command.args(["--mount", "--pid", "--fork", "--kill-child"]);
                // The new namespace's own /proc, where the command looks for it.
                command.arg(format!("--mount-proc={}", root.join("proc").display()));
                command.args(["bash", "-c", ENTER]).arg(root).arg(folder);
                command.arg(&workspace.root).arg(&workspace.target);
                command.args(["env", "-i", "HOME=/tmp", "LANG=C.UTF-8"]);
                command.arg("PATH=/usr/libexec/swift/bin:/usr/bin:/bin");
                command
            }
        };
        command.args(environment.iter().map(|(name, value)| format!("{name}={}", value.display())));
        command
    }
}

/// Unpacks Debian's Swift. No script of a package runs.
fn unpack(root: &Path) -> Result<(), String> {
    if !cfg!(target_os = "linux") {
        return Err("no Swift 6 on the path: install Xcode".into());
    }
    if !rustix::process::geteuid().is_root() {
        return Err("no Swift 6 on the path, and only root can unpack and enter Debian's".into());
    }
    if process::read(Command::new("mmdebstrap").arg("--version")).is_err() {
        apt::install(&["mmdebstrap", "debian-archive-keyring"])?;
    }
    println!("unpacking Swift 6 of Debian {SUITE} (535 MB to fetch, 2 GB on disk, once)");
    let begun = Instant::now();
    // What was begun and not finished has another name.
    let part = root.with_extension("part");
    if part.exists() {
        fs::remove_dir_all(&part).map_err(|e| format!("can't remove {}: {e}", part.display()))?;
    }
    let mut unpack = Command::new("mmdebstrap");
    unpack.args(["--quiet", "--variant=extract", "--aptopt=Acquire::Languages \"none\""]);
    unpack.arg("--aptopt=APT::Install-Recommends \"false\"").arg(format!("--include={PACKAGES}"));
    unpack.args(WITHOUT.iter().map(|path| format!("--dpkgopt=path-exclude={path}")));
    unpack.arg(SUITE).arg(&part).arg(mirror());
    process::read(&mut unpack).map_err(|e| format!("Debian's Swift can't be had: {e}"))?;
    fs::create_dir_all(part.join("proc")).map_err(|e| format!("can't make a folder: {e}"))?;
    fs::rename(&part, root).map_err(|e| format!("can't rename {}: {e}", part.display()))?;
    println!("unpacked in {} s", begun.elapsed().as_secs());
    Ok(())
}

/// The mirror of Debian that this machine uses already, or everyone's.
fn mirror() -> String {
    let sources = fs::read_to_string("/etc/apt/sources.list.d/debian.sources").unwrap_or_default();
    let first = sources.lines().find_map(|line| line.strip_prefix("URIs:")).map(str::trim);
    first.unwrap_or("http://deb.debian.org/debian").to_owned()
}
