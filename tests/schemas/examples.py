"""One request of each kind as the sandbox records it, and ways in which it would be wrong."""

import hashlib
import json

#: Takes a field away.
GONE = object()

_HOST = {"host": "127.0.0.1:1", "user-agent": "segue/0.1.0", "accept": "*/*"}
_JSON = {**_HOST, "content-type": "application/json", "content-length": "100"}
_KLAVIYO = {**_HOST, "accept": "application/vnd.api+json", "revision": "2026-07-15"}
_SHA = "86e0b9e56c17cc4d12387e1949b85053fbe73bc3ce5a1188713a9d300cc6133d"
_JANE = "jane.doe@example.com"
_MD5 = hashlib.md5(_JANE.encode()).hexdigest()
_LIST = "/mailchimp/3.0/lists/a1b2c3d4e5"
_JOBS = "/klaviyo/api/profile-bulk-import-jobs"
_JOB = f"{_JOBS}/V0JoWEhO-_1"
_UUID = "40d6719b-da09-410b-9185-0cc9c0dfed1d"
_LISTED = "lists.id,lists.name,lists.stats.member_count,total_items"
_RESULTS = "/mailchimp/archive/abc123/results.tar.gz"


def _record(path: str, query: str = "", body: object = None, **other: object) -> dict:
    destination = path.split("/")[1]
    usual = {"snapchat": "Bearer", "mailchimp": "Basic", "klaviyo": "Klaviyo-API-Key"}[destination]
    headers = _KLAVIYO if destination == "klaviyo" else _HOST
    method = "GET" if body is None else "POST"
    made = {"at": "2026-11-22T20:00:00Z", "destination": destination, "method": method, "path": path, "query": query}
    return {**made, "headers": headers, "authorization": usual, "status": 200, "body": body, **other}


def operation(**fields: object) -> dict:
    """An operation of a batch, that of a contact unless `fields` say otherwise."""
    body = {"email_address": _JANE, "status_if_new": "subscribed", "merge_fields": {"FNAME": "Jané"}}
    made = {
        "method": "PUT",
        "path": f"/lists/a1b2c3d4e5/members/{_MD5}",
        "params": {"skip_merge_validation": "false"},
        "operation_id": "17",
        "body": json.dumps(body),
    }
    return {**made, **fields}


def tagging(**fields: object) -> dict:
    """An operation that puts a tag on a contact."""
    body = json.dumps({"tags": [{"name": "segue", "status": "active"}]})
    made = {"method": "POST", "path": f"/lists/a1b2c3d4e5/members/{_MD5}/tags", "operation_id": "17t", "body": body}
    return {**made, **fields}


def _person(**fields: object) -> str:
    made = {"email_address": _JANE, "status_if_new": "subscribed", **fields}
    return json.dumps({name: value for name, value in made.items() if value is not GONE})


def _profile(number: int = 0, **fields: object) -> dict:
    return {"type": "profile", "attributes": {"email": f"p{number}@example.com", "first_name": "Zoë", **fields}}


def _member(number: int = 0, **fields: object) -> dict:
    return {"email_address": f"p{number}@example.com", "status": "subscribed", **fields}


_IMPORT = {
    "data": {
        "type": "profile-bulk-import-job",
        "attributes": {"profiles": {"data": [_profile(), _profile(1, last_name="Doe")]}},
        "relationships": {"lists": {"data": [{"type": "list", "id": "YafG4m"}]}},
    }
}
_MEMBERS = {
    "members": [
        _member(0, merge_fields={"FNAME": "Zoë", "LNAME": "Doe"}, tags=["segue"]),
        _member(1, status="pending"),
    ],
    "update_existing": False,
    "sync_tags": False,
}
_FORM = "grant_type=refresh_token&refresh_token=[cut]&client_id=[cut]&client_secret=[cut]"
_CODE = (
    "grant_type=authorization_code&code=[cut]&client_id=[cut]&client_secret=[cut]"
    "&redirect_uri=http%3A%2F%2F127.0.0.1%3A48910%2Fcallback&code_verifier=[cut]"
)
_ANSWER = "fields=errors,error_count,total_created,total_updated"
_PEOPLE = "fields=members.id,members.email_address,total_items"

