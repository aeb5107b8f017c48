//! Faults on demand: what goes wrong, with which operation, how often.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Something that goes wrong. Without [`Fault::on`] it concerns every operation, without [`Fault::times`] it lasts until cleared.
///
/// In an admin call it is JSON: `{"fault": "delay", "milliseconds": 500, "operation": "SendTaskSuccess", "times": 2}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Fault {
    #[serde(flatten)]
    kind: Kind,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    operation: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    times: Option<u32>,
    /// Whether the request takes effect before the fault does.
    #[serde(default)]
    after_effect: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "fault", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub(crate) enum Kind {
    Close,
    HalfOpen,
    Delay { milliseconds: u64 },
    Error { status: u16, code: String, message: String },
    Throttle,
    ExpiredToken,
    AccessDenied,
    CaptivePortal,
    Truncated,
    DateOffset { seconds: i64 },
}

/// Names a fault that was injected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
pub struct FaultId(pub(crate) u64);

impl Fault {
    /// The connection is closed without an answer once the request was read.
    pub fn close() -> Self {
        Self::new(Kind::Close)
    }

    /// The connection stays open and no answer ever comes, until the client gives up or the emulator goes down.
    pub fn half_open() -> Self {
        Self::new(Kind::HalfOpen)
    }

    /// The request is held back for this long and then answered: before it takes effect, or after it did.
    pub fn delay(time: Duration) -> Self {
        Self::new(Kind::Delay { milliseconds: u64::try_from(time.as_millis()).unwrap_or(u64::MAX) })
    }

    /// This HTTP status, with the error code that AWS sends with it.
    pub fn status(status: u16) -> Self {
        let code = if status == 503 { "ServiceUnavailable" } else { "InternalFailure" };
        Self::error(status, code, "The request has failed because of a fault that was asked for.")
    }

    /// Any error of the API.
    pub fn error(status: u16, code: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(Kind::Error { status, code: code.into(), message: message.into() })
    }

    /// `ThrottlingException`, status 400.
    pub fn throttle() -> Self {
        Self::new(Kind::Throttle)
    }

    /// `ExpiredTokenException`, whatever the credentials.
    pub fn expired_token() -> Self {
        Self::new(Kind::ExpiredToken)
    }

    /// `AccessDeniedException`.
    pub fn access_denied() -> Self {
        Self::new(Kind::AccessDenied)
    }

    /// A page in HTML with status 200: the request never came to the service.
    pub fn captive_portal() -> Self {
        Self::new(Kind::CaptivePortal)
    }

    /// The request takes effect, but only half of the answer's body comes before the connection is closed.
    pub fn truncated() -> Self {
        Self::new(Kind::Truncated)
    }

    /// The request takes effect; the answer's `Date` is wrong by so many seconds.
    pub fn date_offset(seconds: i64) -> Self {
        Self::new(Kind::DateOffset { seconds })
    }

    /// Concerns this operation alone, for instance `SendTaskSuccess`.
    #[must_use]
    pub fn on(mut self, operation: impl Into<String>) -> Self {
        self.operation = Some(operation.into());
        self
    }

    /// Happens so often and no more.
    #[must_use]
    pub fn times(mut self, times: u32) -> Self {
        self.times = Some(times);
        self
    }

    /// Lets the request take effect first: the client can't know that it did.
    #[must_use]
    pub fn after_effect(mut self) -> Self {
        self.after_effect = true;
        self
    }

    fn new(kind: Kind) -> Self {
        Fault { kind, operation: None, times: None, after_effect: false }
    }

    pub(crate) fn kind(&self) -> &Kind {
        &self.kind
    }

    pub(crate) fn is_after_effect(&self) -> bool {
        self.after_effect
    }
}

/// The faults that wait for their request.
#[derive(Default)]
pub(crate) struct Faults {
    last: u64,
    waiting: Vec<(FaultId, Fault)>,
}

impl Faults {
    pub(crate) fn inject(&mut self, fault: Fault) -> FaultId {
        self.last += 1;
        let id = FaultId(self.last);
        self.waiting.push((id, fault));
        id
    }

    pub(crate) fn clear(&mut self, id: FaultId) {
        self.waiting.retain(|(i, _)| *i != id);
    }

    pub(crate) fn clear_all(&mut self) {
        self.waiting.clear();
    }

    pub(crate) fn waiting(&self) -> &[(FaultId, Fault)] {
        &self.waiting
    }

    /// The fault for a request of this operation: the oldest that fits, counted down.
    pub(crate) fn take(&mut self, operation: &str) -> Option<Fault> {
        let fits = |f: &Fault| f.times != Some(0) && f.operation.as_deref().is_none_or(|o| o == operation);
        let index = self.waiting.iter().position(|(_, f)| fits(f))?;
        let (_, fault) = self.waiting.get_mut(index)?;
        if let Some(times) = &mut fault.times {
            *times -= 1;
        }
        let fault = fault.clone();
        self.waiting.retain(|(_, f)| f.times != Some(0));
        Some(fault)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_hits_its_operation_so_often_and_no_more() {
        let mut faults = Faults::default();
        faults.inject(Fault::close().on("SendTaskSuccess").times(2));
        let forever = faults.inject(Fault::throttle());
        assert_eq!(faults.take("GetActivityTask"), Some(Fault::throttle()));
        assert!(matches!(faults.take("SendTaskSuccess").unwrap().kind(), Kind::Close));
        assert!(matches!(faults.take("SendTaskSuccess").unwrap().kind(), Kind::Close));
        assert!(matches!(faults.take("SendTaskSuccess").unwrap().kind(), Kind::Throttle));
        faults.clear(forever);
        assert_eq!(faults.take("SendTaskSuccess"), None);
    }

    #[test]
    fn faults_are_read_from_json() {
        let fault = |json: &str| serde_json::from_str::<Fault>(json);
        assert_eq!(fault(r#"{"fault":"half-open"}"#).unwrap(), Fault::half_open());
        let delay = r#"{"fault":"delay","milliseconds":500,"operation":"SendTaskSuccess","times":2,"afterEffect":true}"#;
        let expected = Fault::delay(Duration::from_millis(500)).on("SendTaskSuccess").times(2).after_effect();
        assert_eq!(fault(delay).unwrap(), expected);
        assert!(fault(r#"{"fault":"earthquake"}"#).is_err());
        assert!(fault(r#"{"fault":"delay"}"#).is_err());
    }
}
