#!/usr/bin/env python3
"""What one would write instead: a thread pool, boto3, waves of batches, and polling of every command.

    python3 tests/bench_peer.py ENDPOINT SPEED ACCOUNT,ACCOUNT…

Does the same to the same simulated AWS as the rollout it is compared with: every node is asked for its version,
changed, and asked again, canaries first, then 10 %, 50 % and 100 % of the fleet; 50 nodes a command; a tenth of a wave
in flight, at most 32 commands at once. SPEED is that of the simulated clock: pauses are given in its seconds.
Ends with 1 if a node is not on the target version.
"""

import concurrent.futures
import sys
import threading
import time

import boto3
import botocore.config

TARGET, PACKAGE, OWNER = "2.0.0-1", "agent", "111122220000"
REGIONS = ["us-east-1", "eu-west-1"]
THREADS, BATCH, POLL_SECONDS = 32, 50, 5
FINAL = {"Success", "Failed", "TimedOut", "Cancelled", "Undeliverable", "Terminated", "DeliveryTimedOut", "ExecutionTimedOut"}
PROBES = {"Linux": "AWS-RunShellScript", "Windows": "AWS-RunPowerShellScript"}


def clients(endpoint, accounts):
    config = botocore.config.Config(max_pool_connections=THREADS, retries={"mode": "standard", "max_attempts": 8})
    keys = {"aws_access_key_id": "hub", "aws_secret_access_key": "hub"}
    sts = boto3.client("sts", endpoint_url=endpoint, region_name=REGIONS[0], **keys)
    found = {}
    for account in accounts:
        role = sts.assume_role(RoleArn=f"arn:aws:iam::{account}:role/spoke", RoleSessionName="peer", DurationSeconds=43200)["Credentials"]
        session = boto3.Session(role["AccessKeyId"], role["SecretAccessKey"], role["SessionToken"])
        for region in REGIONS:
            found[account, region] = session.client("ssm", endpoint_url=endpoint, region_name=region, config=config)
    return found


def discover(ssm):
    pages = ssm.get_paginator("describe_instance_information")
    canary = [{"Key": "tag:rollout", "Values": ["canary"]}]
    tagged = {row["InstanceId"] for page in pages.paginate(Filters=canary) for row in page["InstanceInformationList"]}
    rows = [row for page in pages.paginate(MaxResults=50) for row in page["InstanceInformationList"]]
    return [(row["InstanceId"], row["PlatformType"], row["InstanceId"] in tagged) for row in rows]


def waves(fleet):
    """Nodes of each wave: canaries, then every site's share of 10, 50 and 100 %."""
    canaries = [node for node in fleet if node[3]]
    rest = [node for node in fleet if not node[3]]
    rest.sort(key=lambda node: node[1])
    taken, found = 0, [canaries]
    for percent in (10, 50, 100):
        upto = max(0, len(fleet) * percent // 100 - len(canaries))
        found.append(rest[taken:upto])
        taken = upto
    return found


def batches(wave):
    groups = {}
    for site, node, platform, _ in wave:
        groups.setdefault((site, platform), []).append(node)
    for (site, platform), nodes in sorted(groups.items()):
        for start in range(0, len(nodes), BATCH):
            yield site, platform, nodes[start:start + BATCH]


class Peer:
    def __init__(self, endpoint, speed, accounts):
        self.speed = speed
        self.ssm = clients(endpoint, accounts)
        self.wrong = []
        self.lock = threading.Lock()

    def wait(self, ssm, command, nodes):
        while True:
            time.sleep(POLL_SECONDS / self.speed)
            pages = ssm.get_paginator("list_command_invocations").paginate(CommandId=command, Details=True)
            rows = [row for page in pages for row in page["CommandInvocations"]]
            if len(rows) == len(nodes) and all(row["Status"] in FINAL for row in rows):
                return rows

    def command(self, site, nodes, document, parameters):
        ssm = self.ssm[site]
        sent = ssm.send_command(
            DocumentName=document, InstanceIds=nodes, Parameters=parameters, MaxConcurrency="50", MaxErrors="100%",
            TimeoutSeconds=1800,
        )
        return self.wait(ssm, sent["Command"]["CommandId"], nodes)

    def batch(self, site, platform, nodes):
        probe = {"commands": ["agent --version"]}
        name = PACKAGE if site[0] == OWNER else f"arn:aws:ssm:{site[1]}:{OWNER}:document/{PACKAGE}"
        install = {
            "action": ["Install"], "installationType": ["Uninstall and reinstall"], "name": [name], "version": [TARGET],
        }
        self.command(site, nodes, PROBES[platform], probe)
        self.command(site, nodes, "AWS-ConfigureAWSPackage", install)
        rows = self.command(site, nodes, PROBES[platform], probe)
        printed = {row["InstanceId"]: row["CommandPlugins"][0].get("Output", "").strip() for row in rows}
        with self.lock:
            self.wrong += [node for node in nodes if printed.get(node) != TARGET]

    def run(self):
        with concurrent.futures.ThreadPoolExecutor(THREADS) as pool:
            found = pool.map(lambda item: [(item[0], *row) for row in discover(item[1])], self.ssm.items())
            fleet = [node for site in found for node in site]
            for wave in waves(fleet):
                in_flight = threading.Semaphore(max(1, min(THREADS, len(wave) // 10 // BATCH)))

                def one(batch, in_flight=in_flight):
                    with in_flight:
                        self.batch(*batch)

                list(pool.map(one, batches(wave)))
                if self.wrong:
                    break
        return len(fleet)


def main():
    endpoint, speed, accounts = sys.argv[1], float(sys.argv[2]), sys.argv[3].split(",")
    peer = Peer(endpoint, speed, accounts)
    nodes = peer.run()
    print(f"{nodes} nodes, {len(peer.wrong)} not on {TARGET}")
    sys.exit(1 if peer.wrong else 0)


if __name__ == "__main__":
    main()
