"""What a setting is worth, where it comes from, and what a wrong one says."""

import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, SecretStr

from okos.settings import (
    Kind,
    Settings,
    SettingsError,
    child_environment,
    find_config,
    load_settings,
    unknown_variables,
)

CONFIG = Path(__file__).parents[2] / "config" / "okos.toml"


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No variable of Okos or OpenAI is set, and the working directory holds no configuration."""
    for name in os.environ:
        if name.startswith(("OKOS_", "OPENAI_")):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def flat(section: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Map every dotted name to its value."""
    names: dict[str, Any] = {}
    for name, value in section.items():
        names |= flat(value, f"{prefix}{name}.") if isinstance(value, Mapping) else {f"{prefix}{name}": value}
    return names


def configure(text: str) -> Path:
    """Write ./config/okos.toml."""
    path = Path("config/okos.toml")
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def test_the_configuration_file_holds_every_setting_with_its_default() -> None:
    defaults = flat(Settings().model_dump())
    defaults["home"] = "~/.okos"

    set_in_file = flat(tomllib.loads(CONFIG.read_text(encoding="utf-8")))

    assert set_in_file == {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in defaults.items()
        if value is not None
    }


def test_the_configuration_file_shows_every_unset_setting_commented_out() -> None:
    unset = {name for name, value in flat(Settings().model_dump()).items() if value is None}
    shown = re.sub(r"^# (\w+ = )", r"\1", CONFIG.read_text(encoding="utf-8"), flags=re.MULTILINE)

    set_in_file = flat(tomllib.loads(CONFIG.read_text(encoding="utf-8")))
    uncommented = flat(tomllib.loads(shown))

    assert uncommented.keys() - set_in_file.keys() == unset


def test_what_the_file_shows_commented_out_is_a_legal_value() -> None:
    configure(re.sub(r"^# (\w+ = )", r"\1", CONFIG.read_text(encoding="utf-8"), flags=re.MULTILINE))

    assert load_settings().burst == 5


@pytest.mark.parametrize(("written", "users"), [("7", (7,)), ("7,8", (7, 8)), ("[7, 8]", (7, 8)), ("", ())])
def test_who_may_talk_is_written_as_one_number_or_several(
    monkeypatch: pytest.MonkeyPatch, written: str, users: tuple[int, ...]
) -> None:
    monkeypatch.setenv("OKOS_ACCESS__USERS", written)

    assert load_settings().access.users == users


def test_a_wrong_bot_token_is_named_and_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OKOS_TELEGRAM__BOT_TOKEN", "my-secret")

    with pytest.raises(SettingsError, match=r"telegram\.bot_token.*OKOS_TELEGRAM__BOT_TOKEN") as raised:
        load_settings()

    assert "my-secret" not in str(raised.value)


def test_every_setting_in_the_file_has_a_word_beside_it() -> None:
    lines = CONFIG.read_text(encoding="utf-8").splitlines()

    assert [line for line in lines if re.match(r"(# )?\w+ = ", line) and not re.search(r"\S\s+# ?\S", line)] == []


def test_with_nothing_set_the_defaults_hold() -> None:
    assert load_settings() == Settings()


def test_the_environment_wins_over_the_file_and_the_caller_over_both(monkeypatch: pytest.MonkeyPatch) -> None:
    configure("concurrency = 4\nmax_backlog = 7\nlease_ms = 2000")
    monkeypatch.setenv("OKOS_CONCURRENCY", "5")
    monkeypatch.setenv("OKOS_LEASE_MS", "3000")

    settings = load_settings(lease_ms=4000, max_backlog=None)

    assert (settings.concurrency, settings.max_backlog, settings.lease_ms) == (5, 7, 4000)


def test_one_value_of_a_section_leaves_the_others_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    configure("[kinds.photo]\npriority = 2")
    monkeypatch.setenv("OKOS_KINDS__TEXT__COST", "9")
    monkeypatch.setenv("OKOS_MODEL__NAME", "small")

    settings = load_settings()

    assert settings.kinds["photo"] == Kind(priority=2, cost=3)
    assert settings.kinds["text"] == Kind(priority=0, cost=9)
    assert settings.model == Settings().model.model_copy(update={"name": "small"})


