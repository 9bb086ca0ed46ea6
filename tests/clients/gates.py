#!/usr/bin/env python3
"""Drives what gates look at in a served world with boto3: metrics, alarms, compliance, associations.

    wavetrain sim serve --world tests/clients/world.yaml --speed 60      # prints the endpoint
    python3 tests/clients/gates.py http://127.0.0.1:PORT

Prints one line per check; the exit status is 1 if any failed. Knows the names in world.yaml. CloudWatch is asked in each
wire format that botocore can speak to it: JSON, CBOR, and gzip around either.
"""

import datetime
import sys

import boto3
import botocore.session

import door

CHECKS = []


def check(function):
    CHECKS.append(function)
    return function


def cbor_client(world):
    """A client of CloudWatch that speaks CBOR, as AWS's newer SDKs do; botocore would choose JSON."""
    session = botocore.session.get_session()
    loader = session.get_component("data_loader")
    load = loader.load_service_model

    def only_cbor(service, *arguments, **more):
        model = load(service, *arguments, **more)
        if "protocols" in model.get("metadata", {}) and "smithy-rpc-v2-cbor" in model["metadata"]["protocols"]:
            metadata = model["metadata"] | {"protocols": ["smithy-rpc-v2-cbor"], "protocol": "smithy-rpc-v2-cbor"}
            return model | {"metadata": metadata}
        return model

    loader.load_service_model = only_cbor
    client = boto3.Session(botocore_session=session).client(
        "cloudwatch", endpoint_url=world.endpoint, region_name=door.REGION, config=door.CONFIG,
        aws_access_key_id="test", aws_secret_access_key="test")
    door.equal(client.meta.service_model.resolved_protocol, "smithy-rpc-v2-cbor")
    if hasattr(world, "auditor"):
        world.auditor.listen(client)
    return client


def now(world):
    return datetime.datetime.fromtimestamp(world.sim("clock")["now"], datetime.timezone.utc)


def stat(id_, metric, node=None, statistic="Sum", period=60, namespace="CWAgent", **more):
    dimensions = [{"Name": "InstanceId", "Value": node}] if node else []
    metric = {"Namespace": namespace, "MetricName": metric, "Dimensions": dimensions}
    return {"Id": id_, "MetricStat": {"Metric": metric, "Period": period, "Stat": statistic}} | more


def expression(id_, text, **more):
    return {"Id": id_, "Expression": text, "Period": 60} | more


def data_of(queries, world, minutes=30):
    """Arguments for the last so many whole minutes."""
    end = now(world).replace(second=0, microsecond=0)
    return {"MetricDataQueries": queries, "StartTime": end - datetime.timedelta(minutes=minutes), "EndTime": end}


def results(world, queries, client=None, minutes=30, **more):
    arguments = data_of(queries, world, minutes) | more
    return (client or world.cloudwatch).get_metric_data(**arguments)["MetricDataResults"]


def average(values):
    return sum(values) / len(values)


@check
def a_version_raises_the_metric_of_its_nodes(world):
    touched, other = world.ids()[-3:-1]  # no other check sends anything to the last ones
    before = results(world, [stat("a", "tool_crashes", touched), stat("b", "tool_crashes", other)])
    for result in before:
        door.equal((result["StatusCode"], len(result["Values"])), ("Complete", 30))
    world.wait(world.send([touched]), touched)
    world.sim("clock", {"advance_seconds": 3600})
    after = results(world, [stat("a", "tool_crashes", touched), stat("b", "tool_crashes", other)])
    if not average(after[0]["Values"]) > 6 > 4 > average(after[1]["Values"]):
        raise AssertionError(f"{after}")
    if after[0]["Timestamps"] != sorted(after[0]["Timestamps"], reverse=True):
        raise AssertionError("not newest first")
    ascending = results(world, [stat("a", "tool_crashes", touched)], ScanBy="TimestampAscending")[0]["Timestamps"]
    door.equal(ascending, sorted(ascending))


