#!/usr/bin/env python3
"""Has a served world refuse calls in every modelled way, and sees that boto3 raises the exception of that name.

    wavetrain sim serve --world tests/clients/world.yaml --speed 60      # prints the endpoint
    python3 tests/clients/errors.py http://127.0.0.1:PORT

First the errors that the world has reasons of its own for, then every error of every operation's model by a fault that
answers with it. The answers are held against the service models too (model.py). Wants a freshly served world. The exit
status is 1 if anything failed.
"""

import sys

import botocore.exceptions

import door
import gates
import model

NOTHING = "00000000-0000-0000-0000-000000000000"
MISSING = "i-0000000000000dead"
NO_PAGE = "no such page"


def raised(client, name, call, **arguments):
    """The error's answer; it must be of the client's own exception class of this name."""
    try:
        call(**arguments)
    except botocore.exceptions.ClientError as error:
        wanted = getattr(client.exceptions, name)
        if type(error) is not wanted:
            raise AssertionError(f"{type(error).__name__} ({error}) instead of {name}") from error
        if not error.response["ResponseMetadata"].get("RequestId"):
            raise AssertionError("no request id")
        return error.response
    raise AssertionError(f"was not refused with {name}")


def own_reasons(world):
    """Operation, exception and arguments of every refusal that the world decides itself."""
    ssm, node = world.ssm, world.ids()[0]
    windows = world.ids("Windows")[0]
    sent = world.send([node])
    world.sim("clock", {"advance_seconds": 300})
    command = sent["CommandId"]
    install = {"DocumentName": "AWS-ConfigureAWSPackage", "Parameters": door.INSTALL}
    invocation = {"CommandId": command, "InstanceId": node}
    instances = {"ResourceType": "ManagedInstance", "ResourceId": node}
    one_tag = {"Tags": [{"Key": "k", "Value": "v"}]}
    keep = gates.keep(world)
    association = gates.created(world)
    of_association = {"AssociationId": association}
    execution = of_association | {"ExecutionId": NOTHING}
    twin = {key: keep[key] for key in ("Name", "Parameters")} | {"InstanceId": node}
    ssm.create_association(**twin)
    items = [{"Id": "a", "Severity": "LOW", "Status": "COMPLIANT"}]
    of_rollout = instances | {"ComplianceType": "Custom:Rollout", "ExecutionSummary": {"ExecutionTime": 1}, "Items": items}
    bad_filter = [{"Key": "Colour", "Values": ["red"]}]
    datum = {"Namespace": "Mine", "MetricData": [{"MetricName": "own", "Value": 1.0}]}
    of_metric = gates.data_of([gates.stat("a", "tool_crashes")], world)
    of_commands_only = [{"key": "ExecutionStage", "value": "Complete"}]
    bad_node_filter = [{"Key": "Colour", "Values": ["red"]}]
    offline_kind = [{"Key": "PingStatus", "Values": ["Asleep"]}]
    return [
        (ssm, "send_command", "InvalidInstanceId", install | {"InstanceIds": [MISSING]}),
        (ssm, "send_command", "DuplicateInstanceId", install | {"InstanceIds": [node, node]}),
        (ssm, "send_command", "InvalidDocument", install | {"InstanceIds": [node], "DocumentName": "Nothing"}),
        (ssm, "send_command", "InvalidDocumentVersion", install | {"InstanceIds": [node], "DocumentVersion": "77"}),
        (ssm, "send_command", "InvalidParameters", install | {"InstanceIds": [node], "Parameters": {"x": ["y"]}}),
        (ssm, "cancel_command", "InvalidCommandId", {"CommandId": NOTHING}),
        (ssm, "cancel_command", "InvalidInstanceId", {"CommandId": command, "InstanceIds": [windows]}),
        (ssm, "list_commands", "InvalidNextToken", {"NextToken": NO_PAGE}),
        (ssm, "list_command_invocations", "InvalidFilterKey", {"Filters": of_commands_only}),
        (ssm, "list_command_invocations", "InvalidNextToken", {"NextToken": NO_PAGE}),
        (ssm, "get_command_invocation", "InvocationDoesNotExist", invocation | {"CommandId": NOTHING}),
        (ssm, "get_command_invocation", "InvocationDoesNotExist", invocation | {"InstanceId": windows}),
        (ssm, "get_command_invocation", "InvalidPluginName", invocation | {"PluginName": "nothing"}),
        (ssm, "describe_instance_information", "InvalidFilterKey", {"Filters": bad_node_filter}),
        (ssm, "describe_instance_information", "InvalidInstanceInformationFilterValue", {"Filters": offline_kind}),
        (ssm, "describe_instance_information", "InvalidNextToken", {"NextToken": NO_PAGE}),
        (ssm, "describe_instance_properties", "InvalidFilterKey", {"FiltersWithOperator": bad_node_filter}),
        (ssm, "describe_instance_properties", "InvalidInstancePropertyFilterValue",
         {"FiltersWithOperator": offline_kind}),
        (ssm, "describe_instance_properties", "InvalidNextToken", {"NextToken": NO_PAGE}),
        (ssm, "describe_document", "InvalidDocument", {"Name": "nothing"}),
        (ssm, "describe_document", "InvalidDocumentVersion", {"Name": "tool", "VersionName": "9"}),
        (ssm, "get_document", "InvalidDocument", {"Name": "nothing"}),
        (ssm, "get_document", "InvalidDocumentVersion", {"Name": "tool", "VersionName": "9"}),
        (ssm, "list_document_versions", "InvalidDocument", {"Name": "nothing"}),
        (ssm, "list_document_versions", "InvalidNextToken", {"Name": "tool", "NextToken": NO_PAGE}),
        (ssm, "list_documents", "InvalidNextToken", {"NextToken": NO_PAGE}),
        (ssm, "list_documents", "InvalidFilterKey", {"Filters": bad_node_filter}),
        (ssm, "list_tags_for_resource", "InvalidResourceType", instances | {"ResourceType": "Parameter"}),
        (ssm, "list_tags_for_resource", "InvalidResourceId", instances | {"ResourceId": MISSING}),
        (ssm, "add_tags_to_resource", "InvalidResourceId", instances | one_tag | {"ResourceId": MISSING}),
        (ssm, "update_document_default_version", "InvalidDocument", {"Name": "nothing", "DocumentVersion": "1"}),
        (ssm, "update_document_default_version", "InvalidDocumentVersion", {"Name": "tool", "DocumentVersion": "9"}),
        (ssm, "create_association", "AssociationAlreadyExists", twin),
        (ssm, "create_association", "InvalidDocument", keep | {"Name": "Nothing"}),
        (ssm, "create_association", "InvalidDocumentVersion", keep | {"DocumentVersion": "77"}),
        (ssm, "create_association", "InvalidInstanceId", twin | {"InstanceId": MISSING}),
        (ssm, "create_association", "InvalidParameters", keep | {"Parameters": {"x": ["y"]}}),
        (ssm, "create_association", "InvalidTarget", keep | {"Targets": []}),
        (ssm, "create_association", "InvalidSchedule", keep | {"ScheduleExpression": "daily"}),
        (ssm, "create_association", "InvalidTargetMaps", keep | {"TargetMaps": [{"a": ["b"]}]}),
        (ssm, "update_association", "AssociationDoesNotExist", {"AssociationId": NOTHING}),
        (ssm, "update_association", "InvalidAssociationVersion", keep | of_association | {"AssociationVersion": "9"}),
        (ssm, "update_association", "InvalidSchedule", keep | of_association | {"ScheduleExpression": "daily"}),
        (ssm, "update_association", "InvalidParameters", keep | of_association | {"Parameters": {"x": ["y"]}}),
        (ssm, "describe_association", "AssociationDoesNotExist", {"AssociationId": NOTHING}),
        (ssm, "describe_association", "InvalidAssociationVersion", of_association | {"AssociationVersion": "9"}),
        (ssm, "delete_association", "AssociationDoesNotExist", {"AssociationId": NOTHING}),
        (ssm, "list_associations", "InvalidNextToken", {"NextToken": NO_PAGE}),
        (ssm, "list_association_versions", "AssociationDoesNotExist", {"AssociationId": NOTHING}),
        (ssm, "list_association_versions", "InvalidNextToken", of_association | {"NextToken": NO_PAGE}),
        (ssm, "start_associations_once", "AssociationDoesNotExist", {"AssociationIds": [NOTHING]}),
        (ssm, "describe_association_executions", "AssociationDoesNotExist", {"AssociationId": NOTHING}),
        (ssm, "describe_association_executions", "InvalidNextToken", of_association | {"NextToken": NO_PAGE}),
        (ssm, "describe_association_execution_targets", "AssociationExecutionDoesNotExist", execution),
        (ssm, "describe_association_execution_targets", "AssociationDoesNotExist", execution | {"AssociationId": NOTHING}),
        (ssm, "describe_effective_instance_associations", "InvalidInstanceId", {"InstanceId": MISSING}),
        (ssm, "describe_effective_instance_associations", "InvalidNextToken", {"InstanceId": node, "NextToken": NO_PAGE}),
        (ssm, "describe_instance_associations_status", "InvalidInstanceId", {"InstanceId": MISSING}),
        (ssm, "describe_instance_associations_status", "InvalidNextToken", {"InstanceId": node, "NextToken": NO_PAGE}),
        (ssm, "put_compliance_items", "InvalidResourceType", of_rollout | {"ResourceType": "Bucket"}),
        (ssm, "put_compliance_items", "InvalidResourceId", of_rollout | {"ResourceId": MISSING}),
        (ssm, "put_compliance_items", "InvalidItemContentException", of_rollout | {"Items": items + items}),
        (ssm, "put_compliance_items", "InvalidItemContentException", of_rollout | {"UploadType": "PARTIAL"}),
        (ssm, "put_compliance_items", "ItemSizeLimitExceededException",
         of_rollout | {"Items": [items[0] | {"Details": {f"k{n}": "x" * 4096 for n in range(9)}}]}),
        (ssm, "put_compliance_items", "TotalSizeLimitExceededException",
         of_rollout | {"Items": [items[0] | {"Id": str(n), "Details": {"k": "x" * 4096, "l": "x" * 4096}} for n in range(200)]}),
        (ssm, "list_compliance_items", "InvalidFilter", {"Filters": bad_filter}),
        (ssm, "list_compliance_items", "InvalidNextToken", {"NextToken": NO_PAGE}),
        (ssm, "list_compliance_items", "InvalidResourceId", {"ResourceIds": [MISSING]}),
        (ssm, "list_compliance_items", "InvalidResourceType", {"ResourceTypes": ["Bucket"]}),
        (ssm, "list_resource_compliance_summaries", "InvalidFilter", {"Filters": bad_filter}),
        (ssm, "list_resource_compliance_summaries", "InvalidNextToken", {"NextToken": NO_PAGE}),
        (ssm, "list_compliance_summaries", "InvalidFilter", {"Filters": bad_filter}),
        (ssm, "list_compliance_summaries", "InvalidNextToken", {"NextToken": NO_PAGE}),
        (world.cloudwatch, "describe_alarms", "InvalidNextToken", {"NextToken": NO_PAGE}),
        (world.cloudwatch, "set_alarm_state", "ResourceNotFound",
         {"AlarmName": "nothing", "StateValue": "OK", "StateReason": "x"}),
        (world.cloudwatch, "set_alarm_state", "InvalidFormatFault",
         {"AlarmName": "tool-errors", "StateValue": "OK", "StateReason": "x", "StateReasonData": "{"}),
        (world.cloudwatch, "delete_alarms", "ResourceNotFound", {"AlarmNames": ["nothing"]}),
        (world.cloudwatch, "get_metric_data", "InvalidNextToken", of_metric | {"NextToken": NO_PAGE}),
        (world.cloudwatch, "list_metrics", "InvalidParameterValueException", {"NextToken": NO_PAGE}),
        (world.cloudwatch, "put_metric_data", "InvalidParameterValueException", datum | {"Namespace": "AWS/EC2"}),
        (world.cloudwatch, "put_metric_data", "MissingRequiredParameterException", {"Namespace": "Mine"}),
        (world.cloudwatch, "put_metric_data", "InvalidParameterCombinationException",
         {"Namespace": "Mine", "MetricData": [{"MetricName": "own", "Value": 1.0, "Values": [1.0]}]}),
    ]


