"""Unmodified clients of AWS against a development cluster: boto3 and the AWS CLI.

Usage: aws_clients.py PROFILE. Prints each step and ends with exit code 0 when all of them held.
"""

import csv
import io
import json
import os
import pathlib
import ssl
import subprocess
import sys
import time
import tomllib
import urllib.parse
import urllib.request

import boto3
import botocore.auth
import botocore.awsrequest
import botocore.credentials
import botocore.exceptions
from botocore.config import Config

TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::000000000001:root"}, "Action": "sts:AssumeRole"},
    }
)
READ = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}]}
READS = json.dumps(READ)


class Cluster:
    """The nodes of a profile, and sessions against them."""

    def __init__(self, path: str):
        self.profile = tomllib.loads(pathlib.Path(path).read_text())

    def endpoint(self, node: str) -> dict:
        return next(e for e in self.profile["endpoints"] if e["node"] == node)

    def client(self, service: str, node: str = "n1", path: str = "", keys=None, token=None):
        endpoint = self.endpoint(node)
        keys = keys or (self.profile["access_key_id"], self.profile["secret_access_key"])
        return boto3.client(
            service,
            endpoint_url=endpoint["aws"] + path,
            region_name=endpoint["region"],
            verify=self.profile["ca"],
            aws_access_key_id=keys[0],
            aws_secret_access_key=keys[1],
            aws_session_token=token,
            config=Config(retries={"max_attempts": 1}, parameter_validation=False),
        )


def refused(code: str, status: int, call, **parameters) -> str:
    """The message of a call that must be refused so."""
    try:
        call(**parameters)
    except botocore.exceptions.ClientError as error:
        found = (error.response["Error"]["Code"], error.response["ResponseMetadata"]["HTTPStatusCode"])
        assert found == (code, status), (found, error)
        return error.response["Error"]["Message"]
    raise AssertionError(f"{call.__name__} was not refused with {code}")


def users_and_groups(iam) -> None:
    user = iam.create_user(UserName="ada", Path="/dev/", Tags=[{"Key": "team", "Value": "a + b"}])["User"]
    assert user["Arn"].endswith(":user/dev/ada") and user["UserId"].startswith("AIDA"), user
    assert iam.get_user(UserName="ADA")["User"]["Tags"] == [{"Key": "team", "Value": "a + b"}]
    assert refused("EntityAlreadyExists", 409, iam.create_user, UserName="Ada") == "User with name ada already exists."
    assert refused("NoSuchEntity", 404, iam.get_user, UserName="bob") == "The user with name bob cannot be found."
    message = refused("ValidationError", 400, iam.create_user, UserName="x" * 65)
    assert message.endswith("at 'userName' failed to satisfy constraint: Member must have length less than or equal to 64")
    assert "Value null at 'userName'" in refused("ValidationError", 400, iam.create_user)
    iam.create_group(GroupName="devs")
    iam.add_user_to_group(GroupName="devs", UserName="ada")
    assert [u["UserName"] for u in iam.get_group(GroupName="devs")["Users"]] == ["ada"]
    assert [g["GroupName"] for g in iam.list_groups_for_user(UserName="ada")["Groups"]] == ["devs"]
    assert "must remove user" in refused("DeleteConflict", 409, iam.delete_user, UserName="ada")
    names = [f"page-{n:02}" for n in range(7)]
    for name in names:
        iam.create_user(UserName=name)
    pages = list(iam.get_paginator("list_users").paginate(PaginationConfig={"PageSize": 3}))
    assert len(pages) == 3 and [u["UserName"] for p in pages for u in p["Users"]] == ["ada", *names], pages
    assert "Invalid Marker" in refused("ValidationError", 400, iam.list_users, Marker="x")
    for name in names:
        iam.delete_user(UserName=name)
    print("users and groups, pages and refusals")


