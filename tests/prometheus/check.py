"""Lets a real Prometheus watch a rollout on a simulated AWS, then asks it every query of the dashboards and alerts.

A query on a misspelt metric or label is no error in Prometheus, only an empty answer; so answers must not be empty. Queries
are asked over the whole time of the rollout, because a panel may be filled only for a part of it.

Usage: check.py PROGRAM FOLDER. Prints one line for each check; the folder is for the caller to remove.
"""

import json
import math
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

HERE = Path(__file__).resolve().parent
DASHBOARDS = HERE.parent.parent / "dashboards"
ROLLOUT = "agent-2"

# Seconds of the world in a second here. Slow enough that every phase is scraped several times.
SPEED = 50

# Longest time for anything, in seconds.
PATIENCE = 120

# Panels that may be empty after this rollout, each with the reason.
MAY_BE_EMPTY: dict[str, str] = {}

# Alerts that this rollout must fire; whether the others fire when they should is alerts.test.yml's.
MUST_FIRE = ["WavetrainRollbackDecided"]


class Checks:
    """Counts and prints."""

    def __init__(self) -> None:
        self.passed = 0
        self.failed = 0

    def note(self, name: str, error: str = "") -> bool:
        if error:
            self.failed += 1
            print(f"FAIL {name}: {error}", flush=True)
        else:
            self.passed += 1
            print(f"ok   {name}", flush=True)
        return not error


