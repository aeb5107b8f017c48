//! Credentials of the environment variables.

use super::expiration;
use super::{Credentials, CredentialsError, CredentialsProvider};

/// The credentials in `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN` and `AWS_CREDENTIAL_EXPIRATION`, as they
/// were at the start: a process' environment does not change.
#[derive(Debug, Clone)]
pub struct EnvironmentCredentials(Credentials);

impl EnvironmentCredentials {
    /// Reads the variables. `None` if no key id is set; an error if the variables contradict themselves.
    pub fn from(env: &dyn Fn(&str) -> Option<String>) -> Result<Option<Self>, CredentialsError> {
        let var = |name: &str| env(name).map(|v| v.trim().to_owned()).filter(|v| !v.is_empty());
        let Some(id) = var("AWS_ACCESS_KEY_ID") else { return Ok(None) };
        let setup = |text: &str| CredentialsError::Setup(text.to_owned());
        let secret = var("AWS_SECRET_ACCESS_KEY").ok_or_else(|| {
            setup("AWS_ACCESS_KEY_ID is set, but AWS_SECRET_ACCESS_KEY is not: set both or neither")
        })?;
        let expires =
            match var("AWS_CREDENTIAL_EXPIRATION") {
                None => None,
                Some(text) => Some(expiration::parse(&text).ok_or_else(|| {
                    setup("AWS_CREDENTIAL_EXPIRATION is not a date like 2026-11-05T06:07:08Z")
                })?),
            };
        // The older name of the token is read first, as botocore does.
        let token = var("AWS_SECURITY_TOKEN").or_else(|| var("AWS_SESSION_TOKEN"));
        Ok(Some(EnvironmentCredentials(Credentials::new(id, secret, token, expires))))
    }
}

impl CredentialsProvider for EnvironmentCredentials {
    fn credentials(&self) -> Result<Credentials, CredentialsError> {
        Ok(self.0.clone())
    }

    fn name(&self) -> &str {
        "the environment"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(vars: &[(&str, &str)]) -> Result<Option<Credentials>, String> {
        let env = |name: &str| vars.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned());
        let found = EnvironmentCredentials::from(&env).map_err(|e| e.to_string())?;
        Ok(found.map(|e| e.credentials().unwrap()))
    }

    #[test]
    fn the_variables_make_credentials() {
        let key = [("AWS_ACCESS_KEY_ID", "A"), ("AWS_SECRET_ACCESS_KEY", "S"), ("AWS_SESSION_TOKEN", "T")];
        assert_eq!(read(&key), Ok(Some(Credentials::new("A", "S", Some("T".into()), None))));
        let found =
            read(&[key[0], key[1], ("AWS_CREDENTIAL_EXPIRATION", "2026-11-05T06:07:08Z")]).unwrap().unwrap();
        assert_eq!(found.expires, expiration::parse("2026-11-05T06:07:08Z"));
        assert_eq!(found.session_token, None);
    }

    #[test]
    fn an_empty_variable_is_not_set() {
        assert_eq!(read(&[]), Ok(None));
        assert_eq!(read(&[("AWS_ACCESS_KEY_ID", " "), ("AWS_SECRET_ACCESS_KEY", "S")]), Ok(None));
    }

    #[test]
    fn half_a_key_and_a_wrong_date_are_errors_that_name_the_variable() {
        assert!(read(&[("AWS_ACCESS_KEY_ID", "A")]).unwrap_err().contains("AWS_SECRET_ACCESS_KEY is not"));
        let date = [
            ("AWS_ACCESS_KEY_ID", "A"),
            ("AWS_SECRET_ACCESS_KEY", "S"),
            ("AWS_CREDENTIAL_EXPIRATION", "soon"),
        ];
        assert!(read(&date).unwrap_err().contains("AWS_CREDENTIAL_EXPIRATION"));
    }
}
