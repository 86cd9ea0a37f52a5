"""What a bundle may hold is bounded: a small file can be packed so that it fills a machine."""

from __future__ import annotations

import io
import json
import zipfile

import pytest

from drover.app.transfer import contents, layout, yaml_text
from drover.app.transfer.bringing import Errand, Rule, settings_of
from drover.app.transfer.contents import Contents
from drover.app.transfer.zip_file import ZipLimits
from drover.kinds.application import KIND as APPLICATION
from drover.kinds.device import KIND as DEVICE
from drover.kinds.experience_view import KIND as VIEW
from drover.kinds.webhook import KIND as WEBHOOK
from drover.model.errors import Invalid
from drover.model.kind import Stamp
from tests.support.catalog_server import user


def opened(limits=None, **files):
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as file:
        for name, content in {"application.yaml": "name: x\n", **files}.items():
            file.writestr(name, content)
    return Contents(made, [DEVICE, VIEW, WEBHOOK], limits=limits)


def test_a_bundle_with_too_many_resources_in_all_is_refused(monkeypatch):
    monkeypatch.setattr(contents, "MOST_RESOURCES", 4)
    files = {"devices.yaml": "- name: a\n" * 3, "webhooks.yaml": "- name: b\n"}

    assert len(opened(**files).old_ids) == 4
    with pytest.raises(Invalid, match="may hold 4 resources"):
        opened(**{**files, "webhooks.yaml": "- name: b\n" * 2})


def test_a_list_with_too_many_items_is_refused_before_it_is_read(monkeypatch):
    monkeypatch.setattr(yaml_text, "MOST_ITEMS", 20)

    assert len(yaml_text.loads(b"- a\n" * 20)) == 20
    with pytest.raises(Invalid, match="may have 20 items"):
        yaml_text.loads(b"- a\n" * 21)


@pytest.mark.parametrize("text", ["[a, b, c, d]", "{a: b, c: d, e: {}, f: []}", "- [[], {}, 1]"])
def test_a_document_with_too_many_values_is_refused(monkeypatch, text):
    monkeypatch.setattr(yaml_text, "MOST_VALUES", 4)

    with pytest.raises(Invalid, match="At most 4 values"):
        yaml_text.loads(text.encode())


def test_a_text_that_is_too_long_is_refused():
    with pytest.raises(Invalid, match="characters \\(line 1\\)"):
        yaml_text.loads(b"name: " + b"a" * 1_000_001)


def test_texts_that_are_too_long_together_are_refused_before_one_is_read():
    limits = ZipLimits(text_bytes=50)
    files = {"devices.yaml": "- name: a\n", "devices.yaml.png": "x" * 100}

    assert opened(limits, **files).old_ids
    with pytest.raises(Invalid, match="texts of the bundle may have 50 bytes"):
        opened(limits, **files, **{"webhooks.yaml": "#" * 50})


def test_a_list_of_resources_may_be_larger_than_other_files():
    limits = ZipLimits(file_bytes=50)

    assert len(opened(limits, **{"devices.yaml": "- name: a\n" * 20}).old_ids) == 20
    with pytest.raises(Invalid, match="too large"):
        opened(limits, **{"files/a": "x" * 51})


def test_a_readme_that_is_too_long_is_refused():
    with pytest.raises(Invalid, match=r"README\.md may have 131072 characters"):
        opened(**{"README.md": "x" * 131_073})


@pytest.mark.parametrize(
    "text", ["description: 7\n", "blobUrlTTL: 60\n", f"description: {'d' * 1025}\n"]
)
def test_what_an_application_cannot_be_is_refused(text):
    with pytest.raises(Invalid, match=r"application\.yaml"):
        opened(**{"application.yaml": text})


LONG = "\N{GRINNING FACE}" * 99


@pytest.mark.parametrize(
    ("names", "files"),
    [
        (("a.", "a_", "con", LONG), ("a.", "a_", "con", "_" * 99)),
        (("a.", "a_", "con", LONG), ("a_", "a__2", "_con", "_" * 99)),
        (("\u8c48" * 99,), ("\u8c48" * 99,)),
    ],
)
def test_texts_find_their_resources_by_the_names_that_bundles_gave_earlier_too(names, files):
    place = layout.place_of(VIEW).replace("{viewType}", "page")
    folder = place.removesuffix(".yaml")
    listed = "".join(f"- name: {name}\n  viewType: page\n" for name in names)
    texts = {f"{folder}/{file}.hbs": f"of {n}" for n, file in enumerate(files)}

    found = opened(**{place: listed, **texts}).given[VIEW.one]

    assert [json.loads(each.document)["body"] for each in found] == [
        f"of {n}" for n in range(len(names))
    ]


@pytest.mark.parametrize(
    ("own", "brought"),
    [({}, True), ({"endpointDefaultCors": False}, None), ({"endpointDefaultCors": True}, None)],
)
def test_what_an_application_says_of_cors_is_only_changed_where_it_says_nothing(own, brought):
    stamp = Stamp("a" * 24, "a" * 24, 0)
    current = APPLICATION.create(json.dumps({"name": "x", **own}).encode(), stamp)
    bundle = opened(**{"application.yaml": "name: x\nendpointDefaultCors: true\n"})
    errand = Errand(user(), current.id, bundle, Rule(conflict="retain"))

    changes = settings_of(errand, current, 0)

    assert changes.get("endpoint_default_cors") is brought
