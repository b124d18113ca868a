//! Forms: the body of a POST or the query of a GET as a tree of parameters, `Tags.member.1.Key` and the like, within bounds.

use std::collections::BTreeMap;

/// Bytes of a form.
pub const FORM_BYTES_MAX: usize = 2 << 20;
/// Parameters of a form. The largest call that AWS takes has some thousands: 100 policies, resources and context keys each.
pub const PARAMETERS_MAX: usize = 8_192;
/// Dots in a parameter's name, and one.
pub const DEPTH_MAX: usize = 16;

/// A form that can't be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FormError {
    /// Too many bytes.
    #[error("the form has more than {FORM_BYTES_MAX} bytes")]
    TooLong,
    /// Too many parameters.
    #[error("the form has more than {PARAMETERS_MAX} parameters")]
    TooMany,
    /// A parameter too deep.
    #[error("a parameter is nested deeper than {DEPTH_MAX} levels")]
    TooDeep,
    /// Not percent-encoded UTF-8.
    #[error("a parameter is not percent-encoded UTF-8")]
    Encoding,
    /// A parameter that came twice.
    #[error("a parameter is given twice")]
    Twice,
}

/// A parameter and those whose names go on behind it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Form {
    value: Option<String>,
    below: BTreeMap<String, Form>,
}

/// Undoes percent-encoding, with `+` for a space.
fn decoded(text: &str) -> Result<String, FormError> {
    let digit = |b: Option<u8>| b.and_then(|b| char::from(b).to_digit(16));
    let mut bytes = text.bytes();
    let mut out = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        match byte {
            b'+' => out.push(b' '),
            b'%' => {
                let (high, low) = (digit(bytes.next()), digit(bytes.next()));
                let (high, low) = high.zip(low).ok_or(FormError::Encoding)?;
                out.push(u8::try_from(high * 16 + low).map_err(|_| FormError::Encoding)?);
            }
            other => out.push(other),
        }
    }
    String::from_utf8(out).map_err(|_| FormError::Encoding)
}

impl Form {
    /// Reads one or more forms into one tree: the query of the URL and the body, say.
    pub fn read(texts: &[&str]) -> Result<Self, FormError> {
        if texts.iter().map(|t| t.len()).sum::<usize>() > FORM_BYTES_MAX {
            return Err(FormError::TooLong);
        }
        let mut form = Self::default();
        let pairs = texts.iter().flat_map(|t| t.split('&')).filter(|p| !p.is_empty());
        for (n, pair) in pairs.enumerate() {
            if n >= PARAMETERS_MAX {
                return Err(FormError::TooMany);
            }
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            form.put(&decoded(name)?, decoded(value)?)?;
        }
        Ok(form)
    }

    fn put(&mut self, name: &str, value: String) -> Result<(), FormError> {
        let mut at = self;
        for (depth, part) in name.split('.').enumerate() {
            if depth >= DEPTH_MAX {
                return Err(FormError::TooDeep);
            }
            at = at.below.entry(part.to_owned()).or_default();
        }
        if at.value.replace(value).is_some() {
            return Err(FormError::Twice);
        }
        Ok(())
    }

    /// The parameter's own value.
    pub fn value(&self) -> Option<&str> {
        self.value.as_deref()
    }

    /// The parameter of that name below this one.
    pub fn get(&self, name: &str) -> Option<&Self> {
        self.below.get(name)
    }

    /// The value of a parameter that is nested in nothing.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.get(name)?.value()
    }

    /// The numbered parameters below this one, in order of their numbers.
    pub(crate) fn numbered(&self) -> Vec<(u32, &Self)> {
        let number = |(name, form)| Some((str::parse::<u32>(name).ok().filter(|n| *n > 0)?, form));
        let mut all: Vec<_> = self
            .below
            .iter()
            .map(|(name, form)| (name.as_str(), form))
            .filter_map(number)
            .collect();
        all.sort_by_key(|(n, _)| *n);
        all
    }

    /// Whether nothing but an empty value stands here: how an empty list is sent.
    pub(crate) fn is_empty(&self) -> bool {
        self.below.is_empty() && self.value.as_deref().is_none_or(str::is_empty)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_with_dots_become_a_tree() {
        let form =
            Form::read(&["Action=CreateUser&UserName=a%2Bb+c", "Tags.member.1.Key=k&x"]).unwrap();
        assert_eq!(form.text("UserName"), Some("a+b c"));
        assert_eq!(form.text("x"), Some(""));
        let tags = form.get("Tags").unwrap().get("member").unwrap();
        assert_eq!(tags.numbered()[0].1.text("Key"), Some("k"));
        assert!(tags.value().is_none());
    }

    #[test]
    fn what_is_out_of_bounds_is_refused() {
        let check = |text: &str, error| assert_eq!(Form::read(&[text]), Err(error), "{text}");
        check("a=%zz", FormError::Encoding);
        check("a=%4", FormError::Encoding);
        check("a=%ff", FormError::Encoding);
        check("a=1&a=2", FormError::Twice);
        check(&"a.".repeat(40), FormError::TooDeep);
        check(&"a".repeat(FORM_BYTES_MAX + 1), FormError::TooLong);
        let many: Vec<String> = (0..=PARAMETERS_MAX).map(|n| format!("p{n}=")).collect();
        check(&many.join("&"), FormError::TooMany);
    }

    proptest! {
        #[test]
        fn no_text_breaks_it_and_values_come_through(text in ".{0,200}", value in ".{0,40}") {
            let _read_or_refused = Form::read(&[&text]).is_ok();
            let encoded = value.bytes().map(|b| format!("%{b:02x}")).collect::<Vec<_>>().concat();
            let form = Form::read(&[&format!("a.b={encoded}")]).unwrap();
            prop_assert_eq!(form.get("a").unwrap().text("b"), Some(value.as_str()));
        }
    }
}
