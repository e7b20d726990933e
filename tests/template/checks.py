"""What the template must hold. Each check raises `AssertionError` with the name of the resource that fails it."""

import json
from collections.abc import Callable, Iterator

DESTINATIONS = {"Snapchat": "snapchat", "Mailchimp": "mailchimp", "Klaviyo": "klaviyo"}
FUNCTIONS = ["FanOut", *DESTINATIONS]
#: Queues that are worked off, each with where its hopeless messages go.
WORKED = {
    "SnapchatQueue": "SnapchatDeadLetterQueue",
    "MailchimpQueue": "MailchimpDeadLetterQueue",
    "KlaviyoQueue": "KlaviyoDeadLetterQueue",
    "KlaviyoTimerQueue": "KlaviyoTimerDeadLetterQueue",
}
#: Queues that should be empty, always.
ASIDE = [*WORKED.values(), "OnFailureQueue"]


#: Every check, in the order they stand in.
ALL: list[Callable[[dict], None]] = []


def check(function: Callable[[dict], None]) -> Callable[[dict], None]:
    """Makes a function one of the checks."""
    ALL.append(function)
    return function


def of_type(template: dict, kind: str) -> Iterator[tuple[str, dict]]:
    """Name and properties of each resource of that type."""
    for name, resource in template["Resources"].items():
        if resource["Type"] == kind:
            yield name, resource.get("Properties", {})


def attribute(resource: str, name: str = "Arn") -> dict:
    """`!GetAtt resource.name`, as it is read."""
    return {"Fn::GetAtt": [resource, name]}


def statements(template: dict, role: str) -> list[dict]:
    """Every statement that counts for `role`: its own policies, and those that name it. Conditional ones too."""
    policies = [policy["PolicyDocument"] for policy in template["Resources"][role]["Properties"]["Policies"]]
    for _, policy in of_type(template, "AWS::IAM::Policy"):
        if {"Ref": role} in policy["Roles"]:
            policies.append(policy["PolicyDocument"])
    found = []
    for statement in (statement for policy in policies for statement in policy["Statement"]):
        found.append(statement["Fn::If"][1] if "Fn::If" in statement else statement)
    return found


def as_list(value: object) -> list:
    """IAM takes one of a thing, or a list of it."""
    return value if isinstance(value, list) else [value]


def actions(template: dict, role: str) -> set[str]:
    """Every action that `role` may do, whatever to."""
    return {action for statement in statements(template, role) for action in as_list(statement["Action"])}


# ---------------------------------------------------------------------- queues and events


@check
def one_message_at_a_time_and_failures_are_reported(template: dict) -> None:
    mappings = of_type(template, "AWS::Lambda::EventSourceMapping")
    sources = {str(source["EventSourceArn"]): source for _, source in mappings}
    for queue in WORKED:
        source = sources.get(str(attribute(queue)))
        assert source, f"nobody works off {queue}"
        assert source["BatchSize"] == 1, queue
        assert source.get("FunctionResponseTypes") == ["ReportBatchItemFailures"], queue
        owner = queue.removesuffix("Queue").removesuffix("Timer")
        assert source["FunctionName"] == {"Ref": f"{owner}Function"}, queue
        assert source.get("Enabled", True) is True, queue


@check
def hopeless_messages_are_set_aside(template: dict) -> None:
    for queue, dead in WORKED.items():
        properties = template["Resources"][queue]["Properties"]
        redrive = properties.get("RedrivePolicy", {})
        assert redrive.get("deadLetterTargetArn") == attribute(dead), queue
        assert redrive.get("maxReceiveCount") == 1000, f"{queue}: receives are not attempts"
        assert template["Resources"][dead]["Properties"].get("FifoQueue") == properties.get("FifoQueue"), dead
        assert template["Resources"][dead]["Properties"].get("MessageRetentionPeriod") == 1209600, dead


@check
def lanes_are_fifo(template: dict) -> None:
    for owner in DESTINATIONS:
        assert template["Resources"][f"{owner}Queue"]["Properties"].get("FifoQueue") is True, owner
    timer = template["Resources"]["KlaviyoTimerQueue"]["Properties"]
    assert "FifoQueue" not in timer, "FIFO queues can't delay a message"


