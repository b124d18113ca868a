//! Responses that others signed, and a corpus of hostile ones: tampered, wrapped, misdirected, stale, malformed.

use std::sync::LazyLock;

use aws_lc_rs::{
    digest,
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use proptest::{prelude::*, sample::Index};
use serde::Deserialize;
use tidegate_policy::UnixMillis;

use super::{canonical::canonical, *};

const METADATA: &str = include_str!("../../testdata/saml/metadata.xml");
/// 2027-01-15T08:00:00Z, when everything here was issued.
const ISSUED: u64 = 1_800_000_000_000;

fn recipients() -> Vec<String> {
    ["https://signin.aws.amazon.com/saml", "urn:amazon:webservices"].map(str::to_owned).to_vec()
}

fn verify_at(response: &str, metadata: &SamlMetadata, now: u64) -> Result<SamlIdentity, SamlError> {
    let recipients = recipients();
    let expected =
        SamlExpected { recipients: &recipients, account: "000000000001", provider: "corp" };
    verify_saml(response, metadata, &expected, UnixMillis(now))
}

/// Responses that another implementation signed, with each of its keys and both places of a signature.
#[test]
fn what_others_signed_is_believed() {
    let metadata = SamlMetadata::parse(METADATA).unwrap();
    assert_eq!(metadata.entity_id, "https://idp.example.com/saml");
    assert_eq!(metadata.valid_until, Some(UnixMillis(2_082_758_400_000)));
    assert_eq!(metadata.keys.len(), 2);
    for response in [
        include_str!("../../testdata/saml/assertion-rsa-sha256.txt"),
        include_str!("../../testdata/saml/response-rsa-sha512.txt"),
        include_str!("../../testdata/saml/both-ecdsa-sha256.txt"),
    ] {
        let found = verify_at(response, &metadata, ISSUED + 1000).unwrap();
        let identity = &found.identity;
        assert_eq!((&*identity.subject, &*found.subject_type), ("ada & sons", "persistent"));
        assert_eq!(identity.audience, "https://signin.aws.amazon.com/saml");
        assert_eq!(found.session_name, "ada@example.com");
        assert_eq!(found.session_seconds, Some(7_200));
        assert_eq!(found.session_until, Some(UnixMillis(ISSUED + 8 * 3_600_000)));
        assert_eq!(identity.tags, [("Team".to_owned(), "blue".to_owned())]);
        assert_eq!(identity.transitive_tag_keys, ["Team"]);
        assert_eq!(identity.source_identity.as_deref(), Some("ada"));
        let (role, provider) = (
            "arn:aws:iam::000000000001:role/staff",
            "arn:aws:iam::000000000001:saml-provider/corp",
        );
        assert!(found.offers(role, provider));
        assert!(!found.offers(role, role));
        let key =
            |name: &str| identity.keys.iter().find(|(k, _)| k == name).map(|(_, v)| v.clone());
        assert_eq!(key("saml:edupersonaffiliation").unwrap(), ["staff", "member"]);
        assert_eq!(key("saml:doc").unwrap(), ["000000000001/corp"]);
        assert_eq!(key("saml:sub_type").unwrap(), ["persistent"]);
        // Twenty bytes in base64: SHA-1 of issuer, account and provider.
        assert_eq!(key("saml:namequalifier").unwrap()[0].len(), 28);
        // No key of the provider: nothing.
        let stranger = SamlMetadata { keys: vec![], ..metadata.clone() };
        assert_eq!(verify_at(response, &stranger, ISSUED), Err(SamlError::Signature));
    }
}

/// The canonical forms that another implementation gives.
#[test]
fn canonical_forms_are_those_of_others() {
    #[derive(Deserialize)]
    struct Case {
        document: String,
        element: String,
        prefixes: Vec<String>,
        form: String,
    }
    let forms: Vec<Case> =
        serde_json::from_str(include_str!("../../testdata/saml/canonical.json")).unwrap();
    assert!(forms.len() >= 7);
    for f in forms {
        let document = roxmltree::Document::parse(&f.document).unwrap();
        let node = document.descendants().find(|n| n.tag_name().name() == f.element).unwrap();
        let prefixes: Vec<&str> =
            f.prefixes.iter().map(|p| if p == "#default" { "" } else { p }).collect();
        let ours = String::from_utf8(canonical(node, None, &prefixes)).unwrap();
        assert_eq!(ours, f.form, "{}", f.document);
    }
}

/// A provider that signs what it is told to.
struct Provider {
    pair: EcdsaKeyPair,
    metadata: SamlMetadata,
}

const SIGNATURE: &str = r##"<ds:Signature xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><ds:SignedInfo><ds:CanonicalizationMethod Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"/><ds:SignatureMethod Algorithm="http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256"/><ds:Reference URI="#ID"><ds:Transforms><ds:Transform Algorithm="http://www.w3.org/2000/09/xmldsig#enveloped-signature"/><ds:Transform Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"/></ds:Transforms><ds:DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"/><ds:DigestValue>DIGEST</ds:DigestValue></ds:Reference></ds:SignedInfo><ds:SignatureValue>VALUE</ds:SignatureValue></ds:Signature>"##;

/// Where the signature of an assertion goes.
const HERE: &str = "<!--signature-->";

impl Provider {
    fn new() -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        let key = SamlKey::Ec(pair.public_key().as_ref().to_vec());
        let entity_id = "https://idp.example.com/saml".to_owned();
        let metadata = SamlMetadata { entity_id, valid_until: None, keys: vec![key] };
        Self { pair, metadata }
    }

    /// The document with the element of this id signed, in the form of `template`.
    fn sign_as(&self, document: &str, id: &str, template: &str) -> String {
        let form_of = |text: &str, pick: &dyn Fn(&roxmltree::Node<'_, '_>) -> bool, skip: bool| {
            let parsed = roxmltree::Document::parse(text).unwrap();
            let node = parsed.descendants().find(pick).unwrap();
            let own = node.children().find(|c| c.tag_name().name() == "Signature");
            canonical(node, own.filter(|_| skip), &[])
        };
        let template = template.replacen("#ID", &format!("#{id}"), 1);
        let empty = document.replacen(HERE, &template, 1);
        let form = form_of(&empty, &|n| n.attribute("ID") == Some(id), true);
        let digest = STANDARD.encode(digest::digest(&digest::SHA256, &form));
        let with_digest = document.replacen(HERE, &template.replacen("DIGEST", &digest, 1), 1);
        let signed = form_of(&with_digest, &|n| n.tag_name().name() == "SignedInfo", false);
        let value = self.pair.sign(&SystemRandom::new(), &signed).unwrap();
        with_digest.replacen("VALUE", &STANDARD.encode(value), 1)
    }

    fn sign(&self, document: &str) -> String {
        self.sign_as(document, "_a1", SIGNATURE)
    }

    fn ask(&self, document: &str) -> Result<SamlIdentity, SamlError> {
        verify_at(&STANDARD.encode(document), &self.metadata, ISSUED)
    }
}

