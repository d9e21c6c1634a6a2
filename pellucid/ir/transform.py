"""Passes: functions from module to module, as values with a name, and how they are run.

    @module_pass(opt_level=1, name="Fold")
    def fold(mod, ctx): return ...

    with PassContext(opt_level=3, instruments=[PassTimingInstrument()]):
        mod = Sequential([fold, relax.transform.DeadCodeElimination()])(mod)

A pass leaves the module it is given alone and returns a new one, or the same object when there is
nothing to do. Options come from the `PassContext`; printing, timing, checking and saving are
instruments around passes, never inside. Contexts are per thread.
"""

from __future__ import annotations

import inspect
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextvars import ContextVar, Token
from typing import Any, Protocol, cast

from pellucid.ir import hooks
from pellucid.ir.function import BaseFunc
from pellucid.ir.module import IRModule
from pellucid.support import config as environment
from pellucid.support.errors import ConfigError, PassError, PellucidError, did_you_mean
from pellucid.support.registry import Registry


class PassInfo:
    """What is known of a pass before it runs: its name, the least optimisation level at which
    `Sequential` runs it, and the passes that have to run before it.
    """

    __slots__ = ("name", "opt_level", "required")

    def __init__(self, opt_level: int, name: str, required: Sequence[Any] = ()) -> None:
        self.opt_level = opt_level
        self.name = name
        self.required = tuple(required)

    def __repr__(self) -> str:
        """As a constructor call."""
        return f"PassInfo(opt_level={self.opt_level}, name={self.name!r})"


class Instrument(Protocol):
    """What a `PassContext` calls around passes; see `ir.instruments`."""

    def enter_pass_ctx(self) -> None:
        """The context was entered."""
        ...

    def exit_pass_ctx(self) -> None:
        """The context is left."""
        ...

    def should_run(self, mod: IRModule, info: PassInfo) -> bool:
        """Whether the pass shall run."""
        ...

    def run_before_pass(self, mod: IRModule, info: PassInfo) -> None:
        """The pass is about to run on `mod`."""
        ...

    def run_after_pass(self, mod: IRModule, info: PassInfo) -> None:
        """The pass has made `mod`."""
        ...


class PassOption:
    """An option that a `PassContext` may set: its name, type, default, and what it is for."""

    __slots__ = ("default", "doc", "kind", "name")

    def __init__(self, name: str, kind: type | tuple[type, ...], default: Any, doc: str) -> None:
        self.name = name
        self.kind = kind
        self.default = default
        self.doc = doc


_options: Registry[PassOption] = Registry("pass option")


def register_pass_option(
    name: str, kind: type | tuple[type, ...], default: Any, doc: str
) -> PassOption:
    """Make the option `name`, such as "relax.FuseOps.max_depth", known to `PassContext`."""
    return _options.register(name, PassOption(name, kind, default, doc))


register_pass_option("verify", bool, False, "check the module before and after each pass")

_contexts: ContextVar[tuple[PassContext, ...]] = ContextVar("pass_contexts", default=())


class PassContext:
    """The circumstances in which passes run: `with PassContext(opt_level=3): ...`.

    `required_pass` and `disabled_pass` are names that `Sequential` runs, or leaves out, whatever
    the level says. `config` sets registered options. `instruments` are called around every pass.
    """

    def __init__(
        self,
        opt_level: int = 2,
        required_pass: Iterable[str] | None = None,
        disabled_pass: Iterable[str] | None = None,
        instruments: Iterable[Any] | None = None,
        config: Mapping[str, Any] | None = None,
    ) -> None:
        self.opt_level = opt_level
        self.required_pass = tuple(required_pass or ())
        self.disabled_pass = tuple(disabled_pass or ())
        self.instruments = tuple(instruments or ())
        self.config = _checked_config(config or {})
        self._tokens: list[Token[tuple[PassContext, ...]]] = []

    @staticmethod
    def current() -> PassContext:
        """The innermost context of this thread; one with default settings outside of any."""
        stack = _contexts.get()
        return stack[-1] if stack else _DEFAULT

    @staticmethod
    def list_configs() -> dict[str, dict[str, Any]]:
        """The registered options: type, default and purpose by name."""
        found: dict[str, dict[str, Any]] = {}
        for name in _options.names():
            option = _options.get(name)
            found[name] = {"type": option.kind, "default": option.default, "doc": option.doc}
        return found

    def get(self, option: str) -> Any:
        """The value of an option: as set here, or its default."""
        known = _options.get(option)
        return self.config.get(option, known.default)

    def pass_enabled(self, info: PassInfo) -> bool:
        """Whether `Sequential` runs a pass here."""
        if info.name in self.disabled_pass:
            return False
        return info.name in self.required_pass or self.opt_level >= info.opt_level

    def __enter__(self) -> PassContext:
        """Make this the current context, and tell its instruments."""
        entered: list[Any] = []
        try:
            for each in self.instruments:
                _call(each, "enter_pass_ctx")
                entered.append(each)
        except BaseException:
            for each in reversed(entered):
                _call(each, "exit_pass_ctx")
            raise
        self._tokens.append(_contexts.set((*_contexts.get(), self)))
        return self

    def __exit__(self, *_error: object) -> None:
        """Go back to the context before."""
        _contexts.reset(self._tokens.pop())
        for each in self.instruments:
            _call(each, "exit_pass_ctx")


