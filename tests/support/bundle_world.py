"""An application with something of every kind, and its bundles as the vendor's client gets them."""

from __future__ import annotations

import io
import json
import re
import zipfile

import httpx

from tests.support.certificates import certificate
from tests.support.vendor import node, trigger

_ID = re.compile(r"(?<![0-9A-Za-z])[0-9a-f]{24}(?![0-9A-Za-z])")
EVERYTHING = {
    "includeDevices": True,
    "includeDataTableRows": True,
    "includeFiles": True,
    "includePrivateFiles": True,
}
COLUMNS = (
    ("serial", "string", "unique"),
    ("weight", "number", "optional"),
    ("ok", "boolean", "optional"),
)
AUTHORITY = certificate("authority")
NOTEBOOK = b'{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}'
NAMES_ELSEWHERE = ("experience/slugs.yaml", "experience/domains.yaml")
"""What an application on the same server cannot have too."""


def fetched(vendor, url):
    """Fetch a signed address without a token, from where the server under test really is."""
    answer = httpx.get(url.replace("http://drover.test", vendor.url))
    assert answer.status_code == 200, answer.text
    return answer.content


def bundle_of(vendor, application=None, **wish):
    key = {"applicationId": application or vendor.application}
    return fetched(vendor, vendor.client.application.export(**key, options=wish)["url"])


def files_of(bundle):
    with zipfile.ZipFile(io.BytesIO(bundle)) as file:
        return {name: file.read(name).decode() for name in file.namelist()}


def bring(vendor, bundle, application=None, *, filename="bundle.zip", **options):
    where = f"{vendor.url}/applications/{application or vendor.application}/import"
    return httpx.post(
        where,
        headers={"Authorization": f"Bearer {vendor.client.auth_token}"},
        files={
            "importBundle": (filename, bundle, "application/octet-stream"),
            "options": (None, json.dumps(options)),
        },
        timeout=60,
    )


def empty(vendor, name="Elsewhere"):
    return vendor.client.applications.post(application={"name": name})["id"]


def furnish(vendor):
    """Put something of every kind into the application, with references both ways."""
    client, key = vendor.client, vendor.key
    site = client.devices.post(**key, device={"name": "Site", "deviceClass": "gateway"})["id"]
    client.devices.post(
        **key,
        device={
            "name": "Pump",
            "parentId": site,
            "tags": [{"key": "line", "value": "7"}, {"key": "site", "value": site}],
            "attributes": [{"name": "flow", "dataType": "number", "description": "l/s\nor so"}],
        },
    )
    table = vendor.table(*COLUMNS)
    rows = [
        {"serial": "a\nb", "weight": 1.5, "ok": True},
        {"serial": "", "weight": None, "ok": False},
        {"serial": f"at {site}", "weight": 12, "ok": None},
    ]
    client.data_table_rows.post(**table, dataTableRow=rows)
    job = {
        "name": "Weigh",
        "resourceType": "dataTableRow",
        "dataTableId": table["dataTableId"],
        "queryJson": json.dumps({"serial": {"$ne": site}}),
    }
    job_id = client.resource_jobs.post(**key, resourceJob=job)["id"]
    flow = vendor.flow(
        [trigger("resourceJobIteration", job_id, "n")],
        node(
            "n",
            "RawFunctionNode",
            scope="payload",
            script=f"payload.site = '{site}';\nreturn payload;",
        ),
    )
    version = client.flow_versions.post(**flow, flowVersion={"version": "v1"})["id"]
    client.flow.patch(**flow, flow={"defaultVersionId": version})
    user = client.experience_users.post(
        **key, experienceUser={"email": "Ann@example.com", "password": "long enough"}
    )["id"]
    above = client.experience_groups.post(**key, experienceGroup={"name": "All"})["id"]
    client.experience_groups.post(
        **key,
        experienceGroup={
            "name": "Crew",
            "parentId": above,
            "experienceUserIds": [user],
            "deviceIds": [site],
        },
    )
    client.webhooks.post(**key, webhook={"name": "In here", "responseCode": 204})
    furnish_more(vendor, site)
    vendor.raw("PATCH", "/globals", json=[{"key": "site", "json": json.dumps(site)}])
    vendor.raw("PATCH", "/readme", json={"content": "# Plant\n"})
    return site