fn assertion(id: &str, subject: &str, signature: &str) -> String {
    format!(
        r#"<saml:Assertion xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" ID="{id}" Version="2.0" IssueInstant="2027-01-15T08:00:00Z"><saml:Issuer>https://idp.example.com/saml</saml:Issuer>{signature}<saml:Subject><saml:NameID>{subject}</saml:NameID><saml:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer"><saml:SubjectConfirmationData NotOnOrAfter="2027-01-15T08:05:00Z" Recipient="https://signin.aws.amazon.com/saml"/></saml:SubjectConfirmation></saml:Subject><saml:Conditions NotBefore="2027-01-15T08:00:00Z" NotOnOrAfter="2027-01-15T08:05:00Z"><saml:AudienceRestriction><saml:Audience>urn:amazon:webservices</saml:Audience></saml:AudienceRestriction></saml:Conditions><saml:AttributeStatement><saml:Attribute Name="https://aws.amazon.com/SAML/Attributes/Role"><saml:AttributeValue>arn:r,arn:p</saml:AttributeValue></saml:Attribute><saml:Attribute Name="https://aws.amazon.com/SAML/Attributes/RoleSessionName"><saml:AttributeValue>ada</saml:AttributeValue></saml:Attribute></saml:AttributeStatement></saml:Assertion>"#
    )
}

