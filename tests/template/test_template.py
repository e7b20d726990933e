"""The template holds what it must, and each check fails when what it looks for is taken out."""

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import checks
import pytest
import role_checks
from conftest import TEMPLATE


def _tool(name: str) -> str:
    return str(Path(sys.executable).parent / name)


@pytest.mark.parametrize("check", checks.ALL, ids=lambda check: check.__name__)
def test_the_template_holds(check: Callable[[dict], None], template: dict) -> None:
    check(template)


def test_cfn_lint_has_nothing_to_say() -> None:
    lint = subprocess.run([_tool("cfn-lint"), str(TEMPLATE)], capture_output=True, text=True, check=False)
    assert lint.returncode == 0, lint.stdout + lint.stderr


def test_cfn_lint_would_say_something(tmp_path: Path) -> None:
    broken = tmp_path / "template.yaml"
    broken.write_text(TEMPLATE.read_text().replace("BatchSize: 1", "BatchSize: one", 1))
    lint = subprocess.run([_tool("cfn-lint"), str(broken)], capture_output=True, text=True, check=False)
    assert lint.returncode != 0


def test_the_stack_says_which_release_it_is(template: dict) -> None:
    workspace = (TEMPLATE.parent / "Cargo.toml").read_text()
    release = re.search(r'^version = "(.+)"$', workspace, re.MULTILINE)
    assert release and template["Outputs"]["Version"]["Value"] == release[1]


def _without(*path: str | int) -> Callable[[dict], None]:
    """Takes out what is at `path`, below the resources."""

    def mutate(template: dict) -> None:
        place = template["Resources"]
        for step in path[:-1]:
            place = place[step]
        del place[path[-1]]

    mutate.__name__ = "without " + "/".join(map(str, path))
    return mutate


def _with(value: object, *path: str | int) -> Callable[[dict], None]:
    """Puts `value` at `path`, below the resources."""

    def mutate(template: dict) -> None:
        place = template["Resources"]
        for step in path[:-1]:
            place = place[step]
        place[path[-1]] = value

    mutate.__name__ = "/".join(map(str, path)) + f" is {value}"[:60]
    return mutate


def _granting(role: str, action: str, resource: object) -> Callable[[dict], None]:
    """Lets `role` do something more."""

    def mutate(template: dict) -> None:
        policy = template["Resources"][role]["Properties"]["Policies"][0]
        policy["PolicyDocument"]["Statement"].append({"Effect": "Allow", "Action": action, "Resource": resource})

    mutate.__name__ = f"{role} may {action}"
    return mutate


def _secret(path: str) -> dict:
    return {"Fn::Sub": "arn:${AWS::Partition}:secretsmanager:${AWS::Region}:${AWS::AccountId}:secret:" + path}


def _state(path: str) -> dict:
    return {"Fn::Sub": "${StateBucket.Arn}/" + path}


def _letting(policy: str, action: str, resource: object) -> Callable[[dict], None]:
    """Lets a managed policy allow something more."""

    def mutate(template: dict) -> None:
        document = template["Resources"][policy]["Properties"]["PolicyDocument"]
        document["Statement"].append({"Effect": "Allow", "Action": action, "Resource": resource})

    mutate.__name__ = f"{policy} allows {action}"
    return mutate


