//! How an emulator is set up.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, SystemTime};

/// How an emulator is set up. The default: an ephemeral port of 127.0.0.1, a long poll of 60 s, signatures checked against
/// [`Credential::test`], region `eu-west-1`, account `123456789012`.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Options {
    /// The address to listen on. Anything but loopback opens the emulator to the network; its admin calls stay on loopback.
    pub address: IpAddr,
    /// The port; 0 lets the system choose.
    pub port: u16,
    /// How long a poll waits for a task. The service: 60 s.
    pub long_poll: Duration,
    /// Whether signatures are checked.
    pub check_signatures: bool,
    /// The credentials that may sign.
    pub credentials: Vec<Credential>,
    /// The region, in ARNs and signatures.
    pub region: String,
    /// The account, in ARNs.
    pub account: String,
    /// The most bytes that an execution's input, and a state's input or output may have. The service: 262,144. A test of
    /// `GetActivityTask`'s own limit may raise it to 1,048,576.
    pub max_data: usize,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            address: IpAddr::V4(Ipv4Addr::LOCALHOST),
            port: 0,
            long_poll: Duration::from_secs(60),
            check_signatures: true,
            credentials: vec![Credential::test()],
            region: "eu-west-1".to_owned(),
            account: "123456789012".to_owned(),
            max_data: 262_144,
        }
    }
}

impl Options {
    /// The same with another address and port.
    #[must_use]
    pub fn listen(mut self, address: IpAddr, port: u16) -> Self {
        self.address = address;
        self.port = port;
        self
    }

    /// The same with another long poll.
    #[must_use]
    pub fn long_poll(mut self, time: Duration) -> Self {
        self.long_poll = time;
        self
    }

    /// The same, with signatures checked or not.
    #[must_use]
    pub fn check_signatures(mut self, check: bool) -> Self {
        self.check_signatures = check;
        self
    }

    /// The same with other credentials.
    #[must_use]
    pub fn credentials(mut self, credentials: Vec<Credential>) -> Self {
        self.credentials = credentials;
        self
    }

    /// The same in another region.
    #[must_use]
    pub fn region(mut self, region: impl Into<String>) -> Self {
        self.region = region.into();
        self
    }

    /// The same in another account.
    #[must_use]
    pub fn account(mut self, account: impl Into<String>) -> Self {
        self.account = account.into();
        self
    }

    /// The same with another limit for inputs and outputs of states.
    #[must_use]
    pub fn max_data(mut self, bytes: usize) -> Self {
        self.max_data = bytes;
        self
    }
}

/// Credentials that the emulator knows. `Debug` shows the access key id alone.
#[derive(Clone, PartialEq, Eq)]
pub struct Credential {
    /// Names the credentials; requests carry it in the clear.
    pub access_key_id: String,
    /// Signs.
    pub secret_access_key: String,
    /// Temporary credentials have one, and every request must carry it.
    pub session_token: Option<String>,
    /// From this date of the service on they answer `ExpiredTokenException`.
    pub expires: Option<SystemTime>,
}

impl Credential {
    /// The pair that every emulator knows unless told otherwise.
    pub fn test() -> Self {
        Credential {
            access_key_id: "AKIDEXAMPLE".to_owned(),
            secret_access_key: "emulator-test-secret-access-key".to_owned(),
            session_token: None,
            expires: None,
        }
    }

    /// The same as temporary credentials.
    #[must_use]
    pub fn session(mut self, token: impl Into<String>, expires: Option<SystemTime>) -> Self {
        self.session_token = Some(token.into());
        self.expires = expires;
        self
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credential({})", self.access_key_id)
    }
}
