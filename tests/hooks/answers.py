"""What the stories share: a hook with given answers, and short words for feeding and asking."""

from account_lifecycle import Engine, HookCall
from account_lifecycle.testing import Clock
from builders import webhook


class Answering:
    """A hook that gives one answer after the other, and the last one for good. An exception is raised."""

    def __init__(self, *answers: object) -> None:
        self.answers = list(answers)
        self.calls: list[HookCall] = []

    def __call__(self, call: HookCall) -> object:
        self.calls.append(call)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, BaseException):
            raise answer.with_traceback(None)
        return answer

    @property
    def heard(self) -> list[tuple[str, int]]:
        """Which events it was called for, by account and sequence."""
        return [(call.account_id, call.sequence) for call in self.calls]


def states(engine: Engine) -> list[str]:
    """Where every delivery stands, in the order in which they were made."""
    return [str(record.state) for record in engine.deliveries()]


def feed(engine: Engine, *words: str, account_id: str = "a") -> None:
    """Feed announcements of one account."""
    for word in words:
        engine.feed_event(webhook(account_id, word))


def run_for_a_day(engine: Engine, clock: Clock) -> None:
    """Run hooks again and again, with more time in between than any backoff takes."""
    for _ in range(40):
        engine.run_hooks()
        clock.tick(hours=7)
