"""The handlers and the configuration that `okos init` writes out.

In a wheel they lie in okos/template; in a source tree they are the repository's own actors/ and config/.
"""

import importlib.util
from pathlib import Path

from okos.errors import OkosError

_PACKAGE = Path(__file__).parent


class TemplateMissing(OkosError):
    """The installation of Okos is incomplete."""


class WouldOverwrite(OkosError):
    """A file of the template is there already."""


class CannotWrite(OkosError):
    """The template cannot be written to where it should go."""


def template_directory() -> Path:
    """The directory that holds the template's actors/ and config/okos.toml.

    Raises:
        TemplateMissing: This installation has none.
    """
    for directory in (_PACKAGE / "template", _PACKAGE.parent):
        if (directory / "actors" / "__init__.py").is_file() and (directory / "config" / "okos.toml").is_file():
            return directory
    raise TemplateMissing("this installation of Okos has no template: install it again")


def handlers_directory(package: str) -> Path | None:
    """Where a worker has to start so that it finds this package of handlers.

    Returns:
        None: right here, or it is installed, or nobody has it; else the template's directory, as it is the
        template's package that is asked for and there is no other.
    """
    here = Path.cwd() / package.partition(".")[0]
    if package != "actors" or here.is_dir() or here.with_suffix(".py").is_file():
        return None
    return None if importlib.util.find_spec(package) is not None else template_directory()


def write_template(directory: Path, *, force: bool) -> list[Path]:
    """Write the handlers and the configuration into this directory.

    Returns:
        The files written.

    Raises:
        WouldOverwrite: A file is there already, and `force` is not set; nothing was written.
        CannotWrite: The directory cannot be written to.
    """
    template = template_directory()
    sources = [*sorted((template / "actors").rglob("*.py")), template / "config" / "okos.toml"]
    targets = {source: directory / source.relative_to(template) for source in sources}
    there = [target for target in targets.values() if target.exists()]
    if there and not force:
        more = f" and {len(there) - 1} more" if len(there) > 1 else ""
        raise WouldOverwrite(f"{there[0]}{more} would be overwritten: move it away, or say --force")
    try:
        for source, target in targets.items():
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(source.read_bytes())
    except OSError as error:
        raise CannotWrite(f"cannot write to {directory}: {error.strerror or error}") from error
    return list(targets.values())