class Processes:
    """What was started here; nothing else is ever stopped."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.started: list[subprocess.Popen] = []

    def start(self, name: str, command: list[str], env: dict[str, str]) -> subprocess.Popen:
        with open(self.folder / f"{name}.out", "wb") as out, open(self.folder / f"{name}.err", "wb") as err:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=out, stderr=err, env=env, cwd=self.folder
            )
        self.started.append(process)
        return process

    def said(self, name: str, stream: str) -> str:
        return (self.folder / f"{name}.{stream}").read_text(errors="replace")

    def stop_all(self) -> None:
        for process in self.started:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for process in self.started:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def until(what: str, look):
    """Asks again until `look` finds something."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        found = look()
        if found:
            return found
        time.sleep(0.05)
    raise SystemExit(f"FAIL waited in vain until {what}")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def page(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except (urllib.error.URLError, OSError):
        return 0, ""


class Prometheus:
    """Its HTTP API."""

    def __init__(self, url: str) -> None:
        self.url = url

    def api(self, path: str, **parameters: str) -> dict:
        query = urllib.parse.urlencode(parameters)
        _, body = page(f"{self.url}/api/v1/{path}?{query}")
        return json.loads(body) if body else {"status": "error", "error": "no answer"}

    def over(self, expression: str, begin: float, end: float) -> tuple[list[dict], str]:
        """Series with at least one number in them, and the error if there is one."""
        answer = self.api("query_range", query=expression, start=str(begin), end=str(end), step="1")
        if answer["status"] != "success":
            return [], answer.get("error", "no reason given")
        full = [
            series
            for series in answer["data"]["result"]
            if any(not math.isnan(float(value)) for _, value in series["values"])
        ]
        return full, ""


def filled_in(expression: str) -> str:
    """What Grafana would ask."""
    for variable, value in {
        "$__rate_interval": "4s",
        "$__interval": "1s",
        "$__range": "60s",
        "$rollout": ROLLOUT,
    }.items():
        expression = expression.replace(variable, value)
    return expression


def check_targets(checks: Checks, prometheus: Prometheus, begin: float, end: float) -> None:
    for path in sorted(DASHBOARDS.glob("*.json")):
        dashboard = json.loads(path.read_text())
        for panel in dashboard["panels"]:
            for target in panel.get("targets", []):
                name = f"{path.name}: {panel['title']} ({target['refId']})"
                checks.note(name, why_bad(prometheus, panel, target, begin, end))
        for variable in dashboard["templating"]["list"]:
            if variable["type"] == "query":
                asked = re.fullmatch(r"label_values\((\w+), (\w+)\)", variable["definition"])
                name = f"{path.name}: variable {variable['name']}"
                if not asked:
                    checks.note(name, "not label_values(metric, label)")
                    continue
                values = prometheus.api(f"label/{asked[2]}/values", **{"match[]": asked[1]}).get("data", [])
                checks.note(name, "" if ROLLOUT in values else f"offers only {values}")


def why_bad(prometheus: Prometheus, panel: dict, target: dict, begin: float, end: float) -> str:
    expression = filled_in(target["expr"])
    if "$" in expression:
        return f"a variable that nobody knows: {expression}"
    series, error = prometheus.over(expression, begin, end)
    if error:
        return error
    if not series and panel["title"] not in MAY_BE_EMPTY:
        return f"no data for {expression}"
    wanted = re.findall(r"{{\s*(\w+)\s*}}", target["legendFormat"])
    missing = [label for label in wanted if any(label not in one["metric"] for one in series)]
    return f"the legend's labels are missing in the answer: {missing}" if missing else ""


def check_alerts(checks: Checks, prometheus: Prometheus, begin: float, end: float) -> None:
    groups = prometheus.api("rules")["data"]["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    checks.note("alerts.yml is loaded", "" if rules else "no rules")
    for rule in rules:
        error = rule.get("lastError", "") or ("" if rule["health"] == "ok" else f"health {rule['health']}")
        checks.note(f"alerts.yml: {rule['name']} is evaluated", error)
    for name in MUST_FIRE:
        series, error = prometheus.over(f'ALERTS{{alertname="{name}",alertstate="firing"}}', begin, end)
        checks.note(f"alerts.yml: {name} fires", error or ("" if series else "it did not"))


def check_tool(checks: Checks, name: str, command: list[str], cwd: Path, text: str | None = None) -> None:
    done = subprocess.run(command, input=text, capture_output=True, text=True, cwd=cwd, timeout=PATIENCE)
    checks.note(name, "" if done.returncode == 0 else " ".join((done.stdout + done.stderr).split()))


def check_files(checks: Checks, folder: Path) -> None:
    check_tool(checks, "promtool check rules", ["promtool", "check", "rules", str(DASHBOARDS / "alerts.yml")], folder)
    shutil.copy(DASHBOARDS / "alerts.yml", folder)
    shutil.copy(HERE / "alerts.test.yml", folder)
    check_tool(checks, "promtool test rules", ["promtool", "test", "rules", "alerts.test.yml"], folder)


def check_address(checks: Checks, program: str, target: str, env: dict[str, str], folder: Path) -> None:
    """A second process on the same port says so and does nothing."""
    command = [program, "apply", str(HERE / "plan.yaml"), "--yes", "--metrics-listen", target, "--state", "other.db"]
    done = subprocess.run(command, capture_output=True, text=True, env=env, cwd=folder, timeout=PATIENCE)
    clear = done.returncode != 0 and target in done.stderr and "choose another port" in done.stderr
    checks.note("a taken port is a clear error", "" if clear else f"{done.returncode}: {done.stderr}")
    status, _ = page(f"http://{target}/healthz")
    checks.note("/healthz answers", "" if status == 200 else f"status {status}")
    status, _ = page(f"http://{target}/")
    checks.note("other pages are refused", "" if status == 404 else f"status {status}")


def check_end(checks: Checks, prometheus: Prometheus, code: int, begin: float, end: float) -> None:
    checks.note("apply ends with 5, rolled back", "" if code == 5 else f"it ended with {code}")
    last = f'last_over_time(wavetrain_rollout_phase{{rollout="{ROLLOUT}",phase="rolled_back"}}[5m]) == 1'
    series, error = prometheus.over(last, end, end)
    checks.note("the end is scraped before the process leaves", error or ("" if series else "it is not"))
    for phase in ["running", "rolling_back"]:
        asked = f'wavetrain_rollout_phase{{rollout="{ROLLOUT}",phase="{phase}"}} == 1'
        series, error = prometheus.over(asked, begin, end)
        checks.note(f"phase {phase} is seen", error or ("" if series else "it is not"))


def start_world(processes: Processes, program: str, env: dict[str, str]) -> str:
    world = str(HERE / "world.yaml")
    processes.start("sim", [program, "sim", "serve", "--world", world, "--speed", str(SPEED)], env)
    line = until("the simulated AWS is ready", lambda: processes.said("sim", "out").strip())
    return json.loads(line.splitlines()[0])["endpoint"]


def start_prometheus(processes: Processes, folder: Path, target: str, env: dict[str, str]) -> Prometheus:
    config = (HERE / "prometheus.yml").read_text()
    config = config.replace("@ALERTS@", str(DASHBOARDS / "alerts.yml")).replace("@TARGET@", target)
    (folder / "prometheus.yml").write_text(config)
    address = f"127.0.0.1:{free_port()}"
    command = ["prometheus", "--config.file=prometheus.yml", "--storage.tsdb.path=tsdb"]
    processes.start("prometheus", [*command, f"--web.listen-address={address}", "--log.level=warn"], env)
    until("Prometheus is ready", lambda: page(f"http://{address}/-/ready")[0] == 200)
    return Prometheus(f"http://{address}")


def watch(checks: Checks, processes: Processes, program: str, folder: Path) -> None:
    env = {key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "WAVETRAIN"))}
    env |= {
        "AWS_ENDPOINT_URL": start_world(processes, program, env),
        "AWS_ACCESS_KEY_ID": "hub",
        "AWS_SECRET_ACCESS_KEY": "hub",
        "AWS_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "WAVETRAIN_SIM_CLOCK": "auto",
    }
    target = f"127.0.0.1:{free_port()}"
    # Prometheus first: the process must not run while nobody watches.
    prometheus = start_prometheus(processes, folder, target, env)
    begin = time.time()
    plan = str(HERE / "plan.yaml")
    apply = processes.start("apply", [program, "apply", plan, "--yes", "--metrics-listen", target], env)
    until("a rollout is scraped", lambda: "wavetrain_rollout_info" in page(f"http://{target}/metrics")[1])
    until("calls are counted", lambda: "wavetrain_api_calls_total" in page(f"http://{target}/metrics")[1])
    check_address(checks, program, target, env, folder)
    check_tool(
        checks, "promtool check metrics", ["promtool", "check", "metrics"], folder, page(f"http://{target}/metrics")[1]
    )
    try:
        code = apply.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        checks.note("apply ends", f"it does not: {processes.said('apply', 'err')[-2000:]}")
        return
    # One more evaluation of the rules, so that what is seen last is judged too.
    time.sleep(2)
    end = time.time()
    if code != 5:
        print(processes.said("apply", "err")[-2000:], file=sys.stderr)
    check_end(checks, prometheus, code, begin, end)
    check_targets(checks, prometheus, begin, end)
    check_alerts(checks, prometheus, begin, end)


def main() -> int:
    program, folder = sys.argv[1], Path(sys.argv[2])
    checks, processes = Checks(), Processes(folder)
    check_files(checks, folder)
    try:
        watch(checks, processes, program, folder)
    finally:
        processes.stop_all()
    print(f"{checks.passed} passed, {checks.failed} failed")
    return 1 if checks.failed else 0


if __name__ == "__main__":
    sys.exit(main())
