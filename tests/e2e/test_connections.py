"""`segue connection` and `segue audience` against the deployed system: signing in on the sandbox's pages, delivering
over what came of it, and taking it away again. Judged by state, secrets and audiences."""

import json
import re
import subprocess
import urllib.error
import urllib.parse
import urllib.request

import pytest
import truth
from make_segment import Recipe, make
from segue_local.build import program
from system import SECRET_MARK, System

#: Redirects are answers here, not something to follow.
_BROWSER = urllib.request.build_opener(
    type("Stay", (urllib.request.HTTPRedirectHandler,), {"redirect_request": lambda *_: None})
)


def allow(address: str, follow: bool = False) -> str:
    """Signs in on a vendor's page and allows the app; gives where the browser is sent then, and with `follow` goes
    there."""
    with _BROWSER.open(address) as page:
        assert b"Allow" in page.read()
    with pytest.raises(urllib.error.HTTPError) as sent:
        _BROWSER.open(address, data=urllib.parse.urlencode({"decision": "allow"}).encode())
    assert sent.value.code == 302
    back = sent.value.headers["location"]
    if follow:
        with urllib.request.urlopen(back) as page:
            assert b"Signed in" in page.read()
    return back


def _segue(system: System, *arguments: str, **environment: str) -> subprocess.Popen:
    command = [str(program("segue")), "--stack", system.stack.name, *arguments]
    return subprocess.Popen(
        command, env={**system.stack.environment, **environment}, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def _done(process: subprocess.Popen, typed: str = "", heard: str = "") -> str:
    """What it said, once it has ended well; nothing of it is secret."""
    out, told = process.communicate(typed, timeout=60)
    said = heard + told + out
    assert process.returncode == 0, said
    assert SECRET_MARK not in said
    return said


def asked_for(process: subprocess.Popen, last: str) -> tuple[str, str]:
    """The address that a sign-in wants to have opened, and all that was said up to the line that has `last` in it."""
    heard = ""
    for line in process.stderr:
        heard += line
        if last in line:
            break
    return re.search(r"^\s+(http\S+)$", heard, re.MULTILINE).group(1), heard


def _app(system: System, destination: str, number: int) -> tuple[dict, dict]:
    """An OAuth app that the sandbox knows, and what its sign-in leads to."""
    # The id stands in the address that is to be opened: it is no secret.
    app = {"client_id": f"app-{number}", "client_secret": f"cs{SECRET_MARK}{number}"}
    if destination == "snapchat":
        token = {"refresh_token": f"rt{SECRET_MARK}{number}"}
        account = {**app, **token, "name": "Shop"}
    else:
        token = {"access_token": f"at{SECRET_MARK}{number}"}
        known = {"account_id": f"mc{number:022d}", "account_name": "Shop"}
        account = {**app, **known, "oauth_token": token["access_token"]}
    system.sandbox.seed(**{destination: {"accounts": [account]}})
    return app, token


@pytest.mark.parametrize(("destination", "number"), [("snapchat", 9001), ("mailchimp", 9002)])
def test_somebody_signs_in_in_the_browser(system: System, destination: str, number: int) -> None:
    name = f"oauth-{destination}"
    app, token = _app(system, destination, number)
    adding = ("connection", "add", name, "--destination", destination, "--display-name", "Shop", "--agree")
    _done(_segue(system, *adding, "--credentials-env", "APP", APP=json.dumps(app)))
    key = f"config/connections/{name}.json"
    before = system.read(key)
    assert before["consent"]["agreed_by"].startswith("arn:") and "account" not in before
    # Port 0 is any free one: two people may test on this machine at once.
    connecting = _segue(system, "connection", "connect", name, "--redirect-uri", "http://127.0.0.1:0/callback")
    address, heard = asked_for(connecting, "Waiting")
    allow(address, follow=True)
    assert "it leads to Shop" in _done(connecting, heard=heard)
    assert system.read(key)["account"]["name"] == "Shop"
    stored = json.loads(system.secrets.get_secret_value(SecretId=before["secret"])["SecretString"])
    assert {name: stored[name] for name in (*app, *token)} == {**app, **token}
    assert json.loads(_done(_segue(system, "connection", "test", name, "--output", "json")))["works"] is True


def test_where_no_loopback_is_taken_the_address_is_pasted(system: System) -> None:
    app, token = _app(system, "snapchat", 9003)
    adding = ("connection", "add", "pasted", "--destination", "snapchat", "--display-name", "Shop", "--agree")
    _done(_segue(system, *adding, "--credentials-stdin"), json.dumps(app))
    system.sandbox.seed(snapchat={"sign_in": {"https_only": True}})
    connecting = _segue(system, "connection", "connect", "pasted", "--redirect-uri", "https://example.com/back")
    address, heard = asked_for(connecting, "Copy the address")
    _done(connecting, allow(address) + "\n", heard)
    system.sandbox.seed(snapchat={"sign_in": {"https_only": False}})
    stored = system.secrets.get_secret_value(SecretId=f"{system.stack.name}/snapchat/pasted")["SecretString"]
    assert json.loads(stored)["refresh_token"] == token["refresh_token"]


def _sealed(system: System, export: str) -> list[str]:
    """The runs of an export that are sealed, oldest first."""
    return [key.split("/")[2] for key in system.keys(f"runs/{export}/") if key.endswith("/sealed.json")]


def test_what_is_added_by_hand_delivers_and_stops_when_it_is_removed(system: System, canary: str) -> None:
    segment = system.segment("by-hand")
    export = system.export("klaviyo", segment)
    key = export.credentials["private_key"]
    adding = ("connection", "add", "by-hand", "--destination", "klaviyo", "--display-name", "Shop", "--agree")
    _done(_segue(system, *adding, "--credentials-stdin"), key)
    listed = json.loads(_done(_segue(system, "audience", "list", "by-hand", "--output", "json")))
    assert export.audience in [audience["id"] for audience in listed["audiences"]]
    path = f"config/exports/administrators/{export.id}.json"
    system.change(path, connection="by-hand")
    file = make(Recipe(rows=200, invalid=0, duplicate=0, seed=91, tag=f"{canary}hand"))
    system.drop(segment, file, "first.csv")
    first = system.one(export)
    # Klaviyo takes fewer forms of addresses than Segue: those are rejected.
    assert (first["status"], first["accepted"] + first["rejected"]) == ("completed", truth.of(file).unique)

    asked = len(system.sandbox.asked(export.audience))
    with system.deaf():
        system.drop(segment, make(Recipe(rows=90, invalid=0, duplicate=0, seed=92, tag=f"{canary}gone")), "second.csv")
        (run,) = system.wait_for("the second run's seal", lambda: _sealed(system, export.id)[1:])
        refused = system.cli("connection", "remove", "by-hand")
        assert refused.returncode == 2 and export.id in refused.stderr, refused.stderr
        assert system.read("config/connections/by-hand.json")["enabled"]
        said = json.loads(_done(_segue(system, "connection", "remove", "by-hand", "--force", "--output", "json")))
    assert [detached["export"] for detached in said["detached"]] == [export.id]
    assert [cancelled["run"] for cancelled in said["cancelled"]] == [run]
    assert system.read("config/connections/by-hand.json") is None
    assert system.read(path)["connection"] == "" and system.read(path)["audience_id"] == export.audience
    summary = system.until(export, run, "cancelled")
    assert (summary["cancelled"], summary["accepted"]) == (90, 0)
    assert len(system.sandbox.asked(export.audience)) == asked
    system.wait_for("its chunks to go", lambda: not system.keys(f"chunks/{export.id}/"), within=10)


def test_a_name_can_be_used_again_whatever_became_of_its_secret(system: System, canary: str) -> None:
    segment = system.segment("again")
    export = system.export("klaviyo", segment)
    key = export.credentials["private_key"]
    secret = f"{system.stack.name}/klaviyo/again"
    adding = ("connection", "add", "again", "--destination", "klaviyo", "--display-name", "Shop", "--agree")
    removing = ("connection", "remove", "again", "--force")
    # Made beforehand, without a value, as infrastructure code does it.
    system.secrets.create_secret(Name=secret)
    _done(_segue(system, *adding, "--credentials-stdin"), key)
    _done(_segue(system, *removing))

    # It is there from before, and nobody has said that this connection is to use it.
    _done(_segue(system, *adding))
    system.change(f"config/exports/administrators/{export.id}.json", connection="again")
    asked = len(system.sandbox.asked(export.audience))
    system.drop(segment, make(Recipe(rows=20, invalid=0, duplicate=0, seed=93, tag=f"{canary}again")), "first.csv")
    assert "nobody has signed in" in system.one(export)["message"]
    assert len(system.sandbox.asked(export.audience)) == asked
    _done(_segue(system, *removing))

    # As removing advises it: it can be had back for weeks.
    system.secrets.delete_secret(SecretId=secret)
    _done(_segue(system, *adding, "--credentials-stdin"), key)
    stored = system.secrets.get_secret_value(SecretId=secret)["SecretString"]
    assert json.loads(stored)["private_key"] == key
    _done(_segue(system, *removing))
