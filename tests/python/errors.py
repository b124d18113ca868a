"""Every error that the service models document for an operation that is served, brought about through boto3: code, status and message.

Usage: errors.py PROFILE PROGRAM [CASE...], where PROGRAM is the tidegate binary; with names of cases only those, and no account of all.
A pair of operation and error is produced below, or it stands in
`errors_impossible.txt` with the reason why nobody can bring it about, or in `errors_to_come.txt` while it waits for somebody. It ends
with exit code 0 when no pair stands in none of them, none in two, and every refusal was the documented one.

The cases are functions that yield `(operation, error, part of the message, parameters)`, and behind them the client where it is not the
operator's; they are made as they are needed: what stands between two of them happens in between. Those of a new operation go into `CASES` at the end.
"""

import concurrent.futures
import fnmatch
import json
import pathlib
import sys
import time

import botocore
import botocore.exceptions
import errors_sessions

from aws_clients import READS, TRUST, Cluster, early_in_a_step, one_time_code
from entities import Pki, member_account

HERE = pathlib.Path(__file__).parent
REPOSITORY = HERE.parent.parent
ACCOUNT = "000000000001"
NO = "nobody-has-this-name"
BAD_ARN = "arn:aws:iam::aws:group/none-of-policies"
AWS_POLICY = "arn:aws:iam::aws:policy/ReadOnlyAccess"
SERVICE_POLICY = "arn:aws:iam::aws:policy/aws-service-role/AutoScalingServiceRolePolicy"
NO_POLICY = f"arn:aws:iam::{ACCOUNT}:policy/{NO}"
NOT_FOUND = "cannot be found"
TAG = {"Key": "a", "Value": "1"}
TWICE = [TAG, {"Key": "A", "Value": "2"}]
DUPLICATE = "is duplicate or too long"
MANY = [{"Key": f"k{n}", "Value": ""} for n in range(30)]
MORE = [{"Key": f"m{n}", "Value": ""} for n in range(30)]
BROKEN = "Syntax errors in policy"
OIDC = f"arn:aws:iam::{ACCOUNT}:oidc-provider/"
SAML = f"arn:aws:iam::{ACCOUNT}:saml-provider/"
METADATA = (
    '<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata" entityID="x">'
    '<IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol"/>' + " " * 1000 + "</EntityDescriptor>"
)


def policy(size: int) -> str:
    """A policy document of about so many characters."""
    statement = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::" + "x" * size}
    return json.dumps({"Version": "2012-10-17", "Statement": statement})


class World:
    """What the cases are tried on."""

    def __init__(self, profile: str, program: str):
        self.cluster = Cluster(profile)
        self.pki = Pki()
        self.iam = self.client("iam")
        self.sts = self.client("sts")
        number, self.member_keys = member_account(self.cluster, profile, program, "errors-member")
        self.member = self.client("iam", self.member_keys)
        iam = self.iam
        iam.create_user(UserName="u")
        iam.create_user(UserName="v")
        iam.create_group(GroupName="g")
        iam.create_group(GroupName="h")
        self.role = iam.create_role(RoleName="r", AssumeRolePolicyDocument=TRUST)["Role"]["Arn"]
        iam.create_role(RoleName="r2", AssumeRolePolicyDocument=TRUST)
        self.policy = iam.create_policy(PolicyName="p", PolicyDocument=READS)["Policy"]["Arn"]
        self.policies = [iam.create_policy(PolicyName=f"p{n}", PolicyDocument=READS)["Policy"]["Arn"] for n in range(11)]
        iam.create_instance_profile(InstanceProfileName="i")
        iam.create_open_id_connect_provider(Url="https://idp.example.com", ClientIDList=["a"])
        iam.create_saml_provider(Name="s", SAMLMetadataDocument=METADATA)
        iam.upload_server_certificate(ServerCertificateName="c", CertificateBody=self.pki.ec_pem, PrivateKey=self.pki.ec_key)
        self.linked = iam.create_service_linked_role(AWSServiceName="autoscaling.amazonaws.com")["Role"]["RoleName"]

    def client(self, service: str, keys=None):
        return self.cluster.client(service, keys=keys, path="/read-your-writes" if service == "iam" else "")

    def left(self, name: str, quota: int) -> int:
        """How many of these the account may still have."""
        return quota - self.iam.get_account_summary()["SummaryMap"][name]

    def many(self, call, count: int, **parameters) -> None:
        """Makes so many things whose names are numbers: several at a time."""
        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            jobs = [pool.submit(call, **{k: v.format(n) for k, v in parameters.items()}) for n in range(count)]
            for job in jobs:
                job.result()


