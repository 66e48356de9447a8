"""What packaging/ says, read as a container runtime and a cluster read it."""
import json
import pathlib
import re
import shlex

import yaml

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
PACKAGING = ROOT / "packaging"
STRONG, WEAK = "deployment.yaml", "deployment-unprivileged.yaml"


class Strict(yaml.SafeLoader):
    """A key that is there twice is a mistake, not the last of both."""

    def construct_mapping(self, node, deep=False):
        names = [self.construct_object(name, deep=True) for name, _ in node.value]
        if len(set(names)) != len(names):
            raise yaml.constructor.ConstructorError(None, None, "a key is there twice", node.start_mark)
        return super().construct_mapping(node, deep)


def manifests(name):
    return list(yaml.load_all((PACKAGING / "kubernetes" / name).read_text(), Loader=Strict))


def deployment(name):
    return manifests(name)[0]


def pod_of(name):
    return deployment(name)["spec"]["template"]["spec"]


def container_of(name):
    return pod_of(name)["containers"][0]


def instructions(path=PACKAGING / "container/Containerfile"):
    """[(name, words or text)] of a Containerfile: comments out, continued lines joined, the JSON form read."""
    text = re.sub(r"(?m)^\s*#.*\n", "", path.read_text()).replace("\\\n", " ")
    found = []
    for line in text.splitlines():
        if not line.strip():
            continue
        name, _, rest = line.strip().partition(" ")
        rest = rest.strip()
        found.append((name, json.loads(rest) if rest.startswith("[") else rest))
    return found


def last(name):
    return [rest for instruction, rest in instructions() if instruction == name][-1]


def healthcheck():
    """(options, words)"""
    options, _, words = last("HEALTHCHECK").partition("CMD ")
    return shlex.split(options), json.loads(words)


def command_of(name):
    """What a pod runs: the image's entry point and the manifest's arguments."""
    return last("ENTRYPOINT") + container_of(name)["args"]
