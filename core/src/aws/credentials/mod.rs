//! Credentials: what they are, and where they come from.
//!
//! A source is a [`CredentialsProvider`] in a file of its own, with a configuration that is data where it can be. It fetches each time
//! it is asked; [`CachedCredentials`] around it decides when to ask. [`default_credentials`] picks the source that the AWS CLI would
//! pick, [`CredentialsSource`] is one that is named; both are made from the same `parts`.

mod cached;
mod callback;
mod chain;
mod cognito;
mod container;
mod environment;
mod expiration;
mod fixed;
mod imds;
mod iot;
mod parts;
mod process;
mod profile;
mod provider;
mod shared_files;
mod source;
mod sso;
mod sts;
mod web;

pub use cached::CachedCredentials;
pub use callback::CallbackCredentials;
pub use chain::{ChainFinding, ChainLink, NoCredentials, credentials_chain, default_credentials};
pub use cognito::{CognitoCredentials, IdentityStore, Logins};
pub use container::{ContainerConfig, ContainerCredentials, ContainerToken};
pub use environment::EnvironmentCredentials;
pub use fixed::StaticCredentials;
pub use imds::{ImdsConfig, ImdsCredentials, ImdsMode};
pub use iot::{IotConfig, IotCredentials};
pub(in crate::aws) use parts::Sources;
#[cfg(any(test, feature = "testing"))]
pub(crate) use process::parse as parse_printed;
pub use process::{ProcessConfig, ProcessCredentials};
pub use provider::{Credentials, CredentialsError, CredentialsProvider};
pub use shared_files::SharedFilesCredentials;
pub use source::CredentialsSource;
pub use sts::{AssumeRoleCredentials, StsRole, WebIdentityConfig, WebIdentityCredentials};
