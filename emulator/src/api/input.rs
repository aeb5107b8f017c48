//! The members of a request, checked as the API's front end checks them.

use serde_json::{Map, Value};

use crate::error::ApiError;

/// A request's body.
pub(super) struct Input(Map<String, Value>);

/// Whether an error may repeat a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Show {
    Value,
    /// Tokens, inputs, outputs, errors and causes are named, not shown.
    NameOnly,
}

impl Input {
    pub(super) fn parse(body: &[u8]) -> Result<Self, ApiError> {
        match serde_json::from_slice(body) {
            Ok(Value::Object(members)) => Ok(Input(members)),
            _ => Err(ApiError::front(400, "SerializationException", "The body is no JSON object")),
        }
    }

    /// A text that may be left out, of `min` to `max` characters.
    pub(super) fn optional(
        &self,
        name: &str,
        min: usize,
        max: usize,
        show: Show,
    ) -> Result<Option<String>, ApiError> {
        let text = match self.0.get(name) {
            None | Some(Value::Null) => return Ok(None),
            Some(Value::String(text)) => text,
            Some(_) => return Err(wrong_type(name)),
        };
        let length = text.chars().count();
        if length < min {
            return Err(constraint(
                name,
                text,
                show,
                &format!("Member must have length greater than or equal to {min}"),
            ));
        }
        if length > max {
            return Err(constraint(
                name,
                text,
                show,
                &format!("Member must have length less than or equal to {max}"),
            ));
        }
        Ok(Some(text.clone()))
    }

    /// A text that must be there.
    pub(super) fn required(
        &self,
        name: &str,
        min: usize,
        max: usize,
        show: Show,
    ) -> Result<String, ApiError> {
        self.optional(name, min, max, show)?.ok_or_else(|| {
            let words =
                format!("Value null at '{name}' failed to satisfy constraint: Member must not be null");
            ApiError::validation(&words)
        })
    }

    /// An ARN that must be there.
    pub(super) fn arn(&self, name: &str) -> Result<String, ApiError> {
        self.required(name, 1, 256, Show::Value)
    }

    pub(super) fn task_token(&self) -> Result<String, ApiError> {
        self.required("taskToken", 1, 2_048, Show::NameOnly)
    }

    /// `error` and `cause`, as `SendTaskFailure` and `StopExecution` take them.
    pub(super) fn failure(&self) -> Result<(Option<String>, Option<String>), ApiError> {
        let error = self.optional("error", 0, 256, Show::NameOnly)?;
        Ok((error, self.optional("cause", 0, 32_768, Show::NameOnly)?))
    }

    pub(super) fn flag(&self, name: &str) -> Result<bool, ApiError> {
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(false),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(_) => Err(wrong_type(name)),
        }
    }

    /// A whole number in these bounds that may be left out.
    pub(super) fn whole(&self, name: &str, least: usize, most: usize) -> Result<Option<usize>, ApiError> {
        let Some(value) = self.0.get(name).filter(|value| !value.is_null()) else { return Ok(None) };
        let number = value.as_i64().ok_or_else(|| wrong_type(name))?;
        let fitting = usize::try_from(number).ok().filter(|number| (least..=most).contains(number));
        let rule = format!("Member must have value from {least} to {most}");
        fitting.map(Some).ok_or_else(|| constraint(name, &number.to_string(), Show::Value, &rule))
    }

    /// An object that may be left out.
    pub(super) fn object(&self, name: &str) -> Result<Option<&Map<String, Value>>, ApiError> {
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Object(members)) => Ok(Some(members)),
            Some(_) => Err(wrong_type(name)),
        }
    }

    /// Cuts one page out of `items`, by `maxResults` and `nextToken`. Gives the page and the token of the next.
    pub(super) fn page<T>(
        &self,
        items: impl Iterator<Item = T>,
    ) -> Result<(Vec<T>, Option<String>), ApiError> {
        let max = match self.0.get("maxResults") {
            None | Some(Value::Null) => 0,
            Some(value) => value.as_i64().ok_or_else(|| wrong_type("maxResults"))?,
        };
        let size = match usize::try_from(max) {
            Ok(0) => 100,
            Ok(size @ 1..=1_000) => size,
            Ok(_) => {
                return Err(constraint(
                    "maxResults",
                    &max.to_string(),
                    Show::Value,
                    "Member must have value less than or equal to 1000",
                ));
            }
            Err(_) => {
                return Err(constraint(
                    "maxResults",
                    &max.to_string(),
                    Show::Value,
                    "Member must have value greater than or equal to 0",
                ));
            }
        };
        let begin = match self.optional("nextToken", 1, 3_096, Show::NameOnly)? {
            None => 0,
            Some(token) => token
                .strip_prefix(PAGE_TOKEN)
                .and_then(|n| n.parse().ok())
                .ok_or_else(ApiError::invalid_token)?,
        };
        let mut page: Vec<T> = items.skip(begin).take(size + 1).collect();
        let more = page.len() > size;
        page.truncate(size);
        Ok((page, more.then(|| format!("{PAGE_TOKEN}{}", begin + size))))
    }
}

/// A page token is the place where the page begins.
const PAGE_TOKEN: &str = "AAAAKgAAAAIAAAAAAAAAAQ-from-";

fn constraint(name: &str, value: &str, show: Show, rule: &str) -> ApiError {
    let value = if show == Show::Value { format!("Value '{value}'") } else { "Value".to_owned() };
    ApiError::validation(&format!("{value} at '{name}' failed to satisfy constraint: {rule}"))
}

fn wrong_type(name: &str) -> ApiError {
    ApiError::front(400, "SerializationException", format!("The member '{name}' has another type"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(json: &str) -> Input {
        Input::parse(json.as_bytes()).unwrap()
    }

    #[test]
    fn a_member_that_is_missing_too_long_or_of_another_type_is_named() {
        let missing = input("{}").arn("activityArn").unwrap_err();
        assert_eq!(missing.code(), "ValidationException");
        assert!(missing.message().contains("Value null at 'activityArn'"));
        let long = input(&format!(r#"{{"taskToken":"{}"}}"#, "t".repeat(2_049))).task_token().unwrap_err();
        assert!(long.message().contains("less than or equal to 2048"));
        assert!(!long.message().contains("ttt"));
        assert_eq!(input(r#"{"taskToken":1}"#).task_token().unwrap_err().code(), "SerializationException");
        assert!(Input::parse(b"[]").is_err());
    }

    #[test]
    fn pages_follow_each_other_to_the_end() {
        let (page, next) = input(r#"{"maxResults":2}"#).page(0..3).unwrap();
        assert_eq!(page, [0, 1]);
        let next = format!(r#"{{"maxResults":2,"nextToken":"{}"}}"#, next.unwrap());
        assert_eq!(input(&next).page(0..3).unwrap(), (vec![2], None));
        assert_eq!(input(r#"{"nextToken":"x"}"#).page(0..3).unwrap_err().code(), "InvalidToken");
        assert_eq!(input(r#"{"maxResults":1001}"#).page(0..3).unwrap_err().code(), "ValidationException");
    }
}
