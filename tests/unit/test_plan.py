import pytest

from envmatrix.config.model import Cell, Matrix, Profile, Project
from envmatrix.host.model import Answer, Candidate, Finding, Interpreter
from envmatrix.plan import Blocked, NotRelevant, Runnable, ToxEnv, make_plan, needs_tox, request_for

SYSTEM = Interpreter(path="/usr/bin/python3.11", version="3.11.2", origin="system")
OTHER = Interpreter(path="/opt/python3.11", version="3.11.7", origin="pyenv")
PROJECT = Project(root="/project", tox_file="tox.ini", requires_python=">=3.9", base_python=("python3",))


def matrix_of(*cells):
    profiles = {cell.profile: Profile(name=cell.profile, origin="profiles/x.toml") for cell in cells}
    return Matrix(project=PROJECT, profiles=profiles, capabilities={}, cells=cells, digest="sha256:0")


def planned(cell, answer=None, tox_env=None, **options):
    answers = {} if answer is None else {request_for(cell, PROJECT, tox_env): answer}
    facts = {} if tox_env is None else {cell.name: tox_env}
    (one,) = make_plan(matrix_of(cell), answers, tox_envs=facts, platform="linux", **options).cells
    return one


def answer_to(cell, *candidates, findings=()):
    return Answer(request=request_for(cell, PROJECT), candidates=candidates, findings=findings)


LIBVIRT = Cell(name="virt", profile="virt", requires=("libvirt",), system_site_packages=True)
ABSENT = Finding(
    capability="libvirt",
    status="absent",
    message="no libvirt in the other",
    remedy="apt-get install",
    interpreter=OTHER.path,
)
FOUND = Finding(capability="libvirt", status="ok", version="9.0.0", interpreter=SYSTEM.path)


def test_the_first_candidate_that_will_do_is_taken_and_the_others_are_kept():
    refused = Candidate(interpreter=OTHER, findings=(ABSENT,), refused="no libvirt")
    one = planned(LIBVIRT, answer_to(LIBVIRT, refused, Candidate(interpreter=SYSTEM, findings=(FOUND,))))
    assert isinstance(one, Runnable)
    assert one.interpreter == SYSTEM
    assert one.findings == (FOUND,)
    assert [candidate.interpreter for candidate in one.considered] == [OTHER, SYSTEM]


def test_a_capability_that_no_candidate_has_blocks_once_and_a_broken_one_speaks_first():
    broken = Finding(
        capability="libvirt", status="broken", message="undefined symbol", remedy="rebuild", interpreter=SYSTEM.path
    )
    one = planned(
        LIBVIRT,
        answer_to(
            LIBVIRT,
            Candidate(interpreter=OTHER, findings=(ABSENT,), refused="no libvirt"),
            Candidate(interpreter=SYSTEM, findings=(broken,), refused="broken"),
        ),
    )
    assert isinstance(one, Blocked)
    (reason,) = one.reasons
    assert (reason.code, reason.remedy) == ("broken", "rebuild")
    assert reason.message == f"undefined symbol. Nor does it import in {OTHER.path}."


def test_a_host_that_lacks_the_service_blocks_although_an_interpreter_will_do():
    cell = Cell(name="db", profile="db", services=("mysql",), system_site_packages=False)
    lacking = Finding(
        capability="mysql", status="absent", message="no mariadbd", remedy="apt-get install mariadb-server"
    )
    one = planned(cell, answer_to(cell, Candidate(interpreter=SYSTEM), findings=(lacking,)))
    assert isinstance(one, Blocked)
    assert [(reason.code, reason.capability) for reason in one.reasons] == [("absent", "mysql")]


@pytest.mark.parametrize(("pattern", "runs"), [("win32", False), ("linux|darwin", True), ("lin", False), ("", True)])
def test_a_platform_of_tox_is_matched_whole_and_blocks(pattern, runs):
    cell = Cell(name="own", profile="tox:own", tox_env="own")
    tox_env = ToxEnv(name="own", platform=pattern)
    answer = Answer(request=request_for(cell, PROJECT, tox_env), candidates=(Candidate(interpreter=SYSTEM),))
    one = planned(cell, answer, tox_env)
    assert isinstance(one, Runnable) is runs
    if isinstance(one, Blocked):
        assert one.reasons[0].code == "platform"


def test_what_is_not_relevant_keeps_its_rule_and_is_not_asked_about():
    rule = NotRelevant(cell=LIBVIRT, rule="[relevant] paths", paths=("README",))
    assert planned(LIBVIRT, not_relevant={"virt": rule}) == rule


def test_only_tox_knows_the_environments_that_a_profile_leaves_to_it():
    assert needs_tox(Cell(name="a", profile="a"))
    assert needs_tox(Cell(name="a", profile="a", tox_env="b", system_site_packages=True))
    assert not needs_tox(Cell(name="a", profile="a", system_site_packages=False))


def test_a_pinned_python_wins_over_what_the_project_asks_for():
    cell = Cell(name="a-py310", profile="a", python="3.10", system_site_packages=False)
    assert request_for(cell, PROJECT).spec == ()
    assert request_for(Cell(name="a", profile="a", system_site_packages=False), PROJECT).spec == ("python3",)
