"""Certificates, SSH keys, service credentials, service-linked roles, reports and the organization, through boto3.

Usage: entities.py PROFILE PROGRAM, where PROGRAM is the tidegate binary. Prints each step and ends with exit code 0 when all held.
"""

import csv
import io
import json
import pathlib
import subprocess
import sys
import tempfile
import time

from aws_clients import READS, TRUST, Cluster, refused


def openssl(*words: str) -> str:
    """What OpenSSL writes."""
    return subprocess.run(["openssl", *words], capture_output=True, text=True, check=True).stdout


class Pki:
    """Keys and certificates made by OpenSSL: an authority, a certificate of it, and one of its own."""

    def __init__(self):
        self.folder = tempfile.TemporaryDirectory()
        path = pathlib.Path(self.folder.name)
        for name in ("ca", "leaf", "own"):
            openssl("genrsa", "-out", str(path / f"{name}.key"), "2048")
        for name in ("ca", "own"):
            openssl("req", "-x509", "-new", "-key", str(path / f"{name}.key"), "-subj", f"/CN={name}", "-days", "30", "-out", str(path / f"{name}.pem"))
        openssl("req", "-new", "-key", str(path / "leaf.key"), "-subj", "/CN=leaf", "-out", str(path / "leaf.csr"))
        signed = ["x509", "-req", "-in", str(path / "leaf.csr"), "-CA", str(path / "ca.pem"), "-CAkey", str(path / "ca.key"), "-CAcreateserial"]
        openssl(*signed, "-days", "30", "-out", str(path / "leaf.pem"))
        openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", str(path / "ec.key"))
        openssl("req", "-x509", "-new", "-key", str(path / "ec.key"), "-subj", "/CN=ec", "-days", "30", "-out", str(path / "ec.pem"))
        for entry in path.iterdir():
            setattr(self, entry.name.replace(".", "_"), entry.read_text())
        spki = openssl("rsa", "-in", str(path / "own.key"), "-pubout")
        self.public_pem = spki
        self.ssh = subprocess.run(["ssh-keygen", "-y", "-f", str(path / "own.key")], capture_output=True, text=True, check=True).stdout.strip()
        self.fingerprint = subprocess.run(
            ["ssh-keygen", "-l", "-E", "md5", "-f", "/dev/stdin"], input=self.ssh, capture_output=True, text=True, check=True
        ).stdout.split()[1].removeprefix("MD5:")


def certificates(iam, pki: Pki) -> None:
    given = dict(ServerCertificateName="site", Path="/web/", CertificateBody=pki.leaf_pem, PrivateKey=pki.leaf_key, CertificateChain=pki.ca_pem)
    made = iam.upload_server_certificate(**given, Tags=[{"Key": "a", "Value": "1"}])
    metadata = made["ServerCertificateMetadata"]
    assert metadata["Arn"].endswith(":server-certificate/web/site") and metadata["ServerCertificateId"].startswith("ASCA"), made
    assert metadata["Expiration"] > metadata["UploadDate"] and made["Tags"] == [{"Key": "a", "Value": "1"}], made
    found = iam.get_server_certificate(ServerCertificateName="SITE")["ServerCertificate"]
    assert found["CertificateBody"].strip() == pki.leaf_pem.strip() and found["CertificateChain"].strip() == pki.ca_pem.strip()
    iam.upload_server_certificate(ServerCertificateName="curve", CertificateBody=pki.ec_pem, PrivateKey=pki.ec_key)
    iam.update_server_certificate(ServerCertificateName="site", NewServerCertificateName="place", NewPath="/")
    names = [m["ServerCertificateName"] for m in iam.list_server_certificates()["ServerCertificateMetadataList"]]
    assert names == ["curve", "place"], names
    iam.tag_server_certificate(ServerCertificateName="place", Tags=[{"Key": "b", "Value": "2"}])
    iam.untag_server_certificate(ServerCertificateName="place", TagKeys=["a"])
    assert iam.list_server_certificate_tags(ServerCertificateName="place")["Tags"] == [{"Key": "b", "Value": "2"}]
    for name in names:
        iam.delete_server_certificate(ServerCertificateName=name)
    certificate = iam.upload_signing_certificate(UserName="eve", CertificateBody=pki.own_pem)["Certificate"]
    assert certificate["Status"] == "Active" and certificate["UserName"] == "eve", certificate
    one = dict(UserName="eve", CertificateId=certificate["CertificateId"])
    iam.update_signing_certificate(**one, Status="Inactive")
    assert [c["Status"] for c in iam.list_signing_certificates(UserName="eve")["Certificates"]] == ["Inactive"]
    assert "signing certificates" in refused("DeleteConflict", 409, iam.delete_user, UserName="eve")
    iam.delete_signing_certificate(**one)
    print("server and signing certificates")


