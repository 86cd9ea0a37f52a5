"""Applications made of others and of bundles by the vendor's client, on both stores."""

from __future__ import annotations

import json

import httpx
import pytest
from losant_rest import LosantError

from tests.support.bundle_world import (
    EVERYTHING,
    bundle_of,
    empty,
    furnish,
)
from tests.support.vendor import Vendor


@pytest.fixture
def vendor(losant, resource_server, plant):
    return Vendor(losant, resource_server.url, plant)


def test_an_import_may_come_from_another_application(vendor):
    furnish(vendor)
    other = empty(vendor)

    answer = httpx.post(
        f"{vendor.url}/applications/{other}/import",
        headers={"Authorization": f"Bearer {vendor.client.auth_token}"},
        files={"options": (None, json.dumps({"fromApplicationId": vendor.application}))},
        timeout=60,
    )

    assert answer.status_code == 200, answer.text
    assert vendor.client.devices.get(applicationId=other)["totalCount"] == 2
    (log,) = vendor.client.application.import_logs(applicationId=other)
    assert log["importSourceType"] == "fromApplication"
    assert log["fromApplicationId"] == vendor.application
    assert log["status"] == "completed"
    assert log["importExecutionId"] == log["id"]


def test_a_clone_is_a_new_application_whose_workflows_sleep(vendor):
    furnish(vendor)

    made = vendor.client.application.clone(**vendor.key, options={"includeDevices": True})[
        "application"
    ]

    assert made["_type"] == "application"
    assert made["name"] == "Copy of Plant"
    key = {"applicationId": made["id"]}
    assert vendor.client.devices.get(**key)["totalCount"] == 2
    (flow,) = vendor.client.flows.get(**key)["items"]
    assert flow["enabled"] is False
    assert vendor.client.application.readme(**key)["content"] == "# Plant\n"


def test_a_dry_run_of_a_clone_makes_no_application(vendor):
    before = vendor.client.applications.get()["totalCount"]

    answer = vendor.client.application.clone(**vendor.key, options={"dryRun": True})

    assert answer == {"success": True, "requiresJob": False}
    assert vendor.client.applications.get()["totalCount"] == before


def test_a_clone_for_somebody_else_is_refused(vendor):
    with pytest.raises(LosantError) as refused:
        vendor.client.application.clone(
            **vendor.key, options={"ownerId": "9" * 24, "ownerType": "organization"}
        )

    assert refused.value.args[0] == 403


def become(vendor, bundle, **form):
    """Make a new application of a bundle, with these fields of the form."""
    return httpx.post(
        f"{vendor.url}/applications/import",
        headers={"Authorization": f"Bearer {vendor.client.auth_token}"},
        files={"importBundle": ("b.zip", bundle)},
        data=form,
        timeout=60,
    )


def test_a_form_says_what_a_new_application_is_to_be_without(vendor):
    furnish(vendor)

    answer = become(
        vendor,
        bundle_of(vendor, **EVERYTHING),
        includeDevices="false",
        includeDataTableRows="False",
        includeFiles="0",
    )

    assert answer.status_code == 201, answer.text
    key = {"applicationId": answer.json()["application"]["id"]}
    assert vendor.client.devices.get(**key)["totalCount"] == 0
    assert vendor.client.files.get(**key)["totalCount"] == 0
    (table,) = vendor.client.data_tables.get(**key)["items"]
    rows = vendor.client.data_table_rows.get(**key, dataTableId=table["id"])
    assert rows["totalCount"] == 0
    assert vendor.client.webhooks.get(**key)["totalCount"] == 1


@pytest.mark.parametrize(
    "form",
    [
        {"includeDevices": "maybe"},
        {"ownerId": "nobody"},
        {"ownerType": "device"},
        {"options": '{"include": ["Flow", "Flow"]}'},
        {"options": '{"conflictBehavior": "retain"}'},
        {"options": "[]"},
        {"email": "no address"},
    ],
)
def test_a_form_that_means_nothing_is_refused_and_makes_no_application(vendor, form):
    before = vendor.client.applications.get()["totalCount"]

    answer = become(vendor, bundle_of(vendor), **form)

    assert answer.status_code == 400, answer.text
    assert vendor.client.applications.get()["totalCount"] == before


def test_a_bundle_becomes_a_new_application(vendor):
    furnish(vendor)

    answer = become(vendor, bundle_of(vendor, **EVERYTHING))

    assert answer.status_code == 201, answer.text
    made = answer.json()["application"]
    assert made["name"] == "Plant"
    assert vendor.client.devices.get(applicationId=made["id"])["totalCount"] == 2
