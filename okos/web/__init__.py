"""The web: a dashboard to look at a running Okos and to act on it, and a page to talk to it.

serve.py      the process: a socket, a server, an end
app.py        the routes; guard.py what every request passes: session, CSRF, headers; host.py: by which name
access.py     tokens, roles, signed cookies, and how often somebody may try
action.py     what an operator can do, one entry each: its question, its deed
overview.py, mailbox.py, letters.py, message.py, schedule.py    what a page shows
live.py       one reading a second for all who look
chat.py       people side by side, by the local channel
words.py      numbers, times and states, as a person reads them

Only reads and the operator's calls of the engine: it holds no state that a restart would lose but open chats.
"""