def keys_and_credentials(iam, pki: Pki) -> None:
    key = iam.upload_ssh_public_key(UserName="eve", SSHPublicKeyBody=pki.ssh)["SSHPublicKey"]
    assert key["Fingerprint"] == pki.fingerprint and key["SSHPublicKeyId"].startswith("APKA"), (key, pki.fingerprint)
    one = dict(UserName="eve", SSHPublicKeyId=key["SSHPublicKeyId"])
    pem = iam.get_ssh_public_key(**one, Encoding="PEM")["SSHPublicKey"]["SSHPublicKeyBody"]
    assert pem.strip() == pki.public_pem.strip(), pem
    line = iam.get_ssh_public_key(**one, Encoding="SSH")["SSHPublicKey"]["SSHPublicKeyBody"]
    assert line.split()[:2] == pki.ssh.split()[:2], line
    iam.update_ssh_public_key(**one, Status="Inactive")
    assert [k["Status"] for k in iam.list_ssh_public_keys(UserName="eve")["SSHPublicKeys"]] == ["Inactive"]
    # What a user holds goes along with his name.
    iam.update_user(UserName="eve", NewUserName="eva")
    iam.get_ssh_public_key(**{**one, "UserName": "eva"}, Encoding="SSH")
    refused("NoSuchEntity", 404, iam.get_ssh_public_key, **one, Encoding="SSH")
    iam.update_user(UserName="eva", NewUserName="eve")
    iam.delete_ssh_public_key(**one)
    made = iam.create_service_specific_credential(UserName="eve", ServiceName="codecommit.amazonaws.com")["ServiceSpecificCredential"]
    assert made["ServiceUserName"] == "eve-at-000000000001" and len(made["ServicePassword"]) > 30, made
    second = iam.create_service_specific_credential(UserName="eve", ServiceName="codecommit.amazonaws.com")["ServiceSpecificCredential"]
    assert second["ServiceUserName"] == "eve+1-at-000000000001", second
    aged = iam.create_service_specific_credential(UserName="eve", ServiceName="bedrock.amazonaws.com", CredentialAgeDays=2)
    aged = aged["ServiceSpecificCredential"]
    assert round((aged["ExpirationDate"] - aged["CreateDate"]).total_seconds() / 86400) == 2 and aged["ServiceCredentialSecret"], aged
    one = dict(UserName="eve", ServiceSpecificCredentialId=made["ServiceSpecificCredentialId"])
    reset = iam.reset_service_specific_credential(**one)["ServiceSpecificCredential"]
    assert reset["ServicePassword"] != made["ServicePassword"], reset
    iam.update_service_specific_credential(**one, Status="Inactive")
    listed = iam.list_service_specific_credentials(UserName="eve", ServiceName="codecommit.amazonaws.com")["ServiceSpecificCredentials"]
    assert sorted(c["Status"] for c in listed) == ["Active", "Inactive"] and "ServicePassword" not in listed[0], listed
    listed = iam.list_service_specific_credentials(AllUsers=True)["ServiceSpecificCredentials"]
    assert len(listed) == 3, listed
    for credential in listed:
        iam.delete_service_specific_credential(UserName="eve", ServiceSpecificCredentialId=credential["ServiceSpecificCredentialId"])
    print("SSH keys and service-specific credentials")


def service_linked_roles(iam) -> None:
    role = iam.create_service_linked_role(AWSServiceName="autoscaling.amazonaws.com", CustomSuffix="blue")["Role"]
    assert role["Arn"].endswith(":role/aws-service-role/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling_blue"), role
    name = role["RoleName"]
    attached = iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]
    assert [p["PolicyName"] for p in attached] == ["AutoScalingServiceRolePolicy"], attached
    message = refused("UnmodifiableEntity", 400, iam.delete_role, RoleName=name)
    assert message.startswith(f"Cannot perform the operation on the protected role '{name}'"), message
    iam.update_role_description(RoleName=name, Description="blue ones")
    assert iam.get_role(RoleName=name)["Role"]["Description"] == "blue ones"
    reserved = dict(RoleName="mine", Path="/aws-service-role/autoscaling.amazonaws.com/", AssumeRolePolicyDocument=TRUST)
    assert "reserved" in refused("InvalidInput", 400, iam.create_role, **reserved)
    task = iam.delete_service_linked_role(RoleName=name)["DeletionTaskId"]
    assert task.startswith("task/aws-service-role/autoscaling.amazonaws.com/"), task
    assert iam.get_service_linked_role_deletion_status(DeletionTaskId=task)["Status"] == "SUCCEEDED"
    refused("NoSuchEntity", 404, iam.get_role, RoleName=name)
    print("service-linked roles")


