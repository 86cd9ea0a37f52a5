"""Exports to repositories of git and imports from them, by the program ``git`` of this machine.

It gets an environment of its own, knows no configuration but what is given here, runs no hooks,
follows no redirects, connects to the one address that was checked, and never writes the content of
somebody's repository into a folder. Secrets are in its environment or in a file, never in its
arguments, and leave every message.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import os
import re
import resource
import shutil
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, unquote, urlsplit

from drover.model.errors import Invalid
from drover.ports.repositories import Place, Pushed
from drover.ports.web import WebFailure

if TYPE_CHECKING:
    from collections.abc import Mapping

    from drover.ports.repositories import Commit, Remote
    from drover.workers.web import GuardedWeb

_SECONDS: Final = 300.0
_MOST_SAID: Final = 65_536
_LONGEST_REASON: Final = 500
_LARGEST: Final = 1_000_000_000
"""Bytes of one file that git may write: a repository that never ends fills no disk."""
_PORTS: Final = {"https": 443, "http": 80, "ssh": 22}
_SHORT_FORM: Final = re.compile(r"(?:([A-Za-z0-9._-]+)@)?([A-Za-z0-9.-]+):(?!/)([^\s:]+)")
_HOST: Final = re.compile(r"(?!-)[A-Za-z0-9.:-]{1,255}")
_USER: Final = re.compile(r"(?!-)[A-Za-z0-9._@+-]{1,128}")
_BRANCH: Final = re.compile(r"(?!-)[A-Za-z0-9._/-]{1,255}")
_NO_BRANCH: Final = re.compile(r"\.\.|//|^/|/$|\.$|(?:^|/)\.|\.lock(?:/|$)")
_SEGMENT: Final = re.compile(r"(?!\.git\Z)(?!\.{1,2}\Z)(?!-)[A-Za-z0-9._ -]{1,255}", re.IGNORECASE)
_COMMIT: Final = re.compile(r"[0-9a-f]{40,64}")
_ALWAYS: Final = {
    "core.autocrlf": "false",
    "core.fsmonitor": "false",
    "core.hooksPath": os.devnull,
    "core.symlinks": "false",
    "credential.helper": "",
    "gc.auto": "0",
    "http.followRedirects": "false",
    "http.lowSpeedLimit": "1000",
    "http.lowSpeedTime": "60",
    "maintenance.auto": "false",
    "protocol.allow": "never",
    "submodule.recurse": "false",
}


@dataclass(frozen=True, slots=True)
class _Way:
    """A remote that may be reached: its address for git, and what git is to know of it."""

    url: str
    protocol: str
    settings: Mapping[str, str]
    ssh: str = ""


class GitRepositories:
    """Pushes to remotes over HTTPS and SSH, and to bare repositories below ``folder``, if any.

    What is fetched may have ``most_bytes`` as a zip file: a small repository can hold any number of
    files by naming the same ones again and again.
    """

    def __init__(
        self,
        web: GuardedWeb,
        folder: str = "",
        *,
        allows_http: bool = False,
        most_bytes: int = _LARGEST,
    ) -> None:
        self._web = web
        self._folder = folder
        self._allows_http = allows_http
        self._most_bytes = most_bytes

    async def push(self, remote: Remote, commit: Commit, folder: str, files: str) -> Pushed:
        """Commit files to a branch; see ``drover.ports.repositories.Repositories.push``."""
        _check_people(commit)
        git = await self._git(
            remote, Place(branch=commit.branch, directory=commit.directory), folder
        )
        return await git.push(commit, Path(files))

    async def fetch(self, remote: Remote, place: Place, folder: str, file: str) -> str:
        """Write files into a zip file; see ``drover.ports.repositories.Repositories.fetch``."""
        git = await self._git(remote, place, folder)
        return await git.fetch(place, file, self._most_bytes)

    async def _git(self, remote: Remote, place: Place, folder: str) -> _Git:
        """Return what works with a repository; raises Invalid."""
        if shutil.which("git") is None:
            raise Invalid("Repositories need the program git on the server")
        _check(place)
        return _Git(Path(folder), await self._way(remote, Path(folder)), remote)

    async def _way(self, remote: Remote, folder: Path) -> _Way:
        short = _SHORT_FORM.fullmatch(remote.url)
        if short is not None:
            user, host, path = short.groups()
            return await self._over_ssh(remote, folder, user or "", host, 22, f"/{path}")
        try:
            parts = urlsplit(remote.url)
            port, host = parts.port, parts.hostname or ""
        except ValueError as error:
            raise _refused("is no address") from error
        if parts.password or parts.query or parts.fragment:
            raise _refused("may hold no password, query or fragment")
        if parts.scheme == "file":
            return self._local(parts.netloc, parts.path)
        if parts.scheme == "ssh":
            user = unquote(parts.username or "")
            return await self._over_ssh(remote, folder, user, host, port or 22, parts.path)
        if parts.scheme == "https" or (parts.scheme == "http" and self._allows_http):
            return await self._over_http(remote, parts.scheme, (host, port), parts.path)
        raise _refused("must begin with https:// or ssh://")

    async def _over_http(
        self, remote: Remote, scheme: str, place: tuple[str, int | None], path: str
    ) -> _Way:
        host, given = place
        port = given or _PORTS[scheme]
        address = await self._address(host, port)
        named = f"[{host}]" if ":" in host else host
        settings = {"http.curloptResolve": f"{named}:{port}:{address}"}
        if remote.secret and not remote.is_key:
            pair = f"{remote.username or 'git'}:{remote.secret}".encode()
            settings["http.extraHeader"] = f"Authorization: Basic {base64.b64encode(pair).decode()}"
        url = f"{scheme}://{named}:{port}{quote(unquote(path))}"
        return _Way(url, scheme, settings)

    async def _over_ssh(
        self, remote: Remote, folder: Path, user: str, host: str, port: int, path: str
    ) -> _Way:
        if not remote.is_key or not remote.secret:
            raise _refused("over SSH needs a credential of type ssh-key")
        user = user or remote.username or "git"
        if not _USER.fullmatch(user):
            raise _refused("names a user that cannot be one")
        address = await self._address(host, port)
        key = folder / "key"
        await asyncio.to_thread(_keep_secret, key, remote.secret)
        options = (
            "-F /dev/null -o BatchMode=yes -o IdentitiesOnly=yes -o ConnectTimeout=30"
            " -o StrictHostKeyChecking=accept-new -o ProxyCommand=none -o PermitLocalCommand=no"
        )
        ssh = (
            f"ssh {options} -i '{key}' -o UserKnownHostsFile='{folder / 'hosts'}'"
            f" -o HostKeyAlias={host} -o HostName={address}"
        )
        return _Way(f"ssh://{user}@{host}:{port}{path}", "ssh", {}, ssh)

    async def _address(self, host: str, port: int) -> str:
        if not _HOST.fullmatch(host):
            raise _refused("names a host that cannot be one")
        try:
            return (await self._web.addresses(host, port))[0]
        except (WebFailure, OSError, UnicodeError) as error:
            raise Invalid(f"The repository cannot be reached: {error}") from error

    def _local(self, host: str, path: str) -> _Way:
        if not self._folder or host:
            raise _refused("must begin with https:// or ssh://")
        wanted, allowed = Path(unquote(path)).resolve(), Path(self._folder).resolve()
        if not wanted.is_relative_to(allowed) or not (wanted / "HEAD").is_file():
            raise _refused("is no repository below the folder of repositories")
        return _Way(f"file://{quote(str(wanted))}", "file", {"safe.directory": "*"})


class _Git:
    """One push, an index made of the branch as it is and of the files, or one fetch."""

    def __init__(self, folder: Path, way: _Way, remote: Remote) -> None:
        self._way = way
        self._hidden = [each for each in (remote.secret, *way.settings.values()) if each]
        self._home = folder / "git"
        self._environment = _environment(folder, way)

    async def fetch(self, place: Place, file: str, most_bytes: int) -> str:
        """Write the files of a place into a zip file and return their commit; raises Invalid.

        Links stay links in it, and submodules empty folders.
        """
        found = await self._begun(f"refs/heads/{place.branch}")
        if not found:
            raise Invalid(f"The repository has no branch {place.branch}", field="repo.branch")
        tree = f"{found}:{place.directory}" if place.directory else found
        await self._run("archive", "--format=zip", f"--output={file}", tree, most_bytes=most_bytes)
        return found

    async def push(self, commit: Commit, files: Path) -> Pushed:
        """Commit and push; raises Invalid."""
        ref = f"refs/heads/{commit.branch}"
        old = await self._begun(ref)
        tree = await self._tree(commit.directory, old, files)
        if old and tree == await self._run("rev-parse", f"{old}^{{tree}}"):
            return Pushed(commit=old, no_changes=True)
        made = await self._commit(commit, tree, old)
        await self._run("push", "--quiet", "--", self._way.url, f"{made}:{ref}")
        return Pushed(commit=made, no_changes=False)

    async def _begun(self, ref: str) -> str:
        """Have a repository of our own with a branch in it; return as ``_fetched``."""
        await self._run("init", "--quiet", "--bare", "--template=", str(self._home))
        return await self._fetched(ref)

    async def _fetched(self, ref: str) -> str:
        """Return the commit that a branch is at, and have its trees; empty without the branch."""
        listed = await self._run("ls-remote", "--", self._way.url, ref)
        if not listed:
            return ""
        found = listed.split()[0]
        if not _COMMIT.fullmatch(found):
            raise Invalid("The repository answers what is no commit")
        fetch = ("fetch", "--quiet", "--no-tags", "--no-recurse-submodules", "--depth=1")
        await self._run(*fetch, "--", self._way.url, ref)
        return await self._run("rev-parse", "FETCH_HEAD")

    async def _tree(self, directory: str, old: str, at: Path) -> str:
        """Return the tree of the branch with all of the directory replaced by the files."""
        if old and directory:
            await self._run("read-tree", old)
        what = f":(literal){directory}" if directory else "."
        await self._run("--work-tree", str(at), "add", "--all", "--force", "--", what, cwd=at)
        return await self._run("write-tree")

    async def _commit(self, commit: Commit, tree: str, old: str) -> str:
        people = {
            f"GIT_{who}_{what}": value
            for who in ("AUTHOR", "COMMITTER")
            for what, value in (("NAME", commit.name), ("EMAIL", commit.email))
        }
        parents = ("-p", old) if old else ()
        message = self._home / "message"
        await asyncio.to_thread(message.write_text, commit.message)
        return await self._run("commit-tree", tree, *parents, "-F", str(message), more=people)

    async def _run(
        self,
        *arguments: str,
        more: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        most_bytes: int = 0,
    ) -> str:
        """Run git and return what it said; raises Invalid with the reason where it fails.

        No file that it writes may have more than ``most_bytes``; 0: as many as any.
        """
        most_bytes = min(most_bytes or _LARGEST, _LARGEST)
        process = await asyncio.create_subprocess_exec(
            "git",
            *arguments,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={**self._environment, **(more or {})},
            cwd=cwd,
            start_new_session=True,
        )
        try:
            _bound(process.pid, most_bytes)
            async with asyncio.timeout(_SECONDS):
                said, flaw = await process.communicate()
        except TimeoutError as error:
            raise Invalid(f"git {arguments[0]} took longer than {_SECONDS:.0f} s") from error
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
        if process.returncode == -signal.SIGXFSZ:
            raise Invalid(f"What the repository holds has more than {most_bytes} bytes")
        if process.returncode:
            raise Invalid(f"The repository cannot be used: {self._reason(flaw)}")
        return said[:_MOST_SAID].decode("utf-8", "replace").strip()

    def _reason(self, flaw: bytes) -> str:
        text = flaw[:_MOST_SAID].decode("utf-8", "replace")
        for hidden in self._hidden:
            text = text.replace(hidden, "…")
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        return " ".join(lines)[:_LONGEST_REASON] or "git failed"


def _bound(pid: int, most_bytes: int) -> None:
    """Bound what a process may write, where the system can do that to another process."""
    prlimit = getattr(resource, "prlimit", None)
    if prlimit is not None:
        with contextlib.suppress(ProcessLookupError):
            prlimit(pid, resource.RLIMIT_FSIZE, (most_bytes, most_bytes))


def _check(place: Place) -> None:
    if not _BRANCH.fullmatch(place.branch) or _NO_BRANCH.search(place.branch):
        raise Invalid("The branch cannot be one", field="repo.branch")
    parts = place.directory.split("/") if place.directory else []
    if not all(_SEGMENT.fullmatch(part) for part in parts):
        raise Invalid("The directory cannot be one", field="repo.directory")


def _check_people(commit: Commit) -> None:
    for text in (commit.name, commit.email):
        if not text.isprintable() or set(text) & set("<>"):
            raise Invalid("The committer cannot be one", field="credentialName")


def _environment(folder: Path, way: _Way) -> dict[str, str]:
    """Return all that git gets to know, nothing of the server's."""
    settings = {**_ALWAYS, f"protocol.{way.protocol}.allow": "always", **way.settings}
    found = {
        "GIT_ASKPASS": "/bin/false",
        "GIT_CONFIG_COUNT": str(len(settings)),
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_DIR": str(folder / "git"),
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_SSH_COMMAND": way.ssh or "false",
        "GIT_TERMINAL_PROMPT": "0",
        "HOME": str(folder),
        "LANG": "C.UTF-8",
        "PATH": os.environ.get("PATH", os.defpath),
        "TZ": "UTC",
    }
    for at, (name, value) in enumerate(settings.items()):
        found |= {f"GIT_CONFIG_KEY_{at}": name, f"GIT_CONFIG_VALUE_{at}": value}
    return found


def _keep_secret(path: Path, text: str) -> None:
    place = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(place, "w") as file:
        file.write(text if text.endswith("\n") else f"{text}\n")


def _refused(why: str) -> Invalid:
    return Invalid(f"The address of the repository {why}", field="cloneUrl")
