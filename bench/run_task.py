"""A task on Fargate (awsvpc), from RunTask to RUNNING as DescribeTasks says it, beside `docker run -d`
on Docker Engine (over its API, without a CLI on either side) and beside bare crun: the same busybox."""
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
import bench  # noqa: E402
import engines  # noqa: E402

TRUST = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole",
                                                 "Principal": {"Service": "ecs-tasks.amazonaws.com"}}]}
POLICY = "arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy"


class Fargate:
    def __init__(self):
        self.slipway = engines.Slipway().up().busybox()
        self.ecs = self.slipway.client("ecs")
        self.slipway.login()
        image = self.slipway.repository("busybox")
        self.slipway.docker("tag", "busybox", image)
        self.slipway.docker("push", image)
        self.network = {"awsvpcConfiguration": {"subnets": self.slipway.subnets()[:1]}}
        self.ecs.create_cluster(clusterName="bench")
        iam = self.slipway.client("iam")
        role = iam.create_role(RoleName="ecsTaskExecutionRole", AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
        iam.attach_role_policy(RoleName="ecsTaskExecutionRole", PolicyArn=POLICY)
        self.ecs.register_task_definition(
            family="bench", networkMode="awsvpc", requiresCompatibilities=["FARGATE"], cpu="256", memory="512",
            executionRoleArn=role, containerDefinitions=[{"name": "main", "image": image, "command": ["sleep", "600"], "stopTimeout": 2}])

    def status(self):
        return self.ecs.describe_tasks(cluster="bench", tasks=[self.task])["tasks"][0]["lastStatus"]

    def reaches(self, status):
        # no faster: the questions would take the cores from what they ask about
        bench.wait_for(f"the task is {status}", lambda: self.status() == status, pause=0.005)

    def start(self):
        answer = self.ecs.run_task(cluster="bench", taskDefinition="bench", launchType="FARGATE",
                                   networkConfiguration=self.network)
        if answer["failures"]:
            sys.exit(f"bench: RunTask: {answer['failures']}")
        self.task = answer["tasks"][0]["taskArn"]
        self.reaches("RUNNING")

    def once(self, number):
        taken = bench.clock(self.start)
        self.ecs.stop_task(cluster="bench", task=self.task)
        self.reaches("STOPPED")
        return taken


class Docker:
    def __init__(self):
        self.engine = engines.Dockerd().up().busybox()
        self.api = self.engine.api()

    def start(self):
        body = {"Image": "busybox", "Cmd": ["sleep", "600"], "HostConfig": {"Memory": 512 << 20, "NanoCpus": 250000000}}
        self.id = self.api.call("POST", "/containers/create", body)["Id"]
        self.api.call("POST", f"/containers/{self.id}/start")

    def once(self, number):
        taken = bench.clock(self.start)
        self.api.call("DELETE", f"/containers/{self.id}?force=1")
        return taken


class Crun:
    """crun run alone: a ready root file system, an empty network namespace, no image, no address."""

    bundle = "/tmp/bundle"

    def __init__(self):
        os.makedirs(self.bundle)
        os.symlink(engines.busybox_context(), f"{self.bundle}/rootfs")
        bench.sh("crun", "spec", cwd=self.bundle)
        path = f"{self.bundle}/config.json"
        with open(path) as file:
            spec = json.load(file)
        spec["process"].update(terminal=False, args=["sleep", "600"])
        spec["root"].update(path=engines.busybox_context(), readonly=True)
        for name in ("proc", "sys", "dev"):
            os.makedirs(f"{engines.busybox_context()}/{name}", exist_ok=True)
        with open(path, "w") as file:
            json.dump(spec, file)

    def once(self, number):
        # crun's standard streams are the container's: not through a pipe that somebody waits for
        command = ["crun", "run", "--detach", "--bundle", self.bundle, f"bench-{number}"]
        null = os.open("/dev/null", os.O_RDWR)

        def start():
            actions = [(os.POSIX_SPAWN_DUP2, null, fd) for fd in (0, 1, 2)]
            pid = os.posix_spawnp("crun", command, engines.ENV, file_actions=actions)
            if os.waitpid(pid, 0)[1] != 0:
                sys.exit("bench: crun run failed")
        taken = bench.clock(start)
        os.close(null)
        bench.sh("crun", "delete", "--force", f"bench-{number}")
        return taken


def main():
    fargate, docker, crun = Fargate(), Docker(), Crun()
    taken = bench.in_turn(bench.rounds(21), fargate=fargate.once, docker=docker.once, crun=crun.once)
    bench.row("RunTask to RUNNING", taken["fargate"], "Docker Engine, create + start", taken["docker"],
              budget="at most 0.33")
    bench.row("RunTask to RUNNING", taken["fargate"], "bare crun run", taken["crun"], budget="at most 3")


main()