def missing(w: World):
    """Calls that name what is not there."""
    document = {"PolicyName": "x", "PolicyDocument": READS}
    held = {
        "SigningCertificate": {"CertificateId": "A" * 24},
        "SSHPublicKey": {"SSHPublicKeyId": "APKA" + "A" * 16},
        "ServiceSpecificCredential": {"ServiceSpecificCredentialId": "ACCA" + "A" * 16},
    }
    one = {"UserName": "u"}
    status = {"Status": "Active"}
    user = {"UserName": NO}
    for operation, parameters in {
        "AddUserToGroup": {"GroupName": "g"},
        "AttachUserPolicy": {"PolicyArn": w.policy},
        "CreateAccessKey": {},
        "CreateLoginProfile": {"Password": "Passw0rd!x"},
        "CreateServiceSpecificCredential": {"ServiceName": "codecommit.amazonaws.com"},
        "DeleteUser": {},
        "DeleteUserPermissionsBoundary": {},
        "DeleteUserPolicy": {"PolicyName": "x"},
        "DetachUserPolicy": {"PolicyArn": w.policy},
        "GetUser": {},
        "GetUserPolicy": {"PolicyName": "x"},
        "ListAccessKeys": {},
        "ListAttachedUserPolicies": {},
        "ListGroupsForUser": {},
        "ListMFADevices": {},
        "ListSSHPublicKeys": {},
        "ListServiceSpecificCredentials": {},
        "ListSigningCertificates": {},
        "ListUserPolicies": {},
        "ListUserTags": {},
        "PutUserPermissionsBoundary": {"PermissionsBoundary": w.policy},
        "PutUserPolicy": document,
        "RemoveUserFromGroup": {"GroupName": "g"},
        "TagUser": {"Tags": [TAG]},
        "UntagUser": {"TagKeys": ["a"]},
        "UpdateUser": {"NewPath": "/x/"},
        "UploadSSHPublicKey": {"SSHPublicKeyBody": w.pki.ssh},
        "UploadSigningCertificate": {"CertificateBody": w.pki.own_pem},
    }.items():
        yield operation, "NoSuchEntity", f"The user with name {NO} cannot be found.", {**user, **parameters}
    group = {"GroupName": NO}
    for operation, parameters in {
        "AttachGroupPolicy": {"PolicyArn": w.policy},
        "DeleteGroup": {},
        "DeleteGroupPolicy": {"PolicyName": "x"},
        "DetachGroupPolicy": {"PolicyArn": w.policy},
        "GetGroup": {},
        "GetGroupPolicy": {"PolicyName": "x"},
        "ListAttachedGroupPolicies": {},
        "ListGroupPolicies": {},
        "PutGroupPolicy": document,
        "UpdateGroup": {"NewPath": "/x/"},
    }.items():
        yield operation, "NoSuchEntity", f"The group with name {NO} cannot be found.", {**group, **parameters}
    role = {"RoleName": NO}
    for operation, parameters in {
        "AddRoleToInstanceProfile": {"InstanceProfileName": "i"},
        "AttachRolePolicy": {"PolicyArn": w.policy},
        "DeleteRole": {},
        "DeleteRolePermissionsBoundary": {},
        "DeleteRolePolicy": {"PolicyName": "x"},
        "DetachRolePolicy": {"PolicyArn": w.policy},
        "GetRole": {},
        "GetRolePolicy": {"PolicyName": "x"},
        "ListAttachedRolePolicies": {},
        "ListInstanceProfilesForRole": {},
        "ListRolePolicies": {},
        "ListRoleTags": {},
        "PutRolePermissionsBoundary": {"PermissionsBoundary": w.policy},
        "PutRolePolicy": document,
        "TagRole": {"Tags": [TAG]},
        "UntagRole": {"TagKeys": ["a"]},
        "UpdateAssumeRolePolicy": {"PolicyDocument": TRUST},
        "UpdateRole": {"Description": "x"},
        "UpdateRoleDescription": {"Description": "x"},
    }.items():
        yield operation, "NoSuchEntity", f"The role with name {NO} cannot be found.", {**role, **parameters}
    yield "DeleteServiceLinkedRole", "NoSuchEntity", NOT_FOUND, {"RoleName": "r"}
    task = "task/aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS/" + "-".join(["0" * 8, "0" * 4, "0" * 4, "0" * 4, "0" * 12])
    yield "GetServiceLinkedRoleDeletionStatus", "NoSuchEntity", NOT_FOUND, {"DeletionTaskId": task}
    for operation, parameters in {
        "CreatePolicyVersion": {"PolicyDocument": READS},
        "DeletePolicy": {},
        "DeletePolicyVersion": {"VersionId": "v2"},
        "GetPolicy": {},
        "GetPolicyVersion": {"VersionId": "v1"},
        "ListEntitiesForPolicy": {},
        "ListPolicyTags": {},
        "ListPolicyVersions": {},
        "SetDefaultPolicyVersion": {"VersionId": "v1"},
        "TagPolicy": {"Tags": [TAG]},
        "UntagPolicy": {"TagKeys": ["a"]},
    }.items():
        yield operation, "NoSuchEntity", f"olicy {NO_POLICY}", {"PolicyArn": NO_POLICY, **parameters}
    for operation, parameters in {
        "AddClientIDToOpenIDConnectProvider": {"ClientID": "b"},
        "DeleteOpenIDConnectProvider": {},
        "GetOpenIDConnectProvider": {},
        "ListOpenIDConnectProviderTags": {},
        "RemoveClientIDFromOpenIDConnectProvider": {"ClientID": "b"},
        "TagOpenIDConnectProvider": {"Tags": [TAG]},
        "UntagOpenIDConnectProvider": {"TagKeys": ["a"]},
        "UpdateOpenIDConnectProviderThumbprint": {"ThumbprintList": ["a" * 40]},
    }.items():
        yield operation, "NoSuchEntity", "not", {"OpenIDConnectProviderArn": OIDC + NO, **parameters}
    for operation, parameters in {
        "DeleteSAMLProvider": {},
        "GetSAMLProvider": {},
        "ListSAMLProviderTags": {},
        "TagSAMLProvider": {"Tags": [TAG]},
        "UntagSAMLProvider": {"TagKeys": ["a"]},
        "UpdateSAMLProvider": {"SAMLMetadataDocument": METADATA},
    }.items():
        yield operation, "NoSuchEntity", "not", {"SAMLProviderArn": SAML + NO, **parameters}
    for operation, parameters in {
        "DeleteInstanceProfile": {},
        "GetInstanceProfile": {},
        "ListInstanceProfileTags": {},
        "RemoveRoleFromInstanceProfile": {"RoleName": "r"},
        "TagInstanceProfile": {"Tags": [TAG]},
        "UntagInstanceProfile": {"TagKeys": ["a"]},
    }.items():
        yield operation, "NoSuchEntity", NOT_FOUND, {"InstanceProfileName": NO, **parameters}
    for operation, parameters in {
        "DeleteServerCertificate": {},
        "GetServerCertificate": {},
        "ListServerCertificateTags": {},
        "TagServerCertificate": {"Tags": [TAG]},
        "UntagServerCertificate": {"TagKeys": ["a"]},
        "UpdateServerCertificate": {"NewPath": "/x/"},
    }.items():
        yield operation, "NoSuchEntity", NOT_FOUND, {"ServerCertificateName": NO, **parameters}
    for word, parameters in held.items():
        yield f"Delete{word}", "NoSuchEntity", "with id", {**one, **parameters}
        yield f"Update{word}", "NoSuchEntity", "with id", {**one, **parameters, **status}
    yield "GetSSHPublicKey", "NoSuchEntity", "with id", {**one, **held["SSHPublicKey"], "Encoding": "SSH"}
    yield "ResetServiceSpecificCredential", "NoSuchEntity", "with id", {**one, **held["ServiceSpecificCredential"]}
    key = {"AccessKeyId": "AKIA" + "A" * 16}
    yield "DeleteAccessKey", "NoSuchEntity", "The Access Key with id", {**one, **key}
    yield "UpdateAccessKey", "NoSuchEntity", "The Access Key with id", {**one, **key, **status}
    yield "DeleteAccountAlias", "NoSuchEntity", NOT_FOUND, {"AccountAlias": NO}
    yield "DeleteAccountPasswordPolicy", "NoSuchEntity", "The Password Policy with domain name", {}
    yield "GetAccountPasswordPolicy", "NoSuchEntity", "The Password Policy with domain name", {}
    for operation, parameters in {"DeleteLoginProfile": {}, "GetLoginProfile": {}, "UpdateLoginProfile": {"PasswordResetRequired": True}}.items():
        yield operation, "NoSuchEntity", "Login Profile for User u cannot be found.", {**one, **parameters}
    yield "CreateUser", "NoSuchEntity", "does not exist or is not attachable", {"UserName": "x", "PermissionsBoundary": NO_POLICY}
    nobody = f"arn:aws:iam::{ACCOUNT}:user/{NO}"
    yield "GenerateServiceLastAccessedDetails", "NoSuchEntity", NOT_FOUND, {"Arn": nobody}
    yield "ListPoliciesGrantingServiceAccess", "NoSuchEntity", NOT_FOUND, {"Arn": nobody, "ServiceNamespaces": ["s3"]}
    job = {"JobId": "00000000-0000-0000-0000-000000000000"}
    yield "GetServiceLastAccessedDetails", "NoSuchEntity", "does not exist", job
    yield "GetServiceLastAccessedDetailsWithEntities", "NoSuchEntity", "does not exist", {**job, "ServiceNamespace": "s3"}
    yield "GetOrganizationsAccessReport", "NoSuchEntity", "does not exist", job
    yield "GetContextKeysForPrincipalPolicy", "NoSuchEntity", "", {"PolicySourceArn": nobody}
    yield "SimulatePrincipalPolicy", "NoSuchEntity", "", {"PolicySourceArn": nobody, "ActionNames": ["s3:GetObject"]}
    yield "GetCredentialReport", "ReportNotPresent", "No report exists", {}, w.member


