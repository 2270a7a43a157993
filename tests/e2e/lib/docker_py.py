"""What programs do with python3-docker: a client of its own at DOCKER_HOST, one small function for
each part of the API. It needs an image "busybox". Run by tests/e2e/docker_py."""
import io
import os
import socket
import sys
import tarfile
import threading
import time
import urllib.request

import docker
from docker.errors import APIError, BuildError, ContainerError, ImageNotFound, NotFound
from docker.types import IPAMConfig, IPAMPool, LogConfig, Mount, Ulimit

client = docker.from_env(timeout=60)
checks = 0


def same(what, actual, expected):
    global checks
    if actual != expected:
        raise AssertionError(f"{what}: {actual!r} instead of {expected!r}")
    checks += 1
    print(f"   ok: {what}")


def refused(what, error, text, call, *args, **kwargs):
    try:
        call(*args, **kwargs)
    except error as e:
        same(f"{what} is refused", text.lower() in str(e).lower() or str(e), True)
        return
    raise AssertionError(f"{what}: not refused")


def until(what, condition, seconds=20):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"{what}: not within {seconds} s")
        time.sleep(0.05)
    same(what, True, True)


def tar_of(files):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(data), 0o640
            tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


def system():
    same("ping", client.ping(), True)
    same("version", client.version()["Os"], "linux")
    same("info", client.info()["OSType"], "linux")
    usage = client.df()
    same("df", sorted(k for k in usage if usage[k] is not None and k in ("Containers", "Images", "Volumes")), ["Containers", "Images", "Volumes"])


def run():
    same("run", client.containers.run("busybox", ["echo", "hi"], remove=True), b"hi\n")
    same("stderr alone", client.containers.run("busybox", ["sh", "-c", "echo out; echo err >&2"], stdout=False, stderr=True, remove=True), b"err\n")
    try:
        client.containers.run("busybox", ["sh", "-c", "echo why >&2; exit 4"], remove=True)
    except ContainerError as e:
        same("a failing run", (e.exit_status, e.stderr), (4, b"why\n"))
    refused("an image that is not there", (ImageNotFound, NotFound, APIError), "", client.containers.run, "localhost:1/none:1")
    refused("a container that is not there", NotFound, "No such container", client.containers.get, "none")
    container = client.containers.run(
        "busybox", ["sh", "-c", "echo $A; id -u; pwd; ulimit -n; cat /proc/sys/net/ipv4/ip_unprivileged_port_start; hostname; sleep 60"],
        detach=True, name="full", environment={"A": "b"}, user="12", working_dir="/tmp", labels={"team": "red"}, hostname="here",
        mem_limit="64m", pids_limit=50, nano_cpus=500_000_000, cap_drop=["ALL"], tmpfs={"/scratch": "size=1m"}, read_only=True,
        sysctls={"net.ipv4.ip_unprivileged_port_start": "80"}, ulimits=[Ulimit(name="nofile", soft=100, hard=200)],
        extra_hosts={"other": "10.9.8.7"}, dns=["127.0.0.1"], restart_policy={"Name": "on-failure", "MaximumRetryCount": 2},
        log_config=LogConfig(type=LogConfig.types.JSON, config={"max-size": "1m"}), init=True, stop_signal="SIGKILL")
    until("its output", lambda: container.logs().count(b"\n") == 6)
    same("options", container.logs().decode().split(), ["b", "12", "/tmp", "100", "80", "here"])
    container.reload()
    host = container.attrs["HostConfig"]
    same("inspect", (host["Memory"], host["PidsLimit"], host["NanoCpus"], host["ReadonlyRootfs"], host["Init"], host["RestartPolicy"]),
         (64 << 20, 50, 500_000_000, True, True, {"Name": "on-failure", "MaximumRetryCount": 2}))
    same("status, labels, short id", (container.status, container.labels, len(container.short_id)), ("running", {"team": "red"}, 10))
    same("update", container.update(mem_limit="96m", memswap_limit="192m").get("Warnings") or [], [])
    container.reload()
    same("memory after update", container.attrs["HostConfig"]["Memory"], 96 << 20)
    same("top", any("sleep" in " ".join(line) for line in container.top()["Processes"]), True)
    container.pause()
    container.reload()
    same("pause", container.status, "paused")
    container.unpause()
    container.rename("other")
    same("rename", client.containers.get("other").id, container.id)
    same("list by label", [c.id for c in client.containers.list(filters={"label": "team=red"})], [container.id])
    container.kill("SIGTERM")
    container.stop(timeout=1)
    same("wait", container.wait()["StatusCode"] in (137, 143), True)
    container.start()
    container.restart(timeout=0)
    container.reload()
    same("restart", container.status, "running")
    refused("remove of what runs", APIError, "running", container.remove)
    container.remove(force=True)
    same("gone", client.containers.list(all=True), [])