def test_a_kind_of_ones_own_can_be_configured_and_an_unknown_one_counts_for_one() -> None:
    configure("[kinds.voice]\ncost = 4")

    settings = load_settings()

    assert settings.kind("voice") == Kind(cost=4)
    assert settings.kind("dance") == Kind()


def test_an_empty_variable_counts_as_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OKOS_REDIS_URL", "")

    assert load_settings().redis_url is None


def test_openai_variables_are_used_where_okos_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-openai")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://openai.test/v1/")
    monkeypatch.setenv("OKOS_MODEL__API_KEY", "sk-okos")

    model = load_settings().model

    assert model.configured
    assert model.url == "http://openai.test/v1"
    assert model.api_key == SecretStr("sk-okos")


def test_with_neither_address_nor_key_no_model_is_configured() -> None:
    assert not Settings().model.configured


def test_the_slots_are_dealt_out_evenly() -> None:
    assert Settings(concurrency=16, worker_processes=3).threads == (6, 5, 5)


def test_home_is_absolute_wherever_it_was_written() -> None:
    assert Settings(home=Path("here")).home == Path("here").absolute()
    assert Settings(home=Path("~/okos")).home == Path.home() / "okos"


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        (
            "OKOS_CONCURRENCY",
            "many",
            "concurrency is wrong, from the environment variable OKOS_CONCURRENCY: should be a valid integer",
        ),
        ("OKOS_CONCURRENCY", "0", "greater than or equal to 1 (it is '0')"),
        ("OKOS_CONCURRENCY", "1", "concurrency (1) should be at least worker_processes (2)"),
        ("OKOS_MIN_BACKOFF_MS", "60001", "max_backoff_ms (60000) should be at least min_backoff_ms (60001)"),
        (
            "OKOS_KINDS__TEXT__COST",
            "0",
            "kinds.text.cost is wrong, from the environment variable OKOS_KINDS__TEXT__",
        ),
        ("OKOS_MODEL__TIMEOUT", "3", "there is no setting model.timeout"),
        ("OKOS_MODEL__TIMEOUT", "3", "did you mean timeout_s?"),
        ("OKOS_MODEL", "{", "OKOS_MODEL should hold JSON"),
        ("OKOS_MODEL__BASE_URL", "example.org", "model.base_url is wrong"),
        ("OKOS_REDIS_URL", "http://localhost", "should begin with redis://, rediss:// or unix://"),
        ("OKOS_HANDLERS", "my actors", "should be the dotted name of a Python package (it is 'my actors')"),
        ("OKOS_NAMESPACE", "a:b", "should be a short name of a-z"),
        ("OPENAI_BASE_URL", "example.org", "from the environment variable OPENAI_BASE_URL"),
        ("OKOS_REDIS_URL", "redis://h:abc", "the port should be a number up to 65535"),
        ("OKOS_REDIS_URL", "redis://h:99999/0", "the port should be a number up to 65535"),
        ("OKOS_REDIS_URL", "redis://[::1", "should be an address"),
        ("OKOS_REDIS_URL", "redis://h?foo=bar", "the part after ? should only have"),
        ("OKOS_REDIS_URL", "redis://h?socket_timeout=x", "the part after ? should only have"),
        ("OKOS_REDIS_URL", "redis://h?db=x", "db should be a number"),
        ("OKOS_REDIS_URL", "redis://okos:12#SECRETPW@h", "written as %2F, %3F, %23"),
        ("OKOS_REDIS_URL", "redis://okos:SECRETPW/x@h", "written as %2F, %3F, %23"),
        ("OKOS_HOME", "~nouser/x", "there is no home directory of that user"),
        ("OKOS_TELEGRAM__DC_PUBLIC_KEY", "~nouser/x", "there is no home directory of that user"),
        ("OKOS_CONFIG", "~nouser/x", "there is no home directory of that user"),
        ("OKOS_JOBS_PER_SECOND", "inf", "jobs_per_second is wrong"),
        ("OKOS_JOBS_PER_SECOND", "nan", "jobs_per_second is wrong"),
        ("OKOS_JOBS_PER_SECOND", "1e-300", "jobs_per_second is wrong"),
        ("OKOS_MAX_JOBS_PER_USER", "9" * 26, "max_jobs_per_user is wrong"),
        ("OKOS_SCHEDULE__SWEEP_S", "1e300", "schedule.sweep_s is wrong"),
        ("OKOS_MODEL__TIMEOUT_S", "inf", "model.timeout_s is wrong"),
        ("OKOS_CONFIG", "/no/such.toml", "no configuration file /no/such.toml, named by OKOS_CONFIG"),
    ],
)
def test_a_wrong_variable_is_told_in_one_line(
    variable: str, value: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)

    with pytest.raises(SettingsError) as caught:
        load_settings()

    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "SECRETPW" not in str(caught.value)


