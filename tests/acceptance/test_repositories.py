"""Pushes to repositories by git: over HTTP and in folders, and all that is refused."""

from __future__ import annotations

import base64
import os
import subprocess
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from drover.model.errors import Invalid
from drover.ports.repositories import Commit, Place, Remote
from drover.workers.git import GitRepositories
from drover.workers.web import GuardedWeb

LOOPBACK = ["127.0.0.0/8", "::1/128"]
PASSWORD = "pass word/&ecret"


class Backend(BaseHTTPRequestHandler):
    """Serves the repositories of a folder by git's own program, to those with the password."""

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def _answer(self) -> None:
        wanted = "Basic " + base64.b64encode(f"me:{PASSWORD}".encode()).decode()
        if self.headers.get("Authorization") != wanted:
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="git"')
            self.end_headers()
            return
        if self.path.startswith("/moved"):
            self.send_response(302)
            self.send_header("Location", self.path.replace("/moved", "/plant.git"))
            self.end_headers()
            return
        path, _, query = self.path.partition("?")
        body = self._body()
        environ = {
            "GIT_PROJECT_ROOT": self.server.folder,
            "GIT_HTTP_EXPORT_ALL": "1",
            "REQUEST_METHOD": self.command,
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "REMOTE_USER": "me",
            "PATH": os.environ["PATH"],
        }
        run = ["git", "http-backend"]
        said = subprocess.run(run, input=body, env=environ, capture_output=True, check=True).stdout
        head, _, content = said.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
        self.send_response(int(headers.pop("Status", "200")[:3]))
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body


@pytest.fixture
def repositories(tmp_path: Path) -> Path:
    folder = tmp_path / "repositories"
    folder.mkdir()
    git("init", "--quiet", "--bare", str(folder / "plant.git"))
    git("-C", str(folder / "plant.git"), "config", "http.receivepack", "true")
    return folder


@pytest.fixture
def served(repositories: Path):
    server = ThreadingHTTPServer(("127.0.0.1", 0), Backend)
    server.folder = str(repositories)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def files(tmp_path: Path) -> Path:
    folder = tmp_path / "files"
    (folder / "export").mkdir(parents=True)
    (folder / "export" / "README.md").write_text("one\n")
    return folder


def git(*arguments: str) -> str:
    environ = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "GIT_CONFIG_NOSYSTEM": "1"}
    run = ["git", *arguments]
    return subprocess.run(run, env=environ, check=True, capture_output=True, text=True).stdout


AUTHOR = ("-c", "user.name=Me", "-c", "user.email=me@example.com")


def tree_of(repository: Path, listed: str) -> str:
    """Make a tree of these lines and return its name."""
    made = subprocess.run(
        ["git", "-C", str(repository), "mktree"],
        input=listed,
        check=True,
        capture_output=True,
        text=True,
    )
    return made.stdout.strip()


def commit(branch: str = "main", directory: str = "export", **more: str) -> Commit:
    whole = {"message": "A message", "name": "Me", "email": "me@example.com", **more}
    return Commit(branch=branch, directory=directory, **whole)


async def pushed(ways: GitRepositories, remote: Remote, what: Commit, files: Path):
    """Push with a folder of its own."""
    place = files.parent / f"push-{len(list(files.parent.iterdir()))}"
    place.mkdir()
    return await ways.push(remote, what, str(place), str(files))


def reader(repositories: Path, branch: str = "main") -> str:
    return git("-C", str(repositories / "plant.git"), "ls-tree", "-r", "--name-only", branch)


async def test_a_branch_is_begun_changed_and_left_alone_over_http(repositories, served, files):
    ways = GitRepositories(GuardedWeb(LOOPBACK), allows_http=True)
    remote = Remote(url=f"{served}/plant.git", username="me", secret=PASSWORD)

    first = await pushed(ways, remote, commit(), files)
    again = await pushed(ways, remote, commit(), files)
    (files / "export" / "README.md").unlink()
    (files / "export" / "other.yaml").write_text("two\n")
    second = await pushed(ways, remote, commit(), files)

    assert (first.no_changes, again.no_changes, second.no_changes) == (False, True, False)
    assert again.commit == first.commit != second.commit
    assert reader(repositories) == "export/other.yaml\n"
    log = git("-C", str(repositories / "plant.git"), "log", "--format=%H %an %ae %s", "main")
    assert log.splitlines() == [
        f"{second.commit} Me me@example.com A message",
        f"{first.commit} Me me@example.com A message",
    ]


