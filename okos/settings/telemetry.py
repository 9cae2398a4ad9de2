"""The sections of what is told to others' tools: traces, and errors."""

from pydantic import AnyHttpUrl, Field, SecretStr, TypeAdapter, field_validator

from okos.settings.section import Section


class Tracing(Section):
    """Where the spans of each message go (OTLP over HTTP); without an endpoint there are none."""

    endpoint: str | None = Field(default=None, repr=False)
    sample_ratio: float = Field(default=1.0, ge=0, le=1)
    service_name: str = Field(default="okos", min_length=1, max_length=255)

    @field_validator("endpoint")
    @classmethod
    def _is_http(cls, value: str | None) -> str | None:
        if value is not None:
            TypeAdapter(AnyHttpUrl).validate_python(value)
        return value


class Sentry(Section):
    """Where dead letters and crashes are reported; without a DSN they are not."""

    dsn: SecretStr | None = None
    environment: str = Field(default="production", min_length=1, max_length=64)

    @field_validator("dsn")
    @classmethod
    def _is_http(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            TypeAdapter(AnyHttpUrl).validate_python(value.get_secret_value())
        return value
