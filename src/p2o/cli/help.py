"""What `p2o --help` and the help of its Trainer commands say; light, since it is what a new user waits for."""

import difflib
import re

from p2o.cli.mistakes.misplaced import switch_of_the_template

HELP = """usage: p2o <command> [options]

P²O: policy optimization with prompt evolution on hard questions.

commands:
  configs     list what comes with p2o          p2o configs
  init        write a config of your own        p2o init my.yaml --questions train.jsonl --model Qwen/Qwen3-0.6B
  plan        say what a run will cost          p2o plan --config p2o:quickstart
  fit         train a policy                    p2o fit --config p2o:quickstart
  serve       start its rollout servers         p2o serve --config my.yaml --run
  validate    measure a checkpoint              p2o validate --config p2o:quickstart --ckpt_path last
  test        evaluate on benchmarks            p2o test --config my.yaml --ckpt_path last --data.benchmarks '[math500]'
  compare     methods over seeds, in a table    p2o compare p2o:quickstart_bars
  report      one HTML page about runs          p2o report runs/quickstart
  export      write a checkpoint as a model     p2o export runs/quickstart/checkpoints/last.ckpt my-model
  prepare     make training data                p2o prepare deepscaler data/deepscaler
  completion  complete words in a shell         eval "$(p2o completion bash)"
  grade       grade answers and completions     p2o grade rows.jsonl graded.jsonl

`p2o <command> --help` says more of a command, `p2o --help model` lists the options of a section of the config,
`p2o --version` says which version this is.
"""

TRAINER = ("fit", "validate", "test")
_FIRST = {
    "fit": "Train a policy. --ckpt_path last resumes the run in the folder, or starts it if there is none;\n"
    "--overwrite moves the run in the folder aside and starts another one.",
    "validate": "Measure the validation questions, bare and under the best template of --ckpt_path.",
    "test": "Evaluate --ckpt_path, or without it the base model, on --data.benchmarks with the bare prompt.",
}
_SECTIONS = """sections of the config:
  model        policy, rollout engine, reward, advantage, context, loss, sizes, learning rate
  data         questions, K, tau, bare rollouts, batches, benchmarks
  evolution    reflector, selector, budget, dev size, when there are too few hard questions
  trainer      Lightning's own: epochs, devices, nodes, precision, the run's folder (default_root_dir)
  progress, console_samples     what is shown meanwhile
  fixed_questions      the same questions before and after each half-step
  question_log, evolution_log, rollout_log, validation_log     what is written of each epoch
  run_summary, benchmark_report, checkpoint                    what is written of the run
  logger_texts         templates and completions for TensorBoard and W&B

An option is a path in the config: --data.tau 2, --evolution.budget 0. Later files and options win.

  p2o {command} --help model                        the options of a section
  p2o {command} --help all                          every option
  p2o {command} --model.reward.help MathAnswer      the options of a class
  p2o {command} --config X --print_config           every option and its value
"""


def trainer_help(command: str) -> str:
    """The short help of a command of the Trainer."""
    head = f"usage: p2o {command} --config FILE.yaml [--config MORE.yaml] [options]\n\n{_FIRST[command]}\n\n"
    return head + _SECTIONS.format(command=command)


def section(full: str, name: str) -> str:
    """The groups of a full help that hold options of a section; "" if there are none."""
    groups: list[list[str]] = [[]]
    for line in full.splitlines():
        if line and not line.startswith(" "):
            groups.append([])
        groups[-1].append(line)
    kept = [group for group in groups if any(line.startswith(f"  --{name}.") for line in group)]
    return "\n".join("\n".join(group).rstrip() for group in kept)


def unknown(word: str, commands: list[str]) -> str:
    """The message on a first word that is no command."""
    if word.startswith("-"):
        return f"expected a command before {word}: {', '.join(commands)}."
    near = difflib.get_close_matches(word, commands, n=1)
    hint = f", did you mean {near[0]!r}?" if near else "."
    return f"there is no command {word!r}{hint} Commands: {', '.join(commands)}."


def unknown_option(message: str) -> str:
    """The option that a message of the parser does not know, as `--section.name`; "" if it is about something else."""
    if message.startswith("unrecognized arguments: "):
        return message.removeprefix("unrecognized arguments: ").split()[0]
    found = re.search(r"does not accept option '([\w.]+)'", message)
    return f"--{found[1]}" if found else ""


def unrecognized(message: str, word: str, full: str) -> str:
    """The message on an argument that is no option, with what may be meant.

    Args:
        message: What the parser says.
        word: The first option that it does not know.
        full: The full help of the command.
    """
    if not word.startswith("--"):
        return f"{message}. An option has a name before its value; config files are named by --config."
    if said := switch_of_the_template(word):
        return f"{message}. {said}"
    options = re.findall(r"^  (--[\w.]+)", full, re.MULTILINE)
    near = difflib.get_close_matches(word.partition("=")[0], options, n=1)
    return f"{message}. Did you mean {near[0]}?" if near else f"{message}. `p2o fit --help all` lists every option."
