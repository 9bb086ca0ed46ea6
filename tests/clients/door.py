#!/usr/bin/env python3
"""Drives a served world with boto3, which validates and parses by AWS's own service models.

    wavetrain sim serve --world tests/clients/world.yaml --speed 60      # prints the endpoint
    python3 tests/clients/door.py http://127.0.0.1:PORT

Prints one line per check; the exit status is 1 if any failed. Knows the names in world.yaml.
"""

import datetime
import io
import json
import sys
import urllib.request
import zipfile

import boto3
import botocore.config
import botocore.exceptions

HUB, SPOKE = "111122223333", "444455556666"
REGION = "eu-west-1"
ROLE = f"arn:aws:iam::{SPOKE}:role/wavetrain-spoke"
CONFIG = botocore.config.Config(
    retries={"total_max_attempts": 1}, connect_timeout=3, read_timeout=10, parameter_validation=False
)
INSTALL = {"action": ["Install"], "name": ["tool"], "version": ["2.0.0-1"], "installationType": ["Uninstall and reinstall"]}

CHECKS = []


def check(function):
    CHECKS.append(function)
    return function


class Door:
    """Clients of one endpoint, and what the checks share."""

    def __init__(self, endpoint):
        self.endpoint = endpoint.rstrip("/")
        self.ssm = self.client("ssm")
        self.cloudwatch = self.client("cloudwatch")
        self.sts = self.client("sts")
        self.organizations = self.client("organizations", region="us-east-1")

    def client(self, service, region=REGION, keys=("test", "test", None)):
        access, secret, token = keys
        return boto3.client(
            service, endpoint_url=self.endpoint, region_name=region, config=CONFIG,
            aws_access_key_id=access, aws_secret_access_key=secret, aws_session_token=token,
        )

    def sim(self, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            f"{self.endpoint}/_sim/{path}", data=data, headers={"content-type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)

    def ids(self, platform="Linux", ssm=None):
        pages = (ssm or self.ssm).get_paginator("describe_instance_information").paginate(
            Filters=[{"Key": "PlatformTypes", "Values": [platform]}]
        )
        return sorted(node["InstanceId"] for page in pages for node in page["InstanceInformationList"])

    def send(self, ids, **more):
        arguments = {"DocumentName": "AWS-ConfigureAWSPackage", "InstanceIds": ids, "Parameters": INSTALL} | more
        return self.ssm.send_command(**arguments)["Command"]

    def wait(self, command, node):
        self.ssm.get_waiter("command_executed").wait(
            CommandId=command["CommandId"], InstanceId=node, WaiterConfig={"Delay": 1, "MaxAttempts": 30}
        )


def equal(found, wanted):
    if found != wanted:
        raise AssertionError(f"found {found!r}, wanted {wanted!r}")


def refused(code, call, **arguments):
    """Makes a call that must fail with this error code, and returns the error's text."""
    try:
        call(**arguments)
    except botocore.exceptions.ClientError as error:
        equal(error.response["Error"]["Code"], code)
        if not error.response["ResponseMetadata"].get("RequestId"):
            raise AssertionError("no request id")
        return error.response["Error"].get("Message", "")
    raise AssertionError(f"was not refused with {code}")


@check
def caller_identity_is_the_hub(door):
    equal(door.sts.get_caller_identity()["Account"], HUB)


@check
def a_twelve_digit_access_key_is_that_account(door):
    equal(door.client("sts", keys=(SPOKE, "x", None)).get_caller_identity()["Account"], SPOKE)


@check
def assume_role_gives_keys_of_the_other_account(door):
    answer = door.sts.assume_role(RoleArn=ROLE, RoleSessionName="check", ExternalId="check-door", DurationSeconds=900)
    keys = answer["Credentials"]
    if not isinstance(keys["Expiration"], datetime.datetime):
        raise AssertionError(f"Expiration is {keys['Expiration']!r}")
    spoke = (keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"])
    identity = door.client("sts", keys=spoke).get_caller_identity()
    equal(identity["Account"], SPOKE)
    equal(identity["Arn"], f"arn:aws:sts::{SPOKE}:assumed-role/wavetrain-spoke/check")
    here, there = set(door.ids()), set(door.ids(ssm=door.client("ssm", keys=spoke)))
    if not there or here & there:
        raise AssertionError("both accounts see the same nodes")


@check
def assume_role_without_the_external_id_is_denied(door):
    refused("AccessDenied", door.sts.assume_role, RoleArn=ROLE, RoleSessionName="check")
    refused("ValidationError", door.sts.assume_role, RoleArn=ROLE, RoleSessionName="x")


@check
def accounts_are_found_by_their_units(door):
    accounts = door.organizations
    organization = accounts.describe_organization()["Organization"]
    equal(organization["MasterAccountId"], HUB)
    root = accounts.list_roots()["Roots"][0]["Id"]
    equal([unit["Name"] for unit in accounts.list_organizational_units_for_parent(ParentId=root)["OrganizationalUnits"]],
          ["Production"])
    unit = accounts.list_children(ParentId=root, ChildType="ORGANIZATIONAL_UNIT")["Children"][0]["Id"]
    pages = accounts.get_paginator("list_accounts_for_parent").paginate(ParentId=unit, PaginationConfig={"PageSize": 7})
    found = [(account["Id"], account["State"]) for page in pages for account in page["Accounts"]]
    equal(len(found), 24)
    equal(found[-1], ("999900000024", "SUSPENDED"))
    pages = accounts.get_paginator("list_accounts").paginate()
    equal(sum(len(page["Accounts"]) for page in pages), 25)
    refused("ParentNotFoundException", accounts.list_accounts_for_parent, ParentId="ou-sim0-elsewhere")
    refused("InvalidInputException", accounts.list_accounts_for_parent, ParentId="elsewhere")
    other = door.client("organizations", region="us-east-1", keys=(SPOKE, "test", None))
    refused("AccessDeniedException", other.list_roots)


@check
def regions_are_told_apart(door):
    if set(door.ids()) & set(door.ids(ssm=door.client("ssm", region="us-east-1"))):
        raise AssertionError("both Regions show the same nodes")


@check
def instance_information_is_paged_and_filtered(door):
    equal(len(door.ids("Linux")), 60)
    equal(len(door.ids("Windows")), 3)
    describe = door.ssm.describe_instance_information
    first = describe(MaxResults=50)
    if len(first["InstanceInformationList"]) > 50 or "NextToken" not in first:
        raise AssertionError("no second page")
    node = first["InstanceInformationList"][0]
    equal(node["PingStatus"], "Online")
    if not isinstance(node["LastPingDateTime"], datetime.datetime):
        raise AssertionError(f"LastPingDateTime is {node['LastPingDateTime']!r}")
    canaries = describe(Filters=[{"Key": "tag:rollout", "Values": ["canary"]}])["InstanceInformationList"]
    equal(len(canaries), 2)
    one = describe(Filters=[{"Key": "InstanceIds", "Values": [node["InstanceId"]]}])["InstanceInformationList"]
    equal([n["InstanceId"] for n in one], [node["InstanceId"]])
    old = describe(InstanceInformationFilterList=[{"key": "PlatformTypes", "valueSet": ["Windows"]}])
    equal(len(old["InstanceInformationList"]), 3)


@check
def instance_information_limits_are_those_of_the_model(door):
    describe = door.ssm.describe_instance_information
    text = refused("ValidationException", describe, MaxResults=4)
    equal(text, "1 validation error detected: Value '4' at 'maxResults' failed to satisfy constraint: "
                "Member must have value greater than or equal to 5")
    refused("InvalidFilterKey", describe, Filters=[{"Key": "Colour", "Values": ["red"]}])
    refused("InvalidNextToken", describe, NextToken="no such page")
    refused("SerializationException", describe, MaxResults="many")


@check
def instance_properties_name_the_architecture(door):
    pages = door.ssm.get_paginator("describe_instance_properties").paginate(PaginationConfig={"PageSize": 20})
    nodes = [node for page in pages for node in page["InstanceProperties"]]
    equal(len(nodes), 63)
    equal({node["Architecture"] for node in nodes}, {"x86_64"})


@check
def a_package_is_described_with_its_versions(door):
    document = door.ssm.describe_document(Name="tool", VersionName="2.0.0-1")["Document"]
    equal((document["Status"], document["DocumentType"], document["VersionName"]), ("Active", "Package", "2.0.0-1"))
    versions = door.ssm.list_document_versions(Name="tool")["DocumentVersions"]
    equal({v["VersionName"] for v in versions}, {"1.0.0-1", "2.0.0-1"})
    equal([v["VersionName"] for v in versions if v["IsDefaultVersion"]], ["1.0.0-1"])
    listed = door.ssm.list_documents(Filters=[{"Key": "Owner", "Values": ["Self"]}])["DocumentIdentifiers"]
    equal([d["Name"] for d in listed], ["tool"])
    refused("InvalidDocument", door.ssm.describe_document, Name="nothing")
    refused("InvalidDocumentVersion", door.ssm.describe_document, Name="tool", VersionName="9")


@check
def a_package_owned_elsewhere_is_seen_by_its_arn(door):
    spoke = door.client("ssm", keys=(SPOKE, "x", None))
    arn = f"arn:aws:ssm:{REGION}:{HUB}:document/tool"
    equal(spoke.describe_document(Name=arn)["Document"]["Name"], arn)
    refused("InvalidDocument", spoke.describe_document, Name="tool")


@check
def command_documents_of_aws_exist(door):
    for name in ["AWS-ConfigureAWSPackage", "AWS-RunShellScript", "AWS-RunPowerShellScript"]:
        equal(door.ssm.describe_document(Name=name)["Document"]["DocumentType"], "Command")


@check
def attachments_can_be_fetched(door):
    document = door.ssm.get_document(Name="tool", VersionName="1.0.0-1")
    manifest = json.loads(document["Content"])
    equal(manifest["schemaVersion"], "2.0")
    attachment = document["AttachmentsContent"][0]
    equal(attachment["HashType"], "Sha256")
    with urllib.request.urlopen(attachment["Url"], timeout=10) as answer:
        content = answer.read()
    equal(len(content), attachment["Size"])
    with zipfile.ZipFile(io.BytesIO(content)) as package:
        equal(package.testzip(), None)
        if not {"install.sh", "install.ps1"} & set(package.namelist()):
            raise AssertionError(f"no install script in {package.namelist()}")


@check
def a_command_runs_to_success_and_is_listed(door):
    node = door.ids()[0]
    command = door.send([node], Comment="door check", TimeoutSeconds=60)
    equal(len(command["CommandId"]), 36)
    door.wait(command, node)
    invocation = door.ssm.get_command_invocation(CommandId=command["CommandId"], InstanceId=node)
    equal((invocation["Status"], invocation["ResponseCode"]), ("Success", 0))
    if "Successfully installed" not in invocation["StandardOutputContent"]:
        raise AssertionError(invocation["StandardOutputContent"])
    listed = door.ssm.list_commands(CommandId=command["CommandId"])["Commands"]
    equal([(c["Status"], c["Comment"], c["CompletedCount"]) for c in listed], [("Success", "door check", 1)])
    rows = door.ssm.list_command_invocations(CommandId=command["CommandId"], Details=True)["CommandInvocations"]
    equal([(r["InstanceId"], r["Status"], r["CommandPlugins"][0]["Name"]) for r in rows],
          [(node, "Success", "configurePackage")])
    since = (command["RequestedDateTime"] - datetime.timedelta(minutes=1)).astimezone(datetime.timezone.utc)
    filters = [{"key": "InvokedAfter", "value": since.strftime("%Y-%m-%dT%H:%M:%SZ")},
               {"key": "DocumentName", "value": "AWS-ConfigureAWSPackage"}]
    found = [c for page in door.ssm.get_paginator("list_commands").paginate(Filters=filters) for c in page["Commands"]]
    if command["CommandId"] not in {c["CommandId"] for c in found}:
        raise AssertionError("not found by its time and document")
    truth = door.sim(f"nodes?id={node}")["nodes"][0]
    if "2.0.0-1" not in json.dumps(truth):
        raise AssertionError(f"the node runs something else: {truth}")


@check
def a_probe_prints_what_is_installed(door):
    node = door.ids()[-1]
    command = door.ssm.send_command(
        DocumentName="AWS-RunShellScript", InstanceIds=[node], Parameters={"commands": ["tool --version"]}
    )["Command"]
    door.wait(command, node)
    invocation = door.ssm.get_command_invocation(CommandId=command["CommandId"], InstanceId=node)
    equal(invocation["StandardOutputContent"].strip(), "1.0.0-1")


@check
def fifty_nodes_come_in_pages(door):
    nodes = door.ids()[:50]
    command = door.send(nodes, MaxConcurrency="100%")
    for node in nodes:
        door.wait(command, node)
    pages = list(door.ssm.get_paginator("list_command_invocations").paginate(
        CommandId=command["CommandId"], PaginationConfig={"PageSize": 20}))
    if len(pages) < 3:
        raise AssertionError(f"{len(pages)} pages")
    equal(sorted(row["InstanceId"] for page in pages for row in page["CommandInvocations"]), nodes)


@check
def commands_that_break_limits_are_refused_whole(door):
    node = door.ids()[0]
    refused("ValidationException", door.send, ids=[node] * 51)
    refused("ValidationException", door.send, ids=["x-1"])
    refused("ValidationException", door.send, ids=[node], TimeoutSeconds=29)
    refused("DuplicateInstanceId", door.send, ids=[node, node])
    missing = "i-0000000000000dead"
    text = refused("InvalidInstanceId", door.send, ids=[node, missing])
    if missing not in text:
        raise AssertionError(text)
    refused("InvalidDocument", door.send, ids=[node], DocumentName="NoSuchDocument")
    refused("InvalidParameters", door.send, ids=[node], Parameters={"action": ["Explode"], "name": ["tool"]})
    text = refused("ValidationException", door.ssm.send_command, InstanceIds=[node])
    equal(text, "1 validation error detected: Value null at 'documentName' failed to satisfy constraint: "
                "Member must not be null")


@check
def a_command_for_the_wrong_platform_is_refused_or_marked(door):
    node = door.ids("Windows")[0]
    arguments = {"DocumentName": "AWS-RunShellScript", "InstanceIds": [node], "Parameters": {"commands": ["true"]}}
    try:
        door.ssm.send_command(**arguments)
    except botocore.exceptions.ClientError as error:
        equal(error.response["Error"]["Code"], "UnsupportedPlatformType")


@check
def a_cancelled_command_stops_what_is_pending(door):
    nodes = door.ids()[:10]
    command = door.send(nodes, MaxConcurrency="1")
    equal(door.ssm.cancel_command(CommandId=command["CommandId"])["ResponseMetadata"]["HTTPStatusCode"], 200)
    door.sim("clock", {"advance_seconds": 600})
    rows = door.ssm.list_command_invocations(CommandId=command["CommandId"])["CommandInvocations"]
    if "Cancelled" not in {row["Status"] for row in rows}:
        raise AssertionError(f"{[(row['Status'], row['StatusDetails']) for row in rows]}")
    refused("InvalidCommandId", door.ssm.cancel_command, CommandId="00000000-0000-0000-0000-000000000000")


@check
def invocations_that_do_not_exist_say_so(door):
    refused("InvocationDoesNotExist", door.ssm.get_command_invocation,
            CommandId="00000000-0000-0000-0000-000000000000", InstanceId=door.ids()[0])


@check
def alarms_are_described_by_type(door):
    names = lambda answer, kind: [alarm["AlarmName"] for alarm in answer[kind]]
    usual = door.cloudwatch.describe_alarms()
    equal(names(usual, "MetricAlarms"), ["tool-crashing", "tool-errors"])
    equal(names(usual, "CompositeAlarms"), [])
    every = door.cloudwatch.describe_alarms(AlarmTypes=["MetricAlarm", "CompositeAlarm"], AlarmNamePrefix="tool-")
    equal(names(every, "CompositeAlarms"), ["tool-health"])
    equal(names(door.cloudwatch.describe_alarms(AlarmNames=["no-such-alarm"]), "MetricAlarms"), [])
    refused("ValidationError", door.cloudwatch.describe_alarms, MaxRecords=101)


@check
def alarms_change_state_and_remember(door):
    door.cloudwatch.set_alarm_state(AlarmName="tool-errors", StateValue="ALARM", StateReason="door check")
    alarm = door.cloudwatch.describe_alarms(StateValue="ALARM")["MetricAlarms"][0]
    equal((alarm["AlarmName"], alarm["StateReason"]), ("tool-errors", "door check"))
    if not isinstance(alarm["StateUpdatedTimestamp"], datetime.datetime):
        raise AssertionError(f"StateUpdatedTimestamp is {alarm['StateUpdatedTimestamp']!r}")
    since = alarm["StateUpdatedTimestamp"] - datetime.timedelta(minutes=1)
    items = door.cloudwatch.describe_alarm_history(
        AlarmName="tool-errors", HistoryItemType="StateUpdate", StartDate=since,
        EndDate=since + datetime.timedelta(hours=1))["AlarmHistoryItems"]
    if not items or json.loads(items[0]["HistoryData"])["newState"]["stateValue"] != "ALARM":
        raise AssertionError(f"{items}")
    door.cloudwatch.set_alarm_state(AlarmName="tool-errors", StateValue="OK", StateReason="door check")
    refused("ResourceNotFound", door.cloudwatch.set_alarm_state,
            AlarmName="no-such-alarm", StateValue="OK", StateReason="")


@check
def unknown_operations_are_refused(door):
    refused("UnknownOperationException", door.ssm.describe_patch_baselines)


@check
def the_record_knows_the_calls(door):
    calls = door.sim("calls?operation=SendCommand")["calls"]
    if not calls:
        raise AssertionError("no SendCommand recorded")
    equal({call["operation"] for call in calls}, {"SendCommand"})
    last = calls[-1]["sequence"]
    equal(door.sim(f"calls?operation=SendCommand&since={last}")["calls"], [])


@check
def lost_answers_look_like_a_broken_connection(door):
    door.sim("faults", {"add": [{"operations": ["SendCommand"], "first_calls": 1, "lose_answer": "after"}]})
    try:
        door.send([door.ids()[0]], Comment="lost answer")
    except botocore.exceptions.HTTPClientError:
        pass
    else:
        raise AssertionError("answered")
    finally:
        door.sim("faults", {"clear": True})
    door.sim("clock", {"advance_seconds": 60})
    sent = [c for page in door.ssm.get_paginator("list_commands").paginate() for c in page["Commands"]]
    equal(len([c for c in sent if c.get("Comment") == "lost answer"]), 1)


@check
def throttled_calls_say_rate_exceeded(door):
    fault = {"operations": ["ListCommands"], "first_calls": 1, "error": {"code": "ThrottlingException", "status": 400, "message": "Rate exceeded"}}
    door.sim("faults", {"add": [fault]})
    equal(refused("ThrottlingException", door.ssm.list_commands), "Rate exceeded")
    door.sim("faults", {"clear": True})
    door.ssm.list_commands()


@check
def expired_keys_are_refused(door):
    answer = door.sts.assume_role(RoleArn=ROLE, RoleSessionName="check", ExternalId="check-door", DurationSeconds=900)
    keys = answer["Credentials"]
    spoke = (keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"])
    door.sim("clock", {"advance_seconds": 901})
    refused("ExpiredTokenException", door.client("ssm", keys=spoke).list_commands)
    refused("ExpiredToken", door.client("sts", keys=spoke).get_caller_identity)


@check
def terminated_nodes_disappear(door):
    node = door.ids()[-1]
    door.sim(f"nodes/{node}", {"action": "terminate"})
    if node in door.ids():
        raise AssertionError("still listed")
    refused("InvalidInstanceId", door.send, ids=[node])


def run(checks, door):
    """Runs every check, tells how each went, and ends with the exit status."""
    failures = 0
    for function in checks:
        name = function.__name__.replace("_", " ")
        try:
            function(door)
            print(f"ok    {name}", flush=True)
        except Exception as error:  # every check is to run, whatever the one before it met
            failures += 1
            print(f"FAIL  {name}: {type(error).__name__}: {error}", flush=True)
    print(f"{len(checks) - failures} of {len(checks)} checks passed")
    sys.exit(1 if failures else 0)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    run(CHECKS, Door(sys.argv[1]))


if __name__ == "__main__":
    main()
