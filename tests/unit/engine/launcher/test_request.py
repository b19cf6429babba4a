from envmatrix.engine.launcher.request import Request, decode


def test_what_is_no_text_comes_through():
    request = Request(
        kind="exec",
        argv=("ls", "a\udcff"),
        cwd="/b\udcfe",
        environ={"C\udcfd": "\udcfc", "D": "\u00fc\n"},
        mark=("E", "\udcfb"),
    )
    assert decode(request.encode()) == request
    assert decode(Request(kind="preload").encode()) == Request(kind="preload")
