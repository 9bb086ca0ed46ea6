#!/usr/bin/env python3
"""Holds every answer of a served world against AWS's own service models, as botocore ships them.

    wavetrain sim serve --world tests/clients/world.yaml --speed 60      # prints the endpoint
    python3 tests/clients/model.py http://127.0.0.1:PORT

boto3 ignores what it does not expect; here nothing is ignored. The bytes of every answer are read again beside boto3 and
compared with the output shape of the operation: required members, unknown members, types, enumerations, lengths, ranges
and patterns; the bodies of errors too. The calls are those of door.py and some of its own: pages of odd sizes, the waiter,
listings with every filter. Wants a freshly served world. The exit status is 1 if anything failed.
"""

import collections
import datetime
import io
import json
import re
import sys
import xml.etree.ElementTree

import botocore.exceptions
import botocore.parsers

import door
import gates

# Answered by any service, and named in no operation's model.
COMMON = {
    "AccessDenied", "AccessDeniedException", "ExpiredToken", "ExpiredTokenException", "SerializationException",
    "ThrottlingException", "UnknownOperationException", "UnrecognizedClientException", "ValidationError",
    "ValidationException",
}
# Shapes whose pattern AWS's own documented answers do not match, and what those look like.
REALLY = {"StringDateTime": r"^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z|PT\d+(\.\d+)?S|)$"}
# Java's character classes, nearly.
CLASSES = {r"\p{L}": r"\w", r"\p{N}": r"\d", r"\p{Z}": r"\s"}
INTEGERS = {"integer": 31, "long": 63}


class Fit:
    """Compares values with shapes and remembers what does not fit."""

    def __init__(self, timestamps):
        self.timestamps = timestamps
        self.problems = []

    def problem(self, path, text):
        self.problems.append(f"{path}: {text}")

    def value(self, shape, value, path):
        if value is None:
            return self.problem(path, "null, where AWS leaves a member out")
        getattr(self, f"_{shape.type_name}", self._other)(shape, value, path)

    def _structure(self, shape, value, path):
        if not isinstance(value, dict):
            return self.problem(path, f"{value!r} instead of {shape.name}")
        for name in shape.required_members:
            if name not in value:
                self.problem(path, f"{name} is required and missing")
        for name, member in value.items():
            if name in shape.members:
                self.value(shape.members[name], member, f"{path}.{name}")
            else:
                self.problem(path, f"{name} is no member of {shape.name}")

    def _list(self, shape, value, path):
        if not isinstance(value, list):
            return self.problem(path, f"{value!r} instead of a list")
        self.size(shape, len(value), path)
        for index, item in enumerate(value):
            self.value(shape.member, item, f"{path}[{index}]")

    def _map(self, shape, value, path):
        if not isinstance(value, dict):
            return self.problem(path, f"{value!r} instead of a map")
        self.size(shape, len(value), path)
        for key, item in value.items():
            self.value(shape.key, key, f"{path} key")
            self.value(shape.value, item, f"{path}[{key}]")

    def _string(self, shape, value, path):
        if not isinstance(value, str):
            return self.problem(path, f"{value!r} instead of a text")
        if shape.enum and value not in shape.enum:
            return self.problem(path, f"{value!r} is not one of {shape.enum}")
        self.size(shape, len(value), path)
        pattern = REALLY.get(shape.name, shape.metadata.get("pattern"))
        for java, python in CLASSES.items():
            pattern = pattern and pattern.replace(java, python)
        if pattern and not re.search(pattern, value):
            self.problem(path, f"{value!r} does not match {pattern}")

    def _integer(self, shape, value, path):
        if isinstance(value, bool) or not isinstance(value, int):
            return self.problem(path, f"{value!r} instead of an integer")
        if not -(2 ** INTEGERS[shape.type_name]) <= value < 2 ** INTEGERS[shape.type_name]:
            self.problem(path, f"{value} is out of range")
        self.size(shape, value, path)

    _long = _integer

    def _double(self, shape, value, path):
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            self.problem(path, f"{value!r} instead of a number")

    _float = _double

    def _boolean(self, shape, value, path):
        if not isinstance(value, bool):
            self.problem(path, f"{value!r} instead of a boolean")

    def _timestamp(self, shape, value, path):
        if isinstance(value, bool) or not isinstance(value, self.timestamps):
            return self.problem(path, f"{value!r} is no timestamp of this protocol")
        if isinstance(value, str) and not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", value):
            self.problem(path, f"{value!r} is no timestamp")

    def _other(self, shape, value, path):
        self.problem(path, f"a {shape.type_name}, which nobody expected here")

    def size(self, shape, size, path):
        least, most = shape.metadata.get("min"), shape.metadata.get("max")
        if least is not None and size < least or most is not None and size > most:
            self.problem(path, f"size {size} is not within {least} and {most}")


