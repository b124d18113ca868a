"""Roles for applications: boto3 without any keys finds its role by instance metadata and by the endpoint of containers.

Usage: metadata.py PROFILE TIDEGATE. Prints each step and ends with exit code 0 when all of them held.
"""

import datetime
import json
import os
import pathlib
import re
import socket
import subprocess
import sys
import tempfile
import time
import tomllib
import urllib.error
import urllib.request

TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"},
    }
)
NOBODY = TRUST.replace("ec2.amazonaws.com", "lambda.amazonaws.com")


class Machine:
    """The sidecar, and an application's environment."""

    def __init__(self, profile: str, tidegate: str, folder: pathlib.Path):
        self.path, self.tidegate, self.folder = profile, tidegate, folder
        self.profile = tomllib.loads(pathlib.Path(profile).read_text())
        self.node = self.profile["endpoints"][0]

    def run(self, *words: str, expect: int = 0) -> subprocess.CompletedProcess:
        command = [self.tidegate, "--profile", self.path, "--at", "n1", "-o", "json", *words]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == expect, (words, done.returncode, done.stdout, done.stderr)
        return done

    def call(self, *words: str):
        return json.loads(self.run(*words).stdout)

    def serve(self, secret: str, wait: bool = True) -> tuple[subprocess.Popen, str]:
        secret_file = self.folder / "instance.secret"
        secret_file.write_text(secret)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            address = f"127.0.0.1:{free.getsockname()[1]}"
        (self.folder / "container.token").unlink(missing_ok=True)
        words = ["--listen", address, "--instance-secret-file", str(secret_file), "--duration", "15m"]
        words += ["--rotate-every", "2s", "--container-token-file", str(self.folder / "container.token"), "--print-ready"]
        command = [self.tidegate, "--profile", self.path, "--at", "n1", "metadata", "serve", *words]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        if wait:
            ready = process.stdout.readline().split()
            assert ready == ["ready", f"http://{address}"], ready
        else:
            while not (self.folder / "container.token").exists():
                time.sleep(0.05)
        return process, f"http://{address}"

    def environment(self, **more: str) -> dict:
        plain = {k: v for k, v in os.environ.items() if not k.startswith("AWS_")}
        return {
            **plain,
            "AWS_ENDPOINT_URL": self.node["aws"],
            "AWS_CA_BUNDLE": self.profile["ca"],
            "AWS_REGION": self.node["region"],
            "AWS_DEFAULT_REGION": self.node["region"],
            "AWS_CONFIG_FILE": "/dev/null",
            "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
            **more,
        }


# What an application does: it never names a key. Prints a line for each answer until it is refused.
APPLICATION = """
import sys, time, boto3, botocore.exceptions
session = boto3.Session()
sts = session.client("sts")
end = time.monotonic() + float(sys.argv[1])
while time.monotonic() < end:
    credentials = session.get_credentials().get_frozen_credentials()
    start = time.time()
    try:
        print("answer", credentials.access_key, sts.get_caller_identity()["Arn"], start, flush=True)
    except botocore.exceptions.ClientError as error:
        print("refused", error.response["Error"]["Code"], start, flush=True)
        sys.exit(0)
    time.sleep(0.2)
"""


def application(machine: Machine, seconds: float, **environment: str) -> subprocess.Popen:
    command = [sys.executable, "-c", APPLICATION, str(seconds)]
    return subprocess.Popen(command, env=machine.environment(**environment), stdout=subprocess.PIPE, text=True)


def answers(process: subprocess.Popen) -> list[list[str]]:
    out, _ = process.communicate(timeout=90)
    assert process.returncode == 0, out
    return [line.split() for line in out.splitlines()]


def registered(machine: Machine) -> tuple[str, str]:
    """An instance with a role by way of its profile. Gives its id and secret; what must be refused was refused."""
    trust, nobody = machine.folder / "trust.json", machine.folder / "nobody.json"
    trust.write_text(TRUST)
    nobody.write_text(NOBODY)
    machine.run("role", "create", "app", "--trust", str(trust))
    machine.run("role", "create", "lambda", "--trust", str(nobody))
    import boto3

    iam = boto3.client(
        "iam",
        endpoint_url=machine.node["aws"] + "/read-your-writes",
        region_name=machine.node["region"],
        verify=machine.profile["ca"],
        aws_access_key_id=machine.profile["access_key_id"],
        aws_secret_access_key=machine.profile["secret_access_key"],
    )
    iam.create_instance_profile(InstanceProfileName="app")
    machine.run("instance", "register", "--profile-name", "app", expect=1)
    iam.add_role_to_instance_profile(InstanceProfileName="app", RoleName="app")
    refused = machine.run("instance", "register", "--role-name", "lambda", expect=1).stderr
    assert "does not let ec2.amazonaws.com assume it" in refused, refused
    machine.run("instance", "register", "--role-name", "none", expect=1)
    machine.run("instance", "register", expect=1)
    made = machine.call("instance", "register", "--profile-name", "app")
    listed = machine.call("instance", "list")
    listed = listed if isinstance(listed, list) else listed["instances"]
    assert [i["instance_id"] for i in listed] == [made["instance"]["instance_id"]], listed
    assert made["instance"]["role_name"] == "app", made
    print("an instance is registered, and what has no role that trusts it is not")
    return made["instance"]["instance_id"], made["instance_secret"]


