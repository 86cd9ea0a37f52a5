"""Questions that come at the same time share a round; no answer is older than its question."""

import asyncio

import pytest

from drover.engine.rounds import AT_ONCE, MOST, Rounds
from drover.model.errors import Unavailable


class Oracle:
    """Answers when it is told to; notes what each round asked."""

    def __init__(self):
        self.asked = []
        self.go = asyncio.Semaphore(0)

    async def answer(self, questions):
        self.asked.append(list(questions))
        await self.go.acquire()
        if "away" in questions:
            raise Unavailable("nobody is there")
        if "bad" in questions:
            raise LookupError("a bad question")
        return [each.upper() for each in questions]


async def begun(oracle, rounds, *questions):
    tasks = [asyncio.create_task(rounds.ask(each)) for each in questions]
    for _ in range(5):
        await asyncio.sleep(0)
    return tasks


def freely(oracle):
    for _ in range(1000):
        oracle.go.release()


async def test_who_comes_alone_is_asked_for_alone_and_at_once():
    oracle = Oracle()
    freely(oracle)

    assert await Rounds(oracle.answer).ask("a") == "A"
    assert oracle.asked == [["a"]]


async def test_who_comes_while_rounds_are_under_way_shares_the_next():
    oracle = Oracle()
    rounds = Rounds(oracle.answer)
    first = await begun(oracle, rounds, "a")
    second = await begun(oracle, rounds, "b")
    later = await begun(oracle, rounds, "c", "d", "e")
    assert oracle.asked == [["a"], ["b"]]
    assert AT_ONCE == 2

    freely(oracle)

    assert await asyncio.gather(*first, *second, *later) == ["A", "B", "C", "D", "E"]
    assert oracle.asked == [["a"], ["b"], ["c", "d", "e"]]


async def test_a_round_takes_no_more_questions_than_it_may():
    oracle = Oracle()
    rounds = Rounds(oracle.answer)
    tasks = await begun(oracle, rounds, *(f"q{n}" for n in range(MOST + 3)))

    freely(oracle)
    answers = await asyncio.gather(*tasks)

    assert answers == [f"Q{n}" for n in range(MOST + 3)]
    assert [len(each) for each in oracle.asked] == [MOST, 3]


async def test_a_question_that_cannot_be_answered_spoils_no_other():
    oracle = Oracle()
    freely(oracle)
    rounds = Rounds(oracle.answer)

    answers = await asyncio.gather(
        *(rounds.ask(each) for each in ("a", "bad", "b")), return_exceptions=True
    )

    assert [str(each) for each in answers] == ["A", "a bad question", "B"]


async def test_where_nobody_is_to_be_asked_all_are_told_so_at_once():
    oracle = Oracle()
    freely(oracle)
    rounds = Rounds(oracle.answer)

    answers = await asyncio.gather(
        *(rounds.ask(each) for each in ("a", "away", "b")), return_exceptions=True
    )

    assert {str(each) for each in answers} == {"nobody is there"}
    assert len(oracle.asked) == 1


@pytest.mark.parametrize("question", ["c", "bad"])
async def test_who_has_left_is_not_asked_for_and_disturbs_nobody(question):
    oracle = Oracle()
    rounds = Rounds(oracle.answer)
    under_way = await begun(oracle, rounds, "a", question)
    await begun(oracle, rounds, "b")
    waiting = await begun(oracle, rounds, "gone")
    for task in (*under_way, *waiting):
        task.cancel()
    await asyncio.wait([*under_way, *waiting])

    freely(oracle)

    assert await rounds.ask("d") == "D"
    assert ["gone"] not in oracle.asked