def from_xml(element, shape):
    """A value of an AWS Query answer, typed as its shape says; what cannot be typed stays a text."""
    if shape.type_name == "structure":
        names = {member.serialization.get("name", name): name for name, member in shape.members.items()}
        members = {}
        for child in element:
            tag = child.tag.rpartition("}")[2]
            name = names.get(tag, tag)
            members[name] = from_xml(child, shape.members[name]) if name in shape.members else child.text
        return members
    if shape.type_name == "list":
        return [from_xml(child, shape.member) for child in element]
    text = element.text or ""
    if shape.type_name in INTEGERS:
        return int(text) if re.fullmatch(r"-?\d+", text) else text
    if shape.type_name == "boolean":
        return {"true": True, "false": False}.get(text, text)
    return text


def child(element, name):
    found = [each for each in element if each.tag.rpartition("}")[2] == name]
    if len(found) != 1:
        raise AssertionError(f"{len(found)} elements {name} in {element.tag}")
    return found[0]


def from_cbor(body):
    return botocore.parsers.create_parser("smithy-rpc-v2-cbor").parse_data_item(io.BufferedReader(io.BytesIO(body)))


class Auditor:
    """Listens to the answers of clients."""

    def __init__(self):
        self.answers = collections.Counter()
        self.errors = collections.Counter()
        self.problems = []

    def listen(self, client):
        client.meta.events.register("before-parse", self.heard)

    def heard(self, operation_model, response_dict, **_):
        service, operation = operation_model.service_model.service_name, operation_model.name
        try:
            if response_dict["status_code"] >= 300:
                self.error(operation_model, response_dict)
            else:
                self.answers[service, operation] += 1
                self.answer(operation_model, response_dict)
        except Exception as error:  # an answer that cannot be read is what this looks for
            self.problems.append(f"{service} {operation}: {type(error).__name__}: {error}")

    def answer(self, model, response):
        protocol = model.service_model.resolved_protocol
        if protocol == "json":
            fit, value = Fit((int, float)), json.loads(response["body"])
        elif protocol == "smithy-rpc-v2-cbor":
            fit, value = Fit((datetime.datetime,)), from_cbor(response["body"]) if response["body"] else {}
        else:
            root = xml.etree.ElementTree.fromstring(response["body"])
            fit = Fit((str,))
            child(child(root, "ResponseMetadata"), "RequestId")
            value = from_xml(child(root, f"{model.name}Result"), model.output_shape)
        if model.output_shape is None:
            if value:
                fit.problem("answer", f"{value!r}, where nothing is answered")
        else:
            fit.value(model.output_shape, value, model.name)
        self.problems += fit.problems

    def error(self, model, response):
        protocol = model.service_model.resolved_protocol
        names = {shape.name: shape for shape in model.error_shapes}
        codes = {shape.error_code: shape for shape in model.error_shapes}
        if protocol == "query":
            root = xml.etree.ElementTree.fromstring(response["body"])
            error = child(root, "Error")
            child(root, "RequestId")
            if child(error, "Type").text not in ("Sender", "Receiver"):
                self.problems.append(f"{model.name}: error type {child(error, 'Type').text}")
            value, code, shape = {}, child(error, "Code").text, codes.get(child(error, "Code").text)
        else:
            value = json.loads(response["body"]) if protocol == "json" else from_cbor(response["body"])
            code = value.pop("__type").rpartition("#")[2]
            shape = names.get(code)
        self.errors[model.name, code] += 1
        if shape is None and code not in COMMON:
            self.problems.append(f"{model.name}: {code} is no error of this operation")
        if shape is not None and protocol != "query":
            # Members of errors are spelled `message` or `Message`; clients read both.
            spelled = {name.lower(): name for name in shape.members}
            fit = Fit((int, float, datetime.datetime))
            fit.value(shape, {spelled.get(name.lower(), name): item for name, item in value.items()}, code)
            self.problems += fit.problems
            wanted = shape.metadata.get("error", {}).get("httpStatusCode")
            if wanted not in (None, response["status_code"]):
                self.problems.append(f"{code}: status {response['status_code']} instead of {wanted}")