def by_fault(world):
    """Every error in the model of every operation that the world serves."""
    for client in [world.ssm, world.cloudwatch, world.sts, world.organizations]:
        service = client.meta.service_model
        methods = {operation: method for method, operation in client.meta.method_to_api_mapping.items()}
        for operation in model.OPERATIONS[service.service_name]:
            for shape in service.operation_model(operation).error_shapes:
                # STS calls it ExpiredToken, whatever the model of AssumeRole says.
                if shape.name != "ExpiredTokenException":
                    yield client, operation, methods[operation], shape


def arguments_of(operation, node):
    """As few arguments as the model allows: the fault answers before they are looked at."""
    command = {"CommandId": NOTHING}
    resource = {"ResourceType": "ManagedInstance", "ResourceId": node}
    return {
        "AddTagsToResource": resource | {"Tags": [{"Key": "k", "Value": "v"}]},
        "CancelCommand": command,
        "DescribeDocument": {"Name": "tool"},
        "GetCommandInvocation": command | {"InstanceId": node},
        "GetDocument": {"Name": "tool"},
        "ListDocumentVersions": {"Name": "tool"},
        "ListTagsForResource": resource,
        "SendCommand": {"DocumentName": "AWS-ConfigureAWSPackage", "InstanceIds": [node]},
        "CreateAssociation": {"Name": "AWS-ConfigureAWSPackage"},
        "DescribeAssociationExecutionTargets": {"AssociationId": NOTHING, "ExecutionId": NOTHING},
        "DescribeAssociationExecutions": {"AssociationId": NOTHING},
        "DescribeEffectiveInstanceAssociations": {"InstanceId": node},
        "DescribeInstanceAssociationsStatus": {"InstanceId": node},
        "ListAssociationVersions": {"AssociationId": NOTHING},
        "PutComplianceItems": resource | {"ComplianceType": "Custom:Rollout", "ExecutionSummary": {"ExecutionTime": 1}, "Items": []},
        "StartAssociationsOnce": {"AssociationIds": [NOTHING]},
        "UpdateAssociation": {"AssociationId": NOTHING},
        "UpdateDocumentDefaultVersion": {"Name": "tool", "DocumentVersion": "1"},
        "DeleteAlarms": {"AlarmNames": ["tool-errors"]},
        "GetMetricData": {"MetricDataQueries": [], "StartTime": 0, "EndTime": 1},
        "PutMetricAlarm": {"AlarmName": "x", "EvaluationPeriods": 1, "ComparisonOperator": "LessThanThreshold"},
        "PutMetricData": {"Namespace": "Mine"},
        "SetAlarmState": {"AlarmName": "tool-errors", "StateValue": "OK", "StateReason": "x"},
        "ListAccountsForParent": {"ParentId": "r-sim0"},
        "ListOrganizationalUnitsForParent": {"ParentId": "r-sim0"},
        "ListChildren": {"ParentId": "r-sim0", "ChildType": "ACCOUNT"},
        "AssumeRole": {"RoleArn": door.ROLE, "RoleSessionName": "errors"},
    }.get(operation, {})