def resource_tags(cluster: Cluster, iam) -> None:
    """Policies see the tags of the user, role or certificate that a call is about."""
    condition = {"StringEquals": {"aws:ResourceTag/team": "red"}}
    statement = {"Effect": "Allow", "Action": ["iam:GetUser", "iam:TagUser"], "Resource": "*", "Condition": condition}
    iam.put_user_policy(UserName="eve", PolicyName="red", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": statement}))
    key = iam.create_access_key(UserName="eve")["AccessKey"]
    eve = cluster.client("iam", keys=(key["AccessKeyId"], key["SecretAccessKey"]), path="/read-your-writes")
    for user, tag in (("red", "red"), ("blue", "blue")):
        iam.create_user(UserName=user, Tags=[{"Key": "Team", "Value": tag}])
    wait_for(lambda: eve.get_user(UserName="red")["User"]["UserName"] == "red")
    eve.tag_user(UserName="red", Tags=[{"Key": "x", "Value": "y"}])
    refused("AccessDenied", 403, eve.get_user, UserName="blue")
    refused("AccessDenied", 403, eve.tag_user, UserName="blue", Tags=[{"Key": "Team", "Value": "red"}])
    for user in ("red", "blue"):
        iam.delete_user(UserName=user)
    iam.delete_user_policy(UserName="eve", PolicyName="red")
    iam.delete_access_key(UserName="eve", AccessKeyId=key["AccessKeyId"])
    print("aws:ResourceTag of users")


def wait_for(held, seconds: float = 10.0) -> None:
    """Waits until something holds that no error stands against."""
    end = time.monotonic() + seconds
    while True:
        try:
            if held():
                return
        except Exception:
            if time.monotonic() > end:
                raise
        assert time.monotonic() < end, "it never held"
        time.sleep(0.1)


def reports(cluster: Cluster, iam) -> None:
    arn = iam.get_user(UserName="eve")["User"]["Arn"]
    statements = [{"Effect": "Allow", "Action": ["iam:List*", "s3:GetObject"], "Resource": "*"}]
    iam.put_user_policy(UserName="eve", PolicyName="own", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": statements}))
    granting = iam.list_policies_granting_service_access(Arn=arn, ServiceNamespaces=["iam", "ec2"])["PoliciesGrantingServiceAccess"]
    found = {g["ServiceNamespace"]: [p["PolicyName"] for p in g["Policies"]] for g in granting}
    assert found == {"iam": ["own"], "ec2": []}, granting
    key = iam.create_access_key(UserName="eve")["AccessKey"]
    eve = cluster.client("iam", keys=(key["AccessKeyId"], key["SecretAccessKey"]))
    wait_for(lambda: eve.list_users()["Users"])
    job = iam.generate_service_last_accessed_details(Arn=arn, Granularity="ACTION_LEVEL")["JobId"]
    assert len(job) == 36, job

    def told() -> bool:
        details = iam.get_service_last_accessed_details(JobId=job)
        services = {s["ServiceNamespace"]: s for s in details["ServicesLastAccessed"]}
        assert details["JobStatus"] == "COMPLETED" and set(services) == {"iam", "s3"}, details
        assert services["s3"]["TotalAuthenticatedEntities"] == 0, services
        tracked = services["iam"].get("TrackedActionsLastAccessed", [])
        return services["iam"].get("LastAuthenticatedEntity") == arn and [t["ActionName"] for t in tracked] == ["ListUsers"]

    # A node writes uses down once a minute.
    wait_for(told, 75)
    entities = iam.get_service_last_accessed_details_with_entities(JobId=job, ServiceNamespace="iam")["EntityDetailsList"]
    assert entities[0]["EntityInfo"]["Arn"] == arn and entities[0]["LastAuthenticated"], entities
    rows = {r["user"]: r for r in csv.DictReader(io.StringIO(iam.get_credential_report()["Content"].decode()))}
    assert rows["eve"]["access_key_1_last_used_service"] == "iam", rows["eve"]
    features = iam.list_organizations_features()
    root = f"{features['OrganizationId']}/r-"
    job = iam.generate_organizations_access_report(EntityPath=f"{root}0000")["JobId"]
    failed = iam.get_organizations_access_report(JobId=job)
    assert failed["JobStatus"] == "FAILED" and failed["ErrorDetails"]["Code"] == "InvalidInput", failed
    iam.delete_access_key(UserName="eve", AccessKeyId=key["AccessKeyId"])
    iam.delete_user_policy(UserName="eve", PolicyName="own")
    print("service last accessed, policies granting access, credential report")


def settings(iam) -> None:
    assert iam.get_account_summary()["SummaryMap"]["GlobalEndpointTokenVersion"] == 1
    iam.set_security_token_service_preferences(GlobalEndpointTokenVersion="v2Token")
    assert iam.get_account_summary()["SummaryMap"]["GlobalEndpointTokenVersion"] == 2
    iam.put_account_properties(Properties={"Team/Owner": "ada", "Team/Pager": "7"})
    iam.put_account_properties(Properties={"Team/Pager": "8"})
    assert iam.get_account_properties()["Properties"] == {"Team/Owner": "ada", "Team/Pager": "8"}
    print("account properties and token preferences")


def member_account(cluster: Cluster, profile: str, program: str, name: str) -> tuple[str, tuple[str, str]]:
    """A fresh account of the cluster: its number, and its root user's key."""
    words = [program, "--profile", profile, "account", "create", name, f"{name}@example.com", "--output", "json"]
    made = json.loads(subprocess.run(words, capture_output=True, text=True, check=True).stdout)
    key = made["root_access_key"]
    number, keys = made["account"]["id"], (key["access_key"]["access_key_id"], key["secret_access_key"])
    wait_for(lambda: cluster.client("sts", keys=keys).get_caller_identity()["Account"] == number)
    return number, keys


def organization(cluster: Cluster, iam, profile: str, program: str) -> None:
    number, keys = member_account(cluster, profile, program, "member")
    member = cluster.client("iam", keys=keys, path="/read-your-writes")
    sts = cluster.client("sts")
    task = {"arn": "arn:aws:iam::aws:policy/root-task/IAMDeleteRootUserCredentials"}
    assert iam.list_organizations_features()["EnabledFeatures"] == []
    refused("AccessDenied", 403, sts.assume_root, TargetPrincipal=number, TaskPolicyArn=task)
    enabled = iam.enable_organizations_root_credentials_management()["EnabledFeatures"]
    assert enabled == ["RootCredentialsManagement"], enabled
    enabled = iam.enable_organizations_root_sessions()["EnabledFeatures"]
    assert enabled == ["RootCredentialsManagement", "RootSessions"], enabled
    refused("AccessDenied", 403, cluster.client("sts", keys=keys).assume_root, TargetPrincipal="000000000001", TaskPolicyArn=task)
    refused("AccessDenied", 403, sts.assume_root, TargetPrincipal="000000000001", TaskPolicyArn=task)
    other = {"arn": "arn:aws:iam::aws:policy/AdministratorAccess"}
    refused("ValidationError", 400, sts.assume_root, TargetPrincipal=number, TaskPolicyArn=other)
    assumed = sts.assume_root(TargetPrincipal=number, TaskPolicyArn=task, DurationSeconds=600)["Credentials"]
    temporary = (assumed["AccessKeyId"], assumed["SecretAccessKey"])
    root = cluster.client("iam", keys=temporary, token=assumed["SessionToken"])
    identity = cluster.client("sts", keys=temporary, token=assumed["SessionToken"]).get_caller_identity()
    assert identity["Arn"] == f"arn:aws:iam::{number}:root" and identity["Account"] == number, identity
    # The task, and nothing else.
    refused("AccessDenied", 403, root.create_user, UserName="mallory")
    # An alias is one account's.
    member.create_account_alias(AccountAlias="ours")
    assert "already exists" in refused("EntityAlreadyExists", 409, iam.create_account_alias, AccountAlias="ours")
    member.create_account_alias(AccountAlias="ours-too")
    wait_for(lambda: iam.create_account_alias(AccountAlias="ours") is not None)
    iam.delete_account_alias(AccountAlias="ours")
    root.delete_access_key(AccessKeyId=keys[0])
    wait_for(lambda: gone(member))
    iam.disable_organizations_root_sessions()
    assert iam.disable_organizations_root_credentials_management()["EnabledFeatures"] == []
    print("organization features, sessions of members' root users, aliases of the whole cluster")


def gone(client) -> bool:
    try:
        client.list_users()
    except client.exceptions.ClientError as error:
        return error.response["Error"]["Code"] == "InvalidClientTokenId"
    return False


def main() -> None:
    profile, program = sys.argv[1], sys.argv[2]
    cluster = Cluster(profile)
    iam = cluster.client("iam", path="/read-your-writes")
    pki = Pki()
    iam.create_user(UserName="eve", Tags=[{"Key": "team", "Value": "red"}])
    certificates(iam, pki)
    keys_and_credentials(iam, pki)
    service_linked_roles(iam)
    resource_tags(cluster, iam)
    settings(iam)
    organization(cluster, iam, profile, program)
    reports(cluster, iam)
    iam.delete_user(UserName="eve")


if __name__ == "__main__":
    main()