class Audited(door.Door):
    """The same clients, listened to."""

    def __init__(self, endpoint, auditor):
        self.auditor = auditor
        super().__init__(endpoint)

    def client(self, *arguments, **more):
        client = super().client(*arguments, **more)
        self.auditor.listen(client)
        return client


CHECKS = []


def check(function):
    CHECKS.append(function)
    return function


def paged(client, operation, member, key, sizes, **arguments):
    """The same rows in the same order, whatever the size of a page; and as many pages as that needs."""
    rows = {}
    for size in sizes:
        pages = list(client.get_paginator(operation).paginate(PaginationConfig={"PageSize": size}, **arguments))
        rows[size] = [key(row) for page in pages for row in page[member]]
        if max(len(page[member]) for page in pages) > size:
            raise AssertionError(f"a page of more than {size}")
        if len(set(rows[size])) < len(rows[size]):
            raise AssertionError(f"rows twice with pages of {size}")
    first = rows[sizes[0]]
    if not first:
        raise AssertionError("no rows")
    for size in sizes:
        door.equal(rows[size], first)
    return first


def settled(door_):
    """Lets all commands end: listings keep still then."""
    door_.sim("clock", {"advance_seconds": 7200})


@check
def nodes_come_in_pages_of_any_size(world):
    sizes = [5, 7, 13, 49, 50]
    key = lambda row: row["InstanceId"]
    door.equal(len(paged(world.ssm, "describe_instance_information", "InstanceInformationList", key, sizes)), 63)
    paged(world.ssm, "describe_instance_information", "InstanceInformationList", key, [5, 6],
          Filters=[{"Key": "PingStatus", "Values": ["Online"]}])
    sizes = [5, 11, 62, 63, 64, 1000]
    door.equal(len(paged(world.ssm, "describe_instance_properties", "InstanceProperties", key, sizes)), 63)


@check
def commands_and_their_rows_come_in_pages_of_any_size(world):
    nodes = world.ids()
    first = world.send(nodes[:33], MaxConcurrency="100%")
    for _ in range(7):
        world.send(nodes[:2])
    settled(world)
    commands = paged(world.ssm, "list_commands", "Commands", lambda row: row["CommandId"], [1, 3, 7, 50])
    if len(commands) < 8:
        raise AssertionError(f"{len(commands)} commands")
    key = lambda row: (row["CommandId"], row["InstanceId"])
    rows = paged(world.ssm, "list_command_invocations", "CommandInvocations", key, [1, 2, 7, 32, 33, 34, 50],
                 CommandId=first["CommandId"], Details=True)
    door.equal(len(rows), 33)
    paged(world.ssm, "list_command_invocations", "CommandInvocations", key, [3, 49, 50])


@check
def documents_and_alarms_come_in_pages_of_any_size(world):
    paged(world.ssm, "list_documents", "DocumentIdentifiers", lambda row: row["Name"], [1, 2, 50])
    paged(world.ssm, "list_document_versions", "DocumentVersions", lambda row: row["VersionName"], [1, 2, 49],
          Name="tool")
    alarms = []
    for page in world.cloudwatch.get_paginator("describe_alarms").paginate(
            AlarmTypes=["MetricAlarm", "CompositeAlarm"], PaginationConfig={"PageSize": 1}):
        alarms += [alarm["AlarmName"] for alarm in page["MetricAlarms"] + page["CompositeAlarms"]]
    door.equal(sorted(alarms), ["tool-crashing", "tool-errors", "tool-health"])


