"""Identity providers against a development cluster, with boto3, PyJWT and signxml as the other side.

Usage: federation.py PROFILE. An issuer of OpenID Connect runs in this process, a SAML provider signs here, and tokens of the cluster itself are
verified by PyJWT. Prints each step and ends with exit code 0 when all of them held.
"""

import base64
import datetime
import hashlib
import http.server
import json
import os
import pathlib
import ssl
import sys
import tempfile
import threading
import time
import urllib.request

import boto3
import jwt
from aws_clients import Cluster, refused
from botocore.config import Config
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID
from lxml import etree
from signxml import SignatureConstructionMethod, XMLSigner

ACCOUNT = "000000000001"


class Issuer:
    """An issuer whose keys can be changed; what it was asked for is counted."""

    def __init__(self):
        outer, self.keys, self.asked = self, {}, []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                outer.asked.append(self.path)
                pages = {"/.well-known/openid-configuration": outer.discovery, "/keys": outer.jwks}
                body = json.dumps(pages[self.path]()).encode()
                self.send_response(200)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.name = self.url.removeprefix("http://")
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def discovery(self):
        return {"issuer": self.url, "jwks_uri": f"{self.url}/keys"}

    def jwks(self):
        keys = []
        for kid, (algorithm, key) in self.keys.items():
            kind = {"R": jwt.algorithms.RSAAlgorithm, "P": jwt.algorithms.RSAAlgorithm, "E": jwt.algorithms.ECAlgorithm}
            keys.append(json.loads(kind[algorithm[0]].to_jwk(key.public_key())) | {"kid": kid, "alg": algorithm, "use": "sig"})
        return {"keys": keys}

    def add(self, kid, algorithm):
        curves = {"ES256": ec.SECP256R1, "ES384": ec.SECP384R1, "ES512": ec.SECP521R1}
        made = ec.generate_private_key(curves[algorithm]()) if algorithm in curves else rsa.generate_private_key(65537, 2048)
        self.keys[kid] = (algorithm, made)

    def token(self, kid="one", key=None, **changes):
        now = int(time.time())
        claims = {"iss": self.url, "sub": "repo:acme/app", "aud": "tide", "iat": now, "exp": now + 600} | changes
        algorithm, own = self.keys.get(kid, ("RS256", key))
        claims = {name: value for name, value in claims.items() if value is not None}
        return jwt.encode(claims, key or own, algorithm=algorithm, headers={"kid": kid})


def trust(provider, actions, condition):
    statement = {"Effect": "Allow", "Principal": {"Federated": provider}, "Action": actions, "Condition": condition}
    return json.dumps({"Version": "2012-10-17", "Statement": statement})


def of_session(cluster, service, credentials, **more):
    keys = (credentials["AccessKeyId"], credentials["SecretAccessKey"])
    return cluster.client(service, keys=keys, token=credentials["SessionToken"], **more)


