"""The names of what a token may do, and how they stand to each other.

A scope is ``family.verb``, ``family.*``, or a wide one: ``all.Application``, ``all.User.read``.
Singular and plural families differ: ``device.get`` does not open the list, ``devices.get`` does.
Losant-compatible behaviour, section 2.
"""

from __future__ import annotations

from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Literal

from drover.model.errors import Forbidden, Invalid

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Holder = Literal["application", "organization", "user", "device"]
"""Whose token it is: this decides which scopes it may carry."""

_APPLICATION: Final = """
application: applyTemplate archiveData backfillArchiveData clone debug delete deviceCounts export
  fullDataTablesArchive fullEventsArchive get import importLogs mqttPublishMessage
  mqttSubscriptionStream notebookMinuteCounts patch payloadCounts payloadCountsBreakdown search
applicationApiToken: delete get patch
applicationApiTokens: get post
applicationCertificate: delete get patch
applicationCertificateAuthorities: get post
applicationCertificateAuthority: delete get patch
applicationCertificates: get post
applicationDashboard: delete get patch sendReport
applicationDashboards: get post
applicationJobLog: get
applicationJobLogs: get
applicationKey: delete get patch
applicationKeys: get post
credential: delete get linkedResources patch
credentials: get post
data: export lastValueQuery timeSeriesQuery
dataTable: addColumn delete get patch removeColumn
dataTableRow: delete get patch
dataTableRows: delete export get post query truncate
dataTables: get post
device: agentLogs commandStream debug delete export get getCommand getCompositeState getLogEntries
  getState patch payloadCounts payloadCountsBreakdown removeData sendCommand sendState
  setConnectionStatus stateStream
deviceAttribute: delete get patch
deviceAttributes: get post
deviceRecipe: bulkCreate delete get patch
deviceRecipes: get post
devices: attributeNames delete detailedSummary deviceNames export get getCompositeState
  historicalImport patch payloadCounts post removeData restore sendCommand tagKeys tagValues
edgeDeployment: get
edgeDeployments: get release remove replace
embeddedDeployment: get
embeddedDeployments: export get release remove replace
event: delete get patch
events: delete detailedSummary export get mostRecentBySeverity patch post
experience: bootstrap delete
experienceDomain: delete get patch
experienceDomains: get post
experienceEndpoint: delete get linkedResources patch
experienceEndpoints: get post stats
experienceGroup: delete get patch
experienceGroups: detailedSummary get post
experienceSlug: delete get patch
experienceSlugs: get post
experienceUser: delete get patch
experienceUsers: detailedSummary get post
experienceVersion: delete get patch
experienceVersions: get post
experienceView: debug delete get linkedResources patch
experienceViews: debug detailedSummary get post
file: delete get move patch upload
files: get post
flow: clearStorageEntries debug delete errors get getStorageEntries getStorageEntriesMetadata log
  patch pressVirtualButton setStorageEntry stats suggestFunction
flowVersion: debug delete errors get log patch stats
flowVersions: delete get post
flows: get getByVersion import palette post
integration: delete get patch
integrations: get post
notebook: delete execute get logs notebookMinuteCounts patch requestInputDataExport upload
notebooks: get post
privateFile: delete get move patch upload
privateFiles: get post
resourceJob: cancelExecution delete execute get logs patch
resourceJobs: get post
webhook: delete get patch
webhooks: get post
"""

_ORGANIZATION: Final = """
applications: detailedSummary get import periodSummaries post
auditLog: get
auditLogs: get
dashboard: delete patch sendReport suggestCode
dashboards: get post
org: currentCard delete deviceCounts get inviteMember invoices modifyMember notebookMinuteCounts
  patch payloadCounts payloadCountsBreakdown pendingInvites removeMember revokeInvite
  transferResources
orgApiToken: delete get patch
orgApiTokens: get post
"""

