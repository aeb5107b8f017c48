//! Speaks: the activity API of AWS Step Functions, signed, over TLS.
//!
//! [`ActivityClient`] has the verbs. What it needs comes from the outside: an [`Endpoint`], a [`CredentialsProvider`], a
//! [`Transport`], and the [`ServerClock`](crate::clock::ServerClock) that learns the service's time from each answer.
//! [`ActivityClient::environment`] finds all of them as the AWS CLI does, in AWS' variables and shared files.
//!
//! | file | what it knows |
//! |---|---|
//! | `client` | the verbs, and what heals within a call |
//! | `operation`, `wire` | the calls; JSON bodies |
//! | `answer` | what counts as an answer of the service, and what it says |
//! | `scan` | members of damaged JSON |
//! | `errors`, `call_error` | the table: what each error means; how it is told |
//! | `sign` | Signature Version 4 |
//! | `transport` | HTTP and TLS |
//! | `endpoint`, `origin` | places; names of activities, regions and partitions stand above the rooms |
//! | `environment` | a client as AWS' own tools would set it up |
//! | `settings`, `settings_error`, `shared_files`, `ini` | the environment, `~/.aws/config` and `~/.aws/credentials` |
//! | `small_file` | files of others, read within bounds |
//! | `credentials` | the sources of credentials, a file each, and the cache in front of them |
//! | `redact`, `shell_split` | text from outside, made fit for a log; split as a shell does |
//!
//! The room knows nothing of tasks on disk, of schedules and of threads: a call blocks, and ends within its deadline.

#[cfg(test)]
mod always;
mod answer;
mod call_error;
mod client;
mod credentials;
mod endpoint;
mod environment;
mod errors;
pub(crate) mod inflate;
mod ini;
mod operation;
mod origin;
#[cfg(feature = "testing")]
pub mod peer;
mod redact;
mod scan;
mod settings;
mod settings_error;
mod shared_files;
mod shell_split;
mod sign;
mod small_file;
mod transport;
mod wire;

pub use crate::arn::{ActivityArn, ArnError};
pub use crate::partition::partition_of;
pub use call_error::CallError;
pub use client::{ActivityClient, ActivityClientBuilder, ClientError};
#[cfg(any(test, feature = "testing"))]
pub(crate) use credentials::parse_printed;
pub use credentials::{
    AssumeRoleCredentials, CachedCredentials, CallbackCredentials, ChainFinding, ChainLink,
    CognitoCredentials, ContainerConfig, ContainerCredentials, ContainerToken, Credentials, CredentialsError,
    CredentialsProvider, CredentialsSource, EnvironmentCredentials, IdentityStore, ImdsConfig,
    ImdsCredentials, ImdsMode, IotConfig, IotCredentials, Logins, NoCredentials, ProcessConfig,
    ProcessCredentials, SharedFilesCredentials, StaticCredentials, StsRole, WebIdentityConfig,
    WebIdentityCredentials, credentials_chain, default_credentials,
};
pub use endpoint::{Endpoint, EndpointError, EndpointOptions};
pub use environment::{ClientEnvironment, EnvironmentError, Route};
pub use errors::classify;
pub use operation::Operation;
pub(crate) use origin::check_origin;
pub use origin::{OriginError, is_region};
pub use settings::Settings;
pub use settings_error::SettingsError;
#[cfg(any(test, feature = "testing"))]
pub(crate) use transport::dns_messages;
pub use transport::{
    HttpsTransport, HttpsTransportBuilder, Network, NetworkConfig, Probe, Proxies, Request, Response, Stage,
    Transport, TransportConfigError, TransportError,
};
pub use wire::{ActivityDescription, PolledTask};