fn response(inside: &str) -> String {
    format!(
        r#"<samlp:Response xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" ID="_r1" Version="2.0" IssueInstant="2027-01-15T08:00:00Z"><samlp:Status><samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Success"/></samlp:Status>{inside}</samlp:Response>"#
    )
}

fn good() -> String {
    response(&assertion("_a1", "ada", HERE))
}

#[test]
fn a_changed_letter_anywhere_in_what_is_signed_is_refused() {
    let provider = Provider::new();
    let signed = provider.sign(&good());
    assert_eq!(provider.ask(&signed).unwrap().identity.subject, "ada");
    for (from, to) in [
        (">ada</saml:NameID>", ">eve</saml:NameID>"),
        ("arn:r,arn:p", "arn:admin,arn:p"),
        (
            "NotOnOrAfter=\"2027-01-15T08:05:00Z\" Recipient",
            "NotOnOrAfter=\"2099-01-15T08:05:00Z\" Recipient",
        ),
        ("<ds:DigestValue>", "<ds:DigestValue>A"),
        ("<ds:SignatureValue>", "<ds:SignatureValue>A"),
        ("#_a1", "#_r1"),
        ("xmlenc#sha256", "xmlenc#sha512"),
        ("ecdsa-sha256", "ecdsa-sha384"),
        ("<saml:NameID>", "<saml:NameID >"),
    ] {
        assert!(signed.contains(from), "{from}");
        let altered = signed.replacen(from, to, 1);
        let harmless = from == "<saml:NameID>";
        assert_eq!(provider.ask(&altered).is_ok(), harmless, "{from}");
    }
    let other = Provider::new();
    assert_eq!(other.ask(&signed), Err(SamlError::Signature));
    assert_eq!(provider.ask(&good()), Err(SamlError::Signature), "not signed at all");
}

/// The eight places into which signed assertions are moved so that another one is read (Somorovsky et al., "On Breaking SAML", 2012), and
/// tricks with ids and comments.
#[test]
fn a_signed_assertion_speaks_for_no_other_one() {
    let provider = Provider::new();
    let signed = provider.sign(&good());
    let start = signed.find("<saml:Assertion").unwrap();
    let end = signed.find("</saml:Assertion>").unwrap() + "</saml:Assertion>".len();
    let (honest, before, after) = (&signed[start..end], &signed[..start], &signed[end..]);
    let signature_from = honest.find("<ds:Signature ").unwrap();
    let signature_to = honest.find("</ds:Signature>").unwrap() + "</ds:Signature>".len();
    let signature = &honest[signature_from..signature_to];
    let bare = honest.replacen(signature, "", 1);
    let evil = |inside: &str| assertion("_evil", "eve", inside);
    let object = |inside: &str| {
        signature.replacen(
            "</ds:Signature>",
            &format!("<ds:Object>{inside}</ds:Object></ds:Signature>"),
            1,
        )
    };
    let key_info = |inside: &str| {
        signature.replacen(
            "</ds:Signature>",
            &format!("<ds:KeyInfo>{inside}</ds:KeyInfo></ds:Signature>"),
            1,
        )
    };
    let in_response = |inside: &str| format!("{before}{inside}{after}");
    let extensions =
        |inside: &str| format!("<samlp:Extensions>{inside}</samlp:Extensions>{}", evil(""));
    let attacks = [
        in_response(&format!("{}{honest}", evil(""))),
        in_response(&format!("{honest}{}", evil(""))),
        in_response(&evil(honest)),
        in_response(&evil(&object(&bare))),
        in_response(&evil(&key_info(&bare))),
        in_response(&evil(signature)),
        in_response(&extensions(honest)),
        in_response(&honest.replacen("<saml:Subject>", &format!("{}<saml:Subject>", evil("")), 1)),
        in_response(&honest.replacen(signature, &object(&evil("")), 1)),
        // Two of one id: the signature's and the one that is read.
        in_response(&format!("{}{honest}", assertion("_a1", "eve", ""))),
        in_response(&assertion("_a1", "eve", &object(&bare))),
        // The honest one inside a response of its own.
        response(&format!("{}{}", evil(""), in_response(honest))),
        // A second signature that nobody made.
        in_response(&honest.replacen(signature, &format!("{signature}{signature}"), 1)),
    ];
    for (n, attack) in attacks.iter().enumerate() {
        assert!(provider.ask(attack).is_err(), "attack {n}: {attack}");
    }
    // A comment cuts no name in two, be it signed or put in later: what is read is the whole of it.
    let long = provider.sign(&response(&assertion("_a1", "ada@corp.com.evil.com", HERE)));
    let cut = long.replacen("ada@corp.com.evil.com", "ada@corp.com<!-- -->.evil.com", 1);
    assert_eq!(provider.ask(&cut).unwrap().identity.subject, "ada@corp.com.evil.com");
}

