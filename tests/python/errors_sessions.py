"""The cases of `errors.py` that are about sessions and tokens: of users, on the word of identity providers, and for others to verify."""

import base64
import json
import time

from aws_clients import allow
from federation import ACCOUNT, Issuer, Provider, of_session, trust

# What a port that nobody listens on answers.
NOBODY = "http://127.0.0.1:1"


def too_large(arns: list[str]) -> dict:
    """Session policies that are within their lengths one by one, and not together."""
    statement = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::" + "x" * 1850}
    document = json.dumps({"Version": "2012-10-17", "Statement": statement})
    return {"Policy": document, "PolicyArns": [{"arn": arn} for arn in arns[:4]]}


def flawed(arns: list[str]):
    """What is wrong with session policies: the error, a part of the message, and parameters."""
    yield "MalformedPolicyDocument", "Syntax errors in policy", {"Policy": "{"}
    yield "MalformedPolicyDocument", "is not attachable", {"PolicyArns": [{"arn": f"arn:aws:iam::{ACCOUNT}:policy/none"}]}
    yield "PackedPolicyTooLarge", "% of allotted space", too_large(arns)


def sessions(w):
    """Sessions that nobody gets."""
    yield "GetFederationToken", "MalformedPolicyDocument", "", {"Name": "bob", "Policy": "{"}
    yield "GetFederationToken", "PackedPolicyTooLarge", "% of allotted space", {"Name": "bob", **too_large(w.policies)}
    yield "DecodeAuthorizationMessage", "InvalidAuthorizationMessageException", "", {"EncodedMessage": "eA=="}
    # A root user assumes no role, so somebody else asks.
    w.iam.create_user(UserName="assumer")
    w.iam.put_user_policy(UserName="assumer", PolicyName="own", PolicyDocument=allow("sts:AssumeRole"))
    key = w.iam.create_access_key(UserName="assumer")["AccessKey"]
    sts = w.client("sts", (key["AccessKeyId"], key["SecretAccessKey"]))
    parameters = {"RoleArn": w.role, "RoleSessionName": "session"}
    assert sts.assume_role(**parameters)["AssumedRoleUser"]["Arn"].endswith("assumed-role/r/session")
    for code, part, more in flawed(w.policies):
        yield "AssumeRole", code, part, {**parameters, **more}, sts


def web_identity(w):
    """Tokens of OpenID Connect that give no session."""
    issuer = Issuer()
    issuer.add("one", "ES256")
    arn = w.iam.create_open_id_connect_provider(Url=issuer.url, ClientIDList=["tide"])["OpenIDConnectProviderArn"]
    document = trust(arn, "sts:AssumeRoleWithWebIdentity", {"StringEquals": {f"{issuer.name}:aud": "tide"}})
    role = w.iam.create_role(RoleName="errors-ci", AssumeRolePolicyDocument=document)["Role"]["Arn"]
    silent = w.iam.create_open_id_connect_provider(Url=NOBODY, ClientIDList=["tide"])["OpenIDConnectProviderArn"]
    operation, now = "AssumeRoleWithWebIdentity", int(time.time())
    good = {"RoleArn": role, "RoleSessionName": "run", "WebIdentityToken": issuer.token()}
    assert w.sts.assume_role_with_web_identity(**good)["Audience"] == "tide"
    for code, part, more in flawed(w.policies):
        yield operation, code, part, {**good, **more}
    for code, part, token in (
        ("InvalidIdentityToken", "Incorrect token audience", issuer.token(aud="somebody")),
        ("InvalidIdentityToken", "No OpenIDConnect provider found in your account", issuer.token(iss="https://none.example.com")),
        ("InvalidIdentityToken", "", "no.token.atall"),
        ("ExpiredTokenException", "Token expired", issuer.token(iat=now - 9000, exp=now - 3600)),
        ("IDPCommunicationError", "could not be reached", issuer.token(iss=NOBODY)),
    ):
        yield operation, code, part, {**good, "WebIdentityToken": token}
    issuer.server.shutdown()
    issuer.server.server_close()
    w.iam.delete_role(RoleName="errors-ci")
    for provider in (arn, silent):
        w.iam.delete_open_id_connect_provider(OpenIDConnectProviderArn=provider)


