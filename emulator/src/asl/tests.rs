//! Definitions: what is refused, with the service's words where they are known.

use super::*;

fn problems(definition: &str) -> Vec<String> {
    match Definition::parse(definition) {
        Ok(_) => Vec::new(),
        Err(problems) => problems.iter().map(ToString::to_string).collect(),
    }
}

/// The problems of a machine with this state `S`, which may go to `T`.
fn of_state(state: &str) -> Vec<String> {
    let next = if state.contains("\"T\"") { r#","T":{"Type":"Succeed"}"# } else { "" };
    problems(&format!(r#"{{"StartAt":"S","States":{{"S":{state}{next}}}}}"#))
}

#[test]
fn every_problem_is_told_with_its_place() {
    let missing =
        problems(r#"{"StartAt":"a","States":{"a":{"Type":"Pass","Next":"c"},"b":{"Type":"Succeed"}}}"#);
    assert_eq!(
        missing,
        [
            "MISSING_TRANSITION_TARGET: Missing 'Next' target: c at /States/a/Next",
            "MISSING_TRANSITION_TARGET: State \"b\" is not reachable. at /States/b",
        ]
    );
    assert_eq!(
        problems("{}"),
        ["SCHEMA_VALIDATION_FAILED: These fields are required: [StartAt, States] at /"]
    );
    assert_eq!(problems(" "), ["SCHEMA_VALIDATION_FAILED: Definition must be a valid JSON object"]);
    assert!(problems("{").iter().all(|p| p.starts_with("INVALID_JSON_DESCRIPTION: ")));
    let twice = problems(r#"{"StartAt":"a","StartAt":"a","States":{"a":{"Type":"Succeed"}}}"#);
    assert_eq!(twice, ["INVALID_JSON_DESCRIPTION: Duplicate field 'StartAt'"]);
}

#[test]
fn states_that_never_end_or_have_one_name_are_refused() {
    let endless = problems(r#"{"StartAt":"a","States":{"a":{"Type":"Pass","Next":"a"}}}"#);
    assert_eq!(endless, ["MISSING_END_STATE: There is no state that ends the execution at /"]);
    let inner = r#"{"StartAt":"S","States":{"S":{"Type":"Succeed"}}}"#;
    let twice = of_state(&format!(r#"{{"Type":"Parallel","Branches":[{inner}],"End":true}}"#));
    assert_eq!(twice, ["DUPLICATE_STATE_NAME: Duplicate state name: S at /States/S/Branches[0]/States/S"]);
    let long =
        problems(&format!(r#"{{"StartAt":"{0}","States":{{"{0}":{{"Type":"Succeed"}}}}}}"#, "n".repeat(81)));
    assert!(long[0].starts_with("INVALID_STATE_NAME: "), "{long:?}");
}

#[test]
fn states_that_are_as_the_language_has_them_are_taken() {
    for state in [
        r#"{"Type":"Succeed","InputPath":null,"OutputPath":"$.a"}"#,
        r#"{"Type":"Fail"}"#,
        r#"{"Type":"Fail","ErrorPath":"$.e","CausePath":"States.Format('{}', $.c)"}"#,
        r#"{"Type":"Pass","Result":{"a.$":"no path"},"ResultPath":"$.x","End":true}"#,
        r#"{"Type":"Pass","Parameters":{"a.$":"$$.Execution.Id"},"Assign":{"v.$":"$.a"},"Next":"T"}"#,
        r#"{"Type":"Wait","Seconds":0,"Next":"T"}"#,
        r#"{"Type":"Wait","TimestampPath":"$.t","End":true}"#,
        r#"{"Type":"Wait","Timestamp":"2016-03-14T01:59:00Z","End":true}"#,
        r#"{"Type":"Choice","Choices":[{"Not":{"Variable":"$","IsNull":true},"Next":"T"}],"Default":"T"}"#,
        r#"{"Type":"Task","Resource":"arn:aws:states:eu-west-1:123456789012:activity:a","TimeoutSecondsPath":"$.t","HeartbeatSeconds":5,"Retry":[{"ErrorEquals":["States.ALL"]}],"Catch":[{"ErrorEquals":["E"],"Next":"T"}],"End":true}"#,
        r#"{"Type":"Map","ItemProcessor":{"StartAt":"I","States":{"I":{"Type":"Succeed"}}},"MaxConcurrency":2,"End":true}"#,
        r#"{"Type":"Map","Iterator":{"StartAt":"I","States":{"I":{"Type":"Succeed"}}},"Parameters":{"i.$":"$$.Map.Item.Index"},"End":true}"#,
        r#"{"Type":"Map","Label":"all","ItemProcessor":{"ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"},"StartAt":"I","States":{"I":{"Type":"Succeed"}}},"ToleratedFailurePercentage":12.5,"End":true}"#,
    ] {
        assert_eq!(of_state(state), [""; 0], "{state}");
    }
}

#[test]
fn states_that_are_not_as_the_language_has_them_are_refused() {
    for (state, problem) in [
        (r#"{}"#, "These fields are required: [Type]"),
        (r#"{"Type":"Loop"}"#, "The field 'Type' should have one of these values"),
        (r#"{"Type":"Succeed","Bogus":1}"#, "Field 'Bogus' is not supported at /States/S"),
        (r#"{"Type":"Succeed","End":true}"#, "Field 'End' is not supported"),
        (r#"{"Type":"Pass"}"#, "Exactly one of these fields is required: [Next, End]"),
        (r#"{"Type":"Pass","Next":"T","End":true}"#, "Exactly one of these fields is required: [Next, End]"),
        (r#"{"Type":"Pass","End":"yes"}"#, "Expected value of type Boolean at /States/S/End"),
        (
            r#"{"Type":"Pass","InputPath":7,"End":true}"#,
            "Expected value of type String at /States/S/InputPath",
        ),
        (r#"{"Type":"Pass","InputPath":"x","End":true}"#, "Value is not a valid JSONPath"),
        (r#"{"Type":"Pass","ResultPath":"$.a[*]","End":true}"#, "Value is not a valid reference path"),
        (
            r#"{"Type":"Pass","Parameters":{"a.$":"a"},"End":true}"#,
            "The value for the field 'a.$' must be a valid JSONPath or a valid intrinsic function call",
        ),
        (r#"{"Type":"Pass","Assign":{"1x":1},"End":true}"#, "'1x' is not a valid name of a variable"),
        (r#"{"Type":"Pass","QueryLanguage":"XPath","End":true}"#, "The value 'XPath' is not one of"),
        (r#"{"Type":"Wait","End":true}"#, "Exactly one of these fields is required: [Seconds,"),
        (
            r#"{"Type":"Wait","Seconds":1,"Timestamp":"x","End":true}"#,
            "Exactly one of these fields is required: [Seconds,",
        ),
        (r#"{"Type":"Wait","Seconds":-1,"End":true}"#, "The value must be a whole number from 0 to 99999999"),
        (
            r#"{"Type":"Wait","Timestamp":"tomorrow","End":true}"#,
            "The value is not a valid ISO-8601 timestamp",
        ),
        (r#"{"Type":"Choice"}"#, "These fields are required: [Choices]"),
        (r#"{"Type":"Choice","Choices":[]}"#, "Value cannot be empty"),
        (
            r#"{"Type":"Choice","Choices":[{"Variable":"$","Next":"T"}]}"#,
            "A choice rule must have exactly one operator",
        ),
        (
            r#"{"Type":"Choice","Choices":[{"Variable":"$","StringEqual":"x","Next":"T"}]}"#,
            "Field 'StringEqual' is not supported",
        ),
        (
            r#"{"Type":"Choice","Choices":[{"Variable":"$","BooleanLessThan":true,"Next":"T"}]}"#,
            "Field 'BooleanLessThan' is not supported",
        ),
        (
            r#"{"Type":"Choice","Choices":[{"Variable":"$","NumericEquals":"1","Next":"T"}]}"#,
            "Expected value of type Number",
        ),
        (
            r#"{"Type":"Choice","Choices":[{"Variable":"$","TimestampEquals":"1","Next":"T"}]}"#,
            "Expected value of type Timestamp",
        ),
        (
            r#"{"Type":"Choice","Choices":[{"StringEquals":"x","Next":"T"}]}"#,
            "These fields are required: [Variable]",
        ),
        (r#"{"Type":"Choice","Choices":[{"And":[],"Next":"T"}]}"#, "Value cannot be empty"),
        (
            r#"{"Type":"Choice","Choices":[{"Not":{"Variable":"$","IsNull":true,"Next":"T"},"Next":"T"}]}"#,
            "A choice rule must have exactly one operator",
        ),
        (
            r#"{"Type":"Fail","Error":"a","ErrorPath":"$.b"}"#,
            "You cannot specify both 'Error' and 'ErrorPath'",
        ),
        (r#"{"Type":"Parallel","End":true}"#, "These fields are required: [Branches]"),
        (r#"{"Type":"Parallel","Branches":[],"End":true}"#, "Value cannot be empty"),
        (r#"{"Type":"Map","End":true}"#, "These fields are required: [ItemProcessor]"),
        (
            r#"{"Type":"Map","ItemReader":{},"ItemProcessor":{"StartAt":"I","States":{"I":{"Type":"Succeed"}}},"End":true}"#,
            "does not know 'ItemReader'",
        ),
        (
            r#"{"Type":"Map","Label":"a b","ItemProcessor":{"ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"},"StartAt":"I","States":{"I":{"Type":"Succeed"}}},"End":true}"#,
            "INVALID_LABEL_NAME",
        ),
        (
            r#"{"Type":"Map","ItemProcessor":{"ProcessorConfig":{"Mode":"OTHER"},"StartAt":"I","States":{"I":{"Type":"Succeed"}}},"End":true}"#,
            "The value 'OTHER' is not one of",
        ),
        (r#"{"Type":"Task","End":true}"#, "These fields are required: [Resource]"),
        (
            r#"{"Type":"Task","Resource":"x","End":true}"#,
            "INVALID_RESOURCE: The resource provided x is not recognized.",
        ),
        (
            r#"{"Type":"Task","Resource":"arn:aws:states:::sqs:sendMessage","End":true}"#,
            "does not know the resource 'arn:aws:states:::sqs:sendMessage'",
        ),
        (
            r#"{"Type":"Task","Resource":"arn:aws:states:::a:b.waitForTaskToken","TimeoutSeconds":0,"End":true}"#,
            "The value must be a whole number from 1 to 99999999",
        ),
        (
            r#"{"Type":"Task","Resource":"arn:aws:states:::a:b.waitForTaskToken","TimeoutSeconds":5,"HeartbeatSeconds":5,"End":true}"#,
            "HeartbeatSeconds must be smaller than TimeoutSeconds",
        ),
        (
            r#"{"Type":"Task","Resource":"arn:aws:states:::a:b.waitForTaskToken","Catch":[{"ErrorEquals":["States.ALL"],"Next":"T"},{"ErrorEquals":["E"],"Next":"T"}],"End":true}"#,
            "States.ALL must be in the last entry",
        ),
    ] {
        let problems = of_state(state);
        assert!(problems.iter().any(|p| p.contains(problem)), "{state}: {problems:?}");
    }
}

#[test]
fn express_workflows_have_no_activities_and_no_tokens() {
    let parse = |resource: &str| {
        let text = format!(
            r#"{{"StartAt":"S","States":{{"S":{{"Type":"Task","Resource":"{resource}","End":true}}}}}}"#
        );
        Definition::parse_as(&text, Workflow::Express).map(|_| ()).map_err(|problems| problems[0].to_string())
    };
    for (resource, problem) in [
        ("arn:aws:states:eu-west-1:123456789012:activity:a", "Activity ARN at /States/S/Resource"),
        (
            "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
            "'.waitForTaskToken' service integration  at /States/S/Resource",
        ),
        ("arn:aws:states:::batch:submitJob.sync", "'.sync' service integration at /States/S/Resource"),
    ] {
        let expected = format!("SCHEMA_VALIDATION_FAILED: Express state machine does not support {problem}");
        assert_eq!(parse(resource), Err(expected));
    }
}

#[test]
fn blocks_that_lie_too_deep_in_each_other_are_refused() {
    let mut block = r#"{"StartAt":"S0","States":{"S0":{"Type":"Succeed"}}}"#.to_owned();
    for depth in 1..=25 {
        block = format!(
            r#"{{"StartAt":"S{depth}","States":{{"S{depth}":{{"Type":"Parallel","Branches":[{block}],"End":true}}}}}}"#
        );
    }
    assert!(problems(&block)[0].starts_with("TOO_DEEPLY_NESTED: "));
}

proptest::proptest! {
    #[test]
    fn any_text_is_a_definition_or_refused(
        state in "(Pass|Task|Wait|Choice|Map|Parallel|Fail)",
        field in "(Next|End|Result|Seconds|Choices|Branches|Iterator|Catch|Retry|Parameters|Resource|ItemsPath)",
        value in "(true|\"S\"|\"\\$[.a\\[\\]*]{0,6}\"|1|-1|\\[\\]|\\[\\{\\}\\]|\\{\\}|\\{\"a\\.\\$\":\"\\PC{0,4}\"\\})",
        noise in "\\PC{0,20}",
    ) {
        let _ = Definition::parse(&noise);
        let text = format!(r#"{{"StartAt":"S","States":{{"S":{{"Type":"{state}","{field}":{value}}}}}}}"#);
        let _ = Definition::parse(&text);
    }
}
