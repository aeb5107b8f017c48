//! Checks Signature Version 4 from the raw request, step by step as AWS's documentation describes it.
//!
//! It shares no code with any signer, so that a mistake is not made on both sides.

use std::time::SystemTime;

use sha2::{Digest, Sha256};

use crate::date;
use crate::error::ApiError;
use crate::http::Request;
use crate::options::Credential;
use crate::service::{hex, hmac_sha256};

/// How far a request's date may be from the service's, in seconds.
const WINDOW: u64 = 300;
const ALGORITHM: &str = "AWS4-HMAC-SHA256";
const SERVICE: &str = "states";

/// Checks who signed `request`, when, and whether the signature is right.
pub(crate) fn verify(request: &Request, known: &[Credential], region: &str, now: SystemTime) -> Result<(), ApiError> {
    let header = request.header("authorization").ok_or_else(missing_token)?;
    let signed = Authorization::parse(header)?;
    let date = request.header("x-amz-date").and_then(|d| Some((d, date::parse(d)?)));
    let (date, seconds) = date.ok_or_else(|| incomplete("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header."))?;

    let credential = known.iter().find(|c| c.access_key_id == signed.access_key_id).ok_or_else(unrecognized)?;
    check_scope(&signed, region, date)?;
    check_date(date, seconds, date::seconds(now))?;
    if request.header("x-amz-security-token") != credential.session_token.as_deref() {
        return Err(unrecognized());
    }
    let expected = signature(request, &signed, credential, date)?;
    if expected != signed.signature {
        let message = "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access \
                       Key and signing method. Consult the service documentation for details.";
        return Err(invalid(message));
    }
    if credential.expires.is_some_and(|at| at <= now) {
        return Err(expired_token());
    }
    Ok(())
}

/// What temporary credentials get after their end.
pub(crate) fn expired_token() -> ApiError {
    ApiError::front(400, "ExpiredTokenException", "The security token included in the request is expired")
}

/// The `Authorization` header, taken apart.
struct Authorization<'a> {
    access_key_id: &'a str,
    /// Date, region, service, terminator.
    scope: [&'a str; 4],
    signed_headers: Vec<&'a str>,
    signature: &'a str,
}

impl<'a> Authorization<'a> {
    fn parse(header: &'a str) -> Result<Self, ApiError> {
        let fields = header.strip_prefix(ALGORITHM).ok_or_else(missing_token)?;
        let field = |name: &str| {
            let found = fields.split(',').find_map(|f| f.trim().strip_prefix(name)?.strip_prefix('='));
            found.ok_or_else(|| incomplete(&format!("Authorization header requires '{name}' parameter.")))
        };
        let credential = field("Credential")?;
        // An access key id holds no slash, so the scope is what follows the first.
        let mut parts = credential.split('/');
        let (Some(access_key_id), Some(day), Some(region), Some(service), Some(end), None) =
            (parts.next(), parts.next(), parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(incomplete("Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term."));
        };
        let signed_headers = field("SignedHeaders")?.split(';').collect();
        let scope = [day, region, service, end];
        Ok(Authorization { access_key_id, scope, signed_headers, signature: field("Signature")? })
    }
}

fn check_scope(signed: &Authorization<'_>, region: &str, date: &str) -> Result<(), ApiError> {
    let [day, in_region, service, end] = signed.scope;
    if in_region != region {
        return Err(invalid(&format!("Credential should be scoped to a valid region. '{in_region}' is not '{region}'.")));
    }
    if service != SERVICE {
        return Err(invalid(&format!("Credential should be scoped to correct service: '{SERVICE}'.")));
    }
    if end != "aws4_request" {
        return Err(invalid(&format!("Credential should be scoped with a valid terminator: 'aws4_request', not '{end}'.")));
    }
    if date.get(..8) != Some(day) {
        let message = "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP";
        return Err(invalid(&format!("{message}: '{day}' != '{}', from '{date}'.", date.get(..8).unwrap_or(""))));
    }
    if !signed.signed_headers.contains(&"host") {
        return Err(invalid("'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization."));
    }
    Ok(())
}

fn check_date(date: &str, seconds: u64, now: u64) -> Result<(), ApiError> {
    let server = date::format(now);
    if seconds + WINDOW < now {
        let earliest = date::format(now - WINDOW);
        return Err(invalid(&format!("Signature expired: {date} is now earlier than {earliest} ({server} - 5 min.)")));
    }
    if seconds > now + WINDOW {
        let latest = date::format(now + WINDOW);
        return Err(invalid(&format!("Signature not yet current: {date} is still later than {latest} ({server} + 5 min.)")));
    }
    Ok(())
}

fn signature(request: &Request, signed: &Authorization<'_>, credential: &Credential, date: &str) -> Result<String, ApiError> {
    let canonical = canonical_request(request, &signed.signed_headers)?;
    let scope = signed.scope.join("/");
    let to_sign = format!("{ALGORITHM}\n{date}\n{scope}\n{}", hex(&Sha256::digest(canonical.as_bytes())));
    let secret = format!("AWS4{}", credential.secret_access_key);
    let key = signed.scope.iter().fold(secret.into_bytes(), |key, part| hmac_sha256(&key, part.as_bytes()).to_vec());
    Ok(hex(&hmac_sha256(&key, to_sign.as_bytes())))
}

/// Method, path, query, signed headers, their names, hash of the body. The API has one path and no query.
fn canonical_request(request: &Request, signed_headers: &[&str]) -> Result<String, ApiError> {
    let mut headers = String::new();
    for name in signed_headers {
        let mut values = request.headers.iter().filter(|(n, _)| n.as_str() == *name).map(|(_, v)| one_line(v)).peekable();
        if values.peek().is_none() {
            return Err(incomplete(&format!("The signed header '{name}' is not in the request.")));
        }
        headers.push_str(&format!("{name}:{}\n", values.collect::<Vec<_>>().join(",")));
    }
    let names = signed_headers.join(";");
    let body = hex(&Sha256::digest(&request.body));
    Ok(format!("{}\n/\n\n{headers}\n{names}\n{body}", request.method))
}

/// Runs of blanks are one blank.
fn one_line(value: &str) -> String {
    value.split_ascii_whitespace().collect::<Vec<_>>().join(" ")
}

fn missing_token() -> ApiError {
    ApiError::front(400, "MissingAuthenticationTokenException", "Missing Authentication Token")
}

fn incomplete(message: &str) -> ApiError {
    ApiError::front(400, "IncompleteSignatureException", message)
}

fn unrecognized() -> ApiError {
    ApiError::front(400, "UnrecognizedClientException", "The security token included in the request is invalid.")
}

fn invalid(message: &str) -> ApiError {
    ApiError::front(400, "InvalidSignatureException", message)
}

#[cfg(test)]
mod tests;
