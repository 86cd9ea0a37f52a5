import pytest
from hypothesis import given
from hypothesis import strategies as st

from drover.model.topics import (
    LONGEST_ROOT,
    MOST_ROOTS,
    DeviceTopic,
    below,
    command_topic,
    device_filter,
    device_topic,
    fits,
    free_root,
    free_roots,
    is_filter,
    is_reserved,
    is_topic,
    state_topic,
)
from drover.mqtt.accounts import Keyring
from drover.mqtt.subjects import is_within, subjects_of, to_subject, to_topic
from drover.ports.bus import MOST_MESSAGE_BYTES

DEVICE = "5" * 24
LEVELS = st.text(alphabet="ab.-_é", max_size=4)


@pytest.mark.parametrize(
    ("text", "topic", "as_filter"),
    [
        ("a/b", True, True),
        ("/a", True, True),
        ("a//b", True, True),
        ("a/+/b", False, True),
        ("#", False, True),
        ("a/#", False, True),
        ("a/#/b", False, False),
        ("a+/b", False, False),
        ("", False, False),
        ("$SYS/a", False, False),
        ("a b", False, False),
        ("a/\0", False, False),
        ("a/*/b", False, False),
        ("a/>", False, False),
        ("x" * 1025, False, False),
    ],
)
def test_topics_and_filters_are_told_from_what_is_none(text, topic, as_filter):
    assert (is_topic(text), is_filter(text)) == (topic, as_filter)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (f"losant/{DEVICE}/state", DeviceTopic(DEVICE, "state")),
        (f"losant/{'A' * 24}/command", DeviceTopic("a" * 24, "command")),
        (f"losant/{DEVICE}/other", None),
        (f"losant/{DEVICE}", None),
        ("losant/x/state", None),
        (f"a/{DEVICE}/state", None),
    ],
)
def test_whose_a_topic_is_follows_from_its_levels(text, found):
    assert device_topic(text) == found


def test_a_devices_own_topics_are_its_own_and_reserved():
    assert device_topic(state_topic(DEVICE)) == DeviceTopic(DEVICE, "state")
    assert device_topic(command_topic(DEVICE)) == DeviceTopic(DEVICE, "command")
    assert is_reserved(state_topic(DEVICE))


@pytest.mark.parametrize(
    ("topic_filter", "root"),
    [
        ("a/b", "a"),
        ("a", "a"),
        ("+/a", None),
        ("#", None),
        ("/a", None),
        ("losantx/a", None),
        ("*/a", None),
        (">", None),
        (">/a", None),
        ("my topic/#", None),
        ("a\x01b/c", None),
        ("a\x7f/c", None),
        ("a+/b", None),
    ],
)
def test_a_free_filter_begins_with_a_level_of_its_own(topic_filter, root):
    assert free_root(topic_filter) == root


def test_first_levels_of_filters_are_each_taken_once_and_not_without_end():
    assert free_roots(["a/b", "a/#", "+/c", "#", "losant/x", "$SYS/x", "_INBOX/x", "d"]) == {
        "a",
        "d",
    }
    assert len(free_roots(f"{number:04}/x" for number in range(MOST_ROOTS + 1))) == MOST_ROOTS


@pytest.mark.parametrize("sign", [".", '"', "é", "😀"])
@pytest.mark.parametrize("length", [30, LONGEST_ROOT // 4, LONGEST_ROOT, LONGEST_ROOT + 1, 1024])
def test_the_broker_can_be_told_of_all_first_levels_at_once(sign, length):
    filters = [f"{number:04}{sign * (length - 4)}/#" for number in range(2 * MOST_ROOTS)]

    claims = Keyring(b"secret", tells_reporters=True).application_claims(
        "a" * 24, free_roots(filters)
    )

    assert len(claims) < MOST_MESSAGE_BYTES


def test_a_first_level_of_the_greatest_length_is_taken_and_a_longer_one_is_not():
    longest = "a" * LONGEST_ROOT
    assert free_roots([longest, f"{longest}b/c", "d"]) == {longest, "d"}


@pytest.mark.parametrize(
    ("topic_filter", "found"),
    [
        ("#", ["a", "a/#", "b", "b/#"]),
        ("+", ["a", "b"]),
        ("+/c/#", ["a/c/#", "b/c/#"]),
        ("c/+", ["c/+"]),
        ("losant/x", []),
        ("", []),
    ],
)
def test_what_a_filter_takes_of_free_topics_begins_with_their_first_levels(topic_filter, found):
    assert below(topic_filter, ["a", "b"]) == found


@given(st.lists(LEVELS, min_size=1, max_size=5).map("/".join))
def test_a_topic_comes_back_from_its_subject(topic):
    assert to_topic(to_subject(topic)) == topic
    assert " " not in to_subject(topic)


@pytest.mark.parametrize(
    ("topic_filter", "subjects"),
    [
        ("a/+/b", ["a.*.b"]),
        ("a/#", ["a.>", "a"]),
        ("#", [">"]),
        ("/a", ["/.a"]),
        ("a//b/", ["a./.b./"]),
        ("v1.2/a", ["v1//2.a"]),
    ],
)
def test_filters_become_the_brokers_subjects(topic_filter, subjects):
    assert list(subjects_of(topic_filter)) == subjects


FILTERS = st.lists(st.sampled_from(["a", "b", "", "+", "v1.2"]), min_size=1, max_size=4)
TOPICS = st.lists(st.sampled_from(["a", "b", "", "v1.2"]), min_size=1, max_size=4).map("/".join)


@given(FILTERS.flatmap(lambda levels: st.sampled_from([levels, [*levels, "#"], ["#"]])), TOPICS)
def test_a_topic_fits_a_filter_where_the_brokers_subjects_say_so(levels, topic):
    topic_filter = "/".join(levels)

    taken = any(is_within(to_subject(topic), each) for each in subjects_of(topic_filter))

    assert fits(topic_filter, topic) == taken


@pytest.mark.parametrize(
    ("inner", "outer", "within"),
    [
        ("a.*", "a.*", True),
        ("a.*", "a.>", True),
        ("a.>", "a.*", False),
        ("a.>", "a.*.b", False),
        ("*.b", "a.b", False),
        ("a", "a.>", False),
        ("a.b", "a", False),
        (">", "*", False),
    ],
)
def test_a_subject_is_within_another_that_takes_all_of_it(inner, outer, within):
    assert is_within(inner, outer) is within


def test_one_filter_stands_for_all_topics_of_a_device():
    (subject,) = subjects_of(device_filter(DEVICE))

    assert subject == to_subject(state_topic(DEVICE)).replace("state", "*")
    assert subject == to_subject(command_topic(DEVICE)).replace("command", "*")
