"""Okos: a Telegram AI assistant built as an actor-model message processor.

Every user has a mailbox; one message of a mailbox is handled at a time, any number of mailboxes at once.
The engine is `okos.mailbox`; the policies are `okos.middleware`; the rest is the assistant and its operation.
"""
