"""The command line of `p2o serve`."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence

from p2o.cli.commands.plan import PlanCLI, only_warnings_of_lightning
from p2o.cli.config_files import check_configs
from p2o.cli.parser import OneMessage
from p2o.cli.trainer import parse_command
from p2o.cli.validation import user_errors
from p2o.commands.serving import ServerCommand, server_commands
from p2o.engines import VLLMServers
from p2o.errors import InputError

DESCRIPTION = """Prints the command that starts each vLLM server of a config (--config CONFIG, and further options of
p2o fit): those of model.engine, and those of the reflector if it has some. What follows behind -- is for vLLM. Servers
listen at the addresses of the config; VLLM_API_KEY, if it is set, is their key. Weights need vLLM's development
endpoints, which ask for no key: keep them off public addresses."""


def serve_command(words: Sequence[str]) -> None:
    """Prints or runs the commands of the servers of a config."""
    words, further = _split(list(words))
    options, rest = _parser().parse_known_args(words)
    check_configs(rest)
    with only_warnings_of_lightning(), user_errors():
        cli = parse_command(["fit", *rest], PlanCLI)
        module, reflector = cli.model, cli.config_init["fit"]["evolution"].reflector
        engines = [engine for engine in (module.engine, reflector.own_engine) if isinstance(engine, VLLMServers)]
        if not engines:
            raise InputError(
                "p2o serve: expected a config whose model.engine is VLLMServers, with the urls of the servers, got "
                f"{type(module.engine).__name__}. Others need no server."
            )
        size, taken = (module.longest, options.gpus), Counter[str]()
        groups = [server_commands(module.model, engine, *size, further, taken) for engine in engines]
        commands = [command for group in groups for command in group if options.url in ("", command.url)]
        if not commands:
            raise InputError(f"p2o serve: expected --url to be one of the config's, got {options.url}.")
    print("\n".join(map(str, commands)), flush=True)
    if options.run:
        run_servers(commands)


def run_servers(commands: Sequence[ServerCommand]) -> None:
    """Runs the servers until one of them ends; then, or when this process is to end, ends all.

    Raises:
        InputError: There is no vLLM, or a server has ended by itself.
    """
    if shutil.which("vllm") is None:
        raise InputError("p2o serve --run: expected the command `vllm`. Run: pip install 'p2o[vllm]'.")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # as SLURM ends a job: the servers must not outlive this
    running: dict[str, subprocess.Popen[bytes]] = {}
    try:
        for command in commands:
            environment = os.environ | command.environment
            running[command.url] = subprocess.Popen(["vllm", "serve", *command.words], env=environment)
        while not (ended := {url: each.returncode for url, each in running.items() if each.poll() is not None}):
            time.sleep(1)
        raise InputError(f"p2o serve: expected servers that run on, these have ended, with their status: {ended}.")
    except KeyboardInterrupt:
        print("p2o serve: the servers end.", flush=True)
    finally:
        for process in running.values():
            process.terminate()
        for process in running.values():
            process.wait()


def _split(words: list[str]) -> tuple[list[str], list[str]]:
    """What stands before and behind the first `--`."""
    if "--" not in words:
        return words, []
    place = words.index("--")
    return words[:place], words[place + 1 :]


def _parser() -> OneMessage:
    parser = OneMessage("p2o serve", description=DESCRIPTION)
    parser.add_argument("--run", action="store_true", help="run them, until one ends, or Ctrl-C ends them all")
    parser.add_argument("--url", default="", help="this server alone, such as the one of this node")
    parser.add_argument("--gpus", type=int, default=0, help="of each server, counted from the first GPU of its host on")
    return parser
