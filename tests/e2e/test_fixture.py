"""The committed fixture is what its generator makes, and the truth agrees with what the generator was asked for."""

from pathlib import Path

import pytest
import truth
from make_segment import Recipe, make

FIXTURE = Path(__file__).resolve().parents[1] / "fixtures" / "segment.csv"


def test_the_committed_fixture_is_what_the_generator_makes() -> None:
    assert FIXTURE.read_bytes() == make(Recipe())


@pytest.mark.parametrize(
    "recipe",
    [Recipe(), Recipe(crlf=True, bom=True, seed=7), Recipe(rows=2_000, invalid=120, duplicate=400, tag="t", first=50)],
    ids=["fixture", "windows", "tagged"],
)
def test_the_truth_counts_what_the_recipe_says(recipe: Recipe) -> None:
    found = truth.of(make(recipe))
    assert (found.read, len(found.invalid), found.duplicate) == (recipe.rows, recipe.invalid, recipe.duplicate)
    assert len(found.rejected("fake")) == recipe.refused
    assert len(found.rejected("importfail")) == recipe.failing
    assert set(found.invalid.values()) == {"empty", "control_characters", "not_ascii", "not_an_address", "too_long"}


def test_line_endings_and_byte_order_mark_change_nothing() -> None:
    plain, windows = truth.of(make(Recipe())), truth.of(make(Recipe(crlf=True, bom=True)))
    assert plain == windows


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a@b.de", None),
        ("O'Brien+x@a-b.co.uk", None),
        ("a@xn--bcher-kva.xn--p1ai", None),
        (f"{'a' * 64}@example.com", None),
        (f"{'a' * 65}@example.com", "too_long"),
        ("a@b", "not_an_address"),
        ("a@b.c", "not_an_address"),
        ("a@b.c1", "not_an_address"),
        ("a b@c.de", "not_an_address"),
        ("a@b@c.de", "not_an_address"),
        ("a@ä.de", None),
        ("ä@b.de", "not_ascii"),
        ("a@straße.de", "not_ascii"),
        ("a@ｂ.de", "not_ascii"),
        ("a@b\x7f.de", "control_characters"),
        ("", "empty"),
    ],
)
def test_the_rules_of_addresses(text: str, reason: str | None) -> None:
    assert truth.trouble(truth.in_ascii(text)) == reason
