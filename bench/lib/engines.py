"""Slipway and its rivals, started inside the box: each an object with what clients need to know."""
import base64
import http.client
import json
import os
import subprocess
import sys

import bench
import botocore.config
import botocore.session

ENV = {key: value for key, value in os.environ.items() if not key.startswith(("DOCKER_", "AWS_"))}
ENV["DOCKER_BUILDKIT"] = "0"  # the classic builder: what both engines speak
ACCOUNT = "123456789012"
REGISTRY = f"{ACCOUNT}.dkr.ecr.us-east-1.amazonaws.com"


class Engine:
    """What has a Docker socket."""

    def __init__(self, socket):
        self.socket = socket
        config = f"/tmp/home/{os.path.basename(socket)}"
        os.makedirs(config, exist_ok=True)
        self.env = {**ENV, "DOCKER_HOST": f"unix://{socket}", "DOCKER_CONFIG": config}

    def docker(self, *args, **kwargs):
        return bench.sh("docker", *args, env=self.env, **kwargs)

    def api(self):
        return bench.UnixHTTP(self.socket)

    def answers(self):
        return b"OK" in self.api().call("GET", "/_ping")

    def busybox(self):
        self.docker("build", "-q", "-t", "busybox", busybox_context())
        return self


class Slipway(Engine):
    endpoint = "http://127.0.0.1:4566"
    program = os.path.join(os.environ["SLIPWAY_BUILD"], "slipway")

    def __init__(self, data="/tmp/slipway"):
        super().__init__("/run/slipway/docker.sock")
        self.data = data

    def launch(self):
        self.process = subprocess.Popen([self.program, "up", "--data-dir", self.data], env=ENV,
                                        stdout=subprocess.DEVNULL, stderr=open("/tmp/slipway.err", "a"))

    def up(self):
        self.launch()
        bench.wait_for("Slipway's first answer", self.answers)
        exports = bench.sh(self.program, "env", env=ENV)
        words = dict(line.removeprefix("export ").split("=", 1) for line in exports.splitlines() if "=" in line)
        self.keys = {name: words[name].strip("'\"") for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")}
        return self

    def down(self):
        bench.sh(self.program, "down", "--data-dir", self.data, env=ENV)
        self.process.wait(60)

    def client(self, service):
        session = botocore.session.Session()
        config = botocore.config.Config(retries={"max_attempts": 0}, parameter_validation=False)
        return session.create_client(
            service, region_name="us-east-1", endpoint_url=self.endpoint, config=config,
            aws_access_key_id=self.keys["AWS_ACCESS_KEY_ID"], aws_secret_access_key=self.keys["AWS_SECRET_ACCESS_KEY"])

    def password(self):
        token = self.client("ecr").get_authorization_token()["authorizationData"][0]["authorizationToken"]
        return base64.b64decode(token).decode().split(":", 1)[1]

    def login(self):
        self.docker("login", "--username", "AWS", "--password-stdin", REGISTRY, stdin=self.password())

    def repository(self, name):
        self.client("ecr").create_repository(repositoryName=name)
        return f"{REGISTRY}/{name}"

    def subnets(self):
        return [s["SubnetId"] for s in self.client("ec2").describe_subnets()["Subnets"]]


class Dockerd(Engine):
    """Docker Engine as Debian packages it, with its own containerd, on the same disk."""

    def __init__(self):
        super().__init__("/run/docker.sock")

    def launch(self):
        self.log = open("/tmp/dockerd.log", "a")
        self.process = subprocess.Popen(
            ["dockerd", "--data-root", "/tmp/docker", "--exec-root", "/run/docker", "-H", f"unix://{self.socket}",
             "--pidfile", "/run/docker.pid"], env=ENV, stdout=self.log, stderr=self.log)

    def up(self):
        self.launch()
        bench.wait_for("dockerd's first answer", self.answers)
        return self

    def down(self):
        self.process.terminate()
        self.process.wait(60)


class Podman:
    """No daemon: the command itself does the work. Its image comes out of another engine."""

    command = ["podman", "--root", "/tmp/podman", "--runroot", "/run/podman"]
    env = ENV

    def load(self, engine, image):
        engine.docker("save", "-o", "/tmp/podman.tar", image)
        bench.sh(*self.command, "load", "-i", "/tmp/podman.tar", env=ENV)
        os.remove("/tmp/podman.tar")


class DockerRegistry:
    """Debian's docker-registry on loopback: its default storage, no log of accesses, no login."""

    def __init__(self, port=5000):
        self.host = f"127.0.0.1:{port}"
        self.root = "/tmp/registry"
        with open("/tmp/registry.json", "w") as file:
            json.dump({"version": "0.1", "log": {"level": "error", "accesslog": {"disabled": True}},
                       "storage": {"filesystem": {"rootdirectory": self.root}, "cache": {"blobdescriptor": "inmemory"}},
                       "http": {"addr": self.host}}, file)

    def up(self):
        self.process = subprocess.Popen(["docker-registry", "serve", "/tmp/registry.json"], env=ENV,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        bench.wait_for("docker-registry's first answer", self.answers)
        return self

    def answers(self):
        connection = http.client.HTTPConnection(self.host)
        connection.request("GET", "/v2/")
        return connection.getresponse().status == 200


def busybox_context():
    """Debian's static busybox as an image from scratch: no registry is needed for a base."""
    root = "/tmp/busybox"
    if not os.path.exists(root):
        os.makedirs(f"{root}/bin")
        bench.sh("cp", "/bin/busybox", f"{root}/bin/")
        for name in "sh ls cat echo sleep true id grep date touch mkdir rm wc sort head sha256sum".split():
            os.symlink("busybox", f"{root}/bin/{name}")
        with open(f"{root}/Dockerfile", "w") as file:
            file.write("FROM scratch\nCOPY bin /bin\n")
    return root


if __name__ == "__main__":
    sys.exit("a library")
