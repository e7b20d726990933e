"""After everything else: each request of all the tests is one that there is, and fits its schema.

That includes requests that were refused, and those whose connection was dropped.
"""

import pytest
import recorded
import truth
from accounting import assert_completed
from make_segment import Recipe, make
from system import System

pytestmark = pytest.mark.last

#: What only operators have asked for, who connect an account or choose an audience.
_CONNECTING = {
    ("snapchat", "account"), ("mailchimp", "account"), ("klaviyo", "account"),
    ("snapchat", "organizations"), ("snapchat", "ad accounts"), ("snapchat", "segments"),
    ("mailchimp", "audiences"), ("mailchimp", "code exchange"), ("klaviyo", "lists"),
}  # fmt: skip


def test_every_request_of_all_tests_fits_its_schema(system: System, canary: str) -> None:
    # One more of each kind, so that this test has its own when it is run alone.
    file = make(Recipe(rows=300, invalid=10, duplicate=20, refused=2, failing=3, seed=91, tag=f"{canary}t"))
    right = truth.of(file)
    segment = system.segment("requests")
    exports = [
        *system.exports(segment).values(),
        system.export("mailchimp", segment, existing_contacts="update", tags=["segue"], token=True),
    ]
    system.drop(segment, file)
    for export in exports:
        assert_completed(system.one(export), right)

    checked = recorded.check_all(system.sandbox.record)
    assert not checked.wrong, recorded.told(checked.wrong)
    wanted = recorded.kinds() - _CONNECTING
    assert wanted <= set(checked.kinds), f"never seen: {sorted(wanted - set(checked.kinds))}"
