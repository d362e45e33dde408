"""What the list of the image's parts must say: each pin of its lock, with its hashes, and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from support.locks import Pin

IMAGE_PYTHON = "3.11"
"""What Debian bookworm has, and so the image."""


def in_image(pin: Pin) -> bool:
    """Whether the pin is installed in the image: CPython on Linux, on x86-64."""
    environment = {
        "implementation_name": "cpython",
        "os_name": "posix",
        "platform_machine": "x86_64",
        "platform_python_implementation": "CPython",
        "platform_system": "Linux",
        "python_full_version": f"{IMAGE_PYTHON}.2",
        "python_version": IMAGE_PYTHON,
        "sys_platform": "linux",
    }
    return pin.applies(environment)


def sbom_problems(sbom: dict[str, Any], expected: Sequence[Pin], version: str) -> list[str]:
    """What is wrong with a CycloneDX document; empty when nothing is.

    Args:
        sbom: the document.
        expected: what must be its components.
        version: of this project, its main component.
    """
    problems = []
    if (sbom.get("bomFormat"), sbom.get("specVersion")) != ("CycloneDX", "1.6"):
        problems.append("it is not CycloneDX 1.6")
    main = sbom.get("metadata", {}).get("component", {})
    if (main.get("name"), main.get("version")) != ("ridgeline", version):
        problems.append(f"its main component is not ridgeline {version}")
    listed = {component["purl"]: _hashes(component) for component in sbom.get("components", [])}
    locked = {f"pkg:pypi/{pin.name}@{pin.version}": pin.hashes for pin in expected}
    problems += [f"{purl} is not in it" for purl in sorted(locked.keys() - listed.keys())]
    problems += [f"{purl} is in it, and not in the lock" for purl in sorted(listed.keys() - locked.keys())]
    both = sorted(locked.keys() & listed.keys())
    problems += [f"{purl} has other hashes than the lock" for purl in both if listed[purl] != locked[purl]]
    return problems


def _hashes(component: dict[str, Any]) -> set[str]:
    return {
        f"{found['alg'].lower().replace('-', '')}:{found['content']}"
        for reference in component.get("externalReferences", [])
        for found in reference.get("hashes", [])
    }
