"""A client in another language: creates a user, attaches a policy, waits, and asks a read replica in another region.

Usage: e2e.py PROFILE PROTO_FOLDER. Prints each step and ends with exit code 0 when all of them held.
"""

import datetime
import hashlib
import hmac
import importlib
import json
import pathlib
import sys
import tempfile
import tomllib
import uuid

import grpc
from aws_clients import Cluster, allow, early_in_a_step, one_time_code
from grpc_tools import protoc


def generate(protos: pathlib.Path) -> None:
    """Generates the stubs from the protocol files and makes them importable."""
    out = tempfile.mkdtemp()
    files = [str(p.relative_to(protos)) for p in sorted(protos.glob("tidegate/*/v1/*.proto"))]
    include = importlib.resources.files("grpc_tools") / "_proto"
    arguments = ["protoc", f"-I{protos}", f"-I{include}", f"--python_out={out}", f"--grpc_python_out={out}", *files]
    if protoc.main(arguments) != 0:
        sys.exit("the protocol files do not compile")
    sys.path.insert(0, out)


class Signer:
    """Signature Version 4 in gRPC metadata, written from docs/signing.md."""

    def __init__(self, access_key_id: str, secret: str, host: str, region: str = "eu-central-1"):
        self.access_key_id, self.secret, self.host, self.region = access_key_id, secret, host, region

    def metadata(self, path: str, message: bytes, now: datetime.datetime | None = None):
        """The metadata that signs one call."""
        now = now or datetime.datetime.now(datetime.timezone.utc)
        stamp, date = now.strftime("%Y%m%dT%H%M%SZ"), now.strftime("%Y%m%d")
        digest = hashlib.sha256(message).hexdigest()
        headers = [("host", self.host), ("x-amz-content-sha256", digest), ("x-amz-date", stamp)]
        names = ";".join(name for name, _ in headers)
        canonical = f"POST\n{path}\n\n" + "".join(f"{n}:{v}\n" for n, v in headers) + f"\n{names}\n{digest}"
        scope = f"{date}/{self.region}/tidegate/aws4_request"
        to_sign = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
        key = f"AWS4{self.secret}".encode()
        for part in (date, self.region, "tidegate", "aws4_request"):
            key = hmac.digest(key, part.encode(), "sha256")
        signature = hmac.digest(key, to_sign.encode(), "sha256").hex()
        credential = f"Credential={self.access_key_id}/{scope}"
        authorization = f"AWS4-HMAC-SHA256 {credential}, SignedHeaders={names}, Signature={signature}"
        return [("authorization", authorization), ("x-amz-content-sha256", digest), ("x-amz-date", stamp)]


