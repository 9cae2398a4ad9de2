"""The data centre's troubles: what a test orders is what a client meets."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from datacentre import DataCentre, a_bot, a_client, a_listener, pointed_at, running, wait_until, with_a_centre
from datacentre.world import access_hash
from pyrogram import raw
from pyrogram.errors import RPCError

F: Any = raw.functions
T: Any = raw.types


def send(user_id: int, text: str, random_id: int) -> Any:
    peer = T.InputPeerUser(user_id=user_id, access_hash=access_hash("user", user_id))
    return F.messages.SendMessage(peer=peer, message=text, random_id=random_id)


def edit(user_id: int, message_id: int, text: str, **about: Any) -> Any:
    peer = T.InputPeerUser(user_id=user_id, access_hash=access_hash("user", user_id))
    return F.messages.EditMessage(peer=peer, id=message_id, message=text, **about)


async def error_of(work: Any) -> str:
    """Return the name of the error that a call ends with."""
    with pytest.raises(RPCError) as caught:
        await work
    return str(caught.value)


@with_a_centre
async def test_an_ordered_error_is_met_as_often_as_ordered(dc: DataCentre) -> None:
    alice, bob = dc.add_user("Alice"), dc.add_user("Bob")
    dc.fail("messages.SendMessage", 420, "FLOOD_WAIT_3", times=2, fits=lambda query: query.peer.user_id == alice.id)
    async with a_listener(dc) as bot:
        await bot.ask(send(bob.id, "unharmed", 1))
        assert "420 FLOOD_WAIT_X" in await error_of(bot.ask(send(alice.id, "x", 2)))
        assert "420 FLOOD_WAIT_X" in await error_of(bot.ask(send(alice.id, "x", 2)))
        await bot.ask(send(alice.id, "x", 2))
        lasting = dc.fail("messages.SendMessage", 500, "RPC_CALL_FAIL", times=None)
        assert "500" in await error_of(bot.ask(send(alice.id, "y", 3)))
        lasting.lift()
        await bot.ask(send(alice.id, "y", 3))
    assert (dc.answers(alice), dc.answers(bob), lasting.met) == (["x", "y"], ["unharmed"], 1)


@with_a_centre
async def test_a_held_call_is_done_after_what_was_called_since_though_its_line_is_gone(dc: DataCentre) -> None:
    alice = dc.add_user("Alice")
    async with a_listener(dc) as bot:
        await bot.ask(send(alice.id, "x", 1))
        (said,) = dc.visible(alice)
        held = dc.hold("messages.EditMessage")
        late = asyncio.ensure_future(bot.ask(edit(alice.id, said.id, "early"), timeout_s=5))
        await dc.until(lambda: held.met)
        dc.cut_connections()
        await asyncio.wait({late})
    async with a_listener(dc) as bot:
        await bot.ask(edit(alice.id, said.id, "late"))
        assert (dc.answers(alice), held.answered) == (["late"], 0)
        dc.let_go(held)
        await dc.until(lambda: held.answered)
    assert dc.answers(alice) == ["early"]
    assert late.exception() is not None


@with_a_centre
async def test_a_dropped_call_is_not_done_and_a_lost_answer_is_of_a_call_that_was(dc: DataCentre) -> None:
    alice = dc.add_user("Alice")
    async with a_listener(dc) as bot:
        for trouble in (dc.drop, dc.ignore):
            met = trouble("messages.SendMessage")
            with pytest.raises(TimeoutError):
                await bot.ask(send(alice.id, "x", 1), timeout_s=0.5)
            await dc.until(lambda met=met: met.met)  # type: ignore[misc]
            assert dc.answers(alice) == []
            await dc.until(lambda: any(session.main and session.live for session in dc.sessions.values()))
        dc.lose_answer("messages.SendMessage", cut=False)
        with pytest.raises(TimeoutError):
            await bot.ask(send(alice.id, "x", 1), timeout_s=0.5)
        await dc.until(lambda: dc.answers(alice) == ["x"])
        await bot.ask(send(alice.id, "x", 1))
    assert dc.answers(alice) == ["x"]


@with_a_centre
async def test_a_random_id_is_refused_while_its_first_send_runs(dc: DataCentre) -> None:
    alice = dc.add_user("Alice")
    held = dc.hold("messages.SendMessage")
    async with a_listener(dc) as bot:
        first = asyncio.create_task(bot.ask(send(alice.id, "x", 1)))
        await dc.until(lambda: dc.sending)
        assert "RANDOM_ID_DUPLICATE" in await error_of(bot.ask(send(alice.id, "x", 1)))
        # nothing else waits for it
        await bot.ask(send(alice.id, "y", 2))
        dc.let_go(held)
        await first
        await bot.ask(send(alice.id, "x", 1))
    assert dc.answers(alice) == ["y", "x"]


@with_a_centre
async def test_a_refused_message_is_answered_as_if_it_were_a_result(dc: DataCentre) -> None:
    dc.refuse_message("updates.GetDifference", code=16)
    async with a_listener(dc) as bot:
        answer = await bot.ask(F.updates.GetDifference(pts=1, date=0, qts=0))
        assert (type(answer).__name__, answer.error_code) == ("BadMsgNotification", 16)


@with_a_centre
async def test_telegrams_limits_hold(dc: DataCentre) -> None:
    alice = dc.add_user("Alice")

    def bold(offset: int, length: int) -> Any:
        return T.MessageEntityBold(offset=offset, length=length)

    async with a_listener(dc) as bot:
        query = send(alice.id, "🎉" * 2049, 1)
        assert "MESSAGE_TOO_LONG" in await error_of(bot.ask(query))
        query = send(alice.id, "🎉", 2)
        query.entities = [bold(1, 2)]
        assert "ENTITY_BOUNDS_INVALID" in await error_of(bot.ask(query))
        query.entities = [bold(0, 1)] * 101
        assert "ENTITIES_TOO_LONG" in await error_of(bot.ask(query))
        assert "MESSAGE_EMPTY" in await error_of(bot.ask(send(alice.id, "", 3)))
        said = await bot.ask(send(alice.id, "🎉" * 2048, 4))
        assert "MESSAGE_NOT_MODIFIED" in await error_of(bot.ask(edit(alice.id, said.id, "🎉" * 2048)))
        await bot.ask(edit(alice.id, said.id, "x", entities=[bold(0, 1)]))
        await bot.ask(edit(alice.id, said.id, "x"))
        assert dc.visible(alice)[0].entities == ()
        assert "MESSAGE_ID_INVALID" in await error_of(bot.ask(edit(alice.id, 99, "x")))
        query = send(alice.id, "x", 5)
        query.peer.access_hash += 1
        assert "PEER_ID_INVALID" in await error_of(bot.ask(query))


@with_a_centre
async def test_who_blocked_the_bot_hears_nothing_of_it(dc: DataCentre) -> None:
    alice = dc.add_user("Alice")
    async with a_listener(dc) as bot:
        dc.blocks(alice)
        assert "USER_IS_BLOCKED" in await error_of(bot.ask(send(alice.id, "x", 1)))
        dc.unblocks(alice)
        await bot.ask(send(alice.id, "x", 1))
        dc.refuse(alice, 403, "CHAT_WRITE_FORBIDDEN")
        assert "CHAT_WRITE_FORBIDDEN" in await error_of(bot.ask(send(alice.id, "y", 2)))
        await dc.until(lambda: len(bot.came) == 2)
    assert [u.updates[0].stopped for u in bot.came] == [True, False]


@with_a_centre
async def test_a_sign_in_can_be_refused_in_every_way(dc: DataCentre) -> None:
    async def sign_in(token: str) -> None:
        client = a_client(dc)
        client.bot_token = token
        with pointed_at(dc):
            await client.start()
            await client.stop()

    dc.fail("auth.ImportBotAuthorization", 420, "FLOOD_WAIT_1800")
    assert "420 FLOOD_WAIT_X" in await error_of(sign_in(dc.bot_token))
    assert "ACCESS_TOKEN_INVALID" in await error_of(sign_in("4242:another"))
    dc.api_id, dc.api_hash = 2, "right"
    assert "API_ID_INVALID" in await error_of(sign_in(dc.bot_token))
    dc.api_id = None
    await sign_in(dc.bot_token)
    assert len(dc.record.of("sign_in")) == 1


@with_a_centre
async def test_a_session_can_be_revoked(dc: DataCentre) -> None:
    async with a_listener(dc) as bot:
        dc.revoke()
        assert "401 SESSION_REVOKED" in await error_of(bot.ask(F.updates.GetState()))


@with_a_centre
async def test_a_forgotten_key_is_answered_by_the_transport(dc: DataCentre) -> None:
    bot = a_client(dc)
    with pointed_at(dc):
        await bot.start()
        dc.forget_keys()
        await dc.until(lambda: not dc.world.keys)
        reader, writer = await asyncio.open_connection(dc.host, dc.port)
        writer.write(b"\xef\x09" + b"12345678" + bytes(28))
        assert await reader.readexactly(5) == b"\x01" + (-404).to_bytes(4, "little", signed=True)
        writer.close()
        # the library would dial for ever: end it from below
        bot.session.is_started.clear()
        await bot.session.connection.close()


@with_a_centre
async def test_two_live_sessions_of_one_bot_are_noticed(dc: DataCentre) -> None:
    async with a_listener(dc):
        assert dc.record.of("overlap") == []
        async with a_listener(dc):
            assert len(dc.record.of("overlap")) == 1
    dc.refuses_overlap = True
    async with a_listener(dc):
        with pytest.raises(RPCError, match="AUTH_KEY_DUPLICATED"):
            async with a_listener(dc):
                pass


@with_a_centre
async def test_a_paused_data_centre_takes_and_answers_later(dc: DataCentre) -> None:
    alice = dc.add_user("Alice")
    async with a_listener(dc) as bot:
        dc.pause()
        sending = asyncio.create_task(bot.ask(send(alice.id, "x", 1)))
        dc.says(alice, "y")
        await asyncio.wait([sending], timeout=0.1)
        assert (sending.done(), bot.came, dc.answers(alice)) == (False, [], [])
        dc.go_on()
        await sending
        await dc.until(lambda: bot.texts() == ["y"])


@with_a_centre
async def test_a_restart_keeps_everything(dc: DataCentre) -> None:
    alice = dc.add_user("Alice")
    async with a_listener(dc) as bot:
        await bot.ask(send(alice.id, "x", 1))
        await dc.come_back(away_s=0.1)
        dc.says(alice, "y")
        await dc.until(lambda: bot.texts() == ["y"])
        await bot.ask(send(alice.id, "x", 1))
    assert dc.answers(alice) == ["x"]
    assert len(dc.record.of("sign_in")) == 1


def test_another_data_centre_goes_on_with_the_state_of_one_that_is_gone(tmp_path: Path) -> None:
    async def sign_in(dc: DataCentre, session: str | None) -> str:
        client = a_client(dc, session_string=session) if session else a_client(dc)
        with pointed_at(dc):
            await client.start()
            held = str(await client.export_session_string())
            await client.stop()
        return held

    with running(state_path=tmp_path / "state") as dc:
        alice = dc.add_user("Alice")
        session = asyncio.run(sign_in(dc, None))
        dc.says(alice, "still there?")
    with running(state_path=tmp_path / "state") as dc:
        asyncio.run(sign_in(dc, session))
        assert [m.text for m in dc.visible(alice)] == ["still there?"]
        assert len(dc.record.of("sign_in")) == 1


def test_it_runs_in_a_thread_and_is_used_from_another() -> None:
    async def talk(dc: DataCentre) -> None:
        async with a_bot(dc) as (client, heard):
            dc.says(alice, "How are you?")
            question = await heard.get()
            await client.send_message(question.chat.id, f"{question.text} Well.")

    with running() as dc:
        alice = dc.add_user("Alice")
        dc.restart()
        asyncio.run(talk(dc))
        wait_until(lambda: dc.answers(alice))
        assert dc.violations() == []
