"""Files: in parts both ways, media out, and data centres that have a file or have it not."""

import hashlib
import time
from typing import Any

from . import entities, render
from . import rpc_messages as messages
from .calls import Call, Handler, RpcFailure
from .tl import TRUE, T
from .world import HOME_DC, Media, access_hash

_MAX_PART_BYTES = 1024 * 1024
_MAX_SAVED_PART_BYTES = 512 * 1024
_MAX_SMALL_BYTES = 10 * 1024 * 1024


def save_file_part(call: Call) -> Any:
    """Keep a part of a file that is on its way; one that is there already is replaced."""
    _ = call.bot_id
    if not call.query.bytes:
        raise RpcFailure(400, "FILE_PART_EMPTY")
    if len(call.query.bytes) > _MAX_SAVED_PART_BYTES:
        raise RpcFailure(400, "FILE_PART_TOO_BIG")
    call.dc.parts.setdefault(call.query.file_id, {})[call.query.file_part] = call.query.bytes
    return TRUE


def get_file(call: Call) -> Any:
    """Give a part of a file, from the data centre that has it."""
    _ = call.bot_id
    query, world = call.query, call.dc.world
    location = query.location
    media = call.dc.world.media.get(location.id)
    if media is None or location.access_hash != access_hash("file", location.id):
        raise RpcFailure(400, "LOCATION_INVALID")
    if media.dc_id != world.key_dcs.get(call.session.key_id, HOME_DC):
        raise RpcFailure(303, f"FILE_MIGRATE_{media.dc_id}")
    if location.file_reference != world.file_reference:
        raise RpcFailure(400, "FILE_REFERENCE_EXPIRED")
    if query.limit > _MAX_PART_BYTES or query.offset % 4096:
        raise RpcFailure(400, "LIMIT_INVALID")
    if query.offset == 0:
        call.dc.record.add("download", text=str(location.id))
    part = world.files[location.id][query.offset : query.offset + query.limit]
    kind = T.storage.FileJpeg() if media.kind == "photo" else T.storage.FilePartial()
    return T.upload.File(type=kind, mtime=int(time.time()), bytes=part)


async def send_media(call: Call) -> Any:
    """Say a photo or a document, with or without a caption; of one that was said before the file is not looked at."""
    key = (messages.addressed(call), call.query.random_id)
    is_known = key in call.dc.world.sends or key in call.dc.sending
    media = None if is_known else _media_of(call, call.query.media)
    return await messages.send(call, [(call.query.random_id, _caption(call.query), call.query.entities, media)])


async def send_multi_media(call: Call) -> Any:
    """Say an album."""
    parts: list[messages.Content] = [
        (p.random_id, _caption(p), p.entities, _media_of(call, p.media)) for p in call.query.multi_media
    ]
    return await messages.send(call, parts)


def upload_media(call: Call) -> Any:
    """Store a file for an album to come."""
    messages.addressed(call)
    return render.media(_media_of(call, call.query.media), call.dc.world.file_reference)


def _caption(said: Any) -> str:
    text = str(said.message or "")
    if entities.utf16_units(text) > messages.MAX_CAPTION_UNITS:
        raise RpcFailure(400, "MEDIA_CAPTION_TOO_LONG")
    return text


def _media_of(call: Call, given: Any) -> Media:
    dc = call.dc
    if isinstance(given, T.InputMediaPhoto | T.InputMediaDocument):
        media = dc.world.media.get(given.id.id)
        if media is None:
            raise RpcFailure(400, "MEDIA_EMPTY")
        return media
    if not isinstance(given, T.InputMediaUploadedPhoto | T.InputMediaUploadedDocument):
        raise RpcFailure(400, "MEDIA_INVALID")
    parts = dc.parts.get(given.file.id, {})
    if sorted(parts) != list(range(given.file.parts)):
        raise RpcFailure(400, "FILE_PARTS_INVALID")
    content = b"".join(parts[number] for number in sorted(parts))
    is_big = isinstance(given.file, T.InputFileBig)
    if len(content) > _MAX_SMALL_BYTES and not is_big:
        raise RpcFailure(400, "FILE_PARTS_INVALID")
    expected = "" if is_big else given.file.md5_checksum
    if expected not in {"", hashlib.md5(content, usedforsecurity=False).hexdigest()}:
        raise RpcFailure(400, "MD5_CHECKSUM_INVALID")
    del dc.parts[given.file.id]
    if isinstance(given, T.InputMediaUploadedPhoto):
        return dc.store(content, kind="photo", mime="image/jpeg", width=800, height=800)
    return dc.store(content, mime=given.mime_type, **_described(given.attributes))


def _described(attributes: list[Any]) -> dict[str, Any]:
    """Return the fields of a Media that a client's attributes say."""
    found: dict[str, Any] = {"kind": "document"}
    for one in attributes:
        if isinstance(one, T.DocumentAttributeFilename):
            found["file_name"] = one.file_name
        elif isinstance(one, T.DocumentAttributeSticker):
            found |= {"kind": "sticker", "emoji": one.alt}
        elif isinstance(one, T.DocumentAttributeAudio):
            found |= {"kind": "voice" if one.voice else "audio", "duration_s": int(one.duration)}
        elif isinstance(one, T.DocumentAttributeAnimated):
            found["kind"] = "animation"
        elif isinstance(one, T.DocumentAttributeImageSize):
            found |= {"width": one.w, "height": one.h}
        elif isinstance(one, T.DocumentAttributeVideo):
            kind = "video" if found["kind"] == "document" else found["kind"]
            found |= {"kind": kind, "width": one.w, "height": one.h, "duration_s": int(one.duration)}
    return found


HANDLERS: dict[str, Handler] = {
    "upload.SaveFilePart": save_file_part,
    "upload.SaveBigFilePart": save_file_part,
    "upload.GetFile": get_file,
    "messages.SendMedia": send_media,
    "messages.SendMultiMedia": send_multi_media,
    "messages.UploadMedia": upload_media,
}
