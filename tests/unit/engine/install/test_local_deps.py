import pytest

from envmatrix.engine.install.local_deps import names_files_above

HERE = "os.path.dirname(os.path.abspath(__file__))"


@pytest.mark.parametrize(
    ("text", "alone", "below"),
    [
        ('packages = ["demo"]\ndescription = "Ends in ..."', False, False),
        (f"here = {HERE}", False, False),
        ("here = Path(__file__).parent", False, False),
        ('exclude = ["/tests"]', False, False),
        ("package_dir =\n    = ../sibling/src", True, False),
        (f'up = os.path.join(os.path.dirname({HERE}), "sibling")', True, False),
        ("up = Path(__file__).parent.parent", True, False),
        ('up = os.path.abspath("..")', True, False),
        ("up = os.path.join(here, os.pardir)", True, False),
        ('where = ["../../elsewhere"]', True, True),
        ('include = ["/etc/hostname"]', True, True),
    ],
)
def test_paths_that_leave_the_project_or_its_repository(tmp_path, text, alone, below):
    root = tmp_path / "repository" / "project"
    root.mkdir(parents=True)
    assert names_files_above(root, text.encode(), top=None) == alone
    assert names_files_above(root, text.encode(), top=root.parent) == below