_INSTANCE: Final = """
instance: deviceCounts generateReport get historicalSummaries notebookMinuteCounts patch
  payloadCounts payloadCountsBreakdown
instanceApiToken: delete get patch
instanceApiTokens: get post
instanceAuditLog: get
instanceAuditLogs: get
instanceCustomNode: delete errors get patch stats
instanceCustomNodes: get post
instanceMember: delete get patch
instanceMembers: get post
instanceNotificationRule: delete evaluate get logs patch
instanceNotificationRules: get post
instanceOrg: convertToEnterprise delete deviceCounts get notebookMinuteCounts patch payloadCounts
  payloadCountsBreakdown
instanceOrgInvite: delete get resendInvite
instanceOrgInvites: get post
instanceOrgMember: delete get patch
instanceOrgMembers: get post
instanceOrgs: get post
instanceSandbox: delete deviceCounts get notebookMinuteCounts payloadCounts payloadCountsBreakdown
  undelete
instanceSandboxes: get
"""

_USER: Final = """
adminUser: delete get patch
adminUsers: get post
applicationTemplate: delete get patch
applicationTemplates: get getCategories getUniqueKeywords post
instances: get
me: addRecentItem changePassword connectGithub delete deviceCounts disableTwoFactorAuth
  disconnectGithub enableTwoFactorAuth fetchRecentItems generateTwoFactorAuth get invite invites
  notebookMinuteCounts patch payloadCounts payloadCountsBreakdown refreshToken respondToInvite
  transferResources verifyEmail
orgs: get post
userApiToken: delete get patch
userApiTokens: get post
userKey: delete
userKeys: get post
userOauthToken: delete get patch
userOauthTokens: get post
"""

_DEVICE: Final = """
all: Device Device.read
data: export lastValueQuery timeSeriesQuery
device: commandStream debug get getCommand getCompositeState getLogEntries getState sendCommand
  sendState setConnectionStatus stateStream
devices: get getCompositeState sendCommand
"""

_GRANTING: Final = """
applicationApiToken: delete patch
applicationApiTokens: post
instanceApiToken: delete patch
instanceApiTokens: post
instanceMember: delete patch
instanceMembers: post
instanceOrgInvite: delete resendInvite
instanceOrgInvites: post
instanceOrgMember: delete patch
instanceOrgMembers: post
me: changePassword delete disableTwoFactorAuth disconnectGithub enableTwoFactorAuth
  generateTwoFactorAuth patch refreshToken respondToInvite transferResources verifyEmail
org: inviteMember modifyMember removeMember revokeInvite transferResources
orgApiToken: delete patch
orgApiTokens: post
adminUser: delete patch
adminUsers: post
userApiToken: delete patch
userApiTokens: post
userKey: delete
userKeys: post
"""


def _names(table: str) -> frozenset[str]:
    names: set[str] = set()
    family = ""
    for word in table.split():
        if word.endswith(":"):
            family = word[:-1]
        else:
            names.add(f"{family}.{word}")
    return frozenset(names)


def _with_families(table: str) -> frozenset[str]:
    names = _names(table)
    return names | {f"{name.partition('.')[0]}.*" for name in names}


_WIDE: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        level: frozenset(f"all.{level}{end}" for end in ends)
        for level, ends in {
            "Application": ("", ".bounded", ".cli", ".read"),
            "Device": ("", ".read"),
            "Organization": ("", ".bounded", ".read"),
            "Instance": ("", ".bounded", ".read"),
            "User": ("", ".bounded", ".cli", ".read"),
        }.items()
    }
)
_ONLY: Final = frozenset(
    f"only.{level}{end}" for level in ("Organization", "User") for end in ("", ".bounded", ".read")
)
_AT_APPLICATION: Final = _with_families(_APPLICATION) | _WIDE["Application"] | _WIDE["Device"]
_AT_ORGANIZATION: Final = (
    _AT_APPLICATION
    | _with_families(_ORGANIZATION)
    | _WIDE["Organization"]
    | {name for name in _ONLY if name.startswith("only.Organization")}
)

ALLOWED: Final[Mapping[Holder, frozenset[str]]] = MappingProxyType(
    {
        "device": _names(_DEVICE),
        "application": _AT_APPLICATION,
        "organization": _AT_ORGANIZATION,
        "user": _AT_ORGANIZATION
        | _with_families(_INSTANCE)
        | _with_families(_USER)
        | _WIDE["Instance"]
        | _WIDE["User"]
        | _ONLY,
    }
)
"""Which scopes a token may carry, by its holder."""

DEFAULT: Final[Mapping[Holder, frozenset[str]]] = MappingProxyType(
    {
        "device": frozenset({"all.Device"}),
        "application": frozenset({"all.Application"}),
        "organization": frozenset({"all.Organization"}),
        "user": frozenset({"all.User"}),
    }
)
"""The scopes of a token made without naming any."""

