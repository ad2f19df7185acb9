"""The image, without Docker: each RUN of the Dockerfile in a fresh folder, then its command and its health check.

Instructions are carried out in their order, with the paths of the image in a folder in place of the root. What only a
container has (the base image, another user, the volume) is not tried, and docs/operations.md says so.
"""

import argparse
import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from .report import Report, conclude

ROOT = Path(__file__).parents[1]
DOCKERFILE = ROOT / "deploy" / "Dockerfile"
SECRET = "a-secret-of-this-campaign-alone"
PATIENCE_S = 60


def main(arguments: Sequence[str]) -> int:
    """Run the campaign; return its exit code."""
    argparse.ArgumentParser(prog="campaigns deployment", description=__doc__).parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="deployment-") as folder:
        return conclude(_deploy(Path(folder)))


def instructions(dockerfile: Path) -> list[tuple[str, str]]:
    """Return the instructions of a Dockerfile: each name, and what follows it."""
    text = re.sub(r"\\\n\s*", "", dockerfile.read_text())
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [(line.partition(" ")[0], line.partition(" ")[2]) for line in lines]


def _deploy(image: Path) -> Report:
    figures: dict[str, object] = {}
    broken = list[str]()
    here = image
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    environment.pop("PYTHONPATH", None)
    entry, command, check = list[str](), list[str](), list[str]()
    for name, value in instructions(DOCKERFILE):
        if name == "WORKDIR":
            here = Path(_placed(value, image))
            here.mkdir(parents=True, exist_ok=True)
        elif name == "COPY" and "--from" not in value:
            *sources, _ = value.split()
            for source in sources:
                _copy(ROOT / source, here / source)
        elif name == "RUN":
            begun_s = time.monotonic()
            ran = subprocess.run(
                _placed(value, image), shell=True, cwd=here, env=environment, capture_output=True, text=True
            )
            figures[f"RUN {value[:60]}"] = f"exit code {ran.returncode}, {time.monotonic() - begun_s:.0f} s"
            if ran.returncode:
                broken.append(f"RUN {value}: {ran.stderr[-400:]}")
        elif name == "ENV":
            variable, _, text = value.partition("=")
            environment[variable] = text.replace("/var/", f"{image}/var/")
        elif name == "HEALTHCHECK":
            check = json.loads(value.partition("CMD ")[2])
        elif name == "ENTRYPOINT":
            entry = json.loads(value)
        elif name == "CMD":
            command = json.loads(value)
    if not broken:
        broken += _serve([_placed(word, image) for word in [*entry, *command]], check, image, environment, figures)
    figures["bytes of the environment"] = sum(
        path.stat().st_size for path in (image / "opt").rglob("*") if path.is_file() and not path.is_symlink()
    )
    return Report("The Dockerfile, instruction by instruction, in a fresh folder", figures, tuple(broken))


def _placed(text: str, image: Path) -> str:
    """Return text with the image's paths in its folder."""
    return re.sub(r"(?<![\w/])/(opt|src|var)\b", lambda found: f"{image}/{found[1]}", text)


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copy(source, target)


def _serve(
    command: list[str], check: list[str], image: Path, environment: dict[str, str], figures: dict[str, object]
) -> list[str]:
    """Serve as the image does, on loopback, ask as its health check does, and stop; return what did not work."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = str(unused.getsockname()[1])
    command = [word.replace("0.0.0.0", "127.0.0.1") for word in command]
    environment = {
        **environment, "ACCOUNT_LIFECYCLE_PORT": port, "ACCOUNT_LIFECYCLE_WEBHOOK_SECRETS": SECRET,
        "ACCOUNT_LIFECYCLE_PAGE_TOKEN": SECRET,
    }  # fmt: skip
    asked = [_placed(word, image).replace(":8787", f":{port}") for word in check]
    broken = list[str]()
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as server:
        begun_s = time.monotonic()
        while (code := subprocess.run(asked, env=environment, stderr=subprocess.DEVNULL).returncode) and (
            time.monotonic() - begun_s < PATIENCE_S and server.poll() is None
        ):
            time.sleep(0.2)
        figures["HEALTHCHECK"] = f"exit code {code}"
        trigger = [command[0], "trigger", "OK", "--url", f"http://127.0.0.1:{port}/hooks"]
        sent = subprocess.run(trigger, env=environment, capture_output=True, text=True)
        figures["a webhook"] = sent.stdout.strip().rpartition("\n")[2].strip()
        server.send_signal(signal.SIGTERM)
        _, said = server.communicate(timeout=PATIENCE_S)
    figures["CMD"] = f"{shlex.join(command[1:])}: exit code {server.returncode} after SIGTERM"
    if code or sent.returncode or server.returncode:
        broken.append(f"it did not serve: {said[-600:]}{sent.stdout}{sent.stderr}")
    store = environment["ACCOUNT_LIFECYCLE_STORE"].removeprefix("sqlite:///")
    if not Path(store).exists():
        broken.append(f"its store is not on the volume: {store}")
    return broken


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
