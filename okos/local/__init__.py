"""The local channel: what `okos ask` and `okos chat` talk through, and where the demo's users live.

question.py   what a person asks, checked
reach.py      the Okos to ask: one that runs, else a private one
channel.py    the way there and back
asking.py     one question, one answer
relay.py      a chat read from a pipe; pending.py says what is still to be answered
received.py   a file that comes with an answer
talk.py       a chat on a terminal; keyboard.py reads it while an answer grows
"""
