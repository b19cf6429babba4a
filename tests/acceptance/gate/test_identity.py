"""Identity of real git repositories of every kind, none of which may be touched by asking."""

from __future__ import annotations

import hashlib
import os
import pwd
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from envmatrix.vcs.changes import UnknownBaseError, find_changed_paths
from envmatrix.vcs.identity import Identity, identify_content

SAFE = {
    "GIT_AUTHOR_NAME": "a",
    "GIT_AUTHOR_EMAIL": "a@example.org",
    "GIT_COMMITTER_NAME": "a",
    "GIT_COMMITTER_EMAIL": "a@example.org",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_ALLOW_PROTOCOL": "file",
}


@pytest.fixture(autouse=True)
def plain_git(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in SAFE.items():
        monkeypatch.setenv(name, value)
    for name in ("GIT_DIR", "GIT_INDEX_FILE", "GIT_WORK_TREE"):
        monkeypatch.delenv(name, raising=False)


def git(cwd: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def write(root: Path, name: str, text: str) -> None:
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text(text)


def new(path: Path, **files: str) -> Path:
    path.mkdir()
    git(path, "init", "-q", "-b", "main")
    for name, text in {"a.py": "1\n", "pkg/b.py": "2\n", ".gitignore": "*.log\n.env\nignored/\n", **files}.items():
        write(path, name, text)
    git(path, "add", "-A")
    git(path, "commit", "-q", "-m", "one")
    return path


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    return new(tmp_path / "repo")


def head(root: Path) -> tuple[str, str]:
    return git(root, "rev-parse", "HEAD^{tree}"), git(root, "rev-parse", "HEAD")


def committed_copy(root: Path, tmp_path: Path) -> str:
    """The tree that git itself makes of what is on disk, in a copy."""
    copy = tmp_path / "copy"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(root, copy, symlinks=True)
    git(copy, "add", "-A")
    return git(copy, "write-tree")


def snapshot(root: Path) -> dict[str, tuple[int, int, str]]:
    """Everything below root with times and content, to see that nothing was touched.

    The times of objects are left out: git marks an object that it was about to write, and finds there, as still used.
    """
    found = {}
    for path in sorted(root.rglob("*")):
        state = path.lstat()
        content = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
        changed = 0 if "objects" in path.parts else state.st_mtime_ns
        found[str(path)] = (changed, state.st_mode, content)
    return found


def untouched(root: Path) -> Identity:
    before = snapshot(root)
    found = identify_content(root)
    assert snapshot(root) == before
    return found


def test_clean_is_heads_tree(repo: Path) -> None:
    tree, commit = head(repo)
    found = untouched(repo)
    assert found.tracked == {"HEAD": tree}
    assert found == Identity(
        tree=tree, commit=commit, dirty=False, vcs="git", tracked=found.tracked, snapshot=found.snapshot
    )


def test_dirty_content_has_the_tree_that_a_commit_of_it_would_have(repo: Path, tmp_path: Path) -> None:
    write(repo, "a.py", "changed\n")
    write(repo, "pkg/new file\nwith line.py", "3\n")
    write(repo, "staged.py", "4\n")
    git(repo, "add", "staged.py")
    write(repo, "staged.py", "5\n")
    (repo / "pkg/b.py").unlink()
    (repo / "link").symlink_to("a.py")
    write(repo, "script", "#!/bin/sh\n")
    (repo / "script").chmod(0o755)
    expected = committed_copy(repo, tmp_path)
    found = untouched(repo)
    assert found.tree == expected
    assert found.dirty
    assert found.commit == head(repo)[1]


def test_a_file_that_became_a_folder_and_the_other_way_round(repo: Path, tmp_path: Path) -> None:
    (repo / "a.py").unlink()
    write(repo, "a.py/x", "1")
    shutil.rmtree(repo / "pkg")
    write(repo, "pkg", "2")
    assert untouched(repo).tree == committed_copy(repo, tmp_path)


def test_a_folder_that_became_a_link(repo: Path, tmp_path: Path) -> None:
    write(repo, "pkg/inner/c.py", "3\n")
    git(repo, "add", "-A")
    git(repo, "commit", "-q", "-m", "deeper")
    (repo / "pkg").rename(tmp_path / "pkg")
    (repo / "pkg").symlink_to(tmp_path / "pkg")
    write(repo, "new.py", "4\n")
    found = untouched(repo)
    assert (found.tree, found.vcs) == (committed_copy(repo, tmp_path), "git")


def test_a_change_within_the_clocks_tick_is_seen(repo: Path, tmp_path: Path) -> None:
    for number in range(20):
        write(repo, "a.py", f"{number:04}\n")
        git(repo, "add", "a.py")
        git(repo, "commit", "-q", "-m", "x", "--allow-empty")
        write(repo, "a.py", f"{number + 5000:04}\n")
        write(repo, "pkg/b.py", f"{number}\n")
        assert identify_content(repo).tree == committed_copy(repo, tmp_path)


def test_staged_and_taken_back_on_disk_is_clean(repo: Path) -> None:
    write(repo, "a.py", "2\n")
    git(repo, "add", "a.py")
    write(repo, "a.py", "1\n")
    found = untouched(repo)
    assert (found.tree, found.dirty) == (head(repo)[0], False)


def test_what_runs_leave_behind_is_not_content(repo: Path) -> None:
    for name in (
        ".stestr/0",
        "x.egg-info/PKG-INFO",
        "pkg/__pycache__/b.cpython-311.pyc",
        ".coverage",
        "build/lib/b.py",
    ):
        write(repo, name, "x")
    found = untouched(repo)
    assert (found.tree, found.dirty) == (head(repo)[0], False)


def test_a_tracked_dropping_counts(repo: Path) -> None:
    write(repo, "x.egg-info/PKG-INFO", "1")
    git(repo, "add", "-f", "x.egg-info")
    git(repo, "commit", "-q", "-m", "x")
    write(repo, "x.egg-info/PKG-INFO", "2")
    assert identify_content(repo).dirty


def test_ignored_files_are_named_and_told_apart_but_no_part_of_the_tree(repo: Path) -> None:
    write(repo, ".env", "A=1")
    write(repo, "ignored/x", "1")
    write(repo, ".tox/x", "1")
    first = untouched(repo)
    assert first.tree == head(repo)[0]
    assert first.ignored == (".env",)
    write(repo, ".env", "A=2")
    second = identify_content(repo)
    assert second.tree == first.tree
    assert second.ignored_digest != first.ignored_digest


def test_same_tree_other_commit(repo: Path) -> None:
    before = identify_content(repo)
    git(repo, "commit", "-q", "--amend", "-m", "other words")
    after = identify_content(repo)
    assert before.tree == after.tree
    assert before.commit != after.commit


@pytest.mark.parametrize("flag", ["--assume-unchanged", "--skip-worktree"])
def test_files_that_git_overlooks_count_as_they_are_on_disk(repo: Path, tmp_path: Path, flag: str) -> None:
    git(repo, "update-index", flag, "a.py")
    assert not identify_content(repo).dirty
    write(repo, "a.py", "local settings\n")
    found = untouched(repo)
    assert found.dirty
    assert "a.py" in found.notes[0]
    git(repo, "update-index", f"--no{flag[1:]}", "a.py")
    assert found.tree == committed_copy(repo, tmp_path)


def test_a_sparse_checkout_is_what_is_on_disk(repo: Path) -> None:
    git(repo, "sparse-checkout", "set", "--no-cone", "/a.py")
    assert not (repo / "pkg").exists()
    found = untouched(repo)
    assert found.dirty
    assert found.tree != head(repo)[0]


def test_no_commits_yet(tmp_path: Path) -> None:
    root = tmp_path / "fresh"
    root.mkdir()
    git(root, "init", "-q")
    write(root, "a.py", "1\n")
    found = untouched(root)
    assert (found.commit, found.dirty, found.vcs) == ("", True, "git")
    assert found.tree == committed_copy(root, tmp_path)


def test_sha256_repository(tmp_path: Path) -> None:
    root = tmp_path / "sha256"
    root.mkdir()
    git(root, "init", "-q", "--object-format=sha256")
    write(root, "a.py", "1\n")
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", "x")
    assert len(identify_content(root).tree) == 64
    write(root, "b.py", "1\n")
    assert identify_content(root).tree == committed_copy(root, tmp_path)


def test_shallow_clone_and_linked_worktree(repo: Path, tmp_path: Path) -> None:
    write(repo, "a.py", "2\n")
    git(repo, "commit", "-qam", "two")
    git(tmp_path, "clone", "-q", "--depth=1", f"file://{repo}", "shallow")
    git(repo, "worktree", "add", "-q", str(tmp_path / "linked"))
    for place in ("shallow", "linked"):
        assert untouched(tmp_path / place).tree == head(repo)[0]
        write(tmp_path / place, "a.py", "3\n")
        found = untouched(tmp_path / place)
        assert found.dirty
        git(tmp_path / place, "commit", "-qam", "three")
        assert head(tmp_path / place)[0] == found.tree


def test_in_the_middle_of_a_rebase_with_a_conflict(repo: Path, tmp_path: Path) -> None:
    git(repo, "checkout", "-qb", "topic")
    write(repo, "a.py", "topic\n")
    git(repo, "commit", "-qam", "topic")
    git(repo, "checkout", "-q", "main")
    write(repo, "a.py", "main\n")
    git(repo, "commit", "-qam", "main")
    done = subprocess.run(["git", "rebase", "main", "topic"], cwd=repo, capture_output=True, check=False)
    assert done.returncode
    found = untouched(repo)
    assert found.dirty
    assert found.notes == ("a rebase is under way in this checkout",)
    assert found.tree == committed_copy(repo, tmp_path)
    assert "<<<<<<<" in git(tmp_path / "copy", "show", f"{found.tree}:a.py")


@pytest.fixture
def outer(tmp_path: Path) -> Iterator[Path]:
    inner = new(tmp_path / "inner")
    root = new(tmp_path / "outer")
    git(root, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(inner), "lib/inner")
    git(root, "commit", "-q", "-m", "submodule")
    yield root


def test_submodule_clean_moved_dirty_and_absent(outer: Path) -> None:
    sub = outer / "lib/inner"
    seen = [untouched(outer).tree]
    assert seen == [head(outer)[0]]
    write(sub, "new.py", "1")
    seen.append(untouched(outer).tree)
    write(sub, "new.py", "2")
    seen.append(untouched(outer).tree)
    git(sub, "add", "-A")
    seen.append(untouched(outer).tree)
    assert seen[-1] == seen[-2]
    git(sub, "commit", "-q", "-m", "x")
    moved = untouched(outer)
    git(outer, "add", "lib/inner")
    assert identify_content(outer).tree == moved.tree == git(outer, "write-tree")
    git(outer, "submodule", "--quiet", "deinit", "-f", "lib/inner")
    absent = untouched(outer)
    assert absent.dirty
    assert "lib/inner is not checked out" in absent.notes[0]
    assert len({*seen, moved.tree, absent.tree}) == 5


def test_a_submodule_of_a_submodule_that_is_absent_is_said(outer: Path, tmp_path: Path) -> None:
    most = new(tmp_path / "most")
    git(most, "submodule", "add", "-q", str(outer), "mid")
    git(most, "commit", "-q", "-m", "nested")
    found = untouched(most)
    assert found.dirty
    assert any(note.startswith("in mid: the submodule ") and "is not checked out" in note for note in found.notes)
    git(most, "submodule", "update", "-q", "--init", "--recursive")
    assert (untouched(most).dirty, untouched(most).notes) == (False, ())


def test_droppings_in_a_submodule_change_nothing(outer: Path) -> None:
    write(outer / "lib/inner", "pkg/__pycache__/b.pyc", "x")
    found = identify_content(outer)
    assert (found.tree, found.dirty) == (head(outer)[0], False)


def test_submodule_with_a_broken_git_folder(outer: Path) -> None:
    (outer / "lib/inner/.git").unlink()
    (outer / "lib/inner/.git").mkdir()
    assert identify_content(outer).tree != head(outer)[0]


def test_untracked_repositories_inside_count_with_what_is_in_them(repo: Path) -> None:
    nested = new(repo / "nested")
    empty = repo / "deep/empty"
    empty.mkdir(parents=True)
    git(empty, "init", "-q")
    seen = {untouched(repo).tree}
    write(nested, "a.py", "dirty\n")
    seen.add(untouched(repo).tree)
    write(empty, "x", "1")
    seen.add(untouched(repo).tree)
    assert len(seen) == 3


def test_a_project_in_a_subfolder_has_the_whole_repositorys_tree(repo: Path) -> None:
    assert identify_content(repo / "pkg").tree == head(repo)[0]
    write(repo, "a.py", "2\n")
    inner, outer = identify_content(repo / "pkg"), identify_content(repo)
    assert (inner.folder, outer.folder) == ("pkg", "")
    assert msgspec.structs.replace(inner, folder="") == outer
    assert identify_content(repo).dirty


def test_a_project_that_the_repository_around_it_ignores_is_not_its_content(repo: Path) -> None:
    write(repo, "ignored/project/a.py", "1")
    first = identify_content(repo / "ignored/project")
    assert first.vcs == "none"
    assert "ignores this directory" in first.notes[0]
    write(repo, "ignored/project/a.py", "2")
    assert identify_content(repo / "ignored/project").tree != first.tree


def test_a_repository_that_only_a_variable_names_is_said(
    repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.setenv("GIT_DIR", str(repo / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(tmp_path / "elsewhere"))
    found = identify_content(tmp_path / "elsewhere")
    assert found.tree.startswith("content-sha256:")
    assert "GIT_DIR names" in found.notes[0]


def test_outside_git(tmp_path: Path) -> None:
    write(tmp_path, "p/a.py", "1")
    found = identify_content(tmp_path / "p")
    assert found.tree.startswith("content-sha256:")
    assert (found.commit, found.dirty, found.vcs, found.notes) == ("", False, "none", ())


def test_bare_repository(repo: Path, tmp_path: Path) -> None:
    git(tmp_path, "clone", "-q", "--bare", str(repo), "bare.git")
    found = identify_content(tmp_path / "bare.git")
    assert found.vcs == "none"


def test_git_missing(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    found = identify_content(repo)
    assert found.vcs == "none"
    assert "install git" in found.notes[0]
    with pytest.raises(UnknownBaseError, match="git is not on PATH"):
        find_changed_paths(repo, "HEAD")


@pytest.mark.parametrize("what", ["index", "objects", "HEAD", "empty .git"])
def test_corrupt_repository_is_said_and_the_content_counted(repo: Path, what: str) -> None:
    if what == "index":
        (repo / ".git/index").write_bytes(b"DIRC garbage")
    elif what == "objects":
        shutil.rmtree(repo / ".git/objects")
        (repo / ".git/objects").mkdir()
    elif what == "HEAD":
        (repo / ".git/HEAD").write_text("rubbish\n")
    else:
        shutil.rmtree(repo / ".git")
        (repo / ".git").mkdir()
    found = identify_content(repo)
    assert found.vcs == "none"
    assert len(found.notes) == 1
    assert found.notes[0].startswith(f"the git repository of {repo} cannot identify the content")


def test_dubious_ownership_says_what_to_do(repo: Path) -> None:
    owner = pwd.getpwnam("nobody")
    for path in (repo, *repo.rglob("*")):
        os.chown(path, owner.pw_uid, owner.pw_gid, follow_symlinks=False)
    found = identify_content(repo)
    assert found.vcs == "none"
    assert f"git config --global --add safe.directory {repo}" in found.notes[0]


def test_a_hooks_variables_do_not_mislead(repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = new(tmp_path / "other", z="other")
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(other / ".git/index"))
    monkeypatch.setenv("GIT_WORK_TREE", str(other))
    found = identify_content(repo)
    for name in ("GIT_DIR", "GIT_INDEX_FILE", "GIT_WORK_TREE"):
        monkeypatch.delenv(name)
    assert found.tree == head(repo)[0]


def test_a_split_index_and_odd_settings_leave_nothing_behind(repo: Path, tmp_path: Path) -> None:
    for setting in ("core.splitIndex=true", "core.fsmonitor=touch pwned", "core.quotePath=true", "status.renames=true"):
        git(repo, "config", *setting.split("=", 1))
    git(repo, "update-index", "--split-index")
    write(repo, "ä b.py", "1")
    git(repo, "mv", "a.py", "c.py")
    (repo / "pwned").unlink(missing_ok=True)
    found = untouched(repo)
    assert not (repo / "pwned").exists()
    git(repo, "config", "--unset", "core.fsmonitor")
    assert found.tree == committed_copy(repo, tmp_path)


def test_a_repository_with_an_odd_path(tmp_path: Path) -> None:
    repo = new(tmp_path / 'a:b "c" \\ d')
    write(repo, "a.py", "2\n")
    assert untouched(repo).tree == committed_copy(repo, tmp_path)


def test_a_clean_repository_is_fast(tmp_path: Path) -> None:
    repo = new(tmp_path / "big", **{f"d{number % 50}/f{number}.py": str(number) for number in range(3000)})
    git(repo, "status")
    taken_s = []
    for _ in range(15):
        start = time.perf_counter()
        assert not identify_content(repo).dirty
        taken_s.append(time.perf_counter() - start)
    assert min(taken_s) < 0.1


def test_changed_paths_since_the_fork(repo: Path) -> None:
    git(repo, "checkout", "-qb", "topic")
    write(repo, "pkg/b.py", "topic\n")
    git(repo, "commit", "-qam", "topic")
    git(repo, "mv", "a.py", "moved.py")
    write(repo, "new.py", "1\n")
    write(repo, "x.pyc", "")
    git(repo, "checkout", "-q", "--detach", "main~0")
    write(repo, "only-main.py", "1\n")
    git(repo, "add", "only-main.py")
    git(repo, "stash", "-q")
    git(repo, "checkout", "-q", "topic")
    git(repo, "stash", "pop", "-q", "--index")
    found = find_changed_paths(repo, "main")
    assert found == ("a.py", "moved.py", "new.py", "only-main.py", "pkg/b.py")
    assert find_changed_paths(repo, "main", staged=True) == ("a.py", "moved.py", "only-main.py", "pkg/b.py")
    assert find_changed_paths(repo, "HEAD", staged=True) == ("a.py", "moved.py", "only-main.py")
    assert find_changed_paths(repo / "pkg", "main") == (
        "../a.py",
        "../moved.py",
        "../new.py",
        "../only-main.py",
        "b.py",
    )


def test_changed_paths_do_not_count_what_the_base_did_alone(repo: Path) -> None:
    git(repo, "checkout", "-qb", "topic")
    git(repo, "checkout", "-q", "main")
    write(repo, "a.py", "main\n")
    git(repo, "commit", "-qam", "main")
    git(repo, "checkout", "-q", "topic")
    assert find_changed_paths(repo, "main") == ()
    write(repo, "pkg/b.py", "on disk\n")
    assert find_changed_paths(repo, "topic", rev="main") == ("a.py",)
    assert find_changed_paths(repo, "main", rev="topic") == ()
    with pytest.raises(UnknownBaseError):
        find_changed_paths(repo, "main", rev="nowhere")


def test_staged_before_the_first_commit(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    write(tmp_path, "a.py", "1")
    git(tmp_path, "add", "a.py")
    assert find_changed_paths(tmp_path, "HEAD", staged=True) == ("a.py",)


def test_staged_reads_the_index_that_will_be_committed(repo: Path, tmp_path: Path) -> None:
    """`git commit FILE` hands the hook an index of its own."""
    out = tmp_path / "out"
    hook = repo / ".git/hooks/pre-commit"
    code = (
        "import sys; sys.path[:0] = sys.argv[2:]; from pathlib import Path;"
        "from envmatrix.vcs.changes import find_changed_paths;"
        "Path(sys.argv[1]).write_text(repr(find_changed_paths(Path.cwd(), 'HEAD', staged=True)))"
    )
    hook.write_text(f'#!/bin/sh\nexec {sys.executable} -c "{code}" {out} {" ".join(filter(None, sys.path))}\n')
    hook.chmod(0o755)
    write(repo, "a.py", "2\n")
    write(repo, "pkg/b.py", "3\n")
    git(repo, "add", "pkg/b.py")
    git(repo, "commit", "-q", "-m", "x", "a.py")
    assert out.read_text() == "('a.py',)"


@pytest.mark.parametrize("since", ["nowhere", "--all", "", "main:a.py", "\x1b[31m"])
def test_unknown_bases_are_said(repo: Path, since: str) -> None:
    if since == "":
        shutil.rmtree(repo / ".git")
    with pytest.raises(UnknownBaseError) as caught:
        find_changed_paths(repo, since)
    assert "\x1b" not in str(caught.value)


def test_a_base_beyond_a_shallow_clones_horizon_is_unknown(repo: Path, tmp_path: Path) -> None:
    git(repo, "checkout", "-q", "--orphan", "other")
    git(repo, "commit", "-q", "-m", "unrelated")
    with pytest.raises(UnknownBaseError, match="no common ancestor"):
        find_changed_paths(repo, "main")


def as_nobody(work: Callable[[], object]) -> str:
    """What work says when another user runs it."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.setgroups([])
            os.setgid(65534)
            os.setuid(65534)
            os.write(writing, repr(work()).encode())
        finally:
            os._exit(0)
    os.close(writing)
    os.waitpid(pid, 0)
    with os.fdopen(reading) as file:
        return file.read()


def open_up(path: Path) -> None:
    """Let other users reach a folder that pytest made for its own."""
    for folder in (path, *path.parents):
        if folder.stat().st_uid == os.getuid() and not folder.stat().st_mode & 0o001:
            folder.chmod(folder.stat().st_mode | 0o055)


def test_a_checkout_that_may_only_be_read(repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(repo, "a.py", "changed\n")
    write(repo, "new.py", "1\n")
    open_up(repo)
    for name, value in {"COUNT": "1", "KEY_0": "safe.directory", "VALUE_0": "*"}.items():
        monkeypatch.setenv(f"GIT_CONFIG_{name}", value)
    monkeypatch.setenv("HOME", "/nonexistent")
    expected = committed_copy(repo, tmp_path)
    assert as_nobody(lambda: identify_content(repo).tree) == repr(expected)
    (repo / "new.py").chmod(0)
    told = as_nobody(lambda: identify_content(repo))
    assert "vcs='none'" in told
    assert "new.py cannot be read and was counted as unreadable" in told


def test_without_any_folder_for_temporary_files(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(repo, "a.py", "changed\n")
    monkeypatch.setattr("tempfile.tempdir", str(repo / "a.py" / "nowhere"))
    found = identify_content(repo)
    assert found.vcs == "none"
    assert "no temporary directory can be used" in found.notes[0]


@pytest.mark.parametrize("setting", ["core.fileMode=false", "core.fileMode=true"])
def test_an_executable_bit_that_the_commit_lacks_is_content(repo: Path, tmp_path: Path, setting: str) -> None:
    git(repo, "config", *setting.split("="))
    (repo / "a.py").chmod(0o755)
    found = untouched(repo)
    assert found.dirty
    git(repo, "config", "core.fileMode", "true")
    assert found.tree == committed_copy(repo, tmp_path)


def test_a_bit_that_was_never_committed_makes_another_tree_than_the_commits(tmp_path: Path) -> None:
    repo = new(tmp_path / "repo")
    git(repo, "config", "core.fileMode", "false")
    write(repo, "tool.sh", "#!/bin/sh\n")
    (repo / "tool.sh").chmod(0o755)
    git(repo, "add", "-A")
    git(repo, "commit", "-q", "-m", "a tool")
    assert identify_content(repo).tree != head(repo)[0]
    git(tmp_path, "clone", "-q", str(repo), "clone")
    assert identify_content(tmp_path / "clone").tree == head(repo)[0]


def test_a_text_file_in_the_place_of_a_link_is_content(repo: Path) -> None:
    (repo / "link").symlink_to("a.py")
    git(repo, "add", "-A")
    git(repo, "commit", "-q", "-m", "a link")
    git(repo, "config", "core.symlinks", "false")
    assert not identify_content(repo).dirty
    (repo / "link").unlink()
    write(repo, "link", "a.py")
    assert untouched(repo).dirty


def test_a_file_whose_name_differs_in_case_is_content(repo: Path) -> None:
    git(repo, "config", "core.ignoreCase", "true")
    write(repo, "PKG/b.py", "2\n")
    found = untouched(repo)
    assert found.dirty


def test_an_edit_of_the_same_size_and_time_is_content(repo: Path, tmp_path: Path) -> None:
    git(repo, "config", "core.trustctime", "false")
    git(repo, "config", "core.checkStat", "minimal")
    os.utime(repo / "a.py", (1_000_000_000, 1_000_000_000))
    git(repo, "update-index", "--refresh")
    assert not identify_content(repo).dirty
    time.sleep(1.1)  # git compares whole seconds
    write(repo, "a.py", "2\n")
    os.utime(repo / "a.py", (1_000_000_000, 1_000_000_000))
    found = untouched(repo)
    assert found.dirty
    for setting in ("core.trustctime", "core.checkStat"):
        git(repo, "config", "--unset", setting)
    assert found.tree == committed_copy(repo, tmp_path)


@pytest.mark.parametrize(
    ("setting", "attributes"), [("core.autocrlf=input", ""), ("core.autocrlf=true", ""), ("", "* text=auto\n")]
)
def test_line_ends_that_git_converts_are_content(tmp_path: Path, setting: str, attributes: str) -> None:
    repo = new(tmp_path / "repo", **({".gitattributes": attributes} if attributes else {}))
    if setting:
        git(repo, "config", *setting.split("="))
    assert not identify_content(repo).dirty
    (repo / "a.py").write_bytes(b"1\r\n")
    (repo / "pkg/b.py").write_bytes(b"3\r\n4\r\n")
    found = untouched(repo)
    assert found.dirty
    assert "a.py, pkg/b.py" in found.notes[0]
    assert found.tracked.keys() == {"HEAD", "a.py", "pkg/b.py"}
    (repo / ".gitattributes").unlink(missing_ok=True)
    git(repo, "config", "core.autocrlf", "false")
    git(repo, "add", "-A")
    if attributes:
        git(repo, "checkout", "HEAD", "--", ".gitattributes")
    assert found.tree == git(repo, "write-tree")


def test_line_ends_that_every_checkout_has_are_no_change(tmp_path: Path) -> None:
    repo = new(tmp_path / "repo", **{".gitattributes": "*.bat eol=crlf\n*.bin -text\n", "b.bin": "1\n"})
    (repo / "run.bat").write_bytes(b"1\r\n")
    git(repo, "add", "-A")
    git(repo, "commit", "-q", "-m", "a batch file")
    assert git(repo, "ls-files", "--eol", "run.bat").startswith("i/lf    w/crlf")
    found = untouched(repo)
    assert (found.tree, found.notes) == (head(repo)[0], ())


def test_no_hook_of_a_repository_is_run(repo: Path, tmp_path: Path) -> None:
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    for name in ("post-index-change", "reference-transaction", "fsmonitor-watchman"):
        (hooks / name).write_text(f"#!/bin/sh\ntouch {tmp_path}/ran-{name}\n")
        (hooks / name).chmod(0o755)
    git(repo, "config", "core.hooksPath", str(hooks))
    git(repo, "config", "core.fsmonitor", str(hooks / "fsmonitor-watchman"))
    write(repo, "a.py", "changed\n")
    git(repo, "update-index", "--assume-unchanged", "pkg/b.py")
    write(repo, "pkg/b.py", "hidden\n")
    for ran in tmp_path.glob("ran-*"):
        ran.unlink()
    assert identify_content(repo).dirty
    assert not list(tmp_path.glob("ran-*"))


def test_replaced_objects_and_grafted_parents_are_not_believed(repo: Path) -> None:
    write(repo, "a.py", "2\n")
    git(repo, "commit", "-q", "-a", "-m", "two")
    tree, commit = head(repo)
    git(repo, "replace", "HEAD", "HEAD~1")
    found = identify_content(repo)
    git(repo, "replace", "-d", commit)
    assert (found.tree, found.commit, found.dirty) == (tree, commit, False)
    (repo / ".git/info/grafts").write_text(f"{commit}\n")
    assert find_changed_paths(repo, "HEAD~1") == ("a.py",)


INI = """[tox]
skipsdist = true
env_list = t
[testenv]
pass_env = *
commands = python -m unittest -v test_git
"""
HOOKED = """import os, subprocess, tempfile, unittest


class Git(unittest.TestCase):
    def test_a_repository_of_its_own(self):
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run(["git", "init", "-q", "."], cwd=folder, check=True)
            self.assertTrue(os.path.isdir(os.path.join(folder, ".git")))
        self.assertEqual([name for name in os.environ if name.startswith("GIT_I") or name == "GIT_DIR"], [])
"""


def test_a_hook_in_a_linked_worktree_has_no_test_change_the_repository(tmp_path: Path) -> None:
    repo = new(tmp_path / "repo", **{"tox.ini": INI, "test_git.py": HOOKED})
    hook = repo / ".git/hooks/pre-commit"
    program = Path(sys.executable).with_name("envmatrix")
    hook.write_text(f"#!/bin/sh\nexec {program} run tox:t --store {tmp_path}/store\n")
    hook.chmod(0o755)
    git(repo, "worktree", "add", "-q", "-b", "side", str(tmp_path / "side"))
    write(tmp_path / "side", "a.py", "2\n")
    git(tmp_path / "side", "commit", "-q", "-a", "-m", "two")
    assert git(repo, "config", "--type=bool", "core.bare") == "false"


@pytest.mark.parametrize("driver", ["process", "clean"])
def test_a_filter_whose_program_is_missing_is_named_with_a_remedy(repo: Path, driver: str) -> None:
    write(repo, ".gitattributes", "*.bin filter=lfs\n")
    write(repo, "data.bin", "1\n")
    git(repo, "add", "-A")
    git(repo, "commit", "-q", "-m", "data")
    git(repo, "config", f"filter.lfs.{driver}", "git-no-such-lfs filter-process")
    git(repo, "config", "filter.lfs.required", "true")
    write(repo, "data.bin", "22\n")
    found = identify_content(repo)
    assert found.vcs == "none"
    assert "git-no-such-lfs" in found.notes[0]
    assert "install git-no-such-lfs" in found.notes[0]