def ill_formed(w: World):
    """Values that are within their published constraints and yet make no sense."""
    for operation, parameters in {
        "AttachGroupPolicy": {"GroupName": "g"},
        "AttachRolePolicy": {"RoleName": "r"},
        "AttachUserPolicy": {"UserName": "u"},
        "CreatePolicyVersion": {"PolicyDocument": READS},
        "DeletePolicy": {},
        "DeletePolicyVersion": {"VersionId": "v2"},
        "DetachGroupPolicy": {"GroupName": "g"},
        "DetachRolePolicy": {"RoleName": "r"},
        "DetachUserPolicy": {"UserName": "u"},
        "GetPolicy": {},
        "GetPolicyVersion": {"VersionId": "v1"},
        "ListEntitiesForPolicy": {},
        "ListPolicyTags": {},
        "ListPolicyVersions": {},
        "SetDefaultPolicyVersion": {"VersionId": "v1"},
        "UntagPolicy": {"TagKeys": ["a"]},
    }.items():
        yield operation, "InvalidInput", f"ARN {BAD_ARN} is not valid.", {"PolicyArn": BAD_ARN, **parameters}
    for operation, parameters in {"PutRolePermissionsBoundary": {"RoleName": "r"}, "PutUserPermissionsBoundary": {"UserName": "u"}}.items():
        yield operation, "InvalidInput", f"ARN {BAD_ARN} is not valid.", {"PermissionsBoundary": BAD_ARN, **parameters}
    for operation, parameters in {
        "AddClientIDToOpenIDConnectProvider": {"ClientID": "b"},
        "DeleteOpenIDConnectProvider": {},
        "GetOpenIDConnectProvider": {},
        "ListOpenIDConnectProviderTags": {},
        "RemoveClientIDFromOpenIDConnectProvider": {"ClientID": "b"},
        "UntagOpenIDConnectProvider": {"TagKeys": ["a"]},
        "UpdateOpenIDConnectProviderThumbprint": {"ThumbprintList": ["a" * 40]},
    }.items():
        yield operation, "InvalidInput", "Invalid ARN", {"OpenIDConnectProviderArn": BAD_ARN, **parameters}
    for operation, parameters in {
        "DeleteSAMLProvider": {},
        "GetSAMLProvider": {},
        "ListSAMLProviderTags": {},
        "UntagSAMLProvider": {"TagKeys": ["a"]},
        "UpdateSAMLProvider": {"SAMLMetadataDocument": METADATA},
    }.items():
        yield operation, "InvalidInput", "Invalid ARN", {"SAMLProviderArn": BAD_ARN, **parameters}
    tagged = {
        "TagInstanceProfile": {"InstanceProfileName": "i"},
        "TagOpenIDConnectProvider": {"OpenIDConnectProviderArn": OIDC + "idp.example.com"},
        "TagPolicy": {"PolicyArn": w.policy},
        "TagRole": {"RoleName": "r"},
        "TagSAMLProvider": {"SAMLProviderArn": SAML + "s"},
        "TagServerCertificate": {"ServerCertificateName": "c"},
        "TagUser": {"UserName": "u"},
        "CreateInstanceProfile": {"InstanceProfileName": "x"},
        "CreateOpenIDConnectProvider": {"Url": "https://x.example.com"},
        "CreatePolicy": {"PolicyName": "x", "PolicyDocument": READS},
        "CreateRole": {"RoleName": "x", "AssumeRolePolicyDocument": TRUST},
        "CreateUser": {"UserName": "x"},
        "UploadServerCertificate": {"ServerCertificateName": "x", "CertificateBody": w.pki.own_pem, "PrivateKey": w.pki.own_key},
    }
    for operation, parameters in tagged.items():
        yield operation, "InvalidInput", DUPLICATE, {**parameters, "Tags": TWICE}
    for operation, parameters in {"UntagInstanceProfile": {"InstanceProfileName": "i"}, "UntagServerCertificate": {"ServerCertificateName": "c"}}.items():
        yield operation, "InvalidInput", "At least one tag", {**parameters, "TagKeys": []}
    yield "CreateSAMLProvider", "InvalidInput", "Could not parse metadata", {"Name": "x", "SAMLMetadataDocument": "x" * 1000}
    yield "CreateServiceLinkedRole", "InvalidInput", "is not valid", {"AWSServiceName": "none.example.com"}
    yield "GenerateServiceLastAccessedDetails", "InvalidInput", "Invalid ARN", {"Arn": "arn:aws:s3:::a-bucket-of-mine"}
    yield "GetServiceLastAccessedDetails", "InvalidInput", "Invalid job id", {"JobId": "x" * 36}
    yield "GetServiceLastAccessedDetailsWithEntities", "InvalidInput", "Invalid job id", {"JobId": "x" * 36, "ServiceNamespace": "s3"}
    yield "GetServiceLinkedRoleDeletionStatus", "InvalidInput", "is not valid", {"DeletionTaskId": "x"}
    yield "ListPoliciesGrantingServiceAccess", "InvalidInput", "is not known", {"Arn": w.role, "ServiceNamespaces": ["nope"]}
    yield "PutAccountProperties", "InvalidInput", "Namespace/PropertyName", {"Properties": {"nothing": "x"}}
    yield "GetContextKeysForCustomPolicy", "InvalidInput", "", {"PolicyInputList": ["{"]}
    yield "GetContextKeysForPrincipalPolicy", "InvalidInput", "", {"PolicySourceArn": BAD_ARN}
    yield "SimulateCustomPolicy", "InvalidInput", "", {"PolicyInputList": [READS], "ActionNames": ["s3:*"]}
    yield "SimulateCustomPolicy", "PolicyEvaluation", "can't be evaluated", {"PolicyInputList": ["{"], "ActionNames": ["s3:GetObject"]}
    broken = {"PolicySourceArn": w.role, "PolicyInputList": ["{"], "ActionNames": ["s3:GetObject"]}
    yield "SimulatePrincipalPolicy", "PolicyEvaluation", "can't be evaluated", broken
    yield "SimulatePrincipalPolicy", "InvalidInput", "", {"PolicySourceArn": BAD_ARN, "ActionNames": ["s3:GetObject"]}
    held = {
        "UpdateAccessKey": {"AccessKeyId": "AKIA" + "A" * 16},
        "UpdateSSHPublicKey": {"SSHPublicKeyId": "APKA" + "A" * 16},
        "UpdateSigningCertificate": {"CertificateId": "A" * 24},
    }
    for operation, parameters in held.items():
        yield operation, "InvalidInput", "Expired can't be set", {"UserName": "u", "Status": "Expired", **parameters}
    for operation, parameters in {
        "CreatePolicy": {"PolicyName": "x"},
        "CreatePolicyVersion": {"PolicyArn": w.policy},
        "PutGroupPolicy": {"GroupName": "g", "PolicyName": "x"},
        "PutRolePolicy": {"RoleName": "r", "PolicyName": "x"},
        "PutUserPolicy": {"UserName": "u", "PolicyName": "x"},
        "UpdateAssumeRolePolicy": {"RoleName": "r"},
    }.items():
        yield operation, "MalformedPolicyDocument", BROKEN, {**parameters, "PolicyDocument": "{"}
    yield "CreateRole", "MalformedPolicyDocument", BROKEN, {"RoleName": "x", "AssumeRolePolicyDocument": READS}
    nobody = {"ServiceName": "none.example.com"}
    yield "CreateServiceSpecificCredential", "NotSupportedService", "does not support", {"UserName": "u", **nobody}
    yield "ListServiceSpecificCredentials", "NotSupportedService", "does not support", {"UserName": "u", **nobody}
    for operation, parameters in {
        "AttachGroupPolicy": {"GroupName": "g", "PolicyArn": SERVICE_POLICY},
        "AttachRolePolicy": {"RoleName": "r", "PolicyArn": SERVICE_POLICY},
        "AttachUserPolicy": {"UserName": "u", "PolicyArn": SERVICE_POLICY},
        "PutRolePermissionsBoundary": {"RoleName": "r", "PermissionsBoundary": SERVICE_POLICY},
        "PutUserPermissionsBoundary": {"UserName": "u", "PermissionsBoundary": SERVICE_POLICY},
    }.items():
        yield operation, "PolicyNotAttachable", "Cannot attach a Service Role Policy to a Customer Role.", parameters


