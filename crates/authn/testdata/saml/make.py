"""Makes the responses and the metadata in this folder with signxml, lxml and cryptography: another implementation than the one they test.

Usage: make.py FOLDER (needs signxml 5). The keys are thrown away; what is signed is good from 2027-01-15T08:00:00Z for five minutes.
"""

import base64
import datetime
import json
import pathlib
import sys

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID
from lxml import etree
from signxml import SignatureConstructionMethod, XMLSigner

RESPONSE = """<samlp:Response xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" xmlns:unused="urn:unused" ID="_r1" Version="2.0"
    IssueInstant="2027-01-15T08:00:00Z" Destination="https://signin.aws.amazon.com/saml">
  <saml:Issuer xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion">https://idp.example.com/saml</saml:Issuer>{response_signature}
  <samlp:Status><samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Success"/></samlp:Status>
  <saml:Assertion xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" xmlns:xs="http://www.w3.org/2001/XMLSchema"
      xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" ID="_a1" Version="2.0" IssueInstant="2027-01-15T08:00:00Z">
    <saml:Issuer>https://idp.example.com/saml</saml:Issuer>{assertion_signature}
    <saml:Subject>
      <saml:NameID Format="urn:oasis:names:tc:SAML:2.0:nameid-format:persistent">ada &amp; sons</saml:NameID>
      <saml:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer">
        <saml:SubjectConfirmationData NotOnOrAfter="2027-01-15T08:05:00Z" Recipient="https://signin.aws.amazon.com/saml"/>
      </saml:SubjectConfirmation>
    </saml:Subject>
    <saml:Conditions NotBefore="2027-01-15T07:59:00Z" NotOnOrAfter="2027-01-15T08:05:00Z">
      <saml:AudienceRestriction><saml:Audience>urn:amazon:webservices</saml:Audience></saml:AudienceRestriction>
    </saml:Conditions>
    <saml:AuthnStatement AuthnInstant="2027-01-15T08:00:00Z" SessionNotOnOrAfter="2027-01-15T16:00:00Z"/>
    <saml:AttributeStatement>
      <saml:Attribute Name="https://aws.amazon.com/SAML/Attributes/Role"><saml:AttributeValue
        xsi:type="xs:string">arn:aws:iam::000000000001:role/staff,arn:aws:iam::000000000001:saml-provider/corp</saml:AttributeValue></saml:Attribute>
      <saml:Attribute Name="https://aws.amazon.com/SAML/Attributes/RoleSessionName"><saml:AttributeValue>ada@example.com</saml:AttributeValue></saml:Attribute>
      <saml:Attribute Name="https://aws.amazon.com/SAML/Attributes/SessionDuration"><saml:AttributeValue>7200</saml:AttributeValue></saml:Attribute>
      <saml:Attribute Name="https://aws.amazon.com/SAML/Attributes/PrincipalTag:Team"><saml:AttributeValue>blue</saml:AttributeValue></saml:Attribute>
      <saml:Attribute Name="https://aws.amazon.com/SAML/Attributes/TransitiveTagKeys"><saml:AttributeValue>Team</saml:AttributeValue></saml:Attribute>
      <saml:Attribute Name="https://aws.amazon.com/SAML/Attributes/SourceIdentity"><saml:AttributeValue>ada</saml:AttributeValue></saml:Attribute>
      <saml:Attribute Name="urn:oid:1.3.6.1.4.1.5923.1.1.1.1"><saml:AttributeValue>staff</saml:AttributeValue><saml:AttributeValue>member</saml:AttributeValue></saml:Attribute>
    </saml:AttributeStatement>
  </saml:Assertion>
</samlp:Response>
"""
METADATA = """<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" entityID="https://idp.example.com/saml" validUntil="2036-01-01T00:00:00Z">
  <md:IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">
    {keys}
    <md:SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST" Location="https://idp.example.com/sso"/>
  </md:IDPSSODescriptor>
</md:EntityDescriptor>
"""
KEY = '<md:KeyDescriptor use="signing"><ds:KeyInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><ds:X509Data><ds:X509Certificate>{}</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor>'
PLACE = '<ds:Signature xmlns:ds="http://www.w3.org/2000/09/xmldsig#" Id="placeholder"/>'
EXCLUSIVE = "http://www.w3.org/2001/10/xml-exc-c14n#"


