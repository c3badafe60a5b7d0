#!/usr/bin/env python3
"""Prints what is inside the packages, as CycloneDX 1.6 in JSON, checked against its schema.

    packaging/sbom.py NGINX

NGINX is the version that the module was built for. Needs packaging/requirements.txt.
"""

from __future__ import annotations

import os
import sys
import tomllib
from datetime import UTC, datetime
from uuid import NAMESPACE_URL, uuid5

import shipped
from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import ExternalReference, ExternalReferenceType, HashAlgorithm, HashType, XsUri
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL

TOOL = "rust-page-cache-cli"
LICENSES = LicenseFactory()


def component(crate: shipped.Crate) -> Component:
    """A crate."""
    # What is our own is in no registry.
    purl = PackageURL("generic" if crate.is_own else "cargo", None, crate.name, crate.version)
    made = Component(
        name=crate.name,
        version=crate.version,
        type=ComponentType.LIBRARY,
        bom_ref=purl.to_string(),
        purl=purl,
        description=crate.description,
        licenses=[LICENSES.make_from_string(crate.license)],
    )
    if crate.checksum:
        made.hashes.add(HashType(alg=HashAlgorithm.SHA_256, content=crate.checksum))
    if crate.repository:
        reference = ExternalReference(type=ExternalReferenceType.VCS, url=XsUri(crate.repository))
        made.external_references.add(reference)
    return made


def standard_library() -> Component:
    """What the compiler links in."""
    purl = PackageURL("generic", None, "rust-std", shipped.rust_release())
    return Component(
        name="rust-std",
        version=shipped.rust_release(),
        type=ComponentType.LIBRARY,
        bom_ref=purl.to_string(),
        purl=purl,
        description="Rust's standard library",
        licenses=[LICENSES.make_from_string("MIT OR Apache-2.0")],
    )


def python_package(version: str) -> Component:
    """The wheel, which has nothing but our own inside."""
    purl = PackageURL("generic", None, "rust-page-cache-python", version)
    return Component(
        name="rust-page-cache (Python)",
        version=version,
        type=ComponentType.LIBRARY,
        bom_ref=purl.to_string(),
        purl=purl,
        licenses=[LICENSES.make_from_string("Apache-2.0")],
    )


def bill(nginx: str) -> Bom:
    """All packages of one version."""
    manifest = tomllib.loads((shipped.ROOT / "Cargo.toml").read_text())
    version = manifest["workspace"]["package"]["version"]
    bom = Bom(serial_number=uuid5(NAMESPACE_URL, f"rust_page_cache {version} nginx {nginx}"))
    if "SOURCE_DATE_EPOCH" in os.environ:
        epoch = int(os.environ["SOURCE_DATE_EPOCH"])
        bom.metadata.timestamp = datetime.fromtimestamp(epoch, tz=UTC)
    whole = Component(
        name="rust_page_cache",
        version=version,
        type=ComponentType.APPLICATION,
        bom_ref="rust_page_cache",
        description=f"Packages of rust_page_cache for nginx {nginx}",
        licenses=[LICENSES.make_from_string("Apache-2.0")],
    )
    bom.metadata.component = whole
    std = standard_library()
    wheel = python_package(version)
    known: dict[tuple[str, str], Component] = {}
    roots = []
    for package in (shipped.MODULE, TOOL):
        for crate in shipped.linked(package):
            known.setdefault((crate.name, crate.version), component(crate))
        roots.append(known[(package, version)])
        for key, needs in shipped.edges(package).items():
            bom.register_dependency(known[key], [known[need] for need in needs])
        bom.register_dependency(roots[-1], [std])
    for each in (*known.values(), std, wheel):
        bom.components.add(each)
    bom.register_dependency(whole, [*roots, wheel])
    return bom


def main(arguments: list[str]) -> int:
    if len(arguments) != 1:
        print(__doc__, file=sys.stderr)
        return 2
    text = JsonV1Dot6(bill(arguments[0])).output_as_string(indent=2)
    errors = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
    if errors:
        print(f"sbom.py: not CycloneDX: {errors}", file=sys.stderr)
        return 1
    print(text)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except shipped.CargoError as error:
        print(f"sbom.py: {error}", file=sys.stderr)
        sys.exit(1)
