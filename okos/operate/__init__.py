"""What the command line and the dashboard share: reading how Okos does, and changing it with a trail.

desk.py        every change an operator makes, each written into the audit log
overview.py    how it does, in one reading
gateway.py     the gateway, as it shows in the store
health.py      whether a message that is sent now is handled: by sending one
prometheus.py  the figures, in Prometheus' form
story.py       what has become of a message, and of its answer
text.py        a message with or without what its user wrote

Rule: nothing here knows who asks, a terminal or a browser.
"""
