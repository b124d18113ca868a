//! What is JSON, and where it is not.

use super::*;

fn check(text: &str, expected: Result<&str, (usize, &str)>) {
    match (read(text), expected) {
        (Ok(found), Ok(kind)) => {
            let root = found.root().unwrap();
            assert_eq!(root.value().kind(), kind, "{text}");
            assert_eq!(text[root.span().start..root.span().end], *text.trim());
        }
        (Err(error), Err((offset, wanted))) => {
            assert_eq!((error.offset, error.expected.as_str()), (offset, wanted), "{text}");
        }
        (found, expected) => panic!("{text}: {found:?}, but {expected:?} was expected"),
    }
}

#[test]
fn values_are_read() {
    for number in ["0", "-0", "10", "1.5", "-1.5e+10", "1E3"] {
        check(number, Ok("a number"));
    }
    check(" true ", Ok("a boolean"));
    check("null", Ok("null"));
    check("[]", Ok("an array"));
    check("[1, [2], {}]", Ok("an array"));
    check(r#"{"a":1,"A":2}"#, Ok("an object"));
    check(r#""a\n\u00e9\"\/""#, Ok("a string"));
    let document = read(r#""\\a\tb\u0041""#).unwrap();
    let Json::String(text) = document.root().unwrap().value() else { panic!("a string") };
    assert_eq!(&**text, "\\a\tbA");
    let document = read(r#""\uD83D\uDe00!""#).unwrap();
    let Json::String(text) = document.root().unwrap().value() else { panic!("a string") };
    assert_eq!(&**text, "\u{1f600}!");
}

#[test]
fn mistakes_are_found_where_they_are() {
    check("", Err((0, "a JSON value")));
    check("tru", Err((0, "a JSON value")));
    check("01", Err((1, "the end of the document")));
    check("1.", Err((2, "a digit")));
    check("-", Err((1, "a digit")));
    check("1e", Err((2, "a digit")));
    check("[1,]", Err((3, "a JSON value")));
    check("[1 2]", Err((3, "`,` or `]`")));
    check(r#"{"a" 1}"#, Err((5, "`:`")));
    check(r#"{"a":1,}"#, Err((7, "a key in double quotes")));
    check(r#"{"a":1 "b":2}"#, Err((7, "`,` or `}`")));
    check(r"{a:1}", Err((1, "a key in double quotes")));
    check(r#""a"#, Err((2, "`\"` at the end of the string")));
    check("\"a\nb\"", Err((2, "`\"` at the end of the string")));
    check(r#""\x""#, Err((1, "an escape that JSON knows")));
    check(r#""\u12""#, Err((1, "an escape that JSON knows")));
    check(r#""\ud800""#, Err((1, "an escape that JSON knows")));
    check(r#""\ude00\ud83d""#, Err((1, "an escape that JSON knows")));
    check(r#""\ud83dxude00""#, Err((1, "an escape that JSON knows")));
    check(r#""\ud83d\u0041""#, Err((1, "an escape that JSON knows")));
    check("{} {}", Err((3, "the end of the document")));
    check("// no\n{}", Err((0, "a JSON value")));
}

#[test]
fn trap_duplicate_keys_are_refused_also_when_one_is_escaped() {
    check(r#"{"a":1,"a":2}"#, Err((7, "each key once in an object")));
    check(r#"{"a":1,"\u0061":2}"#, Err((7, "each key once in an object")));
    // Also where there are many.
    let many = |n: usize| (0..n).map(|n| format!("\"{n:02}\":0")).collect::<Vec<_>>().join(",");
    check(&format!("{{{}}}", many(40)), Ok("an object"));
    for (n, twice) in [(15, "00"), (16, "15"), (17, "00"), (40, "39")] {
        let text = format!("{{{},\"{twice}\":0}}", many(n));
        check(&text, Err((1 + n * 7, "each key once in an object")));
    }
}

#[test]
fn depth_is_bounded() {
    let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    check(&nested(DEPTH_MAX), Ok("an array"));
    check(&nested(100_000), Err((DEPTH_MAX + 1, "less nesting")));
}

#[test]
fn children_stand_below_their_parents() {
    let document = read(r#"{"a":[1,{"b":[]},[2,3]],"c":{"d":{"e":4}},"f":5}"#).unwrap();
    let names = |at: Located<'_, '_>| at.children().map(|c| c.key().to_owned()).collect::<Vec<_>>();
    let root = document.root().unwrap();
    assert_eq!(names(root), ["a", "c", "f"]);
    assert_eq!(root.children().map(|c| c.key_span().start).collect::<Vec<_>>(), [1, 24, 42]);
    let (a, c) = (root.children().next().unwrap(), root.children().nth(1).unwrap());
    assert_eq!(a.children().count(), 3);
    assert_eq!(names(a.children().nth(1).unwrap()), ["b"]);
    assert_eq!(a.children().nth(2).unwrap().children().count(), 2);
    assert_eq!(names(c.children().next().unwrap()), ["e"]);
}
