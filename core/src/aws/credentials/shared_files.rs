//! Credentials of a profile in AWS' shared files.

use super::{Credentials, CredentialsError, CredentialsProvider, ProcessConfig, ProcessCredentials};
use crate::aws::Settings;
use crate::aws::shared_files::{Part, Profile, Setting, SharedFiles, SharedPaths};

/// The keys, or the `credential_process`, of one profile. The files are read anew each time, so keys that were exchanged count
/// without a restart.
#[derive(Debug, Clone)]
pub struct SharedFilesCredentials {
    name: String,
    profile: String,
    paths: SharedPaths,
}

/// What a profile says about credentials.
pub(super) enum Said {
    /// Access keys.
    Keys(Credentials),
    /// A command line.
    Process(Setting),
    /// Nothing.
    Nothing,
}

impl SharedFilesCredentials {
    /// The credentials of the profile that `settings` name.
    pub fn new(settings: &Settings) -> Self {
        Self::of_profile(settings, &settings.profile)
    }

    pub(super) fn of_profile(settings: &Settings, profile: &str) -> Self {
        SharedFilesCredentials {
            name: format!("the profile {profile:?}"),
            profile: profile.to_owned(),
            paths: settings.paths.clone(),
        }
    }

    /// Reads the files. Runs nothing.
    pub(super) fn read(&self) -> Result<Said, CredentialsError> {
        let files = SharedFiles::read(&self.paths).map_err(|e| CredentialsError::Setup(e.to_string()))?;
        match files.profile(&self.profile) {
            Some(profile) => said(&profile),
            None => Ok(Said::Nothing),
        }
    }

    /// That it has no credentials, in words.
    pub(super) fn nothing(&self) -> String {
        format!("{} in {} has no credentials", self.name, self.paths.describe())
    }
}

impl CredentialsProvider for SharedFilesCredentials {
    fn credentials(&self) -> Result<Credentials, CredentialsError> {
        match self.read()? {
            Said::Keys(credentials) => Ok(credentials),
            Said::Process(command) => process(&command)?.credentials(),
            Said::Nothing => Err(CredentialsError::Setup(self.nothing())),
        }
    }

    fn name(&self) -> &str {
        &self.name
    }
}

/// The program of a `credential_process`.
pub(super) fn process(command: &Setting) -> Result<ProcessCredentials, CredentialsError> {
    ProcessConfig::parse(&command.value)
        .map(ProcessCredentials::new)
        .map_err(|e| CredentialsError::Setup(format!("{}: {e}", command.place)))
}

/// In the order of the AWS CLI: keys in the credentials file, a process, keys in the config file.
fn said(profile: &Profile<'_>) -> Result<Said, CredentialsError> {
    if let Some(keys) = profile.credentials.and_then(|part| keys(&part)) {
        return keys.map(Said::Keys);
    }
    if let Some(command) = profile.get("credential_process") {
        return Ok(Said::Process(command));
    }
    match profile.config.and_then(|part| keys(&part)) {
        Some(keys) => keys.map(Said::Keys),
        None => Ok(Said::Nothing),
    }
}

/// The keys of one file: a key id of one and a secret of the other do not go together.
fn keys(part: &Part<'_>) -> Option<Result<Credentials, CredentialsError>> {
    let id = part.get("aws_access_key_id")?;
    let text = |key| part.get(key).map(|s| s.value).filter(|v| !v.is_empty());
    let Some(secret) = text("aws_secret_access_key") else {
        let error = format!("{}: aws_access_key_id has no aws_secret_access_key beside it", id.place);
        return Some(Err(CredentialsError::Setup(error)));
    };
    if id.value.is_empty() {
        return Some(Err(CredentialsError::Setup(format!("{}: aws_access_key_id is empty", id.place))));
    }
    let token = text("aws_security_token").or_else(|| text("aws_session_token"));
    Some(Ok(Credentials::new(id.value, secret, token, None)))
}
