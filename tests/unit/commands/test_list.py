from envmatrix.commands.list import Listing
from envmatrix.config.model import Profile


def listed(description):
    profile = Profile(name="unit", description=description, origin="profiles/unit.toml")
    return Listing(tox_file="tox.ini", profiles=((profile, ("unit",), True),)).render_text().splitlines()[:-2]


def test_a_profile_is_one_line_where_that_is_short_enough():
    assert listed("The whole suite") == ["* unit  The whole suite  [profiles/unit.toml]"]
    assert listed("") == ["* unit    [profiles/unit.toml]"]


def test_a_longer_description_is_wrapped_and_where_it_is_from_below_it():
    assert listed("word " * 16) == [
        "* unit  " + "word " * 13 + "word",
        "        word word",
        "        [profiles/unit.toml]",
    ]