def _checked_config(given: Mapping[str, Any]) -> dict[str, Any]:
    for name, value in given.items():
        option = _options.find(name)
        if option is None:
            raise ConfigError(
                f"There is no pass option {name!r}.",
                cure=did_you_mean(name, _options) or "PassContext.list_configs() lists them",
            )
        kinds = option.kind if isinstance(option.kind, tuple) else (option.kind,)
        flag_for_number = isinstance(value, bool) and bool not in kinds
        if not isinstance(value, kinds) or flag_for_number:
            raise ConfigError(
                f"The pass option {name!r} has a value of the wrong type.",
                expected=" or ".join(each.__name__ for each in kinds),
                found=f"{type(value).__name__}: {value!r}",
            )
    return dict(given)


_DEFAULT = PassContext()


def _call(instrument: Any, method: str, *args: Any) -> Any:
    """Call a method of an instrument, if it has one."""
    function = getattr(instrument, method, None)
    return None if function is None else function(*args)


class Pass:
    """A transformation of modules; calling it runs it in the current `PassContext`."""

    def __init__(self, info: PassInfo) -> None:
        self._info = info

    @property
    def info(self) -> PassInfo:
        """Name, level and required passes."""
        return self._info

    @property
    def name(self) -> str:
        """The name."""
        return self._info.name

    def run(self, mod: IRModule, ctx: PassContext) -> IRModule:
        """What the pass does; called with instruments around it by `__call__`."""
        raise PassError(f"The pass {self.name!r} does not say what it does.")

    def __call__(self, mod: IRModule) -> IRModule:
        """The transformed module; `mod` itself is left alone."""
        if not isinstance(mod, IRModule):
            raise PassError(
                f"The pass {self.name!r} was called on something that is no module.",
                expected="an IRModule",
                found=type(mod).__name__,
                cure="wrap a single function: IRModule.from_expr(f)",
            )
        ctx = PassContext.current()
        verdicts = [_call(each, "should_run", mod, self._info) for each in ctx.instruments]
        if any(verdict is False for verdict in verdicts):
            return mod
        for each in ctx.instruments:
            _call(each, "run_before_pass", mod, self._info)
        result = _traced(self, mod, ctx)
        for each in ctx.instruments:
            _call(each, "run_after_pass", result, self._info)
        return result

    def __repr__(self) -> str:
        """Name and level."""
        return f"<pass {self.name}, opt_level {self._info.opt_level}>"


def _traced(the_pass: Pass, mod: IRModule, ctx: PassContext) -> IRModule:
    """Run a pass with the checks and the printing that were asked for."""
    composed = isinstance(the_pass, Sequential)
    verify = bool(ctx.get("verify")) and not composed
    if verify:
        check_contract(mod, the_pass.name, "was given")
    start = time.perf_counter()
    result = the_pass.run(mod, ctx)
    if not isinstance(result, IRModule):
        raise PassError(
            f"The pass {the_pass.name!r} returned no module.",
            expected="an IRModule",
            found=type(result).__name__,
        )
    if not composed:
        _debug(the_pass.name, mod, result, time.perf_counter() - start)
    if verify:
        check_contract(result, the_pass.name, "made")
    return result


def check_contract(mod: IRModule, name: str, what: str) -> None:
    """Raise a `PassError` unless the module that a pass was given, or made, is well-formed."""
    try:
        hooks.verifier.get()(mod)
    except PellucidError as error:
        raise PassError(f"The pass {name!r} {what} an ill-formed module: {error}") from error


def _debug(name: str, before: IRModule, after: IRModule, seconds: float) -> None:
    """What PELLUCID_DEBUG asks for, on the standard error stream."""
    level = environment.DEBUG.get()
    if level < 1:
        return
    note = "" if before is not after else ", nothing changed"
    print(f"[pass] {name}: {seconds * 1e3:.2f} ms{note}", file=sys.stderr)
    if level >= 3 or (level == 2 and before is not after):
        print(after.script(), file=sys.stderr)


passes: Registry[Callable[[], Pass]] = Registry("pass")
"""Passes by name, for `required`: functions without parameters that make them."""