def furnish_more(vendor, site):
    """Put in what the application shows, and what it talks to."""
    client, key = vendor.client, vendor.key
    client.device_recipes.post(**key, deviceRecipe={"name": "Pumps", "parentId": site})
    client.integrations.post(
        **key,
        integration={
            "name": "Broker",
            "integrationType": "mqtt",
            "topics": ["a/b"],
            "mqttConfig": {"protocol": "mqtt", "host": "broker.example.com", "port": 1883},
        },
    )
    layout = client.experience_views.post(
        **key, experienceView={"name": "Frame", "viewType": "layout", "body": "{{page}}\n"}
    )["id"]
    client.experience_views.post(
        **key,
        experienceView={
            "name": "Home page",
            "viewType": "page",
            "layoutId": layout,
            "body": "<h1>\n  {{name}}\n</h1>\n",
        },
    )
    client.experience_endpoints.post(
        **key, experienceEndpoint={"method": "get", "route": "/home/{id}"}
    )
    block = {
        "blockType": "gauge",
        "startX": 0,
        "startY": 0,
        "width": 2,
        "height": 2,
        "applicationId": vendor.application,
        "config": {"deviceIds": [site]},
    }
    vendor.raw("POST", "/dashboards", json={"name": "Over all", "blocks": [block]})
    furnish_files(vendor)
    furnish_site(vendor)


def furnish_site(vendor):
    """Put in versions of the interface with names to answer at, credentials, and a notebook's file."""
    client, key = vendor.client, vendor.key
    client.experience_version.patch(
        **key,
        experienceVersionIdOrName="develop",
        experienceVersion={"responseHeaders": {"X-Plant": "north"}},
    )
    slug = client.experience_slugs.post(**key, experienceSlug={"slug": f"s{vendor.application}"})[
        "id"
    ]
    name = f"d{vendor.application}.example.com"  # not an id, which an import would rename
    client.experience_domains.post(**key, experienceDomain={"domainName": name})
    client.experience_versions.post(
        **key, experienceVersion={"version": "v1.0", "slugIds": [slug], "description": "First"}
    )
    cloud = {"accessKeyId": "A" * 20, "secretAccessKey": "very secret", "region": "eu-north-1"}
    for credential in (
        {"name": "Cloud", "type": "aws", "awsConfig": cloud},
        {"name": "Mail", "type": "sendgrid", "sendgridConfig": {"apiKey": "very secret"}},
    ):
        client.credentials.post(**key, credential=credential)
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as file:
        file.writestr("application.yaml", "name: x\n")
        file.writestr("notebooks/a.yaml", "name: Sums\njupyterFileName: sums.ipynb\n")
        file.writestr("notebooks/a.ipynb", NOTEBOOK)
    assert bring(vendor, made.getvalue()).status_code == 200


def furnish_files(vendor):
    """Put in files of both kinds, and an authority."""
    client, key = vendor.client, vendor.key
    entry = {
        "name": "a.txt",
        "type": "file",
        "parentDirectory": "/deep",
        "contentType": "text/plain",
    }
    public = client.files.post(**key, file=entry)["id"]
    private = client.private_files.post(**key, privateFile=entry)["id"]
    for path in (f"/file/{public}/upload", f"/privateFiles/{private}/upload"):
        part = "file" if "/file/" in path else "privateFile"
        sent = vendor.raw("POST", path, files={part: ("a.txt", b"content")})
        assert sent.status_code == 200, sent.text
    client.application_certificate_authorities.post(
        **key, applicationCertificateAuthority={"name": "Ours", "caBundle": AUTHORITY}
    )


def without_ids(files, application):
    """Return files with each id as its place among all ids, in their order."""
    own = {name: text.replace(application, "app") for name, text in files.items()}
    found = sorted({each for text in own.values() for each in _ID.findall(text)})
    places = {each: f"id{place}" for place, each in enumerate(found)}
    return {name: _ID.sub(lambda m: places[m[0]], text) for name, text in own.items()}