def policies(iam) -> None:
    policy = iam.create_policy(PolicyName="reads", PolicyDocument=READS, Description="reads")["Policy"]
    arn = policy["Arn"]
    version = iam.get_policy_version(PolicyArn=arn, VersionId="v1")["PolicyVersion"]
    assert version["Document"] == READ and version["IsDefaultVersion"], version
    iam.create_policy_version(PolicyArn=arn, PolicyDocument=READS, SetAsDefault=True)
    assert [v["VersionId"] for v in iam.list_policy_versions(PolicyArn=arn)["Versions"]] == ["v2", "v1"]
    refused("DeleteConflict", 409, iam.delete_policy_version, PolicyArn=arn, VersionId="v2")
    refused("MalformedPolicyDocument", 400, iam.create_policy, PolicyName="bad", PolicyDocument="{")
    iam.attach_user_policy(UserName="ada", PolicyArn=arn)
    assert iam.get_policy(PolicyArn=arn)["Policy"]["AttachmentCount"] == 1
    assert [u["UserName"] for u in iam.list_entities_for_policy(PolicyArn=arn)["PolicyUsers"]] == ["ada"]
    refused("DeleteConflict", 409, iam.delete_policy, PolicyArn=arn)
    iam.put_user_policy(UserName="ada", PolicyName="own", PolicyDocument=READS)
    assert iam.get_user_policy(UserName="ada", PolicyName="own")["PolicyDocument"] == READ
    assert iam.list_user_policies(UserName="ada")["PolicyNames"] == ["own"]
    iam.put_user_permissions_boundary(UserName="ada", PermissionsBoundary=arn)
    assert iam.get_user(UserName="ada")["User"]["PermissionsBoundary"]["PermissionsBoundaryArn"] == arn
    iam.delete_user_permissions_boundary(UserName="ada")
    aws = iam.get_policy(PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess")["Policy"]
    assert aws["IsAttachable"] and aws["PolicyName"] == "AdministratorAccess"
    details = iam.get_account_authorization_details(Filter=["User"])["UserDetailList"]
    ada = next(d for d in details if d["UserName"] == "ada")
    assert ada["GroupList"] == ["devs"] and ada["UserPolicyList"][0]["PolicyDocument"] == READ, ada
    simulated = iam.simulate_principal_policy(
        PolicySourceArn=iam.get_user(UserName="ada")["User"]["Arn"],
        ActionNames=["s3:GetObject", "s3:PutObject"],
        ResourceArns=["arn:aws:s3:::photos/cat.jpg"],
    )["EvaluationResults"]
    assert [(r["EvalActionName"], r["EvalDecision"]) for r in simulated] == [
        ("s3:GetObject", "allowed"),
        ("s3:PutObject", "implicitDeny"),
    ], simulated
    assert simulated[0]["MatchedStatements"][0]["StartPosition"]["Line"] == 1, simulated
    keyed = READS.replace('"*"', '"arn:aws:s3:::photos/${aws:username}/*"')
    assert iam.get_context_keys_for_custom_policy(PolicyInputList=[keyed])["ContextKeyNames"] == ["aws:username"]
    refused("InvalidInput", 400, iam.simulate_custom_policy, PolicyInputList=[READS], ActionNames=["s3:*"])
    summary = iam.get_account_summary()["SummaryMap"]
    assert summary["Users"] == 1 and summary["UsersQuota"] == 5000, summary
    print("managed and inline policies, boundaries, details, summary")


def roles_and_sessions(cluster: Cluster, iam) -> None:
    role = iam.create_role(RoleName="reader", AssumeRolePolicyDocument=TRUST, Description="reads")["Role"]
    assert role["AssumeRolePolicyDocument"] == json.loads(TRUST) and role["MaxSessionDuration"] == 3600, role
    iam.update_role(RoleName="reader", MaxSessionDuration=7200)
    assert iam.get_role(RoleName="reader")["Role"]["MaxSessionDuration"] == 7200
    iam.put_role_policy(
        RoleName="reader",
        PolicyName="own",
        PolicyDocument=READS.replace("s3:GetObject", "iam:GetUser"),
    )
    key = iam.create_access_key(UserName="ada")["AccessKey"]
    keys = (key["AccessKeyId"], key["SecretAccessKey"])
    assert iam.list_access_keys(UserName="ada")["AccessKeyMetadata"][0]["Status"] == "Active"
    identity = cluster.client("sts", keys=keys).get_caller_identity()
    assert identity["Arn"] == "arn:aws:iam::000000000001:user/dev/ada", identity
    message = refused("AccessDenied", 403, cluster.client("iam", keys=keys).list_roles)
    assert message == (
        "User: arn:aws:iam::000000000001:user/dev/ada is not authorized to perform: iam:ListRoles on resource: "
        "arn:aws:iam::000000000001:role/* because no identity-based policy allows the iam:ListRoles action"
    ), message
    refused("AccessDenied", 403, cluster.client("sts", keys=keys).assume_role, RoleArn=role["Arn"], RoleSessionName="session")
    grant = READS.replace("s3:GetObject", "sts:AssumeRole")
    iam.put_user_policy(UserName="ada", PolicyName="assume", PolicyDocument=grant)
    assumed = cluster.client("sts", keys=keys).assume_role(RoleArn=role["Arn"], RoleSessionName="session")
    assert assumed["AssumedRoleUser"]["Arn"] == "arn:aws:sts::000000000001:assumed-role/reader/session"
    session = assumed["Credentials"]
    temporary = (session["AccessKeyId"], session["SecretAccessKey"])
    reader = cluster.client("iam", keys=temporary, token=session["SessionToken"])
    assert reader.get_user(UserName="ada")["User"]["UserName"] == "ada"
    refused("AccessDenied", 403, reader.list_users)
    refused("InvalidClientTokenId", 403, cluster.client("iam", keys=temporary, token="bm9uZQ==").list_users)
    assert cluster.client("sts").get_access_key_info(AccessKeyId=keys[0])["Account"] == "000000000001"
    iam.update_access_key(UserName="ada", AccessKeyId=keys[0], Status="Inactive")
    refused("InvalidClientTokenId", 403, cluster.client("sts", keys=keys).get_caller_identity)
    print("roles, keys, sessions, and AWS's sentence for a denied call")


def signatures(cluster: Cluster) -> None:
    profile = cluster.profile
    wrong = (profile["access_key_id"], "wrong")
    message = refused("SignatureDoesNotMatch", 403, cluster.client("iam", keys=wrong).list_users)
    assert message.startswith("The request signature we calculated does not match"), message
    refused("InvalidClientTokenId", 403, cluster.client("iam", keys=("AKIAAAAAAAABAAAAAAAA", "x")).list_users)
    sts = cluster.client("sts")
    url = sts.generate_presigned_url("get_caller_identity", ExpiresIn=60, HttpMethod="GET")
    context = ssl.create_default_context(cafile=profile["ca"])

    def get(url: str):
        try:
            with urllib.request.urlopen(url, context=context) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    status, body = get(url)
    assert status == 200 and "<Arn>arn:aws:iam::000000000001:root</Arn>" in body, body
    status, body = get(url.replace("GetCallerIdentity", "GetSessionToken"))
    assert status == 403 and "<Code>SignatureDoesNotMatch</Code>" in body, body
    status, body = get(sts.generate_presigned_url("get_caller_identity", ExpiresIn=1, HttpMethod="GET"))
    short = sts.generate_presigned_url("get_caller_identity", ExpiresIn=1, HttpMethod="GET")
    time.sleep(2.5)
    status, body = get(short)
    assert status == 400 and "<Code>RequestExpired</Code>" in body, body
    base = cluster.endpoint("n1")["aws"]
    status, body = get(base + "/?Action=ListUsers&Version=2010-05-08")
    assert status == 403 and "<Code>MissingAuthenticationToken</Code>" in body, body
    elsewhere = boto3.client(
        "sts",
        endpoint_url=base,
        region_name="us-west-2",
        verify=profile["ca"],
        aws_access_key_id=profile["access_key_id"],
        aws_secret_access_key=profile["secret_access_key"],
    )
    assert refused("SignatureDoesNotMatch", 403, elsewhere.get_caller_identity) == "Credential should be scoped to a valid region."
    print("signatures in headers and queries, expired, tampered, unsigned and out of scope")


def freshness(cluster: Cluster, iam) -> None:
    """What AWS does not have: a write here is asked for there at once, with its token."""
    answer = iam.create_user(UserName="fresh")
    token = answer["ResponseMetadata"]["HTTPHeaders"]["x-tidegate-token"]
    there = cluster.client("iam", node="n5")

    def with_token(params, **_):
        params["headers"]["x-tidegate-token"] = token

    there.meta.events.register("before-call.iam", with_token)
    found = there.get_user(UserName="fresh")
    headers = found["ResponseMetadata"]["HTTPHeaders"]
    assert headers["x-tidegate-node"] == "n5" and int(headers["x-tidegate-staleness-ms"]) >= 0, headers
    own = cluster.client("iam", node="n5", path="/read-your-writes")
    for n in range(5):
        own.create_user(UserName=f"mine-{n}")
        own.get_user(UserName=f"mine-{n}")
        own.delete_user(UserName=f"mine-{n}")
    strong = cluster.client("iam", node="n4", path="/strong")
    iam.create_user(UserName="strong")
    strong.get_user(UserName="strong")
    for name in ("fresh", "strong"):
        iam.delete_user(UserName=name)
    print("tokens, read-your-writes and strong reads through other regions' nodes")


def command_line(cluster: Cluster) -> None:
    endpoint, profile = cluster.endpoint("n1"), cluster.profile
    environment = {
        **os.environ,
        "AWS_ENDPOINT_URL": endpoint["aws"],
        "AWS_CA_BUNDLE": profile["ca"],
        "AWS_ACCESS_KEY_ID": profile["access_key_id"],
        "AWS_SECRET_ACCESS_KEY": profile["secret_access_key"],
        "AWS_DEFAULT_REGION": endpoint["region"],
    }
    aws = [sys.executable, "-m", "awscli"]

    def run(*words: str) -> subprocess.CompletedProcess:
        return subprocess.run([*aws, *words], env=environment, capture_output=True, text=True, timeout=120, check=False)

    made = run("iam", "create-user", "--user-name", "cli", "--output", "json")
    assert made.returncode == 0, made.stderr
    assert json.loads(made.stdout)["User"]["UserName"] == "cli"
    again = run("iam", "create-user", "--user-name", "cli")
    assert "(EntityAlreadyExists)" in again.stderr, again.stderr
    assert run("iam", "delete-user", "--user-name", "cli").returncode == 0
    print("the AWS CLI")


def besides(iam) -> None:
    """Instance profiles, providers, alias, passwords, tags and renamed groups."""
    iam.create_instance_profile(InstanceProfileName="web", Path="/apps/", Tags=[{"Key": "a", "Value": "1"}])
    iam.add_role_to_instance_profile(InstanceProfileName="web", RoleName="reader")
    profile = iam.get_instance_profile(InstanceProfileName="web")["InstanceProfile"]
    assert profile["Arn"].endswith(":instance-profile/apps/web") and profile["Roles"][0]["RoleName"] == "reader", profile
    assert iam.list_instance_profiles_for_role(RoleName="reader")["InstanceProfiles"][0]["InstanceProfileName"] == "web"
    refused("DeleteConflict", 409, iam.delete_instance_profile, InstanceProfileName="web")
    refused("LimitExceeded", 409, iam.add_role_to_instance_profile, InstanceProfileName="web", RoleName="reader")
    iam.untag_instance_profile(InstanceProfileName="web", TagKeys=["a"])
    assert iam.list_instance_profile_tags(InstanceProfileName="web")["Tags"] == []
    iam.remove_role_from_instance_profile(InstanceProfileName="web", RoleName="reader")
    iam.delete_instance_profile(InstanceProfileName="web")
    provider = iam.create_open_id_connect_provider(Url="https://ci.example.com/x", ClientIDList=["a"])
    arn = provider["OpenIDConnectProviderArn"]
    iam.add_client_id_to_open_id_connect_provider(OpenIDConnectProviderArn=arn, ClientID="b")
    found = iam.get_open_id_connect_provider(OpenIDConnectProviderArn=arn)
    assert found["Url"] == "ci.example.com/x" and found["ClientIDList"] == ["a", "b"], found
    refused("EntityAlreadyExists", 409, iam.create_open_id_connect_provider, Url="https://ci.example.com/x")
    iam.delete_open_id_connect_provider(OpenIDConnectProviderArn=arn)
    refused("NoSuchEntity", 404, iam.get_open_id_connect_provider, OpenIDConnectProviderArn=arn)
    iam.create_account_alias(AccountAlias="first")
    iam.create_account_alias(AccountAlias="second")
    assert iam.list_account_aliases()["AccountAliases"] == ["second"]
    iam.delete_account_alias(AccountAlias="second")
    refused("NoSuchEntity", 404, iam.get_account_password_policy)
    iam.update_account_password_policy(MinimumPasswordLength=12, RequireSymbols=True)
    iam.update_account_password_policy(RequireNumbers=True)
    policy = iam.get_account_password_policy()["PasswordPolicy"]
    assert policy["MinimumPasswordLength"] == 6 and not policy["RequireSymbols"], policy
    message = refused("PasswordPolicyViolation", 400, iam.create_login_profile, UserName="ada", Password="password")
    assert message == "Password should have at least one number", message
    login = iam.create_login_profile(UserName="ada", Password="passw0rd", PasswordResetRequired=True)["LoginProfile"]
    assert login["PasswordResetRequired"] and login["UserName"] == "ada", login
    iam.update_login_profile(UserName="ada", PasswordResetRequired=False)
    assert not iam.get_login_profile(UserName="ada")["LoginProfile"]["PasswordResetRequired"]
    refused("ReportNotPresent", 410, iam.get_credential_report)
    assert iam.generate_credential_report()["State"] == "STARTED"
    assert iam.generate_credential_report()["State"] == "COMPLETE"
    report = list(csv.DictReader(io.StringIO(iam.get_credential_report()["Content"].decode())))
    rows = {row["user"]: row for row in report}
    assert rows["<root_account>"]["password_enabled"] == "not_supported", report
    assert rows["ada"]["password_enabled"] == "TRUE" and rows["ada"]["access_key_2_active"] == "FALSE", report
    assert iam.list_mfa_devices(UserName="ada")["MFADevices"] == []
    iam.delete_login_profile(UserName="ada")
    iam.delete_account_password_policy()
    iam.tag_user(UserName="ada", Tags=[{"Key": "Team", "Value": "c"}, {"Key": "x", "Value": ""}])
    tags = {t["Key"]: t["Value"] for t in iam.list_user_tags(UserName="ada")["Tags"]}
    assert tags == {"Team": "c", "x": ""}, tags
    iam.update_group(GroupName="devs", NewGroupName="makers")
    assert iam.list_groups_for_user(UserName="ada")["Groups"][0]["GroupName"] == "makers"
    iam.update_group(GroupName="makers", NewGroupName="devs")
    print("instance profiles, providers, alias, passwords, tags, renamed groups")


def hostile(cluster: Cluster) -> None:
    """Whoever sends nonsense gets an answer, and the node goes on."""
    base = cluster.endpoint("n1")["aws"]
    context = ssl.create_default_context(cafile=cluster.profile["ca"])
    for body, headers, expected in (
        (b"", {}, 403),
        (b"\xff\xfe%%%", {}, 403),
        (b"Action=" + b"a" * (2 << 20), {}, 413),
        (b"a=b", {"Authorization": "AWS4-HMAC-SHA256 nonsense"}, 403),
        (b"a=b", {"Authorization": "Basic eDp5"}, 403),
        (b"a=b", {"x-tidegate-consistency": "psychic"}, 400),
        (b"a=b", {"x-tidegate-token": "forged"}, 400),
    ):
        request = urllib.request.Request(base + "/", data=body, headers=headers)
        try:
            urllib.request.urlopen(request, context=context, timeout=30)
            raise AssertionError(f"{body[:20]!r} was answered")
        except urllib.error.HTTPError as error:
            text = error.read().decode()
            assert error.code == expected and "<ErrorResponse" in text and "<RequestId>" in text, (error.code, text)
            assert error.headers["x-amzn-RequestId"], error.headers
    assert cluster.client("sts").get_caller_identity()["Account"] == "000000000001"
    print("nonsense is refused")


def clean(iam) -> None:
    for key in iam.list_access_keys(UserName="ada")["AccessKeyMetadata"]:
        iam.delete_access_key(UserName="ada", AccessKeyId=key["AccessKeyId"])
    for name in iam.list_user_policies(UserName="ada")["PolicyNames"]:
        iam.delete_user_policy(UserName="ada", PolicyName=name)
    arn = iam.list_attached_user_policies(UserName="ada")["AttachedPolicies"][0]["PolicyArn"]
    iam.detach_user_policy(UserName="ada", PolicyArn=arn)
    iam.delete_policy_version(PolicyArn=arn, VersionId="v1")
    iam.delete_policy(PolicyArn=arn)
    iam.remove_user_from_group(GroupName="devs", UserName="ada")
    iam.delete_group(GroupName="devs")
    iam.delete_user(UserName="ada")
    iam.delete_role_policy(RoleName="reader", PolicyName="own")
    iam.delete_role(RoleName="reader")
    assert iam.list_roles()["Roles"] == [] and iam.list_groups()["Groups"] == []
    print("everything is taken away again")


def main() -> None:
    cluster = Cluster(sys.argv[1])
    iam = cluster.client("iam", path="/read-your-writes")
    users_and_groups(iam)
    policies(iam)
    roles_and_sessions(cluster, iam)
    besides(iam)
    signatures(cluster)
    hostile(cluster)
    freshness(cluster, iam)
    command_line(cluster)
    clean(iam)


if __name__ == "__main__":
    main()
