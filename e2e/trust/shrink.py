"""A shorter conversation with the same end."""

from collections.abc import Callable, Iterator
from dataclasses import replace

from .talk import Conversation, Finding, Request

#: Each attempt starts an nginx, since a worker may remember what was said before.
ATTEMPTS = 120


def shrink(found: Finding, again: Callable[[Conversation], Finding | None]) -> Finding | None:
    """The shortest finding; None if it does not happen again."""
    left = ATTEMPTS
    # What was asked after it does not matter.
    shortest = again(first(found.conversation, len(found.heard)))
    better = shortest
    while shortest and better:
        better = None
        for candidate in smaller(first(shortest.conversation, len(shortest.heard))):
            left -= 1
            if left < 0:
                return shortest
            if better := again(candidate):
                shortest = better
                break
    return shortest


def first(conversation: Conversation, count: int) -> Conversation:
    return replace(conversation, steps=conversation.steps[:count])


def smaller(conversation: Conversation) -> Iterator[Conversation]:
    """All that have something less, the most first."""
    steps = conversation.steps
    for index in range(len(steps)):
        yield replace(conversation, steps=steps[:index] + steps[index + 1 :])
    for index in range(len(conversation.names)):
        names = conversation.names
        yield replace(conversation, names=names[:index] + names[index + 1 :])
    if conversation.kind not in ("page", "guarded"):
        yield replace(conversation, kind="page")
    if any(step.page for step in steps):
        yield replace(conversation, steps=tuple(replace(step, page="") for step in steps))
    for index, step in enumerate(steps):
        for plainer in plain(step):
            yield replace(conversation, steps=(*steps[:index], plainer, *steps[index + 1 :]))


def plain(step: Request) -> Iterator[Request]:
    for index in range(len(step.fields)):
        yield step.without(index)
    usual = Request()
    for name in ("method", "host", "source", "absolute"):
        if getattr(step, name) != getattr(usual, name):
            yield replace(step, **{name: getattr(usual, name)})
