"""Settings: precedence, limits, errors that name their source."""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from drover import config
from drover.server.checking import check_sense
from drover.server.configured import url_of
from drover.server.process import in_force


def test_the_command_line_beats_the_environment_beats_the_file_beats_the_default(tmp_path):
    file = tmp_path / "drover.toml"
    file.write_text('port = 1\nhost = "0.0.0.0"\nlease_seconds = 5\n')

    settings = config.load(
        file=file, environ={"DROVER_PORT": "2", "DROVER_HOST": "::1"}, overrides={"port": 3}
    )

    assert (settings.port, settings.host, settings.lease_seconds) == (3, "::1", 5.0)
    assert settings.sweep_seconds == 5.0


def test_lists_are_comma_separated_in_variables():
    settings = config.load(environ={"DROVER_HANDLERS": "fleet, plant.handlers ,"})

    assert settings.handlers == ["fleet", "plant.handlers"]


def test_an_override_that_is_none_is_not_given():
    assert config.load(environ={}, overrides={"port": None}).port == 8080


@pytest.mark.parametrize(
    ("environ", "named"),
    [
        ({"DROVER_PORT": "70000"}, "port"),
        ({"DROVER_LEASE_SECONDS": "0"}, "lease_seconds"),
        ({"DROVER_ROLES": "api,cook"}, "roles"),
        ({"DROVER_WORKERS": "many"}, "workers"),
    ],
)
def test_a_value_out_of_its_limits_is_refused_with_its_name_and_source(environ, named):
    with pytest.raises(config.SettingsError, match=f"the environment.*{named}"):
        config.load(environ=environ)


def test_an_unknown_key_of_the_file_is_refused(tmp_path):
    file = tmp_path / "drover.toml"
    file.write_text("prot = 1\n")

    with pytest.raises(config.SettingsError, match="prot"):
        config.load(file=file, environ={})


def test_a_file_that_is_not_toml_or_not_there_is_refused(tmp_path):
    broken = tmp_path / "drover.toml"
    broken.write_text("port = = 1")

    for file in (broken, tmp_path / "absent.toml"):
        with pytest.raises(config.SettingsError, match=str(file)):
            config.load(file=file, environ={})


def test_every_setting_is_described():
    assert all(meaning for *_, meaning in config.describe())
    assert ("port", "DROVER_PORT", 8080) in [row[:3] for row in config.describe()]


@pytest.mark.parametrize(
    ("given", "waiting"),
    [({}, (500, 300)), ({"max_waiting_replies": 500}, (400, 400)), ({"max_requests": 10}, (5, 3))],
)
def test_requests_that_wait_leave_a_fifth_of_all_to_others(given, waiting):
    settings = config.load(environ={}, overrides=given)

    assert (settings.max_waiting_beacons, settings.max_waiting_replies) == waiting


def test_a_server_whose_settings_let_too_many_wait_says_so_once():
    asked = config.asked(environ={}, overrides={"max_waiting_replies": 500})

    with capture_logs() as lines:
        settings = in_force(asked)
        in_force(settings)

    assert (settings.max_waiting_beacons, settings.max_waiting_replies) == (400, 400)
    [line] = lines
    assert (line["event"], line["log_level"]) == ("fewer_may_wait", "warning")
    assert line["asked"] == [500, 500]
    assert (line["max_waiting_beacons"], line["max_waiting_replies"]) == (400, 400)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("allowed_networks", (["10.0.0.0/8", "::1/128"], ["10.0.0.1/8"], ["office"])),
        ("beacon_time_zone", ("Europe/Oslo", "Mars/North")),
        ("mqtt_topics", (["t", "jobs"], ["#"], ["+"], ["losant"], ["a/b"], [""], ["*"], ["$SYS"])),
        ("public_url", ("https://fleet.example/", "fleet.example", "ftp://fleet.example", "http:")),
        ("archive_s3_endpoint", ("http://minio:9000", "minio:9000")),
    ],
)
def test_settings_that_make_no_sense_are_named(name, values):
    good, *bad = values

    check_sense(config.Settings(**{name: good}))
    check_sense(config.Settings())
    for each in bad:
        with pytest.raises(config.SettingsError, match=f"^{name}: "):
            check_sense(config.Settings(**{name: each}))


def test_an_address_may_end_with_a_slash():
    assert (
        url_of(config.Settings(public_url="https://fleet.example/"), 80) == "https://fleet.example"
    )