def check_vector() -> None:
    """The signer reproduces the vector of docs/signing.md."""
    signer = Signer("AKIAEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "127.0.0.1:7401")
    now = datetime.datetime(2026, 11, 23, 21, tzinfo=datetime.timezone.utc)
    made = signer.metadata("/tidegate.iam.v1.IamService/CreateUser", b"\x0a\x03ada", now)[0][1]
    root = pathlib.Path(__file__).resolve().parents[2]
    assert made == (root / "crates/authn/testdata/signature.txt").read_text().strip(), made


class Node:
    """Signed calls to one node."""

    def __init__(self, profile: dict, name: str):
        endpoint = next(e for e in profile["endpoints"] if e["node"] == name)
        host = endpoint["address"].removeprefix("https://")
        credentials = grpc.ssl_channel_credentials(pathlib.Path(profile["ca"]).read_bytes())
        self.channel = grpc.secure_channel(host, credentials)
        self.signer = Signer(profile["access_key_id"], profile["secret_access_key"], host)

    def _call(self, kind, path, message, answer):
        data = message.SerializeToString()
        method = getattr(self.channel, kind)(path, request_serializer=lambda m: data, response_deserializer=answer.FromString)
        return method(message, metadata=self.signer.metadata(path, data), timeout=30)

    def call(self, path, message, answer):
        return self._call("unary_unary", path, message, answer)

    def stream(self, path, message, answer):
        return self._call("unary_stream", path, message, answer)


def sessions(cluster: Cluster, profile: dict) -> None:
    """What a session over gRPC carries is what one for clients of AWS carries: tags, source identity, and a code for it."""
    from tidegate.sts.v1 import sts_pb2 as sts

    admin = cluster.client("iam", path="/read-your-writes")
    mira = admin.create_user(UserName="mira")["User"]["Arn"]
    admin.put_user_policy(UserName="mira", PolicyName="own", PolicyDocument=allow("sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"))
    conditions = {"StringEquals": {"sts:ExternalId": "agreed"}, "Bool": {"aws:MultiFactorAuthPresent": "true"}}
    actions = ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"]
    trust = {"Effect": "Allow", "Principal": {"AWS": mira}, "Action": actions, "Condition": conditions}
    document = json.dumps({"Version": "2012-10-17", "Statement": trust})
    role = admin.create_role(RoleName="carried", AssumeRolePolicyDocument=document)["Role"]["Arn"]
    carried = {"StringEquals": {"aws:PrincipalTag/team": "blue", "aws:SourceIdentity": "mira"}}
    admin.put_role_policy(RoleName="carried", PolicyName="own", PolicyDocument=allow("iam:ListUsers", Condition=carried))
    device = admin.create_virtual_mfa_device(VirtualMFADeviceName="mira")["VirtualMFADevice"]
    code = lambda step: one_time_code(device["Base32StringSeed"], step)
    step = early_in_a_step()
    pair = {"AuthenticationCode1": code(step - 1), "AuthenticationCode2": code(step)}
    admin.enable_mfa_device(UserName="mira", SerialNumber=device["SerialNumber"], **pair)
    key = admin.create_access_key(UserName="mira")["AccessKey"]
    node = Node({**profile, "access_key_id": key["AccessKeyId"], "secret_access_key": key["SecretAccessKey"]}, "n1")

    def assume(**more):
        fields = {
            "role_arn": role,
            "role_session_name": "grpc",
            "tags": [sts.SessionTag(key="team", value="blue")],
            "transitive_tag_keys": ["team"],
            "source_identity": "mira",
            "external_id": "agreed",
        }
        request = sts.AssumeRoleRequest(**{**fields, **more})
        return node.call("/tidegate.sts.v1.StsService/AssumeRole", request, sts.AssumeRoleResponse)

    def refused(status, **more):
        try:
            assume(**more)
        except grpc.RpcError as error:
            assert error.code() == status, error
            return
        raise AssertionError(f"not refused: {more}")

    given = {"serial_number": device["SerialNumber"], "token_code": code(step + 1)}
    refused(grpc.StatusCode.PERMISSION_DENIED)
    refused(grpc.StatusCode.PERMISSION_DENIED, **given | {"token_code": code(step - 9)})
    refused(grpc.StatusCode.INVALID_ARGUMENT, serial_number=device["SerialNumber"])
    refused(grpc.StatusCode.RESOURCE_EXHAUSTED, policies=["x" * 2049])
    done = assume(**given)
    assert done.source_identity == "mira", done
    refused(grpc.StatusCode.PERMISSION_DENIED, **given)
    made = done.credentials
    mine = cluster.client("iam", keys=(made.access_key_id, made.secret_access_key), token=made.session_token)
    assert any(user["UserName"] == "mira" for user in mine.list_users()["Users"])
    print("a session over gRPC carries tags and a source identity, and is given for a code once")


def main() -> None:
    profile = tomllib.loads(pathlib.Path(sys.argv[1]).read_text())
    check_vector()
    print("the vector of docs/signing.md is reproduced")
    generate(pathlib.Path(sys.argv[2]))
    from tidegate.decision.v1 import decision_pb2 as decision
    from tidegate.iam.v1 import iam_pb2 as iam
    from tidegate.propagation.v1 import propagation_pb2 as propagation

    home, replica = Node(profile, "n1"), Node(profile, "n5")
    created = home.call(
        "/tidegate.iam.v1.IamService/CreateUser",
        iam.CreateUserRequest(user_name="grace", request_id=uuid.uuid4().hex),
        iam.CreateUserResponse,
    )
    print("created", created.user.arn)
    attached = home.call(
        "/tidegate.iam.v1.IamService/AttachUserPolicy",
        iam.AttachUserPolicyRequest(
            user_name="grace",
            policy_arn="arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess",
            request_id=uuid.uuid4().hex,
        ),
        iam.AttachUserPolicyResponse,
    )
    finished = None
    for event in home.stream(
        "/tidegate.propagation.v1.PropagationService/WaitForPropagation",
        propagation.WaitForPropagationRequest(token=attached.metadata.token),
        propagation.WaitForPropagationResponse,
    ):
        if event.HasField("finished"):
            finished = event.finished
    assert finished is not None and finished.covered, finished
    print("arrived at", " ".join(finished.reached))
    for action, expected in (("s3:GetObject", decision.EFFECT_ALLOW), ("s3:PutObject", decision.EFFECT_IMPLICIT_DENY)):
        question = decision.Question(principal=created.user.arn, action=action, resource="arn:aws:s3:::photos/cat.jpg")
        answer = replica.call(
            "/tidegate.decision.v1.DecisionService/Authorize",
            decision.AuthorizeRequest(question=question),
            decision.AuthorizeResponse,
        )
        evidence = answer.evidence
        assert answer.answer.effect == expected, answer
        assert evidence.node == "n5" and evidence.region == "ap-southeast-2", evidence
        assert evidence.token and evidence.decision_id and evidence.HasField("staleness_bound"), evidence
        print(action, decision.Effect.Name(answer.answer.effect), "by", evidence.node, "in", evidence.region)
    try:
        Node({**profile, "secret_access_key": "wrong"}, "n5").call(
            "/tidegate.decision.v1.DecisionService/Authorize", decision.AuthorizeRequest(), decision.AuthorizeResponse
        )
        sys.exit("a wrong secret was accepted")
    except grpc.RpcError as error:
        assert error.code() == grpc.StatusCode.UNAUTHENTICATED, error
    print("a wrong secret is refused")
    sessions(Cluster(sys.argv[1]), profile)


if __name__ == "__main__":
    main()
