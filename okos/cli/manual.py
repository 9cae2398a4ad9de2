"""What `--help` says of a command besides its own text: under which heading it is listed, and examples.

The first sentence of a command's docstring is its line in the list; what it exits with comes after that.
"""

from __future__ import annotations

#: Headings of the list, in their order, and what stands under each; any other command stands under the last but one.
PANELS = {
    "Begin here": ("up", "ask", "chat", "demo", "init"),
    "See how it does": ("status", "doctor", "health", "top", "users", "mailbox", "message", "failed", "audit"),
    "Step in": ("requeue", "cancel", "pause", "resume", "limits", "discard", "privacy", "drain"),
    "More": ("config", "acl"),
    "Parts, which okos up runs for you": ("gateway", "scheduler", "web"),
}

EXAMPLES = {
    "ask": (
        'okos ask "What is the capital of Peru?"',
        'okos ask --photo holiday.jpg "Where is this?"',
        "git diff | okos ask - --user reviewer",
    ),
    "chat": ("okos chat", "printf 'hello\\nhow are you?\\n' | okos chat --user ann"),
    "demo": ("okos demo", "okos demo --users 50 --messages 20 --json"),
    "init": ("okos init my-assistant",),
    "top": ("okos top", "okos top --once --json"),
    "users": ("okos users", "okos users --contains telegram: --limit 5"),
    "mailbox": ("okos mailbox local:1",),
    "failed": ("okos failed --since 2h", "okos failed --group", "okos failed --mailbox local:1 --texts"),
    "requeue": ("okos requeue --error APITimeoutError", "okos requeue --mailbox local:1", "okos requeue --all --yes"),
    "cancel": ("okos cancel --mailbox local:1",),
    "pause": ("okos pause local:1", "okos pause --yes"),
    "resume": ("okos resume local:1", "okos resume"),
    "privacy": ("okos privacy telegram:42 --texts --json", "okos privacy telegram:42 --erase"),
    "health": ("okos health worker",),
    "acl": ("okos acl", "okos acl --file users.acl --watcher watcher-password"),
    "message": ("okos message 0f2b6c1d", "okos message 0f2b6c1d --texts --json"),
    "discard": ("okos discard --error ValueError", "okos discard --since 7d --yes"),
    "limits": ("okos limits show", "okos limits set local:1 --jobs-per-second 0.1", "okos limits export > limits.json"),
    "limits show": ("okos limits show", "okos limits show --json"),
    "limits set": ("okos limits set telegram:42 --jobs-per-second 0.2 --burst 3", "okos limits set telegram:42"),
    "limits export": ("okos limits export > limits.json",),
    "limits import": ("okos limits import limits.json", "okos limits import limits.json --replace --yes"),
    "audit": ("okos audit --json",),
    "config": ("okos config show", "okos config check"),
    "config show": ("okos config show", "okos config show --json"),
    "config check": ("okos config check",),
    "config export": ("okos config export > okos.toml",),
    "drain": ("okos drain --timeout 60",),
    "web": ("okos web --port 9000",),
    "gateway": ("okos gateway --standby",),
}

#: Below the list of all commands.
WHERE_TO_BEGIN = """
**Where to begin:** `okos demo` shows it at work, `okos up` runs it, `okos chat` talks to it, `okos doctor` says what is
wrong.

**A user** is named by channel and chat, as `okos users` shows: `local:1`, `telegram:42`.

**Exit codes:** 0, done; 1, it could not be done, and one line says why; 2, written wrongly, or it wants `--yes`; 3, the
answer is no: nothing found, nothing changed, not in time.
"""


def panel_of(name: str) -> str:
    """Say under which heading a command is listed."""
    return next((panel for panel, names in PANELS.items() if name in names), "More")


def epilog_of(name: str) -> str | None:
    """Show examples below a command's help; None if it needs none."""
    examples = EXAMPLES.get(name)
    return "**Examples:**\n\n" + "\n\n".join(f"`{one}`" for one in examples) if examples else None
