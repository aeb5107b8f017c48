//! Where a device's credentials come from.

use std::time::Duration;

use activity_worker::aws::{Credentials, CredentialsError, CredentialsProvider};

use crate::clock::DeviceClock;
use crate::network::Radio;
use crate::service::Service;
use crate::wire;

/// Hands out credentials, unless its network fails.
pub(super) struct Vending {
    pub(super) clock: DeviceClock,
    /// How long they live; `None`: for ever.
    pub(super) life: Option<Duration>,
    pub(super) radio: Radio,
}

impl CredentialsProvider for Vending {
    fn credentials(&self) -> Result<Credentials, CredentialsError> {
        let now = self.clock.view();
        if self.radio.sources_down(now) {
            return Err(CredentialsError::Unavailable("no credentials now".to_owned()));
        }
        let ends = now + self.life.unwrap_or(Duration::from_secs(400 * 86_400));
        let token = wire::session_token(now, ends);
        Ok(Credentials::new("AKIDSIM", "secret", Some(token), self.life.map(|_| Service::date(ends))))
    }

    fn name(&self) -> &str {
        "the simulator"
    }
}
