"""Lines, directories, choices and places of archives."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import RSAKey
from msgspec import UNSET
from obstore.exceptions import PermissionDeniedError, UnauthenticatedError

from drover.app.archives import config as configured
from drover.app.archives.csv_form import CSV
from drover.app.archives.files import Page, Totals, Written, write
from drover.app.archives.forms import Column
from drover.app.archives.lines import SEPARATOR, StateLines, cell, header, row
from drover.app.archives.work import Span, day_of
from drover.kinds.application import S3, ArchiveConfig, Azure
from drover.model.errors import Invalid, Unavailable
from drover.ports.archives import Moment, Nowhere, StoredLine, Target
from drover.store import archives
from drover.store.archives import ArchivePlaces

DAY_MS = 86_400_000
JSON = st.one_of(st.none(), st.booleans(), st.integers(-(10**9), 10**9), st.text(max_size=20))


class Application:
    """What of an application an archive looks at."""

    def __init__(self, config, **values):
        self.archive_config = config
        self.globals = [Value(key, json.dumps(value)) for key, value in values.items()]


class Value:
    def __init__(self, key, text):
        self.key, self.json = key, text


def moment(time_ms, **values):
    names = sorted(values)
    texts = SEPARATOR.join(json.dumps(values[name]) for name in names)
    return Moment(time_ms, "\t".join(names), texts, len(names))


def test_a_moment_is_a_line_with_a_cell_for_each_attribute():
    lines = StateLines("d,", ["a", "b", "c"])

    text = lines.text(
        [
            moment(0, a=1, b=2.5, c=-3),
            moment(1001, b=True),
            moment(1002, a='x "y", z', c={"k": [1]}),
            moment(1003, a=None, b=False, other=9),
        ]
    )

    assert text.splitlines() == [
        "d,0,1970-01-01T00:00:00.000Z,1,2.5,-3",
        "d,1001,1970-01-01T00:00:01.001Z,,1,",
        'd,1002,1970-01-01T00:00:01.002Z,"x ""y"", z",,"{""k"":[1]}"',
        "d,1003,1970-01-01T00:00:01.003Z,,0,",
    ]


def test_lines_without_dates_and_with_formulas_disarmed():
    lines = StateLines("", ["a"], safe=True, dated=False)

    assert lines.text([moment(5, a="=1+1")]) == '5,"\'=1+1"\n'
    assert StateLines("", ["a"]).text([moment(5, a="=1")]).endswith(',"=1"\n')
    assert header(["a b", 'c"']) == '"a b","c"""\n'


@given(st.lists(JSON, min_size=1, max_size=6))
def test_every_value_is_one_cell(values):
    import csv

    (read,) = csv.reader([row(values).replace("\r", " ").replace("\n", " ")])

    assert len(read) == len(values)


@given(st.text(max_size=30))
def test_text_comes_back_as_it_was(text):
    assert cell(text)[1:-1].replace('""', '"') == text


@pytest.mark.parametrize(
    ("given", "made"),
    [
        (UNSET, ""), ("", ""), ("a/b", "a/b/"), ("/a/", "a/"), ("{{site}}/x", "north/x/"),
        ("{{globals.site}}", "north/"), ("/{{site}}-{{site}}", "north-north/"),
    ],
)  # fmt: skip
def test_directories_are_rendered_over_globals(given, made):
    application = Application(ArchiveConfig(directory=given), site="north")

    assert configured.directory(application) == made


@pytest.mark.parametrize(
    "given",
    [
        "..", "a/..", "{{up}}", "a//b", ".a", "a\\b", "a\nb", "é", "{{#if", "x" * 300, "a b",
        "{{none}}", "{{none}}/x", "{{globals.none}}", "{{long}}",
    ],
)  # fmt: skip
def test_directories_that_lead_elsewhere_are_refused(given):
    with pytest.raises(Invalid):
        configured.directory(
            Application(ArchiveConfig(directory=given), up="../..", long="x" * 256)
        )


@given(st.text(max_size=40))
def test_no_directory_leads_out_of_the_archives(text):
    application = Application(ArchiveConfig(directory="{{d}}"), d=text)
    try:
        made = configured.directory(application)
    except Invalid:
        return

    assert not made.startswith("/")
    assert not {"", ".", ".."} & set(made.rstrip("/").split("/")) or made == ""


