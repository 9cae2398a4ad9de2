from itertools import islice, pairwise

from chaos.letter import Mix, letters
from chaos.trouble import APART_MS, KINDS, brew


def test_a_seed_brews_the_same_storm_again() -> None:
    assert brew(7, seconds=60) == brew(7, seconds=60)
    assert brew(7, seconds=60) != brew(8, seconds=60)
    assert list(islice(letters(7, Mix()), 100)) == list(islice(letters(7, Mix()), 100))


def test_one_kind_alone_comes_when_it_came_among_all() -> None:
    kills = [trouble for trouble in brew(7, seconds=60) if trouble.kind == "kill"]

    assert kills
    assert brew(7, seconds=60, kinds=["kill"]) == kills


def test_a_longer_storm_begins_like_a_shorter_one() -> None:
    short = brew(7, seconds=60)

    assert brew(7, seconds=120)[: len(short)] == short


def test_the_server_gets_time_to_come_back() -> None:
    for seed in range(20):
        hits = [trouble for trouble in brew(seed, seconds=120) if KINDS[trouble.kind].of_server]

        assert all(later.at_ms >= one.at_ms + one.lasts_ms + APART_MS for one, later in pairwise(hits))


def test_every_kind_comes_sooner_or_later() -> None:
    assert {trouble.kind for seed in range(5) for trouble in brew(seed, seconds=60)} == set(KINDS)


def test_a_user_writes_its_letters_in_order() -> None:
    by_user: dict[str, list[int]] = {}
    for letter in islice(letters(1, Mix(users=5)), 500):
        by_user.setdefault(letter.user, []).append(letter.seq)

    assert all(seqs == list(range(len(seqs))) for seqs in by_user.values())
