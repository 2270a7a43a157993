"""docker load of a 1 GB image (four layers of files of this machine, uncompressed, as `docker save` of Docker
Engine writes them), the first container on it, docker save of it, and the daemon's peak memory meanwhile."""
import hashlib
import io
import json
import os
import sys
import tarfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
import bench  # noqa: E402
import engines  # noqa: E402

SIZE = (100 if bench.FAST else 1000) << 20
LAYERS = 4
ARCHIVE = "/tmp/big.tar"


def files():
    for folder in ("/usr/lib", "/usr/bin", "/usr/share"):
        for parent, folders, names in os.walk(folder):
            folders.sort()
            for name in sorted(names):
                path = os.path.join(parent, name)
                if os.path.isfile(path) and not os.path.islink(path) and os.path.getsize(path) < 64 << 20:
                    yield path


def layer(number, material):
    path = f"/tmp/layer-{number}.tar"
    with tarfile.open(path, "w") as tar:
        if number == 0:
            tar.add("/bin/busybox", "bin/busybox")
        while tar.offset < SIZE // LAYERS:
            source = next(material, None)
            if source is None:
                sys.exit("bench: too little under /usr to make an image of")
            tar.add(source, source[1:])
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return path, digest.hexdigest()


def archive():
    material = files()
    layers = [layer(number, material) for number in range(LAYERS)]
    config = json.dumps({"architecture": "amd64", "os": "linux", "config": {"Cmd": ["/bin/busybox", "true"]},
                         "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}" for _, digest in layers]},
                         "history": [{"created_by": "bench"}] * LAYERS}).encode()
    name = hashlib.sha256(config).hexdigest() + ".json"
    manifest = json.dumps([{"Config": name, "RepoTags": ["big:1"],
                            "Layers": [f"{digest}/layer.tar" for _, digest in layers]}]).encode()
    with tarfile.open(ARCHIVE, "w") as tar:
        for path, digest in layers:
            tar.add(path, f"{digest}/layer.tar")
            os.remove(path)
        for member, text in ((name, config), ("manifest.json", manifest)):
            info = tarfile.TarInfo(member)
            info.size = len(text)
            tar.addfile(info, io.BytesIO(text))


def peak(pid):
    with open(f"/proc/{pid}/status") as file:
        return next(int(line.split()[1]) / 1024 for line in file if line.startswith("VmHWM:"))


def main():
    archive()
    slipway, dockerd = engines.Slipway().up(), engines.Dockerd().up()
    started, saved = {slipway: [], dockerd: []}, {slipway: [], dockerd: []}

    def load(engine):
        os.sync()
        taken = bench.clock(lambda: engine.docker("load", "-q", "-i", ARCHIVE))
        started[engine].append(bench.clock(lambda: engine.docker("run", "--rm", "--network", "none", "big:1")))
        saved[engine].append(bench.clock(lambda: engine.docker("save", "-o", "/tmp/out.tar", "big:1")))
        os.remove("/tmp/out.tar")
        engine.docker("rmi", "-f", "big:1")
        return taken

    # Slipway keeps the layers of a removed image for ten minutes: only a new data folder makes the next load a first one.
    def load_anew(engine):
        taken = load(engine)
        memory.append(peak(engine.process.pid))
        engine.down()
        engine.data += "x"
        engine.up()
        return taken

    memory = []
    taken = bench.in_turn(bench.rounds(3), warm_up=False, slipway=lambda n: load_anew(slipway),
                          dockerd=lambda n: load(dockerd))
    size = f"{SIZE >> 20} MB"
    bench.row(f"docker load of a {size} image", taken["slipway"], "Docker Engine", taken["dockerd"], budget="below 1")
    bench.row("the first container on it", started[slipway], "Docker Engine", started[dockerd])
    bench.row("docker save of it", saved[slipway], "Docker Engine", saved[dockerd])
    bench.row("the daemon's peak memory meanwhile", memory, "dockerd", [peak(dockerd.process.pid)], unit="MB",
              budget="at most 200 MB")


main()
