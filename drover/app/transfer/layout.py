"""Where things lie in a bundle: a list of a kind, or a file for each of its resources."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Any, Final

from drover.model.errors import Invalid

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from drover.model.kind import Kind, Parted

APPLICATION: Final = "application.yaml"
README: Final = "README.md"
YAML: Final = ".yaml"
ROWS: Final = ".csv"

EARLIER: Final[Mapping[str, str]] = {"experienceView": "experience/develop/views/{name}.yaml"}
"""Where kinds, by their names, lay before they lay where they do: a file for each."""

_LONGEST_NAME: Final = 100
_MOST_BYTES: Final = 200
"""What file systems take is 255 bytes, with the number and the ending."""
_UNFIT: Final = re.compile(r"[^\w.-]|^\.|\.\Z")
_RESERVED: Final = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\.|\Z)", re.IGNORECASE)
"""Names that some systems take for devices."""
_EARLIER_UNFIT: Final = re.compile(r"[^\w.-]|^\.")


def bundled(kinds: Iterable[Kind[Any]]) -> list[Kind[Any]]:
    """Return the kinds that bundles hold, in the order of their places."""
    return sorted((kind for kind in kinds if kind.bundled_in), key=place_of)


def place_of(kind: Kind[Any]) -> str:
    """Return where a kind lies: the path of its list, or of each file with a field in braces."""
    return kind.bundled_in


def is_listed(kind: Kind[Any]) -> bool:
    """Tell whether the resources of a kind stand in lists, not in a file each."""
    return kind.parted is not None or "{" not in place_of(kind)


def lists_of(kind: Kind[Any]) -> dict[str, str | None]:
    """Return the paths of a listed kind, each with the value by which its list is parted."""
    place = place_of(kind)
    if kind.parted is None:
        return {place: None}
    return {place.replace(f"{{{kind.parted.by}}}", value): value for value in kind.parted.values}


class Paths:
    """Gives each resource a file of its own; names that are alike are numbered."""

    def __init__(self, place: str, fit: Callable[[str], str] | None = None) -> None:
        """Give files at a place with a field in braces: ``workflows/{name}.yaml``."""
        self._fit = fit or _fitting
        self._before, _, rest = place.partition("{")
        self._field, _, self._after = rest.partition("}")
        self._taken: set[str] = set()

    def new(self, document: Mapping[str, Any]) -> str:
        """Return the path of the next resource."""
        name = self._fit(str(document.get(self._field, "")))
        if self._after.startswith("/") and name.lower().endswith(YAML):
            name += "_"  # a folder, which must not be called what a file beside it is
        path, number = f"{self._before}{name}", 1
        while alike(path) in self._taken:
            number += 1
            path = f"{self._before}{name}_{number}"
        self._taken.add(alike(path))
        return path + self._after


def _fitting(text: str) -> str:
    """Return what a file can be called everywhere that is to tell of a text."""
    name = _UNFIT.sub("_", text[:_LONGEST_NAME])
    name = name.encode()[:_MOST_BYTES].decode("utf-8", "ignore")
    return f"_{name}" if not name or _RESERVED.match(name) else name


def _fitting_earlier(text: str) -> str:
    """Return what files were called before their names were made to fit everywhere."""
    return _EARLIER_UNFIT.sub("_", text)[:_LONGEST_NAME] or "_"


def alike(path: str) -> str:
    """Return what is the same for paths that only some readers tell apart."""
    return unicodedata.normalize("NFC", path).casefold()


def files_of(kind: Kind[Any], names: Iterable[str]) -> Sequence[str]:
    """Return the files of a bundle that hold resources of a kind, in the order of their names."""
    if is_listed(kind):
        known = set(names)
        return [path for path in lists_of(kind) if path in known]
    return _matching(place_of(kind), names)


def earlier_files_of(kind: Kind[Any], names: Iterable[str]) -> Sequence[str]:
    """Return the files of a bundle that hold a resource of a kind each, where such lay before."""
    return _matching(EARLIER[kind.one], names) if kind.one in EARLIER else []


def _matching(place: str, names: Iterable[str]) -> Sequence[str]:
    before, _, rest = place.partition("{")
    after = rest.partition("}")[2]
    found = [name for name in names if name.startswith(before) and name.endswith(after)]
    return sorted(name for name in found if "/" not in name[len(before) : -len(after)])


def texts_beside(path: str, parted: Parted, fit: Callable[[str], str] | None = None) -> Paths:
    """Return the files of the texts that lie beside the list at a path, in its order."""
    return Paths(f"{path.removesuffix(YAML)}/{{name}}{parted.ending}", fit)


def texts_found(
    path: str, parted: Parted, listed: Sequence[Mapping[str, Any]], names: Collection[str]
) -> Sequence[str]:
    """Return the files of the texts of the resources in a list, as its bundle calls them.

    Bundles made earlier call some of them otherwise; one way or the other holds for all of a list.
    """
    ways = [texts_beside(path, parted, fit) for fit in (_fitting, _fitting_earlier)]
    found = [[files.new(each) for each in listed] for files in ways]
    return max(found, key=lambda places: sum(place in names for place in places))


def rows_beside(path: str) -> str:
    """Return the path of the rows of the data table at a path."""
    return beside(path, ROWS)


def beside(path: str, ending: str) -> str:
    """Return the path of what lies beside the resource at a path."""
    return path.removesuffix(YAML) + ending


def names_of(kinds: Iterable[Kind[Any]]) -> tuple[str, ...]:
    """Return all that an import can be told to bring in, in order."""
    return tuple(sorted({*(kind.exported_as or "" for kind in kinds), *OTHERS}))


def check_include(names: Sequence[str], known: Collection[str]) -> None:
    """Raise Invalid for a name that is not among those known, or stands twice."""
    unknown = sorted(set(names) - set(known))
    if unknown:
        raise Invalid(f"There is no {unknown[0][:80]} to import at `include`", field="include")
    if len(set(names)) < len(names):
        raise Invalid("Each name may stand once at `include`", field="include")


DEVELOP_CONFIG: Final = "ExperienceDevelopConfig"
EXPERIENCE_FLOW_VERSION: Final = "ExperienceFlowVersion"
OTHERS: Final = ("DataTableRow", "Global", DEVELOP_CONFIG, EXPERIENCE_FLOW_VERSION)
"""What an import can be told to bring in that is no kind, or some resources of one."""
