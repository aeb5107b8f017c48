//! Where workers keep their tasks while they are measured: ext4 on a loop device, whose own counters tell what reaches it; or memory.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::process;
use crate::workspace::Workspace;

/// Of the ext4 image, which is sparse.
const IMAGE_BYTES: u64 = 2 << 30;
const SECTOR: u64 = 512;

/// The file systems, for as long as this process' mounts live.
pub(super) struct Ground {
    pub(super) ext4: Ext4,
    memory: PathBuf,
}

/// An ext4 file system on a loop device.
pub(super) struct Ext4 {
    folder: PathBuf,
    /// Its counters.
    stat: PathBuf,
}

/// What has reached a block device.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reached {
    pub(super) bytes: u64,
    pub(super) flushes: u64,
}

/// Which of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum On {
    Ext4,
    Memory,
}

impl Ground {
    /// Mounts both, in this process' own mount namespace.
    pub(super) fn lay(workspace: &Workspace) -> Result<Self, String> {
        let base = workspace.target.join("bench");
        fs::create_dir_all(&base).map_err(|e| format!("can't make {}: {e}", base.display()))?;
        let memory = base.join("memory");
        fs::create_dir_all(&memory).map_err(|e| format!("can't make {}: {e}", memory.display()))?;
        run("mount", &["-t", "tmpfs", "-o", "size=8g,mode=755", "bench", &memory.to_string_lossy()])?;
        Ok(Ground { ext4: Ext4::make(&base)?, memory })
    }

    /// A new folder of this name.
    pub(super) fn folder(&self, on: On, name: &str) -> Result<PathBuf, String> {
        let base = match on {
            On::Ext4 => &self.ext4.folder,
            On::Memory => &self.memory,
        };
        let folder = base.join(name);
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).map_err(|e| format!("can't make {}: {e}", folder.display()))?;
        Ok(folder)
    }
}

impl Ext4 {
    fn make(base: &Path) -> Result<Self, String> {
        let (image, folder) = (base.join("ext4.img"), base.join("ext4"));
        fs::create_dir_all(&folder).map_err(|e| format!("can't make {}: {e}", folder.display()))?;
        File::create(&image)
            .and_then(|file| file.set_len(IMAGE_BYTES))
            .map_err(|e| format!("no image: {e}"))?;
        // What mkfs leaves for later would be written while others are measured.
        let whole = "lazy_itable_init=0,lazy_journal_init=0";
        run("mkfs.ext4", &["-q", "-F", "-E", whole, &image.to_string_lossy()])?;
        run("mount", &["-o", "loop", &image.to_string_lossy(), &folder.to_string_lossy()])?;
        let device = run("findmnt", &["-n", "-o", "SOURCE", &folder.to_string_lossy()])?;
        let name = device.trim().rsplit('/').next().unwrap_or_default().to_owned();
        // The mount holds both: whatever ends this process ends them.
        fs::remove_file(&image).map_err(|e| e.to_string())?;
        Ok(Ext4 { folder, stat: Path::new("/sys/block").join(name).join("stat") })
    }

    /// What has reached the device, once all that was written has.
    pub(super) fn reached(&self) -> Result<Reached, String> {
        run("sync", &["-f", &self.folder.to_string_lossy()])?;
        let text = fs::read_to_string(&self.stat).map_err(|e| format!("{}: {e}", self.stat.display()))?;
        let numbers: Vec<u64> = text.split_whitespace().filter_map(|n| n.parse().ok()).collect();
        // Documentation/block/stat of the kernel: the seventh is sectors written, the sixteenth flushes.
        match (numbers.get(6), numbers.get(15)) {
            (Some(sectors), Some(flushes)) => Ok(Reached { bytes: sectors * SECTOR, flushes: *flushes }),
            _ => Err(format!("{} tells no flushes: the kernel is older than 5.5", self.stat.display())),
        }
    }
}

fn run(program: &str, arguments: &[&str]) -> Result<String, String> {
    process::read(Command::new(program).args(arguments))
}
