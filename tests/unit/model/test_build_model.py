from __future__ import annotations

import pytest
from pydantic import SecretStr

from okos.model import ModelRefused, OfflineResponder, build_model
from okos.model.chat import ChatModel
from okos.settings import OPENAI_URL, Model


def test_with_neither_address_nor_key_the_offline_responder_answers() -> None:
    assert isinstance(build_model(Model(name="tiny")), OfflineResponder)


@pytest.mark.parametrize(
    ("settings", "url", "key"),
    [
        (Model(api_key=SecretStr(" sk-1\n")), OPENAI_URL, "sk-1"),
        (Model(base_url="http://127.0.0.1:1/v1"), "http://127.0.0.1:1/v1", "no-key"),
    ],
)
def test_an_address_or_a_key_is_enough_for_a_real_model(settings: Model, url: str, key: str) -> None:
    model = build_model(settings)

    assert isinstance(model, ChatModel)
    assert (model._base_url, model._api_key) == (url, key)


def test_a_key_that_no_server_can_have_given_is_refused_at_the_start() -> None:
    with pytest.raises(ModelRefused, match=r"model\.api_key"):
        build_model(Model(api_key=SecretStr("kéy")))