def logs_and_attach():
    container = client.containers.run("busybox", ["sh", "-c", "for i in 1 2 3; do echo line $i; sleep 0.2; done"], detach=True)
    same("logs follow", b"".join(container.logs(stream=True, follow=True)), b"line 1\nline 2\nline 3\n")
    same("logs tail", container.logs(tail=1), b"line 3\n")
    same("logs with times", container.logs(timestamps=True, tail=1).decode().split("T")[0].count("-"), 2)
    same("logs since the future", container.logs(since=int(time.time()) + 100), b"")
    container.remove()
    container = client.containers.create("busybox", ["cat"], stdin_open=True)
    stream = container.attach_socket(params={"stdin": 1, "stdout": 1, "stream": 1})
    container.start()
    stream._sock.sendall(b"through\n")
    stream._sock.shutdown(socket.SHUT_WR)
    got = b""
    while chunk := stream._sock.recv(4096):
        got += chunk
    same("attach with half-close, framed", got, b"\x01\0\0\0\0\0\0\x08through\n")
    same("it ended", container.wait(timeout=20)["StatusCode"], 0)
    container.remove()


def execs():
    container = client.containers.run("busybox", ["sleep", "60"], detach=True)
    result = container.exec_run(["sh", "-c", "echo out; echo err >&2; exit 3"], demux=True)
    same("exec", (result.exit_code, result.output), (3, (b"out\n", b"err\n")))
    result = container.exec_run("env", environment={"K": "v"}, user="7", workdir="/tmp")
    same("exec with environment", b"K=v" in result.output, True)
    same("exec stream", b"".join(container.exec_run(["sh", "-c", "echo a; echo b"], stream=True).output), b"a\nb\n")
    same("exec with a terminal", container.exec_run(["sh", "-c", "[ -t 1 ] && echo tty"], tty=True).output, b"tty\r\n")
    same("detached exec", container.exec_run(["touch", "/tmp/made"], detach=True).output, "")
    until("its effect", lambda: container.exec_run(["ls", "/tmp/made"]).exit_code == 0)
    same("a command that is not there", container.exec_run(["nothing"]).exit_code in (126, 127), True)
    container.remove(force=True)


def stats():
    container = client.containers.run("busybox", ["sleep", "60"], detach=True, mem_limit="32m")
    once = container.stats(stream=False)
    same("stats", (once["memory_stats"]["limit"], once["pids_stats"]["current"] >= 1, once["cpu_stats"]["cpu_usage"]["total_usage"] > 0), (32 << 20, True, True))
    stream = container.stats(decode=True)
    next(stream)
    second = next(stream)
    same("stats stream", second["precpu_stats"]["cpu_usage"]["total_usage"] > 0, True)
    stream.close()
    container.remove(force=True)


def archives():
    container = client.containers.run("busybox", ["sleep", "60"], detach=True)
    same("put_archive", container.put_archive("/tmp", tar_of({"a/b": b"deep", "c": b"flat"})), True)
    same("it is there", container.exec_run(["cat", "/tmp/a/b", "/tmp/c"]).output, b"deepflat")
    bits, stat = container.get_archive("/tmp/a")
    with tarfile.open(fileobj=io.BytesIO(b"".join(bits))) as tar:
        same("get_archive", (stat["name"], sorted(tar.getnames()), tar.extractfile("a/b").read()), ("a", ["a", "a/b"], b"deep"))
    refused("get_archive of what is not there", NotFound, "", container.get_archive, "/nothing")
    refused("put_archive into what is not there", NotFound, "", container.put_archive, "/nothing", tar_of({}))
    same("diff", {"Path": "/tmp/c", "Kind": 1} in container.diff(), True)
    with tarfile.open(fileobj=io.BytesIO(b"".join(container.export()))) as tar:
        same("export", "tmp/c" in tar.getnames(), True)
    image = container.commit("committed", "1", message="kept", author="me", changes=["ENV K=v"])
    same("commit", client.containers.run("committed:1", ["sh", "-c", "cat /tmp/c; echo $K"], remove=True), b"flatv\n")
    same("history", client.images.get("committed:1").history()[0]["Comment"], "kept")
    container.remove(force=True)
    client.images.remove(image.id, force=True)


