//! A signed response: who signed it, for whom it is, how long it is good, and what it says of its subject.

use aws_lc_rs::digest;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use roxmltree::{Document, Node};
use tidegate_policy::{UnixMillis, parse_date};

use super::{
    SamlError, SamlMetadata,
    signature::is_signed,
    xml::{self, ASSERTION, PROTOCOL},
};
use crate::{
    FederatedIdentity,
    federated::{KEY_CHARS_MAX, is_session_name},
};

/// Characters of a response in base64 (AWS, `AssumeRoleWithSAML`).
const RESPONSE_CHARS_MAX: usize = 100_000;
/// How long after it was issued a response may be redeemed, in milliseconds (AWS).
const REDEEM_MILLIS_MAX: u64 = 300_000;
/// How far the clock of the provider may be ahead, in milliseconds.
const CLOCK_SKEW_MILLIS: u64 = 60_000;
/// Roles that one response may offer.
const ROLES_MAX: usize = 500;

const SUCCESS: &str = "urn:oasis:names:tc:SAML:2.0:status:Success";
const BEARER: &str = "urn:oasis:names:tc:SAML:2.0:cm:bearer";
const NAME_FORMAT: &str = "urn:oasis:names:tc:SAML:2.0:nameid-format:";
/// What AWS's own attributes begin with.
const OWN: &str = "https://aws.amazon.com/SAML/Attributes/";

/// Attributes that become condition keys: their names as object identifiers and as URLs, and the key (IAM User Guide, "Available keys for
/// SAML-based AWS STS federation").
const ATTRIBUTES: [(&str, &str); 30] = [
    ("urn:oid:1.3.6.1.4.1.5923.1.1.1.1", "edupersonaffiliation"),
    ("urn:oid:1.3.6.1.4.1.5923.1.1.1.2", "edupersonnickname"),
    ("urn:oid:1.3.6.1.4.1.5923.1.1.1.3", "edupersonorgdn"),
    ("urn:oid:1.3.6.1.4.1.5923.1.1.1.4", "edupersonorgunitdn"),
    ("urn:oid:1.3.6.1.4.1.5923.1.1.1.5", "edupersonprimaryaffiliation"),
    ("urn:oid:1.3.6.1.4.1.5923.1.1.1.6", "edupersonprincipalname"),
    ("urn:oid:1.3.6.1.4.1.5923.1.1.1.7", "edupersonentitlement"),
    ("urn:oid:1.3.6.1.4.1.5923.1.1.1.8", "edupersonprimaryorgunitdn"),
    ("urn:oid:1.3.6.1.4.1.5923.1.1.1.9", "edupersonscopedaffiliation"),
    ("urn:oid:1.3.6.1.4.1.5923.1.1.1.10", "edupersontargetedid"),
    ("urn:oid:1.3.6.1.4.1.5923.1.1.1.11", "edupersonassurance"),
    ("urn:oid:1.3.6.1.4.1.5923.1.2.1.2", "eduorghomepageuri"),
    ("urn:oid:1.3.6.1.4.1.5923.1.2.1.3", "eduorgidentityauthnpolicyuri"),
    ("urn:oid:1.3.6.1.4.1.5923.1.2.1.4", "eduorglegalname"),
    ("urn:oid:1.3.6.1.4.1.5923.1.2.1.5", "eduorgsuperioruri"),
    ("urn:oid:1.3.6.1.4.1.5923.1.2.1.6", "eduorgwhitepagesuri"),
    ("urn:oid:2.5.4.3", "cn"),
    ("http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name", "name"),
    ("http://schemas.xmlsoap.org/claims/CommonName", "commonName"),
    ("http://schemas.xmlsoap.org/ws/2005/05/identity/claims/givenname", "givenName"),
    ("http://schemas.xmlsoap.org/ws/2005/05/identity/claims/surname", "surname"),
    ("http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress", "mail"),
    ("http://schemas.microsoft.com/ws/2008/06/identity/claims/primarygroupsid", "primaryGroupSID"),
    ("urn:oid:2.5.4.41", "name"),
    ("urn:oid:2.5.4.42", "givenName"),
    ("urn:oid:2.5.4.4", "surname"),
    ("urn:oid:2.5.4.45", "x500UniqueIdentifier"),
    ("urn:oid:0.9.2342.19200300.100.1.1", "uid"),
    ("urn:oid:0.9.2342.19200300.100.1.3", "mail"),
    ("urn:oid:0.9.2342.19200300.100.1.45", "organizationStatus"),
];

