//! Reading XML without trusting it: bounds, no DTD, no processing instructions, and names by their namespace.

use roxmltree::{Document, Node, NodeType, ParsingOptions};

use super::SamlError;

/// Nodes of a document: elements, texts and attributes are each far fewer in any real one.
const NODES_MAX: u32 = 20_000;
/// How deep elements may stand in each other. Real responses have about ten.
pub(super) const DEPTH_MAX: usize = 64;
/// Bytes of a name: positions of longer ones are not kept by the parser.
const NAME_BYTES_MAX: usize = 512;

pub(super) const PROTOCOL: &str = "urn:oasis:names:tc:SAML:2.0:protocol";
pub(super) const ASSERTION: &str = "urn:oasis:names:tc:SAML:2.0:assertion";
pub(super) const METADATA: &str = "urn:oasis:names:tc:SAML:2.0:metadata";
pub(super) const DSIG: &str = "http://www.w3.org/2000/09/xmldsig#";

/// Reads a document.
///
/// # Errors
/// Anything that is not well-formed, has a DTD or a processing instruction, or is larger or deeper than its bounds.
pub(super) fn parse(text: &str) -> Result<Document<'_>, SamlError> {
    let options = ParsingOptions { nodes_limit: NODES_MAX, ..ParsingOptions::default() };
    let document = Document::parse_with_options(text, options)
        .map_err(|_| SamlError::Malformed("it is not well-formed XML without a DTD"))?;
    let mut depth = 0_usize;
    let mut at = document.root();
    // Down, else along, else up: no recursion over what a stranger has written.
    loop {
        if at.node_type() == NodeType::PI {
            return Err(SamlError::Malformed("it has a processing instruction"));
        }
        let long = at.attributes().any(|a| a.range_qname().len() > NAME_BYTES_MAX);
        if long || depth > DEPTH_MAX {
            return Err(SamlError::Malformed("it is too deep, or has too long names"));
        }
        if let Some(child) = at.first_child() {
            (at, depth) = (child, depth + 1);
            continue;
        }
        loop {
            if let Some(next) = at.next_sibling() {
                at = next;
                break;
            }
            match at.parent() {
                Some(parent) => (at, depth) = (parent, depth.saturating_sub(1)),
                None => return Ok(document),
            }
        }
    }
}

/// Whether a node is the element of this name.
pub(super) fn is(node: Node<'_, '_>, namespace: &str, name: &str) -> bool {
    node.is_element()
        && node.tag_name().name() == name
        && node.tag_name().namespace() == Some(namespace)
}

/// The children that are elements of this name.
pub(super) fn children<'a, 'i>(
    node: Node<'a, 'i>,
    namespace: &'static str,
    name: &'static str,
) -> impl Iterator<Item = Node<'a, 'i>> {
    node.children().filter(move |child| is(*child, namespace, name))
}

/// The one child of this name; `None` where there is none, or more than one.
pub(super) fn only<'a, 'i>(
    node: Node<'a, 'i>,
    namespace: &'static str,
    name: &'static str,
) -> Option<Node<'a, 'i>> {
    let mut all = children(node, namespace, name);
    let first = all.next()?;
    all.next().is_none().then_some(first)
}

/// All text directly in an element. Comments do not cut it: what a canonical form leaves out must not change what is read.
pub(super) fn text(node: Node<'_, '_>) -> String {
    let whole: String =
        node.children().filter(Node::is_text).filter_map(|child| child.text()).collect();
    whole.trim().to_owned()
}

/// An attribute that has no namespace.
pub(super) fn attribute<'a>(node: Node<'a, '_>, name: &str) -> Option<&'a str> {
    node.attributes().find(|a| a.namespace().is_none() && a.name() == name).map(|a| a.value())
}