GRANTING: Final = _names(_GRANTING)
"""What hands out or takes away access: closed to ``.bounded`` tokens."""

_COVERED: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        "all.User": ALLOWED["user"],
        "all.Organization": ALLOWED["organization"],
        "all.Application": ALLOWED["application"],
        "all.Device": ALLOWED["device"],
        "all.Instance": _with_families(_INSTANCE) | _WIDE["Instance"],
        "all.User.read": frozenset(
            {name for name in ALLOWED["user"] if name.endswith(".read")} - {"all.User"}
        ),
        "all.Organization.read": frozenset(
            {"all.Application.read", "all.Device.read", "only.Organization.read"}
        ),
        "all.Application.read": frozenset({"all.Device.read"}),
        "all.User.cli": frozenset({"all.Application.cli"}),
        "all.User.bounded": frozenset(
            {"all.Organization.bounded", "all.Application.bounded", "all.Instance.bounded"}
            | {name for name in _ONLY if name.endswith(".bounded")}
        ),
        "all.Organization.bounded": frozenset(
            {"all.Application.bounded", "only.Organization.bounded"}
        ),
    }
)

MOST_SCOPES: Final = 600
"""The most scopes one token may ask for: more than there are."""


def requested(names: Iterable[str] | None, holder: Holder, field: str = "scope") -> frozenset[str]:
    """Return the scopes a new token gets; none named means the holder's default.

    Raises Invalid, naming the ``field`` they came in, for one that is unknown or beyond this
    holder.
    """
    wanted = tuple(names or ())
    if not wanted:
        return DEFAULT[holder]
    if len(wanted) > MOST_SCOPES:
        raise Invalid(f"At most {MOST_SCOPES} scopes can be requested at `{field}`", field=field)
    unknown = [name for name in wanted if name not in ALLOWED[holder]]
    if unknown:
        text = unknown[0][:64]
        message = f"'{text}' is not a scope that a token here can have at `{field}`"
        raise Invalid(message, field=field)
    return frozenset(wanted)


def covers(held: frozenset[str], wanted: str) -> bool:
    """Tell whether a holder of ``held`` may hand on ``wanted``."""
    family = wanted.partition(".")[0]
    if wanted in held or f"{family}.*" in held:
        return True
    return any(wanted in _COVERED.get(name, ()) for name in held)


def check_handed_on(held: frozenset[str], wanted: Iterable[str]) -> None:
    """Raise Forbidden when a token with ``held`` would make one that may do more than itself."""
    for name in sorted(wanted):
        if not covers(held, name):
            raise Forbidden(f"A token cannot give the scope {name}, which it does not have itself")


def for_operation(
    family: str, verb: str, owners: tuple[str, ...], *, reads: bool = False
) -> frozenset[str]:
    """Return the scopes any one of which opens an operation; ``owners`` are the wide levels."""
    ends = ("", ".read") if reads else ("",)
    wide = {f"all.{owner}{end}" for owner in owners for end in ends}
    return frozenset(wide | {f"{family}.*", f"{family}.{verb}"})


@lru_cache(maxsize=2048)
def is_read(accepted: frozenset[str]) -> bool:
    """Tell whether an operation only reads: the ``.read`` scopes are listed on these alone."""
    return any(name.startswith("all.") and name.endswith(".read") for name in accepted)


@lru_cache(maxsize=2048)
def widened(accepted: frozenset[str]) -> frozenset[str]:
    """Add to an operation's scopes the bounded and the one-level ones, which follow from them."""
    more = set(accepted)
    level = _level(accepted)
    ends = [""]
    if is_read(accepted):
        ends.append(".read")
    if not accepted & GRANTING:
        more |= {f"{name}.bounded" for name in accepted if name in _BOUNDED}
        ends.append(".bounded")
    if level is not None:
        more |= {f"only.{level}{end}" for end in ends}
    return frozenset(more)


_BOUNDED: Final = frozenset({"all.Application", "all.Organization", "all.User", "all.Instance"})


def _level(accepted: frozenset[str]) -> str | None:
    if accepted & {"all.Application", "all.Instance"}:
        return None
    if "all.Organization" in accepted:
        return "Organization"
    return "User" if "all.User" in accepted else None