/// What a response must be for.
#[derive(Clone, Copy, Debug)]
pub struct SamlExpected<'a> {
    /// URLs to which responses for this cluster are given, and names by which their audience may call it.
    pub recipients: &'a [String],
    /// The account of the provider: twelve digits.
    pub account: &'a str,
    /// The provider's name in that account.
    pub provider: &'a str,
}

/// What a verified response says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SamlIdentity {
    /// Who it is, with keys, tags and source identity.
    pub identity: FederatedIdentity,
    /// `persistent`, `transient`, or a format by its whole name.
    pub subject_type: String,
    /// A hash of the provider's name, the account and the issuer: two providers with the same subjects are told apart by it.
    pub name_qualifier: String,
    /// The pairs of role and provider that are offered, as written.
    pub roles: Vec<(String, String)>,
    /// The session's name.
    pub session_name: String,
    /// How long the session may last, in seconds; `None`: the response does not say.
    pub session_seconds: Option<u32>,
    /// When the session must end, whatever was asked for.
    pub session_until: Option<UnixMillis>,
}

impl SamlIdentity {
    /// Whether the response offers this role through this provider. Either may come first.
    pub fn offers(&self, role: &str, provider: &str) -> bool {
        self.roles.iter().any(|(a, b)| (a == role && b == provider) || (a == provider && b == role))
    }
}

const fn malformed(what: &'static str) -> SamlError {
    SamlError::Malformed(what)
}

fn time(node: Node<'_, '_>, name: &str) -> Result<Option<u64>, SamlError> {
    let Some(text) = xml::attribute(node, name) else { return Ok(None) };
    let millis = parse_date(text).and_then(|d| u64::try_from(d).ok());
    millis.map(Some).ok_or(malformed("a time can't be read"))
}

/// Verifies a response in base64, as it comes in a call, and reads it.
///
/// # Errors
/// [`SamlError`], by the first thing that is wrong. Nothing is read of what is not signed.
pub fn verify_saml(
    response: &str,
    metadata: &SamlMetadata,
    expected: &SamlExpected<'_>,
    now: UnixMillis,
) -> Result<SamlIdentity, SamlError> {
    if response.len() > RESPONSE_CHARS_MAX {
        return Err(malformed("it is too long"));
    }
    let packed: String = response.split_ascii_whitespace().collect();
    let bytes = STANDARD.decode(packed).map_err(|_| malformed("it is not base64"))?;
    let text = String::from_utf8(bytes).map_err(|_| malformed("it is not UTF-8"))?;
    let document = xml::parse(&text)?;
    let assertion = signed_assertion(&document, metadata)?;
    let mut found = SamlIdentity::default();
    check_times(assertion, document.root_element(), now)?;
    let recipient = check_for_whom(assertion, document.root_element(), expected, now)?;
    read_subject(assertion, metadata, expected, recipient, &mut found)?;
    read_attributes(assertion, &mut found)?;
    for statement in xml::children(assertion, ASSERTION, "AuthnStatement") {
        let until = time(statement, "SessionNotOnOrAfter")?.map(UnixMillis);
        if until.is_some_and(|until| until <= now) {
            return Err(SamlError::Expired);
        }
        found.session_until = found.session_until.into_iter().chain(until).min();
    }
    if let Some(flaw) = found.identity.flaw() {
        return Err(SamlError::Attribute(flaw));
    }
    Ok(found)
}

/// The one assertion of a response, if it is signed by the provider, itself or with the whole response.
fn signed_assertion<'a>(
    document: &'a Document<'_>,
    metadata: &SamlMetadata,
) -> Result<Node<'a, 'a>, SamlError> {
    let root = document.root_element();
    if !xml::is(root, PROTOCOL, "Response") || xml::attribute(root, "Version") != Some("2.0") {
        return Err(malformed("it is not a response of SAML 2.0"));
    }
    let mut ids: Vec<&str> = document
        .descendants()
        .flat_map(|node| node.attributes())
        .filter(|a| a.name().eq_ignore_ascii_case("id"))
        .map(|a| a.value())
        .collect();
    ids.sort_unstable();
    if ids.windows(2).any(|pair| matches!(pair, [a, b] if a == b)) {
        return Err(malformed("an id is there twice"));
    }
    let of_kind =
        |name: &str| document.descendants().filter(|n| n.tag_name().name() == name).count();
    if of_kind("EncryptedAssertion") > 0 {
        return Err(malformed("encrypted assertions are not served here"));
    }
    let assertion = xml::only(root, ASSERTION, "Assertion");
    let whole = is_signed(root, &metadata.keys)?;
    let Some(assertion) = assertion.filter(|_| of_kind("Assertion") == 1) else {
        // Who failed to authenticate gets a response without an assertion.
        check_status(root)?;
        return Err(malformed("it does not have one assertion"));
    };
    let alone = is_signed(assertion, &metadata.keys)?;
    if !(whole || alone) {
        return Err(SamlError::Signature);
    }
    check_status(root)?;
    let own = |node| xml::only(node, ASSERTION, "Issuer").map(xml::text);
    let of_response = own(root).is_none_or(|issuer| issuer == metadata.entity_id);
    if !of_response || own(assertion).as_deref() != Some(&metadata.entity_id) {
        return Err(SamlError::Issuer);
    }
    Ok(assertion)
}

