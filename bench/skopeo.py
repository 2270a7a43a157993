"""skopeo, a client that is not ours, copies a 300 MB image into Slipway's /v2/ and into Debian's
docker-registry, and out again. Layers are random, so nothing compresses, and new in every round. skopeo spends
most of a pull on digests and files of its own: so its layers are also fetched by a client that drops them."""
import base64
import hashlib
import http.client
import json
import shutil
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
import bench  # noqa: E402
import engines  # noqa: E402

LAYERS = 3
SIZE = (30 if bench.FAST else 300) << 20
LAYOUT = "/tmp/layout"


def blob(data):
    digest = hashlib.sha256(data).hexdigest()
    with open(f"{LAYOUT}/blobs/sha256/{digest}", "wb") as file:
        file.write(data)
    return {"digest": f"sha256:{digest}", "size": len(data)}


def layout():
    """An OCI layout with an image that nobody has seen before."""
    shutil.rmtree(LAYOUT, ignore_errors=True)
    os.makedirs(f"{LAYOUT}/blobs/sha256")
    layers = [{"mediaType": "application/vnd.oci.image.layer.v1.tar", **blob(os.urandom(SIZE // LAYERS))}
              for _ in range(LAYERS)]
    config = {"architecture": "amd64", "os": "linux", "config": {},
              "rootfs": {"type": "layers", "diff_ids": [layer["digest"] for layer in layers]}}
    manifest = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "layers": layers,
                "config": {"mediaType": "application/vnd.oci.image.config.v1+json", **blob(json.dumps(config).encode())}}
    top = {"mediaType": manifest["mediaType"], **blob(json.dumps(manifest).encode()),
           "annotations": {"org.opencontainers.image.ref.name": "v1"}}
    for name, content in (("index.json", {"schemaVersion": 2, "manifests": [top]}),
                          ("oci-layout", {"imageLayoutVersion": "1.0.0"})):
        with open(f"{LAYOUT}/{name}", "w") as file:
            json.dump(content, file)
    return [layer["digest"] for layer in layers]


def skopeo(*args):
    bench.sh("skopeo", "--policy", "/tmp/policy.json", "--tmpdir", "/tmp", "copy", "-q", "--authfile", "/tmp/auth.json",
             *args, env=engines.ENV)


def push(host, number):
    # without skopeo's memory of what it has seen where: every push is a first push
    shutil.rmtree("/var/lib/containers/cache", ignore_errors=True)
    taken = bench.clock(lambda: skopeo("--dest-tls-verify=false", "--preserve-digests", f"oci:{LAYOUT}:v1",
                                       f"docker://{host}/foreign:{number}"))
    return SIZE / taken / 1e6


def pull(host, number):
    taken = bench.clock(lambda: skopeo("--src-tls-verify=false", f"docker://{host}/foreign:{number}", "dir:/tmp/pulled"))
    shutil.rmtree("/tmp/pulled")
    return SIZE / taken / 1e6


def fetch(host, digests, headers):
    """The same layers over one connection, dropped as they come: what the registry itself costs."""
    connection, buffer = http.client.HTTPConnection(host), bytearray(1 << 20)

    def layers():
        for digest in digests:
            connection.request("GET", f"/v2/foreign/blobs/{digest}", headers=headers)
            answer = connection.getresponse()
            if answer.status != 200:
                sys.exit(f"bench: {host}: {answer.status}")
            while answer.readinto(buffer):
                pass

    return SIZE / bench.clock(layers) / 1e6


def main():
    slipway, registry = engines.Slipway().up(), engines.DockerRegistry().up()
    slipway.repository("foreign")
    hosts = {"slipway": "127.0.0.1:4566", "registry": registry.host}
    login = base64.b64encode(f"AWS:{slipway.password()}".encode()).decode()
    for path, content in (("/tmp/auth.json", {"auths": {hosts["slipway"]: {"auth": login}}}),
                          ("/tmp/policy.json", {"default": [{"type": "insecureAcceptAnything"}]})):
        with open(path, "w") as file:
            json.dump(content, file)
    made = {}

    def pushed(host, number):
        if number not in made:
            made[number] = layout()
            os.sync()
        return push(host, number)

    rounds = bench.rounds(11)
    up = bench.in_turn(rounds, **{name: lambda n, host=host: pushed(host, n) for name, host in hosts.items()})
    down = bench.in_turn(rounds, **{name: lambda n, host=host: pull(host, n) for name, host in hosts.items()})
    keys = {"slipway": {"Authorization": f"Basic {login}"}, "registry": {}}
    pids = {"slipway": slipway.process.pid, "registry": registry.process.pid}
    spent = {name: [] for name in hosts}

    def fetched(name, number):
        before = bench.cpu(pids[name])
        speed = fetch(hosts[name], made[number], keys[name])
        spent[name].append(bench.cpu(pids[name]) - before)
        return speed

    dropped = bench.in_turn(rounds, **{name: lambda n, name=name: fetched(name, n) for name in hosts})
    bench.row(f"skopeo push, new {SIZE >> 20} MB image", up["slipway"], "docker-registry", up["registry"], " MB/s",
              "at least 1.5")
    bench.row("skopeo pull of it", down["slipway"], "docker-registry", down["registry"], " MB/s", "at least 1.5")
    bench.row("its layers, to a client that drops them", dropped["slipway"], "docker-registry", dropped["registry"],
              " MB/s")
    bench.row("the registry's CPU time for that", spent["slipway"], "docker-registry", spent["registry"])


main()
