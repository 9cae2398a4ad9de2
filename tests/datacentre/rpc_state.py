"""The state of updates, and the difference for whoever missed some."""

import time
from typing import Any

from . import updates
from .calls import Call, Handler, RpcFailure
from .world import Peer


def get_state(call: Call) -> Any:
    """Say how far the common box is. What is pushed after it is newer."""
    _ = call.bot_id
    return updates.state(call.dc.world, call.dc.world.common.pts, now_s=int(time.time()))


def get_difference(call: Call) -> Any:
    """Tell what the common box saw since."""
    _ = call.bot_id
    if call.query.pts < 1:
        raise RpcFailure(400, "PERSISTENT_TIMESTAMP_INVALID")
    return updates.difference(
        call.dc.world,
        call.query.pts,
        since_s=call.query.date,
        slice_size=call.dc.slice_size,
        now_s=int(time.time()),
    )


def get_channel_difference(call: Call) -> Any:
    """Tell what a channel saw since."""
    _ = call.bot_id
    channel_id, query = call.query.channel.channel_id, call.query
    peer = Peer("channel", channel_id)
    if not call.dc.world.is_named(peer, query.channel.access_hash):
        raise RpcFailure(400, "CHANNEL_INVALID")
    if call.dc.world.chats[peer].joined_s is None:
        raise RpcFailure(400, "CHANNEL_PRIVATE")
    if query.pts < 1:
        raise RpcFailure(400, "PERSISTENT_TIMESTAMP_EMPTY")
    return updates.channel_difference(
        call.dc.world,
        channel_id,
        query.pts,
        ranges=getattr(query.filter, "ranges", None) or [],
        limit=min(query.limit, call.dc.slice_size or query.limit),
    )


HANDLERS: dict[str, Handler] = {
    "updates.GetState": get_state,
    "updates.GetDifference": get_difference,
    "updates.GetChannelDifference": get_channel_difference,
}
