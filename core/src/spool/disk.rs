//! The narrow seam to storage: what the spool needs of it, and the machine's own.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

/// What the spool needs of storage. "Durably" means: synced before it returns, though a new name is durable only after
/// [`sync_dir`](Disk::sync_dir).
pub trait Disk: Send {
    /// Makes the folder and those above it, with mode 0700; one that is there is closed to others.
    fn make_dir(&mut self, dir: &Path) -> io::Result<()>;
    /// What the folder lies on.
    fn kind(&self, dir: &Path) -> io::Result<StorageKind>;
    /// Bytes that can still be written there.
    fn free(&self, dir: &Path) -> io::Result<u64>;
    /// Takes the lock, until the disk is dropped. `WouldBlock`: another process has it.
    fn lock(&mut self, file: &Path) -> io::Result<()>;
    /// The names of the files in a folder.
    fn list(&self, dir: &Path) -> io::Result<Vec<String>>;
    /// A whole file.
    fn read(&self, file: &Path) -> io::Result<Vec<u8>>;
    /// Sets aside this many bytes under this name; a file that is there grows or stays.
    fn preallocate(&mut self, file: &Path, bytes: u64) -> io::Result<()>;
    /// Writes a whole file, into the blocks it has already; not synced.
    fn write(&mut self, file: &Path, bytes: &[u8]) -> io::Result<()>;
    /// Writes a whole file, into the blocks it has already, and syncs it.
    fn write_durably(&mut self, file: &Path, bytes: &[u8]) -> io::Result<()>;
    /// Writes a part of a file, and syncs it.
    fn write_at_durably(&mut self, file: &Path, at: u64, bytes: &[u8]) -> io::Result<()>;
    /// Gives a file another name, in place of what has it.
    fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file.
    fn remove(&mut self, file: &Path) -> io::Result<()>;
    /// Makes the names in a folder durable.
    fn sync_dir(&mut self, dir: &Path) -> io::Result<()>;
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
    lock: Option<File>,
}

impl Disk for RealDisk {
    fn make_dir(&mut self, dir: &Path) -> io::Result<()> {
        DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
        if fs::metadata(dir)?.permissions().mode() & 0o077 != 0 {
            fs::set_permissions(dir, Permissions::from_mode(0o700))?;
        }
        Ok(())
    }

    fn kind(&self, dir: &Path) -> io::Result<StorageKind> {
        storage_kind(dir)
    }

    fn free(&self, dir: &Path) -> io::Result<u64> {
        let stat = rustix::fs::statvfs(dir)?;
        Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
    }

    fn lock(&mut self, file: &Path) -> io::Result<()> {
        let mut lock =
            OpenOptions::new().create(true).truncate(false).read(true).write(true).mode(0o600).open(file)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(io::ErrorKind::WouldBlock.into()),
            Err(TryLockError::Error(e)) => return Err(e),
        }
        // For the error of another worker. That a full disk refuses it must not keep this one from starting.
        let _ = lock.set_len(0).and_then(|()| writeln!(lock, "{}", std::process::id()));
        self.lock = Some(lock);
        Ok(())
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(dir)? {
            // A name that is no UTF-8 is none of ours.
            names.extend(entry?.file_name().into_string());
        }
        names.sort();
        Ok(names)
    }

    fn read(&self, file: &Path) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        File::open(file)?.read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn preallocate(&mut self, file: &Path, bytes: u64) -> io::Result<()> {
        let mut file = create(file)?;
        if file.metadata()?.len() >= bytes {
            return Ok(());
        }
        match fallocate(&file, bytes) {
            Err(e) if e.kind() == io::ErrorKind::Unsupported => {
                file.seek(SeekFrom::Start(0))?;
                io::copy(&mut io::repeat(0).take(bytes), &mut file).map(|_| ())
            }
            done => done,
        }
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

    fn write_at_durably(&mut self, file: &Path, at: u64, bytes: &[u8]) -> io::Result<()> {
        let mut file = create(file)?;
        file.seek(SeekFrom::Start(at))?;
        file.write_all(bytes)?;
        file.sync_all()
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

/// Opens a file for writing, makes it if it is not there, and leaves its blocks alone.
fn create(file: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(file)
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn fallocate(file: &File, bytes: u64) -> io::Result<()> {
    rustix::fs::fallocate(file, rustix::fs::FallocateFlags::empty(), 0, bytes).map_err(|e| match e {
        rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS => io::ErrorKind::Unsupported.into(),
        other => other.into(),
    })
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn fallocate(_: &File, _: u64) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
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