def credentials(w: World):
    """Certificates, keys and passwords that are none."""
    pki = w.pki
    short = "ssh-rsa " + "AAAAB3NzaC1yc2EAAAADAQABAAAAgQ" + "C" * 100
    yield "UploadSSHPublicKey", "InvalidPublicKey", "malformed", {"UserName": "u", "SSHPublicKeyBody": short}
    yield "UploadSSHPublicKey", "UnrecognizedPublicKeyEncoding", "neither in ssh-rsa nor in PEM", {"UserName": "u", "SSHPublicKeyBody": "x"}
    w.iam.upload_ssh_public_key(UserName="u", SSHPublicKeyBody=pki.ssh)
    yield "UploadSSHPublicKey", "DuplicateSSHPublicKey", "already associated", {"UserName": "u", "SSHPublicKeyBody": pki.ssh}
    server = {"ServerCertificateName": "x", "CertificateBody": pki.own_pem, "PrivateKey": pki.own_key}
    yield "UploadServerCertificate", "MalformedCertificate", "Unable to parse certificate", {**server, "CertificateBody": "x"}
    yield "UploadServerCertificate", "KeyPairMismatch", "doesn't match", {**server, "PrivateKey": pki.ca_key}
    yield "UploadSigningCertificate", "MalformedCertificate", "Unable to parse certificate", {"UserName": "u", "CertificateBody": "x"}
    yield "UploadSigningCertificate", "InvalidCertificate", "expired on", {"UserName": "u", "CertificateBody": EXPIRED}
    w.iam.upload_signing_certificate(UserName="u", CertificateBody=pki.own_pem)
    yield "UploadSigningCertificate", "DuplicateCertificate", "already associated", {"UserName": "v", "CertificateBody": pki.own_pem}
    yield "CreateLoginProfile", "PasswordPolicyViolation", "minimum length", {"UserName": "u", "Password": "short"}
    w.iam.create_login_profile(UserName="u", Password="Passw0rd!x")
    yield "UpdateLoginProfile", "PasswordPolicyViolation", "minimum length", {"UserName": "u", "Password": "short"}
    yield "CreateLoginProfile", "EntityAlreadyExists", "already exists", {"UserName": "u", "Password": "Passw0rd!x"}


