"""The `textomorph` command: what it knows, and how it ends.

Exit status: 0 done; 2 bad input or usage, told in one line on stderr, nothing written; 130 cancelled.
"""

from __future__ import annotations

import errno
import os
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from copy import copy
from typing import Annotated, Any

import typer

from TextoMorphLib.commands import (
    apply,
    batch,
    benchmark,
    cases,
    common,
    demo,
    describe,
    doctor,
    evaluate,
    failures,
    generate,
    jobs,
    measure,
    models,
    nnunet,
    patterns,
    preview,
    report,
    segment,
    train,
    vtt,
)
from TextoMorphLib.commands.attended import attended
from TextoMorphLib.errors import Cancelled, Doubt, InputError, is_short_of_memory

# The base of all usage errors; typer has it from click, or from a copy of its own.
USAGE_ERROR: Any = next(kind for kind in typer.BadParameter.__mro__ if kind.__name__ == "ClickException")

PLACE_FAILS = (errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EPERM, errno.EDQUOT, errno.EFBIG, errno.EIO)
STDOUT_FAILS = (errno.ENOSPC, errno.EIO, errno.EPIPE, errno.EBADF)  # a full disk, a closed pipe
SHORT = "error: the memory does not suffice; end other programs, raise its limit, or give less of the scan"
MAKE, LOOK, SEGMENT, MODELS = "Make tumours", "Measure", "Segment", "Models and setup"


def _examples(*commands: str) -> str:
    return "\n\n".join(("Examples:", *commands)) if commands else ""


app = typer.Typer(
    name="textomorph",
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=_examples(
        "textomorph demo",
        "textomorph generate ct.nii.gz --mask mask.nii.gz --text 'hypoattenuating cyst' --output new.nii.gz",
        "textomorph generate --help",
    ),
)


def _add(command: Callable[..., None], panel: str, *examples: str) -> None:
    app.command(rich_help_panel=panel, epilog=_examples(*examples))(command)


@app.callback(invoke_without_command=True)
def root(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Show the version and exit.")] = False,
) -> None:
    """Put a tumour, described in words, into a CT.

    For research only: every image written is marked as synthetic.
    """
    if version:
        from TextoMorphLib.version import __version__

        typer.echo(f"textomorph {__version__}")
    elif context.invoked_subcommand is None:
        typer.echo(context.get_help())