#: By destination and name, a request with nothing wrong.
GOOD: dict[tuple[str, str], dict] = {
    ("snapchat", "token"): _record(
        "/snapchat/login/oauth2/access_token", body=_FORM, authorization=None,
        headers={**_JSON, "content-type": "application/x-www-form-urlencoded"},
    ),
    ("snapchat", "account"): _record("/snapchat/v1/me"),
    ("snapchat", "organizations"): _record("/snapchat/v1/me/organizations"),
    ("snapchat", "ad accounts"): _record(f"/snapchat/v1/organizations/{_UUID}/adaccounts"),
    ("snapchat", "segments"): _record(f"/snapchat/v1/adaccounts/{_UUID}/segments", "limit=1000&cursor=b"),
    ("snapchat", "segment"): _record("/snapchat/v1/segments/5677923948298240"),
    ("snapchat", "add users"): _record(
        "/snapchat/v1/segments/5677923948298240/users", headers=_JSON,
        body={"users": [{"schema": ["EMAIL_SHA256"], "data": [[_SHA], ["0" * 64]]}]},
    ),
    ("mailchimp", "metadata"): _record("/mailchimp/oauth2/metadata", authorization="OAuth"),
    ("mailchimp", "code exchange"): _record(
        "/mailchimp/oauth2/token", body=_CODE, authorization=None,
        headers={**_JSON, "content-type": "application/x-www-form-urlencoded"},
    ),
    ("mailchimp", "account"): _record("/mailchimp/3.0/", "fields=account_id,account_name"),
    ("mailchimp", "audiences"): _record("/mailchimp/3.0/lists", f"fields={_LISTED}&count=1000&offset=0"),
    ("mailchimp", "audience"): _record(_LIST, "fields=id,name"),
    ("mailchimp", "merge fields"): _record(
        f"{_LIST}/merge-fields", "fields=merge_fields.tag,merge_fields.required,total_items&count=1000"
    ),
    ("mailchimp", "people who left"): _record(
        f"{_LIST}/members", f"status=archived&{_PEOPLE}&count=1000&offset=2000"
    ),
    ("mailchimp", "add members"): _record(
        _LIST, f"skip_duplicate_check=true&{_ANSWER}", headers=_JSON, body=_MEMBERS, authorization="Bearer"
    ),
    ("mailchimp", "start batch"): _record(
        "/mailchimp/3.0/batches", "fields=id,status", headers=_JSON, body={"operations": [operation(), tagging()]}
    ),
    ("mailchimp", "batch"): _record("/mailchimp/3.0/batches/abc123", "fields=status,response_body_url"),
    ("mailchimp", "batch results"): _record(_RESULTS, authorization=None),
    ("klaviyo", "account"): _record("/klaviyo/api/accounts"),
    ("klaviyo", "lists"): _record("/klaviyo/api/lists", "fields%5Blist%5D=name&page%5Bcursor%5D=bmV4d"),
    ("klaviyo", "import"): _record(
        _JOBS, body=_IMPORT,
        headers={**_KLAVIYO, "content-type": "application/vnd.api+json", "content-length": "4999999"},
    ),
    ("klaviyo", "job"): _record(_JOB),
    ("klaviyo", "import errors"): _record(
        f"{_JOB}/import-errors", "page%5Bsize%5D=100&page%5Bcursor%5D=bmV4d"
    ),
}  # fmt: skip

_ROWS = ("body", "users", 0, "data")
_CONTACT = ("body", "members", 0)
_OPERATIONS = ("body", "operations")
_PROFILES = ("body", "data", "attributes", "profiles", "data")
_PROFILE = (*_PROFILES, 0, "attributes")
_LISTS = ("body", "data", "relationships", "lists", "data")

