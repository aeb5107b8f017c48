//! The narrow seam to storage: what the spool needs of it, and the machine's own.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::files::{self, create};
use super::hold::{self, Ground, Hold};

/// What the spool needs of storage. "Durably" means: synced before it returns, though a new name is durable only after
/// [`sync_dir`](Disk::sync_dir).
pub trait Disk: Send {
    /// Makes the folder and those above it, with mode 0700; one that is there is closed to others. What others can do in one that
    /// can't be closed, not being ours, is the answer. Only a folder that `may_be_link` is looked for behind a symbolic link.
    fn make_dir(&mut self, dir: &Path, may_be_link: bool) -> io::Result<Option<String>>;
    /// What the folder lies on.
    fn kind(&self, dir: &Path) -> io::Result<StorageKind>;
    /// Bytes that can still be written there; none where no file can be made.
    fn free(&self, dir: &Path) -> io::Result<u64>;
    /// Takes the folder, with `log` in it, until the disk is dropped. `WouldBlock`: another process has it. Again, if it was made
    /// anew.
    fn lock(&mut self, dir: &Path) -> io::Result<()>;
    /// Whether another process has the folder of this name.
    fn is_anothers(&self, dir: &Path) -> bool;
    /// Whether the folder that is locked is still the one of this name.
    fn ground(&mut self, dir: &Path) -> Ground;
    /// How long a file is. `InvalidData`: what lies there is no file.
    fn about(&self, file: &Path) -> io::Result<u64>;
    /// The names of the files in a folder; not in one behind a symbolic link.
    fn list(&self, dir: &Path) -> io::Result<Vec<String>>;
    /// A whole file of at most so many bytes. `InvalidData`: what lies there is larger, or no file.
    fn read(&self, file: &Path, most: u64) -> io::Result<Vec<u8>>;
    /// Writes a whole file, into the blocks it has already; not synced.
    fn write(&mut self, file: &Path, bytes: &[u8]) -> io::Result<()>;
    /// Writes a whole file, into the blocks it has already, and syncs it.
    fn write_durably(&mut self, file: &Path, bytes: &[u8]) -> io::Result<()>;
    /// Opens a file that is there, to be read and written in place. One descriptor for as long as it is used: the kernel tells of a
    /// failed write-back only once per descriptor. `InvalidData`: what lies there is no file, or has another name elsewhere.
    fn open(&mut self, file: &Path) -> io::Result<Box<dyn OpenFile>>;
    /// Gives a file another name, in place of what has it.
    fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file.
    fn remove(&mut self, file: &Path) -> io::Result<()>;
    /// Makes the names in a folder durable.
    fn sync_dir(&mut self, dir: &Path) -> io::Result<()>;
}

/// A file that stays open.
pub trait OpenFile: Send {
    /// How long it is, in bytes.
    fn length(&self) -> io::Result<u64>;
    /// Reads so many bytes from this place. `UnexpectedEof`: it ends before.
    fn read_at(&self, at: u64, bytes: &mut [u8]) -> io::Result<()>;
    /// Writes at this place, within what the file has already; not synced.
    fn write_at(&mut self, at: u64, bytes: &[u8]) -> io::Result<()>;
    /// Makes durable what was written. After an error it is not known what of it is; a further sync says nothing about it.
    fn sync(&mut self) -> io::Result<()>;
    /// Whether its name still leads to it. To write into a file that was removed goes well, and is of no use.
    fn is_there(&self) -> bool;
}

/// What a folder lies on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StorageKind {
    /// A file system that keeps what was synced, as far as its disk does.
    Durable,
    /// It is honest, but lost with the power or the container: its name.
    Volatile(String),
    /// It can't rename atomically, or a network stands between: its name.
    Unsafe(String),
}

/// The machine's own storage.
#[derive(Debug, Default)]
pub struct RealDisk {
    hold: Option<Hold>,
}

/// A segment that is being made, and a file that takes another's place.
const FILES_NEEDED: u64 = 2;

impl Disk for RealDisk {
    fn make_dir(&mut self, dir: &Path, may_be_link: bool) -> io::Result<Option<String>> {
        files::make_folder(dir, may_be_link)
    }

    fn kind(&self, dir: &Path) -> io::Result<StorageKind> {
        storage_kind(dir)
    }

