#!/usr/bin/env python3
"""Publishes packages with boto3 into a served world: buckets, uploads of every kind, documents, shares, installs.

    wavetrain sim serve --world tests/clients/world.yaml --speed 60      # prints the endpoint
    python3 tests/clients/packages.py http://127.0.0.1:PORT

Prints one line per check; the exit status is 1 if any failed. Knows the names in world.yaml.
"""

import hashlib
import io
import json
import os
import sys
import time
import urllib.error
import urllib.request
import zipfile

import boto3
import boto3.s3.transfer
import botocore.config

from door import HUB, REGION, SPOKE, equal, refused, run

BUCKET = "packages-of-the-checks"
MIB = 1 << 20

CHECKS = []


def check(function):
    CHECKS.append(function)
    return function


class Door:
    """Clients of one endpoint, and what the checks share."""

    def __init__(self, endpoint):
        self.endpoint = endpoint.rstrip("/")
        self.ssm = self.client("ssm")
        self.s3 = self.client("s3")
        self.spoke = self.client("ssm", keys=SPOKE)
        self.s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})

    def client(self, service, keys="test", **more):
        # Everything as boto3 does it by itself, checksums and trailers too.
        config = botocore.config.Config(retries={"total_max_attempts": 1}, connect_timeout=3, read_timeout=30, **more)
        return boto3.client(
            service, endpoint_url=self.endpoint, region_name=REGION, config=config,
            aws_access_key_id=keys, aws_secret_access_key="test",
        )

    def advance(self, seconds):
        data = json.dumps({"advance_seconds": seconds}).encode()
        request = urllib.request.Request(
            f"{self.endpoint}/_sim/clock", data=data, headers={"content-type": "application/json"}
        )
        urllib.request.urlopen(request, timeout=10).close()

    def settled(self, name, version, ssm=None):
        for _ in range(100):
            document = (ssm or self.ssm).describe_document(Name=name, VersionName=version)["Document"]
            if document["Status"] not in ("Creating", "Updating"):
                return document
            self.advance(5)
        raise AssertionError(f"{name} {version} is still {document['Status']}")

    def publish(self, name, version, files=("install.sh", "uninstall.sh"), **manifest):
        """Uploads a zip and makes a document, or a version of it, from it."""
        content = package(files)
        self.s3.put_object(Bucket=BUCKET, Key=f"{name}/{version}/{name}.zip", Body=content)
        arguments = {
            "Name": name, "VersionName": version, "DocumentFormat": "JSON",
            "Content": describe(name, version, hashlib.sha256(content).hexdigest(), **manifest),
            "Attachments": [{"Key": "SourceUrl", "Values": [f"s3://{BUCKET}/{name}/{version}"]}],
        }
        try:
            self.ssm.create_document(DocumentType="Package", **arguments)
        except self.ssm.exceptions.DocumentAlreadyExists:
            self.ssm.update_document(DocumentVersion="$LATEST", **arguments)
        return self.settled(name, version)


def package(files):
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in files:
            archive.writestr(name, f"echo {name}\n")
    return memory.getvalue()


def describe(name, version, sha256, platform="amazon"):
    return json.dumps({
        "schemaVersion": "2.0", "version": version, "publisher": "checks",
        "packages": {platform: {"_any": {"x86_64": {"file": f"{name}.zip"}}}},
        "files": {f"{name}.zip": {"checksums": {"sha256": sha256}}},
    })


@check
def objects_come_back_as_they_were_put(door):
    body = os.urandom(70_000)
    put = door.s3.put_object(Bucket=BUCKET, Key="a b+c/ü.bin", Body=body, Metadata={"made-by": "checks"}, ContentType="x/y")
    equal(put["ETag"], f'"{hashlib.md5(body).hexdigest()}"')
    got = door.s3.get_object(Bucket=BUCKET, Key="a b+c/ü.bin")
    equal(got["Body"].read(), body)
    equal((got["ContentLength"], got["ContentType"], got["Metadata"]), (len(body), "x/y", {"made-by": "checks"}))
    part = door.s3.get_object(Bucket=BUCKET, Key="a b+c/ü.bin", Range="bytes=100-199")
    equal((part["Body"].read(), part["ContentRange"]), (body[100:200], f"bytes 100-199/{len(body)}"))
    head = door.s3.head_object(Bucket=BUCKET, Key="a b+c/ü.bin")
    equal((head["ContentLength"], head["ETag"]), (len(body), put["ETag"]))
    listed = door.s3.list_objects_v2(Bucket=BUCKET, Prefix="a b")
    equal([(row["Key"], row["Size"]) for row in listed["Contents"]], [("a b+c/ü.bin", len(body))])


