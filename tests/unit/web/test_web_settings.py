from okos.settings import Settings
from okos.web.schedule import MASKED, rows


def test_no_secret_is_among_the_settings_that_are_shown() -> None:
    settings = Settings(
        redis_url="redis://user:hunter2@127.0.0.1/0",
        model={"api_key": "sk-hunter2", "base_url": "https://user:hunter2@model.test/v1"},  # type: ignore[arg-type]  # as read
        telegram={"bot_token": "42:hunter2", "api_hash": "hunter2"},  # type: ignore[arg-type]  # as read
        tracing={"endpoint": "http://user:hunter2@c/?api-key=hunter2"},  # type: ignore[arg-type]  # as read
        web={"operator_token": "hunter2-hunter2-hunter2"},  # type: ignore[arg-type]  # as read
    )

    shown = {row.name: row.value for row in rows(settings, Settings())}

    assert not [name for name, value in shown.items() if "hunter2" in value]
    assert shown["model.api_key"] == shown["telegram.bot_token"] == shown["web.operator_token"] == MASKED
    assert shown["web.viewer_token"] == ""


def test_every_setting_is_shown_and_a_changed_one_is_marked() -> None:
    shown = {row.name: row for row in rows(Settings(concurrency=4), Settings())}

    assert set(Settings.model_fields) <= {name.partition(".")[0] for name in shown}
    assert shown["kinds.photo.cost"].value == "3"
    assert [row.name for row in shown.values() if not row.is_default] == ["concurrency"]


def test_settings_by_name_are_one_line() -> None:
    shown = {row.name: row for row in rows(Settings(log_levels={"okos": "debug", "redis": "error"}), Settings())}

    assert shown["log_levels"].value == "okos = debug, redis = error"
    assert not shown["log_levels"].is_default
