"""What the measurements share: rounds in turn, medians, rows of the table; small clients."""
import http.client
import json
import os
import random
import socket
import statistics
import subprocess
import sys
import time

FAST = bool(os.environ.get("SLIPWAY_BENCH_FAST"))


def rounds(wanted):
    most = int(os.environ.get("SLIPWAY_BENCH_ROUNDS", wanted))
    return min(most, max(3, wanted // 4) if FAST else wanted)


def sh(*command, env=None, stdin=None, cwd=None):
    """Runs a command; its output, or the end of the program with that output."""
    done = subprocess.run(command, env=env, input=stdin, cwd=cwd, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=900)
    if done.returncode != 0:
        sys.exit(f"bench: {' '.join(command)} ended with {done.returncode}:\n{done.stdout[-4000:]}")
    return done.stdout


def wait_for(what, check, seconds=30, pause=0.02):
    end = time.monotonic() + seconds
    while True:
        try:
            found = check()
        except (OSError, http.client.HTTPException):
            found = None
        if found:
            return found
        if time.monotonic() > end:
            sys.exit(f"bench: {what}: not within {seconds} s")
        time.sleep(pause)


def clock(work):
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def in_turn(count, warm_up=True, **contestants):
    """Each contestant once a round, in another order every round, after one round that does not
    count (unless each is the first of its kind anyway). A contestant is a function that returns what it measured, in seconds or per second."""
    order = list(contestants)
    taken = {name: [] for name in order}
    shuffle = random.Random(1)
    for number in range(0 if warm_up else 1, count + 1):
        shuffle.shuffle(order)
        for name in order:
            value = contestants[name](number)
            if number > 0:
                taken[name].append(value)
    return taken


def shown(value, unit):
    if unit == "s":
        return f"{value * 1000:.1f} ms" if value < 1 else f"{value:.2f} s"
    if unit == "MB":
        return f"{value:.1f} MB"
    return f"{value:,.0f}{unit}"


def row(what, ours, rival_name="", rival=None, unit="s", budget=""):
    """One line of the table. ours and rival are lists of measurements."""
    mine = statistics.median(ours)
    spread = f"{shown(min(ours), unit)} .. {shown(max(ours), unit)}"
    if rival is None:
        theirs, ratio = "", ""
    else:
        other = statistics.median(rival)
        theirs = f"{rival_name} {shown(other, unit)}"
        ratio = f"{mine / other:.2f}" if mine / other >= 0.1 else f"{mine / other:.1g}"
    line = [what, shown(mine, unit), theirs, ratio, budget, str(len(ours)), spread]
    print("   " + "; ".join(part for part in line if part), flush=True)
    with open(os.environ["BENCH_ROWS"], "a") as file:
        file.write("\t".join(line) + "\n")


class UnixHTTP(http.client.HTTPConnection):
    """A connection to an engine's socket."""

    def __init__(self, path):
        super().__init__("engine", timeout=120)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)

    def call(self, method, path, body=None):
        data = None if body is None else json.dumps(body)
        self.request(method, path, data, {"Content-Type": "application/json"} if data else {})
        answer = self.getresponse()
        text = answer.read()
        if answer.status >= 400:
            sys.exit(f"bench: {method} {path}: {answer.status} {text[:400]!r}")
        return json.loads(text) if text[:1] in (b"{", b"[") else text


def resident(pid):
    """The process's memory in MB: its proportional share of what is resident."""
    with open(f"/proc/{pid}/smaps_rollup") as file:
        for line in file:
            if line.startswith("Pss:"):
                return int(line.split()[1]) / 1024
    return 0.0


def cpu(pid):
    """Seconds of CPU that the process has used so far."""
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def processes(word):
    """The pids whose program is called `word` or starts with it."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                program = os.path.basename(file.read().split(b"\0")[0].decode())
        except OSError:
            continue
        if program.startswith(word):
            found.append(int(pid))
    return found
