//! Which source counts.

use std::sync::Arc;

use super::parts::Sources;
use super::{CachedCredentials, CredentialsError, CredentialsProvider, SharedFilesCredentials};
use crate::aws::{Network, Settings};

/// No source has credentials. One line says what was tried, or what is wrong with the source that counts.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no AWS credentials: {}", tried.join("; "))]
pub struct NoCredentials {
    tried: Vec<String>,
}

/// The source that the AWS CLI would take, in a [`CachedCredentials`].
///
/// A profile that the caller asked for counts alone. Else, the first of: the environment's keys, its web identity, the profile of the
/// settings, the container's endpoint, and on a machine that is an EC2 instance the metadata service. No program is run, and nothing
/// is sent.
pub fn default_credentials(
    settings: &Settings,
    env: &dyn Fn(&str) -> Option<String>,
    network: &Network,
) -> Result<Arc<dyn CredentialsProvider>, NoCredentials> {
    let sources = Sources { settings, env, network };
    let mut tried = Vec::new();
    for place in Place::of(settings) {
        match place.look(&sources) {
            Ok(Look::Source(source)) => {
                return Ok(Arc::new(CachedCredentials::new(source, Arc::clone(&network.clock))));
            }
            Ok(Look::NotSetUp(why)) => tried.push(why),
            Err(wrong) => return Err(NoCredentials { tried: vec![wrong.to_string()] }),
        }
    }
    Err(NoCredentials { tried })
}

/// All places that [`default_credentials`] may look at, in its order, and what each holds; also of those after the one that counts.
/// For a person who asks why these credentials count and not others. No program is run, and nothing is sent.
pub fn credentials_chain(
    settings: &Settings,
    env: &dyn Fn(&str) -> Option<String>,
    network: &Network,
) -> Vec<ChainLink> {
    let sources = Sources { settings, env, network };
    let mut decided = false;
    let mut look = |place: &Place| {
        let found = match place.look(&sources) {
            Ok(Look::Source(source)) if decided => ChainFinding::Hidden(source.name().to_owned()),
            Ok(Look::Source(source)) => ChainFinding::Counts(source.name().to_owned()),
            Ok(Look::NotSetUp(why)) => ChainFinding::NotSetUp(why),
            Err(wrong) => ChainFinding::Wrong(wrong.to_string()),
        };
        decided |= matches!(found, ChainFinding::Counts(_) | ChainFinding::Wrong(_));
        ChainLink { place: place.name(), found }
    };
    Place::of(settings).iter().map(&mut look).collect()
}

/// A place where credentials may be set up.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChainLink {
    /// Which: `environment`, `web identity`, `profile`, `container` or `instance metadata`.
    pub place: &'static str,
    /// What is there.
    pub found: ChainFinding,
}

/// What a place holds. The texts are fit for a log.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ChainFinding {
    /// The source that counts, by its name.
    Counts(String),
    /// A source that would count if there were none before it.
    Hidden(String),
    /// Nothing, and how that shows.
    NotSetUp(String),
    /// It is set up wrongly, and how. Unless another counts before it, there are no credentials: none after it is asked.
    Wrong(String),
}

/// A link of the chain.
#[derive(Debug, Clone, Copy)]
enum Place {
    Environment,
    WebIdentity,
    Profile,
    Container,
    InstanceMetadata,
}

enum Look {
    Source(Arc<dyn CredentialsProvider>),
    NotSetUp(String),
}

impl Place {
    /// In the order in which they count.
    fn of(settings: &Settings) -> &'static [Place] {
        use Place::{Container, Environment, InstanceMetadata, Profile, WebIdentity};
        match settings.explicit_profile {
            true => &[Profile],
            false => &[Environment, WebIdentity, Profile, Container, InstanceMetadata],
        }
    }

    fn name(self) -> &'static str {
        match self {
            Place::Environment => "environment",
            Place::WebIdentity => "web identity",
            Place::Profile => "profile",
            Place::Container => "container",
            Place::InstanceMetadata => "instance metadata",
        }
    }

    fn look(self, sources: &Sources<'_>) -> Result<Look, CredentialsError> {
        let Sources { settings, env, .. } = sources;
        let nothing = |why: &str| why.to_owned();
        let (source, nothing) = match self {
            Place::Environment => (sources.env_keys()?, nothing("the environment has no AWS_ACCESS_KEY_ID")),
            Place::WebIdentity => {
                (sources.env_web_identity()?, nothing("no AWS_WEB_IDENTITY_TOKEN_FILE is set"))
            }
            Place::Profile => {
                (sources.of_profile(&settings.profile)?, SharedFilesCredentials::new(settings).nothing())
            }
            Place::Container => (
                sources.env_container()?,
                nothing("no AWS_CONTAINER_CREDENTIALS_RELATIVE_URI or _FULL_URI is set"),
            ),
            Place::InstanceMetadata if !is_on_ec2(env) => (None, nothing("this machine is no EC2 instance")),
            Place::InstanceMetadata => (sources.env_imds()?, nothing("AWS_EC2_METADATA_DISABLED is true")),
        };
        Ok(source.map_or(Look::NotSetUp(nothing), Look::Source))
    }
}

