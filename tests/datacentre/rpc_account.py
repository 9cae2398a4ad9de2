"""Signing in, saying hello, and who one is."""

import time
from typing import Any

from . import render
from .calls import Call, Handler, RpcFailure
from .tl import TRUE, T, build, vector
from .world import HOME_DC, access_hash

_32_BITS = 0xFFFF_FFFF
_SELF = T.InputUserSelf.ID


def get_config(call: Call) -> Any:
    """Say where the data centres are."""
    return render.config(call.dc.host, call.dc.port, int(time.time()))


def get_nearest_dc(_: Call) -> Any:
    """Say that this is the nearest."""
    return T.NearestDc(country="XX", this_dc=HOME_DC, nearest_dc=HOME_DC)


def import_bot_authorization(call: Call) -> Any:
    """Sign a bot in with its token."""
    dc, query = call.dc, call.query
    if dc.api_id is not None and (query.api_id, query.api_hash) != (dc.api_id, dc.api_hash):
        raise RpcFailure(400, "API_ID_INVALID")
    number = dc.world.tokens.get(query.bot_auth_token)
    if number is None:
        raise RpcFailure(400, "ACCESS_TOKEN_INVALID")
    dc.world.logins[call.session.key_id] = number
    dc.record.add("sign_in")
    return build(T.auth.Authorization, user=render.user(dc.world.users[number], is_self=True))


def log_out(call: Call) -> Any:
    """Take the sign-in from the key."""
    del call.dc.world.logins[call.session.key_id]
    return build(T.auth.LoggedOut)


def export_authorization(call: Call) -> Any:
    """Give what another data centre takes as a sign-in."""
    ticket = call.dc.world.number()
    call.dc.tickets[ticket] = (call.bot_id, call.query.dc_id)
    return T.auth.ExportedAuthorization(id=ticket, bytes=ticket.to_bytes(8, "big"))


def import_authorization(call: Call) -> Any:
    """Sign a second key in, for the data centre that the ticket was given for."""
    number, dc_id = call.dc.tickets.pop(call.query.id, (0, 0))
    if not number or call.query.bytes != call.query.id.to_bytes(8, "big"):
        raise RpcFailure(400, "AUTH_BYTES_INVALID")
    call.dc.world.logins[call.session.key_id] = number
    call.dc.world.key_dcs[call.session.key_id] = dc_id
    return build(T.auth.Authorization, user=render.user(call.dc.world.users[number], is_self=True))


def get_full_user(call: Call) -> Any:
    """Tell about the bot itself, or about somebody."""
    number = call.bot_id if isinstance(call.query.id, T.InputUserSelf) else _user_id(call, call.query.id)
    written = render.user(call.dc.world.users[number], is_self=number == call.bot_id)
    full = build(T.UserFull, id=number, settings=build(T.PeerSettings), notify_settings=build(T.PeerNotifySettings))
    return T.users.UserFull(full_user=full, chats=[], users=[written])


def get_users(call: Call) -> Any:
    """Tell about users by id and access hash."""
    found = []
    for wanted in call.query.id:
        # Pyrogram reads a trailing vector of 4-byte objects as numbers: inputUserSelf is nothing but its constructor.
        itself = isinstance(wanted, T.InputUserSelf) or (isinstance(wanted, int) and wanted & _32_BITS == _SELF)
        number = call.bot_id if itself else _user_id(call, wanted)
        found.append(render.user(call.dc.world.users[number], is_self=number == call.bot_id))
    return vector(found)


def resolve_username(call: Call) -> Any:
    """Find a user by name."""
    _ = call.bot_id
    for user in call.dc.world.users.values():
        if user.username and user.username.lower() == call.query.username.lower():
            return T.contacts.ResolvedPeer(peer=render.peer(user.peer), chats=[], users=[render.user(user)])
    raise RpcFailure(400, "USERNAME_NOT_OCCUPIED")


def set_bot_commands(call: Call) -> Any:
    """Note the menu."""
    _ = call.bot_id
    call.dc.record.add("commands", text="\n".join(f"/{c.command} {c.description}" for c in call.query.commands))
    return TRUE


def _user_id(call: Call, wanted: Any) -> int:
    """Return the id of a user whose access hash fits; bots may leave it out."""
    number = getattr(wanted, "user_id", 0)
    if number not in call.dc.world.users or wanted.access_hash not in {0, access_hash("user", number)}:
        raise RpcFailure(400, "USER_ID_INVALID")
    return int(number)


HANDLERS: dict[str, Handler] = {
    "help.GetConfig": get_config,
    "help.GetNearestDc": get_nearest_dc,
    "auth.ImportBotAuthorization": import_bot_authorization,
    "auth.LogOut": log_out,
    "auth.ExportAuthorization": export_authorization,
    "auth.ImportAuthorization": import_authorization,
    "users.GetFullUser": get_full_user,
    "users.GetUsers": get_users,
    "contacts.ResolveUsername": resolve_username,
    "bots.SetBotCommands": set_bot_commands,
}