@check
def every_checksum_is_verified_and_given_back(door):
    for algorithm in ("CRC32", "SHA256"):
        door.s3.put_object(Bucket=BUCKET, Key="sum", Body=b"hello", ChecksumAlgorithm=algorithm)
        got = door.s3.get_object(Bucket=BUCKET, Key="sum", ChecksumMode="ENABLED")
        got["Body"].read()
        if not got.get(f"Checksum{algorithm}"):
            raise AssertionError(f"no {algorithm} in {got}")
    refused("BadDigest", door.s3.put_object, Bucket=BUCKET, Key="sum", Body=b"hello", ChecksumCRC32="AAAAAA==")
    refused("BadDigest", door.s3.put_object, Bucket=BUCKET, Key="sum", Body=b"hello", ContentMD5="AAAAAAAAAAAAAAAAAAAAAA==")


@check
def streams_of_unknown_beginning_are_sent_in_chunks_with_trailers(door):
    # A body that cannot be hashed before it is sent goes as aws-chunked when the signature leaves it out.
    body = os.urandom(3 * MIB)
    client = door.client("s3", s3={"payload_signing_enabled": False})
    client.put_object(Bucket=BUCKET, Key="stream", Body=io.BytesIO(body))
    equal(client.get_object(Bucket=BUCKET, Key="stream")["Body"].read(), body)


@check
def large_files_are_uploaded_in_parts(door):
    body = os.urandom(12 * MIB + 5)
    transfer = boto3.s3.transfer.TransferConfig(multipart_threshold=5 * MIB, multipart_chunksize=5 * MIB)
    door.s3.upload_fileobj(io.BytesIO(body), BUCKET, "large", Config=transfer)
    memory = io.BytesIO()
    door.s3.download_fileobj(BUCKET, "large", memory, Config=transfer)
    equal(hashlib.sha256(memory.getvalue()).digest(), hashlib.sha256(body).digest())
    equal(door.s3.head_object(Bucket=BUCKET, Key="large")["ETag"].endswith('-3"'), True)


@check
def an_interrupted_upload_is_found_and_goes_on(door):
    upload = door.s3.create_multipart_upload(Bucket=BUCKET, Key="resumed")["UploadId"]
    names = {"Bucket": BUCKET, "Key": "resumed", "UploadId": upload}
    first = door.s3.upload_part(PartNumber=1, Body=b"a" * (5 * MIB), **names)
    uploads = door.s3.list_multipart_uploads(Bucket=BUCKET)["Uploads"]
    equal([row["UploadId"] for row in uploads if row["Key"] == "resumed"], [upload])
    parts = door.s3.list_parts(**names)["Parts"]
    equal([(part["PartNumber"], part["ETag"], part["Size"]) for part in parts], [(1, first["ETag"], 5 * MIB)])
    second = door.s3.upload_part(PartNumber=2, Body=b"b", **names)
    both = [{"PartNumber": 1, "ETag": first["ETag"]}, {"PartNumber": 2, "ETag": second["ETag"]}]
    refused("InvalidPart", door.s3.complete_multipart_upload, MultipartUpload={"Parts": [both[0], both[0] | {"PartNumber": 3}]}, **names)
    door.s3.complete_multipart_upload(MultipartUpload={"Parts": both}, **names)
    equal(door.s3.head_object(Bucket=BUCKET, Key="resumed")["ContentLength"], 5 * MIB + 1)
    refused("NoSuchUpload", door.s3.abort_multipart_upload, **names)


@check
def urls_signed_beforehand_serve_the_bytes_until_they_expire(door):
    door.s3.put_object(Bucket=BUCKET, Key="signed", Body=b"for everybody")
    url = door.client("s3", signature_version="s3v4").generate_presigned_url("get_object", Params={"Bucket": BUCKET, "Key": "signed"}, ExpiresIn=3600)
    with urllib.request.urlopen(url, timeout=10) as answer:
        equal(answer.read(), b"for everybody")
    door.advance(3700)
    try:
        urllib.request.urlopen(url, timeout=10)
    except urllib.error.HTTPError as error:
        equal((error.code, b"Request has expired" in error.read()), (403, True))
    else:
        raise AssertionError("the URL outlived its hour")


