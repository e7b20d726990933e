"""What the template must hold of the operators' roles. Each check raises `AssertionError` with what fails it."""

from checks import FUNCTIONS, as_list, attribute, check
from policy_sizes import INLINE, MANAGED, Longest

POLICIES = ["AdministratorsPolicy", "AdministratorsRunsPolicy", "ContributorsPolicy", "UpstreamPolicy"]
ROLES = {"Administrators": "ScheduleGroup", "Contributors": "ContributorsScheduleGroup"}


def allowed(template: dict, policy: str) -> list[tuple[str, object, dict]]:
    """Action, resource and condition of everything that a policy allows; what is conditional too."""
    found = []
    for statement in template["Resources"][policy]["Properties"]["PolicyDocument"]["Statement"]:
        statement = statement["Fn::If"][1] if "Fn::If" in statement else statement
        assert statement["Effect"] == "Allow", policy
        assert "NotAction" not in statement and "NotResource" not in statement, policy
        for action in as_list(statement["Action"]):
            for resource in as_list(statement["Resource"]):
                found.append((action, resource, statement.get("Condition", {})))
    return found


def reached(template: dict, policy: str, *actions: str) -> list:
    """What a policy allows these actions on."""
    return [resource for action, resource, _ in allowed(template, policy) if action in actions]


def _state(path: str) -> dict:
    return {"Fn::Sub": "${StateBucket.Arn}/" + path}


@check
def no_operator_may_do_everything(template: dict) -> None:
    for policy in POLICIES:
        for action, resource, _ in allowed(template, policy):
            assert "*" not in action, f"{policy}: {action}"
            assert resource != "*" or action == "scheduler:ListSchedules", f"{policy}: {action} on everything"


@check
def policies_fit_whatever_the_stack_is_called(template: dict) -> None:
    longest = Longest(template)
    lengths = longest.managed()
    assert set(lengths) == set(POLICIES), "AWS::IAM::ManagedPolicy"
    for policy, length in lengths.items():
        assert length < MANAGED, f"{policy}: {length} characters"
    for role, length in longest.inline().items():
        assert length < INLINE, f"{role}: {length} characters"


@check
def operators_use_keys_through_services_only(template: dict) -> None:
    services = {
        ("AdministratorsPolicy", "KmsKeyArn"): ["s3", "secretsmanager"],
        ("AdministratorsPolicy", "ExistingSegmentBucketKmsKeyArn"): ["s3"],
        ("AdministratorsRunsPolicy", "KmsKeyArn"): ["s3", "sqs"],
        ("ContributorsPolicy", "KmsKeyArn"): ["s3"],
        ("UpstreamPolicy", "KmsKeyArn"): ["s3"],
        ("UpstreamPolicy", "ExistingSegmentBucketKmsKeyArn"): ["s3"],
    }
    seen = set()
    for policy in POLICIES:
        for action, key, condition in allowed(template, policy):
            if not action.startswith("kms:"):
                continue
            via = as_list(condition.get("StringEquals", {}).get("kms:ViaService", []))
            wanted = services[policy, key["Ref"]]
            assert via == [{"Fn::Sub": f"{name}.${{AWS::Region}}.${{AWS::URLSuffix}}"} for name in wanted], policy
            seen.add((policy, key["Ref"]))
    assert seen == set(services)


@check
def contributors_list_what_their_commands_read(template: dict) -> None:
    listed = [
        (resource, condition)
        for action, resource, condition in allowed(template, "ContributorsPolicy")
        if action == "s3:ListBucket"
    ]
    read = {"StringLike": {"s3:prefix": ["config/*", "runs/*", "open/*", "health/*"]}}
    assert listed == [(attribute("StateBucket"), read)], listed


@check
def cancelling_and_retrying_write_no_more_than_they_do(template: dict) -> None:
    written = reached(template, "AdministratorsRunsPolicy", "s3:PutObject")
    assert written == [_state("runs/*/*/cancel.json"), _state("open/*")], written
    configured = [_state("config/*"), _state("health/*")]
    others = [what for what in reached(template, "AdministratorsPolicy", "s3:PutObject") if "StateBucket" in str(what)]
    assert others == configured, others


