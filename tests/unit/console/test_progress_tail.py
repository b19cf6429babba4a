import json

from envmatrix.console.progress_tail import Follower


def event(**fields):
    return json.dumps(fields) + "\n"


def result(name, outcome, **more):
    return json.dumps({"t": "r", "s": "1.1", "id": name, "o": outcome, "d": 0.1, **more}, separators=(",", ":")) + "\n"


def add(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        file.write(text)


def test_nothing_is_known_of_a_cell_that_wrote_nothing(tmp_path):
    seen = Follower(tmp_path / "absent").read_progress()
    assert (seen.phase, seen.done, seen.total) == ("", 0, 0)


def test_tests_are_counted_as_they_end(tmp_path):
    follower, record = Follower(tmp_path), tmp_path / "record" / "1-a.jsonl"
    add(record, json.dumps({"s": "1.1", "ids": ["a", "b", "c"], "t": "collected"}, separators=(",", ":")) + "\n")
    add(record, result("a", "passed") + result("b", "skipped", r="no libvirt")[:20])
    seen = follower.read_progress()
    assert (seen.done, seen.skipped, seen.total) == (1, 0, 3)
    add(record, result("b", "skipped", r="no libvirt")[20:])
    add(tmp_path / "record" / "2-b.jsonl", result("c", "error"))
    seen = follower.read_progress()
    assert (seen.done, seen.failed, seen.skipped, seen.total) == (3, 1, 1, 3)


def test_an_id_that_looks_like_an_outcome_is_none(tmp_path):
    add(tmp_path / "record" / "1-a.jsonl", result('test[{"o":"failed"}]', "passed"))
    seen = Follower(tmp_path).read_progress()
    assert (seen.done, seen.failed) == (1, 0)


def test_phases_are_told_in_words(tmp_path):
    follower, events = Follower(tmp_path), tmp_path / "events.jsonl"
    install = ["python", "-I", "-m", "pip", "install", "PyMySQL", "--pre", "pytest"]
    for fields, phase in (
        ({"event": "begin", "cell": "unit"}, "creating the environment"),
        ({"event": "command_start", "run_id": "install_deps", "argv": install}, "installing PyMySQL, pytest"),
        ({"event": "command_start", "run_id": "_optional_hooks", "argv": ["python"]}, "building the project"),
        ({"event": "command_start", "run_id": "build_wheel", "argv": ["python"]}, "building the project"),
        ({"event": "command_start", "run_id": "install_package", "argv": []}, "installing the project"),
        ({"event": "command_start", "run_id": "freeze", "argv": []}, "installing the project"),
        ({"event": "command_start", "run_id": "commands_pre[0]", "argv": ["/bin/make", "db"]}, "preparing: make db"),
        ({"event": "command_start", "run_id": "commands[0]", "argv": ["pytest", "-q"]}, "running: pytest -q"),
        ({"event": "command", "run_id": "commands[0]"}, "running: pytest -q"),
    ):
        add(events, event(**fields))
        assert follower.read_progress().phase == phase


def test_lines_that_are_no_json_are_passed_over(tmp_path):
    add(tmp_path / "events.jsonl", 'nothing\n[]\n"x"\n')
    add(tmp_path / "record" / "1-a.jsonl", '{"t":"r"\n[1]\n{"ids":3,"t":"collected"}\nx"t":"collected"}\n')
    assert Follower(tmp_path).read_progress().done == 0
