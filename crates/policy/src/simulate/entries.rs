//! Context entries: typed values of condition keys.

use core::net::IpAddr;

use super::{ContextEntry, SimulationError};
use crate::{
    Context, Value, base64,
    condition::{boolean, number},
    parse_date,
};

/// The shortest and the longest name of a condition key.
const NAME: core::ops::RangeInclusive<usize> = 5..=256;

/// A type of values, what it is called, and how one is known.
type Known = (&'static str, fn(&str) -> bool);

const TYPES: [Known; 6] = [
    ("string", |_| true),
    ("numeric", |text| number(text).is_some()),
    ("boolean", |text| boolean(text).is_some()),
    ("ip", |text| text.parse::<IpAddr>().is_ok()),
    ("binary", |text| base64::decode(text).is_some()),
    ("date", |text| parse_date(text).is_some()),
];

/// The context that the entries of a request make.
pub(super) fn context(entries: &[ContextEntry]) -> Result<Context, SimulationError> {
    let mut context = Context::default().speaking_first();
    for entry in entries {
        let key = &entry.context_key_name;
        let named = key.split_once(':').is_some_and(|(s, n)| !s.is_empty() && !n.is_empty());
        if !named || !NAME.contains(&key.chars().count()) || context.get(key).is_some() {
            return Err(SimulationError::ContextKey(key.clone()));
        }
        context.insert(key, value(entry)?);
    }
    Ok(context)
}

fn value(entry: &ContextEntry) -> Result<Value, SimulationError> {
    let (key, values) = (&entry.context_key_name, &entry.context_key_values);
    let default = if values.len() == 1 { "string" } else { "stringList" };
    let found = entry.context_key_type.as_deref().unwrap_or(default);
    let (of, many) = match found.strip_suffix("List") {
        Some(of) => (of, true),
        None => (found, false),
    };
    let Some((expected, is_one)) = TYPES.iter().find(|(name, _)| *name == of) else {
        return Err(SimulationError::ContextType { key: key.clone(), found: found.to_owned() });
    };
    if let Some(value) = values.iter().find(|value| !is_one(value)) {
        let value = value.clone();
        return Err(SimulationError::ContextValue { key: key.clone(), value, expected });
    }
    match (many, values.as_slice()) {
        (true, values) => Ok(Value::Many(values.to_vec())),
        (false, [value]) => Ok(Value::One(value.clone())),
        (false, values) => {
            Err(SimulationError::ContextValues { key: key.clone(), found: values.len() })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(key: &str, values: &[&str], of: Option<&str>) -> Result<Value, SimulationError> {
        let entry = ContextEntry {
            context_key_name: key.to_owned(),
            context_key_values: values.iter().map(|value| (*value).to_owned()).collect(),
            context_key_type: of.map(str::to_owned),
        };
        context(&[entry]).map(|context| context.get(key).unwrap().clone())
    }

    #[test]
    fn a_value_is_of_its_type_and_alone_unless_it_is_a_list() {
        let good = [
            ("string", "", ""),
            ("numeric", "-1.5e3", "one"),
            ("boolean", "True", "yes"),
            ("ip", "2001:db8::1", "10.0.0.0/8"),
            ("binary", "QUJD", "Q"),
            ("date", "2026-01-01T00:00:00Z", "tomorrow"),
        ];
        for (of, value, wrong) in good {
            assert_eq!(read("aws:Key", &[value], Some(of)), Ok(value.into()), "{of}");
            let list = format!("{of}List");
            let both = Value::Many(vec![value.to_owned(), value.to_owned()]);
            assert_eq!(read("aws:Key", &[value, value], Some(&list)), Ok(both), "{of}");
            assert_eq!(read("aws:Key", &[], Some(&list)), Ok(Value::Many(Vec::new())), "{of}");
            for (values, found) in [(&[][..], 0), (&[value, value][..], 2)] {
                let error = SimulationError::ContextValues { key: "aws:Key".to_owned(), found };
                assert_eq!(read("aws:Key", values, Some(of)), Err(error), "{of}");
            }
            if !wrong.is_empty() {
                let error = read("aws:Key", &[wrong], Some(of)).unwrap_err();
                assert_eq!(
                    error.to_string(),
                    format!("`{wrong}`, a value of `aws:Key`, is not of the type {of}")
                );
                assert!(read("aws:Key", &[value, wrong], Some(&list)).is_err(), "{of}");
            }
        }
    }

    #[test]
    fn without_a_type_the_number_of_values_tells_it() {
        assert_eq!(read("aws:Key", &["a"], None), Ok("a".into()));
        assert_eq!(
            read("aws:Key", &["a", "b"], None),
            Ok(Value::Many(vec!["a".into(), "b".into()]))
        );
    }

    #[test]
    fn names_and_types_that_there_are_not_are_refused() {
        for name in ["", "a:b", "aws:", ":name", "username", &format!("aws:{}", "x".repeat(253))] {
            let error = read(name, &["a"], None).unwrap_err();
            assert_eq!(
                (error, "InvalidInput"),
                (SimulationError::ContextKey(name.to_owned()), "InvalidInput")
            );
        }
        for of in ["", "List", "String", "stringlist", "number", "dateListList"] {
            assert!(
                matches!(
                    read("aws:Key", &["a"], Some(of)),
                    Err(SimulationError::ContextType { .. })
                ),
                "{of}"
            );
        }
        let entry = |name: &str| ContextEntry {
            context_key_name: name.to_owned(),
            context_key_values: vec!["a".to_owned()],
            context_key_type: None,
        };
        let twice = context(&[entry("aws:username"), entry("AWS:UserName")]);
        assert_eq!(twice, Err(SimulationError::ContextKey("AWS:UserName".to_owned())));
    }
}