#[test]
fn other_forms_of_signature_than_the_one_are_refused() {
    let provider = Provider::new();
    let transforms = [
        // No transform by which something could be left out of what is signed.
        (
            "http://www.w3.org/2000/09/xmldsig#enveloped-signature\"/><ds:Transform Algorithm=\"http://www.w3.org/2001/10/xml-exc-c14n#",
            "http://www.w3.org/2001/10/xml-exc-c14n#",
        ),
        (
            "<ds:Transforms>",
            "<ds:Transforms><ds:Transform Algorithm=\"http://www.w3.org/TR/1999/REC-xpath-19991116\"><ds:XPath>1</ds:XPath></ds:Transform>",
        ),
        (
            "<ds:CanonicalizationMethod Algorithm=\"http://www.w3.org/2001/10/xml-exc-c14n#\"",
            "<ds:CanonicalizationMethod Algorithm=\"http://www.w3.org/TR/2001/REC-xml-c14n-20010315\"",
        ),
        ("xml-exc-c14n#\"/></ds:Transforms>", "xml-exc-c14n#WithComments\"/></ds:Transforms>"),
        (
            "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256",
            "http://www.w3.org/2000/09/xmldsig#hmac-sha1",
        ),
        ("<ds:Reference URI=\"#ID\">", "<ds:Reference URI=\"\">"),
        ("</ds:Reference>", "</ds:Reference><ds:Reference URI=\"#ID\"/>"),
        ("</ds:SignedInfo>", "</ds:SignedInfo><ds:Object/>"),
    ];
    for (from, to) in transforms {
        assert!(SIGNATURE.contains(from), "{from}");
        let signed = provider.sign_as(&good(), "_a1", &SIGNATURE.replacen(from, to, 1));
        assert_eq!(provider.ask(&signed), Err(SamlError::Signature), "{to}");
    }
    let inclusive = SIGNATURE.replacen(
        "xml-exc-c14n#\"/></ds:Transforms>",
        "xml-exc-c14n#\"><ec:InclusiveNamespaces xmlns:ec=\"http://www.w3.org/2001/10/xml-exc-c14n#\" PrefixList=\"xs\"/></ds:Transform></ds:Transforms>",
        1,
    );
    // The prefix is not in scope here, so the form is the same.
    assert!(provider.ask(&provider.sign_as(&good(), "_a1", &inclusive)).is_ok());
}