def test_every_number_has_an_upper_bound() -> None:
    def unbounded(section: type[BaseModel], before: str = "") -> Iterator[str]:
        for name, field in section.model_fields.items():
            if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
                yield from unbounded(field.annotation, f"{before}{name}.")
            elif field.annotation in {int, float, int | None, float | None} and not any(
                hasattr(one, "le") for one in field.metadata
            ):
                yield before + name

    assert list(unbounded(Settings)) == []


@pytest.mark.parametrize(
    "url",
    [
        "redis://h:6379/0",
        "rediss://:p%2Fw@[::1]:6379/1?ssl_ca_certs=/a.pem&ssl_check_hostname=true",
        "unix:///tmp/a.sock?db=3&username=u&password=p",
        "unix://:p@/tmp/a.sock",
    ],
)
def test_an_address_that_the_client_knows_is_taken(url: str) -> None:
    assert Settings(redis_url=url).redis_url == url


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("concurency = 3", "there is no setting concurency, in config/okos.toml; did you mean concurrency?"),
        ("[model]\nnmae = 'x'", "there is no setting model.nmae, in config/okos.toml; did you mean name?"),
        ("[kinds.text]\npirority = 1", "kinds.text.pirority, in config/okos.toml; did you mean priority?"),
        (
            "lease_ms = 'long'",
            "the setting lease_ms is wrong, in config/okos.toml: should be a valid integer",
        ),
        ("lease_ms = 'x'\nburst = 0", "(and 1 more wrong)"),
        (
            "lease_ms = ",
            "the configuration file config/okos.toml is not TOML: Invalid value (at end of document)",
        ),
        ("model = 3", "the setting model is wrong, in config/okos.toml"),
    ],
)
def test_a_wrong_line_of_the_file_is_told_in_one_line(text: str, said: str) -> None:
    configure(text)

    with pytest.raises(SettingsError) as caught:
        load_settings()

    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_wrong_value_of_the_caller_is_not_blamed_on_the_file() -> None:
    configure("concurrency = 4")

    with pytest.raises(SettingsError, match=r"concurrency is wrong, as given"):
        load_settings(concurrency=0)


def test_a_file_that_cannot_be_read_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("okos.toml").mkdir()
    monkeypatch.setenv("OKOS_CONFIG", str(Path.cwd()))

    with pytest.raises(SettingsError, match="cannot read the configuration file"):
        load_settings()


def test_the_configuration_may_be_named_by_its_directory(monkeypatch: pytest.MonkeyPatch) -> None:
    path = configure("concurrency = 3").absolute()
    monkeypatch.setenv("OKOS_CONFIG", str(path.parent))

    assert find_config() == path


def test_no_secret_is_shown_by_the_settings_or_by_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    configure("[model]\napi_key = ['sk-secret']")
    settings = Settings(redis_url="redis://:sk-secret@h", model={"api_key": "sk-secret"})  # type: ignore[arg-type] # as read

    with pytest.raises(SettingsError) as caught:
        load_settings()
    monkeypatch.setenv("OKOS_REDIS_URL", "sk-secret")
    with pytest.raises(SettingsError) as caught_too:
        load_settings()

    assert "sk-secret" not in f"{caught.value}{caught_too.value}{settings!r}{settings}"


