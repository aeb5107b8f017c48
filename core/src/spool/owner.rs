//! Whose the folder is: the file `owner`.

use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::open::at;
use super::{LINE_MAX, Spool, SpoolError, format};

/// Which machine made the folder.
#[derive(Serialize, Deserialize)]
struct Owner {
    version: u32,
    /// A hash: the machine's id is nobody else's business.
    machine: Option<String>,
}

impl Owner {
    fn read(bytes: &[u8]) -> Option<Self> {
        serde_json::from_str(format::unseal(bytes)?).ok()
    }
}

/// Of the folder's format. A later one is refused.
const VERSION: u32 = 2;

/// What tells this machine from others.
pub(crate) fn machine_id() -> Option<String> {
    let id = std::fs::read_to_string("/etc/machine-id").ok()?;
    Some(id.trim().to_owned()).filter(|id| !id.is_empty())
}

/// What a folder's `owner` says to this machine: the hash of its id, and whether the folder was made on another one.
pub(super) fn owned(owner: &[u8], machine_id: Option<&str>) -> (Option<String>, bool) {
    let hash = |id: &str| {
        let digest = Sha256::digest(format!("activity-worker {id}"));
        format!("{:x}", digest.first_chunk::<16>().map_or(0, |b| u128::from_be_bytes(*b)))
    };
    let ours = machine_id.map(hash);
    let theirs = Owner::read(owner).and_then(|owner| owner.machine);
    let copied = ours.is_some() && theirs.is_some() && ours != theirs;
    (ours, copied)
}

impl Spool {
    /// A folder without an owner becomes ours; so does one whose owner's name is no name any more.
    pub(super) fn is_copied(&mut self, dir: &Path) -> Result<bool, SpoolError> {
        let path = dir.join("owner");
        let owner = match self.disk.read(&path, LINE_MAX) {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(e) => return Err(at(&path)(e)),
        };
        let (machine, copied) = owned(&owner, self.config.machine_id.as_deref());
        self.machine = machine;
        if let Some(owner) = Owner::read(&owner) {
            return match owner.version {
                ..=VERSION => Ok(copied),
                _ => Err(SpoolError::UnknownFormat { dir: dir.to_owned() }),
            };
        }
        let ours = Owner { version: VERSION, machine: self.machine.clone() };
        let new = dir.join("owner.new");
        let json = serde_json::to_string(&ours).unwrap_or_default();
        self.replace(&new, &path, format::seal(&json).as_bytes()).map_err(at(&path))?;
        self.disk.sync_dir(dir).map_err(at(dir))?;
        Ok(false)
    }
}
