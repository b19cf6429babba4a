"""In a cell that promises libvirt: the survey says of this interpreter what its bindings say of themselves."""

import os
import sys

import libvirt

from envmatrix.host.model import PythonRequest
from envmatrix.host.survey import survey


def test_the_survey_agrees_with_the_bindings():
    number = libvirt.getVersion()
    connection = libvirt.open("test:///default")
    assert connection.getType() == "TEST"
    connection.close()
    request = PythonRequest(spec=(sys._base_executable,), system_site_packages=True, requires=("libvirt",))
    (candidate,) = survey([request], {}, environ=dict(os.environ))[request].candidates
    (finding,) = candidate.findings
    assert (candidate.refused, finding.status, finding.where) == ("", "ok", libvirt.__file__)
    assert finding.version == f"{number // 1_000_000}.{number // 1_000 % 1_000}.{number % 1_000}"
