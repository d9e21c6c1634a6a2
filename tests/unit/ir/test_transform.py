"""Passes as values, contexts with options, and what happens around passes."""

from __future__ import annotations

import io
import threading
from pathlib import Path

import pytest

from pellucid import relax
from pellucid.ir.instruments import (
    PassInstrument,
    PassTimingInstrument,
    PrintAfter,
    PrintBefore,
    Save,
    Verify,
    pass_instrument,
)
from pellucid.ir.module import IRModule
from pellucid.ir.transform import (
    ModulePass,
    Pass,
    PassContext,
    PassInfo,
    Sequential,
    module_pass,
    passes,
    register_pass_option,
)
from pellucid.script import from_source
from pellucid.support.errors import ConfigError, PassError, RegistryError

T4 = relax.TensorStructInfo((4,), "float32")


def module() -> IRModule:
    x = relax.Var("x", T4)
    return IRModule({"main": relax.Function([x], x, T4, attrs={"global_symbol": "main"})})


def mark(name: str, opt_level: int = 0, required: tuple[object, ...] = ()) -> Pass:
    """A pass that counts its runs in a module attribute of its name."""

    @module_pass(opt_level=opt_level, name=name, required=required)
    def run(mod: IRModule, ctx: PassContext) -> IRModule:
        return mod.with_attr(name, (mod.get_attr(name) or 0) + 1)

    return run


def test_a_function_as_pass() -> None:
    @module_pass(opt_level=2, name="Mark")
    def the_pass(mod: IRModule, ctx: PassContext) -> IRModule:
        """Marks the module."""
        return mod.with_attr("level", ctx.opt_level)

    assert isinstance(the_pass, ModulePass)
    assert [the_pass.info.name, the_pass.info.opt_level] == ["Mark", 2]
    assert the_pass.__doc__ == "Marks the module."
    with PassContext(opt_level=3):
        assert the_pass(module()).get_attr("level") == 3
    assert the_pass(module()).get_attr("level") == 2


def test_a_class_as_pass() -> None:
    @module_pass(opt_level=1)
    class Mark:
        """Marks the module."""

        def __init__(self, value: int = 1) -> None:
            self.value = value

        def transform_module(self, mod: IRModule, ctx: PassContext) -> IRModule:
            return mod.with_attr("mark", self.value)

    assert Mark.__name__ == "Mark"
    assert Mark.__doc__ == "Marks the module."
    assert Mark(5)(module()).get_attr("mark") == 5
    assert Mark(value=6).value == 6
    assert isinstance(Mark(), Pass)


def test_a_class_without_its_method() -> None:
    with pytest.raises(PassError) as caught:

        @module_pass
        class Wrong:
            def transform_modul(self, mod: IRModule, ctx: PassContext) -> IRModule:
                return mod

    assert str(caught.value) == (
        "The class 'Wrong' has no method 'transform_module'.\n"
        "  cure: did you mean 'transform_modul'?"
    )


def test_a_pass_leaves_its_module_alone() -> None:
    mod = module()
    assert mark("a")(mod).get_attr("a") == 1
    assert mod.get_attr("a") is None


def test_what_is_no_module() -> None:
    with pytest.raises(PassError) as caught:
        mark("a")(module()["main"])
    assert str(caught.value) == (
        "The pass 'a' was called on something that is no module.\n"
        "  expected: an IRModule\n"
        "  found: Function\n"
        "  cure: wrap a single function: IRModule.from_expr(f)"
    )


def test_a_pass_that_returns_no_module() -> None:
    @module_pass(name="Broken")
    def broken(mod: IRModule, ctx: PassContext) -> None:
        return None

    with pytest.raises(PassError, match="The pass 'Broken' returned no module"):
        broken(module())


