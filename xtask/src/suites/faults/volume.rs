//! A file system of its own on a loop device, from which the power can be taken.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use super::stage::{Stage, run};
use crate::process;

pub(super) struct Volume {
    image: PathBuf,
    folder: PathBuf,
}

impl Volume {
    /// An empty file system of this kind, mounted.
    pub(super) fn new(stage: &Stage, kind: &str) -> Result<Self, String> {
        let image = stage.folder("image")?.join(kind);
        // xfs takes no smaller one.
        let bytes = if kind == "xfs" { 300 << 20 } else { 64 << 20 };
        File::create(&image).and_then(|f| f.set_len(bytes)).map_err(|e| format!("no image: {e}"))?;
        process::read(Command::new(format!("mkfs.{kind}")).arg("-q").arg(&image))?;
        Volume::of(stage, image)
    }

    /// The file system in this image, mounted.
    pub(super) fn of(stage: &Stage, image: PathBuf) -> Result<Self, String> {
        let volume = Volume { image, folder: stage.folder("volume")? };
        volume.mount()?;
        Ok(volume)
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(super) fn mount(&self) -> Result<(), String> {
        run("mount", &["-o", "loop", &self.image.to_string_lossy(), &self.folder.to_string_lossy()]).map(drop)
    }

    /// Waits for what is still open: handlers outlive a killed worker by a moment.
    pub(super) fn unmount(&self) -> Result<(), String> {
        let deadline = Instant::now() + Duration::from_secs(10);
        loop {
            match run("umount", &[&self.folder.to_string_lossy()]) {
                Err(_) if Instant::now() < deadline => thread::sleep(Duration::from_millis(10)),
                other => return other.map(drop),
            }
        }
    }

    /// The power goes: nothing more reaches the disk, not even the file system's own log.
    pub(super) fn cut(&self) -> Result<(), String> {
        run("xfs_io", &["-x", "-c", "shutdown", &self.folder.to_string_lossy()]).map(drop)
    }
}
