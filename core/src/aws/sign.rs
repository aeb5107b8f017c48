//! Signature Version 4. The only file that knows aws-sigv4.

use std::time::SystemTime;

use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings};
use aws_sigv4::sign::v4::SigningParams;
use sha2::{Digest, Sha256};

use super::Credentials;

/// What a signature is good for.
pub(super) struct CredentialScope<'a> {
    pub(super) region: &'a str,
    /// The signing name; Step Functions' is `states`.
    pub(super) service: &'a str,
}

/// The credentials, or the request, hold something that no header can: a line break in the session token for instance.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unsignable;

/// The headers that sign a POST of `body` to `url` at `time`: the date, the authorization, and the session token if there is one.
pub(super) fn sign(
    credentials: &Credentials,
    scope: &CredentialScope<'_>,
    time: SystemTime,
    url: &str,
    headers: &[(&'static str, String)],
    body: &[u8],
) -> Result<Vec<(&'static str, String)>, Unsignable> {
    let identity = aws_credential_types::Credentials::new(
        &credentials.access_key_id,
        &credentials.secret_access_key,
        credentials.session_token.clone(),
        None, // an expired key is for the service to refuse: the clock here may be wrong
        "activity-worker",
    )
    .into();
    let params = SigningParams::builder()
        .identity(&identity)
        .region(scope.region)
        .name(scope.service)
        .time(time)
        .settings(SigningSettings::default())
        .build()
        .map_err(|_| Unsignable)?
        .into();
    // Only the digest is handed over: the library prints bodies it is given if an environment variable says so.
    let digest = SignableBody::Precomputed(hex(&Sha256::digest(body)));
    let headers = headers.iter().map(|(name, value)| (*name, value.as_str()));
    let request = SignableRequest::new("POST", url, headers, digest).map_err(|_| Unsignable)?;
    let (instructions, _) =
        aws_sigv4::http_request::sign(request, &params).map_err(|_| Unsignable)?.into_parts();
    let (signed, _) = instructions.into_parts();
    Ok(signed.iter().map(|h| (h.name(), h.value().to_owned())).collect())
}

/// In lower case.
pub(in crate::aws) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        for digit in [byte >> 4, byte & 15] {
            text.push(char::from_digit(u32::from(digit), 16).unwrap_or('0'));
        }
        text
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// The example key of AWS' signature test suite.
    fn example(session_token: Option<&str>) -> Credentials {
        let key = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
        Credentials::new("AKIDEXAMPLE", key, session_token.map(str::to_owned), None)
    }

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    fn header<'a>(headers: &'a [(&'static str, String)], name: &str) -> &'a str {
        headers.iter().find(|(n, _)| *n == name).map_or("", |(_, value)| value)
    }

    #[test]
    fn the_post_vanilla_case_of_aws_test_suite() {
        let scope = CredentialScope { region: "us-east-1", service: "service" };
        // 2015-08-30T12:36:00Z
        let signed =
            sign(&example(None), &scope, at(1_440_938_160), "https://example.amazonaws.com/", &[], b"")
                .unwrap();
        assert_eq!(header(&signed, "x-amz-date"), "20150830T123600Z");
        assert_eq!(
            header(&signed, "authorization"),
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, \
             SignedHeaders=host;x-amz-date, Signature=5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"
        );
    }

    fn signature(token: Option<&str>, url: &str, operation: &str, body: &str) -> String {
        let scope = CredentialScope { region: "eu-west-1", service: "states" };
        let headers = [
            ("content-type", "application/x-amz-json-1.0".to_owned()),
            ("x-amz-target", format!("AWSStepFunctions.{operation}")),
        ];
        // 2026-11-05T06:07:08Z
        let signed =
            sign(&example(token), &scope, at(1_793_858_828), url, &headers, body.as_bytes()).unwrap();
        assert_eq!(header(&signed, "x-amz-date"), "20261105T060708Z");
        assert_eq!(header(&signed, "x-amz-security-token"), token.unwrap_or(""));
        header(&signed, "authorization").to_owned()
    }

    #[test]
    fn signatures_agree_with_botocore() {
        // Computed with botocore 1.44.5: SigV4Auth over the same requests.
        let own = "http://127.0.0.1:4566/";
        let aws = "https://states.eu-west-1.amazonaws.com/";
        let start = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261105/eu-west-1/states/aws4_request, SignedHeaders=content-type;host;";
        assert_eq!(
            signature(None, aws, "SendTaskHeartbeat", r#"{"taskToken":"AAA"}"#),
            format!(
                "{start}x-amz-date;x-amz-target, Signature=f7d1bf35f5b17331798d5dc6728b362d7dca1fd080e0f945dc36a7b2156facf4"
            )
        );
        assert_eq!(
            signature(Some("FwoGZXIvYXdzEXAMPLE=="), aws, "SendTaskHeartbeat", r#"{"taskToken":"AAA"}"#),
            format!(
                "{start}x-amz-date;x-amz-security-token;x-amz-target, Signature=33b09d678da6ee181c89235074233b8df543a92d5dde881a9893e985b0edf3e0"
            )
        );
        assert_eq!(
            signature(
                Some("FwoGZXIvYXdzEXAMPLE=="),
                own,
                "SendTaskSuccess",
                r#"{"taskToken":"A","output":"\"grüß\""}"#
            ),
            format!(
                "{start}x-amz-date;x-amz-security-token;x-amz-target, Signature=09321c1d8903859d91865753464d4c9faa19248f4e0aea4f414782a76af63fe1"
            )
        );
    }

    #[test]
    fn credentials_that_no_header_can_hold_are_an_error() {
        let scope = CredentialScope { region: "eu-west-1", service: "states" };
        let broken = example(Some("line\nbreak"));
        assert_eq!(sign(&broken, &scope, at(1_793_858_828), "https://h/", &[], b""), Err(Unsignable));
    }
}