@check
def others_read_a_bucket_only_by_its_policy(door):
    spoke = door.client("s3", keys=SPOKE)
    door.s3.put_object(Bucket=BUCKET, Key="shared/x", Body=b"x")
    refused("AccessDenied", spoke.get_object, Bucket=BUCKET, Key="shared/x")
    policy = {"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{SPOKE}:root"}, "Action": "s3:GetObject",
        "Resource": f"arn:aws:s3:::{BUCKET}/shared/*",
    }]}
    door.s3.put_bucket_policy(Bucket=BUCKET, Policy=json.dumps(policy))
    equal(spoke.get_object(Bucket=BUCKET, Key="shared/x")["Body"].read(), b"x")
    refused("AccessDenied", spoke.put_object, Bucket=BUCKET, Key="shared/x", Body=b"y")


@check
def versions_of_objects_are_kept_on_request(door):
    name = "kept-by-the-checks"
    door.s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
    door.s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    equal(door.s3.get_bucket_versioning(Bucket=name)["Status"], "Enabled")
    first = door.s3.put_object(Bucket=name, Key="k", Body=b"1")["VersionId"]
    door.s3.put_object(Bucket=name, Key="k", Body=b"2")
    equal(door.s3.get_object(Bucket=name, Key="k", VersionId=first)["Body"].read(), b"1")
    equal(door.s3.get_object(Bucket=name, Key="k")["Body"].read(), b"2")
    refused("BucketAlreadyOwnedByYou", door.s3.create_bucket, Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
    refused("BucketNotEmpty", door.s3.delete_bucket, Bucket=name)
    refused("NoSuchKey", door.s3.get_object, Bucket=name, Key="absent")
    refused("NoSuchBucket", door.s3.list_objects_v2, Bucket="no-such-bucket-anywhere")
    refused("404", door.s3.head_bucket, Bucket="no-such-bucket-anywhere")
    equal(name in [bucket["Name"] for bucket in door.s3.list_buckets()["Buckets"]], True)
    equal(door.s3.get_bucket_location(Bucket=name)["LocationConstraint"], REGION)


@check
def listings_go_on_page_by_page(door):
    for number in range(7):
        door.s3.put_object(Bucket=BUCKET, Key=f"pages/{number}/x", Body=b"")
    pages = list(door.s3.get_paginator("list_objects_v2").paginate(
        Bucket=BUCKET, Prefix="pages/", PaginationConfig={"PageSize": 3}
    ))
    equal([len(page["Contents"]) for page in pages], [3, 3, 1])
    folders = door.s3.list_objects_v2(Bucket=BUCKET, Prefix="pages/", Delimiter="/")
    equal(len(folders["CommonPrefixes"]), 7)


@check
def a_package_becomes_active_and_its_zip_is_served(door):
    document = door.publish("checked", "1.0.0-1")
    equal((document["Status"], document["DefaultVersion"], document["PlatformTypes"]), ("Active", "1", ["Linux"]))
    got = door.ssm.get_document(Name="checked", VersionName="1.0.0-1")
    attachment = got["AttachmentsContent"][0]
    with urllib.request.urlopen(attachment["Url"], timeout=10) as answer:
        content = answer.read()
    equal((len(content), hashlib.sha256(content).hexdigest()), (attachment["Size"], attachment["Hash"]))
    equal(sorted(zipfile.ZipFile(io.BytesIO(content)).namelist()), ["install.sh", "uninstall.sh"])
    # The source may go once the version is active.
    door.s3.delete_object(Bucket=BUCKET, Key="checked/1.0.0-1/checked.zip")
    urllib.request.urlopen(attachment["Url"], timeout=10).close()
    door.advance(1000)
    try:
        urllib.request.urlopen(attachment["Url"], timeout=10)
    except urllib.error.HTTPError as error:
        equal(error.code, 403)
    else:
        raise AssertionError("the link outlived its time")


@check
def sources_that_are_not_there_fail_the_version(door):
    door.ssm.create_document(
        Name="sourceless", VersionName="1", DocumentType="Package", Content=describe("sourceless", "1", "00"),
        Attachments=[{"Key": "SourceUrl", "Values": [f"s3://{BUCKET}/nothing/here"]}],
    )
    document = door.settled("sourceless", "1")
    equal((document["Status"], "NoSuchKey" in document["StatusInformation"]), ("Failed", True))
    door.ssm.delete_document(Name="sourceless")
    refused("InvalidDocument", door.ssm.describe_document, Name="sourceless")


@check
def versions_are_refused_and_deleted_as_the_service_does_it(door):
    door.publish("kept", "1.0.0-1")
    door.publish("kept", "1.1.0-1")
    again = {
        "Name": "kept", "DocumentVersion": "$LATEST",
        "Attachments": [{"Key": "SourceUrl", "Values": [f"s3://{BUCKET}/kept/1.0.0-1"]}],
    }
    content = door.ssm.get_document(Name="kept", VersionName="1.0.0-1")["Content"]
    refused("DuplicateDocumentContent", door.ssm.update_document, Content=content, VersionName="9", **again)
    refused("DuplicateDocumentVersionName", door.ssm.update_document, Content=content + " ", VersionName="1.1.0-1", **again)
    bare = {name: value for name, value in again.items() if name != "Attachments"}
    message = refused("InvalidParameterValueException", door.ssm.update_document, Content=content + " ", VersionName="9", **bare)
    equal(message, "AttachmentSource not provided in the input request.")
    refused("InvalidDocumentOperation", door.ssm.delete_document, Name="kept", VersionName="1.0.0-1")
    door.ssm.update_document_default_version(Name="kept", DocumentVersion="2")
    door.ssm.delete_document(Name="kept", VersionName="1.0.0-1")
    rows = door.ssm.list_document_versions(Name="kept")["DocumentVersions"]
    equal([(row["VersionName"], row["IsDefaultVersion"], row["Status"]) for row in rows], [("1.1.0-1", True, "Active")])


@check
def a_package_has_25_versions_and_no_more(door):
    for number in range(25):
        door.publish("many", f"1.0.{number}")
    content = describe("many", "2.0.0", "00")
    refused(
        "DocumentVersionLimitExceeded", door.ssm.update_document, Name="many", Content=content, VersionName="2.0.0",
        DocumentVersion="$LATEST", Attachments=[{"Key": "SourceUrl", "Values": [f"s3://{BUCKET}/many/1.0.0"]}],
    )


@check
def shared_packages_are_read_by_their_arn(door):
    door.publish("lent", "1.0.0-1")
    arn = f"arn:aws:ssm:{REGION}:{HUB}:document/lent"
    refused("InvalidDocument", door.spoke.describe_document, Name=arn)
    door.ssm.modify_document_permission(
        Name="lent", PermissionType="Share", AccountIdsToAdd=[SPOKE], SharedDocumentVersion="$ALL"
    )
    shown = door.ssm.describe_document_permission(Name="lent", PermissionType="Share")
    equal(shown["AccountIds"], [SPOKE])
    equal(shown["AccountSharingInfoList"], [{"AccountId": SPOKE, "SharedDocumentVersion": "$ALL"}])
    equal(door.spoke.get_document(Name=arn, VersionName="1.0.0-1")["Name"], arn)
    refused("InvalidDocumentOperation", door.ssm.delete_document, Name="lent")
    door.ssm.modify_document_permission(Name="lent", PermissionType="Share", AccountIdsToRemove=[SPOKE])
    refused("InvalidDocument", door.spoke.describe_document, Name=arn)


@check
def nodes_install_what_was_published(door):
    door.publish("tool", "3.0.0-1")
    door.publish("tool", "3.0.1-1", platform="ubuntu")
    pages = door.ssm.get_paginator("describe_instance_information").paginate(
        Filters=[{"Key": "PlatformTypes", "Values": ["Linux"]}]
    )
    node = sorted(row["InstanceId"] for page in pages for row in page["InstanceInformationList"])[7]

    def install(version):
        command = door.ssm.send_command(
            DocumentName="AWS-ConfigureAWSPackage", InstanceIds=[node],
            Parameters={"action": ["Install"], "name": ["tool"], "version": [version]},
        )["Command"]["CommandId"]
        for _ in range(50):
            door.advance(10)
            got = door.ssm.get_command_invocation(CommandId=command, InstanceId=node)
            if got["Status"] not in ("Pending", "InProgress", "Delayed"):
                return got
            time.sleep(0.01)
        raise AssertionError(f"{version} never ended")

    done = install("3.0.0-1")
    equal((done["Status"], "Successfully installed tool 3.0.0-1" in done["StandardOutputContent"]), ("Success", True))
    none = install("3.0.1-1")
    text = "no manifest found for platform: amazon, version 2023, architecture x86_64"
    equal((none["Status"], text in none["StandardErrorContent"]), ("Failed", True))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    run(CHECKS, Door(sys.argv[1]))
