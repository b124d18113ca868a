"""Unmodified clients of AWS against a development cluster: boto3 and the AWS CLI.

Usage: aws_clients.py PROFILE. Prints each step and ends with exit code 0 when all of them held.
"""

import base64
import concurrent.futures
import csv
import hashlib
import hmac
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


def one_time_code(seed: bytes, step: int) -> str:
    """The code of an authenticator app (RFC 6238)."""
    tag = hmac.new(base64.b32decode(seed), step.to_bytes(8, "big"), hashlib.sha1).digest()
    offset = tag[-1] & 15
    return f"{(int.from_bytes(tag[offset : offset + 4], 'big') & 0x7FFFFFFF) % 1_000_000:06}"


def early_in_a_step() -> int:
    """The present step of thirty seconds, of which there are some seconds left."""
    while time.time() % 30 > 20:
        time.sleep(0.5)
    return int(time.time()) // 30


def allow(*actions: str, **rest) -> str:
    statement = {"Effect": "Allow", "Action": list(actions), "Resource": "*", **rest}
    return json.dumps({"Version": "2012-10-17", "Statement": statement})


def devices(cluster: Cluster, iam) -> None:
    """A virtual MFA device from its seed to its end; codes are good once, whichever nodes are shown them."""
    iam.create_user(UserName="mia")
    key = iam.create_access_key(UserName="mia")["AccessKey"]
    keys = (key["AccessKeyId"], key["SecretAccessKey"])
    mfa = {"Condition": {"Bool": {"aws:MultiFactorAuthPresent": "true"}}}
    iam.put_user_policy(UserName="mia", PolicyName="own", PolicyDocument=allow("iam:ListUsers", "sts:*", **mfa))
    device = iam.create_virtual_mfa_device(VirtualMFADeviceName="phone", Path="/dev/", Tags=[{"Key": "a", "Value": "1"}])
    device = device["VirtualMFADevice"]
    serial, seed = device["SerialNumber"], device["Base32StringSeed"]
    assert serial == "arn:aws:iam::000000000001:mfa/dev/phone" and len(seed) == 64, serial
    assert device["QRCodePNG"].startswith(b"\x89PNG"), device["QRCodePNG"][:8]
    refused("EntityAlreadyExists", 409, iam.create_virtual_mfa_device, VirtualMFADeviceName="Phone")
    assert iam.list_mfa_device_tags(SerialNumber=serial)["Tags"] == [{"Key": "a", "Value": "1"}]
    iam.tag_mfa_device(SerialNumber=serial, Tags=[{"Key": "b", "Value": "2"}])
    iam.untag_mfa_device(SerialNumber=serial, TagKeys=["a"])
    assert iam.list_mfa_device_tags(SerialNumber=serial)["Tags"] == [{"Key": "b", "Value": "2"}]
    unassigned = iam.list_virtual_mfa_devices(AssignmentStatus="Unassigned")["VirtualMFADevices"]
    assert [d["SerialNumber"] for d in unassigned] == [serial] and "Base32StringSeed" not in unassigned[0], unassigned

    step = early_in_a_step()

    def enable(first: int, second: int):
        codes = {"AuthenticationCode1": one_time_code(seed, first), "AuthenticationCode2": one_time_code(seed, second)}
        return iam.enable_mfa_device(UserName="mia", SerialNumber=serial, **codes)

    for first, second in ((step, step - 1), (step + 1, step + 2), (step - 3, step - 2)):
        message = refused("InvalidAuthenticationCode", 403, lambda f=first, s=second: enable(f, s))
        assert message == "Authentication code for device is not valid.", message
    enable(step - 1, step)
    refused("EntityAlreadyExists", 409, lambda: enable(step, step + 1))
    listed = iam.list_mfa_devices(UserName="mia")["MFADevices"]
    assert [(d["UserName"], d["SerialNumber"]) for d in listed] == [("mia", serial)], listed
    assert iam.get_mfa_device(SerialNumber=serial, UserName="mia")["EnableDate"]
    assert iam.get_account_summary()["SummaryMap"]["MFADevicesInUse"] == 1
    report = csv.DictReader(io.StringIO(iam.get_credential_report()["Content"].decode()))
    assert {r["user"]: r["mfa_active"] for r in report}["mia"] == "TRUE"
    refused("DeleteConflict", 409, iam.delete_virtual_mfa_device, SerialNumber=serial)

    def session(number: int, node: str = "n1"):
        sts = cluster.client("sts", node=node, keys=keys, path="/read-your-writes")
        return sts.get_session_token(SerialNumber=serial, TokenCode=one_time_code(seed, number))["Credentials"]

    message = refused("AccessDenied", 403, lambda: session(step))
    assert message.startswith("MultiFactorAuthentication failed with invalid MFA one time pass code."), message
    message = refused(
        "AccessDenied", 403, cluster.client("sts", keys=keys).get_session_token, SerialNumber=serial[:-1], TokenCode="000000"
    )
    assert "verify your MFA serial number is valid and associated with this user" in message, message
    step = early_in_a_step()

    def try_at(node: str):
        try:
            return session(step + 1, node)
        except botocore.exceptions.ClientError as error:
            assert error.response["Error"]["Code"] == "AccessDenied", error
            return None

    nodes = [e["node"] for e in cluster.profile["endpoints"]]
    with concurrent.futures.ThreadPoolExecutor(len(nodes)) as pool:
        won = [c for c in pool.map(try_at, nodes) if c]
    assert len(won) == 1, f"one code was taken {len(won)} times"
    temporary = {"keys": (won[0]["AccessKeyId"], won[0]["SecretAccessKey"]), "token": won[0]["SessionToken"]}
    assert cluster.client("sts", **temporary).get_caller_identity()["Arn"].endswith(":user/mia")
    assert cluster.client("iam", **temporary).list_users()["Users"]
    message = refused("AccessDenied", 403, cluster.client("sts", **temporary).get_session_token)
    assert message == "Cannot call GetSessionToken with session credentials", message
    # Long-term keys have no such condition key, and a session without a code may not call IAM at all.
    refused("AccessDenied", 403, cluster.client("iam", keys=keys).list_users)
    plain = cluster.client("sts", keys=keys).get_session_token(DurationSeconds=900)["Credentials"]
    without = {"keys": (plain["AccessKeyId"], plain["SecretAccessKey"]), "token": plain["SessionToken"]}
    refused("InvalidClientTokenId", 403, cluster.client("iam", **without).list_users)
    refused("ValidationError", 400, cluster.client("sts", keys=keys).get_session_token, TokenCode="000000")

    # AssumeRole with a code: the next one, once it is near.
    trust = {
        "Effect": "Allow",
        "Principal": {"AWS": "arn:aws:iam::000000000001:user/mia"},
        "Action": "sts:AssumeRole",
        "Condition": {"NumericLessThan": {"aws:MultiFactorAuthAge": "300"}},
    }
    document = json.dumps({"Version": "2012-10-17", "Statement": trust})
    iam.create_role(RoleName="guarded", AssumeRolePolicyDocument=document)
    asked = {"RoleArn": "arn:aws:iam::000000000001:role/guarded", "RoleSessionName": "mia"}
    sts = cluster.client("sts", keys=keys)
    refused("AccessDenied", 403, sts.assume_role, **asked)
    assert cluster.client("sts", **temporary).assume_role(**asked)["AssumedRoleUser"]
    while int(time.time()) // 30 <= step:
        time.sleep(0.5)
    code = one_time_code(seed, step + 2)
    assert sts.assume_role(**asked, SerialNumber=serial, TokenCode=code)["AssumedRoleUser"]["Arn"].endswith("/guarded/mia")
    iam.delete_role(RoleName="guarded")

    # A clock that is five minutes off.
    ahead = int(time.time()) // 30 + 10
    codes = {"AuthenticationCode1": one_time_code(seed, ahead - 1), "AuthenticationCode2": one_time_code(seed, ahead)}
    iam.resync_mfa_device(UserName="mia", SerialNumber=serial, **codes)
    assert session(ahead + 1)
    iam.delete_access_key(UserName="mia", AccessKeyId=keys[0])
    iam.delete_user_policy(UserName="mia", PolicyName="own")
    assert "MFA" in refused("DeleteConflict", 409, iam.delete_user, UserName="mia")
    refused("NoSuchEntity", 404, iam.deactivate_mfa_device, UserName="ada", SerialNumber=serial)
    iam.deactivate_mfa_device(UserName="mia", SerialNumber=serial)
    iam.delete_virtual_mfa_device(SerialNumber=serial)
    refused("NoSuchEntity", 404, iam.get_mfa_device, SerialNumber=serial)
    iam.delete_user(UserName="mia")
    print("MFA devices: seed, codes good once in the cluster, sessions and roles by code, resynchronised, taken away")


