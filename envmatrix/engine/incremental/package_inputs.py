"""What an installed project was built from: the warm path holds as long as building it again would give the same."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from envmatrix.engine.install.local_deps import METADATA, names_files_above
from envmatrix.engine.install.source_tree import digest_package_names, digest_tree, find_top

# Metadata that a backend computes, from files or from git.
_DYNAMIC = re.compile(r"\bdynamic\s*=|attr:|file:|scm|\bpbr\b|versioneer|versioningit|dunamai|vcs")
_OF_GIT = re.compile(r"scm|\bpbr\b|versioneer|versioningit|dunamai|vcs|git")
# Backends of pure Python: what they install in editable mode is the source itself.
_PURE = re.compile(
    r"build-backend\s*=\s*[\"'](?:setuptools\.build_meta(?::__legacy__)?|flit_core\.buildapi|hatchling\.build|pdm\.backend"
    r"|poetry\.core\.masonry\.api|uv_build)[\"']"
)
_BUILDS = re.compile(r"ext-modules|ext_modules|cmdclass|backend-path|\bhooks?\b|\bbuild\s*=\s*[\"'{]|run-setuptools")
# Packages that lie elsewhere than in the project's own folder or its src, or are copied from there.
_PLACED = re.compile(
    r"package[-_]dir\s*=(?!\s*\{?\s*(?:\"\")?\s*=\s*[\"']?src[\"']?\s*(?:\}|\n|$))"
    r"|\bwhere\s*=(?!\s*\[?\s*[\"']?(?:src|\.)[\"']?\s*(?:\]|\n|$))"
    r"|\bfrom\s*=|force-include|\bsources\s*=|\bsources\]|module-(?:root|name)|dev-mode"
)
# What tox lets through to a build beside the variables that its settings name (tox's default pass_env).
_COMPILERS = frozenset(
    {"CC", "CXX", "CPP", "LD", "AR", "CFLAGS", "CXXFLAGS", "CPPFLAGS", "LDFLAGS", "LIBRARY_PATH", "CPATH", "ARCHFLAGS"}
    | {"PKG_CONFIG", "PKG_CONFIG_PATH", "PKG_CONFIG_SYSROOT_DIR", "MACOSX_DEPLOYMENT_TARGET", "SOURCE_DATE_EPOCH"}
)


def compute_digests(
    root: Path, kind: str, texts: Mapping[str, bytes], environ: Mapping[str, str]
) -> dict[str, str] | str:
    """Return the digest of each thing that the installed project follows from, or a sentence why there can be none.

    ``kind`` is tox's package type, "skip" where nothing is installed; ``texts`` are the project's configuration files.
    An editable project follows its source; it is built anew where its metadata change, or what they are computed from.
    """
    if kind == "skip":
        return {}
    metadata = b"\n".join(texts.values()).decode("utf-8", "replace")
    if kind.startswith("editable") and _is_following_source(texts, metadata):
        return {"source folders": digest_package_names(root)}
    if names_files_above(root, b"\n".join(texts.get(name, b"") for name in METADATA), top=find_top(root)):
        return "its package is built from files outside of the repository"
    result = {"source": source_digest(root, texts)}
    result |= {f"${name}": _hash_text(environ[name]) for name in sorted(_COMPILERS & environ.keys())}
    if _OF_GIT.search(metadata):
        result["git's tags and commit"] = _hash_text(repr(sorted(_read_git_state(root))))
    return result


def source_digest(root: Path, texts: Mapping[str, bytes]) -> str:
    """Return a digest that changes with each file of the repository around ``root``.

    A build may read what lies next to the project, whatever computes the path.
    """
    return digest_tree(find_top(root) or root, b"\n".join(texts.values()).decode("utf-8", "replace"))


def _is_following_source(texts: Mapping[str, bytes], metadata: str) -> bool:
    project = texts.get("pyproject.toml", b"").decode("utf-8", "replace")
    pure = _PURE.search(project) or "build-backend" not in project
    settings = project + texts.get("setup.cfg", b"").decode("utf-8", "replace")
    plain = not any(pattern.search(settings) for pattern in (_BUILDS, _PLACED))
    return bool(pure) and plain and not texts.get("setup.py") and not _DYNAMIC.search(metadata)


def _read_git_state(root: Path) -> Iterator[tuple[str, object]]:
    """Yield what a version could be computed from: where HEAD is, and every tag."""
    for folder in (root, *root.parents):
        git = folder / ".git"
        if not git.exists():
            continue
        if git.is_file():  # a worktree or a submodule
            git = folder / git.read_text(errors="replace").partition(":")[2].strip()
        common = git / "commondir"
        shared = git / common.read_text().strip() if common.is_file() else git
        yield from _read_refs(git, shared)
        return


def _read_refs(git: Path, shared: Path) -> Iterator[tuple[str, object]]:
    for file in (git / "HEAD", git / "logs" / "HEAD", shared / "packed-refs"):
        with contextlib.suppress(OSError):
            yield (file.name, file.read_bytes()[-500:] if file.parent.name == "logs" else file.read_bytes())
    for place, _, names in os.walk(shared / "refs"):
        for name in names:
            with contextlib.suppress(OSError):
                yield (f"{place}/{name}", Path(place, name).read_bytes())


def _hash_text(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:32]
