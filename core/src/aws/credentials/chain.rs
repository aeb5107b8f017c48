//! Which source counts.

use std::sync::Arc;

use super::shared_files::{Said, process};
use super::{CachedCredentials, CredentialsProvider, EnvironmentCredentials, SharedFilesCredentials};
use crate::aws::Settings;
use crate::clock::ServerClock;

/// No source has credentials. One line says what was tried, or what is wrong with the source that counts.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no AWS credentials: {}", tried.join("; "))]
pub struct NoCredentials {
    tried: Vec<String>,
}

/// The source that the AWS CLI would take, in a [`CachedCredentials`]: the profile if the caller asked for one, else the
/// environment variables, else the profile of the settings. No program is run, and nothing is sent.
pub fn default_credentials(
    settings: &Settings,
    env: &dyn Fn(&str) -> Option<String>,
    clock: Arc<ServerClock>,
) -> Result<Arc<dyn CredentialsProvider>, NoCredentials> {
    let wrong = |reason: String| NoCredentials { tried: vec![reason] };
    let mut tried = Vec::new();
    if !settings.explicit_profile {
        match EnvironmentCredentials::from(env).map_err(|e| wrong(e.to_string()))? {
            Some(source) => return Ok(Arc::new(CachedCredentials::new(Arc::new(source), clock))),
            None => tried.push("the environment has no AWS_ACCESS_KEY_ID".to_owned()),
        }
    }
    let source = SharedFilesCredentials::new(settings);
    match source.read().map_err(|e| wrong(e.to_string()))? {
        Said::Nothing => {
            tried.push(source.nothing());
            return Err(NoCredentials { tried });
        }
        Said::Process(command) => drop(process(&command).map_err(|e| wrong(e.to_string()))?),
        Said::Keys(_) => {}
    }
    Ok(Arc::new(CachedCredentials::new(Arc::new(source), clock)))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::aws::{Credentials, CredentialsError};
    use crate::clock::SystemClock;

    struct Home(tempfile::TempDir);

    impl Home {
        fn new(config: &str, credentials: &str) -> Self {
            let home = Home(tempfile::tempdir().unwrap());
            std::fs::create_dir(home.aws()).unwrap();
            home.write(config, credentials);
            home
        }

        fn aws(&self) -> std::path::PathBuf {
            Path::new(self.0.path()).join(".aws")
        }

        fn write(&self, config: &str, credentials: &str) {
            std::fs::write(self.aws().join("config"), config).unwrap();
            std::fs::write(self.aws().join("credentials"), credentials).unwrap();
        }

        fn source(
            &self,
            vars: &[(&str, &str)],
            profile: Option<&str>,
        ) -> Result<Arc<dyn CredentialsProvider>, String> {
            let home = self.0.path().to_str().unwrap();
            let env = |name: &str| match name {
                "HOME" => Some(home.to_owned()),
                _ => vars.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned()),
            };
            let settings = Settings::load(&env, profile).unwrap();
            let clock = Arc::new(ServerClock::new(Arc::new(SystemClock)));
            default_credentials(&settings, &env, clock).map_err(|e| e.to_string().replace(home, "~"))
        }

        fn id(&self, vars: &[(&str, &str)], profile: Option<&str>) -> String {
            self.source(vars, profile)
                .and_then(|s| s.credentials().map_err(|e| e.to_string()))
                .map_or_else(|e| e, |c| c.access_key_id)
        }
    }

    const ENV: [(&str, &str); 2] = [("AWS_ACCESS_KEY_ID", "ENV"), ("AWS_SECRET_ACCESS_KEY", "S")];
    const KEYS: &str = "aws_secret_access_key = S\naws_access_key_id";

    #[test]
    fn a_profile_asked_for_counts_before_the_environment_and_the_environment_before_the_rest() {
        let home = Home::new("", &format!("[default]\n{KEYS} = DEFAULT\n[dev]\n{KEYS} = DEV\n"));
        assert_eq!(home.id(&ENV, Some("dev")), "DEV");
        assert_eq!(home.id(&ENV, None), "ENV");
        assert_eq!(home.id(&[ENV[0], ENV[1], ("AWS_PROFILE", "dev")], None), "ENV");
        assert_eq!(home.id(&[("AWS_PROFILE", "dev")], None), "DEV");
        assert_eq!(home.id(&[], None), "DEFAULT");
    }

    #[test]
    fn within_a_profile_the_credentials_file_counts_first_then_the_process_then_the_config_file() {
        let process =
            r#"credential_process = printf '{"Version":1,"AccessKeyId":"PROCESS","SecretAccessKey":"S"}'"#;
        let config = format!("[default]\n{process}\n{KEYS} = CONFIG\n");
        assert_eq!(Home::new(&config, &format!("[default]\n{KEYS} = FILE\n")).id(&[], None), "FILE");
        assert_eq!(Home::new(&config, "").id(&[], None), "PROCESS");
        assert_eq!(Home::new(&format!("[default]\n{KEYS} = CONFIG\n"), "").id(&[], None), "CONFIG");
    }

    #[test]
    fn keys_exchanged_in_the_file_count_once_the_old_ones_are_refused() {
        let home = Home::new("", &format!("[default]\n{KEYS} = OLD\naws_session_token = T\n"));
        let source = home.source(&[], None).unwrap();
        let old = source.credentials().unwrap();
        assert_eq!(old, Credentials::new("OLD", "S", Some("T".into()), None));
        home.write("", &format!("[default]\n{KEYS} = NEW\n"));
        assert_eq!(source.credentials().unwrap().access_key_id, "OLD");
        source.invalidate(&old);
        assert_eq!(source.credentials().unwrap().access_key_id, "NEW");
    }

    #[test]
    fn no_credentials_anywhere_is_one_line_that_lists_what_was_tried() {
        assert_eq!(
            Home::new("[default]\nregion = x\n", "").id(&[], None),
            "no AWS credentials: the environment has no AWS_ACCESS_KEY_ID; \
             the profile \"default\" in ~/.aws/credentials or ~/.aws/config has no credentials"
        );
    }

    #[test]
    fn what_is_wrong_with_the_source_that_counts_is_said_with_its_place() {
        let error = |config: &str| Home::new(config, "").id(&[], None);
        assert_eq!(
            error("[default]\nregion=x\naws_access_key_id = A\n"),
            "no AWS credentials: ~/.aws/config, line 3: aws_access_key_id has no aws_secret_access_key beside it"
        );
        assert!(
            error("[default]\nrole_arn = r\n").contains("~/.aws/config, line 2: role_arn is not supported")
        );
        assert!(
            error("[default]\ncredential_process = 'a\n")
                .contains("~/.aws/config, line 2: credential_process has a quote")
        );
        assert!(Home::new("", "").id(&ENV[..1], None).contains("AWS_SECRET_ACCESS_KEY is not"));
    }

    #[test]
    fn a_file_that_breaks_later_is_an_error_and_the_old_keys_go_on() {
        let home = Home::new("", &format!("[default]\n{KEYS} = OLD\n"));
        let source = home.source(&[], None).unwrap();
        let old = source.credentials().unwrap();
        home.write("[", "");
        source.invalidate(&old);
        assert_eq!(source.credentials(), Ok(old));
        let fresh = SharedFilesCredentials::new(
            &Settings::load(&|n| (n == "HOME").then(|| "/nowhere".into()), None).unwrap(),
        );
        assert!(matches!(fresh.credentials(), Err(CredentialsError::Setup(_))));
    }
}