def web_identity(cluster: Cluster, iam) -> None:
    issuer = Issuer()
    for kid, algorithm in (("one", "RS256"), ("two", "ES256"), ("three", "PS384"), ("four", "ES512")):
        issuer.add(kid, algorithm)
    arn = iam.create_open_id_connect_provider(Url=issuer.url, ClientIDList=["tide"])["OpenIDConnectProviderArn"]
    condition = {"StringEquals": {f"{issuer.name}:aud": "tide"}, "StringLike": {f"{issuer.name}:sub": "repo:acme/*"}}
    document = trust(arn, ["sts:AssumeRoleWithWebIdentity", "sts:TagSession"], condition)
    role = iam.create_role(RoleName="ci", AssumeRolePolicyDocument=document)["Role"]
    # What the session may do depends on what the issuer said of it.
    allow = {
        "Effect": "Allow",
        "Action": "iam:ListRoles",
        "Resource": "*",
        "Condition": {
            "StringEquals": {f"{issuer.name}:sub": "repo:acme/app", "aws:PrincipalTag/Team": "blue", "aws:FederatedProvider": arn}
        },
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": allow})
    iam.put_role_policy(RoleName="ci", PolicyName="own", PolicyDocument=policy)
    sts = cluster.client("sts", keys=("nobody", "nothing"))

    def assume(token, **more):
        return sts.assume_role_with_web_identity(RoleArn=role["Arn"], RoleSessionName="run-1", WebIdentityToken=token, **more)

    for kid in issuer.keys:
        done = assume(issuer.token(kid))
        assert done["AssumedRoleUser"]["Arn"] == f"arn:aws:sts::{ACCOUNT}:assumed-role/ci/run-1", done
        assert done["SubjectFromWebIdentityToken"] == "repo:acme/app" and done["Audience"] == "tide", done
        assert done["Provider"] == arn, done
    identity = of_session(cluster, "sts", done["Credentials"]).get_caller_identity()
    assert identity["Arn"] == f"arn:aws:sts::{ACCOUNT}:assumed-role/ci/run-1", identity
    refused("AccessDenied", 403, of_session(cluster, "iam", done["Credentials"]).list_roles)
    tags = {"https://aws.amazon.com/tags": {"principal_tags": {"Team": ["blue"]}}}
    tagged = assume(issuer.token(**tags))
    assert of_session(cluster, "iam", tagged["Credentials"]).list_roles()["Roles"]
    other = assume(issuer.token(sub="repo:acme/other", **tags))
    refused("AccessDenied", 403, of_session(cluster, "iam", other["Credentials"]).list_roles)
    print("tokens of an issuer give sessions that know who they are")

    stranger, now = rsa.generate_private_key(65537, 2048), int(time.time())
    bad = {"WebIdentityToken": None, "RoleArn": role["Arn"], "RoleSessionName": "run-1"}
    for code, token in (
        ("InvalidIdentityToken", issuer.token(aud="somebody")),
        ("InvalidIdentityToken", issuer.token(azp="somebody")),
        ("InvalidIdentityToken", issuer.token(iss="https://evil.example.com")),
        ("InvalidIdentityToken", issuer.token(iss="http://evil.example.com")),
        ("InvalidIdentityToken", issuer.token(key=stranger)),
        ("InvalidIdentityToken", issuer.token("nobody", key=stranger)),
        ("InvalidIdentityToken", issuer.token(nbf=now + 3600)),
        ("InvalidIdentityToken", issuer.token(sub=None)),
        ("InvalidIdentityToken", "not.a.token"),
        ("InvalidIdentityToken", jwt.encode({"iss": issuer.url, "sub": "x", "aud": "tide", "exp": now + 9}, None, algorithm="none")),
        ("InvalidIdentityToken", jwt.encode({"iss": issuer.url, "sub": "x"}, "secret" * 10, algorithm="HS256")),
        ("ExpiredTokenException", issuer.token(iat=now - 9000, exp=now - 3600)),
    ):
        refused(code, 400, sts.assume_role_with_web_identity, **bad | {"WebIdentityToken": token})
    text = refused("InvalidIdentityToken", 400, sts.assume_role_with_web_identity, **bad | {"WebIdentityToken": issuer.token(aud="x")})
    assert text == "Incorrect token audience", text
    good = bad | {"WebIdentityToken": issuer.token()}
    refused("AccessDenied", 403, sts.assume_role_with_web_identity, **good | {"WebIdentityToken": issuer.token(sub="repo:evil/app")})
    refused("AccessDenied", 403, sts.assume_role_with_web_identity, **good | {"RoleArn": role["Arn"] + "2"})
    refused("ValidationError", 400, sts.assume_role_with_web_identity, **good | {"DurationSeconds": 43200})
    refused("ValidationError", 400, sts.assume_role_with_web_identity, **good | {"DurationSeconds": 60})
    refused("ValidationError", 400, sts.assume_role_with_web_identity, **good | {"ProviderId": "graph.facebook.com"})
    refused("MalformedPolicyDocument", 400, sts.assume_role_with_web_identity, **good | {"Policy": "{}"})
    print("tokens of a wrong audience, issuer, key or time are refused with AWS's errors")

    # The issuer changes its keys; the first token with the new one makes the node ask.
    time.sleep(10)
    before = len(issuer.asked)
    issuer.add("five", "RS512")
    assume(issuer.token("five"))
    assert len(issuer.asked) == before + 2, issuer.asked
    for _ in range(20):
        refused("InvalidIdentityToken", 400, sts.assume_role_with_web_identity, **bad | {"WebIdentityToken": issuer.token("six", key=stranger)})
    assert len(issuer.asked) == before + 2, issuer.asked
    issuer.server.shutdown()
    issuer.server.server_close()
    assume(issuer.token("five"))
    print("new keys are found, unknown ones ask no more, and without the issuer its keys go on")

    # As a pod of Kubernetes has it: a file with a token, and nothing else.
    with tempfile.NamedTemporaryFile("w", suffix=".jwt") as file:
        file.write(issuer.token("five"))
        file.flush()
        endpoint = cluster.endpoint("n1")
        os.environ |= {
            "AWS_WEB_IDENTITY_TOKEN_FILE": file.name,
            "AWS_ROLE_ARN": role["Arn"],
            "AWS_ROLE_SESSION_NAME": "pod",
            "AWS_ENDPOINT_URL_STS": endpoint["aws"],
            "AWS_CA_BUNDLE": cluster.profile["ca"],
            "AWS_DEFAULT_REGION": endpoint["region"],
        }
        try:
            pod = boto3.Session().client("sts", config=Config(retries={"max_attempts": 1}))
            assert pod.get_caller_identity()["Arn"].endswith("assumed-role/ci/pod")
        finally:
            for name in list(os.environ):
                if name.startswith("AWS_"):
                    del os.environ[name]
    print("AWS_WEB_IDENTITY_TOKEN_FILE is all that a client needs")
    iam.delete_role_policy(RoleName="ci", PolicyName="own")
    iam.delete_role(RoleName="ci")
    iam.delete_open_id_connect_provider(OpenIDConnectProviderArn=arn)
    text = refused("InvalidIdentityToken", 400, sts.assume_role_with_web_identity, **good)
    assert text == f"No OpenIDConnect provider found in your account for {issuer.url}", text


RESPONSE = """<samlp:Response xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" ID="_r" Version="2.0" IssueInstant="{now}" Destination="https://signin.aws.amazon.com/saml"><saml:Issuer xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion">urn:corp</saml:Issuer><samlp:Status><samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Success"/></samlp:Status>{assertion}</samlp:Response>"""
ASSERTION = """<saml:Assertion xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" ID="{id}" Version="2.0" IssueInstant="{now}"><saml:Issuer>urn:corp</saml:Issuer><ds:Signature xmlns:ds="http://www.w3.org/2000/09/xmldsig#" Id="placeholder"/><saml:Subject><saml:NameID Format="urn:oasis:names:tc:SAML:2.0:nameid-format:persistent">{subject}</saml:NameID><saml:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer"><saml:SubjectConfirmationData NotOnOrAfter="{later}" Recipient="{recipient}"/></saml:SubjectConfirmation></saml:Subject><saml:Conditions NotBefore="{now}" NotOnOrAfter="{later}"><saml:AudienceRestriction><saml:Audience>{audience}</saml:Audience></saml:AudienceRestriction></saml:Conditions><saml:AuthnStatement AuthnInstant="{now}"/><saml:AttributeStatement>{attributes}</saml:AttributeStatement></saml:Assertion>"""
OWN = "https://aws.amazon.com/SAML/Attributes/"


class Provider:
    """A SAML provider."""

    def __init__(self):
        self.key = rsa.generate_private_key(65537, 2048)
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "corp")])
        start = datetime.datetime(2026, 1, 1)
        builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(self.key.public_key()).serial_number(1)
        self.certificate = builder.not_valid_before(start).not_valid_after(start + datetime.timedelta(days=9999)).sign(self.key, hashes.SHA256())
        der = base64.b64encode(self.certificate.public_bytes(serialization.Encoding.DER)).decode()
        self.metadata = f"""<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata" entityID="urn:corp"><IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol"><KeyDescriptor use="signing"><KeyInfo xmlns="http://www.w3.org/2000/09/xmldsig#"><X509Data><X509Certificate>{der}</X509Certificate></X509Data></KeyInfo></KeyDescriptor><SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST" Location="https://corp.example.com/sso"/></IDPSSODescriptor></EntityDescriptor>"""

    def response(self, attributes, *, signed=True, age=0, **changes):
        at = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(seconds=age)
        stamp = lambda t: t.strftime("%Y-%m-%dT%H:%M:%SZ")
        one = lambda name, value: f'<saml:Attribute Name="{name}"><saml:AttributeValue>{value}</saml:AttributeValue></saml:Attribute>'
        fields = {
            "id": "_a",
            "now": stamp(at),
            "later": stamp(at + datetime.timedelta(seconds=300)),
            "subject": "ada",
            "recipient": "https://signin.aws.amazon.com/saml",
            "audience": "urn:amazon:webservices",
            "attributes": "".join(one(OWN + name, value) for name, value in attributes.items()),
        } | changes
        root = etree.fromstring(RESPONSE.format(assertion=ASSERTION.format(**fields), **fields))
        at = root.find(".//{urn:oasis:names:tc:SAML:2.0:assertion}Assertion")
        if not signed:
            at.remove(at.find("{http://www.w3.org/2000/09/xmldsig#}Signature"))
            return etree.tostring(root)
        signer = XMLSigner(
            method=SignatureConstructionMethod.enveloped,
            signature_algorithm="rsa-sha256",
            digest_algorithm="sha256",
            c14n_algorithm="http://www.w3.org/2001/10/xml-exc-c14n#",
        )
        private = self.key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        certificate = self.certificate.public_bytes(serialization.Encoding.PEM).decode()
        root.replace(at, signer.sign(at, key=private, cert=certificate, reference_uri=fields["id"], id_attribute="ID"))
        return etree.tostring(root)