def saml(w):
    """Responses of SAML that give no session."""
    provider = Provider()
    arn = w.iam.create_saml_provider(Name="errors-corp", SAMLMetadataDocument=provider.metadata)["SAMLProviderArn"]
    condition = {"StringEquals": {"saml:aud": "https://signin.aws.amazon.com/saml"}}
    document = trust(arn, "sts:AssumeRoleWithSAML", condition)
    role = w.iam.create_role(RoleName="errors-staff", AssumeRolePolicyDocument=document)["Role"]["Arn"]
    attributes = {"Role": f"{role},{arn}", "RoleSessionName": "ada"}
    response = provider.response(attributes)

    def parameters(response: bytes) -> dict:
        return {"RoleArn": role, "PrincipalArn": arn, "SAMLAssertion": base64.b64encode(response).decode()}

    assert w.sts.assume_role_with_saml(**parameters(response))["Subject"] == "ada"
    for code, part, more in flawed(w.policies):
        yield "AssumeRoleWithSAML", code, part, {**parameters(response), **more}
    for code, part, response in (
        ("InvalidIdentityToken", "ignature", response.replace(b">ada<", b">eve<")),
        ("InvalidIdentityToken", "audience", provider.response(attributes, audience="urn:somebody")),
        ("ExpiredTokenException", "", provider.response(attributes, age=3600)),
        ("IDPRejectedClaim", "", response.replace(b"status:Success", b"status:Responder")),
    ):
        yield "AssumeRoleWithSAML", code, part, parameters(response)
    w.iam.delete_role(RoleName="errors-staff")
    w.iam.delete_saml_provider(SAMLProviderArn=arn)


def outbound(w):
    """Tokens for others that nobody gets."""
    ask = {"Audience": ["https://api.example.com"], "SigningAlgorithm": "ES384"}
    sts = w.cluster.client("sts", path="/read-your-writes")
    yield "GetOutboundWebIdentityFederationInfo", "FeatureDisabled", "is not enabled", {}
    yield "DisableOutboundWebIdentityFederation", "FeatureDisabled", "is not enabled", {}
    yield "GetWebIdentityToken", "OutboundWebIdentityFederationDisabledException", "", ask, sts
    w.iam.enable_outbound_web_identity_federation()
    yield "EnableOutboundWebIdentityFederation", "FeatureEnabled", "enabled", {}
    assert sts.get_web_identity_token(**ask)["WebIdentityToken"]
    many = [f"https://{'a' * 990}{n}" for n in range(10)]
    yield "GetWebIdentityToken", "JWTPayloadSizeExceededException", "", {**ask, "Audience": many}, sts
    # A session of a quarter of an hour asks for a token that outlives it.
    w.iam.put_role_policy(RoleName="r", PolicyName="tokens", PolicyDocument=allow("sts:GetWebIdentityToken"))
    key = w.iam.create_access_key(UserName="assumer")["AccessKey"]
    user = w.client("sts", (key["AccessKeyId"], key["SecretAccessKey"]))
    session = user.assume_role(RoleArn=w.role, RoleSessionName="short", DurationSeconds=900)["Credentials"]
    mine = of_session(w.cluster, "sts", session, path="/read-your-writes")
    assert mine.get_web_identity_token(**ask)["WebIdentityToken"]
    yield "GetWebIdentityToken", "SessionDurationEscalationException", "", {**ask, "DurationSeconds": 901}, mine
    w.iam.delete_role_policy(RoleName="r", PolicyName="tokens")
    w.iam.disable_outbound_web_identity_federation()


CASES = [sessions, web_identity, saml, outbound]
