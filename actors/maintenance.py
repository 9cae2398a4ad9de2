"""Maintenance, sent by the scheduler. The engine also heals itself without; this makes sure of it."""

from okos.assistant import maintains
from okos.mailbox import MailboxBroker


@maintains("sweep")
def sweep(broker: MailboxBroker) -> None:
    """Give back what stalled: messages whose worker shows no sign of life."""
    broker.sweep()


@maintains("prune")
def prune(broker: MailboxBroker) -> None:
    """Delete the history that is older, or more, than what is to be kept."""
    broker.prune()
