"""Templates keep to what the headers of the pages allow, and every form carries its token."""

from __future__ import annotations

import re

import pytest

from drover.faces.console._rendering import HERE, environment

PAGES = sorted((HERE / "pages").glob("*.html"))


@pytest.fixture(params=PAGES, ids=lambda file: file.name)
def source(request):
    return request.param.read_text()


def test_every_page_is_a_template_that_can_be_read(source):
    environment().from_string(source)


def test_nothing_is_marked_safe(source):
    assert not re.search(r"\|\s*safe\b|autoescape|Markup", source)


def test_no_script_or_style_stands_in_a_page(source):
    assert "<style" not in source
    assert not re.search(r"\s(style|on[a-z]+)=", source)
    assert not re.search(r"<script(?![^>]*\ssrc=)", source)
    assert "javascript:" not in source
    assert "hx-on" not in source


def test_every_form_that_changes_something_carries_its_token(source):
    forms = re.findall(r'<form[^>]*method="post".*?</form>', source, re.DOTALL)

    assert all("token()" in form or 'name="csrf"' in form for form in forms)


def test_every_value_in_an_attribute_is_in_quotes(source):
    assert not re.search(r"\s[\w-]+=\{\{", source)


def test_every_field_that_people_fill_in_has_a_label(source):
    named = set(re.findall(r'<label[^>]*\sfor="([^"]+)"', source))
    fields = re.findall(r"<(?:input|select|textarea)\b[^>]*>", source)
    shown = [each for each in fields if 'type="hidden"' not in each and "checkbox" not in each]

    assert all(re.search(r'\sid="([^"]+)"', each)[1] in named for each in shown)


def test_no_address_leads_to_another_server(source):
    assert not re.search(r'(?:href|src|action|hx-get)="(?:https?:)?//', source)
