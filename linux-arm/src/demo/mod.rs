//! demo
use crate::error::Error;
pub(crate) fn demo() -> Result<(), Error> {
    Err(Error::Failure("not yet".into()))
}
pub(crate) fn handler() -> Result<(), Error> {
    Err(Error::Failure("not yet".into()))
}