def volumes():
    volume = client.volumes.create("store", labels={"k": "v"})
    client.containers.run("busybox", ["sh", "-c", "echo kept > /v/f"], volumes={"store": {"bind": "/v", "mode": "rw"}}, remove=True)
    mount = Mount("/w", "store", read_only=True)
    same("a volume keeps its files", client.containers.run("busybox", ["cat", "/w/f"], mounts=[mount], remove=True), b"kept\n")
    refused("a write to a read-only one", ContainerError, "", client.containers.run, "busybox", ["touch", "/w/g"], mounts=[mount], remove=True)
    same("inspect", (volume.attrs["Driver"], volume.attrs["Labels"]), ("local", {"k": "v"}))
    same("list", [v.name for v in client.volumes.list(filters={"label": "k=v"})], ["store"])
    user = client.containers.create("busybox", volumes=["/anonymous", "store:/v"])
    refused("remove of what is used", APIError, "in use", volume.remove)
    user.remove(v=True)
    same("the anonymous one went with its container", len(client.volumes.list()), 1)
    volume.remove()
    refused("a volume that is gone", NotFound, "store", client.volumes.get, "store")
    client.volumes.create("left")
    client.volumes.prune(filters={"all": "true"})
    same("prune", client.volumes.list(), [])


def networks():
    ipam = IPAMConfig(pool_configs=[IPAMPool(subnet="10.77.0.0/24", gateway="10.77.0.1")])
    network = client.networks.create("lan", driver="bridge", ipam=ipam, labels={"k": "v"}, check_duplicate=True)
    server = client.containers.run("busybox", ["sh", "-c", "echo page > /tmp/index.html; exec httpd -f -p 80 -h /tmp"], detach=True, name="server")
    network.connect(server, aliases=["www"], ipv4_address="10.77.0.50")
    network.reload()
    same("connect", [c.name for c in network.containers], ["server"])
    until("by name", lambda: client.containers.run("busybox", ["wget", "-qO-", "http://server/index.html"], network="lan", remove=True) == b"page\n")
    same("by alias", client.containers.run("busybox", ["wget", "-qO-", "http://www/index.html"], network="lan", remove=True), b"page\n")
    server.reload()
    same("address", server.attrs["NetworkSettings"]["Networks"]["lan"]["IPAddress"], "10.77.0.50")
    refused("remove of a network in use", APIError, "active endpoints", network.remove)
    network.disconnect(server)
    server.reload()
    same("disconnect", sorted(server.attrs["NetworkSettings"]["Networks"]), ["bridge"])
    network.remove()
    server.remove(force=True)
    same("list", sorted(n.name for n in client.networks.list()), ["bridge", "host", "none"])
    refused("a network that is not there", NotFound, "not found", client.networks.get, "lan")
    same("no network", client.containers.run("busybox", ["sh", "-c", "ip -o link | grep -c ."], network_mode="none", remove=True), b"1\n")


def images():
    dockerfile = b"FROM busybox\nARG WHO\nCOPY f /f\nRUN echo for $WHO >> /f\nLABEL l=1\nCMD cat /f\n"
    image, log = client.images.build(fileobj=io.BytesIO(tar_of({"Dockerfile": dockerfile, "f": b"file "})), custom_context=True,
                                     tag="built:1", buildargs={"WHO": "you"}, labels={"m": "2"}, rm=True)
    same("build", client.containers.run("built:1", remove=True), b"file for you\n")
    same("its log", any("Successfully built" in line.get("stream", "") for line in log), True)
    same("labels", (image.labels.get("l"), image.labels.get("m")), ("1", "2"))
    try:
        client.images.build(fileobj=io.BytesIO(b"FROM busybox\nRUN exit 9\n"))
        raise AssertionError("a failing build succeeded")
    except BuildError as e:
        same("a failing build", "9" in str(e), True)
    same("tag", image.tag("again", "2"), True)
    same("list", sorted(client.images.get("again:2").tags), ["again:2", "built:1"])
    saved = b"".join(image.save(named="built:1"))
    client.images.remove("again:2")
    client.images.remove("built:1")
    refused("an image that is gone", ImageNotFound, "No such image", client.images.get, "built:1")
    same("load", client.images.load(saved)[0].tags, ["built:1"])
    same("the loaded one runs", client.containers.run("built:1", remove=True), b"file for you\n")
    client.images.remove("built:1")
    client.images.prune(filters={"dangling": True})
    same("low-level import", "sha256:" in client.api.import_image_from_data(tar_of({"x": b"1"}), repository="imported"), True)
    client.images.remove("imported")


