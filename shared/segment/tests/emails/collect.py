"""Collects the addresses beside it out of packages that others published: what each says of each address.

    python3 shared/segment/tests/emails/collect.py FOLDER

`FOLDER` holds the packages of `README.md`, unpacked, each under its name and version (`isemail-1.2.0`). Addresses and
verdicts are taken as they stand; only the form is changed: a line of JSON each, with the address, whether its source
takes it, and what the source calls it.
"""

import ast
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).parent
Verdict = tuple[str, bool, str]


def isemail(package: Path) -> Iterator[Verdict]:
    """`isEmail` answers yes below its default threshold: valid, doubtful DNS, and what RFC 5321 allows."""
    for address, diagnosis in json.loads((package / "test/tests.json").read_text()):
        yield address, diagnosis.startswith(("valid", "dnsWarn", "rfc5321")), diagnosis


def json_schema(package: Path) -> Iterator[Verdict]:
    """The JSON Schema test suite's formats `email` and `idn-email`."""
    for name in ("email", "idn-email"):
        suites = json.loads((package / f"json/tests/draft2020-12/optional/format/{name}.json").read_text())
        for test in suites[0]["tests"]:
            if isinstance(test["data"], str):
                yield test["data"], test["valid"], f"{name}: {test['description']}"


def _parametrised(path: Path) -> Iterator[tuple[str, list]]:
    """Each parametrised test's name and its cases, as far as they are literals."""
    for node in ast.walk(ast.parse(path.read_text())):
        if not isinstance(node, ast.FunctionDef):
            continue
        for decorator in node.decorator_list:
            if isinstance(decorator, ast.Call) and isinstance(decorator.args[1], ast.List):
                cases = []
                for case in decorator.args[1].elts:
                    parts = case.elts if isinstance(case, ast.Tuple | ast.List) else [case]
                    cases.append([part.value if isinstance(part, ast.Constant) else None for part in parts])
                yield node.name, cases


def email_validator(package: Path) -> Iterator[Verdict]:
    """By its own tests; the part that it has of pyIsEmail is the same as isemail's, but for its own opinion."""
    for test, cases in _parametrised(package / "tests/test_syntax.py"):
        valid = {
            "test_email_valid": True,
            "test_email_valid_intl_local_part": True,
            "test_email_valid_only_if_quoted_local_part": False,
            "test_email_invalid_syntax": False,
            "test_email_invalid_reserved_domain": False,
        }
        if test == "test_pyisemail_tests":
            for address, status in cases:
                yield address, status == "ISEMAIL_VALID", status
        elif test in valid:
            for address, *_ in cases:
                yield address, valid[test], test.removeprefix("test_email_")


def validators(package: Path) -> Iterator[Verdict]:
    """The Python package of that name."""
    for test, cases in _parametrised(package / "tests/test_email.py"):
        for (address,) in cases:
            if address is not None:
                yield address, test == "test_returns_true_on_valid_email", test.removeprefix("test_returns_")


def _rust_text(literal: str) -> str:
    if literal.startswith("r#"):
        return literal[3:-2]
    return json.loads(literal)


_TEXT = r'(r#".*?"#|"(?:[^"\\]|\\.)*")'


def validator(package: Path) -> Iterator[Verdict]:
    """The Rust crate of that name; its cases are Django's."""
    source = (package / "src/validation/email.rs").read_text()
    for address, valid in re.findall(rf"\(\s*{_TEXT},\s*(true|false),?\s*\)", source):
        yield _rust_text(address), valid == "true", "test_validate_email"


def email_address(package: Path) -> Iterator[Verdict]:
    """The Rust crate of that name; many of its cases are Wikipedia's."""
    source = (package / "src/lib.rs").read_text().split("mod tests")[1]
    for call, address, rest in re.findall(rf"\b(is_valid|expect)\(\s*{_TEXT},\s*([\w:]+)", source):
        yield _rust_text(address), call == "is_valid", rest


SOURCES = {
    "isemail-1.2.0": isemail,
    "jsonschema-4.26.0": json_schema,
    "email_validator-2.1.0.post1": email_validator,
    "validators-0.36.0": validators,
    "validator-0.20.0": validator,
    "email_address-0.2.9": email_address,
}


def main() -> None:
    """Writes a file a package."""
    for name, collect in SOURCES.items():
        verdicts = dict.fromkeys(collect(Path(sys.argv[1]) / name))
        lines = [
            json.dumps({"address": address, "valid": valid, "as": called}, ensure_ascii=False) + "\n"
            for address, valid, called in verdicts
        ]
        (HERE / f"{name}.ndjson").write_text("".join(lines))
        print(f"{name}: {len(lines)} addresses")


if __name__ == "__main__":
    main()