@check
def math_searches_and_insights_agree(world):
    schema = '{CWAgent,InstanceId} MetricName="tool_crashes"'
    queries = [
        stat("all", "tool_crashes"),
        expression("found", f"SUM(SEARCH('{schema}', 'Sum', 60))"),
        expression("insight", "SELECT SUM(tool_crashes) FROM SCHEMA(\"CWAgent\", InstanceId)"),
        expression("ratio", "found / all"),
    ]
    for client in (world.cloudwatch, cbor_client(world)):
        found = {result["Id"]: result["Values"] for result in results(world, queries, client)}
        door.equal(found["found"], found["all"])
        door.equal(found["insight"], found["all"])
        door.equal(set(found["ratio"]), {1.0})
        many = results(world, [expression("s", f"SEARCH('{schema}', 'Sum', 300)", Label="${PROP('Dim.InstanceId')}")], client)
        door.equal(sorted(result["Label"] for result in many), world.ids())
        top = results(world, [expression(
            "g", "SELECT AVG(tool_crashes) FROM SCHEMA(CWAgent, InstanceId) GROUP BY InstanceId ORDER BY AVG() DESC LIMIT 3")], client)
        door.equal(len(top), 3)


@check
def pages_of_data_add_up(world):
    nodes = world.ids()[:3]
    queries = [stat(f"n{index}", "tool_crashes", node) for index, node in enumerate(nodes)]
    whole = {result["Id"]: result["Values"] for result in results(world, queries)}
    for client in (world.cloudwatch, cbor_client(world)):
        paged, partial = {}, 0
        pages = client.get_paginator("get_metric_data").paginate(
            MaxDatapoints=11, **data_of(queries, world))
        for page in pages:
            for result in page["MetricDataResults"]:
                paged.setdefault(result["Id"], []).extend(result["Values"])
                partial += result["StatusCode"] == "PartialData"
        door.equal({id_: len(values) for id_, values in paged.items()}, {id_: len(values) for id_, values in whole.items()})
        if not partial:
            raise AssertionError("no page said that its data were partial")


@check
def data_that_were_put_are_read_back(world):
    # More than 10 kB are compressed by botocore itself.
    for name, client in (("json", world.cloudwatch), ("cbor", cbor_client(world))):
        at = now(world) - datetime.timedelta(minutes=2)
        data = [{"MetricName": name, "Timestamp": at, "Value": 1.5, "Unit": "Count",
                 "Dimensions": [{"Name": "InstanceId", "Value": f"i-{index:017x}"}]} for index in range(400)]
        data += [{"MetricName": name, "Timestamp": at, "Values": [1.0, 2.0], "Counts": [3.0, 4.0]},
                 {"MetricName": name, "Timestamp": at, "StatisticValues":
                  {"SampleCount": 2.0, "Sum": 6.0, "Minimum": 1.0, "Maximum": 5.0}}]
        client.put_metric_data(Namespace="Checks", MetricData=data)
        queries = [stat(f"q{index}", name, statistic=word, namespace="Checks")
                   for index, word in enumerate(["Sum", "SampleCount", "Average", "Minimum", "Maximum"])]
        queries.append(stat("one", name, f"i-{7:017x}", namespace="Checks", statistic="p50"))
        found = {result["Id"]: result["Values"] for result in results(world, queries, client, minutes=10)}
        door.equal(found, {"q0": [17.0], "q1": [9.0], "q2": [17.0 / 9.0], "q3": [1.0], "q4": [5.0], "one": [1.5]})
        world.sim("clock", {"advance_seconds": 300})
        listed = [metric for page in client.get_paginator("list_metrics").paginate(Namespace="Checks", MetricName=name)
                  for metric in page["Metrics"]]
        door.equal(len(listed), 401)


