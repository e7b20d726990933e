"""`segue` beside others who change the same configuration: the AWS console, a second person, a file that forgot
something. Judged by state, secrets and schedules."""

import json
import subprocess
from pathlib import Path

from segue_local.build import program
from segue_local.terminal import Terminal
from system import SECRET_MARK, Export, System


def _file(folder: Path, system: System, export: Export, **more: object) -> str:
    """A file that says of an export what there is, and `more`; its connection is in the stack only."""
    stored = system.read(f"config/exports/administrators/{export.id}.json")
    said = {name: value for name, value in stored.items() if name not in ("version", "writer")}
    file = folder / "segue.yaml"
    # JSON is YAML.
    file.write_text(json.dumps({"exports": [{**said, **more}]}))
    return str(file)


def _from_the_console(system: System, export: Export, role: str) -> dict:
    """A schedule that somebody writes by hand, in a group of the stack."""
    outputs = system.stack.outputs
    group = "ScheduleGroup" if role == "administrators" else "ContributorsScheduleGroup"
    invoker = "AdministratorsSchedulerRoleArn" if role == "administrators" else "ContributorsSchedulerRoleArn"
    account = outputs[invoker].split(":")[4]
    function = f"arn:aws:lambda:us-east-1:{account}:function:{outputs['FanOutFunction']}"
    return {
        "Name": export.id, "GroupName": outputs[group], "State": "DISABLED",
        "ScheduleExpression": "at(2099-12-24T08:00:00)", "ScheduleExpressionTimezone": "Europe/Berlin",
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "Target": {"Arn": function, "RoleArn": outputs[invoker], "Input": json.dumps({"request": "run"})},
    }  # fmt: skip


def test_a_schedule_from_the_console_stops_nothing_and_is_told_before_it_goes(system: System, tmp_path: Path) -> None:
    export = system.export("klaviyo", system.segment("console"))
    scheduler = system.stack.client("scheduler")
    scheduler.create_schedule(**_from_the_console(system, export, "administrators"))
    words = "at(2099-12-24T08:00:00) in Europe/Berlin (off), not Segue's form"
    for command in (("export", "show", export.id), ("export", "schedule", "show")):
        shown = system.cli(*command)
        assert shown.returncode == 0 and words in shown.stdout, shown.stdout + shown.stderr
    file = _file(tmp_path, system, export)
    plan = system.cli("plan", "-f", file)
    assert plan.returncode == 0, plan.stderr
    assert "schedule.expression: at(2099-12-24T08:00:00), not Segue's form -> none" in plan.stdout
    refused = system.cli("apply", "-f", file, "--refuse-drift")
    assert refused.returncode == 1 and "it was made by hand" in refused.stderr, refused.stderr
    group = system.stack.outputs["ScheduleGroup"]
    assert scheduler.get_schedule(GroupName=group, Name=export.id)["ScheduleExpression"].startswith("at(")
    applied = system.cli("apply", "-f", _file(tmp_path, system, export, schedule={"rate": "1 days"}))
    assert applied.returncode == 0, applied.stderr
    assert scheduler.get_schedule(GroupName=group, Name=export.id)["ScheduleExpression"] == "rate(1 day)"
    system.cli("export", "schedule", "remove", export.id)


