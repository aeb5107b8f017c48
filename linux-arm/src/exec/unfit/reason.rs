//! What is wrong with a program, and how sure that is.

/// What is wrong with a program. The text goes on where its name ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Unfit {
    /// Nobody can start it.
    Certain(String),
    /// This kernel alone does not start it; an emulator that is registered with it might (`binfmt_misc`), and a container does not
    /// see which are.
    Likely(String),
}

/// It is certainly unfit.
pub(super) fn certain<T>(what: impl Into<String>) -> Result<T, Unfit> {
    Err(Unfit::Certain(what.into()))
}