#: What would be wrong: where, and what stands there instead.
BAD: dict[tuple[str, str], list[tuple[tuple, object]]] = {
    ("snapchat", "token"): [
        (("body",), _FORM.replace("grant_type=refresh_token", "grant_type=password")),
        (("body",), _FORM.replace("&client_id=[cut]", "")),
        (("body",), f"{_FORM}&scope=all"),
        (("body",), f"{_FORM}&code=[cut]"),
        (("body",), _CODE.replace("&code=[cut]", "")),
        (("body",), f"{_FORM}&client_id=[cut]"),
        (("body",), {"grant_type": "refresh_token"}),
        (("headers", "content-type"), "application/json"),
        (("headers", "content-type"), GONE),
        (("authorization",), "Bearer"),
        (("query",), "grant_type=refresh_token"),
        (("method",), "GET"),
    ],
    ("snapchat", "account"): [
        (("authorization",), None),
        (("authorization",), GONE),
        (("query",), "fields=id"),
        (("body",), {}),
        (("method",), "POST"),
    ],
    ("snapchat", "organizations"): [
        (("authorization",), "Basic"),
        (("query",), "limit=1000"),
        (("path",), "/snapchat/v1/organizations"),
        (("method",), "POST"),
    ],
    ("snapchat", "ad accounts"): [
        (("path",), "/snapchat/v1/organizations/567/adaccounts"),
        (("authorization",), GONE),
        (("query",), "limit=1000"),
        (("body",), {}),
    ],
    ("snapchat", "segments"): [
        (("path",), "/snapchat/v1/adaccounts/567/segments"),
        (("query",), "limit=1001"),
        (("query",), "cursor=b"),
        (("query",), "limit=1000&cursor="),
        (("method",), "POST"),
    ],
    ("snapchat", "segment"): [
        (("path",), "/snapchat/v1/segments/40d6719b-da09-410b-9185-0cc9c0dfed1d"),
        (("path",), "/snapchat/v2/segments/5677923948298240"),
        (("path",), "/snapchat/v1/segments/5677923948298240/"),
        (("authorization",), "Basic"),
        (("headers", "content-type"), "application/json"),
    ],
    ("snapchat", "add users"): [
        ((*_ROWS, 0, 0), _SHA.upper()),
        ((*_ROWS, 0, 0), _SHA[1:]),
        ((*_ROWS, 0, 0), _SHA + "0"),
        ((*_ROWS, 0, 0), _SHA + "\n"),
        ((*_ROWS, 0, 0), _JANE),
        ((*_ROWS, 0), _SHA),
        ((*_ROWS, 0), []),
        ((*_ROWS, 0), [_SHA, _SHA]),
        ((*_ROWS, 1), [_SHA]),
        (_ROWS, []),
        (_ROWS, [[f"{number:064x}"] for number in range(100_001)]),
        (("body", "users", 0, "schema"), ["EMAIL_SHA256", "PHONE_SHA256"]),
        (("body", "users", 0, "schema"), ["HASHED_EMAIL"]),
        (("body", "users"), []),
        (("body",), {"data": {"users": []}}),
        (("body",), "{"),
        (("headers", "content-type"), "text/plain"),
        (("headers", "content-length"), GONE),
        (("method",), "DELETE"),
        (("authorization",), None),
    ],
    ("mailchimp", "metadata"): [
        (("authorization",), None),
        (("authorization",), "Basic"),
        (("query",), "access_token=[cut]"),
        (("method",), "POST"),
    ],
    ("mailchimp", "code exchange"): [
        (("body",), _CODE.replace("grant_type=authorization_code", "grant_type=refresh_token")),
        (("body",), _CODE.replace("&code=[cut]", "")),
        (("body",), _CODE.replace("http%3A%2F%2F127.0.0.1%3A", "http%3A%2F%2Fexample.com%3A")),
        (("body",), f"{_CODE}&scope=all"),
        (("headers", "content-type"), "application/json"),
        (("query",), "code=[cut]"),
        (("authorization",), "Bearer"),
    ],
    ("mailchimp", "account"): [
        (("query",), ""),
        (("query",), "fields=account_id,email"),
        (("authorization",), "OAuth"),
        (("path",), "/mailchimp/2.0/"),
    ],
    ("mailchimp", "audiences"): [
        (("query",), "count=1000&offset=0"),
        (("query",), f"fields={_LISTED},lists.contact&count=1000&offset=0"),
        (("query",), f"fields={_LISTED}&count=1001&offset=0"),
        (("authorization",), None),
    ],
    ("mailchimp", "audience"): [
        (("query",), ""),
        (("query",), "fields=id,stats"),
        (("query",), "fields=id&fields=name"),
        (("authorization",), None),
        (("path",), "/mailchimp/3.0/lists/a1b2%2F.."),
        (("headers", "content-length"), "0"),
    ],
    ("mailchimp", "merge fields"): [
        (("query",), "fields=merge_fields.tag,total_items"),
        (("query",), "count=1000"),
        (("query",), "fields=merge_fields&count=1000"),
        (("query",), "fields=total_items&count=1001"),
        (("query",), "fields=total_items&count=0"),
        (("authorization",), None),
    ],
    ("mailchimp", "people who left"): [
        (("query",), f"status=subscribed&{_PEOPLE}&count=1000&offset=0"),
        (("query",), f"{_PEOPLE}&count=1000&offset=0"),
        (("query",), f"status=archived&{_PEOPLE}&count=10000&offset=0"),
        (("query",), f"status=archived&{_PEOPLE}&count=1000"),
        (("query",), f"status=archived&{_PEOPLE}&count=1000&offset=-1"),
        (("query",), "status=archived&count=1000&offset=0"),
        (("query",), "status=archived&fields=members.full_name&count=1000&offset=0"),
        (("path",), f"{_LIST}/members/{_MD5}"),
    ],
    ("mailchimp", "add members"): [
        (("body", "update_existing"), True),
        (("body", "update_existing"), GONE),
        (("body", "sync_tags"), True),
        (("body", "members"), []),
        (("body", "members"), [_member(number) for number in range(501)]),
        (("body", "members"), [_member(), _member()]),
        ((*_CONTACT, "status"), "archived"),
        ((*_CONTACT, "status"), "cleaned"),
        ((*_CONTACT, "status"), GONE),
        ((*_CONTACT, "status_if_new"), "subscribed"),
        ((*_CONTACT, "email_address"), "P0@example.com"),
        ((*_CONTACT, "email_address"), " p0@example.com"),
        ((*_CONTACT, "email_address"), "p0@example.com\n"),
        ((*_CONTACT, "email_address"), "p0@example"),
        ((*_CONTACT, "email_address"), GONE),
        ((*_CONTACT, "merge_fields"), {}),
        ((*_CONTACT, "merge_fields", "FNAME"), ""),
        ((*_CONTACT, "merge_fields", "FNAME"), None),
        ((*_CONTACT, "merge_fields", "PHONE"), "1"),
        ((*_CONTACT, "tags"), []),
        ((*_CONTACT, "tags"), ["a", "a"]),
        ((*_CONTACT, "tags"), [{"name": "a", "status": "active"}]),
        (("query",), _ANSWER),
        (("query",), "skip_duplicate_check=true"),
        (("query",), f"skip_duplicate_check=true&skip_merge_validation=true&{_ANSWER}"),
        (("query",), "skip_duplicate_check=true&fields=new_members"),
        (("headers", "content-type"), GONE),
        (("authorization",), "Klaviyo-API-Key"),
    ],
    ("mailchimp", "start batch"): [
        (_OPERATIONS, []),
        (_OPERATIONS, [operation(operation_id=str(number)) for number in range(1_001)]),
        (_OPERATIONS, [operation(), operation()]),
        ((*_OPERATIONS, 0), operation(method="DELETE")),
        ((*_OPERATIONS, 0), operation(method="POST")),
        ((*_OPERATIONS, 0), operation(path=f"/lists/a1b2c3d4e5/members/{_MD5}?skip_merge_validation=false")),
        ((*_OPERATIONS, 0), operation(path=f"/3.0/lists/a1b2c3d4e5/members/{_MD5}")),
        ((*_OPERATIONS, 0), operation(path=f"/lists/a1b2c3d4e5/members/{_JANE}")),
        ((*_OPERATIONS, 0), operation(path=f"/lists/a1b2c3d4e5/members/{'0' * 32}")),
        ((*_OPERATIONS, 0), operation(params={"skip_merge_validation": "true"})),
        ((*_OPERATIONS, 0), operation(operation_id="row")),
        ((*_OPERATIONS, 0), operation(body={"email_address": _JANE, "status_if_new": "subscribed"})),
        ((*_OPERATIONS, 0), operation(body="{")),
        ((*_OPERATIONS, 0), operation(body=_person(status="subscribed"))),
        ((*_OPERATIONS, 0), operation(body=_person(status_if_new=GONE))),
        ((*_OPERATIONS, 0), operation(body=_person(status_if_new="archived"))),
        ((*_OPERATIONS, 0), operation(body=_person(email_address=_JANE.upper()))),
        ((*_OPERATIONS, 0), operation(body=_person(merge_fields={"FNAME": ""}))),
        ((*_OPERATIONS, 0), operation(body=_person(tags=["segue"]))),
        ((*_OPERATIONS, 1), tagging(body=json.dumps({"tags": []}))),
        ((*_OPERATIONS, 1), tagging(body=json.dumps({"tags": ["segue"]}))),
        ((*_OPERATIONS, 1), tagging(body=json.dumps({"tags": [{"name": "segue", "status": "inactive"}]}))),
        ((*_OPERATIONS, 1), tagging(operation_id="18")),
        ((*_OPERATIONS, 1), tagging(params={"skip_merge_validation": "false"})),
        (("headers", "content-type"), "application/x-www-form-urlencoded"),
        (("authorization",), None),
    ],
    ("mailchimp", "batch"): [
        (("query",), "fields=_links"),
        (("query",), "count=10"),
        (("authorization",), None),
        (("method",), "PUT"),
    ],
    ("mailchimp", "batch results"): [
        (("authorization",), "Basic"),
        (("authorization",), "Bearer"),
        (("query",), "apikey=[cut]"),
        (("path",), f"{_RESULTS}/.."),
    ],
    ("klaviyo", "account"): [
        (("authorization",), "Bearer"),
        (("headers", "revision"), GONE),
        (("headers", "revision"), "2023-01-24"),
        (("query",), "page[size]=1"),
    ],
    ("klaviyo", "lists"): [
        (("query",), ""),
        (("query",), "fields%5Blist%5D=name,created"),
        (("query",), "fields%5Blist%5D=name&page%5Bsize%5D=100"),
        (("headers", "revision"), GONE),
        (("authorization",), "Bearer"),
    ],
    ("klaviyo", "import"): [
        (_PROFILES, []),
        (_PROFILES, [_profile(number) for number in range(10_001)]),
        (_PROFILES, [_profile(), _profile()]),
        ((*_PROFILES, 0, "type"), "person"),
        ((*_PROFILES, 0, "id"), "1"),
        ((*_PROFILE, "email"), "P0@example.com"),
        ((*_PROFILE, "email"), "p0@example.com\n"),
        ((*_PROFILE, "email"), "zoë@example.com"),
        ((*_PROFILE, "email"), GONE),
        ((*_PROFILE, "first_name"), None),
        ((*_PROFILE, "first_name"), ""),
        ((*_PROFILE, "last_name"), "x" * 100_000),
        ((*_PROFILE, "subscriptions"), {}),
        (("body", "relationships"), {"lists": {"data": [{"type": "list", "id": "YafG4m"}]}}),
        (("body", "data", "relationships"), GONE),
        ((*_LISTS, 0, "type"), "lists"),
        (_LISTS, []),
        (("body", "data", "type"), "profile-subscription-bulk-create-job"),
        (("headers", "content-length"), "5000001"),
        (("headers", "content-length"), "10000000"),
        (("headers", "content-type"), "application/json"),
        (("headers", "revision"), "2024-10-15"),
        (("path",), "/klaviyo/api/profile-subscription-bulk-create-jobs"),
        (("authorization",), None),
    ],
    ("klaviyo", "job"): [
        (("path",), f"{_JOBS}/%2e%2e"),
        (("path",), f"{_JOB}/profiles"),
        (("method",), "DELETE"),
        (("headers", "revision"), GONE),
        (("headers", "accept"), "*/*"),
    ],
    ("klaviyo", "import errors"): [
        (("query",), ""),
        (("query",), "page%5Bsize%5D=101"),
        (("query",), "page%5Bcursor%5D=bmV4d"),
        (("query",), "page%5Bsize%5D=100&page%5Bcursor%5D="),
        (("query",), "page%5Bsize%5D=100&page%5Bsize%5D=100"),
        (("authorization",), None),
    ],
}
