import msgspec

from envmatrix.verdict.model import SeenIn


def test_class_is_spelt_class_in_json():
    assert msgspec.json.encode(SeenIn(cell="a", reason="b", class_="capability")) == (
        b'{"cell":"a","reason":"b","class":"capability"}'
    )