def sessions(cluster: Cluster, iam) -> None:
    """Session tags, source identities, federated users, own passwords, and what a denial was."""
    iam.create_user(UserName="tom", Tags=[{"Key": "team", "Value": "red"}])
    key = iam.create_access_key(UserName="tom")["AccessKey"]
    keys = (key["AccessKeyId"], key["SecretAccessKey"])
    iam.put_user_policy(UserName="tom", PolicyName="own", PolicyDocument=allow("sts:*"))
    sts, own = cluster.client("sts", keys=keys), cluster.client("iam", keys=keys)
    trust = {
        "Effect": "Allow",
        "Principal": {"AWS": "arn:aws:iam::000000000001:root"},
        "Action": ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"],
    }
    document = json.dumps({"Version": "2012-10-17", "Statement": trust})
    may = allow("iam:GetUser", Condition={"StringEquals": {"aws:PrincipalTag/cost": "7", "aws:SourceIdentity": "tom"}})
    chain = json.loads(allow("sts:*"))["Statement"]
    for name in ("first", "second"):
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=document, Tags=[{"Key": "cost", "Value": "0"}])
        iam.put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=may)
    both = json.dumps({"Version": "2012-10-17", "Statement": [json.loads(may)["Statement"], chain]})
    iam.put_role_policy(RoleName="first", PolicyName="own", PolicyDocument=both)
    arn = "arn:aws:iam::000000000001:role/"

    def holder(service: str, credentials: dict):
        keys = (credentials["AccessKeyId"], credentials["SecretAccessKey"])
        return cluster.client(service, keys=keys, token=credentials["SessionToken"])

    asked = {
        "RoleArn": arn + "first",
        "RoleSessionName": "work",
        "Tags": [{"Key": "Cost", "Value": "7"}, {"Key": "own", "Value": "x"}],
        "TransitiveTagKeys": ["Cost"],
        "SourceIdentity": "tom",
    }
    answer = sts.assume_role(**asked)
    assert answer["SourceIdentity"] == "tom" and answer["PackedPolicySize"] > 0, answer
    first = answer["Credentials"]
    assert holder("iam", first).get_user(UserName="tom")
    second = holder("sts", first).assume_role(RoleArn=arn + "second", RoleSessionName="next")["Credentials"]
    assert holder("iam", second).get_user(UserName="tom")
    plain = sts.assume_role(RoleArn=arn + "second", RoleSessionName="plain")["Credentials"]
    refused("AccessDenied", 403, holder("iam", plain).get_user, UserName="tom")
    other = {"RoleArn": arn + "second", "RoleSessionName": "next", "Tags": [{"Key": "cost", "Value": "8"}]}
    assert "transitive tag key" in refused("ValidationError", 400, holder("sts", first).assume_role, **other)
    long = {"RoleArn": arn + "second", "RoleSessionName": "next", "DurationSeconds": 3601}
    message = refused("ValidationError", 400, holder("sts", first).assume_role, **long)
    assert message.endswith("exceeds the 1 hour session limit for roles assumed by role chaining."), message
    refused("PackedPolicyTooLarge", 400, sts.assume_role, **{**asked, "Policy": allow(*["s3:GetObject"] * 300)})
    message = refused("AccessDenied", 403, cluster.client("sts").assume_role, **asked)
    assert message == "Roles may not be assumed by root accounts.", message

    # Federated users: what both the user and the session's policy allow; IAM not at all.
    answer = sts.get_federation_token(Name="guest", Policy=allow("sts:*", "iam:*"), DurationSeconds=900)
    assert answer["FederatedUser"] == {
        "FederatedUserId": "000000000001:guest",
        "Arn": "arn:aws:sts::000000000001:federated-user/guest",
    }, answer
    guest = answer["Credentials"]
    assert holder("sts", guest).get_caller_identity()["UserId"] == "000000000001:guest"
    refused("InvalidClientTokenId", 403, holder("iam", guest).list_users)
    refused("AccessDenied", 403, holder("sts", guest).assume_role, RoleArn=arn + "first", RoleSessionName="work")

    # What a denial was: sealed for those of the account who may read it.
    try:
        own.list_users()
        raise AssertionError("tom may not list users")
    except botocore.exceptions.ClientError as error:
        encoded = error.response["ResponseMetadata"]["HTTPHeaders"]["x-tidegate-authorization-message"]
    message = json.loads(sts.decode_authorization_message(EncodedMessage=encoded)["DecodedMessage"])
    assert message["context"]["action"] == "iam:ListUsers" and not message["allowed"], message
    assert message["context"]["principal"]["name"] == "tom", message
    refused("InvalidAuthorizationMessageException", 400, sts.decode_authorization_message, EncodedMessage=encoded[:-8])
    iam.put_user_policy(UserName="tom", PolicyName="own", PolicyDocument=allow("s3:*"))
    refused("AccessDenied", 403, sts.decode_authorization_message, EncodedMessage=encoded)

    # Own passwords.
    passwords = {"OldPassword": "old-Passw0rd", "NewPassword": "new-Passw0rd"}
    refused("AccessDenied", 403, own.change_password, **passwords)
    iam.update_account_password_policy(AllowUsersToChangePassword=True, PasswordReusePrevention=3, MinimumPasswordLength=8)
    refused("NoSuchEntity", 404, own.change_password, **passwords)
    iam.create_login_profile(UserName="tom", Password="old-Passw0rd")
    wrong = {"OldPassword": "wrong", "NewPassword": "new-Passw0rd"}
    assert refused("AccessDenied", 403, own.change_password, **wrong) == "The old password was incorrect."
    refused("PasswordPolicyViolation", 400, own.change_password, OldPassword="old-Passw0rd", NewPassword="short")
    own.change_password(**passwords)
    back = {"OldPassword": "new-Passw0rd", "NewPassword": "old-Passw0rd"}
    assert "last 3 passwords" in refused("PasswordPolicyViolation", 400, own.change_password, **back)
    refused("InvalidUserType", 400, iam.change_password, **back)
    iam.delete_account_password_policy()
    iam.delete_login_profile(UserName="tom")
    for name in ("first", "second"):
        iam.delete_role_policy(RoleName=name, PolicyName="own")
        iam.delete_role(RoleName=name)
    iam.delete_user_policy(UserName="tom", PolicyName="own")
    iam.delete_access_key(UserName="tom", AccessKeyId=keys[0])
    iam.delete_user(UserName="tom")
    print("session tags, source identities, federated users, decoded denials, own passwords")


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
        # Who is told early that his body is too long may still be writing when the connection ends, and so miss the answer.
        for left in reversed(range(5 if expected == 413 else 1)):
            try:
                urllib.request.urlopen(request, context=context, timeout=30)
                raise AssertionError(f"{body[:20]!r} was answered")
            except urllib.error.HTTPError as error:
                text = error.read().decode()
                assert error.code == expected and "<ErrorResponse" in text and "<RequestId>" in text, (error.code, text)
                assert error.headers["x-amzn-RequestId"], error.headers
                break
            except urllib.error.URLError:
                if not left:
                    raise
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
    devices(cluster, iam)
    sessions(cluster, iam)
    signatures(cluster)
    hostile(cluster)
    freshness(cluster, iam)
    command_line(cluster)
    clean(iam)


if __name__ == "__main__":
    main()
