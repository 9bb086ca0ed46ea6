"""Publishes a package to a moto server, an AWS double that nobody here wrote, and looks at it with boto3.

    tests/clients/published.py PROGRAM

Moto has no ListDocumentVersions and does not name what is attached, so what needs these is proved elsewhere.
"""

import json
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import time

import boto3

OWNER, SPOKES, REGIONS = "123456789012", [f"2000000000{at:02}" for at in range(25)], ["us-east-1", "eu-west-1"]

PLAN = f"""\
apiVersion: wavetrain/v1
rollout:
  name: tool
  package: {{ name: tool, owner: "{OWNER}", version: 1.1.0-1, probe: {{ linux: tool version, windows: tool version }} }}
  fleet:
    accounts: {json.dumps([OWNER, *SPOKES])}
    regions: {json.dumps(REGIONS)}
    role: "arn:aws:iam::{{account}}:role/wavetrain-spoke"
  waves: [{{ name: canary, tag: {{ rollout: canary }}, bake: 30m }}, {{ name: all, percent: 100, bake: 30m }}]
"""

RECIPE = """\
apiVersion: wavetrain/v1
package:
  name: tool
  version: VERSION
  zips:
    tool-linux.zip: { from: linux, serves: [{ platform: amazon }] }
"""


def wait_for(port):
    for _ in range(600):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    sys.exit("moto did not start")


def equal(what, found, wanted):
    if found != wanted:
        sys.exit(f"FAIL {what}: {found!r}, not {wanted!r}")
    print(f"ok   {what}")


def main():
    program = pathlib.Path(sys.argv[1]).resolve()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    home = tempfile.TemporaryDirectory(prefix="wavetrain-moto-")
    folder = pathlib.Path(home.name)
    endpoint = f"http://127.0.0.1:{port}"
    keys = {"AWS_ACCESS_KEY_ID": "publisher", "AWS_SECRET_ACCESS_KEY": "publisher", "AWS_EC2_METADATA_DISABLED": "true"}
    environment = {**os.environ, **keys, "AWS_ENDPOINT_URL": endpoint, "AWS_REGION": "us-east-1", "HOME": home.name}
    environment |= {"WAVETRAIN_STATE": str(folder / "state.db"), "AWS_CONFIG_FILE": "/dev/null"}
    os.environ.update(keys)
    with open(folder / "moto.log", "wb") as log:
        command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
        moto = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        wait_for(port)
        check(program, folder, environment, endpoint)
    finally:
        moto.kill()
        moto.wait()
        home.cleanup()


def check(program, folder, environment, endpoint):
    def client(service, region):
        return boto3.client(service, region_name=region, endpoint_url=endpoint)

    def run(*arguments, code=0):
        ran = subprocess.run([program, "package", *arguments], cwd=folder, env=environment, capture_output=True, text=True)
        if ran.returncode != code:
            sys.exit(f"{arguments} ended with {ran.returncode}\n{ran.stdout}{ran.stderr}")
        return ran

    def build(version, payload):
        (folder / "linux").mkdir(exist_ok=True)
        (folder / "package.yaml").write_text(RECIPE.replace("VERSION", version))
        for script in ["install.sh", "uninstall.sh"]:
            (folder / "linux" / script).write_text("exit 0\n")
        (folder / "linux" / "payload.bin").write_bytes(os.urandom(payload))
        run("build", ".", "--out", f"dist/{version}")

    def publish(version, *more, code=0):
        where = ["--plan", "plan.yaml", "--bucket", "packages-{region}", "--output", "json"]
        return json.loads(run("publish", f"dist/{version}", *where, *more, code=code).stdout)["sites"]

    (folder / "plan.yaml").write_text(PLAN)
    build("1.0.0-1", 20 << 20)
    build("1.1.0-1", 1000)
    missing = publish("1.0.0-1", code=7)
    equal("without its bucket nothing is published", {site["outcome"] for site in missing}, {"failed"})
    for region in REGIONS:
        where = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
        client("s3", region).create_bucket(Bucket=f"packages-{region}", **where)
    # Killed at moments that nobody chose, until it comes to its end.
    command = [program, "package", "publish", "dist/1.0.0-1", "--plan", "plan.yaml", "--bucket", "packages-{region}"]
    for patience in [0.1, 0.2, 0.3, 0.4, 0.5, 0.7, 1.0]:
        running = subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            running.wait(patience)
        except subprocess.TimeoutExpired:
            running.kill()
            running.wait()
    publish("1.0.0-1")
    again = publish("1.0.0-1")
    equal("done again it does nothing", {(site["outcome"], site["uploaded_bytes"]) for site in again}, {("was there", 0)})
    fresh = publish("1.1.0-1")
    equal("another version is new", {site["outcome"] for site in fresh}, {"published"})
    for region in REGIONS:
        ssm, s3 = client("ssm", region), client("s3", region)
        manifest = (folder / "dist/1.0.0-1/manifest.json").read_text()
        document = ssm.get_document(Name="tool", VersionName="1.0.0-1")
        equal(f"{region}: the document is the manifest", document["Content"], manifest)
        built = (folder / "dist/1.0.0-1/tool-linux.zip").read_bytes()
        there = s3.get_object(Bucket=f"packages-{region}", Key="wavetrain/tool/1.0.0-1/tool-linux.zip")["Body"].read()
        equal(f"{region}: the file is what was built", there == built, True)
        left = s3.list_multipart_uploads(Bucket=f"packages-{region}").get("Uploads", [])
        equal(f"{region}: no upload is left open", left, [])
        default = ssm.describe_document(Name="tool")["Document"]
        equal(f"{region}: the default version did not move", default["VersionName"], "1.0.0-1")
        shared = ssm.describe_document_permission(Name="tool", PermissionType="Share")["AccountIds"]
        equal(f"{region}: every account may install it", sorted(shared), SPOKES)
    run("set-default", "1.1.0-1", "--plan", "plan.yaml", "--yes")
    for region in REGIONS:
        default = client("ssm", region).describe_document(Name="tool")["Document"]["VersionName"]
        equal(f"{region}: the default version is what was asked for", default, "1.1.0-1")
    build("1.0.0-1", 10)
    taken = publish("1.0.0-1", code=7)
    equal("a version that is taken is refused", {"other content" in site["error"] for site in taken}, {True})


main()