def certificate(key):
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "idp.example.com")])
    start = datetime.datetime(2026, 1, 1)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(start).not_valid_after(start + datetime.timedelta(days=3650))
    return builder.sign(key, hashes.SHA256())


def pem(value, private=False):
    if private:
        return value.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return value.public_bytes(serialization.Encoding.PEM)


def signed(key, cert, algorithm, digest, parts):
    """A response of which these parts, by id, are signed, the inner one first."""
    text = RESPONSE.format(
        response_signature=PLACE if "_r1" in parts else "", assertion_signature=PLACE if "_a1" in parts else ""
    )
    root = etree.fromstring(text.encode())
    for part in parts:
        signer = XMLSigner(
            method=SignatureConstructionMethod.enveloped,
            signature_algorithm=algorithm,
            digest_algorithm=digest,
            c14n_algorithm=EXCLUSIVE,
        )
        at = root if part == "_r1" else root.find(f".//*[@ID='{part}']")
        done = signer.sign(at, key=pem(key, True), cert=pem(cert).decode(), reference_uri=part, id_attribute="ID")
        if at is root:
            root = done
        else:
            at.getparent().replace(at, done)
    return base64.b64encode(etree.tostring(root)).decode()


folder = pathlib.Path(sys.argv[1])
large, curve = rsa.generate_private_key(65537, 2048), ec.generate_private_key(ec.SECP256R1())
certificates = [certificate(large), certificate(curve)]
der = [base64.b64encode(c.public_bytes(serialization.Encoding.DER)).decode() for c in certificates]
(folder / "metadata.xml").write_text(METADATA.format(keys="\n    ".join(KEY.format(d) for d in der)))
for name, key, cert, algorithm, digest, parts in [
    ("assertion-rsa-sha256", large, certificates[0], "rsa-sha256", "sha256", ["_a1"]),
    ("response-rsa-sha512", large, certificates[0], "rsa-sha512", "sha512", ["_r1"]),
    ("both-ecdsa-sha256", curve, certificates[1], "ecdsa-sha256", "sha256", ["_a1", "_r1"]),
]:
    (folder / f"{name}.txt").write_text(signed(key, cert, algorithm, digest, parts) + "\n")

FORMS = [
    ("b", [], "<a xmlns='u:d' xmlns:x='u:x' xmlns:y='u:y'><b z='1' y:a='2' x:b='3' a='&#10;&quot;&lt;&#9;&#13;'>t&amp;&lt;&gt;&#13;\"'<c xmlns=''><d/></c><x:e/></b></a>"),
    ("b", ["y"], "<a xmlns='u:d' xmlns:x='u:x' xmlns:y='u:y'><x:b><c xmlns=''/><d/></x:b></a>"),
    ("b", ["xs"], "<a xmlns:xs='u:xs'><b xmlns:xs='u:other'><c xmlns:xs='u:xs' t='xs:string'/><c/></b></a>"),
    ("b", ["xs"], "<p:a xmlns:p='u:p' xmlns:xs='u:xs'><p:b><p:c xmlns:p='u:q'><p:d xmlns:p='u:p'/></p:c></p:b></p:a>"),
    ("b", [], "<a xml:lang='en'><b xml:space='preserve'> one<!-- c -->two<![CDATA[<&>]]>\r\n\tthree </b></a>"),
    ("b", [], "<n:a xmlns:n='u:1'><b xmlns='u:1' n:k='v' k='w'><n:c xmlns:n='u:1' xmlns:m='u:1' m:k='&#x20AC;'/></b></n:a>"),
    ("b", [], "<a xmlns:q='u:q' xmlns:r='u:a'><b q:z='1' r:z='2' z='3' y='4'/></a>"),
]
forms = []
for name, prefixes, text in FORMS:
    root = etree.fromstring(text.encode())
    at = next(e for e in root.iter() if isinstance(e.tag, str) and etree.QName(e).localname == name)
    form = etree.tostring(at, method="c14n", exclusive=True, with_comments=False, inclusive_ns_prefixes=prefixes or None)
    # What stands behind the element is not the element's.
    form = form[: form.rindex(b">") + 1]
    forms.append({"document": text, "element": name, "prefixes": prefixes, "form": form.decode()})
(folder / "canonical.json").write_text(json.dumps(forms, indent=1) + "\n")
