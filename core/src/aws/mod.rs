//! Speaks: the activity API of AWS Step Functions, signed, over TLS.
//!
//! [`ActivityClient`] has the verbs. What it needs comes from the outside: an [`Endpoint`], a [`CredentialsProvider`], a
//! [`Transport`], and the [`ServerClock`](crate::clock::ServerClock) that learns the service's time from each answer.
//! [`Settings`] and [`default_credentials`] find the first two as the AWS CLI does.
//!
//! | file | what it knows |
//! |---|---|
//! | `client` | the verbs, and what heals within a call |
//! | `wire` | JSON bodies; what counts as an answer of the service |
//! | `errors`, `call_error` | the table: what each error means; how it is told |
//! | `sign` | Signature Version 4 |
//! | `transport` | HTTP and TLS |
//! | `endpoint`, `arn` | names and places |
//! | `settings`, `shared_files`, `ini` | the environment, `~/.aws/config` and `~/.aws/credentials` |
//! | `credentials` | the sources of credentials, a file each, and the cache in front of them |
//! | `redact`, `words` | text from outside, made fit for a log; split into words |
//!
//! The room knows nothing of tasks on disk, of schedules and of threads: a call blocks, and ends within its deadline.

mod arn;
mod call_error;
mod client;
mod credentials;
mod endpoint;
mod errors;
mod ini;
#[cfg(feature = "testing")]
pub mod peer;
mod redact;
mod settings;
mod shared_files;
mod sign;
mod transport;
mod wire;
mod words;

pub use arn::{ActivityArn, ArnError};
pub use call_error::CallError;
pub use client::{ActivityClient, ActivityClientBuilder, ActivityDescription, ClientError, PolledTask};
#[cfg(any(test, feature = "testing"))]
pub(crate) use credentials::parse_printed;
pub use credentials::{
    AssumeRoleCredentials, CachedCredentials, CallbackCredentials, CognitoCredentials, ContainerCredentials,
    Credentials, CredentialsError, CredentialsProvider, EnvironmentCredentials, FoundThere, IdentityStore,
    ImdsCredentials, IotConfig, IotCredentials, Logins, LookedAt, NoCredentials, ProcessCredentials,
    SharedFilesCredentials, StaticCredentials, StsRole, WebIdentityCredentials, credentials_chain,
    default_credentials,
};
pub use endpoint::{Endpoint, EndpointError, EndpointOptions, partition_of};
pub use errors::classify;
pub use settings::{Settings, SettingsError};
pub use transport::{
    Examination, HttpsTransport, HttpsTransportBuilder, Network, Proxies, Request, Response, Stage,
    Transport, TransportConfigError, TransportError,
};
pub use wire::Operation;
