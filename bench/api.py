"""AWS calls, one after the other: through botocore, and as the same signed request sent again over one
connection, which leaves the client's own work out. Debian 12 has no rival to install (moto is not
packaged), so GetCallerIdentity, the cheapest call there is, stands beside them."""
import http.client
import urllib.parse
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
import bench  # noqa: E402
import engines  # noqa: E402

CALLS = 100 if bench.FAST else 400


class Call:
    """One AWS call, repeatable both ways."""

    def __init__(self, client, method, **arguments):
        self.invoke = lambda: getattr(client, method)(**arguments)
        client.meta.events.register("before-send.*", self.keep)
        self.invoke()
        client.meta.events.unregister("before-send.*", self.keep)
        self.connection = http.client.HTTPConnection(urllib.parse.urlsplit(engines.Slipway.endpoint).netloc)

    def keep(self, request, **_):
        self.request = request.method, request.body, {
            key: value if isinstance(value, str) else value.decode() for key, value in request.headers.items()}

    def by_botocore(self, _):
        return CALLS / bench.clock(lambda: [self.invoke() for _ in range(CALLS)])

    def again(self):
        method, body, headers = self.request
        self.connection.request(method, "/", body, headers)
        answer = self.connection.getresponse()
        text = answer.read()
        if answer.status != 200:
            sys.exit(f"bench: {answer.status} {text[:400]!r}")

    def by_connection(self, _):
        self.invoke()
        return CALLS / bench.clock(lambda: [self.again() for _ in range(CALLS)])


def definition(ecs):
    return dict(family="api", networkMode="awsvpc", requiresCompatibilities=["FARGATE"], cpu="256", memory="512",
                containerDefinitions=[{"name": "main", "image": "busybox", "portMappings": [{"containerPort": 80}],
                                       "environment": [{"name": f"K{n}", "value": "v" * 20} for n in range(10)]}])


def main():
    slipway = engines.Slipway().up()
    ecs = slipway.client("ecs")
    ecs.create_cluster(clusterName="api")
    ecs.register_task_definition(**definition(ecs))
    names = [f"s{n}" for n in range(10)]
    for name in names:
        ecs.create_service(cluster="api", serviceName=name, taskDefinition="api", desiredCount=0, launchType="FARGATE",
                           networkConfiguration={"awsvpcConfiguration": {"subnets": slipway.subnets()[:1]}})
    calls = {
        "GetCallerIdentity": Call(slipway.client("sts"), "get_caller_identity"),
        "DescribeServices": Call(ecs, "describe_services", cluster="api", services=names),
        "RegisterTaskDefinition": Call(ecs, "register_task_definition", **definition(ecs)),
    }
    for how, function in (("botocore", "by_botocore"), ("one connection", "by_connection")):
        taken = bench.in_turn(5, **{name: getattr(call, function) for name, call in calls.items()})
        for name in ("DescribeServices", "RegisterTaskDefinition"):
            what = f"{name}{' of 10' if name == 'DescribeServices' else ''}, {how}"
            bench.row(what, taken[name], "GetCallerIdentity", taken["GetCallerIdentity"], "/s")


main()