#[test]
fn a_response_for_another_place_or_time_or_of_another_provider_is_refused_by_name() {
    let provider = Provider::new();
    let refused = |from: &str, to: &str| {
        let document = good();
        assert!(document.contains(from), "{from}");
        provider.ask(&provider.sign(&document.replacen(from, to, 1))).unwrap_err()
    };
    let audience = "<saml:Audience>urn:amazon:webservices";
    assert_eq!(refused(audience, "<saml:Audience>urn:other"), SamlError::Audience);
    let restriction = "<saml:AudienceRestriction><saml:Audience>urn:amazon:webservices</saml:Audience></saml:AudienceRestriction>";
    assert_eq!(refused(restriction, ""), SamlError::Audience);
    let both = restriction.to_owned() + &restriction.replace("urn:amazon:webservices", "urn:other");
    assert_eq!(refused(restriction, &both), SamlError::Audience);
    let recipient = "Recipient=\"https://signin.aws.amazon.com/saml\"";
    assert_eq!(refused(recipient, "Recipient=\"https://other/saml\""), SamlError::Recipient);
    assert_eq!(refused("cm:bearer", "cm:holder-of-key"), SamlError::Recipient);
    assert_eq!(
        refused("NotOnOrAfter=\"2027-01-15T08:05:00Z\" Recipient", "Recipient"),
        SamlError::Recipient
    );
    assert_eq!(
        refused(" Version", " Destination=\"https://other/saml\" Version"),
        SamlError::Recipient
    );
    let over = "NotOnOrAfter=\"2027-01-15T08:00:00Z\"";
    assert_eq!(
        refused("NotOnOrAfter=\"2027-01-15T08:05:00Z\" Recipient", &format!("{over} Recipient")),
        SamlError::Expired
    );
    assert_eq!(
        refused("NotOnOrAfter=\"2027-01-15T08:05:00Z\">", &format!("{over}>")),
        SamlError::Expired
    );
    assert_eq!(
        refused("NotBefore=\"2027-01-15T08:00:00Z\"", "NotBefore=\"2027-01-15T08:02:00Z\""),
        SamlError::NotYet
    );
    let issued = "Version=\"2.0\" IssueInstant=\"2027-01-15T08:00:00Z\"><saml";
    assert_eq!(refused(issued, &issued.replace("08:00", "07:54")), SamlError::Expired);
    assert_eq!(refused(issued, &issued.replace("08:00", "08:02")), SamlError::NotYet);
    let issuer = "<saml:Issuer>https://idp.example.com/saml";
    assert_eq!(refused(issuer, "<saml:Issuer>https://evil.example.com/saml"), SamlError::Issuer);
    assert_eq!(refused("status:Success", "status:Responder"), SamlError::Rejected);
    let signed = provider.sign(&good());
    let late = verify_at(&STANDARD.encode(&signed), &provider.metadata, ISSUED + 300_001);
    assert_eq!(late, Err(SamlError::Expired));
    let failed = good().replacen("status:Success", "status:AuthnFailed", 1);
    let start = failed.find("<saml:Assertion").unwrap();
    let end = failed.find("</samlp:Response>").unwrap();
    assert_eq!(
        provider.ask(&failed.replacen(&failed[start..end], "", 1)),
        Err(SamlError::Rejected)
    );
}

#[test]
fn hostile_documents_are_refused_before_they_cost_anything() {
    let provider = Provider::new();
    let refused = |document: &str| {
        assert!(matches!(provider.ask(document), Err(SamlError::Malformed(_))), "{document:.80}");
    };
    let signed = provider.sign(&good());
    refused("");
    refused("<a>");
    refused("<a/>");
    refused(&format!("<!DOCTYPE r [<!ENTITY e \"x\">]>{signed}"));
    refused(&format!("<!DOCTYPE r SYSTEM \"http://evil.example.com/d\">{signed}"));
    refused(&signed.replacen("<saml:Subject>", "<?php 1?><saml:Subject>", 1));
    refused(&format!("{}{}", "<a>".repeat(5_000), "</a>".repeat(5_000)));
    refused(&format!("<a>{}</a>", "<b/>".repeat(25_000)));
    refused(&response(
        "<saml:EncryptedAssertion xmlns:saml=\"urn:oasis:names:tc:SAML:2.0:assertion\"/>",
    ));
    refused(&response(""));
    assert!(matches!(
        verify_at("%%%", &provider.metadata, ISSUED),
        Err(SamlError::Malformed("it is not base64"))
    ));
    let huge = "A".repeat(100_004);
    assert!(verify_at(&huge, &provider.metadata, ISSUED).is_err());
}

