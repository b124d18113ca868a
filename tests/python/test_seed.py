"""A test suite against a cluster of its own: chosen ids, and a fresh cluster for each test.

Needs TIDEGATE, the binary. The fixtures are those of docs/testing.md.
"""

import json
import os
import pathlib
import subprocess
import time
import tomllib
import urllib.error
import urllib.request

import boto3
import botocore.exceptions
import pytest

HERE = pathlib.Path(__file__).parent
TIDEGATE = os.environ["TIDEGATE"]
ADA = ("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
CHINA = ("AKIAROOTROOTROOTROOT", "root-secret")


@pytest.fixture(scope="session")
def cluster(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tidegate")
    command = [TIDEGATE, "dev", "--seed", str(HERE / "seed.toml"), "--data", str(folder), "--base-port", "0", "--print-ready"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "ready\n"
    yield tomllib.loads((folder / "profile.toml").read_text())
    process.terminate()
    assert process.wait(timeout=60) == 0


def reset(cluster, token=None, method="POST", path="/reset") -> dict:
    admin = cluster["admin"]
    headers = {"authorization": f"Bearer {admin['token'] if token is None else token}"}
    request = urllib.request.Request(f"http://{admin['address']}{path}", method=method, headers=headers)
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.loads(answer.read())


def client(cluster, service, keys=ADA, node=0, token=None):
    endpoint = cluster["endpoints"][node]
    return boto3.client(
        service,
        endpoint_url=endpoint["aws"],
        region_name=endpoint["region"],
        verify=cluster["ca"],
        aws_access_key_id=keys[0],
        aws_secret_access_key=keys[1],
        aws_session_token=token,
    )


@pytest.fixture
def fresh(cluster):
    reset(cluster)
    return cluster


def refused(code, call, **parameters):
    with pytest.raises(botocore.exceptions.ClientError) as error:
        call(**parameters)
    assert error.value.response["Error"]["Code"] == code, error.value


@pytest.mark.parametrize("node", range(5))
def test_chosen_ids_work_at_every_node(fresh, node):
    identity = client(fresh, "sts", node=node).get_caller_identity()
    assert identity["Arn"] == "arn:aws:iam::111122223333:user/ada"
    assert client(fresh, "sts").get_access_key_info(AccessKeyId=ADA[0])["Account"] == "111122223333"


@pytest.mark.parametrize("turn", range(3))
def test_each_test_begins_from_the_file(fresh, turn):
    iam = client(fresh, "iam")
    assert [u["UserName"] for u in iam.list_users()["Users"]] == ["ada"]
    iam.create_user(UserName="left-behind")


def test_another_partition_has_its_own_arns(fresh):
    sts = client(fresh, "sts", CHINA)
    assert sts.get_caller_identity()["Arn"] == "arn:aws-cn:iam::444455556666:root"
    iam = client(fresh, "iam", CHINA)
    assert iam.get_user(UserName="li")["User"]["Arn"] == "arn:aws-cn:iam::444455556666:user/li"
    attached = iam.list_attached_user_policies(UserName="li")["AttachedPolicies"]
    assert attached[0]["PolicyArn"] == "arn:aws-cn:iam::aws:policy/IAMReadOnlyAccess"
    key = iam.create_access_key(UserName="li")["AccessKey"]
    iam.put_user_policy(
        UserName="li",
        PolicyName="assume",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*"}}),
    )
    li = client(fresh, "sts", (key["AccessKeyId"], key["SecretAccessKey"]))
    assumed = li.assume_role(RoleArn="arn:aws-cn:iam::444455556666:role/app", RoleSessionName="session")
    assert assumed["AssumedRoleUser"]["Arn"] == "arn:aws-cn:sts::444455556666:assumed-role/app/session"


def test_nothing_of_before_is_good(fresh):
    iam = client(fresh, "iam")
    token = iam.list_users()["ResponseMetadata"]["HTTPHeaders"]["x-tidegate-token"]
    session = client(fresh, "sts").assume_role(RoleArn="arn:aws:iam::111122223333:role/app", RoleSessionName="session")
    session = session["Credentials"]
    keys = (session["AccessKeyId"], session["SecretAccessKey"])
    assert client(fresh, "sts", keys, token=session["SessionToken"]).get_caller_identity()["Account"] == "111122223333"
    ids = {reset(fresh)["cluster_id"] for _ in range(2)}
    assert len(ids) == 2
    refused("InvalidClientTokenId", client(fresh, "sts", keys, token=session["SessionToken"]).get_caller_identity)

    def with_token(params, **_):
        params["headers"]["x-tidegate-token"] = token

    iam = client(fresh, "iam")
    iam.meta.events.register("before-call.iam", with_token)
    with pytest.raises(botocore.exceptions.ClientError) as error:
        iam.list_users()
    assert "consistency token can't be used" in str(error.value), error.value


def test_the_admin_endpoint_is_for_whoever_has_its_token(cluster):
    for token, method, path, status in [
        ("", "POST", "/reset", 401),
        ("wrong", "POST", "/reset", 401),
        (None, "GET", "/reset", 405),
        (None, "POST", "/other", 404),
    ]:
        with pytest.raises(urllib.error.HTTPError) as error:
            reset(cluster, token, method, path)
        assert error.value.code == status


def test_an_account_is_deleted_in_one_call(fresh, tmp_path):
    profile = tmp_path / "profile.toml"
    shown = [f'{name} = "{fresh[name]}"' for name in ("access_key_id", "secret_access_key", "ca")]
    nodes = ["[[endpoints]]\n" + "\n".join(f'{k} = "{v}"' for k, v in e.items()) for e in fresh["endpoints"]]
    profile.write_text("\n".join(shown + nodes))

    def run(*words):
        return subprocess.run([TIDEGATE, "--profile", profile, *words], capture_output=True, text=True, timeout=60, check=False)

    assert run("account", "delete", "000000000001").returncode == 1
    done = run("account", "delete", "111122223333")
    assert done.returncode == 0, done.stderr
    refused("InvalidClientTokenId", client(fresh, "sts").get_caller_identity)
    assert client(fresh, "sts", CHINA).get_caller_identity()["Account"] == "444455556666"
    assert run("account", "delete", "111122223333").returncode == 1
    again = run("account", "create", "again", "again@example.com", "--account-id", "111122223333")
    assert again.returncode == 0, again.stderr
    refused("InvalidClientTokenId", client(fresh, "sts").get_caller_identity)


def test_a_reset_is_quick(cluster):
    took = sorted(reset(cluster)["milliseconds"] for _ in range(10))
    start = time.monotonic()
    reset(cluster)
    client(cluster, "sts").get_caller_identity()
    whole = time.monotonic() - start
    print(f"resets within {took[0]:.0f} to {took[-1]:.0f} ms, median {took[5]:.0f} ms; with a first call after it {whole * 1000:.0f} ms")
