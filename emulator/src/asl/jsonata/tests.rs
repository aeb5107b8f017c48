//! Expressions, by what the language's documentation says of them.

use std::time::SystemTime;

use super::*;

struct Fixed;

impl Host for Fixed {
    fn chance(&self) -> f64 {
        0.5
    }

    fn uuid(&self) -> String {
        "00000000-0000-4000-8000-000000000000".to_owned()
    }

    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH
    }
}

const DATA: &str = r#"{
    "tank": {"level": 7.5, "unit": "m", "owner": {"name": "Ann", "age": 41}},
    "orders": [
        {"id": "a", "parts": [{"kind": "bolt", "price": 2, "count": 10}, {"kind": "nut", "price": 1, "count": 5}]},
        {"id": "b", "parts": [{"kind": "bolt", "price": 3, "count": 1}]}
    ],
    "numbers": [3, 1, 2], "words": ["pump", "valve"], "one": [9], "empty": [], "nothing": null, "text": "a-b-c"
}"#;

/// The value as JSON, `undefined`, or the error.
fn value(text: &str) -> String {
    let expression = match Expression::parse(text) {
        Ok(expression) => expression,
        Err(why) => return format!("refused: {why}"),
    };
    let data = Value::parse(DATA).unwrap();
    match expression.value([("d", data)], &Fixed) {
        Ok(Some(value)) => value.to_string(),
        Ok(None) => "undefined".to_owned(),
        Err(why) => why,
    }
}

fn all(cases: &[(&str, &str)]) {
    let wrong: Vec<_> = cases.iter().filter(|(text, expected)| value(text) != *expected).collect();
    let shown: Vec<_> =
        wrong.iter().map(|(text, expected)| format!("{text}: {} not {expected}", value(text))).collect();
    assert!(shown.is_empty(), "{}", shown.join("\n"));
}