fn check_status(response: Node<'_, '_>) -> Result<(), SamlError> {
    let code = xml::only(response, PROTOCOL, "Status")
        .and_then(|status| xml::only(status, PROTOCOL, "StatusCode"))
        .and_then(|code| xml::attribute(code, "Value"));
    match code {
        Some(SUCCESS) => Ok(()),
        Some(_) => Err(SamlError::Rejected),
        None => Err(malformed("it has no status")),
    }
}

fn check_times(
    assertion: Node<'_, '_>,
    response: Node<'_, '_>,
    now: UnixMillis,
) -> Result<(), SamlError> {
    let ahead = now.0.saturating_add(CLOCK_SKEW_MILLIS);
    for node in [assertion, response] {
        let issued =
            time(node, "IssueInstant")?.ok_or(malformed("it does not say when it was issued"))?;
        if issued > ahead {
            return Err(SamlError::NotYet);
        }
        if now.0 > issued.saturating_add(REDEEM_MILLIS_MAX) {
            return Err(SamlError::Expired);
        }
    }
    let conditions = xml::only(assertion, ASSERTION, "Conditions");
    let conditions = conditions.ok_or(malformed("its assertion has no conditions"))?;
    if time(conditions, "NotBefore")?.is_some_and(|from| from > ahead) {
        return Err(SamlError::NotYet);
    }
    if time(conditions, "NotOnOrAfter")?.is_some_and(|until| until <= now.0) {
        return Err(SamlError::Expired);
    }
    Ok(())
}

/// Whether the assertion is for this cluster and to be given to it by whoever has it. Gives the URL that it was to be given to.
fn check_for_whom<'a>(
    assertion: Node<'a, 'a>,
    response: Node<'_, '_>,
    expected: &SamlExpected<'_>,
    now: UnixMillis,
) -> Result<&'a str, SamlError> {
    let ours = |text: &str| expected.recipients.iter().any(|r| r == text);
    if xml::attribute(response, "Destination").is_some_and(|d| !d.is_empty() && !ours(d)) {
        return Err(SamlError::Recipient);
    }
    let conditions = xml::only(assertion, ASSERTION, "Conditions").ok_or(SamlError::Audience)?;
    let mut restrictions = xml::children(conditions, ASSERTION, "AudienceRestriction").peekable();
    restrictions.peek().ok_or(SamlError::Audience)?;
    let meant = |restriction: Node<'_, '_>| {
        xml::children(restriction, ASSERTION, "Audience").any(|a| ours(&xml::text(a)))
    };
    // Each restriction holds by itself (SAML core, section 2.5.1.4).
    if !restrictions.all(meant) {
        return Err(SamlError::Audience);
    }
    let subject = xml::only(assertion, ASSERTION, "Subject");
    let subject = subject.ok_or(malformed("its assertion has no subject"))?;
    let mut verdict = SamlError::Recipient;
    for confirmation in xml::children(subject, ASSERTION, "SubjectConfirmation") {
        let data = xml::only(confirmation, ASSERTION, "SubjectConfirmationData");
        let (Some(BEARER), Some(data)) = (xml::attribute(confirmation, "Method"), data) else {
            continue;
        };
        let Some(recipient) = xml::attribute(data, "Recipient").filter(|r| ours(r)) else {
            continue;
        };
        match time(data, "NotOnOrAfter")? {
            Some(until) if until > now.0 => return Ok(recipient),
            Some(_) => verdict = SamlError::Expired,
            None => {}
        }
    }
    Err(verdict)
}

