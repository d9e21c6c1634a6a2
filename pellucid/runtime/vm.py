"""The virtual machine: runs the functions of an executable on a device.

`vm["main"](x, w)` calls native code where the function has some. With `debug=True`, or when an
instrument is set, the same plans are stepped in Python, with a hook before and after each call.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from pellucid.runtime.device import Device, require_cpu
from pellucid.runtime.executable import Executable
from pellucid.runtime.plan import CallKernel, CallPacked
from pellucid.runtime.plan_text import step_text
from pellucid.runtime.profile import Profile
from pellucid.runtime.stepper import CallStep, Hooks
from pellucid.runtime.timing import Evaluator, evaluator
from pellucid.support.errors import ArgumentError, RegistryError

Instrument = Callable[..., Any]

SKIP_RUN = 1
"""What an instrument answers before a call so that the call is left out."""


class VirtualMachine:
    """Functions of an executable, ready to run.

    `executable`: one, or the path of a saved one. `device`: the CPU. `memory_cfg`, by which other
    systems choose an allocator, is taken and not needed: memory is planned by the compiler.
    `debug`: step the plans in
    Python, calling `before(step, args)` and `after(step, args, result)` around each call.
    `profile`: `vm.profile(…)` may be used without stating it here; with True every call is recorded
    into `vm.report`.
    """

    def __init__(
        self,
        executable: Executable | str | Path,
        device: Device | str | Sequence[Device] | None = None,
        memory_cfg: object = None,
        *,
        debug: bool = False,
        profile: bool = False,
        before: Callable[[CallStep, list[Any]], Any] | None = None,
        after: Callable[[CallStep, list[Any], Any], Any] | None = None,
    ) -> None:
        del memory_cfg
        if isinstance(executable, (str, Path)):
            executable = Executable.load(executable)
        if not isinstance(executable, Executable):
            raise ArgumentError(
                "A virtual machine runs an executable.",
                expected="what relax.build(mod, target) gives, or the file it was saved to",
                found=f"a {type(executable).__name__}",
                cure="compile the module first: relax.build(mod, target)",
            )
        self.executable = executable
        self.device = _one_device(device)
        self.report = Profile()
        self._program = executable.program()
        self._hooks: Hooks | None = None
        if debug or before is not None or after is not None:
            self._hooks = Hooks(before, after)
        elif profile:
            self._hooks = self.report.hooks()
        self._functions: dict[str, Any] = {}
        self._saved: dict[str, Callable[..., Any]] = {}
        self._state = threading.local()

    def __getitem__(self, name: str) -> Any:
        """The function `name`, to be called with tensors, NumPy arrays, torch tensors, numbers,
        tuples.
        """
        found = self._functions.get(name)
        if found is None:
            found = self._functions[name] = self._find(name)
        return found

    def _find(self, name: str) -> Any:
        if name in self._saved:
            return self._saved[name]
        if name not in self.executable:
            # The executable says it with the close names.
            return self.executable[name]
        if self._hooks is not None and name in self.executable.graphs:
            return self._program.stepped(name, self._hooks)
        return self._program.function(name)

    def get_function(self, name: str) -> Any:
        """The same as `vm[name]`."""
        return self[name]

    def __contains__(self, name: object) -> bool:
        """Whether there is a function `name`."""
        return name in self._saved or name in self.executable

    @property
    def module(self) -> VirtualMachine:
        """The machine itself, for programs that reach its functions through `vm.module`."""
        return self

    def set_instrument(self, instrument: Instrument | None) -> None:
        """Call `instrument(function, name, before, result, *args)` before and after each call;
        None ends that.

        `function` is the plan's step, `before` a bool, `result` None before the call. The answer
        `SKIP_RUN` before a call leaves the call out. Functions are stepped in Python while an
        instrument is set.
        """
        self._functions.clear()
        if instrument is None:
            self._hooks = None
            return

        def before(step: CallStep, args: list[Any]) -> bool:
            answer = instrument(step, _callee(step), True, None, *args)
            return answer is not None and int(answer) == SKIP_RUN

        def after(step: CallStep, args: list[Any], result: Any) -> None:
            instrument(step, _callee(step), False, result, *args)

        self._hooks = Hooks(before, after)

    def profile(self, name: str, *args: Any) -> Profile:
        """Call function `name` once, stepped, and say where its time went."""
        report = Profile()
        if name not in self.executable.graphs:
            started = time.perf_counter()
            self[name](*args)
            report.add(name, time.perf_counter() - started)
            return report
        self._program.stepped(name, report.hooks())(*args)
        return report

    def time_evaluator(
        self,
        name: str,
        dev: Device | None = None,
        number: int = 10,
        repeat: int = 1,
        min_repeat_ms: int = 0,
        cooldown_interval_ms: int = 0,
    ) -> Evaluator:
        """A function that times calls of function `name`; see `timing.evaluator`."""
        return evaluator(
            self[name],
            dev,
            number=number,
            repeat=repeat,
            min_repeat_ms=min_repeat_ms,
            cooldown_interval_ms=cooldown_interval_ms,
        )

    def save_function(
        self, name: str, saved_name: str, *args: Any, include_return: bool = True
    ) -> None:
        """Keep function `name` with these arguments as `vm[saved_name]()`, for timing without
        argument handling.

        Without `include_return` it returns None.
        """
        if saved_name in self:
            raise RegistryError(f"The virtual machine has a function {saved_name!r} already.")
        function = self[name]

        def call() -> Any:
            result = function(*args)
            return result if include_return else None

        self._saved[saved_name] = call

    def set_input(self, name: str, *args: Any, **named: Any) -> None:
        """Set the arguments of the next `invoke_stateful(name)` of this thread; by position, then
        by name.
        """
        self._inputs()[name] = self._arrange(name, args, named)

    def _arrange(self, name: str, args: tuple[Any, ...], named: dict[str, Any]) -> tuple[Any, ...]:
        if not named:
            return args
        records = {**self.executable.kernels, **self.executable.graphs}
        record = records.get(name)
        params = [] if record is None else [each.name for each in record.signature.params]
        rest = params[len(args) :]
        unknown = [each for each in named if each not in rest]
        missing = [each for each in rest if each not in named]
        if unknown or missing:
            raise ArgumentError(
                f"The inputs of {name} given by name do not fit.",
                expected=", ".join(rest) or "none",
                found=", ".join(named),
            )
        return (*args, *(named[each] for each in rest))

    def invoke_stateful(self, name: str) -> None:
        """Call function `name` with the arguments of `set_input`; the result waits for
        `get_outputs`.
        """
        inputs = self._inputs()
        if name not in inputs:
            raise ArgumentError(
                f"{name} is invoked without inputs.", cure=f"call vm.set_input({name!r}, …) first"
            )
        self._outputs()[name] = self[name](*inputs[name])

    def get_outputs(self, name: str) -> Any:
        """The result of the last `invoke_stateful(name)` of this thread."""
        outputs = self._outputs()
        if name not in outputs:
            raise ArgumentError(
                f"{name} has no outputs yet.", cure=f"call vm.invoke_stateful({name!r}) first"
            )
        return outputs[name]

    def _inputs(self) -> dict[str, tuple[Any, ...]]:
        return self._state.__dict__.setdefault("inputs", {})

    def _outputs(self) -> dict[str, Any]:
        return self._state.__dict__.setdefault("outputs", {})

    def __repr__(self) -> str:
        """Its functions' names, in short, and where it runs."""
        names = self.executable.function_names()
        return f"<VirtualMachine on {self.device} with {', '.join(names[:6]) or 'no functions'}>"


def _one_device(where: Device | str | Sequence[Device] | None) -> Device:
    if isinstance(where, (Device, str)) or where is None:
        return require_cpu(where)
    if not where:
        raise ArgumentError("A virtual machine needs a device.", cure="pass pellucid.cpu()")
    # Others may stand behind the first, as in programs that name a host device as well.
    for each in where:
        require_cpu(each)
    return require_cpu(where[0])


def _callee(step: CallStep) -> str:
    if isinstance(step, CallPacked):
        return step.name
    return step.function if isinstance(step, CallKernel) else step_text(step)