P = "Properties"
MUTATIONS = [
    # Queues and events.
    *((_without(f"{source}Source", P, "FunctionResponseTypes"), checks.one_message_at_a_time_and_failures_are_reported)
      for source in ("Snapchat", "Mailchimp", "Klaviyo", "KlaviyoTimer")),
    *((_with(10, f"{source}Source", P, "BatchSize"), checks.one_message_at_a_time_and_failures_are_reported)
      for source in ("Snapchat", "Mailchimp", "Klaviyo", "KlaviyoTimer")),
    (_without("KlaviyoTimerSource"), checks.one_message_at_a_time_and_failures_are_reported),
    *((_without(queue, P, "RedrivePolicy"), checks.hopeless_messages_are_set_aside) for queue in checks.WORKED),
    (_with(3, "SnapchatQueue", P, "RedrivePolicy", "maxReceiveCount"), checks.hopeless_messages_are_set_aside),
    *((_without(f"{owner}Queue", P, "FifoQueue"), checks.lanes_are_fifo) for owner in checks.DESTINATIONS),
    *((_without(queue, P, "VisibilityTimeout"), checks.messages_stay_hidden_while_they_are_worked_on)
      for queue in checks.WORKED),
    (_without("FanOutFunction", P, "EventInvokeConfig", "DestinationConfig"), checks.failed_events_are_kept),
    (_without("FanOutFunction", P, "EventInvokeConfig"), checks.failed_events_are_kept),
    (_with([{"Id": "x", "Arn": "y"}], "UploadRule", P, "Targets"), checks.failed_events_are_kept),
    (_without("SegmentBucket", P, "NotificationConfiguration"), checks.uploads_below_the_prefix_reach_fan_out),
    (_without("UploadPermission"), checks.uploads_below_the_prefix_reach_fan_out),
    (_without("FanOutFunction", P, "Events", "Resume"), checks.schedules_ask_for_what_fan_out_understands),
    (_without("FanOutFunction", P, "Events", "Refresh", P, "OmitName"),
     checks.schedules_ask_for_what_fan_out_understands),
    # Data.
    *((_without(queue, P, "SqsManagedSseEnabled"), checks.everything_is_encrypted)
      for queue in [*checks.WORKED, *checks.ASIDE]),
    *((_without(bucket, P, "BucketEncryption"), checks.everything_is_encrypted)
      for bucket in ("SegmentBucket", "StateBucket")),
    *((_without(f"{owner}Policy"), checks.nothing_is_taken_without_tls)
      for owner in [*checks.WORKED, *checks.ASIDE, "SegmentBucket", "StateBucket"]),
    (_with("Allow", "StateBucketPolicy", P, "PolicyDocument", "Statement", 0, "Effect"),
     checks.nothing_is_taken_without_tls),
    *((_without(bucket, P, "PublicAccessBlockConfiguration"), checks.buckets_are_private)
      for bucket in ("SegmentBucket", "StateBucket")),
    (_with(False, "SegmentBucket", P, "PublicAccessBlockConfiguration", "BlockPublicPolicy"), checks.buckets_are_private),
    (_without("SegmentBucket", "DeletionPolicy"), checks.buckets_outlive_the_stack),
    (_without("SegmentBucket", "UpdateReplacePolicy"), checks.buckets_outlive_the_stack),
    (_without("StateBucket", P, "LifecycleConfiguration"), checks.people_do_not_stay),
    (_without("StateBucket", P, "LifecycleConfiguration", "Rules", 0), checks.people_do_not_stay),
    (_without("StateBucket", P, "LifecycleConfiguration", "Rules", 1), checks.people_do_not_stay),
    (_with({"Status": "Enabled"}, "StateBucket", P, "VersioningConfiguration"), checks.people_do_not_stay),
    # Operators.
    (_letting("AdministratorsPolicy", "s3:*", "x"), role_checks.no_operator_may_do_everything),
    (_letting("ContributorsPolicy", "s3:GetObject", "*"), role_checks.no_operator_may_do_everything),
    (_letting("AdministratorsPolicy", "sqs:PurgeQueue", [{"Fn::GetAtt": ["SnapchatQueue", "Arn"]}] * 10),
     role_checks.policies_fit_whatever_the_stack_is_called),
    (_granting("FanOutRole", "sqs:PurgeQueue", [{"Fn::GetAtt": ["SnapchatQueue", "Arn"]}] * 50),
     role_checks.policies_fit_whatever_the_stack_is_called),
    (_letting("ContributorsPolicy", "kms:Decrypt", {"Ref": "KmsKeyArn"}),
     role_checks.operators_use_keys_through_services_only),
    (_letting("ContributorsPolicy", "s3:ListBucket", {"Fn::GetAtt": ["StateBucket", "Arn"]}),
     role_checks.contributors_list_what_their_commands_read),
    (_with({"StringLikeIfExists": {"s3:prefix": ["config/*", "runs/*", "open/*", "health/*"]}}, "ContributorsPolicy", P,
           "PolicyDocument", "Statement", 1, "Condition"), role_checks.contributors_list_what_their_commands_read),
    (_letting("AdministratorsRunsPolicy", "s3:PutObject", _state("runs/*")),
     role_checks.cancelling_and_retrying_write_no_more_than_they_do),
    (_letting("AdministratorsPolicy", "s3:PutObject", _state("open/*")),
     role_checks.cancelling_and_retrying_write_no_more_than_they_do),
    *((_without(f"{owner}Contributors"), role_checks.contributors_invoke_the_aliases_only)
      for owner in checks.FUNCTIONS),
    (_with("1", "FanOutContributors", P, "FunctionVersion"), role_checks.contributors_invoke_the_aliases_only),
    (_letting("ContributorsPolicy", "lambda:InvokeFunction", {"Fn::GetAtt": ["FanOutFunction", "Arn"]}),
     role_checks.contributors_invoke_the_aliases_only),
    (_without("FanOutContributorsEvents"), role_checks.failed_events_of_contributors_are_kept),
    (_letting("ContributorsPolicy", "secretsmanager:GetSecretValue", _secret("/klaviyo/*")),
     role_checks.contributors_see_no_secret_no_message_and_no_person),
    (_letting("ContributorsPolicy", "s3:GetObject", _state("chunks/*")),
     role_checks.contributors_see_no_secret_no_message_and_no_person),
    (_letting("AdministratorsPolicy", "s3:GetObject", _state("*")), role_checks.nobody_reads_staged_people),
    (_letting("ContributorsPolicy", "s3:PutObject", _state("config/connections/*")),
     role_checks.contributors_change_their_exports_only),
    (_letting("ContributorsPolicy", "s3:PutObject", _state("runs/*")),
     role_checks.contributors_change_their_exports_only),
    (_letting("ContributorsPolicy", "scheduler:DeleteSchedule", {"Fn::Sub": "schedule/${ScheduleGroup}/*"}),
     role_checks.contributors_change_their_exports_only),
    (_with({"Fn::GetAtt": ["FanOutFunction", "Arn"]}, "ContributorsSchedulerRole", P, "Policies", 0, "PolicyDocument",
           "Statement", 0, "Resource"), role_checks.a_schedule_can_do_what_its_maker_can),
    (_without("ContributorsSchedulerRole", P, "AssumeRolePolicyDocument", "Statement", 0, "Condition", "ArnEquals"),
     role_checks.a_schedule_can_do_what_its_maker_can),
    (_letting("ContributorsPolicy", "iam:PassRole", {"Fn::GetAtt": ["AdministratorsSchedulerRole", "Arn"]}),
     role_checks.operators_pass_the_schedulers_roles_only),
    (_letting("UpstreamPolicy", "s3:GetObject", "x"), role_checks.upstream_puts_segments_and_nothing_else),
    (_letting("UpstreamPolicy", "s3:PutObject", {"Fn::Sub": ["arn:${AWS::Partition}:s3:::${Bucket}/*"]}),
     role_checks.upstream_puts_segments_and_nothing_else),
    # Who may do what.
    (_with({"Fn::GetAtt": ["SnapchatRole", "Arn"]}, "KlaviyoFunction", P, "Role"),
     checks.every_function_has_a_role_of_its_own),
    (_granting("FanOutRole", "s3:GetObject", "*"), checks.nobody_may_do_everything),
    (_granting("SnapchatRole", "sqs:*", checks.attribute("SnapchatQueue")), checks.nobody_may_do_everything),
    (_granting("FanOutRole", "secretsmanager:GetSecretValue", _secret("${AWS::StackName}/snapchat/*")),
     checks.fan_out_has_no_secrets),
    *((_granting(f"{owner}Role", "secretsmanager:GetSecretValue", _secret("${AWS::StackName}/*")),
       checks.a_destination_has_its_own_secrets_only) for owner in checks.DESTINATIONS),
    (_granting("MailchimpRole", "secretsmanager:PutSecretValue", _secret("${AWS::StackName}/mailchimp/*")),
     checks.a_destination_has_its_own_secrets_only),
    (_granting("MailchimpRole", "sqs:ReceiveMessage", checks.attribute("KlaviyoQueue")),
     checks.a_destination_works_its_own_queue_only),
    (_granting("FanOutRole", "sqs:ReceiveMessage", checks.attribute("KlaviyoQueue")),
     checks.a_destination_works_its_own_queue_only),
    *((_granting(f"{owner}Role", "s3:PutObject", _state("config/*")), checks.nobody_changes_the_configuration)
      for owner in checks.FUNCTIONS),
    (_granting("SnapchatRole", "s3:PutObject", _state("*")), checks.nobody_changes_the_configuration),
    (_granting("SnapchatRole", "s3:PutObject", _state("lanes/klaviyo/*")), checks.a_destination_writes_its_own_lanes_only),
    (_without("KlaviyoRole", P, "PermissionsBoundary"), checks.roles_respect_the_boundary),
    # Being told.
    *((_without(f"{queue}NotEmptyAlarm"), checks.alarms_go_off) for queue in checks.ASIDE),
    *((_without(f"{queue}AgeAlarm"), checks.alarms_go_off) for queue in checks.WORKED),
    *((_without(f"{owner}ErrorsAlarm"), checks.alarms_go_off) for owner in checks.FUNCTIONS),
    (_without("FanOutErrorsAlarm", P, "AlarmActions"), checks.alarms_go_off),
    *((_without(f"{owner}LogGroup", P, "RetentionInDays"), checks.logs_are_kept_for_a_while)
      for owner in checks.FUNCTIONS),
    (_without("FanOutFunction", P, "LoggingConfig"), checks.logs_are_kept_for_a_while),
    # The rest.
    (_with("segments", "SegmentBucket", P, "BucketName"), checks.nothing_has_a_fixed_name),
    (_without("KlaviyoFunction", P, "Environment", "Variables", "SEGUE_TIMER_QUEUE_URL"),
     checks.the_environment_is_what_the_functions_read),
]  # fmt: skip


@pytest.mark.parametrize(
    ("mutate", "check"), MUTATIONS, ids=[f"{mutate.__name__} - {check.__name__}" for mutate, check in MUTATIONS]
)
def test_a_check_fails_when_its_feature_is_taken_out(
    mutate: Callable[[dict], None], check: Callable[[dict], None], template: dict
) -> None:
    check(template)
    mutate(template)
    with pytest.raises(AssertionError):
        check(template)


def test_every_check_but_the_descriptions_was_seen_to_fail() -> None:
    seen = {check.__name__ for _, check in MUTATIONS}
    assert {check.__name__ for check in checks.ALL} - seen == {"everything_is_described"}
