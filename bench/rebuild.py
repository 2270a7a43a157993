"""A Dockerfile of 12 steps after FROM (10 RUN, COPY of 2,000 files of 8 MB, RUN) built again without a
change, and after a change of one line in one of the files. The classic builder on both sides."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
import bench  # noqa: E402
import engines  # noqa: E402

FILES, SIZE = 2000, 4096


def context():
    root = "/tmp/app"
    for number in range(FILES):
        folder = f"{root}/src/{number % 40}"
        os.makedirs(folder, exist_ok=True)
        with open(f"{folder}/{number}.txt", "wb") as file:
            file.write(os.urandom(SIZE // 2).hex().encode())
    steps = [f"RUN echo step {number} > /step-{number}" for number in range(10)]
    with open(f"{root}/Dockerfile", "w") as file:
        file.write("\n".join(["FROM busybox", *steps, "COPY src /src", "RUN cat /src/*/*.txt | sha256sum > /sum"]) + "\n")
    return root


def main():
    root = context()
    slipway, dockerd = engines.Slipway().up().busybox(), engines.Dockerd().up().busybox()
    first = {}

    def build(engine):
        return bench.clock(lambda: engine.docker("build", "-t", "app", root))

    for name, engine in (("slipway", slipway), ("dockerd", dockerd)):
        first[name] = [bench.clock(lambda: engine.docker("build", "--no-cache", "-t", "app", root)) for _ in range(3)]
        build(engine)

    def changed(engine, name, number):
        with open(f"{root}/src/7/7.txt", "w") as file:
            file.write(f"line {number} for {name}\n")
        return build(engine)

    same = bench.in_turn(bench.rounds(15), slipway=lambda n: build(slipway), dockerd=lambda n: build(dockerd))
    line = bench.in_turn(bench.rounds(11), slipway=lambda n: changed(slipway, "slipway", n),
                         dockerd=lambda n: changed(dockerd, "dockerd", n))
    rival = "Docker Engine, classic"
    bench.row("12 steps, no cache", first["slipway"], rival, first["dockerd"])
    bench.row("12 steps, nothing changed", same["slipway"], rival, same["dockerd"], budget="at most 0.5")
    bench.row("12 steps, one line changed", line["slipway"], rival, line["dockerd"], budget="at most 0.5")


if __name__ == "__main__":
    main()