@check
def contributors_invoke_the_aliases_only(template: dict) -> None:
    for owner in FUNCTIONS:
        alias = template["Resources"].get(f"{owner}Contributors", {}).get("Properties", {})
        assert alias.get("Name") == "contributors", owner
        assert alias.get("FunctionName") == {"Ref": f"{owner}Function"}, owner
        assert alias.get("FunctionVersion") == "$LATEST", owner
    invoked = [what for action, what, _ in allowed(template, "ContributorsPolicy") if action.startswith("lambda:")]
    assert invoked == [{"Ref": f"{owner}Contributors"} for owner in FUNCTIONS]


@check
def failed_events_of_contributors_are_kept(template: dict) -> None:
    kept = template["Resources"].get("FanOutContributorsEvents", {}).get("Properties", {})
    assert kept.get("Qualifier") == "contributors"
    assert kept.get("MaximumRetryAttempts") == 2
    assert kept.get("DestinationConfig", {}).get("OnFailure") == {"Destination": attribute("OnFailureQueue")}


@check
def contributors_see_no_secret_no_message_and_no_person(template: dict) -> None:
    services = {action.split(":")[0] for action, _, _ in allowed(template, "ContributorsPolicy")}
    assert services == {"cloudformation", "s3", "lambda", "scheduler", "iam", "kms"}
    read = reached(template, "ContributorsPolicy", "s3:GetObject")
    assert read == [_state(f"{folder}/*") for folder in ("config", "health", "open", "runs")]


@check
def nobody_reads_staged_people(template: dict) -> None:
    for policy in POLICIES:
        for resource in reached(template, policy, "s3:GetObject"):
            text = str(resource)
            assert "/chunks/" not in text and "${StateBucket.Arn}/*" not in text, policy


@check
def contributors_change_their_exports_only(template: dict) -> None:
    written = reached(template, "ContributorsPolicy", "s3:PutObject", "s3:DeleteObject")
    own = [_state("config/exports/contributors/*"), _state("config/applied/contributors.json")]
    assert all(resource in own for resource in written), written
    assert all(resource in written for resource in own), written
    changed = [f"scheduler:{what}Schedule" for what in ("Create", "Update", "Delete")]
    for what in changed:
        assert reached(template, "ContributorsPolicy", what), f"contributors may not {what}"
    for resource in reached(template, "ContributorsPolicy", *changed):
        assert resource["Fn::Sub"].endswith("schedule/${ContributorsScheduleGroup}/*"), resource


@check
def a_schedule_can_do_what_its_maker_can(template: dict) -> None:
    may = {"Administrators": attribute("FanOutFunction"), "Contributors": {"Ref": "FanOutContributors"}}
    for role, group in ROLES.items():
        properties = template["Resources"][f"{role}SchedulerRole"]["Properties"]
        [policy] = properties["Policies"]
        [statement] = policy["PolicyDocument"]["Statement"]
        assert statement["Action"] == "lambda:InvokeFunction", role
        assert statement["Resource"] == may[role], role
        [trust] = properties["AssumeRolePolicyDocument"]["Statement"]
        assert trust["Principal"] == {"Service": "scheduler.amazonaws.com"}, role
        assert trust["Condition"] == {
            "StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}},
            "ArnEquals": {"aws:SourceArn": attribute(group)},
        }, role


@check
def operators_pass_the_schedulers_roles_only(template: dict) -> None:
    both = [attribute(f"{role}SchedulerRole") for role in ROLES]
    may = {"AdministratorsPolicy": both, "ContributorsPolicy": both[1:]}
    for policy in POLICIES:
        roles = may.get(policy, [])
        passed = [(what, when) for action, what, when in allowed(template, policy) if action == "iam:PassRole"]
        only = {"StringEquals": {"iam:PassedToService": "scheduler.amazonaws.com"}}
        assert passed == [(role, only) for role in roles], policy


@check
def upstream_puts_segments_and_nothing_else(template: dict) -> None:
    for action, resource, _ in allowed(template, "UpstreamPolicy"):
        if action.startswith("kms:"):
            continue
        assert action in {"s3:PutObject", "s3:AbortMultipartUpload"}, action
        assert resource["Fn::Sub"][0] == "arn:${AWS::Partition}:s3:::${Bucket}/${SegmentPrefix}*", resource