fn read_subject(
    assertion: Node<'_, '_>,
    metadata: &SamlMetadata,
    expected: &SamlExpected<'_>,
    recipient: &str,
    found: &mut SamlIdentity,
) -> Result<(), SamlError> {
    let name = xml::only(assertion, ASSERTION, "Subject")
        .and_then(|subject| xml::only(subject, ASSERTION, "NameID"))
        .ok_or(malformed("its subject has no name"))?;
    let format = xml::attribute(name, "Format").unwrap_or_default();
    format.strip_prefix(NAME_FORMAT).unwrap_or(format).clone_into(&mut found.subject_type);
    let subject = xml::text(name);
    if subject.is_empty() || subject.len() > KEY_CHARS_MAX {
        return Err(malformed("its subject has no name, or too long a one"));
    }
    let qualified = format!("{}{}/{}", metadata.entity_id, expected.account, expected.provider);
    let hash = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, qualified.as_bytes());
    found.name_qualifier = STANDARD.encode(hash);
    let identity = &mut found.identity;
    for (key, value) in [
        ("saml:aud", recipient),
        ("saml:iss", &metadata.entity_id),
        ("saml:sub", &subject),
        ("saml:sub_type", &found.subject_type),
        ("saml:namequalifier", &found.name_qualifier),
        ("saml:doc", &format!("{}/{}", expected.account, expected.provider)),
    ] {
        if !value.is_empty() {
            identity.keys.push((key.to_owned(), vec![value.to_owned()]));
        }
    }
    identity.session_keys = identity.keys.len();
    identity.issuer.clone_from(&metadata.entity_id);
    recipient.clone_into(&mut identity.audience);
    identity.subject = subject;
    Ok(())
}

fn read_attributes(assertion: Node<'_, '_>, found: &mut SamlIdentity) -> Result<(), SamlError> {
    let statements = xml::children(assertion, ASSERTION, "AttributeStatement");
    let mut names: Vec<String> = Vec::new();
    for attribute in statements.flat_map(|s| xml::children(s, ASSERTION, "Attribute")) {
        let Some(name) = xml::attribute(attribute, "Name") else { continue };
        let values: Vec<String> =
            xml::children(attribute, ASSERTION, "AttributeValue").map(xml::text).collect();
        if let Some(own) = name.strip_prefix(OWN) {
            if names.iter().any(|n| n == own) && own != "Role" {
                return Err(SamlError::Attribute(format!("{own} is there twice in AuthnResponse")));
            }
            names.push(own.to_owned());
            read_own(own, values, found)?;
            continue;
        }
        let key = ATTRIBUTES.iter().find(|(known, _)| *known == name).map(|(_, key)| *key);
        let short = values.iter().map(String::len).sum::<usize>() <= KEY_CHARS_MAX;
        if let (Some(key), true) = (key, short && !values.is_empty()) {
            found.identity.keys.push((format!("saml:{key}"), values));
        }
    }
    if found.roles.is_empty() {
        return Err(SamlError::Attribute("Role is required in AuthnResponse".to_owned()));
    }
    if found.session_name.is_empty() {
        return Err(SamlError::Attribute(
            "RoleSessionName is required in AuthnResponse".to_owned(),
        ));
    }
    if !is_session_name(&found.session_name) {
        let message = "RoleSessionName in AuthnResponse must match [a-zA-Z_0-9+=,.@-]{2,64}";
        return Err(SamlError::Attribute(message.to_owned()));
    }
    Ok(())
}

/// One of the attributes that AWS has defined.
fn read_own(name: &str, values: Vec<String>, found: &mut SamlIdentity) -> Result<(), SamlError> {
    let one = || match values.as_slice() {
        [one] => Ok(one.clone()),
        _ => Err(SamlError::Attribute(format!("{name:.128} must have one value in AuthnResponse"))),
    };
    match name {
        "Role" => {
            for pair in &values {
                let (a, b) = pair.split_once(',').ok_or_else(|| {
                    SamlError::Attribute(
                        "Role in AuthnResponse must name a role and a provider".to_owned(),
                    )
                })?;
                found.roles.push((a.trim().to_owned(), b.trim().to_owned()));
            }
            if found.roles.len() > ROLES_MAX {
                return Err(malformed("it offers too many roles"));
            }
        }
        "RoleSessionName" => found.session_name = one()?,
        "SessionDuration" => {
            let seconds = one()?.parse().ok().filter(|s| (900..=43_200).contains(s));
            let bad = || {
                SamlError::Attribute(
                    "SessionDuration in AuthnResponse must be between 900 and 43200".to_owned(),
                )
            };
            found.session_seconds = Some(seconds.ok_or_else(bad)?);
        }
        "SourceIdentity" => found.identity.source_identity = Some(one()?),
        "TransitiveTagKeys" => found.identity.transitive_tag_keys = values,
        tag => {
            if let Some(key) = tag.strip_prefix("PrincipalTag:") {
                found.identity.tags.push((key.to_owned(), one()?));
            }
        }
    }
    Ok(())
}
