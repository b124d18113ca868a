//! Policies as people read them: on lines of their own, with their keys in the order in which they were written.

/// The text on lines of its own; as it stands where it has lines already or is no JSON.
pub(crate) fn on_lines(text: &str) -> String {
    let is_json = serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok();
    if !is_json || text.contains('\n') {
        return text.to_owned();
    }
    let (mut out, mut depth, mut quoted, mut escaped) = (String::new(), 0_usize, false, false);
    for c in text.chars() {
        if quoted {
            out.push(c);
            quoted = escaped || c != '"';
            escaped = c == '\\' && !escaped;
            continue;
        }
        if c.is_whitespace() {
            continue;
        }
        let closes = matches!(c, '}' | ']');
        let empty = out.ends_with(['{', '[']);
        if closes {
            depth = depth.saturating_sub(1);
        }
        if empty != closes && (empty || closes) {
            new_line(&mut out, depth);
        }
        out.push(c);
        quoted = c == '"';
        match c {
            '{' | '[' => depth += 1,
            ',' => new_line(&mut out, depth),
            ':' => out.push(' '),
            _ => {}
        }
    }
    out
}

fn new_line(out: &mut String, depth: usize) {
    out.push('\n');
    out.push_str(&"  ".repeat(depth));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_keep_their_order_and_quotes_their_contents() {
        let one = r#"{ "b":[ "x, \"y\\: {z}", 1], "a":{} ,"c":[ ], "d":[[1],{"e":null}]}"#;
        let lines = on_lines(one);
        let expected = r#"{
  "b": [
    "x, \"y\\: {z}",
    1
  ],
  "a": {},
  "c": [],
  "d": [
    [
      1
    ],
    {
      "e": null
    }
  ]
}"#;
        assert_eq!(lines, expected);
        assert_eq!(on_lines(&lines), lines, "what has lines keeps them");
        let read = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
        assert_eq!(read(&lines), read(one), "nothing but white space changes");
    }

    #[test]
    fn what_is_no_json_stays_as_it_is() {
        assert_eq!(on_lines("{\"a\": }"), "{\"a\": }");
    }
}