@check
def the_paginator_stops_and_starts_where_it_is_told(world):
    paginator = world.ssm.get_paginator("describe_instance_information")
    every = world.ids() + world.ids("Windows")
    part = paginator.paginate(PaginationConfig={"MaxItems": 17, "PageSize": 6}).build_full_result()
    rest = paginator.paginate(
        PaginationConfig={"StartingToken": part["NextToken"], "PageSize": 9}).build_full_result()
    found = [row["InstanceId"] for result in (part, rest) for row in result["InstanceInformationList"]]
    door.equal(len(part["InstanceInformationList"]), 17)
    door.equal(sorted(found), sorted(every))


@check
def short_and_empty_pages_lose_nothing(world):
    world.sim("faults", {"add": [{"operations": ["DescribeInstanceInformation"], "every": 2, "short_pages": True}]})
    try:
        key = lambda row: row["InstanceId"]
        door.equal(len(paged(world.ssm, "describe_instance_information", "InstanceInformationList", key, [5, 20])), 63)
    finally:
        world.sim("faults", {"clear": True})


@check
def the_waiter_waits_for_success(world):
    node = world.ids()[3]
    world.wait(world.send([node]), node)


@check
def the_waiter_tells_failure_from_success(world):
    node = world.ids()[4]
    failing = {"commands": ["exit 3"]}
    command = world.ssm.send_command(
        DocumentName="AWS-RunShellScript", InstanceIds=[node], Parameters=failing)["Command"]
    cancelled = world.send([node])
    world.ssm.cancel_command(CommandId=cancelled["CommandId"])
    offline = world.ids()[5]
    world.sim(f"nodes/{offline}", {"action": "offline"})
    silent = world.send([offline], TimeoutSeconds=30)
    world.sim("clock", {"advance_seconds": 3600})
    world.sim(f"nodes/{offline}", {"action": "online"})
    ended = set()
    for sent, target in [(command, node), (cancelled, node), (silent, offline)]:
        status = world.ssm.get_command_invocation(CommandId=sent["CommandId"], InstanceId=target)["Status"]
        ended.add(status)
        if status == "Success":
            continue
        try:
            world.wait(sent, target)
        except botocore.exceptions.WaiterError as error:
            if "terminal failure state" not in str(error):
                raise AssertionError(f"{status}: {error}") from error
        else:
            raise AssertionError(f"{status} taken for success")
    if not ended - {"Success"}:
        raise AssertionError("nothing failed")


@check
def listings_take_every_filter(world):
    since = "2026-01-01T00:00:00Z"
    for key, value in [("InvokedAfter", since), ("InvokedBefore", "2027-01-01T00:00:00Z"), ("Status", "Success"),
                       ("ExecutionStage", "Complete"), ("DocumentName", "AWS-ConfigureAWSPackage")]:
        if not world.ssm.list_commands(Filters=[{"key": key, "value": value}])["Commands"]:
            raise AssertionError(f"no command with {key} {value}")
    node = world.ids()[0]
    for filters in [{"Key": "InstanceIds", "Values": [node]}, {"Key": "PlatformTypes", "Values": ["Linux", "Windows"]},
                    {"Key": "ResourceType", "Values": ["EC2Instance", "ManagedInstance"]},
                    {"Key": "tag-key", "Values": ["service"]}, {"Key": "tag:service", "Values": ["web", "desk"]},
                    {"Key": "PingStatus", "Values": ["Online"]}]:
        if not world.ssm.describe_instance_information(Filters=[filters])["InstanceInformationList"]:
            raise AssertionError(f"no node with {filters}")
    for filters in [{"Key": "InstanceIds", "Values": [node], "Operator": "Equal"},
                    {"Key": "PlatformTypes", "Values": ["Linux"], "Operator": "Equal"}]:
        if not world.ssm.describe_instance_properties(FiltersWithOperator=[filters])["InstanceProperties"]:
            raise AssertionError(f"no node with {filters}")