def test_a_bucket_and_its_key_are_rendered_over_globals():
    bucket = S3(bucket="{{globals.plant}}-data", access_key_id="{{key}}", region="eu")
    application = Application(ArchiveConfig(s3=bucket, delay_days=3), plant="north", key="k" * 20)

    found = configured.needed(application)

    assert (found.s3.bucket, found.s3.access_key_id, found.s3.region) == (
        "north-data",
        "k" * 20,
        "eu",
    )
    assert found.delay_days == 3


def test_what_cannot_be_rendered_is_named():
    config = ArchiveConfig(azure=Azure(bucket="{{none}}"))
    with pytest.raises(Invalid, match=r"archiveConfig\.azure\.bucket"):
        configured.needed(Application(config))
    with pytest.raises(Invalid, match="template of archiveConfig"):
        configured.needed(Application(ArchiveConfig(azure=Azure(bucket="{{short}}")), short="x"))


def test_an_application_without_a_configuration_is_refused():
    with pytest.raises(Invalid):
        configured.needed(Application(UNSET))


def test_modes_choose_tables():
    listed = {"data_table_ids": ("a" * 24,)}
    for mode, chosen in (("all", True), ("whitelist", True), ("blacklist", False)):
        choose = configured.tables_chosen(ArchiveConfig(data_tables_mode=mode, **listed))
        assert choose({"id": "a" * 24}) is chosen
        assert choose({"id": "b" * 24}) is (mode != "whitelist")


def test_a_server_without_places_keeps_no_archives():
    for look in (Nowhere().own, lambda: Nowhere().of(Target(kind="s3", bucket="b"))):
        with pytest.raises(Invalid):
            look()


@pytest.mark.parametrize(
    "target",
    [
        Target(kind="s3", bucket="plant", key="key", secret="secret", region="eu-west-1"),
        Target(kind="azure", bucket="plant", key="account", secret="a2V5"),
    ],
)
def test_buckets_of_users_are_opened_with_their_own_keys(target):
    assert ArchivePlaces("unused").of(target) is not None


def account_key(**more: object) -> str:
    made = rsa.generate_private_key(public_exponent=65_537, key_size=2048)
    pem = made.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()
    known = {"type": "service_account", "private_key": pem, "private_key_id": "1"}
    return json.dumps({**known, "client_email": "a@example.com", **more})


def test_a_bucket_of_google_is_opened_with_an_account_key():
    assert ArchivePlaces("unused").of(Target(kind="gcs", bucket="plant", key=account_key()))
    for key in ("{", "[]", "{}", '{"private_key": "x"}'):
        with pytest.raises(Invalid):
            ArchivePlaces("unused").of(Target(kind="gcs", bucket="plant", key=key))


async def test_no_key_of_google_leads_elsewhere(monkeypatch):
    opened = []
    monkeypatch.setattr(archives, "GCSStore", lambda *_, **given: opened.append(given) or "memory")
    evil = {"gcs_base_url": "http://127.0.0.1:1", "disable_oauth": True, "token_uri": "http://x"}

    archives._gcs(Target(kind="gcs", bucket="plant", key=account_key(**evil)), "")

    assert json.loads(opened[0]["service_account_key"]).keys().isdisjoint(evil)


async def one(chunk: bytes):
    yield chunk


class Listening(BaseHTTPRequestHandler):
    """Takes whatever is written, and keeps with what headers."""

    def do_PUT(self):
        self.server.seen.append({name.lower(): text for name, text in self.headers.items()})
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(201)
        self.send_header("ETag", '"1"')
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        """Say nothing."""


@pytest.fixture
def provider():
    server = HTTPServer(("127.0.0.1", 0), Listening)
    server.seen = []
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


async def test_no_credential_of_the_server_is_sent_to_a_bucket_of_somebody(provider, monkeypatch):
    url = f"http://127.0.0.1:{provider.server_port}"
    own = {"AWS_SESSION_TOKEN": "own", "AWS_ACCESS_KEY_ID": "own", "AZURE_STORAGE_TOKEN": "own",
           "AZURE_STORAGE_ENDPOINT": f"{url}/account", "AZURE_ALLOW_HTTP": "true"}  # fmt: skip
    for name, value in own.items():
        monkeypatch.setenv(name, value)
    places = ArchivePlaces("unused", url)

    for kind, key in (("s3", "theirs"), ("azure", "account")):
        target = Target(kind=kind, bucket="plant", key=key, secret="a2V5")
        await places.of(target).put_stream("a/b", one(b"x"))

    s3, azure = provider.seen
    assert "Credential=theirs/" in s3["authorization"]
    assert "x-amz-security-token" not in s3
    assert azure["authorization"].startswith("SharedKey account:")


