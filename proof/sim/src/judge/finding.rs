//! What the judge says of a promise that was not kept.

/// A promise that was not kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    /// Its name in the README.
    pub(crate) promise: &'static str,
    /// What happened.
    pub(crate) text: String,
}

/// Fails with a finding.
pub(crate) fn broken<T>(promise: &'static str, text: impl Into<String>) -> Result<T, Finding> {
    Err(Finding { promise, text: text.into() })
}
