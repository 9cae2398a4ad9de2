"""The gateway: the only process that talks to Telegram.

It publishes what arrives, in the order of the wire, and delivers what the outbox holds. Rule: only this package
imports pyrogram, and it imports no handler. Its halves meet in four things alone: the client (`client.py`), the
address that travels with an envelope (`address.py`), the outbox queue, and the calls that `gateway.py` makes.
"""
