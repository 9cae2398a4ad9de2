"""The sections of the model: where it is, how it is asked, what it remembers."""

from pydantic import AnyHttpUrl, Field, SecretStr, TypeAdapter, field_validator

from okos.settings.section import DAY_S, TEN_YEARS_S, Section

OPENAI_URL = "https://api.openai.com/v1"
# Variables that others set as well, and the field of `Model` that each is for.
FALLBACKS = {"OPENAI_API_KEY": "api_key", "OPENAI_BASE_URL": "base_url"}


class Model(Section):
    """The model that answers: any server with the OpenAI API. Neither address nor key: the offline one."""

    base_url: str | None = None
    api_key: SecretStr | None = None
    name: str = Field(default="gpt-4o-mini", min_length=1)
    speech: str | None = Field(default=None, min_length=1)
    timeout_s: float = Field(default=60, gt=0, le=DAY_S)
    first_token_timeout_s: float = Field(default=30, gt=0, le=DAY_S)
    stream: bool = True
    system_prompt: str = "You are Okos, a helpful assistant. Answer briefly, in the language of the user."

    @field_validator("base_url")
    @classmethod
    def _is_http(cls, value: str | None) -> str | None:
        if value is None:
            return None
        TypeAdapter(AnyHttpUrl).validate_python(value)
        return value.rstrip("/")

    @property
    def configured(self) -> bool:
        """Whether there is a model to ask; if not, the offline responder answers."""
        return self.base_url is not None or self.api_key is not None

    @property
    def url(self) -> str:
        """The address to ask: the configured one, else OpenAI's own."""
        return self.base_url or OPENAI_URL


class Memory(Section):
    """What is remembered of a chat."""

    turns: int = Field(default=20, ge=0, le=1000)
    ttl_s: int = Field(default=2_592_000, ge=1, le=TEN_YEARS_S)