_add(
    generate.generate,
    MAKE,
    "textomorph generate ct.nii.gz --mask mask.nii.gz --text 'ill-defined metastasis' --output new.nii.gz",
    "textomorph generate dicom/ --mask mask.nrrd --text 'renal cyst' --organ kidney --output new.nrrd",
)
app.add_typer(batch.app, name="batch", rich_help_panel=MAKE)
app.add_typer(jobs.app, name="jobs", rich_help_panel=MAKE)
_add(apply.apply, MAKE, "textomorph apply out/0001.delta.npz --output 0001.nii.gz")
_add(
    preview.preview,
    MAKE,
    "textomorph preview ct.nii.gz --mask mask.nii.gz --texts texts.txt --output grid.png",
)
_add(demo.demo, MAKE)
_add(measure.measure, LOOK, "textomorph measure ct.nii.gz new.nii.gz --mask mask.nii.gz --json")
_add(
    describe.describe,
    LOOK,
    "textomorph describe ct.nii.gz --mask lesion.nii.gz --organ liver",
    "textomorph describe ct.nii.gz --mask labels.nii.gz --label 2 --organ-label 1 --organ pancreas --json",
)
_add(
    patterns.patterns,
    LOOK,
    "textomorph patterns real=cases.jsonl ours=batch/ ellipsoids=others/ --output patterns --workers 2",
)
app.add_typer(vtt.app, name="vtt", rich_help_panel=LOOK)
app.add_typer(report.app, name="report", rich_help_panel=LOOK)
app.add_typer(cases.app, name="cases", rich_help_panel=SEGMENT)
_add(
    segment.segment,
    SEGMENT,
    "textomorph segment ct.nii.gz --model runs/laptop/whole/model --output tumours.nii.gz",
)
_add(
    evaluate.evaluate,
    SEGMENT,
    "textomorph evaluate cases.jsonl --predictions predictions/ --output evaluation/ --by age,sex",
)
app.add_typer(failures.app, name="failures", rich_help_panel=SEGMENT)
app.add_typer(nnunet.app, name="nnunet", rich_help_panel=SEGMENT)
app.add_typer(models.app, name="models", rich_help_panel=MODELS)
app.add_typer(train.app, name="train", rich_help_panel=MODELS)
app.add_typer(benchmark.app, name="benchmark", rich_help_panel=MODELS)
_add(doctor.doctor, MODELS)


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command.

    Args:
        argv: The arguments; those of the process when left out.

    Returns:
        The exit status.
    """
    arguments = None if argv is None else list(argv)
    if not _is_somewhere():
        return _end(2, "error: the folder in which this was started is gone; change to one that is there")
    if sys.stdout is None:  # closed by who started this
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - until the process ends
    told = ""  # how to go on
    streams = sys.stdout, sys.stderr
    with _quiet(), _ended_by_signals() as came:
        try:
            with attended():
                wanted = _wanted(sys.argv[1:] if arguments is None else arguments)
                status = typer.main.get_command(wanted).main(arguments, prog_name="textomorph", standalone_mode=False)
            sys.stdout.flush()
        except InputError as error:
            return _end(2, f"error: {_one_line(str(error))}")
        except USAGE_ERROR as error:
            return _end(2, f"error: {_one_line(_usage(error))}")
        except (Cancelled, KeyboardInterrupt, typer.Abort) as error:
            status, told = 130, _one_line(str(error))
        except SystemExit as ended:  # typer's end where whoever read standard output has gone
            if not isinstance(ended.__context__, BrokenPipeError):
                raise
            sys.stdout, sys.stderr = streams
            return _end_unread(ended.__context__)
        except OSError as error:
            if is_short_of_memory(error):
                return _end(2, SHORT)
            if error.filename is not None and error.errno in PLACE_FAILS:
                return _end(2, f"error: cannot use {_one_line(str(error.filename))}: {error.strerror}")
            if error.filename is not None or error.errno not in STDOUT_FAILS:
                raise
            return _end_unread(error)
        except Exception as error:
            if not came and is_short_of_memory(error):
                return _end(2, SHORT)
            if not came:
                raise
            status = 130
    if status == 130:
        return _end(130, told if told.startswith("cancelled") else "cancelled" + f": {told}" * bool(told))
    return status if isinstance(status, int) else 0


def _wanted(arguments: Sequence[str]) -> typer.Typer:
    """The app, of a known command that one alone: typer looks at all options of all that it holds at each start."""
    part = copy(app)
    part.registered_commands = [
        each for each in app.registered_commands if each.callback and [each.callback.__name__] == [*arguments[:1]]
    ]
    part.registered_groups = [each for each in app.registered_groups if [each.name] == [*arguments[:1]]]
    return part if part.registered_commands or part.registered_groups else app


@contextmanager
def _quiet() -> Iterator[None]:
    """Doubts are told in one line each; what libraries warn their programmers of is not for users."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("always", Doubt)

        def tell(message: Warning | str, *_: Any, **__: Any) -> None:
            common.warn(_one_line(str(message)))

        warnings.showwarning = tell
        yield


@contextmanager
def _ended_by_signals() -> Iterator[list[int]]:
    """Schedulers end programs by SIGTERM, terminals by SIGHUP: the same as Ctrl-C, so that nothing half-made stays.

    Yields:
        The signals that came: a library that is interrupted while it is imported may fail with something else.
    """
    came: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield came
        return

    def cancel(number: int, *_: Any) -> None:
        came.append(number)
        raise KeyboardInterrupt

    before = {signal.SIGTERM: signal.signal(signal.SIGTERM, cancel)}
    hang_up = getattr(signal, "SIGHUP", None)  # a terminal that closes; nohup has it ignored
    if hang_up is not None and signal.getsignal(hang_up) is signal.SIG_DFL:
        before[hang_up] = signal.signal(hang_up, cancel)
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # shells have background jobs ignore it
        before[signal.SIGINT] = signal.signal(signal.SIGINT, cancel)
    try:
        yield came
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def _is_somewhere() -> bool:
    """Whether the folder that relative names start from is there; without it, some libraries end the process."""
    try:
        os.getcwd()
    except OSError:
        return False
    return True


def _end_unread(error: OSError) -> int:
    """The end where standard output takes nothing more."""
    # What is still to be written goes nowhere, or Python would stumble over it once more at its end.
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    reason = error.strerror or error
    return _end(2, f"error: cannot write to standard output ({reason}); files that were written are whole")


def _end(status: int, message: str) -> int:
    typer.echo(message, err=True)
    return status


def _usage(error: Any) -> str:
    context = getattr(error, "ctx", None)
    hint = f" (see {context.command_path} --help)" if context else ""
    return f"{error.format_message().rstrip('.')}{hint}"


def _one_line(message: str) -> str:
    return " ".join(message.split())


if __name__ == "__main__":
    sys.exit(main())
