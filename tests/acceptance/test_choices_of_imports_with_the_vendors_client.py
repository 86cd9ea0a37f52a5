"""What an import is told to do with what is there, and what of a bundle it is to bring."""

from __future__ import annotations

import json

import pytest

from tests.support.bundle_world import (
    EVERYTHING,
    bring,
    bundle_of,
    empty,
    fetched,
    furnish,
)
from tests.support.vendor import Vendor


@pytest.fixture
def vendor(losant, resource_server, plant):
    return Vendor(losant, resource_server.url, plant)


@pytest.mark.parametrize(
    ("conflict", "names"),
    [
        ("create", ["Old", "Old"]),
        ("retain", ["Old"]),
        ("replace", ["Old"]),
    ],
)
def test_a_resource_that_is_there_already_is_doubled_kept_or_replaced(vendor, conflict, names):
    made = vendor.client.webhooks.post(**vendor.key, webhook={"name": "Old", "responseCode": 204})
    bundle = bundle_of(vendor)
    key = {**vendor.key, "webhookId": made["id"]}
    vendor.client.webhook.patch(**key, webhook={"responseCode": 299})

    answer = bring(vendor, bundle, conflictBehavior=conflict)

    assert answer.status_code == 200, answer.text
    found = vendor.client.webhooks.get(**vendor.key)["items"]
    assert [each["name"] for each in found] == names
    kept = vendor.client.webhook.get(**key)
    assert kept["responseCode"] == (204 if conflict == "replace" else 299)
    assert kept["token"] == made["token"]


def test_a_conflict_that_is_an_error_names_each_resource_and_changes_nothing(vendor):
    site = furnish(vendor)
    bundle = bundle_of(vendor, **EVERYTHING)

    answer = bring(vendor, bundle, conflictBehavior="error")

    assert answer.status_code == 422
    refused = answer.json()
    assert refused["type"] == "Validation"
    assert {"type", "name", "id", "message"} == set(refused["validationErrors"][0])
    assert site in {each["id"] for each in refused["validationErrors"]}
    assert vendor.client.devices.get(**vendor.key)["totalCount"] == 2


def test_a_dry_run_changes_nothing_and_tells_what_it_would_have_done(vendor):
    furnish(vendor)
    other = empty(vendor)

    answer = bring(vendor, bundle_of(vendor, **EVERYTHING), other, dryRun=True)

    assert answer.status_code == 200, answer.text
    key = {"applicationId": other}
    assert vendor.client.devices.get(**key)["totalCount"] == 0
    assert vendor.client.data_tables.get(**key)["totalCount"] == 0
    (log,) = vendor.client.application.import_logs(**key)
    assert log["dryRun"]
    assert log["dryRunResults"]["limitErrors"] == []
    told = json.loads(fetched(vendor, log["dryRunResults"]["url"]))
    assert told["created"]["device"] == 2
    assert told["rows"] == 3


def test_only_what_is_included_is_brought_in(vendor):
    furnish(vendor)
    other = empty(vendor)

    bring(vendor, bundle_of(vendor, **EVERYTHING), other, include=["Device", "DataTable"])

    key = {"applicationId": other}
    table = vendor.client.data_tables.get(**key)["items"][0]["id"]
    assert vendor.client.devices.get(**key)["totalCount"] == 2
    assert vendor.client.flows.get(**key)["totalCount"] == 0
    assert vendor.client.data_table_rows.get(**key, dataTableId=table)["totalCount"] == 0
    assert vendor.client.application.get(**key)["globals"] == []


def test_versions_of_the_interface_are_chosen_by_their_published_names(vendor):
    furnish(vendor)
    bundle = bundle_of(vendor)
    other, another = empty(vendor), empty(vendor)

    bring(vendor, bundle, other, include=["ExperienceDevelopConfig"])
    bring(vendor, bundle, another, include=["ExperienceVersion", "ExperienceFlowVersion"])

    def versions(application):
        found = vendor.client.experience_versions.get(applicationId=application)["items"]
        return [each["version"] for each in found]

    assert (versions(other), versions(another)) == (["develop"], ["v1.0"])
    answer = vendor.client.experience_version.get(
        applicationId=other, experienceVersionIdOrName="develop"
    )
    assert answer["responseHeaders"] == {"X-Plant": "north"}


def test_names_that_only_one_may_have_stay_where_they_are(vendor):
    furnish(vendor)
    other = empty(vendor)
    bundle = bundle_of(vendor)

    assert bring(vendor, bundle, other).status_code == 200

    assert vendor.client.experience_slugs.get(applicationId=other)["totalCount"] == 0


def test_bringing_a_bundle_in_twice_doubles_all_but_what_there_is_one_of(vendor):
    furnish(vendor)
    bundle = bundle_of(vendor)

    answer = bring(vendor, bundle)

    assert answer.status_code == 200, answer.text
    assert vendor.client.flows.get(**vendor.key)["totalCount"] == 2
    assert vendor.client.credentials.get(**vendor.key)["totalCount"] == 2
    assert vendor.client.experience_slugs.get(**vendor.key)["totalCount"] == 1