class Sequential(Pass):
    """Passes one after another; those that the context does not enable are left out."""

    def __init__(
        self,
        passes: Iterable[Callable[[IRModule], IRModule]],
        opt_level: int = 0,
        name: str = "sequential",
        required: Sequence[Any] = (),
    ) -> None:
        super().__init__(PassInfo(opt_level, name, required))
        self.passes = tuple(passes)
        for each in self.passes:
            if not callable(each):
                raise PassError(
                    f"The sequence {name!r} holds something that is no pass.",
                    expected="passes, or functions from a module to a module",
                    found=f"a {type(each).__name__}",
                )

    def run(self, mod: IRModule, ctx: PassContext) -> IRModule:
        """The module after all enabled passes."""
        for each in self.passes:
            if isinstance(each, Pass):
                if not ctx.pass_enabled(each.info):
                    continue
                for required in each.info.required:
                    mod = _required_pass(required)(mod)
            mod = each(mod)
        return mod


def _required_pass(required: Any) -> Pass:
    return required if isinstance(required, Pass) else passes.get(str(required))()


class ModulePass(Pass):
    """A pass made from `function(mod, ctx)`."""

    def __init__(
        self, info: PassInfo, function: Callable[[IRModule, PassContext], IRModule]
    ) -> None:
        super().__init__(info)
        self.function = function

    def run(self, mod: IRModule, ctx: PassContext) -> IRModule:
        """What the function returns."""
        return self.function(mod, ctx)


class FunctionPass(Pass):
    """A pass made from `function(func, mod, ctx)`, run on each function of one class.

    It returns the new function, or None to remove it; functions of other classes stay.
    """

    def __init__(
        self,
        info: PassInfo,
        function: Callable[[Any, IRModule, PassContext], Any],
        kind: type[BaseFunc],
    ) -> None:
        super().__init__(info)
        self.function = function
        self.kind = kind

    def run(self, mod: IRModule, ctx: PassContext) -> IRModule:
        """The module with the new functions; the same object when none changed."""
        functions: dict[Any, BaseFunc] = {}
        for gvar, func in mod.items():
            new = self.function(func, mod, ctx) if isinstance(func, self.kind) else func
            if new is not None:
                functions[gvar] = new
        return mod.with_functions(functions)


PassMaker = Callable[[PassInfo, Callable[..., Any]], Pass]


def decorate_pass(
    target: Any,
    make: PassMaker,
    method: str,
    opt_level: int | None,
    name: str | None,
    required: Sequence[Any] | None,
) -> Any:
    """The shared part of the pass decorators.

    A function becomes a pass. A class becomes one whose instances are passes that call the
    instance's `method`; its constructor takes the options.
    """

    def decorate(body: Any) -> Any:
        info = PassInfo(opt_level or 0, name or body.__name__, required or ())
        if inspect.isclass(body):
            return _pass_class(cast("type[Any]", body), make, method, info)
        if not callable(body):
            raise PassError(
                "Only a function or a class can be made a pass.", found=type(body).__name__
            )
        made = make(info, body)
        made.__doc__ = body.__doc__
        return made

    return decorate if target is None else decorate(target)


def _pass_class(body: type[Any], make: PassMaker, method: str, info: PassInfo) -> type[Pass]:
    if not callable(getattr(body, method, None)):
        raise PassError(
            f"The class {body.__name__!r} has no method {method!r}.",
            cure=did_you_mean(method, [each for each in dir(body) if not each.startswith("_")])
            or f"define {method}(self, ...), which does the pass's work",
        )

    class PassClass(Pass):
        """A pass whose work is a method of `inner`, an instance of the user's class."""

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(info)
            self.inner = body(*args, **kwargs)
            self._made = make(info, getattr(self.inner, method))

        def run(self, mod: IRModule, ctx: PassContext) -> IRModule:
            return self._made.run(mod, ctx)

        def __getattr__(self, attribute: str) -> Any:
            # What the user's class stores and defines stays reachable.
            if attribute in ("inner", "_made"):
                raise AttributeError(attribute)
            return getattr(self.inner, attribute)

    PassClass.__name__ = body.__name__
    PassClass.__qualname__ = body.__qualname__
    PassClass.__module__ = body.__module__
    PassClass.__doc__ = body.__doc__
    return PassClass


def module_pass(
    pass_func: Any = None,
    opt_level: int | None = None,
    name: str | None = None,
    required: Sequence[Any] | None = None,
    traceable: bool = False,
) -> Any:
    """Make a pass of `function(mod, ctx)`, or of a class with `transform_module(self, mod, ctx)`.

    Use it as a decorator, with or without arguments.
    """
    del traceable
    return decorate_pass(pass_func, ModulePass, "transform_module", opt_level, name, required)


def function_pass_of(kind: type[BaseFunc]) -> PassMaker:
    """How to make a pass over the functions of one class; for the levels' own decorators."""
    return lambda info, function: FunctionPass(info, function, kind)


__all__ = [
    "FunctionPass",
    "ModulePass",
    "Pass",
    "PassContext",
    "PassInfo",
    "Sequential",
    "decorate_pass",
    "function_pass_of",
    "module_pass",
    "passes",
    "register_pass_option",
]