def saml(cluster: Cluster, iam) -> None:
    provider = Provider()
    refused("InvalidInput", 400, iam.create_saml_provider, Name="bad", SAMLMetadataDocument="<a>" + "x" * 1000 + "</a>")
    arn = iam.create_saml_provider(Name="corp", SAMLMetadataDocument=provider.metadata)["SAMLProviderArn"]
    condition = {"StringEquals": {"saml:aud": "https://signin.aws.amazon.com/saml", "saml:sub_type": "persistent"}}
    document = trust(arn, ["sts:AssumeRoleWithSAML", "sts:TagSession"], condition)
    role = iam.create_role(RoleName="staff", AssumeRolePolicyDocument=document)["Role"]["Arn"]
    allow = {"Effect": "Allow", "Action": "iam:ListRoles", "Resource": "*", "Condition": {"StringEquals": {"saml:sub": "ada"}}}
    policy = json.dumps({"Version": "2012-10-17", "Statement": allow})
    iam.put_role_policy(RoleName="staff", PolicyName="own", PolicyDocument=policy)
    sts = cluster.client("sts", keys=("nobody", "nothing"))
    attributes = {"Role": f"{role},{arn}", "RoleSessionName": "ada@corp", "SessionDuration": "1800", "PrincipalTag:Team": "blue"}

    def parameters(response, **more):
        return {"RoleArn": role, "PrincipalArn": arn, "SAMLAssertion": base64.b64encode(response).decode()} | more

    good = provider.response(attributes)
    done = sts.assume_role_with_saml(**parameters(good))
    assert done["AssumedRoleUser"]["Arn"].endswith("assumed-role/staff/ada@corp"), done
    assert (done["Subject"], done["SubjectType"], done["Issuer"]) == ("ada", "persistent", "urn:corp"), done
    assert done["Audience"] == "https://signin.aws.amazon.com/saml", done
    qualifier = base64.b64encode(hashlib.sha1(f"urn:corp{ACCOUNT}/corp".encode()).digest()).decode()
    assert done["NameQualifier"] == qualifier, done
    left = done["Credentials"]["Expiration"] - datetime.datetime.now(datetime.timezone.utc)
    assert datetime.timedelta(minutes=28) < left < datetime.timedelta(minutes=31), left
    assert of_session(cluster, "iam", done["Credentials"]).list_roles()["Roles"]
    print("a signed response gives a session")

    wrapped = provider.response(attributes, id="_evil", subject="root", signed=False).replace(
        b"</saml:Subject>", b"</saml:Subject><saml:Advice>" + good[good.index(b"<saml:Assertion") : good.index(b"</samlp:Response>")] + b"</saml:Advice>", 1
    )
    for code, status, response in (
        ("InvalidIdentityToken", 400, good.replace(b">ada<", b">eve<")),
        ("InvalidIdentityToken", 400, provider.response(attributes, signed=False)),
        ("InvalidIdentityToken", 400, wrapped),
        ("InvalidIdentityToken", 400, Provider().response(attributes)),
        ("InvalidIdentityToken", 400, provider.response(attributes, audience="urn:somebody")),
        ("InvalidIdentityToken", 400, provider.response(attributes, recipient="https://somebody/saml")),
        ("InvalidIdentityToken", 400, b"<!DOCTYPE a [<!ENTITY e SYSTEM 'file:///etc/passwd'>]>" + good),
        ("InvalidIdentityToken", 400, provider.response({k: v for k, v in attributes.items() if k != "RoleSessionName"})),
        ("InvalidIdentityToken", 400, b"no xml"),
        ("ExpiredTokenException", 400, provider.response(attributes, age=3600)),
        ("IDPRejectedClaim", 403, provider.response(attributes).replace(b"status:Success", b"status:Responder")),
        ("AccessDenied", 403, provider.response(attributes | {"Role": f"{role}2,{arn}"})),
        ("AccessDenied", 403, provider.response(attributes | {"SourceIdentity": "ada"})),
    ):
        refused(code, status, sts.assume_role_with_saml, **parameters(response))
    refused("InvalidIdentityToken", 400, sts.assume_role_with_saml, **parameters(good, PrincipalArn=arn + "2"))
    refused("AccessDenied", 403, sts.assume_role_with_saml, **parameters(good, RoleArn=role + "2"))
    iam.delete_role_policy(RoleName="staff", PolicyName="own")
    iam.delete_role(RoleName="staff")
    iam.delete_saml_provider(SAMLProviderArn=arn)
    print("tampered, wrapped, unsigned, stale and misdirected responses are refused with AWS's errors")