def events():
    seen, since = [], time.time()
    stream = client.events(decode=True, filters={"type": "container", "container": "watched"}, since=int(since))

    def collect():
        for event in stream:
            seen.append(event["Action"])
            if event["Action"] == "destroy":
                return

    reader = threading.Thread(target=collect, daemon=True)
    reader.start()
    client.containers.run("busybox", ["true"], name="watched", remove=True)
    reader.join(20)
    same("events", [a for a in seen if a in ("create", "start", "die", "destroy")], ["create", "start", "die", "destroy"])
    past = [e["Action"] for e in client.events(decode=True, since=int(since), until=int(time.time()) + 1, filters={"container": "watched", "event": "die"})]
    same("past events, filtered", past, ["die"])


class Container:
    """What testcontainers does: start with random ports, wait for a log line and for the port, stop."""

    def __init__(self, image, command, port):
        self.image, self.command, self.port = image, command, port

    def __enter__(self):
        self.handle = client.containers.run(self.image, self.command, detach=True, ports={f"{self.port}/tcp": None},
                                            labels={"org.testcontainers": "true"}, auto_remove=False)
        return self

    def __exit__(self, *_):
        self.handle.remove(force=True, v=True)

    def exposed_port(self):
        self.handle.reload()
        return int(self.handle.attrs["NetworkSettings"]["Ports"][f"{self.port}/tcp"][0]["HostPort"])

    def wait_for_log(self, line):
        until(f"log says '{line}'", lambda: line.encode() in self.handle.logs())

    def get(self, path):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.exposed_port()}{path}", timeout=5) as answer:
            return answer.read()

    def answers(self):
        try:
            return bool(self.get("/index.html"))
        except OSError:
            return False


def testcontainers():
    command = ["sh", "-c", "echo page > /tmp/index.html; echo ready; exec httpd -f -p 80 -h /tmp"]
    with Container("busybox", command, 80) as one, Container("busybox", command, 80) as two:
        for container in (one, two):
            container.wait_for_log("ready")
            until("its port answers", container.answers)
        same("two ports", one.exposed_port() != two.exposed_port(), True)
        same("page", (one.get("/index.html"), two.get("/index.html")), (b"page\n", b"page\n"))
        same("found by label", len(client.containers.list(filters={"label": "org.testcontainers=true"})), 2)
    same("nothing is left", client.containers.list(all=True), [])
    # A health check and waiting for it, as GenericContainer does.
    sick = client.containers.run("busybox", ["sh", "-c", "sleep 0.5; touch /tmp/ok; sleep 60"], detach=True,
                                 healthcheck={"test": ["CMD", "ls", "/tmp/ok"], "interval": 200_000_000, "retries": 20})
    until("healthy", lambda: client.api.inspect_container(sick.id)["State"]["Health"]["Status"] == "healthy")
    sick.remove(force=True)
    same("prune", isinstance(client.containers.prune(filters={"label": "org.testcontainers"}).get("SpaceReclaimed"), int), True)


PARTS = [system, run, logs_and_attach, execs, stats, archives, volumes, networks, images, events, testcontainers]
wanted = sys.argv[1:]
failed = 0
for part in PARTS:
    if wanted and part.__name__ not in wanted:
        continue
    print(f"-- {part.__name__}")
    try:
        part()
    except Exception as error:  # the other parts are worth knowing too
        import traceback
        traceback.print_exc()
        print(f"   FAILED: {part.__name__}: {error}", file=sys.stderr)
        failed += 1
        for left in client.containers.list(all=True):
            left.remove(force=True)
print(f"{checks} checks of python3-docker held, {failed} parts failed")
sys.exit(1 if failed else 0)
