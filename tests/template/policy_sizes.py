"""How long policies get where every name in them is as long as AWS lets it be.

IAM counts the characters of a policy's document without its white space, and refuses a managed policy of more than
6,144, and more than 10,240 in all policies that stand within one role (IAM's user guide, "IAM and AWS STS quotas").
"""

import json
import re

MANAGED = 6_144
INLINE = 10_240

#: AWS's own: the longest names of a partition and of a region, and an account.
AWS = {
    "AWS::Partition": "aws-us-gov",
    "AWS::Region": "ap-southeast-1",
    "AWS::AccountId": "1" * 12,
    "AWS::StackName": "s" * 128,
    "AWS::URLSuffix": "amazonaws.com.cn",
}
#: The longest name of each type that CloudFormation may make, and its ARN. It cuts the stack's name off where a type's
#: names have to be shorter than the three parts of it; those of log groups and managed policies may be long enough.
NAMES = {
    "AWS::S3::Bucket": ("b" * 63, "arn:{P}:s3:::{name}"),
    "AWS::SQS::Queue": ("q" * 80, "arn:{P}:sqs:{R}:{A}:{name}"),
    "AWS::Serverless::Function": ("f" * 64, "arn:{P}:lambda:{R}:{A}:function:{name}"),
    "AWS::Lambda::Alias": ("f" * 64 + ":contributors", "arn:{P}:lambda:{R}:{A}:function:{name}"),
    "AWS::Logs::LogGroup": ("{stack}-{logical}-" + "l" * 13, "arn:{P}:logs:{R}:{A}:log-group:{name}:*"),
    "AWS::IAM::Role": ("r" * 64, "arn:{P}:iam::{A}:role/{name}"),
    "AWS::Scheduler::ScheduleGroup": ("g" * 64, "arn:{P}:scheduler:{R}:{A}:schedule-group/{name}"),
}
#: What `Ref` gives where it is the ARN.
REFERRED_AS_ARN = {"AWS::Lambda::Alias"}
KEY = "arn:{P}:kms:{R}:{A}:key/mrk-" + "0" * 32


class Longest:
    """A template with every intrinsic resolved to the longest text it may stand for."""

    def __init__(self, template: dict) -> None:
        self._template = template

    def managed(self) -> dict[str, int]:
        """The length of each managed policy."""
        return {
            name: self.length(resource["Properties"]["PolicyDocument"])
            for name, resource in self._template["Resources"].items()
            if resource["Type"] == "AWS::IAM::ManagedPolicy"
        }

    def inline(self) -> dict[str, int]:
        """The length of what stands within each role, and of what is added to it by a policy of its own."""
        lengths: dict[str, int] = {}
        for name, resource in self._template["Resources"].items():
            if resource["Type"] == "AWS::IAM::Role":
                own = [policy["PolicyDocument"] for policy in resource["Properties"].get("Policies", [])]
                lengths[name] = lengths.get(name, 0) + sum(map(self.length, own))
            elif resource["Type"] == "AWS::IAM::Policy":
                for role in resource["Properties"]["Roles"]:
                    document = resource["Properties"]["PolicyDocument"]
                    lengths[role["Ref"]] = lengths.get(role["Ref"], 0) + self.length(document)
        return lengths

    def length(self, document: dict) -> int:
        """The characters that IAM counts of a document."""
        return len(re.sub(r"\s", "", json.dumps(self.resolved(document), separators=(",", ":"))))

    def resolved(self, value: object) -> object:
        """What CloudFormation makes of it."""
        if isinstance(value, list):
            return [found for found in map(self.resolved, value) if found is not None]
        if not isinstance(value, dict):
            return value
        match list(value.items()):
            case [("Ref", name)]:
                return self._reference(name)
            case [("Fn::GetAtt", [name, "Arn"])]:
                return self._arn(name)
            case [("Fn::Sub", text)]:
                return self._substituted(*(text if isinstance(text, list) else (text, {})))
            case [("Fn::If", [_, one, other])]:
                # Whichever is longer.
                return max(self.resolved(one), self.resolved(other), key=lambda found: len(json.dumps(found)))
        return {key: self.resolved(inner) for key, inner in value.items()}

    def _substituted(self, text: str, named: dict) -> str:
        def one(match: re.Match) -> str:
            name = match[1]
            if name in named:
                return str(self.resolved(named[name]))
            return self._arn(name.removesuffix(".Arn")) if name.endswith(".Arn") else str(self._reference(name))

        return re.sub(r"\$\{([A-Za-z:.]+)\}", one, text)

    def _reference(self, name: str) -> str | None:
        if name == "AWS::NoValue":
            return None
        if name in AWS:
            return AWS[name]
        if name in self._template["Parameters"]:
            return self._parameter(name)
        kind = self._template["Resources"][name]["Type"]
        return self._arn(name) if kind in REFERRED_AS_ARN else self._name(name)

    def _parameter(self, name: str) -> str:
        if name.endswith("KmsKeyArn"):
            return _filled(KEY)
        if name == "ExistingSegmentBucket":
            return "b" * 63
        return "p" * self._template["Parameters"][name]["MaxLength"]

    def _name(self, name: str) -> str:
        longest, _ = NAMES[self._template["Resources"][name]["Type"]]
        return longest.format(stack=AWS["AWS::StackName"], logical=name)

    def _arn(self, name: str) -> str:
        _, arn = NAMES[self._template["Resources"][name]["Type"]]
        return _filled(arn, name=self._name(name))


def _filled(arn: str, **more: str) -> str:
    return arn.format(P=AWS["AWS::Partition"], R=AWS["AWS::Region"], A=AWS["AWS::AccountId"], **more)