def test_a_child_gets_exactly_the_settings_of_its_parent(monkeypatch: pytest.MonkeyPatch) -> None:
    configure("concurrency = 9")
    monkeypatch.setenv("OKOS_BURST", "2")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-openai")
    settings = Settings(
        burst=None,
        jobs_per_second=0.5,
        redis_url="unix:///tmp/s",
        model={"system_prompt": "", "api_key": "k", "stream": False},  # type: ignore[arg-type] # as read from a file
        kinds={"voice": {"cost": 2}},  # type: ignore[dict-item] # as read from a file
    )

    environment = child_environment(settings)
    for name in [name for name in os.environ if name not in environment]:
        monkeypatch.delenv(name)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    assert load_settings() == settings


def test_a_child_keeps_the_rest_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANG_OF_TEST", "hu")

    assert child_environment(Settings())["LANG_OF_TEST"] == "hu"


def test_a_mistyped_variable_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OKOS_CONCURENCY", "3")
    monkeypatch.setenv("OKOS_MODEL__NAME", "x")
    monkeypatch.setenv("OKOS_NOTHING_FILE", "x")
    monkeypatch.setenv("OKOS_CONFIG", "x")

    assert unknown_variables() == ["OKOS_CONCURENCY", "OKOS_NOTHING_FILE"]


def a_secret(content: str) -> str:
    path = Path("secret")
    path.write_text(content, encoding="utf-8")
    return str(path)


@pytest.mark.parametrize("content", ["unix:///s", "unix:///s\n", "unix:///s\r\n"])
def test_a_value_may_be_in_a_file_that_a_variable_names(monkeypatch: pytest.MonkeyPatch, content: str) -> None:
    monkeypatch.setenv("OKOS_REDIS_URL_FILE", a_secret(content))

    assert load_settings().redis_url == "unix:///s"
    assert unknown_variables() == []


def test_a_value_of_a_section_may_be_in_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OKOS_MODEL__API_KEY_FILE", a_secret("sk-secret\n"))
    monkeypatch.setenv("OKOS_MODEL__NAME", "small")

    assert load_settings().model == Settings().model.model_copy(
        update={"api_key": SecretStr("sk-secret"), "name": "small"}
    )


@pytest.mark.parametrize("variable", ["", "secret"])
def test_an_empty_file_and_an_empty_name_of_one_count_as_not_set(
    monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    a_secret("\n")
    monkeypatch.setenv("OKOS_TELEGRAM__BOT_TOKEN_FILE", variable)

    assert load_settings().telegram.bot_token is None


def test_a_child_is_given_what_was_in_a_file_and_not_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OKOS_REDIS_URL_FILE", a_secret("unix:///s"))

    environment = child_environment(load_settings())

    assert environment["OKOS_REDIS_URL"] == "unix:///s"
    assert "OKOS_REDIS_URL_FILE" not in environment


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("OKOS_REDIS_URL_FILE", None, "cannot read secret, which OKOS_REDIS_URL_FILE names: No such file"),
        ("OKOS_REDIS_URL_FILE", "hunter2", "redis_url is wrong, from the environment variable OKOS_REDIS_URL_FILE"),
        ("OKOS_REDIS_URL_FILE", "x" * 70_000, "too long for a setting"),
        ("OKOS_MODEL__NMAE_FILE", "hunter2", "there is no setting model.nmae"),
    ],
)
def test_a_wrong_file_is_told_without_what_is_in_it(
    monkeypatch: pytest.MonkeyPatch, name: str, content: str | None, said: str
) -> None:
    monkeypatch.setenv(name, "secret" if content is None else a_secret(content))

    with pytest.raises(SettingsError) as caught:
        load_settings()

    assert said in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_a_value_in_a_file_and_one_in_a_variable_are_one_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OKOS_REDIS_URL_FILE", a_secret("unix:///s"))
    monkeypatch.setenv("OKOS_REDIS_URL", "unix:///t")

    with pytest.raises(SettingsError, match="both OKOS_REDIS_URL and OKOS_REDIS_URL_FILE are set"):
        load_settings()


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Settings().concurrency = 3