@check
def an_alarm_follows_the_metric_it_watches(world):
    client = world.cloudwatch

    def state(name):
        return client.describe_alarms(AlarmNames=[name])["MetricAlarms"][0]["StateValue"]

    def put(value):
        client.put_metric_data(Namespace="Checks", MetricData=[{"MetricName": "level", "Value": value}])
        world.sim("clock", {"advance_seconds": 62})

    client.put_metric_alarm(
        AlarmName="checks-level", Namespace="Checks", MetricName="level", Statistic="Maximum", Period=60,
        EvaluationPeriods=1, Threshold=5.0, ComparisonOperator="GreaterThanOrEqualToThreshold",
        TreatMissingData="ignore", AlarmDescription="put by a check", Tags=[{"Key": "by", "Value": "check"}])
    door.equal(state("checks-level"), "INSUFFICIENT_DATA")
    put(5.0)
    door.equal(state("checks-level"), "ALARM")
    put(1.0)
    door.equal(state("checks-level"), "OK")
    client.set_alarm_state(AlarmName="checks-level", StateValue="ALARM", StateReason="x", StateReasonData='{"a": 1}')
    client.put_metric_alarm(
        AlarmName="checks-math", EvaluationPeriods=2, DatapointsToAlarm=1, Threshold=0.0,
        ComparisonOperator="LessThanThreshold", Metrics=[
            stat("m1", "tool_crashes", ReturnData=False), {"Id": "e1", "Expression": "m1 * 2", "ReturnData": True}])
    world.sim("clock", {"advance_seconds": 120})
    door.equal(state("checks-math"), "OK")
    told = client.describe_alarm_history(AlarmName="checks-level", ScanBy="TimestampAscending")["AlarmHistoryItems"]
    door.equal([item["HistoryItemType"] for item in told[:2]], ["ConfigurationUpdate", "StateUpdate"])
    client.delete_alarms(AlarmNames=["checks-level", "checks-math"])
    door.equal(client.describe_alarms(AlarmNamePrefix="checks-")["MetricAlarms"], [])
    door.refused("ResourceNotFound", client.delete_alarms, AlarmNames=["checks-level"])


@check
def what_is_not_modelled_is_refused_in_either_format(world):
    for client in (world.cloudwatch, cbor_client(world)):
        for text in ["ANOMALY_DETECTION_BAND(m1, 2)", "SERVICE_QUOTA(m1)", "SUM(", "nobody + 1"]:
            queries = [stat("m1", "tool_crashes"), expression("e1", text)]
            said = door.refused("ValidationError", client.get_metric_data, **data_of(queries, world))
            if "e1" not in said:
                raise AssertionError(f"{said!r} does not say which")
        queries = [stat("m1", "tool_crashes", statistic="TM(10%:90%)")]
        door.refused("ValidationError", client.get_metric_data, **data_of(queries, world))
        queries = [stat(f"m{index}", "tool_crashes") for index in range(501)]
        door.refused("ValidationError", client.get_metric_data, **data_of(queries, world))


@check
def faults_show_inside_a_success(world):
    for status, points in (("PartialData", 15), ("InternalError", 0), ("Forbidden", 0)):
        world.sim("faults", {"add": [{"operations": ["GetMetricData"], "metric_status": status}]})
        try:
            result = results(world, [stat("a", "tool_crashes")])[0]
            door.equal((result["StatusCode"], len(result["Values"])), (status, points))
        finally:
            world.sim("faults", {"clear": True})


def keep(world, version="2.0.0-1", **more):
    """Arguments of an association that keeps some nodes on a version."""
    return {
        "Name": "AWS-ConfigureAWSPackage", "AssociationName": "keep-tool", "ComplianceSeverity": "HIGH",
        "Parameters": {"action": ["Install"], "name": ["tool"], "version": [version]},
        "Targets": [{"Key": "InstanceIds", "Values": world.ids()[-6:-3]}], "MaxConcurrency": "100%", "MaxErrors": "1",
    } | more


def created(world, **more):
    """The id of a new association whose first run is over."""
    description = world.ssm.create_association(**keep(world, **more))["AssociationDescription"]
    world.sim("clock", {"advance_seconds": 300})
    return description["AssociationId"]


