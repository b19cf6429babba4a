from envmatrix.engine.launcher.leftovers import shorten_command


def test_a_command_line_is_kept_as_text_and_not_whole():
    assert shorten_command(["tail", "-f", "d\udcff/\u00fc"]) == ("tail", "-f", "d\\xff/\u00fc")
    assert [len(word) for word in shorten_command(["x" * 1000] * 100)] == [300] * 40
