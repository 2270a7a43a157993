"""docker push of a new 1 GB image: Slipway to its local ECR, Docker Engine to Debian's docker-registry.
Every round has an image of its own (the first push after the build), since a second push of known
layers moves nothing anywhere. The build is shown too: what a push saves must not be paid there."""
import shutil
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
import bench  # noqa: E402
import engines  # noqa: E402

SIZE = (100 if bench.FAST else 1000) << 20
LAYERS = 4


def context(number):
    """Four files cut out of this machine's own programs and libraries: as compressible as images are."""
    root = "/tmp/context"
    shutil.rmtree(root, ignore_errors=True)
    os.makedirs(root)
    part = SIZE // LAYERS
    lines = ["FROM scratch"]
    with open("/tmp/material", "rb") as material:
        for layer in range(LAYERS):
            with open(f"{root}/{layer}", "wb") as file:
                file.write(f"{number} {layer}\n".encode())
                file.write(material.read(part))
            lines.append(f"COPY {layer} /")
    with open(f"{root}/Dockerfile", "w") as file:
        file.write("\n".join(lines) + "\n")
    return root


def material():
    left = SIZE
    with open("/tmp/material", "wb") as out:
        for folder in ("/usr/lib", "/usr/bin", "/usr/share"):
            for parent, folders, names in os.walk(folder):
                folders.sort()
                for name in sorted(names):
                    path = os.path.join(parent, name)
                    if os.path.islink(path) or not os.path.isfile(path):
                        continue
                    with open(path, "rb") as file:
                        left -= out.write(file.read(min(left, 64 << 20)))
                    if left <= 0:
                        return
    sys.exit("bench: too little under /usr to make an image of")


def main():
    slipway, dockerd = engines.Slipway().up(), engines.Dockerd().up()
    registry = engines.DockerRegistry().up()
    slipway.login()
    target = {slipway: slipway.repository("big"), dockerd: f"{registry.host}/big"}
    built = {slipway: [], dockerd: []}
    material()

    def push(engine, number):
        name = f"{target[engine]}:{number}"
        taken = bench.clock(lambda: engine.docker("build", "-q", "-t", name, context(number)))
        built[engine].append(taken)
        os.sync()
        taken = bench.clock(lambda: engine.docker("push", "-q", name))
        engine.docker("rmi", name)
        if engine is dockerd:
            shutil.rmtree(f"{registry.root}/docker/registry/v2", ignore_errors=True)
        return taken

    taken = bench.in_turn(bench.rounds(3), warm_up=False, slipway=lambda n: push(slipway, n),
                          dockerd=lambda n: push(dockerd, n))
    size = f"{SIZE >> 20} MB"
    bench.row(f"docker push, new {size} image", taken["slipway"], "Docker Engine to docker-registry", taken["dockerd"],
              budget="at most 0.05")
    bench.row("docker build of that image, all COPY", built[slipway], "Docker Engine", built[dockerd])
    both = {engine: [a + b for a, b in zip(built[engine], taken[name])]
            for engine, name in ((slipway, "slipway"), (dockerd, "dockerd"))}
    bench.row("build and push together", both[slipway], "Docker Engine to docker-registry", both[dockerd])


main()
