//! Exclusive XML canonicalization without comments (W3C, "Exclusive XML Canonicalization Version 1.0") of a part of a document.

use std::collections::BTreeMap;

use roxmltree::Node;

/// What is written of the element and everything in it, but for `without`. `inclusive`: prefixes that are declared wherever they are in
/// scope, used or not; the empty one for the default namespace.
///
/// Elements are at most as deep as [`super::xml::DEPTH_MAX`], which bounds the recursion.
pub(super) fn canonical(
    node: Node<'_, '_>,
    without: Option<Node<'_, '_>>,
    inclusive: &[&str],
) -> Vec<u8> {
    let mut out = String::new();
    element(node, without, inclusive, &BTreeMap::new(), &mut out);
    out.into_bytes()
}

/// The prefix of a name as it is written in the document; empty: none.
fn prefix(qualified: &str) -> &str {
    qualified.split_once(':').map_or("", |(prefix, _)| prefix)
}

/// The name of an element as it is written in the document.
fn qualified<'a>(node: Node<'a, '_>) -> &'a str {
    let source = node.document().input_text();
    let tag = source.get(node.range()).and_then(|t| t.strip_prefix('<')).unwrap_or_default();
    let end = tag.find(|c: char| c.is_whitespace() || c == '>' || c == '/');
    tag.get(..end.unwrap_or(tag.len())).unwrap_or_default()
}

fn element<'a>(
    node: Node<'a, '_>,
    without: Option<Node<'_, '_>>,
    inclusive: &[&str],
    declared: &BTreeMap<&'a str, &'a str>,
    out: &mut String,
) {
    let source = node.document().input_text();
    let name = qualified(node);
    let of_attribute = |range| source.get(range).unwrap_or_default();
    let mut attributes: Vec<(&str, &str, &str, &str)> = node
        .attributes()
        .map(|a| (a.namespace().unwrap_or(""), a.name(), of_attribute(a.range_qname()), a.value()))
        .collect();
    attributes.sort_unstable();
    let scope = |wanted: &str| {
        let name = (!wanted.is_empty()).then_some(wanted);
        node.namespaces().find(|n| n.name() == name).map(|n| (n.name().unwrap_or(""), n.uri()))
    };
    // Used by the element or one of its attributes, or asked for by name; the empty prefix means nothing to an attribute.
    let used = attributes.iter().map(|(_, _, q, _)| prefix(q)).filter(|p| !p.is_empty());
    let own = prefix(name);
    let wanted = used.chain([own]).chain(inclusive.iter().copied().filter(|p| scope(p).is_some()));
    let mut here = declared.clone();
    let mut fresh: BTreeMap<&str, &str> = BTreeMap::new();
    for wanted in wanted.filter(|p| *p != "xml") {
        let (prefix, uri) = scope(wanted).unwrap_or_default();
        // No default namespace is the same as one that was never declared.
        if here.get(prefix).copied().unwrap_or_default() != uri {
            fresh.insert(prefix, uri);
            here.insert(prefix, uri);
        }
    }
    out.push('<');
    out.push_str(name);
    for (prefix, uri) in fresh {
        out.push_str(if prefix.is_empty() { " xmlns" } else { " xmlns:" });
        out.push_str(prefix);
        value(uri, out);
    }
    for (_, _, qualified, text) in attributes {
        out.push(' ');
        out.push_str(qualified);
        value(text, out);
    }
    out.push('>');
    for child in node.children().filter(|child| Some(*child) != without) {
        if child.is_element() {
            element(child, without, inclusive, &here, out);
        } else if child.is_text() {
            text(child.text().unwrap_or_default(), out);
        }
    }
    out.push_str("</");
    out.push_str(name);
    out.push('>');
}

fn value(text: &str, out: &mut String) {
    out.push_str("=\"");
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '"' => out.push_str("&quot;"),
            '\t' => out.push_str("&#x9;"),
            '\n' => out.push_str("&#xA;"),
            '\r' => out.push_str("&#xD;"),
            other => out.push(other),
        }
    }
    out.push('"');
}

fn text(text: &str, out: &mut String) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\r' => out.push_str("&#xD;"),
            other => out.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(document: &str, name: &str, inclusive: &[&str]) -> String {
        let document = roxmltree::Document::parse(document).unwrap();
        let node = document.descendants().find(|n| n.tag_name().name() == name).unwrap();
        String::from_utf8(canonical(node, None, inclusive)).unwrap()
    }

    /// The example of the specification, section 2.2: one element in two surroundings has one form.
    #[test]
    fn what_stands_around_does_not_matter() {
        let first = r#"<n0:local xmlns:n0="foo:bar" xmlns:n3="ftp://example.org"><n1:elem2 xmlns:n1="http://example.net" xml:lang="en"><n3:stuff xmlns:n3="ftp://example.org"/></n1:elem2></n0:local>"#;
        let second = r#"<n2:pdu xmlns:n1="http://example.com" xmlns:n2="http://foo.example" xml:lang="fr" xml:space="retain"><n1:elem2 xmlns:n1="http://example.net" xml:lang="en"><n3:stuff xmlns:n3="ftp://example.org"/></n1:elem2></n2:pdu>"#;
        let form = r#"<n1:elem2 xmlns:n1="http://example.net" xml:lang="en"><n3:stuff xmlns:n3="ftp://example.org"></n3:stuff></n1:elem2>"#;
        assert_eq!(of(first, "elem2", &[]), form);
        assert_eq!(of(second, "elem2", &[]), form);
    }

    #[test]
    fn namespaces_are_declared_where_they_are_used_first_and_attributes_are_sorted() {
        let document = "<a xmlns='u:d' xmlns:x='u:x' xmlns:y='u:y'><b z='1' y:a='2' x:b='3' a='&#10;&quot;&lt;&#9;'>t&amp;&lt;&gt;&#13;\"<c xmlns=''><d/></c><x:e/></b></a>";
        assert_eq!(
            of(document, "b", &[]),
            "<b xmlns=\"u:d\" xmlns:x=\"u:x\" xmlns:y=\"u:y\" a=\"&#xA;&quot;&lt;&#x9;\" z=\"1\" x:b=\"3\" y:a=\"2\">t&amp;&lt;&gt;&#xD;\"<c xmlns=\"\"><d></d></c><x:e></x:e></b>"
        );
        assert_eq!(of(document, "e", &[]), "<x:e xmlns:x=\"u:x\"></x:e>");
        assert_eq!(
            of(document, "e", &["y", "", "gone"]),
            "<x:e xmlns=\"u:d\" xmlns:x=\"u:x\" xmlns:y=\"u:y\"></x:e>"
        );
    }

    #[test]
    fn comments_and_marked_sections_leave_their_text() {
        let document = "<a>one<!-- c -->two<![CDATA[<three>]]>\r\nfour</a>";
        assert_eq!(of(document, "a", &[]), "<a>onetwo&lt;three&gt;\nfour</a>");
    }
}
