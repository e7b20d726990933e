"""What may not be sent any more is not sent: runs whose chunks are queued when somebody stops them."""

import truth
from accounting import columns
from make_segment import Recipe, make
from system import DESTINATIONS, Export, System


def _disable_the_connection(system: System, export: Export, _run: str) -> str:
    system.change(f"config/connections/{export.connection}.json", enabled=False)
    return "is disabled"


def _take_back_consent(system: System, export: Export, _run: str) -> str:
    key = f"config/connections/{export.connection}.json"
    connection = system.read(key)
    system.put(key, {name: value for name, value in connection.items() if name != "consent"})
    return "nobody has consented"


def _disable_the_export(system: System, export: Export, _run: str) -> str:
    system.change(f"config/exports/administrators/{export.id}.json", enabled=False)
    return "is paused"


def _remove_the_export(system: System, export: Export, _run: str) -> str:
    system.s3.delete_object(Bucket=system.state_bucket, Key=f"config/exports/administrators/{export.id}.json")
    return "does not exist any more"


def _lead_the_connection_to_another_account(system: System, export: Export, _run: str) -> str:
    system.change(f"config/connections/{export.connection}.json", account={"id": f"not-{export.lane}"})
    return "belongs to another account now"


def _cancel_the_run(system: System, export: Export, run: str) -> str:
    cancel = {"version": 1, "writer": "w", "by": "arn:aws:iam::000000000000:user/ann", "at": "2026-11-22T00:00:00Z"}
    system.put(f"runs/{export.id}/{run}/cancel.json", cancel)
    return "cancelled by arn:aws:iam::000000000000:user/ann"


STOPS = (
    _disable_the_connection,
    _take_back_consent,
    _lead_the_connection_to_another_account,
    _disable_the_export,
    _remove_the_export,
    _cancel_the_run,
)


def test_queued_chunks_are_not_sent_once_somebody_stops_them(system: System, canary: str) -> None:
    file = make(Recipe(rows=500, invalid=30, duplicate=50, seed=71, tag=f"{canary}s"))
    right = truth.of(file)
    segment = system.segment("stopped")
    exports = [(stop, system.export(destination, segment)) for stop in STOPS for destination in DESTINATIONS]
    with system.deaf():
        system.drop(segment, file)
        words = [stop(system, export, system.sealed(export)) for stop, export in exports]
    for (stop, export), word in zip(exports, words, strict=True):
        summary = system.one(export)
        assert summary["status"] == "cancelled", f"{stop.__name__}, {export.destination}"
        assert word in summary["message"], summary["message"]
        assert columns(summary) == {"read": 500, "invalid": 30, "duplicate": 50, "cancelled": right.unique}
        assert not system.sandbox.asked(export.audience)
        # Nobody's data is kept for a run that will never be sent.
        system.wait_for("its chunks to go", lambda export=export: not system.keys(f"chunks/{export.id}/"), within=10)