#[test]
fn attributes_that_are_needed_are_asked_for_in_the_words_of_aws() {
    let provider = Provider::new();
    let name = "<saml:AttributeValue>ada</saml:AttributeValue>";
    let says = |from: &str, to: &str| {
        provider.ask(&provider.sign(&good().replacen(from, to, 1))).unwrap_err().to_string()
    };
    assert_eq!(
        says("Attributes/RoleSessionName", "Attributes/Other"),
        "RoleSessionName is required in AuthnResponse"
    );
    assert_eq!(
        says(name, "<saml:AttributeValue>a b</saml:AttributeValue>"),
        "RoleSessionName in AuthnResponse must match [a-zA-Z_0-9+=,.@-]{2,64}"
    );
    assert!(says(name, &name.repeat(2)).contains("one value"));
    assert_eq!(
        says("Attributes/Role\"", "Attributes/Roles\""),
        "Role is required in AuthnResponse"
    );
    assert!(says("arn:r,arn:p", "arn:r").contains("a role and a provider"));
    let more = |name: &str, value: &str| {
        let attribute = format!(
            "<saml:AttributeStatement><saml:Attribute Name=\"https://aws.amazon.com/SAML/Attributes/{name}\"><saml:AttributeValue>{value}</saml:AttributeValue></saml:Attribute>"
        );
        says("<saml:AttributeStatement>", &attribute)
    };
    for (name, value) in [
        ("SessionDuration", "899"),
        ("SessionDuration", "x"),
        ("SourceIdentity", "aws:x"),
        ("PrincipalTag:aws:x", "1"),
        ("TransitiveTagKeys", "Team"),
        ("RoleSessionName", "twice"),
    ] {
        assert!(!more(name, value).is_empty(), "{name}");
    }
}

#[test]
fn metadata_without_a_name_is_refused_and_only_keys_for_signing_count() {
    let keys = |from: &str, to: &str| {
        assert!(METADATA.contains(from), "{from}");
        SamlMetadata::parse(&METADATA.replace(from, to)).map(|m| m.keys.len())
    };
    let refused = |from: &str, to: &str| assert!(keys(from, to).is_err(), "{to}");
    assert_eq!(keys("use=\"signing\"", ""), Ok(2));
    assert_eq!(keys("use=\"signing\"", "use=\"encryption\""), Ok(0));
    assert_eq!(keys("X509Certificate>MII", "X509Certificate>AAA"), Ok(0));
    refused("entityID=\"https://idp.example.com/saml\"", "");
    refused("md:IDPSSODescriptor", "md:SPSSODescriptor");
    refused("validUntil=\"2036-01-01T00:00:00Z\"", "validUntil=\"soon\"");
    refused("EntityDescriptor", "EntitiesDescriptor");
    assert!(SamlMetadata::parse("<a/>").is_err());
    assert!(SamlMetadata::parse("").is_err());
}

/// A provider's metadata, what it signed, and what that says.
static SIGNED: LazyLock<(SamlMetadata, Vec<u8>, SamlIdentity)> = LazyLock::new(|| {
    let provider = Provider::new();
    let signed = provider.sign(&good());
    let said = provider.ask(&signed).unwrap();
    (provider.metadata, signed.into_bytes(), said)
});

proptest! {
    #[test]
    fn no_changed_byte_changes_what_is_read(at in any::<Index>(), byte in any::<u8>(), cut in any::<bool>()) {
        let (metadata, signed, said) = &*SIGNED;
        let mut changed = signed.clone();
        let at = at.index(changed.len());
        if cut {
            changed.remove(at);
        } else {
            changed[at] = byte;
        }
        if let Ok(found) = verify_at(&STANDARD.encode(&changed), metadata, ISSUED) {
            prop_assert_eq!(&found, said);
        }
    }

    #[test]
    fn hostile_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300), text in "[<>/a-c:=\"'&;!\\[\\]\\-? ]{0,80}") {
        let (metadata, ..) = &*SIGNED;
        prop_assert!(verify_at(&STANDARD.encode(&bytes), metadata, ISSUED).is_err());
        prop_assert!(verify_at(&STANDARD.encode(&text), metadata, ISSUED).is_err());
        prop_assert!(SamlMetadata::parse(&text).is_err());
        prop_assert!(crate::IdentityToken::parse(&text).is_err());
        prop_assert!(crate::JwkSet::parse(&bytes).is_none());
    }
}
