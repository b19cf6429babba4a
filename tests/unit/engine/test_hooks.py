import types

import pytest
from pluggy import HookimplMarker, PluginManager

from envmatrix.engine import hooks

mark = HookimplMarker("sample")


@pytest.fixture
def looked(monkeypatch):
    """The attributes that pluggy itself was asked about."""
    seen = []
    plain = PluginManager.parse_hookimpl_opts

    def parse(self, plugin, name):
        seen.append(name)
        return plain(self, plugin, name)

    monkeypatch.setattr(PluginManager, "parse_hookimpl_opts", parse)
    hooks.remember()
    return seen


def module(name="plugin"):
    made = types.ModuleType(name)

    @mark
    def greet():
        return f"hello from {name}"

    made.greet = greet
    return made


def manager(plugin):
    found = PluginManager("sample")
    found.register(plugin)
    return found


def test_each_attribute_of_a_module_is_looked_at_once(looked):
    plugin = module()
    for _ in range(3):
        assert manager(plugin).hook.greet() == ["hello from plugin"]
    assert looked.count("greet") == 1


def test_another_module_of_the_same_name_is_looked_at(looked):
    first, second = module(), types.ModuleType("plugin")
    assert manager(first).hook.greet() == ["hello from plugin"]
    assert not hasattr(manager(second).hook, "greet")
    second.greet = first.greet
    assert looked.count("greet") == 1


def test_what_is_no_module_is_looked_at_each_time(looked):
    class Plugin:
        @mark
        def greet(self):
            return "hello"

    plugin = Plugin()
    for _ in range(2):
        assert manager(plugin).hook.greet() == ["hello"]
    assert looked.count("greet") == 2


def test_what_pluggy_does_to_its_answer_reaches_no_other_manager(looked):
    plugin = module()
    first = PluginManager("sample").parse_hookimpl_opts(plugin, "greet")
    first["specname"] = "other"
    assert PluginManager("sample").parse_hookimpl_opts(plugin, "greet")["specname"] is None


def test_tox_finds_the_same_hooks_after_a_rehearsal(looked):
    from tox.plugin.manager import Plugin

    hooks.rehearse()
    looked.clear()
    again = Plugin()
    again.load_plugins(None)
    assert looked == []
    names = {name for name, _ in again.manager.list_name_plugin()}
    assert "tox.session.cmd.run.sequential" in names
    assert any(
        impl.plugin.__name__ == "envmatrix.engine.plugin"
        for impl in again.manager.hook.tox_add_core_config.get_hookimpls()
    )
