"""Builds beside BuildKit (the one of Debian's docker.io, by its own CLI): 12 steps without cache, again
without a change, after a change of one line; three independent stages that each take 2 s. Slipway is
driven by `slipway build`."""
import os
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
import bench  # noqa: E402
import engines  # noqa: E402
import rebuild  # noqa: E402


def kit_cli():
    """A docker CLI that speaks to BuildKit without a plugin."""
    for cli in ("/usr/bin/docker", shutil.which("docker")):
        if cli and "20.10" in subprocess.run([cli, "--version"], capture_output=True, text=True).stdout:
            return cli
    sys.exit("bench: no docker CLI 20.10 (Debian's docker.io)")


def main():
    root = rebuild.context()
    slipway, dockerd = engines.Slipway().up().busybox(), engines.Dockerd().up().busybox()
    cli, env = kit_cli(), {**dockerd.env, "DOCKER_BUILDKIT": "1"}

    def ours(*options):
        return bench.clock(lambda: bench.sh(slipway.program, "build", "-q", "-t", "app", *options, root, env=slipway.env))

    def kit(*options):
        return bench.clock(lambda: bench.sh(cli, "build", "-q", "-t", "app", *options, root, env=env))

    def changed(build, name):
        def once(number):
            with open(f"{root}/src/7/7.txt", "w") as file:
                file.write(f"line {number} for {name}\n")
            return build()
        return once

    stages = "".join(f"FROM busybox AS s{n}\nRUN sleep 2; echo {n} > /{n}\n" for n in range(3))
    with open("/tmp/Stages", "w") as file:
        file.write(stages + "FROM scratch\n" + "".join(f"COPY --from=s{n} /{n} /\n" for n in range(3)))

    first = bench.in_turn(bench.rounds(7), slipway=lambda n: ours("--no-cache"), kit=lambda n: kit("--no-cache"))
    ours(), kit()
    same = bench.in_turn(bench.rounds(15), slipway=lambda n: ours(), kit=lambda n: kit())
    line = bench.in_turn(bench.rounds(11), slipway=changed(ours, "slipway"), kit=changed(kit, "kit"))
    side = bench.in_turn(bench.rounds(3), slipway=lambda n: ours("--no-cache", "-f", "/tmp/Stages"),
                         kit=lambda n: kit("--no-cache", "-f", "/tmp/Stages"))
    rival = "BuildKit of docker.io"
    bench.row("12 steps, no cache", first["slipway"], rival, first["kit"], budget="below 1")
    bench.row("12 steps, nothing changed", same["slipway"], rival, same["kit"], budget="at most 0.5")
    bench.row("12 steps, one line changed", line["slipway"], rival, line["kit"], budget="at most 0.5")
    bench.row("three stages of 2 s", side["slipway"], rival, side["kit"], budget="as one: 2 s and a bit")


main()
