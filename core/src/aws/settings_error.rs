//! What is wrong with the settings that AWS' tools share.

use std::path::PathBuf;

/// What is wrong with the settings, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SettingsError {
    /// A shared file can't be read.
    #[error("{}{}{reason}", path.display(), line.map_or(" ".to_owned(), |n| format!(", line {n}: ")))]
    File {
        /// The file.
        path: PathBuf,
        /// The line, where it is one line that is wrong.
        line: Option<usize>,
        /// What is wrong.
        reason: String,
    },
    /// A profile was asked for, and no shared file has it.
    #[error("the profile {name:?} is not in {files}")]
    NoProfile {
        /// The profile.
        name: String,
        /// The files that were read.
        files: String,
    },
    /// A setting has a value that it can't have.
    #[error("{place}: {reason}")]
    Value {
        /// The variable, or the file and line.
        place: String,
        /// What is wrong.
        reason: String,
    },
}