@check
def an_association_runs_and_names_the_commands_of_its_nodes(world):
    ssm = world.ssm
    id_ = created(world, ScheduleExpression="rate(1 day)")
    described = ssm.describe_association(AssociationId=id_)["AssociationDescription"]
    door.equal((described["Overview"]["Status"], described["AssociationVersion"]), ("Success", "1"))
    executions = ssm.describe_association_executions(AssociationId=id_)["AssociationExecutions"]
    door.equal([row["Status"] for row in executions], ["Success"])
    filters = [{"Key": "CreatedTime", "Value": "2026-01-01T00:00:00Z", "Type": "GREATER_THAN"}]
    door.equal(len(ssm.describe_association_executions(AssociationId=id_, Filters=filters)["AssociationExecutions"]), 1)
    targets = [row for page in ssm.get_paginator("describe_association_execution_targets").paginate(
        AssociationId=id_, ExecutionId=executions[0]["ExecutionId"], PaginationConfig={"PageSize": 2})
        for row in page["AssociationExecutionTargets"]]
    door.equal(sorted(row["ResourceId"] for row in targets), world.ids()[-6:-3])
    said = ssm.get_command_invocation(
        CommandId=targets[0]["OutputSource"]["OutputSourceId"], InstanceId=targets[0]["ResourceId"])
    if "tool 2.0.0-1" not in said["StandardOutputContent"]:
        raise AssertionError(said)
    node = targets[0]["ResourceId"]
    status = ssm.describe_instance_associations_status(InstanceId=node)["InstanceAssociationStatusInfos"]
    door.equal([row["DetailedStatus"] for row in status if row["AssociationId"] == id_], ["Success"])
    effective = ssm.describe_effective_instance_associations(InstanceId=node, MaxResults=5)["Associations"]
    if id_ not in [row["AssociationId"] for row in effective]:
        raise AssertionError(effective)
    ssm.update_association(AssociationId=id_, **keep(world, "1.0.0-1"))
    ssm.start_associations_once(AssociationIds=[id_])
    world.sim("clock", {"advance_seconds": 600})
    versions = ssm.list_association_versions(AssociationId=id_)["AssociationVersions"]
    door.equal([row["AssociationVersion"] for row in versions], ["1", "2"])
    door.equal(len(ssm.describe_association_executions(AssociationId=id_)["AssociationExecutions"]), 3)
    named = [{"key": "AssociationName", "value": "keep-tool"}]
    door.equal([row["AssociationId"] for row in ssm.list_associations(AssociationFilterList=named)["Associations"]], [id_])
    ssm.delete_association(AssociationId=id_)
    door.refused("AssociationDoesNotExist", ssm.describe_association, AssociationId=id_)


@check
def an_association_shows_in_the_compliance_of_its_nodes(world):
    id_ = created(world)
    node = world.ids()[-4]
    pages = world.ssm.get_paginator("list_compliance_items").paginate(
        ResourceIds=[node], ResourceTypes=["ManagedInstance"],
        Filters=[{"Key": "ComplianceType", "Values": ["Association"], "Type": "EQUAL"}])
    found = [item for page in pages for item in page["ComplianceItems"]]
    door.equal([(item["Id"], item["Status"], item["Severity"]) for item in found], [(id_, "COMPLIANT", "HIGH")])
    world.ssm.delete_association(AssociationId=id_)


@check
def compliance_that_was_put_is_listed_and_summed_up(world):
    ssm, node = world.ssm, world.ids()[-5]
    item = {"Id": "tool", "Title": "tool is 2.0.0-1", "Severity": "CRITICAL", "Status": "NON_COMPLIANT",
            "Details": {"Expected": "2.0.0-1", "Found": "1.0.0-1"}}
    ssm.put_compliance_items(
        ResourceId=node, ResourceType="ManagedInstance", ComplianceType="Custom:Rollout",
        ExecutionSummary={"ExecutionTime": now(world), "ExecutionType": "Rollout"}, Items=[item])
    only = [{"Key": "ComplianceType", "Values": ["Custom:Rollout"], "Type": "EQUAL"}]
    pages = ssm.get_paginator("list_resource_compliance_summaries").paginate(Filters=only)
    rows = [row for page in pages for row in page["ResourceComplianceSummaryItems"]]
    door.equal([(row["ResourceId"], row["Status"], row["OverallSeverity"]) for row in rows],
               [(node, "NON_COMPLIANT", "CRITICAL")])
    counts = ssm.list_compliance_summaries(Filters=only)["ComplianceSummaryItems"]
    door.equal([row["NonCompliantSummary"]["NonCompliantCount"] for row in counts], [1])
    whole = [item for page in ssm.get_paginator("list_compliance_items").paginate() for item in page["ComplianceItems"]]
    small = [item for page in ssm.get_paginator("list_compliance_items").paginate(PaginationConfig={"PageSize": 7})
             for item in page["ComplianceItems"]]
    door.equal(small, whole)
    if len([item for item in whole if item["ComplianceType"] == "Patch"]) != 60:
        raise AssertionError(f"{len(whole)} items")


@check
def the_default_version_is_moved_and_moved_back(world):
    for number, version in (("2", "2.0.0-1"), ("1", "1.0.0-1")):
        answer = world.ssm.update_document_default_version(Name="tool", DocumentVersion=number)
        door.equal(answer["Description"]["DefaultVersionName"], version)
        door.equal(world.ssm.describe_document(Name="tool")["Document"]["VersionName"], version)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    door.run(CHECKS, door.Door(sys.argv[1]))


if __name__ == "__main__":
    main()
