//! What all threads share: the service and its clock, the faults, the calls, and who may sign.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use serde_json::Value;

use crate::calls::{Call, Calls};
use crate::date;
use crate::error::ApiError;
use crate::faults::Faults;
use crate::http::Answer;
use crate::listener::Listener;
use crate::options::{Credential, Options};
use crate::service::{Moment, Service, Settings, hex, hmac_sha256};

/// The content type of what the service takes and gives.
pub(crate) const JSON: &str = "application/x-amz-json-1.0";

/// What all threads share.
pub(crate) struct Shared {
    pub(crate) region: String,
    pub(crate) account: String,
    pub(crate) listener: Arc<Listener>,
    pub(crate) check_signatures: bool,
    start: Instant,
    offset: AtomicI64,
    service: Mutex<Service>,
    /// Something changed in the service.
    pub(crate) changed: Condvar,
    faults: Mutex<Faults>,
    calls: Mutex<Calls>,
    called: Condvar,
    credentials: Mutex<Vec<Credential>>,
}

impl Shared {
    pub(crate) fn new(options: Options, listener: Listener) -> Self {
        let Options { long_poll, check_signatures, credentials, region, account, max_data, .. } = options;
        let settings = Settings { region: region.clone(), account: account.clone(), long_poll, max_data };
        Shared {
            region,
            account,
            listener: Arc::new(listener),
            check_signatures,
            start: Instant::now(),
            offset: AtomicI64::new(0),
            service: Mutex::new(Service::new(settings)),
            changed: Condvar::new(),
            faults: Mutex::default(),
            calls: Mutex::default(),
            called: Condvar::new(),
            credentials: Mutex::new(credentials),
        }
    }

    /// The service's time.
    pub(crate) fn now(&self) -> Moment {
        Moment {
            at: self.start.elapsed(),
            date: date::shift(SystemTime::now(), self.offset.load(Ordering::Relaxed)),
        }
    }

    pub(crate) fn set_clock_offset(&self, seconds: i64) {
        self.offset.store(seconds, Ordering::Relaxed);
    }

    /// The service, to look at.
    pub(crate) fn service(&self) -> MutexGuard<'_, Service> {
        self.service.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the service. What is due by now happens first, so that nothing that comes late comes in time.
    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut Service, Moment) -> T) -> T {
        let mut service = self.service();
        let now = self.now();
        service.tick(now);
        let result = change(&mut service, now);
        self.changed.notify_all();
        result
    }

    /// Waits until `find` finds something in the service, `time` has passed, or the service ends.
    pub(crate) fn wait<T>(&self, time: Duration, mut find: impl FnMut(&Service) -> Option<T>) -> Option<T> {
        let deadline = Instant::now() + time;
        let mut service = self.service();
        loop {
            let found = find(&service);
            let left = deadline.saturating_duration_since(Instant::now());
            if found.is_some() || left.is_zero() || self.listener.is_closing() {
                return found;
            }
            service = self.changed.wait_timeout(service, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    pub(crate) fn faults(&self) -> MutexGuard<'_, Faults> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn calls(&self) -> MutexGuard<'_, Calls> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until the calls satisfy `enough`, or `time` has passed. Returns whether they do.
    pub(crate) fn wait_calls(&self, time: Duration, mut enough: impl FnMut(&Calls) -> bool) -> bool {
        let calls = self.called.wait_timeout_while(self.calls(), time, |calls| !enough(calls));
        !calls.unwrap_or_else(PoisonError::into_inner).1.timed_out()
    }

    /// Who may sign now.
    pub(crate) fn credentials(&self) -> Vec<Credential> {
        self.credentials.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn set_credentials(&self, credentials: Vec<Credential>) {
        *self.credentials.lock().unwrap_or_else(PoisonError::into_inner) = credentials;
    }

    /// Ends the service: polls get no answer any more, the threads go.
    pub(crate) fn close(&self) {
        let mut service = self.service();
        self.listener.close();
        service.close();
        self.changed.notify_all();
    }

    /// Remembers a call.
    pub(crate) fn count(&self, call: Call) {
        self.calls().push(call);
        self.called.notify_all();
    }

    /// A result as it goes over the wire, with the service's date and a request id.
    pub(crate) fn answer(&self, result: Result<&Value, &ApiError>) -> Answer {
        let (status, body) = match result {
            Ok(body) => (200, body.to_string()),
            Err(error) => (error.status(), error.body().to_string()),
        };
        let now = self.now();
        Answer {
            status,
            content_type: JSON,
            body: body.into_bytes(),
            date: now.date,
            request_id: Some(request_id(now)),
            truncate: None,
        }
    }
}

/// Unique enough to find a request in two logs, in the form of a UUID.
fn request_id(now: Moment) -> String {
    let h = hex(&hmac_sha256(b"request", &now.at.as_nanos().to_be_bytes())[..16]);
    format!("{}-{}-{}-{}-{}", &h[..8], &h[8..12], &h[12..16], &h[16..20], &h[20..])
}