async def test_what_is_beside_the_directory_stays(repositories, files):
    ways = GitRepositories(GuardedWeb(), str(repositories))
    remote = Remote(url=f"file://{repositories}/plant.git")
    await pushed(ways, remote, commit(), files)
    other = files.parent / "elsewhere"
    (other / "b").mkdir(parents=True)
    (other / "b" / "x").write_text("x")

    await pushed(ways, remote, commit(directory="b"), other)
    await pushed(ways, remote, commit(branch="wip/one", directory="b"), other)

    assert reader(repositories).split() == ["b/x", "export/README.md"]
    assert reader(repositories, "wip/one").split() == ["b/x"]


async def test_systems_that_cannot_bound_what_git_writes_push_as_well(
    repositories, files, monkeypatch
):
    monkeypatch.delattr("resource.prlimit")
    ways = GitRepositories(GuardedWeb(), str(repositories))

    await pushed(ways, Remote(url=f"file://{repositories}/plant.git"), commit(), files)

    assert reader(repositories) == "export/README.md\n"


async def test_wrong_secrets_are_refused_and_never_told(served, files):
    ways = GitRepositories(GuardedWeb(LOOPBACK), allows_http=True)
    remote = Remote(url=f"{served}/plant.git", username="me", secret="wrong-secret-9")

    with pytest.raises(Invalid) as refused:
        await pushed(ways, remote, commit(), files)

    said = refused.value.message
    assert "cannot be used" in said
    assert "wrong-secret-9" not in said
    assert base64.b64encode(b"me:wrong-secret-9").decode() not in said


async def test_no_redirect_is_followed(served, files):
    ways = GitRepositories(GuardedWeb(LOOPBACK), allows_http=True)

    with pytest.raises(Invalid):
        await pushed(
            ways, Remote(url=f"{served}/moved", username="me", secret=PASSWORD), commit(), files
        )


@pytest.mark.parametrize(
    "url",
    [
        "ext::sh -c touch% /tmp/pwned",
        "--upload-pack=touch /tmp/pwned",
        "-oProxyCommand=touch",
        "ssh://-oProxyCommand=touch/x",
        "ssh://-luser@example.com/x",
        "git://127.0.0.1/x",
        "http://127.0.0.1/x",
        "https://127.0.0.1/x",
        "https://[::1]/x",
        "https://localhost:9418/x",
        "https://169.254.169.254/latest",
        "https://me:secret@example.com/x",
        "https://example.com/x?y#z",
        "https://example.com:99999/x",
        "https:///x",
        "file:///etc",
        "file:///",
        "file://host/etc",
        "/etc/passwd",
        "../x",
        "git@127.0.0.1:x.git",
        "",
        "https://exa mple.com/\n",
    ],
)
async def test_addresses_that_lead_elsewhere_are_refused(url, repositories, files):
    ways = GitRepositories(GuardedWeb(), str(repositories))

    for is_key in (False, True):
        remote = Remote(url=url, secret="key", is_key=is_key)
        with pytest.raises(Invalid):
            await pushed(ways, remote, commit(), files)


async def test_folders_are_refused_unless_they_are_allowed(repositories, files):
    remote = Remote(url=f"file://{repositories}/plant.git")

    with pytest.raises(Invalid, match="must begin with"):
        await pushed(GitRepositories(GuardedWeb()), remote, commit(), files)
    (repositories / "link.git").symlink_to("/")
    ways = GitRepositories(GuardedWeb(), str(repositories))
    with pytest.raises(Invalid):
        await pushed(ways, Remote(url=f"file://{repositories}/link.git"), commit(), files)


@pytest.mark.parametrize(
    "what",
    [
        commit(branch="-x"),
        commit(branch="--force"),
        commit(branch="a..b"),
        commit(branch="a:b"),
        commit(branch="a b"),
        commit(branch="a.lock"),
        commit(branch="/a"),
        commit(branch="+main"),
        commit(branch="refs/../x"),
        commit(directory=".."),
        commit(directory="a/../b"),
        commit(directory=".git/hooks"),
        commit(directory="a/.GIT"),
        commit(directory="-x"),
        commit(directory=":(top)"),
        commit(name="a\nb"),
        commit(email="<x>"),
    ],
)
async def test_names_that_git_would_take_for_something_else_are_refused(what, repositories, files):
    ways = GitRepositories(GuardedWeb(), str(repositories))
    remote = Remote(url=f"file://{repositories}/plant.git")

    with pytest.raises(Invalid, match="cannot be one"):
        await pushed(ways, remote, what, files)


