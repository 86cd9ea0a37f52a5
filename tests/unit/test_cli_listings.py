"""What commands print, which server they speak to, and what they say when they cannot."""

from __future__ import annotations

import json

import pytest

from drover.cli import _session, tasks
from drover.cli._listing import Listing, print_json_lines
from drover.client import BeaconJob, ClientError, LogLine, ServerUnreachable, UnusableConnection

LONG = "a worker whose name is longer than the terminal is wide"


@pytest.fixture
def home(monkeypatch, tmp_path):
    """A user's folder for configuration, with no server or secret in the environment."""
    for name in ("DROVER_URL", "DROVER_TOKEN", "DROVER_USERKEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    return tmp_path


@pytest.fixture
def listing():
    made = Listing("worker", "told")
    made.add_row(LONG, "[red]\x1b[2J\ta\nb")
    return made


def keep(home, text):
    file = home / "drover" / "credentials.json"
    file.parent.mkdir()
    file.write_text(text)


def test_a_list_that_is_piped_is_whole_one_line_for_each_row(listing, capsys):
    listing.show()

    assert capsys.readouterr().out.splitlines() == ["worker\ttold", f"{LONG}\t[red]\\x1b[2J a\\nb"]


def test_a_list_on_a_narrow_terminal_cuts_nothing_off(listing, capsys, monkeypatch):
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    monkeypatch.setenv("COLUMNS", "40")

    listing.show()

    shown = capsys.readouterr().out
    assert "…" not in shown
    assert "\x1b[2J" not in shown
    letters = "".join(line.split("│")[1] for line in shown.splitlines() if "│" in line)
    assert letters.replace(" ", "") == LONG.replace(" ", "")


def test_json_of_others_does_not_steer_the_terminal(capsys):
    name = "a\x9b31m\u202e\U000e0001ü🚀\x7f"

    print_json_lines([{"name": name}])

    shown = capsys.readouterr().out
    assert shown[:-1].isprintable()
    assert "ü🚀" in shown
    assert json.loads(shown) == {"name": name}


def test_json_is_one_object_a_line(capsys):
    print_json_lines([{"name": "ü"}, {"name": "b\n"}])

    assert capsys.readouterr().out.splitlines() == ['{"name":"ü"}', '{"name":"b\\n"}']


@pytest.mark.parametrize("text", ["{", "[]", '"x"', "\xff"])
def test_credentials_that_cannot_be_read_are_named_with_what_to_do(home, text):
    keep(home, text)

    with pytest.raises(_session.CommandError, match=r"credentials\.json.*sign in again"):
        _session.connect()


def test_a_token_is_shown_to_no_other_server_than_the_one_that_gave_it(home, monkeypatch):
    keep(home, json.dumps({"url": "http://one.example/", "token": "t"}))

    assert _session.connect().token == "t"
    monkeypatch.setenv("DROVER_URL", "http://two.example")
    with pytest.raises(_session.CommandError, match="Not signed in to http://two"):
        _session.connect()
    monkeypatch.setenv("DROVER_TOKEN", "of two")
    assert _session.connect().token == "of two"


def test_a_userkey_is_good_for_its_server_however_the_address_ends(home, monkeypatch):
    keep(home, json.dumps({"userkey": "k", "userkey_url": "http://one.example"}))

    monkeypatch.setenv("DROVER_URL", "http://one.example/")
    assert _session.task_jobs().url == "http://one.example"
    monkeypatch.setenv("DROVER_URL", "http://two.example")
    with pytest.raises(_session.CommandError, match="No userkey for http://two"):
        _session.task_jobs()


def test_who_gives_no_address_is_told_what_one_looks_like(home, monkeypatch):
    monkeypatch.setenv("DROVER_URL", "localhost:8080")

    with pytest.raises(UnusableConnection, match="'localhost:8080' is no address"):
        _session.server_url()


def test_who_is_refused_for_an_old_token_is_told_to_sign_in_again():
    refused = ClientError(401, "Unauthorized", "Invalid access token")
    other = ClientError(404, "NotFound", "Job was not found")

    assert _session.advice(refused).startswith("401 Unauthorized: Invalid access token. ")
    assert "drover login" in _session.advice(refused)
    assert "DROVER_TOKEN" in _session.advice(refused)
    assert _session.advice(other) == "404 NotFound: Job was not found"


class Answers:
    """A server of one job, which answers, in turn, as it is told to."""

    def __init__(self, *statuses):
        self._statuses = list(statuses)
        self.lines = [LogLine(seq=5, line="first", time=1), LogLine(seq=9, line="second", time=2)]

    def show(self, job_id):
        status = self._statuses.pop(0) if len(self._statuses) > 1 else self._statuses[0]
        if status == "away":
            raise ServerUnreachable("No answer from here")
        return BeaconJob(id=job_id, name="x", status=status)

    def log(self, _job_id, *, after):
        return [line for line in self.lines if line.seq > after]


@pytest.fixture
def at_once(monkeypatch):
    monkeypatch.setattr(tasks, "LOOK_S", 0.0)


def test_who_waits_for_a_job_sees_each_line_once_while_its_server_comes_and_goes(at_once, capsys):
    server = Answers("running", "away", "away", "running", "away", "complete")

    completed = tasks._follow(server, 7)

    said = capsys.readouterr()
    assert completed
    assert said.out.splitlines() == ["first", "second"]
    assert said.err.count("No answer from here; asking again") == 2
    assert "Job 7 is complete" in said.err


def test_who_waits_for_a_job_whose_server_stays_away_is_told_in_the_end(at_once, monkeypatch):
    monkeypatch.setattr(tasks, "AWAY_S", -1.0)

    with pytest.raises(ServerUnreachable):
        tasks._follow(Answers("running", "away"), 7)