def taken(w: World):
    """Names that somebody has."""
    yield "CreateUser", "EntityAlreadyExists", "User with name u already exists.", {"UserName": "U"}
    yield "CreateGroup", "EntityAlreadyExists", "Group with name g already exists.", {"GroupName": "G"}
    yield "CreateRole", "EntityAlreadyExists", "Role with name r already exists.", {"RoleName": "R", "AssumeRolePolicyDocument": TRUST}
    yield "CreatePolicy", "EntityAlreadyExists", "A policy called P already exists.", {"PolicyName": "P", "PolicyDocument": READS}
    yield "CreateInstanceProfile", "EntityAlreadyExists", "already exists", {"InstanceProfileName": "I"}
    yield "CreateOpenIDConnectProvider", "EntityAlreadyExists", "already exists", {"Url": "https://idp.example.com"}
    yield "CreateSAMLProvider", "EntityAlreadyExists", "already exists", {"Name": "s", "SAMLMetadataDocument": METADATA}
    yield "UpdateUser", "EntityAlreadyExists", "already exists", {"UserName": "u", "NewUserName": "v"}
    yield "UpdateGroup", "EntityAlreadyExists", "already exists", {"GroupName": "g", "NewGroupName": "h"}
    certificate = {"ServerCertificateName": "C", "CertificateBody": w.pki.own_pem, "PrivateKey": w.pki.own_key}
    yield "UploadServerCertificate", "EntityAlreadyExists", "already exists", certificate
    w.iam.upload_server_certificate(**{**certificate, "ServerCertificateName": "d"})
    yield "UpdateServerCertificate", "EntityAlreadyExists", "already exists", {"ServerCertificateName": "d", "NewServerCertificateName": "c"}
    w.member.create_account_alias(AccountAlias="errors-member")
    yield "CreateAccountAlias", "EntityAlreadyExists", "already exists", {"AccountAlias": "errors-member"}


def in_use(w: World):
    """What something hangs on, and what nobody changes."""
    w.iam.add_user_to_group(GroupName="g", UserName="u")
    w.iam.add_role_to_instance_profile(InstanceProfileName="i", RoleName="r")
    w.iam.attach_user_policy(UserName="u", PolicyArn=w.policy)
    yield "DeleteGroup", "DeleteConflict", "must remove users from group first", {"GroupName": "g"}
    yield "DeleteUser", "DeleteConflict", "must detach all policies first", {"UserName": "u"}
    yield "DeleteRole", "DeleteConflict", "must remove roles from instance profile first", {"RoleName": "r"}
    yield "DeleteInstanceProfile", "DeleteConflict", "must remove roles from instance profile first", {"InstanceProfileName": "i"}
    yield "DeletePolicy", "DeleteConflict", "attached to entities", {"PolicyArn": w.policy}
    yield "DeletePolicyVersion", "DeleteConflict", "default version", {"PolicyArn": w.policy, "VersionId": "v1"}
    linked = {"RoleName": w.linked}
    for operation, parameters in {
        "AddRoleToInstanceProfile": {"InstanceProfileName": "i"},
        "AttachRolePolicy": {"PolicyArn": w.policy},
        "DeleteRole": {},
        "DeleteRolePermissionsBoundary": {},
        "DeleteRolePolicy": {"PolicyName": "x"},
        "DetachRolePolicy": {"PolicyArn": w.policy},
        "PutRolePermissionsBoundary": {"PermissionsBoundary": w.policy},
        "PutRolePolicy": {"PolicyName": "x", "PolicyDocument": READS},
        "UpdateAssumeRolePolicy": {"PolicyDocument": TRUST},
        "UpdateRole": {"MaxSessionDuration": 7200},
    }.items():
        yield operation, "UnmodifiableEntity", "only modifiable by AWS", {**linked, **parameters}