def provoked(world, client, operation, method, shape, node):
    status = shape.metadata.get("error", {}).get("httpStatusCode") or (500 if shape.metadata.get("fault") else 400)
    error = {"code": shape.name, "status": status, "message": "provoked" if "message" in map(str.lower, shape.members) else ""}
    world.sim("faults", {"add": [{"operations": [operation], "error": error}]})
    try:
        # AWS Query names some errors otherwise than their shapes; so does the exception's class.
        response = raised(client, shape.name, getattr(client, method), **arguments_of(operation, node))
    finally:
        world.sim("faults", {"clear": True})
    door.equal(response["ResponseMetadata"]["HTTPStatusCode"], status)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    auditor = model.Auditor()
    world = model.Audited(sys.argv[1], auditor)
    node = world.ids()[0]
    passed = failed = 0

    def tell(name, call, *arguments, **more):
        nonlocal passed, failed
        problem = None
        try:
            call(*arguments, **more)
        except Exception as error:  # every check is to run, whatever the one before it met
            problem = f"{type(error).__name__}: {error}"
        problem = problem or "; ".join(auditor.problems)
        auditor.problems.clear()
        passed, failed = passed + (not problem), failed + bool(problem)
        print(f"FAIL  {name}: {problem}" if problem else f"ok    {name}", flush=True)

    for client, method, name, arguments in own_reasons(world):
        tell(f"{method}: {name}", raised, client, name, getattr(client, method), **arguments)
    for client, operation, method, shape in by_fault(world):
        tell(f"{method} by a fault: {shape.name}", provoked, world, client, operation, method, shape, node)
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
