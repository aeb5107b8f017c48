//! Files that are named by settings and written by others, read so that none of them can stop or fill a device.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::FileTypeExt;
use std::path::Path;

/// The file's bytes, if they are no more than `most`.
pub(super) fn read(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open(path)?.take(most + 1).read_to_end(&mut bytes)?;
    match bytes.len() as u64 > most {
        true => Err(io::Error::other(format!("it is larger than {most} bytes"))),
        false => Ok(bytes),
    }
}

/// The file, to be read within a bound of the caller's.
///
/// A FIFO or a socket is refused: it would be waited for where no signal is heard. A device such as `/dev/null` stands for no settings,
/// as it does for the AWS CLI.
pub(super) fn open(path: &Path) -> io::Result<File> {
    let kind = fs::metadata(path)?.file_type();
    match kind.is_fifo() || kind.is_socket() {
        true => Err(io::Error::other("it is a pipe or a socket, and no file")),
        false => File::open(path),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn field_18_a_named_file_that_is_none_neither_stops_nor_fills_a_device() {
        let dir = tempfile::tempdir().unwrap();
        let (file, pipe, endless) = (dir.path().join("f"), dir.path().join("p"), dir.path().join("e"));
        fs::write(&file, "12345").unwrap();
        assert_eq!(read(&file, 5).unwrap(), b"12345");
        assert_eq!(read(&file, 4).unwrap_err().to_string(), "it is larger than 4 bytes");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        std::os::unix::fs::symlink(&pipe, &endless).unwrap();
        for pipe in [&pipe, &endless] {
            assert_eq!(read(pipe, 5).unwrap_err().to_string(), "it is a pipe or a socket, and no file");
        }
        File::create(&file).unwrap().set_len(6 << 30).unwrap();
        assert!(read(&file, 1 << 20).is_err());
        assert!(read(Path::new("/dev/zero"), 1 << 20).is_err());
        assert_eq!(read(Path::new("/dev/null"), 5).unwrap(), b"");
        assert!(read(dir.path(), 5).is_err());
    }
}