def test_a_sequence_runs_what_the_context_enables() -> None:
    pipeline = Sequential([mark("a"), mark("b", 3), mark("c", 1)], name="pipeline")

    def ran(**options: object) -> list[str]:
        with PassContext(**options):
            return sorted(pipeline(module()).attrs.keys())

    assert ran() == ["a", "c"]
    assert ran(opt_level=3) == ["a", "b", "c"]
    assert ran(opt_level=0) == ["a"]
    assert ran(disabled_pass=["a"]) == ["c"]
    assert ran(required_pass=["b"], opt_level=0) == ["a", "b"]
    # Called by itself a pass runs at any level.
    with PassContext(opt_level=0):
        assert mark("b", 3)(module()).get_attr("b") == 1


def test_required_passes_come_first() -> None:
    first = mark("first")
    assert Sequential([mark("a", 0, (first,))])(module()).get_attr("first") == 1
    passes.register("test.first", lambda: first)
    try:
        assert Sequential([mark("a", 0, ("test.first",))])(module()).get_attr("first") == 1
    finally:
        passes.remove("test.first")
    with pytest.raises(RegistryError, match=r"There is no pass named 'test\.frist'"):
        Sequential([mark("a", 0, ("test.frist",))])(module())


def test_contexts_nest_and_belong_to_their_thread() -> None:
    seen: list[int] = []
    with PassContext(opt_level=3) as outer:
        assert PassContext.current() is outer
        with PassContext(opt_level=1):
            thread = threading.Thread(target=lambda: seen.append(PassContext.current().opt_level))
            thread.start()
            thread.join()
            assert PassContext.current().opt_level == 1
        assert PassContext.current() is outer
    assert seen == [2]
    assert PassContext.current().opt_level == 2


def test_a_context_is_left_after_an_error() -> None:
    with pytest.raises(ZeroDivisionError), PassContext(opt_level=3):
        raise ZeroDivisionError
    assert PassContext.current().opt_level == 2


def test_options() -> None:
    assert PassContext().get("verify") is False
    assert PassContext(config={"verify": True}).get("verify") is True
    assert "verify" in PassContext.list_configs()
    with pytest.raises(ConfigError) as caught:
        PassContext(config={"verfy": True})
    assert str(caught.value) == ("There is no pass option 'verfy'.\n  cure: did you mean 'verify'?")
    with pytest.raises(ConfigError) as caught:
        PassContext(config={"verify": 1})
    assert str(caught.value) == (
        "The pass option 'verify' has a value of the wrong type.\n  expected: bool\n  found: int: 1"
    )


def test_an_option_of_ones_own() -> None:
    register_pass_option("test.depth", int, 7, "how deep")
    assert PassContext().get("test.depth") == 7
    assert PassContext(config={"test.depth": 9}).get("test.depth") == 9
    with pytest.raises(ConfigError, match="expected: int"):
        PassContext(config={"test.depth": True})
    with pytest.raises(RegistryError, match="already registered"):
        register_pass_option("test.depth", int, 7, "how deep")