def outbound(cluster: Cluster, iam) -> None:
    sts = cluster.client("sts", path="/read-your-writes")
    ask = {"Audience": ["https://api.example.com"], "SigningAlgorithm": "ES384"}
    refused("FeatureDisabled", 404, iam.get_outbound_web_identity_federation_info)
    refused("OutboundWebIdentityFederationDisabledException", 403, sts.get_web_identity_token, **ask)
    issuer = iam.enable_outbound_web_identity_federation()["IssuerIdentifier"]
    refused("FeatureEnabled", 409, iam.enable_outbound_web_identity_federation)
    info = iam.get_outbound_web_identity_federation_info()
    assert (info["IssuerIdentifier"], info["JwtVendingEnabled"]) == (issuer, True), info
    context = ssl.create_default_context(cafile=cluster.profile["ca"])

    def verify(token, audience="https://api.example.com"):
        with urllib.request.urlopen(f"{issuer}/.well-known/openid-configuration", context=context) as answer:
            document = json.load(answer)
        assert document["issuer"] == issuer, document
        keys = jwt.PyJWKClient(document["jwks_uri"], ssl_context=context)
        return jwt.decode(
            token, keys.get_signing_key_from_jwt(token), algorithms=document["id_token_signing_alg_values_supported"],
            audience=audience, issuer=issuer,
        )

    for algorithm in ("ES384", "RS256"):
        done = sts.get_web_identity_token(**ask | {"SigningAlgorithm": algorithm, "Tags": [{"Key": "Env", "Value": "prod"}]})
        claims = verify(done["WebIdentityToken"])
        assert claims["sub"] == f"arn:aws:iam::{ACCOUNT}:root" and claims["exp"] - claims["iat"] == 300, claims
        own = claims["https://sts.amazonaws.com/"]
        assert own["aws_account"] == ACCOUNT and own["request_tags"] == {"Env": "prod"}, own
        try:
            verify(done["WebIdentityToken"], audience="https://other.example.com")
            raise AssertionError("a token for another audience was taken")
        except jwt.InvalidAudienceError:
            pass
    refused("ValidationError", 400, sts.get_web_identity_token, **ask | {"SigningAlgorithm": "HS256"})
    refused("ValidationError", 400, sts.get_web_identity_token, **ask | {"DurationSeconds": 59})
    many = [f"https://{'a' * 990}{n}" for n in range(10)]
    refused("JWTPayloadSizeExceededException", 400, sts.get_web_identity_token, **ask | {"Audience": many})
    # The other nodes publish the same.
    for node in ("n2", "n5"):
        url = f"{cluster.endpoint(node)['aws']}/oidc/{ACCOUNT}/.well-known/jwks.json"
        for _ in range(50):
            try:
                with urllib.request.urlopen(url, context=context) as answer:
                    assert len(json.load(answer)["keys"]) == 2
                break
            except urllib.error.HTTPError:
                time.sleep(0.2)
        else:
            raise AssertionError(f"{node} publishes nothing")
    print("tokens of the cluster are verified by PyJWT with what it publishes")

    # The cluster is an issuer like any other: its own account trusts it, by the thumbprint of its certificate.
    host, port = issuer.removeprefix("https://").split("/")[0].split(":")
    der = ssl.PEM_cert_to_DER_cert(ssl.get_server_certificate((host, int(port))))
    provider = iam.create_open_id_connect_provider(Url=issuer, ClientIDList=["self"], ThumbprintList=[hashlib.sha1(der).hexdigest()])
    arn = provider["OpenIDConnectProviderArn"]
    name = issuer.removeprefix("https://")
    document = trust(arn, "sts:AssumeRoleWithWebIdentity", {"StringEquals": {f"{name}:sub": f"arn:aws:iam::{ACCOUNT}:root"}})
    role = iam.create_role(RoleName="circle", AssumeRolePolicyDocument=document)["Role"]["Arn"]
    token = sts.get_web_identity_token(**ask | {"Audience": ["self"]})["WebIdentityToken"]
    around = {"RoleArn": role, "RoleSessionName": "around", "WebIdentityToken": token}
    session = sts.assume_role_with_web_identity(**around, DurationSeconds=900)
    mine = of_session(cluster, "sts", session["Credentials"])
    refused("AccessDenied", 403, mine.get_web_identity_token, **ask)
    allow = {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "sts:GetWebIdentityToken", "Resource": "*", "Condition": {"ForAllValues:StringEquals": {"sts:IdentityTokenAudience": "https://api.example.com"}, "NumericLessThanEquals": {"sts:DurationSeconds": "900"}}}}
    iam.put_role_policy(RoleName="circle", PolicyName="own", PolicyDocument=json.dumps(allow))
    claims = verify(mine.get_web_identity_token(**ask)["WebIdentityToken"])
    assert claims["sub"] == role and claims["https://sts.amazonaws.com/"]["federated_provider"] == arn, claims
    refused("AccessDenied", 403, mine.get_web_identity_token, **ask | {"Audience": ["https://other.example.com"]})
    refused("SessionDurationEscalationException", 403, mine.get_web_identity_token, **ask | {"DurationSeconds": 901})
    wrong = iam.update_open_id_connect_provider_thumbprint(OpenIDConnectProviderArn=arn, ThumbprintList=["0" * 40])
    assert wrong["ResponseMetadata"]["HTTPStatusCode"] == 200
    print("a token of the cluster gives a session of it, no longer than that session lasts")

    kept = sts.get_web_identity_token(**ask)["WebIdentityToken"]
    iam.disable_outbound_web_identity_federation()
    refused("FeatureDisabled", 404, iam.disable_outbound_web_identity_federation)
    refused("OutboundWebIdentityFederationDisabledException", 403, sts.get_web_identity_token, **ask)
    verify(kept)
    assert iam.enable_outbound_web_identity_federation()["IssuerIdentifier"] == issuer
    fresh = sts.get_web_identity_token(**ask)["WebIdentityToken"]
    assert jwt.get_unverified_header(fresh)["kid"] != jwt.get_unverified_header(kept)["kid"]
    verify(fresh), verify(kept)
    iam.disable_outbound_web_identity_federation()
    iam.delete_role_policy(RoleName="circle", PolicyName="own")
    iam.delete_role(RoleName="circle")
    iam.delete_open_id_connect_provider(OpenIDConnectProviderArn=arn)
    print("keys change, and what the old ones signed is verified still")


def main() -> None:
    cluster = Cluster(sys.argv[1])
    iam = cluster.client("iam", path="/read-your-writes")
    web_identity(cluster, iam)
    saml(cluster, iam)
    outbound(cluster, iam)


if __name__ == "__main__":
    sys.path.insert(0, str(pathlib.Path(__file__).parent))
    main()
