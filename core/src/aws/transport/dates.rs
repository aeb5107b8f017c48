//! What a server's word on the date is worth: see the clock.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustls::Error;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};

use super::Transport;
use super::verifying::{Judge, Showing};
use crate::clock::{ServerClock, apart};

/// Dates that are no further apart are the same here.
const NEAR: Duration = Duration::from_secs(5 * 60);
/// Servers whose certificates are remembered: a worker talks to one or two.
const SERVERS: usize = 8;

/// Sets the clock right where certificates seem outdated. Whether there is reason to try again.
///
/// First the server is asked for the date over a connection whose certificates may be of any date, which proves nothing. Then it is
/// asked again over one whose certificates hold at just that date, and only that answer is believed. Nothing is signed meanwhile, and
/// no one else sees the unproven date. It can't lie before what is known: a certificate that has ended since would be good again.
pub(in crate::aws) fn set_right(clock: &ServerClock, transport: &dyn Transport, url: &str) -> bool {
    let Some(hint) = transport.probe_date(url).filter(|hint| clock.may_be(*hint)) else { return false };
    let proven = transport.prove_date(url, hint);
    let Some(date) = proven.filter(|date| apart(*date, hint) <= NEAR && clock.may_be(*date)) else {
        return false;
    };
    clock.learn(date, clock.clock().monotonic());
    true
}

/// Remembers the certificates that were found good: one who tells a date at which his own are not is wrong about one of them.
#[derive(Debug)]
pub(super) struct Shown {
    verifier: Arc<WebPkiServerVerifier>,
    clock: Arc<ServerClock>,
    last: Mutex<Vec<(ServerName<'static>, Vec<CertificateDer<'static>>)>>,
}

impl Shown {
    pub(super) fn new(verifier: Arc<WebPkiServerVerifier>, clock: Arc<ServerClock>) -> Self {
        Shown { verifier, clock, last: Mutex::default() }
    }

    /// Whether the server can know that it is `date`: its certificates hold then. Only a date that is news is worth the arithmetic.
    pub(super) fn can_say(&self, host: &str, date: SystemTime) -> bool {
        let Ok(name) = ServerName::try_from(host) else { return false };
        if apart(date, self.clock.certificate_date()) <= NEAR {
            return true;
        }
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let chain = last.iter().find(|(of, _)| *of == name).and_then(|(_, chain)| chain.split_first());
        let Some((end_entity, intermediates)) = chain else { return true };
        let Ok(at) = date.duration_since(UNIX_EPOCH).map(UnixTime::since_unix_epoch) else { return false };
        self.verifier.verify_server_cert(end_entity, intermediates, &name, &[], at).is_ok()
    }
}

impl Judge for Shown {
    fn below(&self) -> &WebPkiServerVerifier {
        &self.verifier
    }

    fn judge(&self, showing: Showing<'_>, now: UnixTime) -> Result<ServerCertVerified, Error> {
        let good = showing.check(&self.verifier, now)?;
        let chain = showing.chain().map(|certificate| certificate.clone().into_owned()).collect();
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.retain(|(of, _)| of != showing.name);
        last.truncate(SERVERS - 1);
        last.insert(0, (showing.name.to_owned(), chain));
        Ok(good)
    }
}
