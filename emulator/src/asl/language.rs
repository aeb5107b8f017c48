//! The language of a state's expressions.

/// `QueryLanguage`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Language {
    #[default]
    JsonPath,
    Jsonata,
}