class Log(PassInstrument):
    """Notes what it is told."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def enter_pass_ctx(self) -> None:
        self.lines.append("enter")

    def exit_pass_ctx(self) -> None:
        self.lines.append("exit")

    def should_run(self, mod: IRModule, info: PassInfo) -> bool:
        return info.name != "skipped"

    def run_before_pass(self, mod: IRModule, info: PassInfo) -> None:
        self.lines.append(f"before {info.name}")

    def run_after_pass(self, mod: IRModule, info: PassInfo) -> None:
        self.lines.append(f"after {info.name}")


def test_instruments_are_told_everything() -> None:
    log = Log()
    with PassContext(instruments=[log]):
        after = Sequential([mark("a"), mark("skipped")], name="both")(module())
    assert log.lines == ["enter", "before both", "before a", "after a", "after both", "exit"]
    assert after.get_attr("skipped") is None


def test_a_class_with_some_methods_is_an_instrument() -> None:
    names: list[str] = []

    @pass_instrument
    class Names:
        def run_before_pass(self, mod: IRModule, info: PassInfo) -> None:
            names.append(info.name)

    with PassContext(instruments=[Names()]):
        mark("a")(module())
    assert names == ["a"]
    with pytest.raises(PassError) as caught:

        @pass_instrument
        class Wrong:
            def run_after_pass(self, mod: IRModule, info: PassInfo) -> None:
                pass

            def run_befor_pass(self, mod: IRModule, info: PassInfo) -> None:
                pass

    assert str(caught.value).startswith("An instrument has no method 'run_befor_pass'.\n  cure:")
    with pytest.raises(PassError, match="has no method of an instrument"):
        pass_instrument(type("Nothing", (), {}))


def test_printing() -> None:
    before, after, changed = io.StringIO(), io.StringIO(), io.StringIO()
    idle = module_pass(lambda mod, ctx: mod, name="idle")
    with PassContext(
        instruments=[
            PrintBefore("a", file=before),
            PrintAfter(["a", "idle"], file=after),
            PrintAfter(file=changed, changed_only=True),
        ]
    ):
        idle(mark("a")(module()))
    assert before.getvalue().startswith("# before a\n")
    assert after.getvalue().count("# after ") == 2
    assert changed.getvalue().startswith("# after a\n")
    assert changed.getvalue().count("# after ") == 1


def test_timing() -> None:
    timing = PassTimingInstrument()
    with PassContext(instruments=[timing]):
        Sequential([mark("a"), mark("b")], name="both")(module())
    assert [name for name, _ in timing.times] == ["both", "a", "b"]
    lines = timing.render().splitlines()
    assert lines[0].split() == ["ms", "share", "pass"]
    assert [line.split("%")[1] for line in lines[1:]] == ["  both", "    a", "    b", "  in all"]
    assert "100.0%" in lines[1]


def test_saving_each_stage(tmp_path: Path) -> None:
    with PassContext(instruments=[Save(tmp_path / "stages")]):
        Sequential([mark("a"), mark("b")], name="both")(module())
    names = sorted(path.name for path in (tmp_path / "stages").iterdir())
    assert names == ["000_input.py", "001_a.py", "002_b.py", "003_both.py"]
    saved = from_source((tmp_path / "stages" / "002_b.py").read_text("utf-8"))
    assert dict(saved.attrs.items()) == {"a": 1, "b": 1}


def ill_formed(mod: IRModule, ctx: PassContext) -> IRModule:
    """A pass that breaks its contract."""
    y = relax.Var("y", T4)
    return IRModule({"main": mod["main"].replace(body=relax.SeqExpr((), y))})


@pytest.mark.parametrize("context", [{"config": {"verify": True}}, {"instruments": [Verify()]}])
def test_a_broken_contract_names_the_pass(context: dict[str, object]) -> None:
    broken = module_pass(ill_formed, name="Broken")
    with PassContext(**context), pytest.raises(PassError) as caught:
        broken(module())
    assert caught.value.message.startswith(
        "The pass 'Broken' made an ill-formed module: In the function 'main': the variable 'y' is "
        "used before it is defined."
    )
    wrong = broken(module())
    with PassContext(**context), pytest.raises(PassError, match="'a' was given an ill-formed"):
        mark("a")(wrong)


@pytest.mark.parametrize(
    ("level", "wanted"), [(0, []), (1, ["[pass] a:", "[pass] idle:"]), (2, ["@I.ir_module"])]
)
def test_debug_levels(
    level: int,
    wanted: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("PELLUCID_DEBUG", str(level))
    idle = module_pass(lambda mod, ctx: mod, name="idle")
    Sequential([mark("a"), idle])(module())
    text = capsys.readouterr().err
    assert all(each in text for each in wanted)
    assert text.count("[pass]") == (2 if level else 0)
    assert text.count("class Module") == (1 if level == 2 else 0)
    assert ("nothing changed" in text) is (level > 0)