def quotas(w: World):
    """One more than an account or an entity may have."""
    iam = w.iam
    exceeded = "Cannot exceed quota for "
    provider = {"OpenIDConnectProviderArn": OIDC + "idp.example.com"}
    w.many(iam.add_client_id_to_open_id_connect_provider, 99, **provider, ClientID="c{}")
    yield "AddClientIDToOpenIDConnectProvider", "LimitExceeded", exceeded, {**provider, "ClientID": "z"}
    yield "AddRoleToInstanceProfile", "LimitExceeded", exceeded, {"InstanceProfileName": "i", "RoleName": "r2"}
    w.many(iam.create_group, w.left("Groups", 300), GroupName="group-{}")
    yield "CreateGroup", "LimitExceeded", "GroupsPerAccount: 300", {"GroupName": "one-more"}
    own = f"arn:aws:iam::{ACCOUNT}:policy/p{{}}"
    w.many(iam.add_user_to_group, 10, GroupName="group-{}", UserName="v")
    w.many(iam.attach_group_policy, 10, GroupName="h", PolicyArn=own)
    w.many(iam.attach_role_policy, 10, RoleName="r2", PolicyArn=own)
    w.many(iam.attach_user_policy, 10, UserName="v", PolicyArn=own)
    yield "AddUserToGroup", "LimitExceeded", "GroupsPerUser: 10", {"UserName": "v", "GroupName": "group-10"}
    yield "AttachGroupPolicy", "LimitExceeded", "PoliciesPerGroup: 10", {"GroupName": "h", "PolicyArn": w.policies[10]}
    yield "AttachRolePolicy", "LimitExceeded", "PoliciesPerRole: 10", {"RoleName": "r2", "PolicyArn": w.policies[10]}
    yield "AttachUserPolicy", "LimitExceeded", "PoliciesPerUser: 10", {"UserName": "v", "PolicyArn": w.policies[10]}
    for _ in range(2):
        iam.create_access_key(UserName="v")
        iam.create_service_specific_credential(UserName="v", ServiceName="codecommit.amazonaws.com")
    yield "CreateAccessKey", "LimitExceeded", "AccessKeysPerUser: 2", {"UserName": "v"}
    one_more = {"UserName": "v", "ServiceName": "codecommit.amazonaws.com"}
    yield "CreateServiceSpecificCredential", "LimitExceeded", "ServiceSpecificCredentialsPerUser: 2", one_more
    for _ in range(4):
        iam.create_policy_version(PolicyArn=w.policy, PolicyDocument=READS)
    yield "CreatePolicyVersion", "LimitExceeded", "up to 5 versions", {"PolicyArn": w.policy, "PolicyDocument": READS}
    yield "CreatePolicy", "LimitExceeded", "PolicySize: 6144", {"PolicyName": "x", "PolicyDocument": policy(6144)}
    yield "PutUserPolicy", "LimitExceeded", "UserPolicySize: 2048", {"UserName": "u", "PolicyName": "x", "PolicyDocument": policy(2048)}
    yield "PutGroupPolicy", "LimitExceeded", "GroupPolicySize: 5120", {"GroupName": "g", "PolicyName": "x", "PolicyDocument": policy(5120)}
    yield "PutRolePolicy", "LimitExceeded", "RolePolicySize: 10240", {"RoleName": "r", "PolicyName": "x", "PolicyDocument": policy(10240)}
    large = json.loads(TRUST)
    large["Statement"]["Condition"] = {"StringEquals": {"sts:ExternalId": "x" * 2048}}
    yield "CreateRole", "LimitExceeded", "ACLSizePerRole: 2048", {"RoleName": "x", "AssumeRolePolicyDocument": json.dumps(large)}
    yield "UpdateAssumeRolePolicy", "LimitExceeded", "ACLSizePerRole: 2048", {"RoleName": "r", "PolicyDocument": json.dumps(large)}
    tagged = {
        "InstanceProfile": {"InstanceProfileName": "i"},
        "OpenIDConnectProvider": {"OpenIDConnectProviderArn": OIDC + "idp.example.com"},
        "Policy": {"PolicyArn": w.policy},
        "Role": {"RoleName": "r"},
        "SAMLProvider": {"SAMLProviderArn": SAML + "s"},
        "ServerCertificate": {"ServerCertificateName": "c"},
        "User": {"UserName": "u"},
    }
    for word, parameters in tagged.items():
        w.call(f"Tag{word}", Tags=MANY, **parameters)
        yield f"Tag{word}", "LimitExceeded", "TagsPerEntity: 50", {**parameters, "Tags": MORE}
    for n in range(4):
        iam.upload_ssh_public_key(UserName="u", SSHPublicKeyBody=ssh_key(w.pki))
    yield "UploadSSHPublicKey", "LimitExceeded", "SSHPublicKeysPerUser: 5", {"UserName": "u", "SSHPublicKeyBody": ssh_key(w.pki)}
    iam.upload_signing_certificate(UserName="u", CertificateBody=w.pki.leaf_pem)
    yield "UploadSigningCertificate", "LimitExceeded", "SigningCertificatesPerUser: 2", {"UserName": "u", "CertificateBody": w.pki.ca_pem}
    pair = {"CertificateBody": w.pki.own_pem, "PrivateKey": w.pki.own_key}
    w.many(iam.upload_server_certificate, w.left("ServerCertificates", 20), ServerCertificateName="c{}", **pair)
    yield "UploadServerCertificate", "LimitExceeded", "ServerCertificatesPerAccount: 20", {"ServerCertificateName": "x", **pair}
    there = len(iam.list_open_id_connect_providers()["OpenIDConnectProviderList"])
    w.many(iam.create_open_id_connect_provider, 100 - there, Url="https://p{}.example.com")
    yield "CreateOpenIDConnectProvider", "LimitExceeded", "PerAccount: 100", {"Url": "https://x.example.com"}
    there = len(iam.list_saml_providers()["SAMLProviderList"])
    w.many(iam.create_saml_provider, 100 - there, Name="s{}", SAMLMetadataDocument=METADATA)
    yield "CreateSAMLProvider", "LimitExceeded", "PerAccount: 100", {"Name": "x", "SAMLMetadataDocument": METADATA}
    w.many(iam.create_instance_profile, w.left("InstanceProfiles", 1000), InstanceProfileName="profile-{}")
    yield "CreateInstanceProfile", "LimitExceeded", "PerAccount: 1000", {"InstanceProfileName": "x"}
    w.many(iam.create_role, w.left("Roles", 1000), RoleName="role-{}", AssumeRolePolicyDocument=TRUST.replace("{", "{{").replace("}", "}}"))
    yield "CreateServiceLinkedRole", "LimitExceeded", "RolesPerAccount: 1000", {"AWSServiceName": "ecs.amazonaws.com"}


