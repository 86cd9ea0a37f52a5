"""Whatever is written as a query of the inventory is read, or refused at a place within it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from drover.query.digi import BadQuery, parse
from drover.query.digi.fields import FIELDS

WORDS = [
    *FIELDS, "and", "or", "not", "(", ")", "=", "<>", "<", "<=", ">", ">=", "startsWith", "endsWith",
    "contains", "empty", "true", "'a'", "''", "'it''s'", "'connected'", "'/a/b'", "\u2018x\u2019", "7", "-1h",
    "0x1f", "3.5", "'2026-01-01'", "like", '"', "'",
]  # fmt: skip


@given(st.one_of(st.text(), st.lists(st.sampled_from(WORDS), max_size=12).map(" ".join)))
def test_any_text_is_a_query_or_has_a_fault_within_it(text: str):
    fault = _fault(text)

    assert fault is None or 0 <= fault.position <= len(text)


def _fault(text: str) -> BadQuery | None:
    try:
        parse(text, 0)
    except BadQuery as fault:
        return fault
    return None


@given(
    st.text(alphabet=st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1)
)
def test_any_text_can_be_asked_for_by_doubling_its_quotes(text: str):
    node = parse("name = '" + text.replace("'", "''") + "'", 0)

    assert node.value == text  # type: ignore[union-attr]
