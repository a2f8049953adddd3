"""The XML schemas of the IVOA, from the copy that the installed STILTS carries for its own checks."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path

from lxml import etree

JAR = Path("/usr/share/java/starlink-ttools.jar")
"""Where the Debian package libstarlink-ttools-java, which stilts depends on, has it."""

FOLDER = "uk/ac/starlink/ttools/taplint"

FILES = {
    "http://www.w3.org/XML/1998/namespace": "xmlnamespace.xsd",
    "http://www.w3.org/1999/xlink": "xlink.xsd",
    "http://www.ivoa.net/xml/STC/stc-v1.30.xsd": "stc-v1.30.xsd",
    "http://www.ivoa.net/xml/VOResource/v1.0": "VOResource-v1.1.xsd",
    "http://www.ivoa.net/xml/VODataService/v1.1": "VODataService-v1.2.xsd",
    "http://www.ivoa.net/xml/TAPRegExt/v1.0": "TAPRegExt-v1.0-Erratum1.xsd",
    "http://www.ivoa.net/xml/UWS/v1.0": "UWS-v1.1.xsd",
    "http://www.ivoa.net/xml/VOSICapabilities/v1.0": "VOSICapabilities-v1.0.xsd",
    "http://www.ivoa.net/xml/VOSIAvailability/v1.0": "VOSIAvailability-v1.0.xsd",
    "http://www.ivoa.net/xml/VOSITables/v1.0": "VOSITables-v1.1.xsd",
}
"""Namespace -> the newest schema of it in the jar."""

_XSD = "http://www.w3.org/2001/XMLSchema"


def missing() -> str:
    """Why the schemas cannot be read; empty where they can."""
    return "" if JAR.is_file() else f"no IVOA schemas: {JAR} is not there (apt-get install stilts)"


def load_schema() -> etree.XMLSchema:
    """One schema of all these namespaces."""
    with zipfile.ZipFile(JAR) as jar:
        texts = {namespace: jar.read(f"{FOLDER}/{file}") for namespace, file in FILES.items()}
    parser = etree.XMLParser(no_network=True)
    parser.resolvers.add(_FromJar(texts))
    root = etree.Element(f"{{{_XSD}}}schema")
    for namespace in texts:
        etree.SubElement(root, f"{{{_XSD}}}import", namespace=namespace, schemaLocation=_address(namespace))
    return etree.XMLSchema(etree.fromstring(etree.tostring(root), parser))


def _address(namespace: str) -> str:
    return f"jar:{namespace}"


class _FromJar(etree.Resolver):
    """Answers every address of a schema from the jar, so that nothing is fetched."""

    def __init__(self, texts: Mapping[str, bytes]) -> None:
        self.texts = {_address(namespace): _imports_from_jar(text) for namespace, text in texts.items()}

    def resolve(self, address: str, public_id: object, context: object) -> object:
        return self.resolve_string(self.texts[address], context)


def _imports_from_jar(text: bytes) -> bytes:
    """The schema with the addresses of its imports replaced, as most name no file that there is."""
    root = etree.fromstring(text)
    for element in root.iter(f"{{{_XSD}}}import"):
        element.set("schemaLocation", _address(element.get("namespace")))
    return etree.tostring(root)
