"""The section of the dashboard."""

import re
from typing import Annotated, Self

from pydantic import Field, SecretStr, field_validator, model_validator

from okos.settings.section import Section, Several


class Web(Section):
    """The dashboard: where it listens, and who may look and act. Without an operator's token it makes one in `home`."""

    enabled: bool = True
    host: str = Field(default="127.0.0.1", min_length=1)
    port: int = Field(default=8080, ge=0, le=65_535)
    hosts: Annotated[tuple[str, ...], Several] = ()
    operator_token: SecretStr | None = None
    viewer_token: SecretStr | None = None
    show_texts: bool = False

    @field_validator("operator_token", "viewer_token")
    @classmethod
    def _is_long(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not re.fullmatch(r"[\x21-\x7e]{16,256}", value.get_secret_value()):
            raise ValueError("should have 16 to 256 letters, digits and signs, without spaces")
        return value

    @model_validator(mode="after")
    def _differ(self) -> Self:
        if self.operator_token is not None and self.operator_token == self.viewer_token:
            raise ValueError("operator_token and viewer_token should differ")
        return self
