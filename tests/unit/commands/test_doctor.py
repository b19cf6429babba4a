import pytest

from envmatrix.commands.doctor import make_labels
from envmatrix.host.model import Finding

FINDINGS = [
    Finding(capability="python3.11", status="ok", interpreter="/a"),
    Finding(capability="libvirt", status="ok"),
    Finding(capability="python3.11", status="ok", interpreter="/b"),
    Finding(capability="mysql", status="absent"),
    Finding(capability="kvm", status="broken"),
]


@pytest.mark.parametrize(
    ("style", "text"),
    [
        ("jenkins", "cap-libvirt cap-python3.11"),
        ("labels-file", "cap-libvirt cap-python3.11\n"),
        ("github", "cap-libvirt,cap-python3.11"),
        ("gitlab", "cap-libvirt,cap-python3.11"),
        ("dask", "cap-libvirt=1 cap-python3.11=1"),
    ],
)
def test_labels_are_sorted_and_say_only_what_is_ok(style: str, text: str) -> None:
    assert make_labels(FINDINGS, style) == text
