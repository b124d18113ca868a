//! An enveloped XML signature over one element, as the SAML profile has it (SAML core, section 5.4) and in no other form.

use aws_lc_rs::digest;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use roxmltree::Node;

use super::{
    SamlError, SamlKey,
    canonical::canonical,
    xml::{self, DSIG},
};

const EXCLUSIVE: &str = "http://www.w3.org/2001/10/xml-exc-c14n#";
const ENVELOPED: &str = "http://www.w3.org/2000/09/xmldsig#enveloped-signature";
/// Prefixes that a signature may ask to be declared.
const PREFIXES_MAX: usize = 16;

/// The prefixes of an `InclusiveNamespaces` in a method or transform of exclusive canonicalization; `None` where it is another one, or has
/// anything else in it.
fn exclusive<'a>(method: Node<'a, '_>) -> Option<Vec<&'a str>> {
    if xml::attribute(method, "Algorithm") != Some(EXCLUSIVE) {
        return None;
    }
    let mut inside = method.children().filter(Node::is_element);
    let Some(inclusive) = inside.next() else { return Some(Vec::new()) };
    let known = xml::is(inclusive, EXCLUSIVE, "InclusiveNamespaces") && inside.next().is_none();
    let list = xml::attribute(inclusive, "PrefixList").filter(|_| known)?;
    let prefixes: Vec<&str> =
        list.split_whitespace().map(|p| if p == "#default" { "" } else { p }).collect();
    (prefixes.len() <= PREFIXES_MAX).then_some(prefixes)
}

fn bytes(node: Node<'_, '_>) -> Option<Vec<u8>> {
    let text: String = xml::text(node).split_whitespace().collect();
    STANDARD.decode(text).ok()
}

fn digest_of(algorithm: &str, message: &[u8]) -> Option<digest::Digest> {
    let with = match algorithm {
        "http://www.w3.org/2001/04/xmlenc#sha256" => &digest::SHA256,
        "http://www.w3.org/2001/04/xmldsig-more#sha384" => &digest::SHA384,
        "http://www.w3.org/2001/04/xmlenc#sha512" => &digest::SHA512,
        _ => return None,
    };
    Some(digest::digest(with, message))
}

/// The reference of a signature if it is to `element`, and the digest in it is that of the element without the signature.
fn refers(signed_info: Node<'_, '_>, element: Node<'_, '_>, signature: Node<'_, '_>) -> Option<()> {
    let reference = xml::only(signed_info, DSIG, "Reference")?;
    let id = xml::attribute(element, "ID").filter(|id| !id.is_empty())?;
    let uri = xml::attribute(reference, "URI")?.strip_prefix('#')?;
    let transforms = xml::only(reference, DSIG, "Transforms")?;
    let steps: Vec<Node<'_, '_>> = transforms.children().filter(Node::is_element).collect();
    let [enveloped, last] = steps.as_slice() else { return None };
    let named = xml::is(*enveloped, DSIG, "Transform") && xml::is(*last, DSIG, "Transform");
    if uri != id || !named || xml::attribute(*enveloped, "Algorithm") != Some(ENVELOPED) {
        return None;
    }
    if enveloped.children().any(|child| child.is_element()) {
        return None;
    }
    let form = canonical(element, Some(signature), &exclusive(*last)?);
    let method = xml::attribute(xml::only(reference, DSIG, "DigestMethod")?, "Algorithm")?;
    let said = bytes(xml::only(reference, DSIG, "DigestValue")?)?;
    (digest_of(method, &form)?.as_ref() == said.as_slice()).then_some(())
}

fn verified(element: Node<'_, '_>, signature: Node<'_, '_>, keys: &[SamlKey]) -> Option<()> {
    let mut parts = signature.children().filter(Node::is_element);
    let (signed_info, value) = (parts.next()?, parts.next()?);
    // Whatever a signature says of its key is not asked: the keys are the provider's.
    let rest: Vec<Node<'_, '_>> = parts.collect();
    let shaped = xml::is(signed_info, DSIG, "SignedInfo")
        && xml::is(value, DSIG, "SignatureValue")
        && rest.iter().all(|n| xml::is(*n, DSIG, "KeyInfo"))
        && rest.len() <= 1;
    if !shaped {
        return None;
    }
    let prefixes = exclusive(xml::only(signed_info, DSIG, "CanonicalizationMethod")?)?;
    let method = xml::attribute(xml::only(signed_info, DSIG, "SignatureMethod")?, "Algorithm")?;
    let message = canonical(signed_info, None, &prefixes);
    let value = bytes(value)?;
    if !keys.iter().any(|key| key.verifies(method, &message, &value)) {
        return None;
    }
    refers(signed_info, element, signature)
}

/// Whether `element` is signed: `false` where it has no signature.
///
/// # Errors
/// [`SamlError::Signature`] where it has one that is not of one of the keys, not over this element, or not in the one accepted form.
pub(super) fn is_signed(element: Node<'_, '_>, keys: &[SamlKey]) -> Result<bool, SamlError> {
    let mut signatures = xml::children(element, DSIG, "Signature");
    let Some(signature) = signatures.next() else { return Ok(false) };
    if signatures.next().is_some() {
        return Err(SamlError::Signature);
    }
    verified(element, signature, keys).map(|()| true).ok_or(SamlError::Signature)
}
