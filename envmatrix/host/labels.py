"""A host's capabilities as labels, in the ways that CI systems take them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from envmatrix.host.model import Finding

PREFIX: Final = "cap-"

# jenkins: a node's label field; labels-file: the swarm client's -labelsFile, one line; github: `config.sh --labels`;
# gitlab: `gitlab-runner register --tag-list`; dask: `dask worker --resources`.
STYLES: Final[Mapping[str, Callable[[list[str]], str]]] = {
    "dask": lambda names: " ".join(f"{name}=1" for name in names),
    "github": ",".join,
    "gitlab": ",".join,
    "jenkins": " ".join,
    "labels-file": lambda names: " ".join(names) + "\n",
}


def labels(findings: Iterable[Finding], style: str = "jenkins") -> str:
    """What the host can do, as labels ``cap-NAME``; sorted, each once, capabilities that are ok only.

    :param style: a key of ``STYLES``
    :raises KeyError: for another style
    """
    return STYLES[style](sorted({f"{PREFIX}{finding.capability}" for finding in findings if finding.status == "ok"}))