def metadata(url: str) -> None:
    """The tree as curl sees it: version 2 alone."""

    def ask(method: str, path: str, **headers: str):
        request = urllib.request.Request(url + path, method=method, headers={k.replace("_", "-"): v for k, v in headers.items()})
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    assert ask("GET", "/latest/meta-data/instance-id")[0] == 401
    ttl = {"X_aws_ec2_metadata_token_ttl_seconds": "60"}
    assert ask("PUT", "/latest/api/token")[0] == 400
    assert ask("PUT", "/latest/api/token", X_Forwarded_For="10.0.0.1", **ttl)[0] == 403
    status, token = ask("PUT", "/latest/api/token", **ttl)
    assert status == 200, token
    with_token = {"X_aws_ec2_metadata_token": token}
    assert ask("GET", "/latest/meta-data/iam/security-credentials/", **with_token) == (200, "app")
    assert ask("GET", "/latest/meta-data/placement/region", **with_token) == (200, "eu-central-1")
    document = json.loads(ask("GET", "/latest/dynamic/instance-identity/document", **with_token)[1])
    assert document["accountId"] == "000000000001", document
    print("metadata of version 2 alone, refused behind a proxy")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        machine = Machine(sys.argv[1], sys.argv[2], pathlib.Path(folder))
        instance, secret = registered(machine)
        sidecar, url = machine.serve(secret)
        try:
            metadata(url)
            imds = {"AWS_EC2_METADATA_SERVICE_ENDPOINT": url}
            seen = answers(application(machine, 1, **imds))
            arns = {line[2] for line in seen}
            assert arns == {f"arn:aws:sts::000000000001:assumed-role/app/{instance}"}, seen
            first = {line[1] for line in seen}
            assert all(k.startswith("ASIA") for k in first), first
            print("boto3 without keys has its instance's role")
            time.sleep(2.5)
            second = {line[1] for line in answers(application(machine, 1, **imds))}
            assert not first & second, (first, second)
            container = {
                "AWS_CONTAINER_CREDENTIALS_FULL_URI": url + "/v2/credentials",
                "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": str(machine.folder / "container.token"),
                "AWS_EC2_METADATA_DISABLED": "true",
            }
            # botocore refreshes what has less than 15 minutes left; metadata's credentials it stretches for some minutes more.
            seen = answers(application(machine, 7, **container))
            assert {line[2] for line in seen} == arns, seen
            keys = {line[1] for line in seen}
            assert len(keys) >= 3, keys
            print(f"so has a container with its token, which saw {len(keys)} different keys within 7 s")
            running = application(machine, 60, **imds)
            assert running.stdout.readline().startswith("answer")
            added = machine.run("quarantine", "add", "arn:aws:iam::000000000001:role/app", "--reason", "a test").stdout
            issued = re.search(r'"issue_date": ?"([^"]+)"', added).group(1)
            issued = datetime.datetime.fromisoformat(issued.replace("Z", "+00:00")).timestamp()
            lines = answers(running)
            assert lines[-1][:2] == ["refused", "AccessDenied"], lines
            last = max((float(line[3]) for line in lines if line[0] == "answer"), default=issued)
            assert last - issued < 1, (last, issued)
            print(f"a quarantine of the role refuses it: the first refused call began {float(lines[-1][2]) - issued:.2f} s after it was issued")
        finally:
            sidecar.terminate()
            assert sidecar.wait(timeout=20) == 0
        machine.run("instance", "end", instance)
        machine.run("instance", "end", instance, expect=1)
        sidecar, url = machine.serve(secret, wait=False)
        try:
            token = (machine.folder / "container.token").read_text()
            request = urllib.request.Request(url + "/v2/credentials", headers={"Authorization": token})
            status = 0
            for _ in range(50):
                try:
                    urllib.request.urlopen(request, timeout=10)
                except urllib.error.HTTPError as error:
                    status = error.code
                except urllib.error.URLError:
                    pass
                if status == 403:
                    break
                time.sleep(0.2)
            assert status == 403, status
        finally:
            sidecar.terminate()
            sidecar.wait(timeout=20)
        print("the instance has ended")


if __name__ == "__main__":
    main()