async def test_a_bucket_of_google_is_written_to_with_the_key_of_its_account(
    provider, monkeypatch, tmp_path
):
    (tmp_path / "own.json").write_text(account_key(client_email="own@example.com"))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "own.json"))
    monkeypatch.setenv("GOOGLE_BASE_URL", f"http://127.0.0.1:{provider.server_port}")
    monkeypatch.setenv("GOOGLE_ALLOW_HTTP", "true")
    key = account_key()

    place = ArchivePlaces("unused").of(Target(kind="gcs", bucket="plant", key=key))
    await place.put_stream("a/b", one(b"x"))

    (headers,) = provider.seen
    token = headers["authorization"].removeprefix("Bearer ")
    signer = RSAKey.import_key(json.loads(key)["private_key"])
    assert jwt.decode(token, signer, algorithms=["RS256"]).claims["iss"] == "a@example.com"


@pytest.mark.parametrize("name", ["GOOGLE_BEARER_TOKEN", "GOOGLE_SERVICE_ACCOUNT"])
def test_a_bucket_of_google_is_not_opened_with_what_the_server_has(monkeypatch, name):
    monkeypatch.setenv(name, "own")

    with pytest.raises(Invalid, match=name):
        ArchivePlaces("unused").of(Target(kind="gcs", bucket="plant", key=account_key()))


def test_a_key_of_azure_that_is_none_is_refused():
    with pytest.raises(Invalid, match="cannot be opened"):
        ArchivePlaces("unused").of(
            Target(kind="azure", bucket="plant", key="account", secret="no key")
        )


async def test_a_place_that_cannot_be_reached_says_so(monkeypatch):
    monkeypatch.setattr(archives, "_RETRIES", {"max_retries": 0})
    place = ArchivePlaces("unused", "http://127.0.0.1:1").of(
        Target(kind="s3", bucket="plant", key="key", secret="the-secret")
    )

    with pytest.raises(Unavailable, match="cannot be used") as written:
        await place.put_stream("a/b", one(b"x"))
    with pytest.raises(Unavailable, match="cannot be used"):
        [each async for each in place.get_stream("a/b")]

    assert "the-secret" not in written.value.message


async def test_a_folder_that_cannot_be_written_says_so(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(Unavailable, match="cannot be used"):
        ArchivePlaces(str(tmp_path / "file" / "inside")).own()
    place = ArchivePlaces(str(tmp_path / "gone")).own()
    (tmp_path / "gone" / "a").write_text("")

    with pytest.raises((Unavailable, Invalid)):
        await place.put_stream("a/b", one(b"x"))


@pytest.mark.parametrize("refusal", [PermissionDeniedError("no"), UnauthenticatedError("no")])
def test_a_place_that_refuses_is_for_its_owner_to_mend(refusal):
    assert isinstance(archives._failure(refusal), Invalid)


def test_days_begin_and_end_in_utc():
    assert day_of(5) == Span(0, DAY_MS - 1)
    assert day_of(DAY_MS) == Span(DAY_MS, 2 * DAY_MS - 1)


def test_totals_add_up_and_tell_files_apart():
    file = Written(key="k", rows=2, points=3, size=4, checksum="c")

    once = Totals().with_file(file)
    twice = once.with_file(file)

    assert (twice.files, twice.rows, twice.points, twice.size) == (2, 4, 6, 8)
    assert once.checksum != twice.checksum


class Broken:
    """A place that gives back something else than it was given."""

    async def put_stream(self, _key, chunks):
        return sum([len(chunk) async for chunk in chunks])

    async def get_stream(self, _key):
        yield b"else"


async def test_a_file_that_reads_back_otherwise_does_not_count():
    async def pages():
        yield Page([StoredLine(1, "a", '{"id": "a"}')])

    with pytest.raises(Unavailable):
        await write(Broken(), "k", CSV.documents([Column("id")]), pages())
