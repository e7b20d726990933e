"""The state bucket from outside, and configuring exports in it as an operator would: each with an account, an audience
and a secret of its own, so that tests don't disturb one another."""

import dataclasses
import itertools
import json
import uuid

from botocore.exceptions import ClientError
from sandbox_control import Sandbox
from segue_local import LocalStack

DESTINATIONS = ("snapchat", "mailchimp", "klaviyo")
#: Part of every secret that the tests store: it must be seen nowhere.
SECRET_MARK = "s3cretMark"
_CONSENT = {"terms": 1, "agreed_by": "arn:aws:iam::000000000000:user/ann", "agreed_at": "2026-01-01T00:00:00Z"}


@dataclasses.dataclass(frozen=True)
class Export:
    """A configured export, with an account and an audience of its own."""

    id: str
    destination: str
    connection: str
    secret: str
    audience: str
    credentials: dict
    #: The account's identity, which is the message group.
    lane: str
    segments: tuple[str, ...]

    @property
    def path(self) -> str:
        """Part of the path of the requests that push people, and of no other export's (but for Klaviyo)."""
        paths = {
            "snapchat": f"/segments/{self.audience}/users",
            "mailchimp": f"/lists/{self.audience}",
            "klaviyo": "/api/profile-bulk-import-jobs",
        }
        return paths[self.destination]


class Configuration:
    """The configuration of the stack `stack`; `sandbox` is made to know the accounts."""

    def __init__(self, stack: LocalStack, sandbox: Sandbox) -> None:
        self.stack = stack
        self.sandbox = sandbox
        self.s3 = stack.client("s3")
        self.secrets = stack.client("secretsmanager")
        self.state_bucket = stack.outputs["StateBucket"]
        self._numbers = itertools.count(1)

    # ------------------------------------------------------------------ state

    def put(self, key: str, document: dict) -> None:
        """Writes a document of the state bucket."""
        self.s3.put_object(Bucket=self.state_bucket, Key=key, Body=json.dumps(document).encode())

    def read(self, key: str) -> dict | None:
        """Reads one, if it is there."""
        try:
            return json.loads(self.s3.get_object(Bucket=self.state_bucket, Key=key)["Body"].read())
        except ClientError as error:
            if error.response["Error"]["Code"] in ("NoSuchKey", "404"):
                return None
            raise

    def keys(self, prefix: str) -> list[str]:
        """The keys of the state bucket that start with `prefix`."""
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.state_bucket, Prefix=prefix)
        return [found["Key"] for page in pages for found in page.get("Contents", [])]

    def lines(self, prefix: str) -> list[dict]:
        """All records of the NDJSON files whose keys start with `prefix`."""
        bodies = (self.s3.get_object(Bucket=self.state_bucket, Key=key)["Body"].read() for key in self.keys(prefix))
        return [json.loads(line) for body in bodies for line in body.splitlines()]

    def expire(self, export: Export) -> None:
        """Takes away what an export's failed runs keep for a retry: their people, as the lifecycle does in the end, and
        how far they came."""
        progress = [key for key in self.keys(f"runs/{export.id}/") if "/progress/" in key]
        for key in [*self.keys(f"chunks/{export.id}/"), *progress]:
            self.s3.delete_object(Bucket=self.state_bucket, Key=key)

    # ------------------------------------------------------------------ configuration

    def segment(self, name: str = "segment") -> str:
        """A segment's name that no other test uses."""
        return f"{name}-{next(self._numbers)}"

    def export(
        self,
        destination: str,
        *segments: str,
        connection: dict | None = None,
        secret: object = ...,
        known: bool = True,
        token: bool = False,
        fields: dict | None = None,
        role: str = "administrators",
        **export: object,
    ) -> Export:
        """Configures an export with a connection, an account, an audience and a secret of its own.

        `connection` and `export` are laid over the documents, a field that is `None` is left out; without `known`
        the destination does not know the audience; `secret` is what is stored as the secret, `None` for none; with
        `token` Mailchimp is signed in to by an OAuth token and not by a key.
        """
        number = next(self._numbers)
        identity, audience, credentials = self._account(destination, number)
        if token:
            credentials = {"access_token": f"token{SECRET_MARK}{number}"}
        self.seed_account(destination, identity, audience, credentials, known)
        made = Export(
            f"{segments[0]}-{destination}-{number}", destination, f"{destination}-{number}",
            f"{self.stack.name}/{destination}/{destination}-{number}", audience, credentials, identity, segments,
        )  # fmt: skip
        stored = credentials if secret is ... else secret
        if stored is not None:
            self.store_secret(made, stored)
        self.put(
            f"config/connections/{made.connection}.json",
            _present({
                "version": 1,
                "id": made.connection,
                "display_name": f"Account {number}",
                "destination": destination,
                "account": {"id": identity},
                "secret": made.secret,
                "consent": _CONSENT,
                **(connection or {}),
            }),
        )  # fmt: skip
        names = {} if destination == "snapchat" else {"first_name": "first_name", "last_name": "last_name"}
        document = {
            "version": 1,
            "id": made.id,
            "display_name": f"Export {number}",
            "connection": made.connection,
            "audience_id": audience,
            "segments": list(segments),
            "fields": {"email": "email", **names, **(fields or {})},
            "new_contacts": "subscribed" if destination == "mailchimp" else None,
            # A scheduled refresh runs whatever has this trigger: only what a test means to.
            "triggers": {"upload": True, "schedule": False},
            **export,
        }
        self.put(f"config/exports/{role}/{made.id}.json", _present(document))
        return made

    def change(self, key: str, **fields: object) -> None:
        """Changes fields of a document of the state bucket, such as a connection."""
        document = self.read(key)
        assert document, f"there is no {key}"
        self.put(key, {**document, **fields})

    def _account(self, destination: str, number: int) -> tuple[str, str, dict]:
        mark = f"{SECRET_MARK}{number}"
        if destination == "snapchat":
            credentials = {"client_id": f"id{mark}", "client_secret": f"cs{mark}", "refresh_token": f"rt{mark}"}
            return str(uuid.uuid4()), str(5_700_000_000_000_000 + number), credentials
        if destination == "mailchimp":
            return f"mc{number:022d}", f"{number:010x}", {"api_key": f"key{mark}-us19"}
        return f"Acc{number:03d}", f"List{number:02d}", {"private_key": f"pk_{mark}"}

    def seed_account(self, destination: str, identity: str, audience: str, credentials: dict, known: bool) -> None:
        """Makes the sandbox know an account, and its audience if it is to be known."""
        account, kind = "account_id", "lists"
        if destination == "snapchat":
            account, kind = "ad_account_id", "segments"
        audiences = [{"id": audience, account: identity}] if known else []
        # What the sandbox calls Mailchimp's token.
        words = {"access_token": "oauth_token"}
        signing = {words.get(name, name): value for name, value in credentials.items()}
        self.sandbox.seed(**{destination: {"accounts": [{**signing, account: identity}], kind: audiences}})

    def store_secret(self, export: Export, value: object) -> None:
        """Stores what an export's connection signs in with: a document, or any text."""
        text = value if isinstance(value, str) else json.dumps(value)
        try:
            self.secrets.create_secret(Name=export.secret, SecretString=text)
        except self.secrets.exceptions.ResourceExistsException:
            self.secrets.put_secret_value(SecretId=export.secret, SecretString=text)

    def exports(self, *segments: str, **options: object) -> dict[str, Export]:
        """One export to each destination."""
        return {destination: self.export(destination, *segments, **options) for destination in DESTINATIONS}


def _present(document: dict) -> dict:
    return {name: value for name, value in document.items() if value is not None}
