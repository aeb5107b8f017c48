//! Activity ARNs.

/// The ARN of an activity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActivityArn(heapless::String<256>);

/// Why a text is no activity ARN.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ArnError {
    /// Not an activity ARN.
    #[error("not an activity ARN")]
    NotAnActivity,
}

impl ActivityArn {
    /// Parses an ARN.
    pub fn parse(_text: &str) -> Result<Self, ArnError> {
        todo!()
    }
    /// The whole ARN.
    pub fn as_str(&self) -> &str {
        &self.0
    }
    /// `aws`, `aws-cn`, ...
    pub fn partition(&self) -> &str {
        todo!()
    }
    /// The region.
    pub fn region(&self) -> &str {
        todo!()
    }
    /// The account, 12 digits.
    pub fn account(&self) -> &str {
        todo!()
    }
    /// The activity's name.
    pub fn name(&self) -> &str {
        todo!()
    }
}
