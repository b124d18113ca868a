//! Which known name somebody may have meant.

/// A name shorter than this is near to everything.
const LETTERS_MIN: usize = 4;

/// The only known name that is a slip away from `name`, whatever its case. Two slips would often be another word: AWS has `ValidateSource`
/// and `ValidateResource`, `CreateConnector` and `CreateConnectorV2`.
pub(super) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    if name.len() < LETTERS_MIN {
        return None;
    }
    let name = name.to_ascii_lowercase();
    let mut near = known.filter(|known| {
        known.len().abs_diff(name.len()) <= 1
            && is_slip(name.as_bytes(), known.to_ascii_lowercase().as_bytes())
    });
    let first = near.next()?;
    near.all(|other| other.eq_ignore_ascii_case(first)).then_some(first)
}

/// Whether one letter too many, too few or another, or two letters changed about, lead from one name to the other.
pub(crate) fn is_slip(one: &[u8], two: &[u8]) -> bool {
    let same = one.iter().zip(two).take_while(|(a, b)| a == b).count();
    let (one, two) = (one.get(same..).unwrap_or_default(), two.get(same..).unwrap_or_default());
    match (one, two) {
        ([], []) => true,
        ([_, rest @ ..], two) if rest == two => true,
        (one, [_, rest @ ..]) if one == rest => true,
        ([_, one @ ..], [_, two @ ..]) if one == two => true,
        ([a, b, one @ ..], [c, d, two @ ..]) => (a, b) == (d, c) && one == two,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_told_from_other_words() {
        for (one, two, expected) in [
            ("getobject", "getobject", true),
            ("getobject", "getobjects", true),
            ("getobject", "getobjet", true),
            ("getobject", "gotobject", true),
            ("getobject", "getojbect", true),
            ("getobject", "putobject", false),
            ("getobject", "getobjectss", false),
            ("ab", "", false),
            ("", "a", true),
        ] {
            assert_eq!(is_slip(one.as_bytes(), two.as_bytes()), expected, "{one} {two}");
            assert_eq!(is_slip(two.as_bytes(), one.as_bytes()), expected, "{two} {one}");
        }
    }

    #[test]
    fn the_only_nearest_name_is_meant() {
        let known = ["GetObject", "GetObjects", "ListBucket", "s3"];
        for (name, expected) in [
            ("listbuckets", Some("ListBucket")),
            ("ListBukcet", Some("ListBucket")),
            ("GetObjectx", None),
            ("DeleteBucket", None),
            ("s4", None),
        ] {
            assert_eq!(nearest(name, known.into_iter()), expected, "{name}");
        }
    }
}
