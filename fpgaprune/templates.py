"""Finds the texts that this package writes into HLS projects, in a wheel and in a checkout alike."""

from pathlib import Path

from fpgaprune.errors import ToolError, unknown_choice

_PACKAGE = Path(__file__).resolve().parent
# A wheel carries the folder inside the package; a checkout (also when installed editable) has it beside the package.
_PLACES = (_PACKAGE / "_hls_templates", _PACKAGE.parent / "hls_templates")


def template_folder() -> Path:
    """The folder of templates; raises ToolError when the installation lost it."""
    for place in _PLACES:
        if place.is_dir():
            return place
    message = f"the folder hls_templates is missing beside {_PACKAGE}: reinstall fpgaprune"
    raise ToolError(message)


def template_names() -> tuple[str, ...]:
    """Every template by its path inside the folder, with forward slashes, sorted."""
    folder = template_folder()
    return tuple(sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()))


def template_path(name: str) -> Path:
    """The template called `name` (a path inside the folder); an unknown name raises ToolError with the choices."""
    names = template_names()
    if name not in names:
        raise ToolError(unknown_choice("template", name, names))
    return template_folder() / name


def read_template(name: str) -> str:
    """The text of the template called `name`; raises like `template_path`."""
    return template_path(name).read_text(encoding="utf-8")