def test_a_schedule_that_a_cut_off_move_left_behind_is_moved_by_the_next_apply(system: System, tmp_path: Path) -> None:
    export = system.export("klaviyo", system.segment("moved"), connection={"shared_with": "contributors"})
    scheduler, outputs = system.stack.client("scheduler"), system.stack.outputs
    wanted = {"role": "contributors", "schedule": {"rate": "1 day"}}
    file = _file(tmp_path, system, export, **wanted)
    assert system.cli("apply", "-f", file).returncode == 0
    # As if the last two steps had not come: the schedule is in the group of the export's old role.
    left = _from_the_console(system, export, "administrators")
    scheduler.create_schedule(**{**left, "ScheduleExpression": "rate(1 day)", "ScheduleExpressionTimezone": "UTC"})
    scheduler.delete_schedule(GroupName=outputs["ContributorsScheduleGroup"], Name=export.id)
    plan = system.cli("plan", "-f", file)
    assert "schedule.group: administrators -> contributors" in plan.stdout, plan.stdout + plan.stderr
    assert system.cli("apply", "-f", file).returncode == 0
    groups = [found["GroupName"] for found in scheduler.list_schedules()["Schedules"] if found["Name"] == export.id]
    assert groups == [outputs["ContributorsScheduleGroup"]]
    assert "0 to change" in system.cli("plan", "-f", file).stdout
    system.cli("export", "schedule", "remove", export.id)


def test_a_file_that_forgot_its_connections_prunes_nothing(system: System, tmp_path: Path) -> None:
    export = system.export("klaviyo", system.segment("pruned"))
    before = system.keys("config/")
    for more in (("--prune",), ("--prune", "--force")):
        refused = system.cli("apply", "-f", _file(tmp_path, system, export), *more)
        assert refused.returncode == 1 and "it has no section `connections`" in refused.stderr, refused.stderr
    assert system.keys("config/") == before


def test_what_a_contributor_breaks_stops_no_administrator_and_can_be_removed(system: System, tmp_path: Path) -> None:
    export = system.export("klaviyo", system.segment("untorn"))
    key = "config/exports/contributors/torn.json"
    system.s3.put_object(Bucket=system.state_bucket, Key=key, Body=b"{")
    commands = (("plan", "-f", _file(tmp_path, system, export)), ("config", "export"), ("export", "list"))
    for command in commands:
        shown = system.cli(*command)
        assert shown.returncode == 0, shown.stderr
        assert command[0] == "plan" or key in shown.stdout + shown.stderr, shown.stdout + shown.stderr
    removed = system.cli("export", "remove", "torn", "--force")
    assert removed.returncode == 0, removed.stderr
    assert key not in system.keys("config/exports/")


def test_credentials_are_not_read_from_a_terminal_that_would_show_them(system: System) -> None:
    export = system.export("klaviyo", system.segment("typed"))
    command = [str(program("segue")), "--stack", system.stack.name]
    command += ["connection", "connect", export.connection, "--credentials-stdin"]
    with Terminal(command, {**system.stack.environment, "TERM": "xterm"}, columns=200) as terminal:
        terminal.sees("error: standard input is a terminal, which would show what is typed")
        terminal.sees("hint: at a terminal, leave --credentials-stdin out: then it is asked for")
        assert terminal.end() == 2


def test_of_two_people_who_sign_in_at_once_account_and_secret_are_the_same_ones(system: System) -> None:
    export = system.export("klaviyo", system.segment("race"))
    accounts = {f"Race{number}": f"pk_{SECRET_MARK}race{number}" for number in range(4)}
    seeded = [{"private_key": key, "account_id": account} for account, key in accounts.items()]
    system.sandbox.seed(klaviyo={"accounts": seeded})
    command = [str(program("segue")), "--stack", system.stack.name, "connection", "connect", export.connection]
    command += ["--credentials-env", "KEY", "--other-account"]
    for _ in range(3):
        environments = [{**system.stack.environment, "KEY": key} for key in accounts.values()]
        started = [
            subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
            for environment in environments
        ]
        said = [process.communicate(timeout=90)[1] for process in started]
        assert any(process.returncode == 0 for process in started), said
        for process, told in zip(started, said, strict=True):
            assert process.returncode == 0 or "somebody else signed in" in told, told
            assert SECRET_MARK not in told
        account = system.read(f"config/connections/{export.connection}.json")["account"]["id"]
        stored = system.secrets.get_secret_value(SecretId=export.secret)["SecretString"]
        assert json.loads(stored)["private_key"] == accounts[account]
