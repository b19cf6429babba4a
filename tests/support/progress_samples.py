"""A plan of four cells, and evidence of two, for the tests of progress."""

from envmatrix.config.model import Cell
from envmatrix.evidence.model import Evidence, HostRecord, TestResult
from envmatrix.host.model import Interpreter
from envmatrix.plan import Blocked, NotRelevant, Plan, Reason, Runnable

PYTHON = Interpreter(path="/usr/bin/python3.11", version="3.11.2")


def plan(*runnable: str) -> Plan:
    """A plan of runnable cells, a blocked and one that is not relevant."""
    broker = Reason(code="absent", capability="rabbitmq", message="rabbitmq: there is no program rabbitmq-server")
    return Plan(
        matrix_digest="sha256:0",
        cells=(
            *(Runnable(cell=Cell(name=name, profile=name), interpreter=PYTHON) for name in runnable),
            Blocked(cell=Cell(name="queue", profile="queue"), reasons=(broker,)),
            NotRelevant(cell=Cell(name="docs", profile="docs"), rule="nothing in docs/ changed"),
        ),
    )


def evidence(cell: str, *outcomes: str, state: str = "finished", log: str = "") -> Evidence:
    """What a cell's run left, one test per outcome."""
    return Evidence(
        id=cell,
        run_id="run",
        project="p",
        tree="t",
        commit="",
        dirty=False,
        matrix_digest="sha256:0",
        cell=cell,
        profile=cell,
        axes={},
        state=state,
        host=HostRecord(name="h"),
        started="2026-01-01T00:00:00Z",
        finished="2026-01-01T00:00:02Z",
        duration_s=2.0,
        tests=tuple(TestResult(id=f"t{number}", outcome=outcome) for number, outcome in enumerate(outcomes)),
        log=log,
    )
