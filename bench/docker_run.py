"""docker run of an image at hand, on the default bridge: Slipway and Docker Engine through the same
docker CLI, podman by its own command."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
import bench  # noqa: E402
import engines  # noqa: E402


def run(engine):
    return lambda number: bench.clock(lambda: engine.docker("run", "--rm", "busybox", "true"))


def run_podman(podman):
    return lambda number: bench.clock(
        lambda: bench.sh(*podman.command, "run", "--rm", "busybox", "true", env=podman.env))


def start(engine):
    """Until `docker run -d` returns; the removal is not measured."""
    def once(number):
        taken = bench.clock(lambda: engine.docker("run", "-d", "--name", f"bench-{number}", "busybox", "sleep", "600"))
        engine.docker("rm", "-f", f"bench-{number}")
        return taken
    return once


def version(engine):
    return lambda number: bench.clock(lambda: engine.docker("version"))


def memory(slipway, dockerd):
    """What each running container costs beside its own process: conmon, or containerd's shim."""
    for engine in (slipway, dockerd):
        for number in range(3):
            engine.docker("run", "-d", "--name", f"idle-{number}", "busybox", "sleep", "600")
    ours = [bench.resident(pid) for pid in bench.processes("conmon")]
    theirs = [bench.resident(pid) for pid in bench.processes("containerd-shim")]
    bench.row("memory beside each running container", ours, "Docker Engine", theirs, "MB", "at most 2 MB")


def main():
    slipway, dockerd, podman = engines.Slipway().up().busybox(), engines.Dockerd().up().busybox(), engines.Podman()
    podman.load(dockerd, "busybox")
    taken = bench.in_turn(bench.rounds(21), slipway=run(slipway), dockerd=run(dockerd), podman=run_podman(podman))
    bench.row("docker run --rm busybox true", taken["slipway"], "Docker Engine", taken["dockerd"], budget="at most 0.33")
    bench.row("docker run --rm busybox true", taken["slipway"], "podman", taken["podman"])
    taken = bench.in_turn(bench.rounds(15), slipway=start(slipway), dockerd=start(dockerd))
    bench.row("docker run -d", taken["slipway"], "Docker Engine", taken["dockerd"], budget="at most 0.33")
    taken = bench.in_turn(bench.rounds(15), slipway=version(slipway), dockerd=version(dockerd))
    bench.row("docker version (the CLI's own share)", taken["slipway"], "Docker Engine", taken["dockerd"])
    memory(slipway, dockerd)


main()
