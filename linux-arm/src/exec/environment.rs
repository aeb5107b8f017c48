//! What a handler inherits of the worker's environment: everything but what belongs to the worker alone.

use std::env;
use std::ffi::{OsStr, OsString};

/// The variables that handlers get, taken once at the start.
pub(crate) struct Environment(Vec<(OsString, OsString)>);

/// Of the `AWS_` variables these pass. A list of what is harmless, not of what is secret: a variable that AWS adds tomorrow may
/// hold or lead to a credential.
const HARMLESS_AWS: [&str; 7] = [
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "AWS_CA_BUNDLE",
    "AWS_USE_FIPS_ENDPOINT",
    "AWS_USE_DUALSTACK_ENDPOINT",
    // Without it a handler's own SDK would look for credentials where the worker was told not to.
    "AWS_EC2_METADATA_DISABLED",
    "AWS_PAGER",
];

/// Not named `AWS_`, and the worker's alone all the same.
const OWN: [&str; 10] = [
    // The key to the token exchange of AWS IoT Greengrass.
    "SVCUID",
    // systemd: the service's credentials, state folder, readiness, watchdog and sockets.
    "CREDENTIALS_DIRECTORY",
    "STATE_DIRECTORY",
    "NOTIFY_SOCKET",
    "WATCHDOG_PID",
    "WATCHDOG_USEC",
    "LISTEN_PID",
    "LISTEN_FDS",
    "LISTEN_FDNAMES",
    "ACTIVITY_WORKER_LOG",
];

impl Environment {
    /// What of this process' environment a handler gets.
    pub(crate) fn scrubbed() -> Self {
        Self::scrub(env::vars_os())
    }

    pub(super) fn scrub(variables: impl IntoIterator<Item = (OsString, OsString)>) -> Self {
        Environment(variables.into_iter().filter(|(name, _)| may_pass(name)).collect())
    }

    /// All of a handler's environment, `NAME=VALUE` each: this, and `own` in place of what has the same name.
    pub(super) fn with<'a>(
        &'a self,
        own: &'a [(&'static str, String)],
    ) -> impl Iterator<Item = OsString> + 'a {
        let is_own = |name: &OsStr| own.iter().any(|(own, _)| *own == name);
        let inherited = self.0.iter().filter(move |(name, _)| !is_own(name));
        let inherited = inherited.map(|(name, value)| entry(name, value));
        inherited.chain(own.iter().map(|(name, value)| entry(name.as_ref(), value.as_ref())))
    }
}

fn entry(name: &OsStr, value: &OsStr) -> OsString {
    let mut entry = name.to_owned();
    entry.push("=");
    entry.push(value);
    entry
}

fn may_pass(name: &OsStr) -> bool {
    // A name that is not UTF-8 is none of AWS'.
    let Some(name) = name.to_str() else { return true };
    HARMLESS_AWS.contains(&name) || !(name.starts_with("AWS_") || OWN.contains(&name))
}