    fn free(&self, dir: &Path) -> io::Result<u64> {
        let stat = rustix::fs::statvfs(dir)?;
        let no_files = stat.f_files > 0 && stat.f_favail < FILES_NEEDED;
        if no_files || stat.f_flag.contains(rustix::fs::StatVfsMountFlags::RDONLY) {
            return Ok(0);
        }
        Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
    }

    fn lock(&mut self, dir: &Path) -> io::Result<()> {
        self.hold = Some(Hold::take(dir, self.hold.as_ref())?);
        Ok(())
    }

    fn is_anothers(&self, dir: &Path) -> bool {
        hold::is_anothers(dir)
    }

    fn ground(&mut self, dir: &Path) -> Ground {
        self.hold.as_mut().map_or(Ground::Firm, |hold| hold.look(dir))
    }

    fn about(&self, file: &Path) -> io::Result<u64> {
        files::length(file)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        files::folder(dir, false)?;
        let mut names = Vec::new();
        for entry in fs::read_dir(dir)? {
            // A name that is no UTF-8 is none of ours.
            names.extend(entry?.file_name().into_string());
        }
        names.sort();
        Ok(names)
    }

    fn read(&self, file: &Path, most: u64) -> io::Result<Vec<u8>> {
        files::read(file, most)
    }

    fn write(&mut self, file: &Path, bytes: &[u8]) -> io::Result<()> {
        let mut file = create(file)?;
        file.write_all(bytes)?;
        file.set_len(bytes.len() as u64)
    }

    fn write_durably(&mut self, file: &Path, bytes: &[u8]) -> io::Result<()> {
        // One descriptor for the write and the sync: the kernel tells of a failed write-back only once per descriptor.
        let mut file = create(file)?;
        file.write_all(bytes)?;
        file.set_len(bytes.len() as u64)?;
        file.sync_all()
    }

    fn open(&mut self, path: &Path) -> io::Result<Box<dyn OpenFile>> {
        Ok(Box::new(RealFile { file: files::open_to_change(path)?, path: path.to_owned() }))
    }

    fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&mut self, file: &Path) -> io::Result<()> {
        fs::remove_file(file)
    }

    fn sync_dir(&mut self, dir: &Path) -> io::Result<()> {
        File::open(dir)?.sync_all()?;
        // An XFS that has shut itself down, its log being broken, calls a folder synced that is not. It reads none any more.
        fs::read_dir(dir)?.next().transpose().map(drop)
    }
}

struct RealFile {
    file: File,
    path: PathBuf,
}

impl OpenFile for RealFile {
    fn length(&self) -> io::Result<u64> {
        self.file.metadata().map(|about| about.len())
    }

    fn read_at(&self, at: u64, bytes: &mut [u8]) -> io::Result<()> {
        self.file.read_exact_at(bytes, at)
    }

    fn write_at(&mut self, at: u64, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all_at(bytes, at)
    }

    fn sync(&mut self) -> io::Result<()> {
        // On Apple's systems this asks the disk itself (F_FULLFSYNC).
        self.file.sync_data()
    }

    fn is_there(&self) -> bool {
        hold::names(&self.path, &self.file)
    }
}

/// What a folder lies on, told by the magic number of statfs(2). Source: `linux/magic.h`.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub fn storage_kind(dir: &Path) -> io::Result<StorageKind> {
    // The field's width differs between platforms, the numbers have 32 bits.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let magic = rustix::fs::statfs(dir)?.f_type as u32;
    Ok(match magic {
        0x0102_1994 => StorageKind::Volatile("tmpfs".into()),
        0x8584_58f6 => StorageKind::Volatile("ramfs".into()),
        0x794c_7630 => StorageKind::Volatile("overlay".into()),
        0x4d44 => StorageKind::Unsafe("vfat".into()),
        0x2011_bab0 => StorageKind::Unsafe("exfat".into()),
        0x6969 => StorageKind::Unsafe("nfs".into()),
        0xff53_4d42 => StorageKind::Unsafe("cifs".into()),
        0xfe53_4d42 => StorageKind::Unsafe("smb2".into()),
        0x517b => StorageKind::Unsafe("smb".into()),
        0x0102_1997 => StorageKind::Unsafe("9p".into()),
        0x00c3_6400 => StorageKind::Unsafe("ceph".into()),
        _ => StorageKind::Durable,
    })
}

/// What a folder lies on: elsewhere than on Linux it is not known.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub fn storage_kind(_: &Path) -> io::Result<StorageKind> {
    Ok(StorageKind::Durable)
}
