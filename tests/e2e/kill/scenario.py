"""One scenario: a state bucket, queues, accounts and audiences of its own, and one drop on its way through them.

The test is what AWS is between the functions. It invokes fan-out with the upload's event, and again where it failed,
as Lambda does. It takes messages off the queues and invokes the destination functions as an event source does. Time
passes faster than in AWS in one point: a message that is hidden, by a crash or by a pause, comes at once.
"""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass

from .drops import Drop
from .gate import Kill
from .runtime import SECONDS, Invocation
from .world import World

DESTINATIONS = ("snapchat", "mailchimp", "klaviyo")
_TIME = "2026-11-22T16:35:12Z"
_PATIENCE = 90.0
#: Between two looks at a queue whose messages are not to be seen yet.
_PAUSE = 0.2


@dataclass
class Taken:
    """A message in hand, and the queue it is from."""

    url: str
    destination: str
    message: dict

    def event(self) -> dict:
        """As Lambda's event source hands it over."""
        arn = f"arn:aws:sqs:us-east-1:000000000000:{self.url.rpartition('/')[2]}"
        record = {
            "messageId": self.message["MessageId"],
            "receiptHandle": self.message["ReceiptHandle"],
            "body": self.message["Body"],
            "attributes": self.message["Attributes"],
            "messageAttributes": {},
            "md5OfBody": self.message["MD5OfBody"],
            "eventSource": "aws:sqs",
            "eventSourceARN": arn,
            "awsRegion": "us-east-1",
        }
        return {"Records": [record]}