async def test_hooks_and_settings_of_the_machine_are_not_run(
    repositories, files, tmp_path, monkeypatch
):
    evil = tmp_path / "evil"
    (evil / "hooks").mkdir(parents=True)
    hook = evil / "hooks" / "pre-push"
    hook.write_text(f"#!/bin/sh\ntouch {evil}/pwned\n")
    hook.chmod(0o755)
    (evil / ".gitconfig").write_text(f"[core]\n\thooksPath = {evil}/hooks\n")
    monkeypatch.setenv("HOME", str(evil))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(evil / ".gitconfig"))

    ways = GitRepositories(GuardedWeb(), str(repositories))
    await pushed(ways, Remote(url=f"file://{repositories}/plant.git"), commit(), files)

    assert not (evil / "pwned").exists()


async def fetched(ways: GitRepositories, remote: Remote, files: Path, **place: str) -> list[str]:
    """Fetch with a folder of its own and return the names of what came."""
    folder = files.parent / f"fetch-{len(list(files.parent.iterdir()))}"
    folder.mkdir()
    where = Place(**{"branch": "main", "directory": "export", **place})
    await ways.fetch(remote, where, str(folder), str(folder / "bundle.zip"))
    with zipfile.ZipFile(folder / "bundle.zip") as found:
        return found.namelist()


async def test_what_was_pushed_is_fetched_again_over_http(served, files):
    ways = GitRepositories(GuardedWeb(LOOPBACK), allows_http=True)
    remote = Remote(url=f"{served}/plant.git", username="me", secret=PASSWORD)
    await pushed(ways, remote, commit(), files)

    assert await fetched(ways, remote, files) == ["README.md"]
    assert await fetched(ways, remote, files, directory="") == ["export/", "export/README.md"]
    with pytest.raises(Invalid, match="no branch"):
        await fetched(ways, remote, files, branch="other")
    with pytest.raises(Invalid, match="cannot be used"):
        await fetched(ways, remote, files, directory="missing")
    with pytest.raises(Invalid, match="directory"):
        await fetched(ways, remote, files, directory="a/../..")


async def test_a_repository_that_never_ends_fills_no_disk(repositories, files, monkeypatch):
    ways = GitRepositories(GuardedWeb(), str(repositories))
    remote = Remote(url=f"file://{repositories}/plant.git")
    (files / "export" / "noise").write_bytes(os.urandom(3_000_000))
    await pushed(ways, remote, commit(), files)
    monkeypatch.setattr("drover.workers.git._LARGEST", 1_000_000)

    with pytest.raises(Invalid, match="cannot be used"):
        await fetched(ways, remote, files)


async def test_a_repository_that_names_the_same_file_again_and_again_fills_no_disk(
    repositories, files
):
    place = repositories / "plant.git"
    noise = files / "noise"
    noise.write_bytes(os.urandom(1000))
    at = git("-C", str(place), "hash-object", "-w", str(noise)).strip()
    line = f"100644 blob {at}"
    for _ in range(4):
        listed = "".join(f"{line}\t{number}\n" for number in range(10))
        line = f"040000 tree {tree_of(place, listed)}"
    made = git("-C", str(place), *AUTHOR, "commit-tree", line.split()[2], "-m", "x").strip()
    git("-C", str(place), "update-ref", "refs/heads/main", made)
    remote = Remote(url=f"file://{place}")
    narrow = GitRepositories(GuardedWeb(), str(repositories), most_bytes=1_000_000)

    with pytest.raises(Invalid, match="holds has more than 1000000 bytes"):
        await fetched(narrow, remote, files, directory="")
    ways = GitRepositories(GuardedWeb(), str(repositories))
    assert len(await fetched(ways, remote, files, directory="0/1/2")) == 10


async def test_a_server_without_git_says_so(files, monkeypatch):
    monkeypatch.setattr("shutil.which", lambda _name: None)

    with pytest.raises(Invalid, match="need the program git"):
        await pushed(GitRepositories(GuardedWeb()), Remote(url="x"), commit(), files)


async def test_a_key_that_opens_nothing_is_refused(files):
    ways = GitRepositories(GuardedWeb(LOOPBACK))
    for url in ("ssh://git@127.0.0.1:1/x.git", "git@127.0.0.1:x.git"):
        with pytest.raises(Invalid, match="cannot be used"):
            await pushed(ways, Remote(url=url, secret="no key", is_key=True), commit(), files)
        with pytest.raises(Invalid, match="of type ssh-key"):
            await pushed(ways, Remote(url=url, secret="password"), commit(), files)
