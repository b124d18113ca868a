"""How to test software against eventual consistency: the same code fails where it creates and uses at once, and passes once it waits.

    TIDEGATE_PROFILE=data/profile.toml TIDEGATE_PROTOS=proto pytest tests/python/test_propagation.py

against `tidegate dev`. The model gives each change its delay from a seed, so that a test that fails fails again.
"""

import os
import pathlib
import time
import tomllib
import uuid

import e2e
import grpc
import pytest

CLUSTER = "/tidegate.cluster.v1.ClusterService/"
IAM = "/tidegate.iam.v1.IamService/"
PROPAGATION = "/tidegate.propagation.v1.PropagationService/WaitForPropagation"
READ_ONLY = "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"


class World:
    """The home region, a node of another region, and the generated messages."""

    def __init__(self):
        e2e.generate(pathlib.Path(os.environ["TIDEGATE_PROTOS"]))
        from tidegate.cluster.v1 import cluster_pb2
        from tidegate.decision.v1 import decision_pb2
        from tidegate.iam.v1 import iam_pb2
        from tidegate.propagation.v1 import propagation_pb2

        self.cluster, self.decision, self.iam, self.propagation = cluster_pb2, decision_pb2, iam_pb2, propagation_pb2
        profile = tomllib.loads(pathlib.Path(os.environ["TIDEGATE_PROFILE"]).read_text())
        self.home, self.far = e2e.Node(profile, "n1"), e2e.Node(profile, "n5")

    def at_far(self, method, **fields):
        """A call of development mode to the node of the other region."""
        request, answer = getattr(self.cluster, method + "Request"), getattr(self.cluster, method + "Response")
        return self.far.call(CLUSTER + method, request(**fields), answer)


@pytest.fixture(scope="module")
def world():
    return World()


@pytest.fixture
def like_aws(world):
    """Changes take 3 to 4 s to the other region."""
    world.at_far("SetPropagationModel", model="aws-like", seed=7)
    yield
    world.at_far("SetPropagationModel", model="instant")


def new_reader(world):
    """What the software under test does: a user who may read. Gives its ARN and the token of the last change."""
    name = "reader-" + uuid.uuid4().hex
    created = world.home.call(
        IAM + "CreateUser", world.iam.CreateUserRequest(user_name=name, request_id=uuid.uuid4().hex), world.iam.CreateUserResponse
    )
    attached = world.home.call(
        IAM + "AttachUserPolicy",
        world.iam.AttachUserPolicyRequest(user_name=name, policy_arn=READ_ONLY, request_id=uuid.uuid4().hex),
        world.iam.AttachUserPolicyResponse,
    )
    return created.user.arn, attached.metadata.token


def may_read(world, arn):
    """Whether the node of the other region lets it."""
    question = world.decision.Question(principal=arn, action="s3:GetObject", resource="arn:aws:s3:::photos/cat.jpg")
    try:
        answer = world.far.call(
            "/tidegate.decision.v1.DecisionService/Authorize",
            world.decision.AuthorizeRequest(question=question),
            world.decision.AuthorizeResponse,
        )
    except grpc.RpcError as error:
        assert error.code() == grpc.StatusCode.NOT_FOUND, error
        return False  # the user has not arrived there
    return answer.answer.effect == world.decision.EFFECT_ALLOW


def wait(world, token):
    """Returns once the change decides everywhere."""
    request = world.propagation.WaitForPropagationRequest(token=token)
    for event in world.home.stream(PROPAGATION, request, world.propagation.WaitForPropagationResponse):
        if event.HasField("finished"):
            return event.finished.covered
    return False


@pytest.mark.xfail(strict=True, raises=AssertionError, reason="it uses what it has just created, in another region")
def test_create_then_use(world, like_aws):
    arn, _token = new_reader(world)
    assert may_read(world, arn)


def test_create_wait_then_use(world, like_aws):
    arn, token = new_reader(world)
    begun = time.monotonic()
    assert wait(world, token)
    assert time.monotonic() - begun > 2, "the model holds it back for some seconds"
    assert may_read(world, arn)


def test_one_change_is_held_back_until_it_is_released(world):
    world.at_far("FreezePropagation")
    try:
        first, first_token = new_reader(world)
        second, second_token = new_reader(world)
        world.at_far("ReleaseChange", token=first_token)
        deadline = time.monotonic() + 10
        while not may_read(world, first):
            assert time.monotonic() < deadline, "what is released decides"
        assert not may_read(world, second), "what came after it is held"
    finally:
        world.at_far("ThawPropagation")
    assert wait(world, second_token)
    assert may_read(world, second)