#[test]
fn paths() {
    all(&[
        ("$d.tank.level", "7.5"),
        ("$d.tank.owner.name", "\"Ann\""),
        ("$d.none", "undefined"),
        ("$d.none.none", "undefined"),
        ("$d.orders.id", r#"["a","b"]"#),
        ("$d.orders[0].id", "\"a\""),
        ("$d.orders[-1].id", "\"b\""),
        ("$d.orders.parts.kind", r#"["bolt","nut","bolt"]"#),
        ("$d.orders.parts[0].kind", r#"["bolt","bolt"]"#),
        ("($d.orders.parts)[0].kind", "\"bolt\""),
        ("$d.orders[id='b'].parts.price", "3"),
        ("$d.orders[id='b'].parts.price[]", "[3]"),
        ("$d.orders.parts[price > 1].count", "[10,1]"),
        ("$d.numbers[0]", "3"),
        ("$d.numbers[[0..1]]", "[3,1]"),
        ("$d.numbers[$ > 1]", "[3,2]"),
        ("$d.one", "[9]"),
        ("$d.one[0]", "9"),
        ("$d.empty", "[]"),
        ("$d.nothing", "null"),
        ("$d.tank.*", r#"[7.5,"m",{"name":"Ann","age":41}]"#),
        ("$d.**.age", "41"),
        ("$d.**.price", "[2,1,3]"),
        ("$d.`tank`.\"unit\"", "\"m\""),
        (
            "$d.orders.(parts.price * 2)",
            "T2001: The left side of the \"*\" operator must evaluate to a number",
        ),
        ("$d.orders.parts.(price * count)", "[20,5,3]"),
        ("$d.orders.[id]", r#"[["a"],["b"]]"#),
        ("$d.orders.{id: $count(parts)}", r#"[{"a":2},{"b":1}]"#),
        ("$d.orders{id: $count(parts)}", r#"{"a":2,"b":1}"#),
        ("$d.orders.parts{kind: $sum(price)}", r#"{"bolt":5,"nut":1}"#),
        ("$d.orders.parts^(price).price", "[1,2,3]"),
        ("$d.orders.parts^(>kind, price).price", "[1,2,3]"),
        ("$d.orders.parts^(>price)[0].price", "3"),
        // The context stays where it was.
        ("$d.orders@$o.tank.{'o': $o.id, 'l': level}", r#"[{"o":"a","l":7.5},{"o":"b","l":7.5}]"#),
        ("$d.words#$i.($i & $)", r#"["0pump","1valve"]"#),
    ]);
}

#[test]
fn operators() {
    all(&[
        ("1 + 2 * 3 - 4 / 2", "5"),
        ("-(3) % 2", "-1"),
        ("7 % 4", "3"),
        ("1 + $d.none", "undefined"),
        ("'a' & 1 & null & $d.none & true", "\"a1nulltrue\""),
        ("1 = 1.0 and 'a' != 'b'", "true"),
        ("$d.none = $d.none", "false"),
        ("[1,2] = [1,2]", "true"),
        ("1 < 2 and 'a' < 'b' and 2 >= 2", "true"),
        ("1 < 'a'", "T2009: The values either side of operator \"<\" must be of the same data type"),
        ("2 in [1,2]", "true"),
        ("'x' in 'x'", "true"),
        ("true or $error()", "true"),
        ("[1..3]", "[1,2,3]"),
        ("[1..3, 9]", "[1,2,3,9]"),
        ("[3..1]", "[]"),
        ("[[1],2]", "[[1],2]"),
        ("{'a': 1, 'b': [], 'c': $d.none}", r#"{"a":1,"b":[]}"#),
        ("true ? 1 : 2", "1"),
        ("false ? 1", "undefined"),
        ("($x := 2; $y := $x * 2; $x + $y)", "6"),
        ("1 / 0", "D1001: Number out of range: inf"),
        ("0.1 + 0.2", "0.30000000000000004"),
        ("$string(0.1 + 0.2)", "\"0.3\""),
        ("/* comment */ 1", "1"),
        ("'\\u0041\\n'", "\"A\\n\""),
    ]);
}

#[test]
fn functions_of_functions() {
    all(&[
        ("(function($x){$x * 2})(4)", "8"),
        ("($f := function($n){$n <= 1 ? 1 : $n * $f($n - 1)}; $f(6))", "720"),
        ("$map($d.numbers, function($v, $i){$v * $i})", "[0,1,4]"),
        ("$filter($d.numbers, function($v){$v > 1})", "[3,2]"),
        ("$reduce($d.numbers, function($a, $b){$a + $b}, 10)", "16"),
        ("$single($d.numbers, function($v){$v = 3})", "3"),
        ("$sift({'a': 1, 'b': 0}, function($v){$v > 0})", r#"{"a":1}"#),
        ("$each({'a': 1}, function($v, $k){$k & $v})", "\"a1\""),
        ("$sort($d.numbers)", "[1,2,3]"),
        ("$sort($d.numbers, function($l, $r){$l < $r})", "[3,2,1]"),
        ("$d.numbers ~> $sum()", "6"),
        ("$d.numbers ~> $sum", "6"),
        ("($up := $uppercase ~> $trim; $up(' x '))", "\"X\""),
        ("($first := $substring(?, 0, 2); $first('hello'))", "\"he\""),
        ("$d.tank ~> |owner|{'age': 42}, 'name'|", r#"{"level":7.5,"unit":"m","owner":{"age":42}}"#),
        ("$nope(1)", "T1006: Attempted to invoke a non-function"),
        ("$map([1..3], $string)", r#"["1","2","3"]"#),
    ]);
}

#[test]
fn texts() {
    all(&[
        ("$string({'a':[1,true]})", r#""{\"a\":[1,true]}""#),
        ("$length('héllo')", "5"),
        ("$substring('hello', 1, 3)", "\"ell\""),
        ("$substring('hello', -3)", "\"llo\""),
        ("$substring('hello', -3, 2)", "\"ll\""),
        ("$substringBefore('a=b=c', '=')", "\"a\""),
        ("$substringAfter('a=b=c', '=')", "\"b=c\""),
        ("$uppercase('é')", "\"É\""),
        ("$trim('  a \\n b ')", "\"a b\""),
        ("$pad('x', 3)", "\"x  \""),
        ("$pad('x', -3, '#')", "\"##x\""),
        ("$contains('abracadabra', 'bra')", "true"),
        ("$contains('abracadabra', /a.*a$/)", "true"),
        ("$split($d.text, '-')", r#"["a","b","c"]"#),
        ("$split('a1b22c', /[0-9]+/)", r#"["a","b","c"]"#),
        ("$split('a-b-c', '-', 2)", r#"["a","b"]"#),
        ("$join($d.words, ', ')", "\"pump, valve\""),
        ("$match('ab12', /([a-z])([0-9])/).groups", r#"["b","1"]"#),
        ("$replace('a-b', '-', '+')", "\"a+b\""),
        ("$replace('John Smith', /(\\w+) (\\w+)/, '$2, $1')", "\"Smith, John\""),
        ("$replace('ab', /[ab]/, function($m){$uppercase($m.match)})", "\"AB\""),
        ("$base64decode($base64encode('Hi'))", "\"Hi\""),
        ("$encodeUrlComponent('a b/é')", "\"a%20b%2F%C3%A9\""),
        ("$decodeUrlComponent('a%20b')", "\"a b\""),
        ("$d.words.$uppercase()", r#"["PUMP","VALVE"]"#),
        ("$formatNumber(1234.5, '#,##0.00')", "\"1,234.50\""),
        ("$formatNumber(0.14, '0%')", "\"14%\""),
        ("$formatBase(255, 16)", "\"ff\""),
    ]);
}

#[test]
fn numbers_arrays_and_objects() {
    all(&[
        ("$number('12.5') + $number(true)", "13.5"),
        ("$number('x')", "D3030: Unable to cast value to a number: x"),
        ("[$abs(-1), $floor(1.7), $ceil(1.2), $sqrt(9), $power(2, 10)]", "[1,1,2,3,1024]"),
        ("[$round(2.5), $round(3.5), $round(123.456, 2), $round(15, -1)]", "[2,4,123.46,20]"),
        ("[$sum([1,2]), $max([1,2]), $min([1,2]), $average([1,2])]", "[3,2,1,1.5]"),
        ("$sum([])", "0"),
        ("$max([])", "undefined"),
        ("[$boolean([0]), $boolean([0,1]), $boolean({}), $boolean('0')]", "[false,true,false,true]"),
        ("$not($d.none)", "undefined"),
        ("[$exists($d.none), $exists($d.nothing)]", "[false,true]"),
        (
            "[$type(1), $type('a'), $type(null), $type([]), $type({}), $type($sum)]",
            r#"["number","string","null","array","object","function"]"#,
        ),
        ("[$count($d.none), $count(1), $count([1,2])]", "[0,1,2]"),
        ("$append([1], [2,3])", "[1,2,3]"),
        ("$reverse($d.numbers)", "[2,1,3]"),
        ("$distinct([1,'1',1,{'a':1},{'a':1}])", r#"[1,"1",{"a":1}]"#),
        ("$zip([1,2,3], ['a','b'])", r#"[[1,"a"],[2,"b"]]"#),
        ("$keys($d.tank)", r#"["level","unit","owner"]"#),
        ("$lookup($d.tank, 'unit')", "\"m\""),
        ("$spread({'a':1,'b':2})", r#"[{"a":1},{"b":2}]"#),
        ("$merge([{'a':1},{'a':2,'b':3}])", r#"{"a":2,"b":3}"#),
        ("$error('no')", "D3137: no"),
        ("$assert(false, 'must')", "D3141: must"),
    ]);
}

#[test]
fn dates_and_what_the_service_adds() {
    all(&[
        ("$now()", "\"1970-01-01T00:00:00.000Z\""),
        ("$millis()", "0"),
        ("$fromMillis(1510067557121)", "\"2017-11-07T15:12:37.121Z\""),
        ("$toMillis('2017-11-07T15:12:37.121Z')", "1510067557121"),
        ("$partition([1,2,3], 2)", "[[1,2],[3]]"),
        ("$range(1, 9, 3)", "[1,4,7]"),
        ("$hash('abc', 'MD5')", "\"900150983cd24fb0d6963f7d28e17f72\""),
        ("$uuid()", "\"00000000-0000-4000-8000-000000000000\""),
        ("$parse('{\"a\":[1]}').a", "[1]"),
        ("$random(7) = $random(7)", "true"),
        ("$eval('1')", "T1006: Attempted to invoke a non-function"),
    ]);
}

#[test]
fn what_is_not_understood_or_not_known_is_refused() {
    for bad in [
        "",
        "1 +",
        "(1",
        "[1",
        "{'a' 1}",
        "'x",
        "$d.",
        "1 2",
        "/x",
        "/(/",
        "$x := ",
        "1 := 2",
        "a.1",
        "$formatInteger(1, 'w')",
        "%.a",
        "function(x){1}",
    ] {
        assert!(value(bad).starts_with("refused: "), "{bad}: {}", value(bad));
    }
    assert!(value(&"(".repeat(10_000)).starts_with("refused: "));
    assert!(value(&"[1,".repeat(10_000)).starts_with("refused: "));
}

#[test]
fn no_expression_hangs_or_bloats() {
    for hostile in [
        "($f := function($x){$f($x)}; $f(1))",
        "($f := function($s, $n){$n = 0 ? $s : $f($s & $s, $n - 1)}; $f('abcdefgh', 60))",
        "($f := function($s, $n){$n = 0 ? $s : $f([[$s], [$s]], $n - 1)}; $f(1, 60))",
        "$reduce([1..100000], function($a, $b){[[$a]]})",
        "[1..9999999]",
        "[1..5000].[1..5000]",
        "$join($map([1..1000], function($x){$pad('', 1000000)}))",
        "$map([1..100000], function($x){$map([1..100], function($y){$y})})",
    ] {
        assert!(value(hostile).starts_with("U1001: "), "{hostile}: {}", &value(hostile)[..60]);
    }
}

proptest::proptest! {
    #[test]
    fn any_text_is_an_expression_or_refused(text in "[$da-c.\\[\\](){}'\"0-9+*/=<>&,;:?^@#|~ ]{0,24}|\\PC{0,16}") {
        let _ = value(&text);
    }
}
