//! The source that a profile of the shared files asks for: keys, a program, single sign-on, or a role on top of another source.

use std::sync::Arc;
use std::time::Duration;

use super::parts::{Source, Sources};
use super::shared_files::Said;
use super::sso::{SsoCredentials, SsoProfile};
use super::{
    AssumeRoleCredentials, CachedCredentials, CredentialsError, SharedFilesCredentials, StsRole,
    WebIdentityCredentials,
};
use crate::aws::endpoint::Service;
use crate::aws::shared_files::{Profile, Setting, SharedFiles, expand_home};

impl Sources<'_> {
    /// The source of a profile; `None`: it says nothing about credentials. No program is run, and nothing is sent.
    pub(super) fn of_profile(&self, name: &str) -> Result<Option<Source>, CredentialsError> {
        let files =
            SharedFiles::read(&self.settings.paths).map_err(|e| CredentialsError::Setup(e.to_string()))?;
        self.follow(&files, name, &mut Vec::new())
    }

    /// `way`: the profiles that led here.
    fn follow(
        &self,
        files: &SharedFiles,
        name: &str,
        way: &mut Vec<String>,
    ) -> Result<Option<Source>, CredentialsError> {
        let Some(profile) = files.profile(name) else { return Ok(None) };
        let looped = way.iter().any(|earlier| earlier == name);
        way.push(name.to_owned());
        // A profile may name itself as its source: then its own keys are meant. So they are where another one names it.
        let has = |key| profile.get(key).is_some();
        let keys_count = way.len() > 1
            && (has("aws_access_key_id") || has("aws_secret_access_key"))
            && !has("web_identity_token_file");
        if !looped
            && !keys_count
            && let Some(role_arn) = profile.get("role_arn")
        {
            return self.role(files, &profile, role_arn, way).map(Some);
        }
        if looped && way.len() > 2 {
            let text = format!("source_profile leads in a circle: {}", way.join(" -> "));
            return Err(CredentialsError::Setup(text));
        }
        if let Some(key) =
            ["sso_session", "sso_start_url", "sso_account_id"].iter().find_map(|key| profile.get(key))
        {
            return self.sso(files, &profile, name, &key).map(Some);
        }
        if let Some(key) = profile.get("login_session") {
            let text = format!(
                "{}: login_session is not supported; use a role, access keys or a credential_process",
                key.place
            );
            return Err(CredentialsError::Setup(text));
        }
        let keys = SharedFilesCredentials::of_profile(self.settings, name);
        match keys.read()? {
            Said::Nothing => Ok(None),
            Said::Process(command) => {
                super::shared_files::process(&command)?;
                Ok(Some(Arc::new(keys)))
            }
            Said::Keys(_) => Ok(Some(Arc::new(keys))),
        }
    }

    fn role(
        &self,
        files: &SharedFiles,
        profile: &Profile<'_>,
        role_arn: Setting,
        way: &mut Vec<String>,
    ) -> Result<Source, CredentialsError> {
        let setup = |place: &str, text: &str| CredentialsError::Setup(format!("{place}: {text}"));
        if let Some(mfa) = profile.get("mfa_serial") {
            return Err(setup(&mfa.place, "mfa_serial asks for a code, and a worker can't type one"));
        }
        let text = |key| profile.get(key).map(|s: Setting| s.value).filter(|v| !v.is_empty());
        // What the settings say, by the environment or by the profile that counts, before what a profile on the way says.
        let region = self.settings.region.clone().or_else(|| text("region"));
        let region = region.unwrap_or_else(|| "us-east-1".to_owned());
        let role = StsRole {
            endpoint_url: Some(self.url(Service::Sts, "sts", &region)?),
            region,
            role_arn: role_arn.value.clone(),
            session_name: text("role_session_name"),
            external_id: text("external_id"),
            duration: profile.get("duration_seconds").map(|s| duration(&s)).transpose()?,
        };
        let clock = Arc::clone(&self.network.clock);
        if let Some(file) = profile.get("web_identity_token_file") {
            let path =
                expand_home(&file.value, self.env).ok_or_else(|| setup(&file.place, "no HOME is set"))?;
            return Ok(Arc::new(WebIdentityCredentials::new(role, path, self.far()?, clock)));
        }
        let source = match (profile.get("source_profile"), profile.get("credential_source")) {
            (Some(named), None) => self.follow(files, &named.value, way)?.ok_or_else(|| {
                setup(&named.place, &format!("the profile {:?} has no credentials", named.value))
            })?,
            (None, Some(named)) => self.credential_source(&named)?,
            (Some(named), Some(_)) => {
                return Err(setup(&named.place, "source_profile and credential_source exclude each other"));
            }
            (None, None) => {
                let text =
                    "role_arn needs source_profile, credential_source or web_identity_token_file beside it";
                return Err(setup(&role_arn.place, text));
            }
        };
        let source = Arc::new(CachedCredentials::new(source, Arc::clone(&clock)));
        Ok(Arc::new(AssumeRoleCredentials::new(role, source, self.far()?, clock)))
    }

    fn credential_source(&self, named: &Setting) -> Result<Source, CredentialsError> {
        let none = |text: &str| CredentialsError::Setup(format!("{}: {text}", named.place));
        match named.value.as_str() {
            "Environment" => self.env_keys()?.ok_or_else(|| none("the environment has no AWS_ACCESS_KEY_ID")),
            "EcsContainer" => {
                self.env_container()?.ok_or_else(|| none("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI is not set"))
            }
            "Ec2InstanceMetadata" => {
                self.env_imds()?.ok_or_else(|| none("AWS_EC2_METADATA_DISABLED is true"))
            }
            other => Err(none(&format!(
                "credential_source is Environment, EcsContainer or Ec2InstanceMetadata, not {other:?}"
            ))),
        }
    }

    fn sso(
        &self,
        files: &SharedFiles,
        profile: &Profile<'_>,
        name: &str,
        first: &Setting,
    ) -> Result<Source, CredentialsError> {
        let missing = |key: &str| CredentialsError::Setup(format!("{}: {key} is not beside it", first.place));
        let text = |key: &str| profile.get(key).map(|s| s.value).filter(|v| !v.is_empty());
        let (named_after, region) = match profile.get("sso_session") {
            Some(session) => {
                let section = files.section("sso-session", &session.value).ok_or_else(|| {
                    let text =
                        format!("{}: there is no section [sso-session {}]", session.place, session.value);
                    CredentialsError::Setup(text)
                })?;
                (session.value, section.get("sso_region").map(|s| s.value))
            }
            None => (text("sso_start_url").ok_or_else(|| missing("sso_start_url"))?, text("sso_region")),
        };
        let region = region.ok_or_else(|| missing("sso_region"))?;
        let sso = SsoProfile {
            profile: name.to_owned(),
            named_after,
            url: self.url(Service::Sso, "sso", &region)?,
            account_id: text("sso_account_id").ok_or_else(|| missing("sso_account_id"))?,
            role_name: text("sso_role_name").ok_or_else(|| missing("sso_role_name"))?,
        };
        let cache = expand_home("~/.aws/sso/cache", self.env);
        Ok(Arc::new(SsoCredentials::new(sso, cache, self.far()?, Arc::clone(&self.network.clock))))
    }
}

fn duration(setting: &Setting) -> Result<Duration, CredentialsError> {
    let seconds = setting.value.parse().ok().filter(|seconds| (900..=43_200).contains(seconds));
    seconds.map(Duration::from_secs).ok_or_else(|| {
        CredentialsError::Setup(format!(
            "{}: duration_seconds is 900 to 43200, not {:?}",
            setting.place, setting.value
        ))
    })
}