def ssh_key(pki: Pki) -> str:
    """A fresh SSH public key."""
    import subprocess
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/key"
        subprocess.run(["ssh-keygen", "-q", "-t", "rsa", "-b", "2048", "-N", "", "-f", path], check=True)
        return pathlib.Path(path + ".pub").read_text()


def devices(w: World):
    """MFA devices, and own passwords."""
    none = {"SerialNumber": f"arn:aws:iam::{ACCOUNT}:mfa/{NO}"}
    codes = {"AuthenticationCode1": "000000", "AuthenticationCode2": "000001"}
    missing_device = "doesn't exist"
    for operation, parameters in {
        "DeactivateMFADevice": {"UserName": "u"},
        "DeleteVirtualMFADevice": {},
        "EnableMFADevice": {"UserName": "u", **codes},
        "GetMFADevice": {},
        "ListMFADeviceTags": {},
        "ResyncMFADevice": {"UserName": "u", **codes},
        "TagMFADevice": {"Tags": [TAG]},
        "UntagMFADevice": {"TagKeys": ["a"]},
    }.items():
        message = NOT_FOUND if operation.endswith("agMFADevice") else missing_device
        yield operation, "NoSuchEntity", message, {**none, **parameters}
    made = [w.iam.create_virtual_mfa_device(VirtualMFADeviceName=f"d{n}")["VirtualMFADevice"] for n in range(9)]
    first = {"SerialNumber": made[0]["SerialNumber"]}
    yield "CreateVirtualMFADevice", "EntityAlreadyExists", "already exists", {"VirtualMFADeviceName": "D0"}
    yield "CreateVirtualMFADevice", "InvalidInput", DUPLICATE, {"VirtualMFADeviceName": "x", "Tags": TWICE}
    yield "TagMFADevice", "InvalidInput", DUPLICATE, {**first, "Tags": TWICE}
    yield "UntagMFADevice", "InvalidInput", "At least one tag", {**first, "TagKeys": []}
    w.iam.tag_mfa_device(**first, Tags=MANY)
    yield "TagMFADevice", "LimitExceeded", "TagsPerEntity: 50", {**first, "Tags": MORE}
    yield "EnableMFADevice", "InvalidAuthenticationCode", "is not valid", {"UserName": "u", **first, **codes}

    def right(device: dict, step: int) -> dict:
        pair = [one_time_code(device["Base32StringSeed"], n) for n in (step - 1, step)]
        return {"SerialNumber": device["SerialNumber"], "AuthenticationCode1": pair[0], "AuthenticationCode2": pair[1]}

    for device in made[:8]:
        w.iam.enable_mfa_device(UserName="u", **right(device, early_in_a_step()))
    yield "EnableMFADevice", "LimitExceeded", "MFADevicesPerUser: 8", {"UserName": "u", **right(made[8], early_in_a_step())}
    # Codes are good once: those of the next step are asked for, of a device that somebody has.
    used = early_in_a_step()
    while (step := early_in_a_step()) <= used:
        time.sleep(0.5)
    w.iam.create_user(UserName="x-mfa")
    yield "EnableMFADevice", "EntityAlreadyExists", "", {"UserName": "x-mfa", **right(made[0], step + 1)}
    yield "ResyncMFADevice", "InvalidAuthenticationCode", "is not valid", {"UserName": "u", **first, **codes}
    yield "DeleteVirtualMFADevice", "DeleteConflict", "", first
    change = {"OldPassword": "Passw0rd!x", "NewPassword": "Passw0rd!y"}
    yield "ChangePassword", "InvalidUserType", "", change
    grant = {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "iam:ChangePassword", "Resource": "*"}}
    clients = {}
    for user in ("u", "w"):
        if user == "w":
            w.iam.create_user(UserName="w")
        w.iam.put_user_policy(UserName=user, PolicyName="own", PolicyDocument=json.dumps(grant))
        key = w.iam.create_access_key(UserName=user)["AccessKey"]
        clients[user] = w.client("iam", (key["AccessKeyId"], key["SecretAccessKey"]))
    yield "ChangePassword", "NoSuchEntity", "cannot be found", change, clients["w"]
    yield "ChangePassword", "PasswordPolicyViolation", "minimum length", {**change, "NewPassword": "short"}, clients["u"]


