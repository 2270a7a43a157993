"""Requests through an Application Load Balancer beside a bare HAProxy of minimal configuration in front
of the same two backends, beside one that adds the four headers which AWS adds (they are most of the
difference), and beside one backend without anything in between. wrk: 2 threads, 16
connections, 10 s a turn, only to addresses inside the box."""
import json
import re
import subprocess
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
import bench  # noqa: E402
import engines  # noqa: E402

SECONDS = 3 if bench.FAST else 10
BACKENDS = ["10.77.0.2", "10.77.0.3"]
DEFAULTS = """
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
"""


def haproxy(name, text):
    path = f"/tmp/{name}.cfg"
    with open(path, "w") as file:
        file.write(DEFAULTS + text)
    return subprocess.Popen(["haproxy", "-db", "-f", path], env=engines.ENV)


def backends():
    """HAProxy answers out of memory: far faster than anything that would forward to it."""
    text = ""
    for number, address in enumerate(BACKENDS):
        bench.sh("ip", "addr", "add", f"{address}/32", "dev", "lo")
        text += f"frontend b{number}\n  bind {address}:8080\n"
        text += '  http-request return status 200 content-type text/plain string "hello from a backend"\n'
    haproxy("backends", text)


# What every request gets from an Application Load Balancer.
DIGITS = "%[rand,htonl,hex,lower]"
HEADERS = f"""  option forwardfor
  http-request set-header X-Forwarded-Proto http
  http-request set-header X-Forwarded-Port 80
  http-request set-header X-Amzn-Trace-Id Root=1-%[date,htonl,hex,lower]-{DIGITS}{DIGITS}{DIGITS}
"""


def bare(name, port, rules=""):
    servers = "".join(f"  server s{n} {address}:8080\n" for n, address in enumerate(BACKENDS))
    haproxy(name, f"frontend f\n  bind 127.0.0.1:{port}\n{rules}  default_backend b\n"
                  f"backend b\n  balance roundrobin\n{servers}")
    return f"http://127.0.0.1:{port}/"


def load_balancer(slipway):
    """Made as a user makes it; returns its address once both targets are healthy."""
    elb = slipway.client("elbv2")
    vpc = slipway.client("ec2").describe_vpcs()["Vpcs"][0]["VpcId"]
    lb = elb.create_load_balancer(Name="bench", Subnets=slipway.subnets())["LoadBalancers"][0]["LoadBalancerArn"]
    group = elb.create_target_group(Name="bench", Protocol="HTTP", Port=8080, VpcId=vpc, TargetType="ip",
                                    HealthCheckIntervalSeconds=5, HealthCheckTimeoutSeconds=2,
                                    HealthyThresholdCount=2)["TargetGroups"][0]["TargetGroupArn"]
    elb.create_listener(LoadBalancerArn=lb, Protocol="HTTP", Port=80,
                        DefaultActions=[{"Type": "forward", "TargetGroupArn": group}])
    elb.register_targets(TargetGroupArn=group,
                         Targets=[{"Id": address, "AvailabilityZone": "all"} for address in BACKENDS])

    def healthy():
        health = elb.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]
        return [h["TargetHealth"]["State"] for h in health] == ["healthy"] * len(BACKENDS)

    bench.wait_for("the targets are healthy", healthy, 60)
    status = json.loads(bench.sh(slipway.program, "status", "--json", env=engines.ENV))
    return next(lb["address"] for lb in status["load_balancers"] if lb["name"] == "bench")


def wrk(url):
    out = bench.sh("wrk", "-t", "2", "-c", "16", "-d", f"{SECONDS}s", url)
    if "Non-2xx" in out or "Socket errors" in out:
        sys.exit(f"bench: {url} lost requests:\n{out}")
    return float(re.search(r"Requests/sec:\s+([0-9.]+)", out).group(1))


def main():
    backends()
    rivals = {"bare": bare("bare", 8090), "headers": bare("headers", 8091, HEADERS)}
    slipway = engines.Slipway().up()
    urls = {"alb": f"http://{load_balancer(slipway)}/", **rivals, "direct": f"http://{BACKENDS[0]}:8080/"}
    for url in rivals.values():
        bench.wait_for("the bare HAProxy", lambda url=url: "200" in bench.sh("curl", "-sI", url))
    taken = bench.in_turn(bench.rounds(5), **{name: lambda n, url=url: wrk(url) for name, url in urls.items()})
    bench.row("requests through the ALB", taken["alb"], "bare HAProxy", taken["bare"], "/s", "at least 0.97")
    bench.row("requests through the ALB", taken["alb"], "bare HAProxy with AWS's headers", taken["headers"], "/s")
    bench.row("requests through the ALB", taken["alb"], "the backend directly", taken["direct"], "/s")
    pids = [slipway.process.pid]
    alone = bench.resident(slipway.process.pid)
    proxies = [pid for pid in bench.processes("haproxy") if b"/slipway/" in open(f"/proc/{pid}/cmdline", "rb").read()]
    bench.row("memory after that load: the daemon", [alone], unit="MB")
    bench.row("memory after that load: its HAProxy", [sum(bench.resident(pid) for pid in proxies)], unit="MB")


main()
