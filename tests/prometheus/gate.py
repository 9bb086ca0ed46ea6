"""Lets rollouts ask a real Prometheus whether they may go on: one that passes, one that fails, one with a broken query.

Prometheus knows the real time only, so the simulated AWS starts now and goes as fast as everybody else.

Usage: gate.py PROGRAM FOLDER. Prints one line for each check; the folder is for the caller to remove.
"""

import datetime
import os
import subprocess
import sys
from pathlib import Path

from check import PATIENCE, Checks, Processes, json, start_prometheus, until

WORLD = """
starts_at: "{start}"
hub: "111122223333"
sites: {{ accounts: ["111122223333"], regions: [us-east-1] }}
nodes: [{{ name: web, count: 3, platform: Linux, installed: {{ agent: {{ 1.0.0-1: 1 }} }} }}]
packages:
  - name: agent
    default: 1.0.0-1
    versions: [{{ name: 1.0.0-1, takes_seconds: [1, 1] }}, {{ name: 2.0.0-1, takes_seconds: [1, 1] }}]
timing: {{ agent_wait_seconds: [0, 1], listing_lag_seconds: 1 }}
"""

PLAN = """apiVersion: wavetrain/v1
rollout:
  name: agent
  package: {{ name: agent, owner: "111122223333", version: 2.0.0-1 }}
  fleet: {{ accounts: ["111122223333"], regions: [us-east-1] }}
  waves: [{{ name: all, percent: 100, bake: 10s }}]
  limits: {{ in_flight: 100% }}
  gates:
    - name: targets
      every: 10s
      consecutive_error_limit: 0
      prometheus: {{ url: "{url}", query: '{query}', window: 2s, {more} }}
  api: {{ first_poll: 1s, settle: 30s }}
"""

CASES = {
    "a query that holds lets the wave pass": (0, 'count(up{job="wavetrain"})', "pass_if: value == 1", ""),
    "a range query that breaks rolls back": (5, "vector(7)", "step: 1s, fail_if: minimum > 5", "is 7"),
    "a query that does not parse is an error": (6, "sum(up", "pass_if: value > 0", "parse error"),
}


def main() -> int:
    program, folder = sys.argv[1], Path(sys.argv[2])
    checks = Checks()
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "WAVETRAIN"))}
    clean |= {"AWS_ACCESS_KEY_ID": "hub", "AWS_SECRET_ACCESS_KEY": "hub", "AWS_REGION": "us-east-1"}
    clean |= {"AWS_EC2_METADATA_DISABLED": "true"}
    everyone: list[Processes] = []
    try:
        root = Processes(folder)
        everyone.append(root)
        prometheus = start_prometheus(root, folder, "127.0.0.1:9", clean)
        until("Prometheus has tried its target", lambda: prometheus.api("query", query="up")["data"]["result"])
        started = []
        for at, (name, (code, query, more, text)) in enumerate(CASES.items()):
            own = folder / str(at)
            own.mkdir()
            processes = Processes(own)
            everyone.append(processes)
            started.append((name, code, text, processes, begin(processes, program, own, prometheus.url, query, more, clean)))
        for name, code, text, processes, apply in started:
            try:
                ended = apply.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                ended = -1
            said = processes.said("apply", "err")
            is_right = ended == code and text in said
            checks.note(name, "" if is_right else f"ended with {ended}, wanted {code} and `{text}`: {said[-1500:]}")
    finally:
        for processes in everyone:
            processes.stop_all()
    print(f"{checks.passed} passed, {checks.failed} failed")
    return 1 if checks.failed else 0


def begin(processes, program, folder, url, query, more, clean):
    """Serves a small world from now on, and starts a rollout in it."""
    now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    (folder / "world.yaml").write_text(WORLD.format(start=now))
    (folder / "plan.yaml").write_text(PLAN.format(url=url, query=query, more=more))
    processes.start("sim", [program, "sim", "serve", "--world", "world.yaml", "--speed", "1"], clean)
    line = until("the simulated AWS is ready", lambda: processes.said("sim", "out").strip())
    env = clean | {"AWS_ENDPOINT_URL": json.loads(line.splitlines()[0])["endpoint"]}
    return processes.start("apply", [program, "apply", "plan.yaml", "--yes"], env)


if __name__ == "__main__":
    sys.exit(main())
