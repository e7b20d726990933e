"""What MiniStack is told to check is what AWS would check."""

import json

import pytest
from segue_local import ministack_as_aws as as_aws

DEFAULT = "arn:aws:scheduler:us-east-1:000000000000:schedule/default/vip"
OWN = DEFAULT.replace("default", "own")
GROUP = "arn:aws:logs:us-east-1:000000000000:log-group:fan-out"


@pytest.mark.parametrize(
    ("service", "arn", "body", "query", "expected"),
    [
        ("scheduler", DEFAULT, {"GroupName": "own"}, {}, OWN),
        ("scheduler", DEFAULT, {}, {"groupName": ["own"]}, OWN),
        ("scheduler", DEFAULT, {}, {"groupName": "own"}, OWN),
        ("scheduler", DEFAULT, {}, {}, DEFAULT),
        ("logs", GROUP, {}, {}, f"{GROUP}:log-stream:"),
        ("s3", "arn:aws:s3:::drops", {}, {}, "arn:aws:s3:::drops"),
    ],
)
def test_the_resource_is_the_one_that_aws_checks(
    service: str, arn: str, body: dict, query: dict, expected: str
) -> None:
    assert as_aws.as_checked(arn, service, "POST", "/", {}, json.dumps(body).encode(), query) == expected


@pytest.mark.parametrize(("may_pass", "denied"), [(True, None), (False, "denied")])
def test_who_makes_a_schedule_has_to_be_allowed_to_pass_its_role(may_pass: bool, denied: str | None) -> None:
    asked = []

    def enforce(_key: str, action: str, *_where: str, resource_arn: str, service_context: dict) -> str | None:
        asked.append((action, resource_arn, service_context))
        return None if action != "iam:PassRole" or may_pass else "denied"

    as_aws.as_checked(DEFAULT, "scheduler", "POST", "/", {}, json.dumps({"Target": {"RoleArn": "role"}}).encode(), {})
    answer = as_aws.with_passed_role(
        enforce, "key", "scheduler:CreateSchedule", "scheduler", "us-east-1", resource_arn=OWN, service_context={}
    )
    assert answer == denied
    assert asked[1] == ("iam:PassRole", "role", {"iam:PassedToService": "scheduler.amazonaws.com"})


def test_a_function_is_told_the_alias_that_it_was_invoked_by() -> None:
    name = "arn:aws:lambda:us-east-1:000000000000:function:fan-out"
    found = ({}, {"FunctionArn": name}, "fan-out")
    assert as_aws.as_invoked(found, f"{name}:contributors")[1]["FunctionArn"] == f"{name}:contributors"
    assert as_aws.as_invoked(found, name) == found


@pytest.mark.parametrize(
    ("there", "may_list", "denied"), [(True, False, None), (False, False, "denied"), (False, True, None)]
)
def test_that_an_object_is_missing_is_told_to_those_who_may_list(
    there: bool, may_list: bool, denied: str | None
) -> None:
    asked = []

    def enforce(_key: str, action: str, *_where: str, resource_arn: str, service_context: dict) -> str | None:
        asked.append((action, resource_arn, service_context))
        return None if action == "s3:GetObject" or may_list else "denied"

    answer = as_aws.with_missing_objects(
        enforce, lambda bucket, key: not there, "key", "s3:GetObject", "s3", "us-east-1",
        resource_arn="arn:aws:s3:::state/open/e/1", service_context={},
    )  # fmt: skip
    assert answer == denied
    listed = [] if there else [("s3:ListBucket", "arn:aws:s3:::state", {})]
    assert asked[1:] == listed
