//! The protocol awsJson1.0 as the activity API speaks it: bodies out, answers in. What counts as an answer of the service stands in
//! `answer`.

use std::fmt;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use super::answer::{self, Unheard};
use super::scan::{self, Members};
use super::{ActivityArn, Response};
use crate::plants::planted;
use crate::task::{INPUT_MAX, TOKEN_ROOM};
use crate::{Failure, TaskToken, WorkerName};

/// The content type of every request.
pub(super) const CONTENT_TYPE: &str = "application/x-amz-json-1.0";
/// The largest answer to a poll: an input of nothing but control characters is six times as long in JSON.
pub(super) const POLL_RESPONSE_MAX: usize = 6 * INPUT_MAX + 64 * 1024;

/// A task as `GetActivityTask` hands it out. `Debug` shows the id and the size.
#[derive(Clone)]
pub struct PolledTask {
    /// Its token.
    pub token: TaskToken,
    /// Its input, JSON of at most 1,048,576 bytes. A task that came without one has `{}`.
    pub input: String,
    /// Why its input can't be used, in words that quote nothing of it; `input` is empty then, and the task is to be failed: nobody
    /// else gets it.
    pub unusable: Option<String>,
}

/// An activity as `DescribeActivity` tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ActivityDescription {
    /// Its name.
    pub name: String,
    /// When it was created.
    pub created: SystemTime,
}

impl fmt::Debug for PolledTask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PolledTask({}, {} bytes of input)", self.token.id(), self.input.len())
    }
}

pub(super) fn get_activity_task(arn: &ActivityArn, worker: &WorkerName) -> Vec<u8> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Body<'a> {
        activity_arn: &'a str,
        worker_name: &'a str,
    }
    json(&Body { activity_arn: arn.as_str(), worker_name: worker.as_str() })
}

pub(super) fn send_task_success(token: &TaskToken, output: &str) -> Vec<u8> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Body<'a> {
        task_token: &'a str,
        output: &'a str,
    }
    json(&Body { task_token: token.expose(), output })
}

/// An empty error or cause is left out: with both absent the call needs no permission for the KMS key of the state machine.
pub(super) fn send_task_failure(token: &TaskToken, failure: &Failure) -> Vec<u8> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Body<'a> {
        task_token: &'a str,
        #[serde(skip_serializing_if = "str::is_empty")]
        error: &'a str,
        #[serde(skip_serializing_if = "str::is_empty")]
        cause: &'a str,
    }
    json(&Body { task_token: token.expose(), error: failure.error(), cause: failure.cause() })
}

pub(super) fn send_task_heartbeat(token: &TaskToken) -> Vec<u8> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Body<'a> {
        task_token: &'a str,
    }
    json(&Body { task_token: token.expose() })
}

pub(super) fn describe_activity(arn: &ActivityArn) -> Vec<u8> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Body<'a> {
        activity_arn: &'a str,
    }
    json(&Body { activity_arn: arn.as_str() })
}

fn json(body: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(body).unwrap_or_default() // structs of strings always serialize
}

/// Reads the answer to a poll. A token that is absent, null or empty means that no task came.
///
/// A token that can be read makes it a task, whatever else is wrong: the service hands it out once, and who holds it can end the task
/// by name. `whole`: it came to its end; only then a missing token says that there is none, a missing input that it is empty.
pub(super) fn polled_task(response: &Response, whole: bool) -> Result<Option<PolledTask>, Unheard> {
    let body = answer::body(response)?;
    let Members { values: [token, input], ended } = scan::members(body, ["taskToken", "input"]);
    let token = match token.map(serde_json::from_slice::<Option<String>>) {
        Some(Ok(Some(token))) if !token.is_empty() => token,
        Some(Err(_)) => return Err(Unheard::TaskLost("holds a task token that can't be read".to_owned())),
        None | Some(Ok(_)) if whole => {
            return answer::done(response).map(|_| None).map_err(|why| match why {
                // An error came before any task was looked for.
                Unheard::Unreadable(why) if why != answer::ERROR_AS_SUCCESS => Unheard::TaskLost(why),
                why => why,
            });
        }
        None | Some(Ok(_)) => return Err(Unheard::TaskLost("is cut short".to_owned())),
    };
    let token = TaskToken::given(token)
        .ok_or_else(|| Unheard::TaskLost(format!("holds a task token of over {TOKEN_ROOM} bytes")))?;
    let input = if response.body.len() > POLL_RESPONSE_MAX {
        Err(format!("the answer that brought the task is over {POLL_RESPONSE_MAX} bytes"))
    } else {
        read_input(input, ended)
    };
    Ok(Some(match input {
        Ok(input) => PolledTask { token, input, unusable: None },
        Err(why) => PolledTask { token, input: String::new(), unusable: Some(why) },
    }))
}

/// The input, or why it can't be used, with nothing of it. None at all is an empty object, as in the service's console.
fn read_input(input: Option<&[u8]>, ended: bool) -> Result<String, String> {
    let json = match input.map(<[u8]>::trim_ascii) {
        None | Some(b"null") if ended => return Ok("{}".to_owned()),
        None | Some(b"" | b"null") => return Err("the answer that brought the task was cut short".to_owned()),
        Some(json) => json,
    };
    let wrong = match serde_json::from_slice::<String>(json) {
        Ok(input) if input.len() <= INPUT_MAX => return Ok(input),
        Ok(input) => return Err(format!("the input has {} bytes, the limit is {INPUT_MAX}", input.len())),
        Err(wrong) => wrong,
    };
    Err(match json {
        [b'"', ..] if wrong.is_eof() => "the input was cut short",
        [b'"', ..] if std::str::from_utf8(json).is_err() => "the input is not UTF-8",
        [b'"', ..] => "the input holds half a character, a wrong escape or a control character",
        _ => "the input is not a text",
    }
    .to_owned())
}

/// Reads the answer to a report or a heartbeat: an object that says nothing of an error.
pub(super) fn accepted(response: &Response, _: bool) -> Result<(), Unheard> {
    if planted("portal-is-an-answer") {
        return Ok(());
    }
    answer::done(response).map(drop)
}

/// Reads the answer to DescribeActivity: the activity's name and when it was created.
pub(super) fn description(response: &Response, _: bool) -> Result<ActivityDescription, Unheard> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Body {
        name: String,
        creation_date: f64,
    }
    let wrong = |what: &str| Unheard::Unreadable(what.to_owned());
    let body: Body = serde_json::from_slice(answer::done(response)?)
        .map_err(|_| wrong("holds no description of an activity"))?;
    let created = Duration::try_from_secs_f64(body.creation_date).ok();
    let created = created.and_then(|d| SystemTime::UNIX_EPOCH.checked_add(d));
    let created = created.ok_or_else(|| wrong("holds a wrong date"))?;
    Ok(ActivityDescription { name: body.name, created })
}

#[cfg(test)]
#[path = "wire_tests.rs"]
mod tests;
