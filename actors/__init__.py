"""The handlers: what this assistant does with each kind of message. Read them, copy them, change them.

A handler is an `async def` that is marked with the kinds it is for and is given a `Turn`: the message
(`turn.text`, `turn.files`, `turn.envelope`), the model (`turn.model`), what was said so far (`turn.conversation`),
`turn.reply(…)` and `turn.reply_file(…)`. It keeps nothing itself, for it may run again after a failure: what it
replies is sent, and remembered, once it has returned.

Every module here is loaded when a worker starts; `make dev` loads them again whenever one changes.
"""