@check
def every_kind_of_answer_is_asked_for(world):
    """What door.py leaves out."""
    node = world.ids()[0]
    arguments = {"ResourceType": "ManagedInstance", "ResourceId": node}
    world.ssm.add_tags_to_resource(Tags=[{"Key": "model", "Value": "checked"}], **arguments)
    tags = world.ssm.list_tags_for_resource(**arguments)["TagList"]
    if {"Key": "model", "Value": "checked"} not in tags:
        raise AssertionError(f"{tags}")
    world.ssm.send_command(
        DocumentName="AWS-ConfigureAWSPackage", Parameters=door.INSTALL, MaxErrors="10%", MaxConcurrency="1",
        Targets=[{"Key": "tag:service", "Values": ["desk"]}], Comment="x" * 100)
    settled(world)
    world.ssm.list_command_invocations(Details=True)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    auditor = Auditor()
    world = Audited(sys.argv[1], auditor)
    passed = failed = 0

    def told(name, problems):
        nonlocal passed, failed
        if problems:
            failed += 1
            print(f"FAIL  {name}: {'; '.join(problems[:5])}{f' and {len(problems) - 5} more' if problems[5:] else ''}")
        else:
            passed += 1
            print(f"ok    {name}", flush=True)

    # door.py's own run tells whether its checks pass; here their answers matter. The last ones break things.
    for function in door.CHECKS[:-2] + gates.CHECKS + CHECKS + door.CHECKS[-2:]:
        problems = []
        try:
            function(world)
        except Exception as error:  # every check is to run, whatever the one before it met
            problems = [f"{type(error).__name__}: {error}"]
        # Only once each: a listing repeats what is wrong with one row.
        problems += sorted(set(re.sub(r"(?<=\w)\[\d+\]", "[]", problem) for problem in auditor.problems))
        auditor.problems.clear()
        told(function.__name__.replace("_", " "), problems)
    for service in [world.ssm, world.cloudwatch, world.sts, world.organizations]:
        name = service.meta.service_model.service_name
        for operation in OPERATIONS[name]:
            count = auditor.answers[name, operation]
            told(f"{name} {operation}: {count} answers were held against the model", [] if count else ["none"])
    print(f"{sum(auditor.errors.values())} errors of {len(auditor.errors)} kinds were held against the model")
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


OPERATIONS = {
    "ssm": [
        "AddTagsToResource", "CancelCommand", "CreateAssociation", "DeleteAssociation", "DescribeAssociation",
        "DescribeAssociationExecutionTargets", "DescribeAssociationExecutions", "DescribeDocument",
        "DescribeEffectiveInstanceAssociations", "DescribeInstanceAssociationsStatus", "DescribeInstanceInformation",
        "DescribeInstanceProperties", "GetCommandInvocation", "GetDocument", "ListAssociationVersions",
        "ListAssociations", "ListCommandInvocations", "ListCommands", "ListComplianceItems", "ListComplianceSummaries",
        "ListDocumentVersions", "ListDocuments", "ListResourceComplianceSummaries", "ListTagsForResource",
        "PutComplianceItems", "SendCommand", "StartAssociationsOnce", "UpdateAssociation",
        "UpdateDocumentDefaultVersion",
    ],
    "cloudwatch": [
        "DeleteAlarms", "DescribeAlarmHistory", "DescribeAlarms", "GetMetricData", "ListMetrics", "PutMetricAlarm",
        "PutMetricData", "SetAlarmState",
    ],
    "sts": ["AssumeRole", "GetCallerIdentity"],
    "organizations": [
        "DescribeOrganization", "ListAccounts", "ListAccountsForParent", "ListChildren", "ListOrganizationalUnitsForParent",
        "ListRoots",
    ],
}


if __name__ == "__main__":
    main()