@check
def messages_stay_hidden_while_they_are_worked_on(template: dict) -> None:
    hidden = {"Fn::FindInMap": ["VisibilityByTimeout", {"Ref": "DestinationTimeout"}, "Seconds"]}
    for queue in WORKED:
        assert template["Resources"][queue]["Properties"].get("VisibilityTimeout") == hidden, queue
    offered = {str(value) for value in template["Parameters"]["DestinationTimeout"]["AllowedValues"]}
    mapped = template["Mappings"]["VisibilityByTimeout"]
    assert offered == set(mapped), "every timeout that may be chosen needs a visibility"
    for timeout, row in mapped.items():
        assert row["Seconds"] > int(timeout), timeout
    for owner in DESTINATIONS:
        assert template["Resources"][f"{owner}Function"]["Properties"]["Timeout"] == {"Ref": "DestinationTimeout"}, owner


@check
def failed_events_are_kept(template: dict) -> None:
    kept = template["Resources"]["FanOutFunction"]["Properties"].get("EventInvokeConfig", {})
    assert kept.get("MaximumRetryAttempts") == 2, "FanOutFunction"
    target = kept.get("DestinationConfig", {}).get("OnFailure", {})
    assert target.get("Destination") == attribute("OnFailureQueue"), "FanOutFunction"
    [rule_target] = template["Resources"]["UploadRule"]["Properties"]["Targets"]
    assert rule_target.get("DeadLetterConfig") == {"Arn": attribute("OnFailureQueue")}, "UploadRule"


@check
def uploads_below_the_prefix_reach_fan_out(template: dict) -> None:
    pattern = template["Resources"]["UploadRule"]["Properties"]["EventPattern"]
    assert pattern["detail-type"] == ["Object Created"]
    assert pattern["detail"]["object"]["key"] == [{"prefix": {"Ref": "SegmentPrefix"}}]
    notifications = template["Resources"]["SegmentBucket"]["Properties"].get("NotificationConfiguration", {})
    assert notifications.get("EventBridgeConfiguration") == {"EventBridgeEnabled": True}, "SegmentBucket"
    permission = template["Resources"].get("UploadPermission", {}).get("Properties", {})
    assert permission.get("SourceArn") == attribute("UploadRule"), "UploadPermission"


@check
def schedules_ask_for_what_fan_out_understands(template: dict) -> None:
    events = template["Resources"]["FanOutFunction"]["Properties"].get("Events", {})
    asked = {name: json.loads(event["Properties"]["Input"]) for name, event in events.items()}
    assert asked == {
        "Refresh": {"request": "refresh", "scheduled_time": "<aws.scheduler.scheduled-time>"},
        "Resume": {"request": "resume"},
    }
    assert events["Resume"]["Properties"]["ScheduleExpression"] == "rate(15 minutes)"
    for name, event in events.items():
        assert event["Type"] == "ScheduleV2", name
        assert event["Properties"].get("OmitName") is True, f"{name}: SAM's own name would be the same in every stack"


# ---------------------------------------------------------------------- data