/// Whether the metadata service is worth asking: elsewhere its address may be anyone's, and each question costs a second.
fn is_on_ec2(env: &dyn Fn(&str) -> Option<String>) -> bool {
    let says = |file: &str, start: &str| {
        std::fs::read_to_string(file).is_ok_and(|text| text.trim().to_ascii_lowercase().starts_with(start))
    };
    env("AWS_EC2_METADATA_SERVICE_ENDPOINT").is_some()
        || says("/sys/class/dmi/id/sys_vendor", "amazon ec2")
        || says("/sys/hypervisor/uuid", "ec2")
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::aws::{Credentials, CredentialsError};
    use crate::clock::ServerClock;

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

        fn env<'a>(&'a self, vars: &'a [(&str, &str)]) -> impl Fn(&str) -> Option<String> + 'a {
            move |name| match name {
                "HOME" => self.0.path().to_str().map(str::to_owned),
                _ => vars.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned()),
            }
        }

        fn source(
            &self,
            vars: &[(&str, &str)],
            profile: Option<&str>,
        ) -> Result<Arc<dyn CredentialsProvider>, String> {
            let home = self.0.path().to_str().unwrap();
            let env = self.env(vars);
            let settings = Settings::load(&env, profile).unwrap();
            let network = Network::new(ServerClock::system());
            default_credentials(&settings, &env, &network).map_err(|e| e.to_string().replace(home, "~"))
        }

        fn id(&self, vars: &[(&str, &str)], profile: Option<&str>) -> String {
            self.source(vars, profile)
                .and_then(|s| s.credentials().map_err(|e| e.to_string()))
                .map_or_else(|e| e, |c| c.access_key_id.clone())
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
            "no AWS credentials: the environment has no AWS_ACCESS_KEY_ID; no AWS_WEB_IDENTITY_TOKEN_FILE is set; \
             the profile \"default\" in ~/.aws/credentials or ~/.aws/config has no credentials; \
             no AWS_CONTAINER_CREDENTIALS_RELATIVE_URI or _FULL_URI is set; this machine is no EC2 instance"
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
            error("[default]\nrole_arn = r\n")
                .contains("~/.aws/config, line 2: role_arn needs source_profile")
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

    #[test]
    fn each_place_of_the_chain_is_told_also_behind_the_one_that_counts() {
        let home = Home::new("", &format!("[default]\n{KEYS} = DEFAULT\n"));
        let chain = |vars: &[(&str, &str)], profile: Option<&str>| {
            let env = home.env(vars);
            let settings = Settings::load(&env, profile).unwrap();
            let network = Network::new(ServerClock::system());
            credentials_chain(&settings, &env, &network).into_iter().map(|l| l.found).collect::<Vec<_>>()
        };
        use ChainFinding::{Counts, Hidden, NotSetUp, Wrong};
        let found =
            chain(&[ENV[0], ENV[1], ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://elsewhere/")], None);
        let [Counts(env), NotSetUp(web), Hidden(profile), Wrong(container), NotSetUp(ec2)] = &found[..]
        else {
            panic!("{found:?}")
        };
        assert_eq!((env.as_str(), profile.as_str()), ("the environment", "the profile \"default\""));
        assert!(web.contains("AWS_WEB_IDENTITY_TOKEN_FILE") && ec2.contains("no EC2 instance"));
        assert!(container.contains("plain http is for localhost"), "{container}");
        // What is wrong ends the search, as it does for default_credentials.
        let found = chain(&ENV[..1], None);
        assert!(matches!(&found[..], [Wrong(_), NotSetUp(_), Hidden(_), ..]), "{found:?}");
        assert!(matches!(&chain(&ENV, Some("default"))[..], [Counts(_)]));
    }

    fn name(home: &Home, vars: &[(&str, &str)], profile: Option<&str>) -> String {
        home.source(vars, profile).map_or_else(|e| e, |source| source.name().to_owned())
    }

    #[test]
    fn each_kind_of_profile_leads_to_its_source() {
        let config = format!(
            "[profile base]\n{KEYS} = BASE\n\
             [profile role]\nrole_arn = arn:r\nsource_profile = base\n\
             [profile two]\nrole_arn = arn:two\nsource_profile = role\n\
             [profile self]\nrole_arn = arn:self\nsource_profile = self\n{KEYS} = SELF\n\
             [profile of-self]\nrole_arn = arn:of-self\nsource_profile = self\n\
             [profile keyed]\nrole_arn = arn:keyed\n{KEYS} = KEYED\n\
             [profile of-keyed]\nrole_arn = arn:of-keyed\nsource_profile = keyed\n\
             [profile env]\nrole_arn = arn:env\ncredential_source = Environment\n\
             [profile ecs]\nrole_arn = arn:ecs\ncredential_source = EcsContainer\n\
             [profile ec2]\nrole_arn = arn:ec2\ncredential_source = Ec2InstanceMetadata\n\
             [profile web]\nrole_arn = arn:web\nweb_identity_token_file = /token\n\
             [profile sso]\nsso_session = s\nsso_account_id = 1\nsso_role_name = r\n\
             [sso-session s]\nsso_region = eu-west-1\nsso_start_url = u\n\
             [profile old-sso]\nsso_start_url = u\nsso_region = r\nsso_account_id = 1\nsso_role_name = r\n"
        );
        let home = Home::new(&config, "");
        for (profile, said) in [
            ("base", "the profile \"base\""),
            ("role", "the role arn:r"),
            ("two", "the role arn:two"),
            ("self", "the role arn:self"),
            ("of-self", "the role arn:of-self"),
            ("of-keyed", "the role arn:of-keyed"),
            ("env", "the role arn:env"),
            ("ec2", "the role arn:ec2"),
            ("web", "the role arn:web"),
            ("sso", "single sign-on of the profile \"sso\""),
            ("old-sso", "single sign-on of the profile \"old-sso\""),
        ] {
            assert_eq!(name(&home, &ENV, Some(profile)), said);
        }
        let ecs = [("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/x")];
        assert_eq!(name(&home, &ecs, Some("ecs")), "the role arn:ecs");
        assert_eq!(name(&home, &ecs, None), "the container's credentials endpoint");
        let web = [("AWS_WEB_IDENTITY_TOKEN_FILE", "/t"), ("AWS_ROLE_ARN", "arn:w"), ecs[0]];
        assert_eq!(name(&home, &web, None), "the role arn:w");
        let ec2 = [("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://127.0.0.1:9")];
        assert_eq!(name(&home, &ec2, None), "the instance metadata service");
    }

    #[test]
    fn what_is_wrong_with_a_role_is_said_with_its_place() {
        let said = |config: &str| name(&Home::new(config, ""), &[], Some("a"));
        for (config, words) in [
            (
                "[profile a]\nrole_arn=r\nsource_profile=b\n[profile b]\nregion=x",
                "line 3: the profile \"b\" has no credentials",
            ),
            (
                "[profile a]\nrole_arn=r\nsource_profile=b\n[profile b]\nrole_arn=q\nsource_profile=a",
                "in a circle: a -> b -> a",
            ),
            ("[profile a]\nrole_arn=r\ncredential_source=Moon", "line 3: credential_source is Environment"),
            ("[profile a]\nrole_arn=r\ncredential_source=Environment", "line 3: the environment has no"),
            (
                "[profile a]\nrole_arn=r\ncredential_source=EcsContainer\nsource_profile=a",
                "exclude each other",
            ),
            ("[profile a]\nrole_arn=r\nmfa_serial=m\nsource_profile=a", "line 3: mfa_serial asks for a code"),
            (
                "[profile a]\nrole_arn=r\nduration_seconds=5\nsource_profile=a",
                "line 3: duration_seconds is 900 to 43200",
            ),
            ("[profile a]\nsso_session=s", "line 2: there is no section [sso-session s]"),
            ("[profile a]\nsso_start_url=s", "line 2: sso_region is not beside it"),
            ("[profile a]\nlogin_session=s", "line 2: login_session is not supported"),
        ] {
            let said = said(config);
            assert!(said.contains(words), "{said}");
        }
    }
}
