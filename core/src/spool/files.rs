//! Opens files that somebody else may have put there: nothing is followed, waited for, or written that is not a file of our own.

use std::fs::{self, DirBuilder, File, Metadata, OpenOptions, Permissions};
use std::io::{self, Read};
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use rustix::fs::OFlags;
use rustix::io::Errno;

/// What lies under a name, and is no file of ours. Nothing else that reads or writes gives this kind of error.
pub(super) fn odd(what: impl std::fmt::Display) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("it is {what}"))
}

/// Whether this says that something else than a file of ours lies there: it never will be one.
pub(super) fn is_odd(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::InvalidData
}

/// A whole file of at most so many bytes.
pub(super) fn read(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let (file, about) = open_regular(path)?;
    if about.len() > most {
        return Err(too_large(most));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(about.len()).unwrap_or_default());
    file.take(most + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most { Err(too_large(most)) } else { Ok(bytes) }
}

/// The beginning of a file, so many bytes at most.
pub(super) fn head(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open_regular(path)?.0.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// How long a file is, without opening it.
pub(super) fn length(path: &Path) -> io::Result<u64> {
    let about = fs::symlink_metadata(path)?;
    regular(&about).map(|()| about.len())
}

/// Opens a file for writing, makes it if it is not there, and leaves its blocks alone.
pub(super) fn create(path: &Path) -> io::Result<File> {
    match fs::symlink_metadata(path) {
        Ok(about) => regular(&about)?,
        Err(e) if e.kind() == io::ErrorKind::NotFound => {}
        Err(e) => return Err(e),
    }
    let file =
        open(OpenOptions::new().create(true).truncate(false).read(true).write(true).mode(0o600), path)?;
    our_own(path, file)
}

/// Opens a file that is there for reading and writing.
pub(super) fn open_to_change(path: &Path) -> io::Result<File> {
    regular(&fs::symlink_metadata(path)?)?;
    let file = open(OpenOptions::new().read(true).write(true), path)?;
    our_own(path, file)
}

fn our_own(path: &Path, file: File) -> io::Result<File> {
    let about = file.metadata()?;
    regular(&about)?;
    match about.nlink() {
        0 | 1 => {}
        // What is written here would be written there as well.
        _ => return Err(odd("a hard link, which has another name elsewhere")),
    }
    match is_anothers(path, &about) {
        true => Err(odd(format_args!("a file of user {}", about.uid()))),
        false => Ok(file),
    }
}

/// Opens a file for reading, whatever it is, but for a link.
pub(super) fn open_to_read(path: &Path) -> io::Result<File> {
    open(OpenOptions::new().read(true), path)
}

fn open_regular(path: &Path) -> io::Result<(File, Metadata)> {
    // Looked at before it is opened: to open a device can do something.
    regular(&fs::symlink_metadata(path)?)?;
    let file = open_to_read(path)?;
    let about = file.metadata()?;
    regular(&about)?;
    Ok((file, about))
}

/// Opens a folder. Only one that `may_be_link` is looked for behind a symbolic link.
pub(super) fn folder(path: &Path, may_be_link: bool) -> io::Result<File> {
    let about = if may_be_link { fs::metadata(path)? } else { fs::symlink_metadata(path)? };
    if about.file_type().is_symlink() {
        return Err(io::Error::new(
            io::ErrorKind::NotADirectory,
            "it is a symbolic link, which is not followed: a folder must be there",
        ));
    }
    if !about.is_dir() {
        return Err(io::ErrorKind::NotADirectory.into());
    }
    if may_be_link { File::open(path) } else { open_to_read(path) }
}

/// Makes the folder, or closes the one that is there; see [`Disk::make_dir`](super::Disk::make_dir).
pub(super) fn make_folder(path: &Path, may_be_link: bool) -> io::Result<Option<String>> {
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(|e| told(e, path))?;
    let folder = folder(path, may_be_link).map_err(|e| told(e, path))?;
    let about = folder.metadata()?;
    let (user, mode) = (rustix::process::geteuid().as_raw(), about.mode() & 0o7777);
    if user == 0 && about.uid() != 0 {
        let what = format!(
            "it belongs to user {}, and this worker runs as root, which would follow whatever that user puts there: run it as that user, or chown -R root {}",
            about.uid(),
            path.display()
        );
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, what));
    }
    // A folder that all share, as /tmp is, stays open.
    let is_shared = mode & 0o1002 == 0o1002;
    if mode & 0o077 == 0 || (!is_shared && about.uid() == user && close(&folder)?) {
        return Ok(None);
    }
    let can = match mode {
        _ if is_shared => "every user can put files into it",
        m if m & 0o002 != 0 => "every user of this machine can remove and replace what lies in it",
        m if m & 0o020 != 0 => "its group can remove and replace what lies in it",
        _ => "others can see the names of what lies in it",
    };
    Ok(Some(format!(
        "{} belongs to user {} and has mode {mode:04o}: it can't be closed, and {can}; what the worker makes there is its own. A folder of user {user} is safer",
        path.display(),
        about.uid()
    )))
}

/// False: this file system knows no modes.
fn close(folder: &File) -> io::Result<bool> {
    match folder.set_permissions(Permissions::from_mode(0o700)) {
        Err(e) if e.kind() == io::ErrorKind::PermissionDenied => Ok(false),
        closed => closed.map(|()| true),
    }
}

/// Says whose it is that this user may not use.
fn told(e: io::Error, path: &Path) -> io::Error {
    let user = rustix::process::geteuid().as_raw();
    let there = path.ancestors().find_map(|above| Some((above, fs::metadata(above).ok()?)));
    match there.filter(|_| e.kind() == io::ErrorKind::PermissionDenied) {
        Some((whose, about)) => io::Error::new(
            e.kind(),
            format!(
                "{} belongs to user {} (mode {:04o}), and this worker runs as user {user}: chown {user} {0}, or give another folder",
                whose.display(),
                about.uid(),
                about.mode() & 0o7777
            ),
        ),
        None => e,
    }
}

fn open(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    #[allow(clippy::cast_possible_wrap)]
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC).bits() as i32;
    options.custom_flags(flags).open(path).map_err(|e| match Errno::from_io_error(&e) {
        Some(Errno::LOOP | Errno::MLINK) => odd("a symbolic link"),
        Some(Errno::NXIO) => odd("a FIFO or a socket"),
        _ => e,
    })
}

fn regular(about: &Metadata) -> io::Result<()> {
    let kind = about.file_type();
    Err(odd(match () {
        () if kind.is_file() => return Ok(()),
        () if kind.is_symlink() => "a symbolic link",
        () if kind.is_dir() => "a folder",
        () if kind.is_fifo() => "a FIFO",
        () if kind.is_socket() => "a socket",
        () => "a device",
    }))
}

/// Some file systems give all files to one user: there, and in a folder that is not ours, that says nothing.
fn is_anothers(path: &Path, about: &Metadata) -> bool {
    let us = rustix::process::geteuid().as_raw();
    about.uid() != us && path.parent().is_some_and(|dir| fs::metadata(dir).is_ok_and(|dir| dir.uid() == us))
}

fn too_large(most: u64) -> io::Error {
    odd(format_args!("larger than {most} bytes, and no such file is"))
}