class Scenario:
    """A drop for one export a destination."""

    def __init__(self, world: World, drop: Drop, destinations: tuple[str, ...] = DESTINATIONS) -> None:
        self.world, self.drop, self.destinations = world, drop, destinations
        self.name = world.name("kill")
        self.audiences = {destination: self._account(destination) for destination in destinations}
        self.queues: dict[str, str] = {}
        self._bucket()
        self._queues()
        self.invocations: list[Invocation] = []

    # ------------------------------------------------------------------ what there is

    def _account(self, destination: str) -> str:
        """An account with an audience at the destination, and its secret; gives the audience's id."""
        account = self.name
        number = account.rpartition("-")[2]
        if destination == "snapchat":
            secret = {"client_id": account, "client_secret": "hush", "refresh_token": f"refresh-{account}"}
            audience = f"57{number:0>14}"
            segment = {"id": audience, "ad_account_id": account}
            seed = {"accounts": [{**secret, "ad_account_id": account}], "segments": [segment]}
        elif destination == "mailchimp":
            audience, secret = f"list{number}", {"api_key": f"key{number}-us19"}
            lists = [{"id": audience, "account_id": account}]
            seed = {"accounts": [{**secret, "account_id": account}], "lists": lists}
        else:
            audience, secret = f"L{number}", {"private_key": f"pk_{number}"}
            lists = [{"id": audience, "account_id": account}]
            seed = {"accounts": [{**secret, "account_id": account}], "lists": lists}
        self.world.ask("POST", "seed", {destination: seed})
        self.world.secrets.create_secret(Name=f"{account}/{destination}/main", SecretString=json.dumps(secret))
        return audience

    def _bucket(self) -> None:
        s3 = self.world.s3
        s3.create_bucket(Bucket=self.name)
        self.key = "segments/vip/drop.csv"
        etag = s3.put_object(Bucket=self.name, Key=self.key, Body=self.drop.bytes())["ETag"]
        self.upload = {
            "version": "0", "id": "1", "detail-type": "Object Created", "source": "aws.s3", "time": _TIME,
            "detail": {
                "bucket": {"name": self.name},
                "object": {
                    "key": self.key, "size": len(self.drop.bytes()), "etag": etag.strip('"'), "sequencer": "0062",
                },
            },
        }  # fmt: skip
        for destination in self.destinations:
            names = {} if destination == "snapchat" else {"first_name": "first_name", "last_name": "last_name"}
            connection = {
                "id": destination, "display_name": destination, "destination": destination, "version": 1,
                "secret": f"{self.name}/{destination}/main", "account": {"id": self.name},
                "consent": {"terms": 1, "agreed_by": "arn:aws:iam::000000000000:root", "agreed_at": _TIME},
            }  # fmt: skip
            export = {
                "id": f"to-{destination}", "display_name": destination, "connection": destination, "version": 1,
                "audience_id": self.audiences[destination], "segments": ["vip"],
                "fields": {"email": "email", **names}, "limits": {"invalid_share": 0.5},
            }  # fmt: skip
            if destination == "mailchimp":
                export["new_contacts"] = "subscribed"
            self.put(f"config/connections/{destination}.json", connection)
            self.put(f"config/exports/administrators/to-{destination}.json", export)

    def put(self, key: str, document: object) -> None:
        """Writes a document of the state bucket."""
        self.world.s3.put_object(Bucket=self.name, Key=key, Body=json.dumps(document).encode())

    def _queue(self, name: str, **attributes: str) -> str:
        fifo = {"FifoQueue": "true"} if name.endswith(".fifo") else {}
        answer = self.world.sqs.create_queue(QueueName=f"{self.name}-{name}", Attributes={**fifo, **attributes})
        return answer["QueueUrl"]

    def _queues(self) -> None:
        for destination in self.destinations:
            self.queues[f"{destination}-dead"] = self._queue(f"{destination}-dead.fifo")
            self.queues[destination] = self._queue(f"{destination}.fifo", VisibilityTimeout="360")
        if "klaviyo" in self.destinations:
            self.queues["klaviyo-timer"] = self._queue("klaviyo-timer", VisibilityTimeout="360")

    def variables(self, function: str) -> dict[str, str]:
        """The environment of a function, as the template sets it."""
        shared = {"SEGUE_STACK": self.name, "SEGUE_STATE_BUCKET": self.name}
        if function == "fan-out":
            nowhere = "http://127.0.0.1:9/000000000000/none.fifo"
            urls = {f"SEGUE_{d.upper()}_QUEUE_URL": self.queues.get(d, nowhere) for d in DESTINATIONS}
            return {**shared, **urls, "SEGUE_SEGMENT_BUCKET": self.name}
        own = {
            "SEGUE_QUEUE_URL": self.queues[function],
            "SEGUE_DEAD_LETTER_QUEUE_URL": self.queues[f"{function}-dead"],
            "SEGUE_BASE_URL": "{gate}/" + {"snapchat": "snapchat/v1", "mailchimp": "mailchimp/3.0"}.get(function, function),
        }
        if function == "snapchat":
            own["SEGUE_TOKEN_URL"] = "{gate}/snapchat/login/oauth2/access_token"
        if function == "klaviyo":
            own["SEGUE_TIMER_QUEUE_URL"] = self.queues["klaviyo-timer"]
        return {**shared, **own}

    # ------------------------------------------------------------------ what happens

    def invoke(
        self, function: str, event: object, *, kill: Kill | None = None, seconds: float = SECONDS
    ) -> Invocation:
        """One invocation of a function."""
        done = self.world.lambda_.invoke(function, self.variables(function), event, kill=kill, seconds=seconds)
        self.invocations.append(done)
        return done

    def fan_out(self, event: object | None = None, kill: Kill | None = None) -> Invocation:
        """Invokes fan-out, and again until it succeeds, as Lambda does; gives the first try."""
        first = done = self.invoke("fan-out", event or self.upload, kill=kill)
        tries = 1
        while done.outcome != "response":
            assert tries < 3, f"fan-out failed {tries} times\n{done}"
            done, tries = self.invoke("fan-out", event or self.upload), tries + 1
        return first

    def wait_out_the_pause(self) -> None:
        """Makes what an account was asked to wait be over, for its next process too."""
        s3 = self.world.s3
        for found in s3.list_objects_v2(Bucket=self.name, Prefix="lanes/").get("Contents", []):
            s3.delete_object(Bucket=self.name, Key=found["Key"])

    def take(self, queue: str) -> Taken | None:
        """A message off a queue, if one is to be seen."""
        url = self.queues[queue]
        answer = self.world.sqs.receive_message(
            QueueUrl=url, MaxNumberOfMessages=1, WaitTimeSeconds=0, MessageSystemAttributeNames=["All"]
        )
        messages = answer.get("Messages", [])
        return Taken(url, queue.partition("-")[0], messages[0]) if messages else None

    def wait_for_messages(self, queue: str) -> Iterator[Taken]:
        """Those that a queue holds now, each once it is to be seen."""
        while self.waiting(queue):
            if taken := self.take(queue):
                yield taken
            else:
                time.sleep(_PAUSE)

    def settle(self, taken: Taken, done: Invocation) -> bool:
        """What an event source does then: takes the message off the queue, or leaves it; it comes again at once."""
        handle = {"QueueUrl": taken.url, "ReceiptHandle": taken.message["ReceiptHandle"]}
        if done.outcome == "response" and not done.failures:
            self.world.sqs.delete_message(**handle)
            return True
        self.world.sqs.change_message_visibility(**handle, VisibilityTimeout=0)
        return False

    def deliver(self, kills: dict[int, Kill] | None = None, *, most: int = 40) -> list[Invocation]:
        """Hands messages over, one at a time, until there are none. `kills` tells which invocations end early."""
        done: list[Invocation] = []
        give_up = time.monotonic() + _PATIENCE
        every = [name for name in self.queues if not name.endswith("-dead")]
        worth = every
        while time.monotonic() < give_up and len(done) < most:
            taken = next(filter(None, map(self.take, worth)), None)
            if taken is None:
                # Only where something is hidden or delayed is there any use in looking again.
                worth = [name for name in every if self.waiting(name)] if worth is every else worth
                if not worth:
                    return done
                time.sleep(_PAUSE)
                continue
            worth = every
            result = self.invoke(taken.destination, taken.event(), kill=(kills or {}).get(len(done)))
            done.append(result)
            self.settle(taken, result)
        raise AssertionError(f"messages are left after {len(done)} invocations; the last:\n{done[-1] if done else ''}")

    def waiting(self, queue: str) -> int:
        """How many messages a queue holds, seen or not."""
        names = ("", "NotVisible", "Delayed")
        wanted = [f"ApproximateNumberOfMessages{name}" for name in names]
        answer = self.world.sqs.get_queue_attributes(QueueUrl=self.queues[queue], AttributeNames=wanted)
        return sum(int(count) for count in answer["Attributes"].values())
