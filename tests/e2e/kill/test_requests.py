"""After all kill tests: whatever was killed when, each request that arrived is one that there is, and well-formed."""

import pytest
import recorded

from .checks import reference
from .drops import drop
from .scenario import DESTINATIONS, Scenario
from .world import World

pytestmark = pytest.mark.last


def test_every_request_fits_its_schema(world: World) -> None:
    # One more of each kind, so that this test has its own when it is run alone.
    reference(Scenario(world, drop(5), DESTINATIONS))
    checked = recorded.check_all(world.requests)
    assert not checked.wrong, recorded.told(checked.wrong)
    pushes = {("snapchat", "add users"), ("mailchimp", "add members"), ("klaviyo", "import")}
    seen = {("snapchat", "token"), *pushes, ("klaviyo", "job"), ("klaviyo", "import errors")}
    assert seen <= set(checked.kinds), f"never seen: {sorted(seen - set(checked.kinds))}"
