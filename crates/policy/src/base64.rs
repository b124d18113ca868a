//! Base64 as `BinaryEquals` compares it: by the bytes that a text stands for, whether padded or not.

/// The bytes of a text in RFC 4648's standard alphabet, one by one; an `Err` ends a text that is none. Nothing is allocated.
pub(crate) fn bytes(text: &str) -> impl Iterator<Item = Result<u8, ()>> {
    let digits = text.strip_suffix("==").or_else(|| text.strip_suffix('=')).unwrap_or(text);
    let padded = digits.len() != text.len();
    let whole = digits.len() % 4 != 1 && (!padded || text.len().is_multiple_of(4));
    let failed = (!whole).then_some(Err(()));
    failed.into_iter().chain(digits.as_bytes().chunks(4).flat_map(|quartet| {
        let bits = quartet.iter().try_fold(0_u32, |bits, digit| Some(bits << 6 | value(*digit)?));
        let [_, a, b, c] = bits.map_or(0, |b| b << (6 * (4 - quartet.len()))).to_be_bytes();
        let count = if bits.is_some() { quartet.len().saturating_sub(1) } else { 0 };
        let wrong = bits.is_none().then_some(Err(()));
        [a, b, c].into_iter().take(count).map(Ok).chain(wrong)
    }))
}

/// All bytes; `None` when the text is no base64.
pub(crate) fn decode(text: &str) -> Option<Box<[u8]>> {
    bytes(text).collect::<Result<_, ()>>().ok()
}

fn value(digit: u8) -> Option<u32> {
    Some(u32::from(match digit {
        b'A'..=b'Z' => digit - b'A',
        b'a'..=b'z' => digit - b'a' + 26,
        b'0'..=b'9' => digit - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_stand_for_bytes() {
        // RFC 4648, section 10.
        for (text, expected) in [
            ("", Some("")),
            ("Zg==", Some("f")),
            ("Zg", Some("f")),
            ("Zm8=", Some("fo")),
            ("Zm9v", Some("foo")),
            ("Zm9vYmFy", Some("foobar")),
            ("Zm9vY", None),
            ("Zm9=v", None),
            ("Z=", None),
            ("Zm9-", None),
        ] {
            assert_eq!(decode(text).as_deref(), expected.map(str::as_bytes), "{text}");
        }
    }
}