def organization(w: World):
    """What only the management account may do, asked for by another."""
    outsider = "not the management account"
    both = ("RootCredentialsManagement", "RootSessions")
    yield "ListOrganizationsFeatures", "AccountNotManagementOrDelegatedAdministratorException", outsider, {}
    for feature in both:
        yield f"EnableOrganizations{feature}", "CallerIsNotManagementAccountException", outsider, {}
        yield f"DisableOrganizations{feature}", "AccountNotManagementOrDelegatedAdministratorException", outsider, {}


EXPIRED = (HERE / "expired.pem").read_text()
CASES = [missing, ill_formed, credentials, taken, in_use, devices, *errors_sessions.CASES, quotas]
# Asked by a member account.
MEMBER_CASES = [organization]


class Pairs:
    """The documented pairs of the operations that are served, and where each stands."""

    def __init__(self):
        folder = REPOSITORY / "crates/node/src/aws/accounting"
        left_out = {line.split(":")[0].strip() for name in ("exceptions", "not-yet") for line in lines(folder / f"{name}.txt")}
        self.status, self.service = {}, {}
        for service in ("iam", "sts"):
            model = json.loads((REPOSITORY / f"crates/query/data/{service}.json").read_text())
            for name, operation in model["operations"].items():
                self.service[name] = service
                if f"{service} {name}" in left_out:
                    continue
                for reference in operation.get("errors", []):
                    error = model["shapes"][reference["shape"]].get("error", {})
                    code = error.get("code", reference["shape"])
                    self.status[(name, code)] = error.get("httpStatusCode", 400)
        self.impossible = [rule(line) for line in lines(HERE / "errors_impossible.txt")]
        self.to_come = [rule(line) for line in lines(HERE / "errors_to_come.txt")]

    def accounted(self, produced: set) -> list[str]:
        """What is wrong: pairs that stand nowhere or twice, and rules that speak of no pair."""
        wrong, used = [], set()
        for pair in sorted(self.status):
            rules = [r for r in self.impossible if matches(r, pair)]
            used.update(r[:2] for r in rules)
            if pair in produced and rules:
                wrong.append(f"{pair} is produced, and yet {rules[0]}")
            if pair not in produced and not rules and not any(matches(r, pair) for r in self.to_come):
                wrong.append(f"{pair} is neither produced nor explained")
        wrong += [f"{r} speaks of no pair" for r in self.impossible if r[:2] not in used]
        return wrong


def lines(path: pathlib.Path) -> list[str]:
    return [line for line in path.read_text().splitlines() if line and not line.startswith("#")]


def rule(line: str) -> tuple[str, str, str]:
    """`Operation Error: reason`; both may be patterns."""
    pair, _, reason = line.partition(":")
    operation, error = pair.split()
    assert len(reason.strip()) > 20, f"no reason: {line}"
    return operation, error, reason.strip()


def matches(r: tuple[str, str, str], pair: tuple[str, str]) -> bool:
    return fnmatch.fnmatchcase(pair[0], r[0]) and fnmatch.fnmatchcase(pair[1], r[1])


def snake(operation: str) -> str:
    return botocore.xform_name(operation)


def run(pairs: Pairs, produced: set, clients: dict, case, w: World) -> list[str]:
    """Tries the cases of one function; gives what went wrong."""
    wrong = []
    for operation, code, part, parameters, *client in case(w):
        call = getattr((client or [clients[pairs.service[operation]]])[0], snake(operation))
        try:
            call(**parameters)
            wrong.append(f"{operation} was not refused with {code}: {str(parameters)[:200]}")
            continue
        except botocore.exceptions.ClientError as error:
            answer = error.response
        found = (answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"])
        message = answer["Error"].get("Message", "")
        expected = (code, pairs.status.get((operation, code)))
        if found != expected:
            wrong.append(f"{operation}: {found} {message[:200]!r} instead of {expected}")
        elif not message or part not in message:
            wrong.append(f"{operation} {code}: the message {message[:200]!r} has no {part!r}")
        else:
            produced.add((operation, code))
    return wrong


def main() -> None:
    began = time.monotonic()
    w, pairs, produced = World(sys.argv[1], sys.argv[2]), Pairs(), set()
    own = {"iam": w.iam, "sts": w.sts}
    w.call = lambda operation, **parameters: getattr(own[pairs.service[operation]], snake(operation))(**parameters)
    wrong, only = 0, sys.argv[3:]
    for case, clients in [(case, own) for case in CASES] + [(case, {"iam": w.member}) for case in MEMBER_CASES]:
        if only and case.__name__ not in only:
            continue
        before = time.monotonic()
        found = run(pairs, produced, clients, case, w)
        print(*found, f"{case.__name__}: {time.monotonic() - before:.1f} s", sep="\n", flush=True)
        wrong += len(found)
    found = [] if only else pairs.accounted(produced)
    print(*found, sep="\n")
    wrong += len(found)
    open_pairs = set(pairs.status) - produced
    explained = sum(any(matches(r, pair) for r in pairs.impossible) for pair in open_pairs)
    to_come = len(open_pairs) - explained
    print(f"{len(pairs.status)} pairs: {len(produced)} produced, {explained} explained, {to_come} to come; {time.monotonic() - began:.0f} s")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