@check
def everything_is_encrypted(template: dict) -> None:
    for name, queue in of_type(template, "AWS::SQS::Queue"):
        assert queue.get("SqsManagedSseEnabled") == {"Fn::If": ["HasKey", {"Ref": "AWS::NoValue"}, True]}, name
        assert queue.get("KmsMasterKeyId") == {"Fn::If": ["HasKey", {"Ref": "KmsKeyArn"}, {"Ref": "AWS::NoValue"}]}, name
    for name, bucket in of_type(template, "AWS::S3::Bucket"):
        rules = bucket.get("BucketEncryption", {}).get("ServerSideEncryptionConfiguration")
        assert rules, name
        condition, own_key, managed = rules[0]["ServerSideEncryptionByDefault"]["Fn::If"]
        assert condition == "HasKey", name
        assert own_key == {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": {"Ref": "KmsKeyArn"}}, name
        assert managed == {"SSEAlgorithm": "AES256"}, name


@check
def nothing_is_taken_without_tls(template: dict) -> None:
    refused: dict[str, list] = {}
    for kind, key in (("AWS::SQS::QueuePolicy", "Queues"), ("AWS::S3::BucketPolicy", "Bucket")):
        for _, policy in of_type(template, kind):
            for statement in policy["PolicyDocument"]["Statement"]:
                insecure = statement.get("Condition") == {"Bool": {"aws:SecureTransport": "false"}}
                if insecure and statement["Effect"] == "Deny" and statement["Principal"] == "*":
                    for reference in as_list(policy[key]):
                        refused.setdefault(reference["Ref"], []).extend(as_list(statement["Resource"]))
    for name, _ in of_type(template, "AWS::SQS::Queue"):
        assert attribute(name) in refused.get(name, []), name
    for name, _ in of_type(template, "AWS::S3::Bucket"):
        assert attribute(name) in refused.get(name, []), name
        assert {"Fn::Sub": f"${{{name}.Arn}}/*"} in refused[name], name


@check
def buckets_are_private(template: dict) -> None:
    for name, bucket in of_type(template, "AWS::S3::Bucket"):
        block = bucket.get("PublicAccessBlockConfiguration", {})
        names = ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets")
        assert all(block.get(key) is True for key in names), name


@check
def buckets_outlive_the_stack(template: dict) -> None:
    for name in ("SegmentBucket", "StateBucket"):
        assert template["Resources"][name].get("DeletionPolicy") == "Retain", name
        assert template["Resources"][name].get("UpdateReplacePolicy") == "Retain", name


@check
def people_do_not_stay(template: dict) -> None:
    state = template["Resources"]["StateBucket"]["Properties"]
    rules = state.get("LifecycleConfiguration", {}).get("Rules", [])
    expiring = {rule.get("Prefix"): rule["ExpirationInDays"] for rule in rules if "ExpirationInDays" in rule}
    assert expiring == {"chunks/": 7}, "StateBucket"
    for name, bucket in of_type(template, "AWS::S3::Bucket"):
        rules = bucket.get("LifecycleConfiguration", {}).get("Rules", [])
        assert any("AbortIncompleteMultipartUpload" in rule for rule in rules), name
    assert "VersioningConfiguration" not in state, "StateBucket: what is deleted must be gone"


# ---------------------------------------------------------------------- who may do what


@check
def every_function_has_a_role_of_its_own(template: dict) -> None:
    roles = [function["Role"] for _, function in of_type(template, "AWS::Serverless::Function")]
    assert roles == [attribute(f"{owner}Role") for owner in FUNCTIONS]
    for _, function in of_type(template, "AWS::Serverless::Function"):
        assert "Policies" not in function, "SAM adds statements on everything"
        events = function.get("Events", {}).values()
        assert all(event["Type"] == "ScheduleV2" for event in events), "SAM adds statements on everything"


@check
def nobody_may_do_everything(template: dict) -> None:
    for owner in FUNCTIONS:
        for statement in statements(template, f"{owner}Role"):
            for action in as_list(statement["Action"]):
                assert "*" not in action, f"{owner}: {action}"
            for resource in as_list(statement["Resource"]):
                assert resource != "*", f"{owner}: {statement}"
            assert "NotAction" not in statement and "NotResource" not in statement, owner
            assert statement["Effect"] == "Allow", owner


@check
def fan_out_has_no_secrets(template: dict) -> None:
    assert not [action for action in actions(template, "FanOutRole") if action.startswith("secretsmanager:")]


@check
def a_destination_has_its_own_secrets_only(template: dict) -> None:
    for owner, folder in DESTINATIONS.items():
        secrets = "arn:${AWS::Partition}:secretsmanager:${AWS::Region}:${AWS::AccountId}:secret:${AWS::StackName}"
        arn = f"{secrets}/{folder}/*"
        seen = False
        for statement in statements(template, f"{owner}Role"):
            allowed = [action for action in as_list(statement["Action"]) if action.startswith("secretsmanager:")]
            if allowed:
                assert as_list(statement["Resource"]) == [{"Fn::Sub": arn}], owner
                seen = True
                assert owner == "Snapchat" or allowed == ["secretsmanager:GetSecretValue"], owner
        assert seen, owner


@check
def a_destination_works_its_own_queue_only(template: dict) -> None:
    for owner in DESTINATIONS:
        own = [attribute(queue) for queue in [*WORKED, *ASIDE] if queue.startswith(owner)]
        for statement in statements(template, f"{owner}Role"):
            if any(action.startswith("sqs:") for action in as_list(statement["Action"])):
                assert all(resource in own for resource in as_list(statement["Resource"])), owner
        assert "sqs:ChangeMessageVisibility" in actions(template, f"{owner}Role"), owner
    assert actions(template, "FanOutRole") & {"sqs:ReceiveMessage", "sqs:DeleteMessage"} == set(), "FanOut"


@check
def nobody_changes_the_configuration(template: dict) -> None:
    for owner in FUNCTIONS:
        for statement in statements(template, f"{owner}Role"):
            if {"s3:PutObject", "s3:DeleteObject"} & set(as_list(statement["Action"])):
                written = json.dumps(statement["Resource"])
                assert "/config/" not in written and "SegmentPrefix" not in written, owner
                assert "${StateBucket.Arn}/*" not in written, owner


@check
def a_destination_writes_its_own_lanes_only(template: dict) -> None:
    for owner, folder in DESTINATIONS.items():
        text = json.dumps(statements(template, f"{owner}Role"))
        assert f"/lanes/{folder}/*" in text, owner
        for other in set(DESTINATIONS.values()) - {folder}:
            assert f"/lanes/{other}" not in text, owner
        assert "/lanes/*" not in text, owner


@check
def roles_respect_the_boundary(template: dict) -> None:
    boundary = {"Fn::If": ["HasBoundary", {"Ref": "PermissionsBoundaryArn"}, {"Ref": "AWS::NoValue"}]}
    for name, role in of_type(template, "AWS::IAM::Role"):
        assert role.get("PermissionsBoundary") == boundary, name
    for name, event in template["Resources"]["FanOutFunction"]["Properties"].get("Events", {}).items():
        assert event["Properties"].get("PermissionsBoundary") == boundary, name


# ---------------------------------------------------------------------- being told


@check
def alarms_go_off(template: dict) -> None:
    expected = {("ApproximateNumberOfMessagesVisible", str(attribute(queue, "QueueName"))) for queue in ASIDE}
    expected |= {("ApproximateAgeOfOldestMessage", str(attribute(queue, "QueueName"))) for queue in WORKED}
    expected |= {("Errors", str({"Ref": f"{owner}Function"})) for owner in FUNCTIONS}
    found = set()
    for name, alarm in of_type(template, "AWS::CloudWatch::Alarm"):
        found.add((alarm["MetricName"], str(alarm["Dimensions"][0]["Value"])))
        told = {"Fn::If": ["HasAlarmEmail", [{"Ref": "AlarmTopic"}], {"Ref": "AWS::NoValue"}]}
        assert alarm.get("AlarmActions") == told, name
        assert alarm["ComparisonOperator"] == "GreaterThanThreshold", name
    assert expected <= found, expected - found


@check
def logs_are_kept_for_a_while(template: dict) -> None:
    for owner in FUNCTIONS:
        group = template["Resources"].get(f"{owner}LogGroup", {}).get("Properties", {})
        assert group.get("RetentionInDays") == {"Ref": "LogRetentionDays"}, owner
        logging = template["Resources"][f"{owner}Function"]["Properties"].get("LoggingConfig", {})
        assert logging.get("LogGroup") == {"Ref": f"{owner}LogGroup"}, owner


# ---------------------------------------------------------------------- the rest


@check
def nothing_has_a_fixed_name(template: dict) -> None:
    fixed = {"BucketName", "QueueName", "FunctionName", "RoleName", "TopicName", "LogGroupName", "AlarmName", "Name"}
    for name, resource in template["Resources"].items():
        own = fixed & set(resource.get("Properties", {}))
        if resource["Type"] in ("AWS::Lambda::EventSourceMapping", "AWS::Lambda::Permission"):
            own -= {"FunctionName"}
        if resource["Type"] in ("AWS::Lambda::Alias", "AWS::Lambda::EventInvokeConfig"):
            # An alias has its name within its function only.
            own -= {"FunctionName", "Name"}
        assert not own, f"{name}: two stacks could not live side by side"
    assert "arn:aws:" not in json.dumps(template["Resources"]), "there are other partitions"


@check
def everything_is_described(template: dict) -> None:
    for section in ("Parameters", "Outputs"):
        for name, entry in template[section].items():
            assert entry.get("Description"), name
    groups = template["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    grouped = [name for group in groups for name in group["Parameters"]]
    assert sorted(grouped) == sorted(template["Parameters"])


@check
def the_environment_is_what_the_functions_read(template: dict) -> None:
    common = template["Globals"]["Function"]["Environment"]["Variables"]
    assert set(common) == {"SEGUE_STACK", "SEGUE_STATE_BUCKET", "SEGUE_LOG"}
    queue = {"SEGUE_QUEUE_URL", "SEGUE_DEAD_LETTER_QUEUE_URL", "SEGUE_BASE_URL"}
    expected = {
        "FanOut": {"SEGUE_SEGMENT_BUCKET", "SEGUE_SEGMENT_PREFIX"}
        | {f"SEGUE_{owner.upper()}_QUEUE_URL" for owner in DESTINATIONS},
        "Snapchat": queue | {"SEGUE_TOKEN_URL"},
        "Mailchimp": queue | {"SEGUE_METADATA_URL"},
        "Klaviyo": queue | {"SEGUE_TIMER_QUEUE_URL"},
    }
    for owner, names in expected.items():
        found = template["Resources"][f"{owner}Function"]["Properties"]["Environment"]["Variables"]
        assert set(found) == names, owner
