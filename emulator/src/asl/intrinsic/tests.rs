use super::*;
use crate::asl::scope::tests::with_scope;

const INPUT: &str =
    r#"{"a":[1,2,3,3],"name":"Ann","n":2.5,"o":{"k":1,"l":[]},"json":"{\"x\":[1]}","b":"SGk="}"#;

fn value(call: &str) -> String {
    with_scope(INPUT, |scope| match Call::parse(call).unwrap().value(scope) {
        Ok(value) => value.to_string(),
        Err(Failed::NoPath(path)) => format!("no {path}"),
        Err(Failed::Function(why)) => why,
    })
}

#[test]
fn functions_give_what_the_guide_says() {
    for (call, expected) in [
        ("States.Format('Hi {}, {} \\{\\} \\'q\\'', $.name, $.n)", r#""Hi Ann, 2.5 {} 'q'""#),
        ("States.Format('{}', $.o)", r#""{k=1, l=[]}""#),
        ("States.Format($.name)", r#""Ann""#),
        ("States.StringToJson($.json)", r#"{"x":[1]}"#),
        ("States.JsonToString($.o)", r#""{\"k\":1,\"l\":[]}""#),
        ("States.Array(1, 'x', null, true, $.n)", r#"[1,"x",null,true,2.5]"#),
        ("States.Array()", "[]"),
        ("States.ArrayPartition($.a, 3)", "[[1,2,3],[3]]"),
        ("States.ArrayContains($.a, 2)", "true"),
        ("States.ArrayContains($.a, '2')", "false"),
        ("States.ArrayRange(1, 9, 3)", "[1,4,7]"),
        ("States.ArrayRange(3, 1, -1)", "[3,2,1]"),
        ("States.ArrayGetItem($.a, 1)", "2"),
        ("States.ArrayLength($.a)", "4"),
        ("States.ArrayUnique($.a)", "[1,2,3]"),
        ("States.Base64Encode('Hi')", r#""SGk=""#),
        ("States.Base64Decode($.b)", r#""Hi""#),
        ("States.Hash('abc', 'SHA-1')", r#""a9993e364706816aba3e25717850c26c9cd0d89d""#),
        ("States.Hash('abc', 'MD5')", r#""900150983cd24fb0d6963f7d28e17f72""#),
        ("States.JsonMerge($.o, States.StringToJson($.json), false)", r#"{"k":1,"l":[],"x":[1]}"#),
        ("States.MathAdd(1, -2)", "-1"),
        ("States.MathAdd($.n, 0)", "3"),
        ("States.MathRandom(1, 3)", "2"),
        ("States.StringSplit('a.b,c..d', '.,')", r#"["a","b","c","d"]"#),
        ("States.UUID()", r#""00000000-0000-4000-8000-000000000000""#),
        ("States.ArrayLength($.a[?(@ > 1)])", "3"),
        ("States.Format('{} {}', $$.Execution.Name, $order.id)", r#""e-1 7""#),
    ] {
        assert_eq!(value(call), expected, "{call}");
    }
}

#[test]
fn a_seed_makes_the_same_number_again() {
    assert_eq!(value("States.MathRandom(0, 1000, 7)"), value("States.MathRandom(0, 1000, 7)"));
}

#[test]
fn what_a_function_does_not_take_is_said_with_the_call() {
    for call in [
        "States.StringToJson('{')",
        "States.ArrayPartition($.a, 0)",
        "States.ArrayGetItem($.a, 9)",
        "States.ArrayRange(0, 5000, 1)",
        "States.ArrayRange(0, 1, 0)",
        "States.JsonMerge($.o, $.o, true)",
        "States.Hash('x', 'CRC')",
        "States.MathRandom(3, 3)",
        "States.MathAdd('1', 2)",
        "States.Base64Decode('*')",
        "States.ArrayLength($.name)",
        "States.StringSplit($.a, ',')",
    ] {
        assert!(
            value(call).starts_with(&format!("The function '{call}' had the following error: ")),
            "{call}: {}",
            value(call)
        );
    }
    assert_eq!(value("States.Array($.none)"), "no $.none");
}

#[test]
fn what_is_no_call_is_refused() {
    for bad in [
        "States.Nothing()",
        "States.UUID",
        "States.UUID(1)",
        "States.Array(",
        "States.Array(1 2)",
        "States.Array('x)",
        "States.Format('{}')",
        "States.MathAdd(1)",
        "States.Array({})",
        "States.UUID() x",
    ] {
        assert!(Call::parse(bad).is_err(), "{bad}");
    }
    assert!(Call::parse(&format!("{}{}", "States.Array(".repeat(11), ")".repeat(11))).is_err());
    assert!(Call::parse(&format!("{}{}", "States.Array(".repeat(10), ")".repeat(10))).is_ok());
}

proptest::proptest! {
    #[test]
    fn any_text_is_a_call_or_refused(text in "States\\.(Array|Format|MathAdd|Hash)\\([$.a-c'\\\\{}\\[\\](), 0-9]{0,20}\\)?|\\PC{0,20}") {
        if let Ok(call) = Call::parse(&text) {
            with_scope(INPUT, |scope| { let _ = call.value(scope); });
        }
    }
}
