use super::*;
use crate::asl::value::Value;

const DOCUMENT: &str = r#"{
    "detail-type": "order", "a": {"b c": [1, 2, 3], "n": null}, "s": "x", "é": 1,
    "items": [{"id": 1, "ok": true, "tags": ["x"]}, {"id": 2, "kind": "ACTIVE"}, {"id": 3, "ok": false, "tags": []}]
}"#;

fn found(path: &str) -> String {
    let document = Value::parse(DOCUMENT).unwrap();
    match Path::parse(path).unwrap().find(&document) {
        Ok(value) => value.to_string(),
        Err(NotFound(why)) => why,
    }
}

#[test]
fn a_definite_path_leads_to_one_value() {
    for (path, value) in [
        ("$.s", "\"x\""),
        ("$.detail-type", "\"order\""),
        ("$['detail-type']", "\"order\""),
        ("$[\"s\"]", "\"x\""),
        ("$.é", "1"),
        ("$.a['b c'][1]", "2"),
        ("$.a.['b c'][-1]", "3"),
        ("$.a['b c'][(@.length-1)]", "3"),
        ("$.items.[0].id", "1"),
        ("$.a.n", "null"),
        ("$['s','detail-type']", r#"{"s":"x","detail-type":"order"}"#),
        ("$.['s', 'none']", r#"{"s":"x"}"#),
        ("$.items.length()", "3"),
        ("$.a['b c'].sum()", "6"),
    ] {
        assert_eq!(found(path), value, "{path}");
    }
}

#[test]
fn a_path_to_many_gives_an_array_even_of_one_or_none() {
    for (path, value) in [
        ("$.items[*].id", "[1,2,3]"),
        ("$.items[0,2].id", "[1,3]"),
        ("$.items[1:].id", "[2,3]"),
        ("$.items[:1].id", "[1]"),
        ("$.items[-2:].id", "[2,3]"),
        ("$.items[0:99].id", "[1,2,3]"),
        ("$..id", "[1,2,3]"),
        ("$.none[*]", "[]"),
        ("$.none.deeper[1:5]", "[]"),
        ("$.a.*", "[[1,2,3],null]"),
        ("$.items[0:1]['id','ok']", r#"[{"id":1,"ok":true}]"#),
    ] {
        assert_eq!(found(path), value, "{path}");
    }
}

#[test]
fn a_filter_takes_what_fits() {
    for (filter, value) in [
        ("@.id > 1", "[2,3]"),
        ("@.id>=1 && @.id<3", "[1,2]"),
        ("@.ok", "[1,3]"),
        ("!@.ok", "[2]"),
        ("@.ok == true || @.id == 3", "[1,3]"),
        ("@.kind == 'ACTIVE'", "[2]"),
        ("@.kind == ACTIVE", "[2]"),
        ("@.kind != \"ACTIVE\"", "[1,3]"),
        ("(@.id == '1')", "[1]"),
        ("@.id in [1, 3]", "[1,3]"),
        ("@.id nin [1, 3]", "[2]"),
        ("@.tags contains 'x'", "[1]"),
        ("@.tags size 1", "[1]"),
        ("@.tags empty true", "[3]"),
        ("@.id == $.items[1].id", "[2]"),
    ] {
        assert_eq!(found(&format!("$.items[?({filter})].id")), value, "{filter}");
    }
}

#[test]
fn a_path_that_leads_nowhere_says_where_it_broke_off() {
    for (path, why) in [
        ("$.none", "No results for path: $['none']"),
        ("$.none.x.y", "Missing property in path $['none']"),
        ("$.a.none", "No results for path: $['a']['none']"),
        ("$.items[7]", "Index out of bounds when evaluating path $['items'][7]"),
        ("$.s.x", "Expected to find an object with property ['x'] in path $['s'] but found 'string'"),
        ("$.s[0]", "Filter: [0] can only be applied to arrays. Current context is: string"),
    ] {
        assert_eq!(found(path), why, "{path}");
    }
}

#[test]
fn a_value_is_put_where_objects_are_or_can_be_made() {
    let put = |path: &str| {
        let document = Value::parse(r#"{"a":[1,{"b":2}],"s":"x"}"#).unwrap();
        Path::parse(path).unwrap().put(document, Value::whole(7)).map(|value| value.to_string())
    };
    assert_eq!(put("$").unwrap(), "7");
    assert_eq!(put("$.new.deep").unwrap(), r#"{"a":[1,{"b":2}],"s":"x","new":{"deep":7}}"#);
    assert_eq!(put("$.a[1].b").unwrap(), r#"{"a":[1,{"b":7}],"s":"x"}"#);
    assert_eq!(put("$.s").unwrap(), r#"{"a":[1,{"b":2}],"s":7}"#);
    for bad in ["$.s.deep", "$.a[2]", "$.a.b", "$[0]"] {
        assert_eq!(put(bad), None, "{bad}");
    }
}

#[test]
fn roots_are_told_apart() {
    let root = |path: &str| Path::parse(path).unwrap().begins().clone();
    assert_eq!(root("$.a"), Root::Input);
    assert_eq!(root("$$.Execution.Id"), Root::Context);
    assert_eq!(root("$order.id"), Root::Variable("order".to_owned()));
    assert!(Path::parse("$.a[0]").unwrap().is_reference());
    for many in ["$.a[*]", "$$.a", "$x", "$..a", "$.a[-1]", "$['a','b']"] {
        assert!(!Path::parse(many).unwrap().is_reference(), "{many}");
    }
}

#[test]
fn what_is_no_path_is_refused() {
    for bad in [
        "",
        "a",
        "$.",
        "$['a",
        "$.a[",
        "$.a[x]",
        "$[?(@.a]",
        "$.a b",
        "$.f(x)",
        "$[(@.size)]",
        "$[?(@.a =~ /x/)]",
    ] {
        assert!(Path::parse(bad).is_err(), "{bad}");
    }
    let nested = format!("$[?({}@.a{})]", "(".repeat(5_000), ")".repeat(5_000));
    assert!(Path::parse(&nested).is_err());
    assert!(Path::parse(&format!("$[?({}@.a)]", "!".repeat(5_000))).is_err());
    assert!(Path::parse(&format!("${}", ".a".repeat(101))).is_err());
}

#[test]
fn a_search_of_too_many_places_ends() {
    let wide = Value::Array(vec![Value::Array(vec![Value::Null; 100]); 100]);
    let path = Path::parse("$..*..*..*..*").unwrap();
    assert!(path.find(&Value::Array(vec![wide; 100])).is_err());
}

proptest::proptest! {
    #[test]
    fn any_text_is_a_path_or_refused(text in "\\$[$.\\[\\]'a-c0-9*?()@=<&!:,\\- ]{0,24}|\\PC{0,16}") {
        if let Ok(path) = Path::parse(&text) {
            let document = Value::parse(DOCUMENT).unwrap();
            let _ = path.find(&document);
            if path.is_reference() {
                let put = path.put(Value::Object(Default::default()), Value::whole(1));
                proptest::prop_assert!(put.is_none_or(|d| path.find(&d).is_ok_and(|v| v == Value::whole(1))));
            }
        }
    }
}
