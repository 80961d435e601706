"""Structured logs: constant events, allowed fields only, one line each."""

import logging
import re
import sys
from typing import Any

import structlog
from structlog.typing import EventDict, WrappedLogger

# What may stand in a log line. Names, amounts and tokens are not here, so they cannot.
ALLOWED = frozenset(
    [
        "event",
        "level",
        "timestamp",
        "logger",
        "request_id",
        "organization_id",
        "integration_id",
        "company_id",
        "job_id",
        "step_id",
        "record_id",
        "posting_id",
        "key_id",
        "worker",
        "method",
        "route",
        "status",
        "duration_ms",
        "code",
        "fault_code",
        "intuit_tid",
        "http_status",
        "kind",
        "operation",
        "state",
        "lane",
        "fence",
        "attempt",
        "count",
        "calls",
        "reason",
        "error",
        "exception",
        "path",
        "port",
        "pid",
        "signal",
        "event_id",
        "seconds",
    ]
)


# What structlog's formatter itself puts along and takes off again.
CARRIED = frozenset(["_record", "_from_structlog"])


def allow_list(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Drop every field that is not on the list."""
    return {key: value for key, value in event.items() if key in ALLOWED or key in CARRIED}


def error_name(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Keep an exception's type and place, never its text: texts carry names and amounts."""
    info = event.pop("exc_info", None)
    if info is True:
        info = sys.exc_info()
    error = info[1] if isinstance(info, tuple) else info
    if isinstance(error, BaseException):
        event["error"] = type(error).__name__
        event["exception"] = _places(error)
    return event


# Libraries whose sentences are of their own making: where they listen, which revision they run.
# What the others say may quote a statement, a message or an exception, and is left out.
TALKERS = frozenset(["uvicorn", "uvicorn.error", "alembic.runtime.migration"])
# Whatever could end a line, move the cursor or turn the reading direction.
UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]+")


def library_event(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Keep of a library's message only who speaks, unless it is known to quote nobody."""
    record = event.get("_record")
    if isinstance(record, logging.LogRecord):
        event["logger"] = record.name
        if record.name not in TALKERS:
            event["event"] = "library_message"
    return event


def one_line(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Let no value begin a line of its own or command the terminal."""
    return {key: value if key in CARRIED else _printable(value) for key, value in event.items()}


def _printable(value: Any) -> Any:
    if isinstance(value, bool | int | float | None):
        return value
    return UNPRINTABLE.sub(" ", str(value))


def _places(error: BaseException) -> str:
    frames, trace = [], error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        frames.append(f"{code.co_filename.rsplit('/', 1)[-1]}:{trace.tb_lineno}:{code.co_name}")
        trace = trace.tb_next
    return " > ".join(frames[-8:])


def configure(*, level: str = "INFO", form: str = "console") -> None:
    """Route structlog and the standard library's loggers through one pipeline."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        error_name,
        allow_list,
        one_line,
    ]
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer()
        if form == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level.upper())),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[library_event, *shared],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    # A server may have set up its own loggers before; theirs go through this pipeline too.
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access", "uvicorn.asgi"):
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = True
    for noisy in ("httpx", "httpcore", "arq", "uvicorn.access", "authlib"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
