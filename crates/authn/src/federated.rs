//! What an identity provider says of somebody, once its signature was verified: condition keys, tags of the session, its source identity.

/// Tags of a session (AWS, "Passing session tags").
const TAGS_MAX: usize = 50;
/// Characters of a tag's key and value.
const TAG_CHARS_MAX: (usize, usize) = (128, 256);
/// Characters of all values of one condition key together: what a session's token carries along.
pub(crate) const KEY_CHARS_MAX: usize = 2_048;

/// Somebody for whom an identity provider speaks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FederatedIdentity {
    /// Who it is, as the provider calls him.
    pub subject: String,
    /// The provider's own name: an issuer's URL, or an entity's id.
    pub issuer: String,
    /// Whom the token is for.
    pub audience: String,
    /// Condition keys that a role's trust policy may ask for, with their values.
    pub keys: Vec<(String, Vec<String>)>,
    /// How many of the keys, from the first one on, the session keeps.
    pub session_keys: usize,
    /// Tags of the session.
    pub tags: Vec<(String, String)>,
    /// Keys of the tags that sessions made from this one keep.
    pub transitive_tag_keys: Vec<String>,
    /// The name that sticks to the session and to those made from it.
    pub source_identity: Option<String>,
}

impl FederatedIdentity {
    /// What is wrong with tags or source identity, in AWS's words where those are known.
    pub(crate) fn flaw(&self) -> Option<String> {
        if self.tags.len() > TAGS_MAX {
            return Some(format!("Session tags must not be more than {TAGS_MAX}"));
        }
        for (n, (key, value)) in self.tags.iter().enumerate() {
            let (key_max, value_max) = TAG_CHARS_MAX;
            let fits = (1..=key_max).contains(&key.chars().count())
                && value.chars().count() <= value_max
                && !key.to_ascii_lowercase().starts_with("aws:")
                && key.chars().chain(value.chars()).all(is_of_tags);
            if !fits {
                return Some(format!("Session tag `{key:.128}` is not valid"));
            }
            let earlier = self.tags.iter().take(n);
            if earlier.into_iter().any(|(other, _)| other.eq_ignore_ascii_case(key)) {
                return Some(format!("Session tag key `{key}` is there twice"));
            }
        }
        let known = |key: &String| self.tags.iter().any(|(k, _)| k == key);
        if let Some(key) = self.transitive_tag_keys.iter().find(|key| !known(key)) {
            return Some(format!("Transitive tag key `{key:.128}` is not among the session tags"));
        }
        let source = self.source_identity.as_deref()?;
        (!is_session_name(source) || source.to_ascii_lowercase().starts_with("aws:")).then(|| {
            "Source Identity must match [a-zA-Z_0-9+=,.@-]{2,64} and not begin with \"aws:\""
                .to_owned()
        })
    }
}

/// `[\p{L}\p{Z}\p{N}_.:/=+\-@]`.
fn is_of_tags(c: char) -> bool {
    c.is_alphanumeric()
        || c == ' '
        || "_.:/=+-@".contains(c)
        || (c.is_whitespace() && !c.is_control())
}

/// Whether a text may name a session, or be a source identity.
pub(crate) fn is_session_name(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c);
    (2..=64).contains(&name.len()) && name.chars().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_and_source_identities_within_bounds_have_no_flaw() {
        let tag = |k: &str, v: &str| (k.to_owned(), v.to_owned());
        let of = |tags: Vec<(String, String)>, transitive: &[&str], source: Option<&str>| {
            FederatedIdentity {
                tags,
                transitive_tag_keys: transitive.iter().map(|t| (*t).to_owned()).collect(),
                source_identity: source.map(ToOwned::to_owned),
                ..FederatedIdentity::default()
            }
            .flaw()
            .is_some()
        };
        assert!(!of(vec![], &[], None));
        assert!(!of(vec![tag("Team", "blue é"), tag("Cost", "")], &["Team"], Some("ada@x.y")));
        assert!(of(vec![tag("Team", "a"), tag("TEAM", "b")], &[], None));
        assert!(of(vec![tag("aws:x", "a")], &[], None));
        assert!(of(vec![tag("", "a")], &[], None));
        assert!(of(vec![tag("k", "<")], &[], None));
        assert!(of(vec![tag("k", &"v".repeat(257))], &[], None));
        assert!(of(vec![tag("k", "v")], &["other"], None));
        assert!(of((0..51).map(|n| tag(&format!("k{n}"), "v")).collect(), &[], None));
        for bad in ["a", "aws:ada", "a b", ""] {
            assert!(of(vec![], &[], Some(bad)), "{bad}");
        }
    }
}
