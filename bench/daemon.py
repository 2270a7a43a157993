"""The daemon: from exec to its first answer, and its memory when idle; dockerd beside it."""
import time
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
import bench  # noqa: E402
import engines  # noqa: E402


def first_answer(engine):
    """From the start of the program to the first answered request on its socket."""
    def once(number):
        def start():
            engine.launch()
            bench.wait_for("a first answer", engine.answers, pause=0.0005)
        taken = bench.clock(start)
        engine.down()
        return taken
    return once


def main():
    slipway, dockerd = engines.Slipway(), engines.Dockerd()
    taken = bench.in_turn(bench.rounds(11), slipway=first_answer(slipway), dockerd=first_answer(dockerd))
    bench.row("start to first answer", taken["slipway"], "dockerd", taken["dockerd"], budget="at most 20 ms")
    slipway.up()
    dockerd.up()
    time.sleep(3)  # idle: what a start leaves to do is done
    ours = [bench.resident(slipway.process.pid)]
    theirs = [sum(bench.resident(pid) for pid in bench.processes("dockerd") + bench.processes("containerd"))]
    bench.row("idle memory, no load balancer", ours, "dockerd and containerd", theirs, "MB", "at most 25 MB")
    elb = slipway.client("elbv2")
    lb = elb.create_load_balancer(Name="bench", Subnets=slipway.subnets())["LoadBalancers"][0]["LoadBalancerArn"]
    elb.create_listener(LoadBalancerArn=lb, Protocol="HTTP", Port=80, DefaultActions=[
        {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "200"}}])
    bench.wait_for("HAProxy", lambda: bench.processes("haproxy"))
    time.sleep(3)
    both = [slipway.process.pid, *bench.processes("haproxy")]
    bench.row("idle memory with HAProxy", [sum(bench.resident(pid) for pid in both)], unit="MB", budget="at most 25 MB")


main()
