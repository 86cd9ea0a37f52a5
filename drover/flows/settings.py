"""Reading a node's config: every key compiled, every flaw collected with its place.

The same reading checks a workflow when it is saved and compiles it in a worker; so a rule about a
key is written once, in the node that has the key.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeVar

from drover.flows.language import (
    UNDEFINED,
    LanguageError,
    Path,
    compile_expression,
    compile_json_template,
    compile_path,
    compile_template,
    compile_value_template,
    compile_weighed,
    deep_copy,
)
from drover.flows.visit import Thrown, cost
from drover.model.errors import Flaw

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from drover.flows.actions import Write
    from drover.flows.visit import Visit

    Render = Callable[[Any], Any]

T = TypeVar("T")

_WORDS: Final = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")
_MISSING: Final = type(UNDEFINED)
_PLAIN: Final = re.compile(r"""[^.\[\]{}"'\s]+(\.[^.\[\]{}"'\s]+)*""")


@dataclass(slots=True)
class Report:
    """What a check found: flaws, required settings that are missing, and mere warnings."""

    flaws: list[Flaw] = field(default_factory=list)
    missing: list[Flaw] = field(default_factory=list)
    warnings: list[Flaw] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeFacts:
    """What a node may know of its own place: its id, label, ``meta`` and number of outputs.

    ``handlers`` are the names of the operator's functions, None where they are not to be checked.
    ``custom_nodes`` are the definitions of the custom nodes that may be used, None where a workflow
    is only checked; ``custom_node`` is the id of the one that the node is part of.
    """

    id: str
    type: str
    label: str
    meta: Mapping[str, Any]
    outputs: int = 0
    handlers: Collection[str] | None = None
    custom_nodes: Mapping[str, Any] | None = None
    custom_node: str = ""


class Settings:
    """The config of one node, or of one entry of a list within it."""

    def __init__(
        self, config: Mapping[str, Any], place: str, report: Report, facts: NodeFacts
    ) -> None:
        self.config = config
        self.facts = facts
        self.place = place
        self.report = report

    def holds(self, key: str) -> bool:
        """Tell whether a key has a value; null and the empty text count as none."""
        return self.config.get(key) not in (None, "")

    def word(self, key: str) -> str | None:
        """Return the text at a key as it is; None for anything else."""
        value = self.config.get(key)
        return value if isinstance(value, str) else None

    def flaw(self, key: str, message: str, *, missing: bool = False) -> None:
        """Report what is wrong with a key."""
        place = f"{self.place}/{key}" if key else self.place
        goal = self.report.missing if missing else self.report.flaws
        goal.append(Flaw(place, message))

    def template(
        self, key: str, *, required: bool = False, label: str | None = None, default: str = ""
    ) -> Callable[[Any], str]:
        """Compile a string template.

        One that is required throws when it renders to nothing.
        """
        source = self._text(key, required=required, label=label)
        render = self._compiled(key, compile_template, source or default)
        return _insisting(render, label or title(key)) if required else render

    def value(self, key: str, *, required: bool = False) -> Render:
        """Compile a value template: a lone reference keeps the type of its value."""
        source = self._text(key, required=required)
        return self._compiled(key, compile_value_template, source or "")

    def json(self, key: str, *, required: bool = False, label: str | None = None) -> Render:
        """Compile a JSON template; one that renders to nothing is undefined.

        One that is required throws then.
        """
        source = self._text(key, required=required, label=label)
        if not source:
            return _undefined
        render = self._compiled(key, compile_json_template, source)
        return _insisting_on_json(render, label or title(key)) if required else render

    def expression(self, key: str, *, required: bool = False) -> Render:
        """Compile an expression; one that is not set is undefined."""
        source = self._expression_text(key, required=required)
        return self._compiled(key, compile_expression, source) if source else _undefined

    def weighed_expression(self, key: str) -> Render:
        """Compile a required expression that is evaluated often; it tells its work, too."""
        source = self._expression_text(key, required=True)
        return self._compiled(key, compile_weighed, source or "false")

    def _expression_text(self, key: str, *, required: bool) -> str | None:
        source = self._text(key, required=required)
        if not source or source.strip():
            return source
        if required:
            self._lacking(key, None)
        return None

    def path(
        self, key: str, *, required: bool = False, default: str = "", label: str | None = None
    ) -> Path | None:
        """Compile a payload path; None when it is not set."""
        source = self._text(key, required=required, label=label) or default
        return self._compiled_path(key, source) if source else None

    def writer(
        self, key: str, *, required: bool = False, fresh: bool = False, default: str = ""
    ) -> Write | None:
        """Return what writes to the path at ``key``; None when the path is not set.

        ``fresh`` promises that nothing else holds what is written, so that it need not be copied.
        """
        path = self.path(key, required=required, default=default)
        return None if path is None else write_to(path, fresh=fresh)

    def literal(self, key: str, *, default: str = "", choices: Collection[str] = ()) -> str:
        """Return a text that is not rendered, if need be one of ``choices``."""
        text = self._text(key, required=False)
        if not text:
            return default
        if choices and text not in choices:
            self.flaw(key, f"{title(key)} must be one of {', '.join(sorted(choices))}")
            return default
        return text

    def flag(self, key: str, *, default: bool = False) -> bool:
        """Return a boolean."""
        return self._typed(key, bool, "true or false", default)

    def number(self, key: str, *, default: float | None = None) -> float | None:
        """Return a number; a boolean is none."""
        value = self.config.get(key)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            self.flaw(key, f"{title(key)} must be a number")
            return default
        return value

    def items(self, key: str, *, most: int, required: bool = False) -> list[Settings]:
        """Return the entries of a list of objects, each as Settings."""
        value: list[Any] = self._typed(key, list, "a list", [])
        if required and not value:
            self._lacking(key, None)
        if len(value) > most:
            self.flaw(key, f"{title(key)} may not have more than {most} entries")
        entries: list[Settings] = []
        for index, entry in enumerate(value[:most]):
            place = f"{self.place}/{key}/{index}"
            if isinstance(entry, Mapping):
                entries.append(Settings(entry, place, self.report, self.facts))
            else:
                self.flaw(f"{key}/{index}", "An entry must be an object")
        return entries

    def _typed(self, key: str, kind: type[T], words: str, default: T) -> T:
        value = self.config.get(key)
        if value is None:
            return default
        if not isinstance(value, kind):
            self.flaw(key, f"{title(key)} must be {words}")
            return default
        return value

    def _text(self, key: str, *, required: bool, label: str | None = None) -> str | None:
        text = self._typed(key, str, "text", "") if self.config.get(key) is not None else None
        if required and not text:
            self._lacking(key, label)
        return text

    def _lacking(self, key: str, label: str | None) -> None:
        self.flaw(key, f"{label or title(key)} is required", missing=True)

    def _compiled(self, key: str, compiler: Callable[[str], Render], source: str) -> Render:
        try:
            return compiler(source)
        except LanguageError as error:
            self.flaw(key, str(error))
            return _undefined

    def _compiled_path(self, key: str, source: str) -> Path | None:
        try:
            return compile_path(source)
        except LanguageError as error:
            self.flaw(key, str(error))
            return None


def title(key: str) -> str:
    """Return a config key as words: ``resultPath`` is ``Result path``."""
    words = _WORDS.findall(key.removesuffix("Template") or key)
    return " ".join(words).capitalize()


def _holder(payload: Any, way: Sequence[str]) -> Any:
    """Return what is at the end of ``way``, made where nothing is; or what is in the way."""
    for key in way:
        found = payload.get(key)
        if found is None:
            found = payload[key] = {}
        payload = found
        if payload.__class__ is not dict:
            break
    return payload


def write_to(path: Path, *, fresh: bool = False) -> Write:
    """Return what writes a value to ``path``: a copy of it, unless it is ``fresh``.

    It raises Thrown when the payload grows too large, and PathError where it cannot be written.
    """
    put = path.set
    *way, last = path.text.split(".") if _PLAIN.fullmatch(path.text) else ("",)
    copies = (_MISSING,) if fresh else (dict, list, _MISSING)

    def write(visit: Visit, value: Any) -> None:
        # A value that holds the place it goes to is copied before steps are made in it.
        holder = None if value.__class__ in copies else _holder(visit.payload, way)
        if not last or holder.__class__ is not dict:
            put(visit.payload, value)
        else:
            holder[last] = value
        visit.grew(cost(value))

    return write


def within(settings: Settings, key: str) -> Settings:
    """Return the settings of an object inside a config; an absent one is empty."""
    given = settings.config.get(key) or {}
    if not isinstance(given, Mapping):
        settings.flaw(key, f"{title(key)} must be an object")
        given = {}
    return Settings(given, f"{settings.place}/{key}", settings.report, settings.facts)


def templates_of(settings: Settings, key: str, *, most: int = 1000) -> list[Render]:
    """Compile a list of string templates."""
    texts = settings.config.get(key)
    if texts is None:
        return []
    if not isinstance(texts, list) or len(texts) > most:
        settings.flaw(key, f"{title(key)} must be a list of at most {most} texts")
        return []
    entries = {str(index): text for index, text in enumerate(texts)}
    within = Settings(entries, f"{settings.place}/{key}", settings.report, settings.facts)
    return [within.template(index) for index in entries]


def error_writer(settings: Settings) -> Write | None:
    """Return what writes an error to the payload, for nodes told to; None means throw."""
    behavior = settings.literal("errorBehavior", default="throw", choices=("throw", "payloadPath"))
    if behavior == "throw":
        return None
    return settings.writer("errorPath", required=True)


def copied(value: Any) -> Any:
    """Return a deep copy of a collection, and any other value as it is."""
    return deep_copy(value) if type(value) is dict or type(value) is list else value


def _insisting(render: Callable[[Any], str], label: str) -> Callable[[Any], str]:
    def rendered(payload: Any) -> str:
        text = render(payload)
        if not text:
            raise Thrown("Validation", f"{label} is required")
        return text

    return rendered


def _insisting_on_json(render: Render, label: str) -> Render:
    def rendered(payload: Any) -> Any:
        value = render(payload)
        if value is UNDEFINED:
            raise Thrown("Validation", f"{label} is required")
        return value

    return rendered


def _undefined(_payload: Any) -> Any:
    return UNDEFINED
