from envmatrix.engine.launcher.request import ProcessRequest, decode_request


def test_what_is_no_text_comes_through():
    request = ProcessRequest(
        kind="exec",
        argv=("ls", "a\udcff"),
        cwd="/b\udcfe",
        environ={"C\udcfd": "\udcfc", "D": "\u00fc\n"},
        mark=("E", "\udcfb"),
    )
    assert decode_request(request.encode()) == request
    assert decode_request(ProcessRequest(kind="preload").encode()) == ProcessRequest(kind="preload")
