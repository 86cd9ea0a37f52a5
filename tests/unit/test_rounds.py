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
    tasks = await begun(oracle, rounds, *(f"q{n}" for n in range(MOST + 5)))

    freely(oracle)
    answers = await asyncio.gather(*tasks)

    assert answers == [f"Q{n}" for n in range(MOST + 5)]
    assert [len(each) for each in oracle.asked] == [1, 1, MOST, 3]


async def test_a_question_that_cannot_be_answered_spoils_no_other():
    oracle = Oracle()
    rounds = Rounds(oracle.answer)
    tasks = await begun(oracle, rounds, "x", "y", "a", "bad", "b")

    freely(oracle)
    answers = await asyncio.gather(*tasks, return_exceptions=True)

    assert [str(each) for each in answers] == ["X", "Y", "A", "a bad question", "B"]


async def test_where_nobody_is_to_be_asked_all_are_told_so_at_once():
    oracle = Oracle()
    rounds = Rounds(oracle.answer)
    tasks = await begun(oracle, rounds, "x", "y", "a", "away", "b")

    freely(oracle)
    answers = await asyncio.gather(*tasks, return_exceptions=True)

    assert [str(each) for each in answers] == ["X", "Y", *["nobody is there"] * 3]
    assert len(oracle.asked) == 3


async def test_who_comes_alone_is_told_why_there_is_no_answer():
    oracle = Oracle()
    freely(oracle)
    rounds = Rounds(oracle.answer)

    with pytest.raises(LookupError, match="a bad question"):
        await rounds.ask("bad")

    assert await rounds.ask("a") == "A"


@pytest.mark.parametrize("question", ["d", "bad"])
async def test_who_leaves_during_a_round_disturbs_nobody_else_in_it(question):
    oracle = Oracle()
    rounds = Rounds(oracle.answer)
    alone = await begun(oracle, rounds, "x", "y")
    together = await begun(oracle, rounds, "c", question)
    oracle.go.release()
    await alone[0]
    for _ in range(5):
        await asyncio.sleep(0)
    assert oracle.asked[-1] == ["c", question]
    together[1].cancel()
    await asyncio.wait([together[1]])

    freely(oracle)

    assert await together[0] == "C"


async def test_who_has_left_is_not_asked_for_and_those_behind_are():
    oracle = Oracle()
    rounds = Rounds(oracle.answer)
    first = await begun(oracle, rounds, "x", "y")
    gone = await begun(oracle, rounds, *["gone"] * MOST)
    behind = await begun(oracle, rounds, "b")
    for task in (first[0], *gone):
        task.cancel()
    await asyncio.wait([first[0], *gone])

    freely(oracle)

    assert await behind[0] == "B"
    assert oracle.asked == [["x"], ["y"], ["b"]]


async def test_who_asks_at_the_moment_at_which_all_rounds_end_is_answered():
    async def at_once(questions):
        return questions

    rounds = Rounds(at_once)

    async def again_and_again():
        return [await rounds.ask(number) for number in range(20)]

    async with asyncio.timeout(60):
        answers = await asyncio.gather(*(again_and_again() for _ in range(AT_ONCE * 3)))

    assert answers == [list(range(20))] * AT_ONCE * 3
